//! `PromotionService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, page_token},
    pb::{self, promotion_service_server::PromotionService},
};
use crate::flow;

pub(super) mod read;
mod show;

#[tonic::async_trait]
impl PromotionService for Api {
    async fn create_coupon(
        &self,
        request: Request<pb::CreateCouponRequest>,
    ) -> Answer<pb::CreateCouponResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let coupon = read::coupon(&mut fields, request);
        fields.finish()?;
        let (promotion, code) =
            flow::promotion::create_coupon(&self.flow, coupon, guard.request).await?;
        Ok(Response::new(pb::CreateCouponResponse {
            promotion: Some(show::promotion(&promotion)),
            coupon_code: Some(show::coupon_code(&code)),
        }))
    }

    async fn get_promotion(
        &self,
        request: Request<pb::GetPromotionRequest>,
    ) -> Answer<pb::GetPromotionResponse> {
        let mut fields = Fields::default();
        let id = fields.uuid("promotion_id", &request.into_inner().promotion_id);
        fields.finish()?;
        let promotion = flow::promotion::get(&self.flow, id).await?;
        let promotion = Some(show::promotion(&promotion));
        Ok(Response::new(pb::GetPromotionResponse { promotion }))
    }

    async fn list_promotions(
        &self,
        request: Request<pb::ListPromotionsRequest>,
    ) -> Answer<pb::ListPromotionsResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let page = flow::promotion::list(&self.flow, page).await?;
        Ok(Response::new(pb::ListPromotionsResponse {
            promotions: page.items.iter().map(show::promotion).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn delete_promotion(
        &self,
        request: Request<pb::DeletePromotionRequest>,
    ) -> Answer<pb::DeletePromotionResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("promotion_id", &request.promotion_id);
        fields.finish()?;
        flow::promotion::delete(&self.flow, id, guard.request).await?;
        Ok(Response::new(pb::DeletePromotionResponse {}))
    }

    async fn list_coupon_codes(
        &self,
        request: Request<pb::ListCouponCodesRequest>,
    ) -> Answer<pb::ListCouponCodesResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.uuid("promotion_id", &request.promotion_id);
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let page = flow::promotion::list_codes(&self.flow, id, page).await?;
        Ok(Response::new(pb::ListCouponCodesResponse {
            coupon_codes: page.items.iter().map(show::coupon_code).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn delete_coupon_code(
        &self,
        request: Request<pb::DeleteCouponCodeRequest>,
    ) -> Answer<pb::DeleteCouponCodeResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let code = fields.coupon_code("code", request.code);
        fields.finish()?;
        flow::promotion::delete_code(&self.flow, &code, guard.request).await?;
        Ok(Response::new(pb::DeleteCouponCodeResponse {}))
    }
}
