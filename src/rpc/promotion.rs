//! `PromotionService`.

use tonic::{Request, Response, Status};

use super::{
    Answer, Api,
    fields::{Fields, Mask, page_token, replaceable},
    pb::{self, promotion_service_server::PromotionService},
};
use crate::{
    domain::{promotion::Promotion, reason::Refusal},
    flow::{self, promotion::PromotionFilter},
};

pub(super) mod read;
mod show;

/// Most generated codes in one message of the stream.
const CODES_OF_AN_ANSWER: usize = 1_000;

#[tonic::async_trait]
impl PromotionService for Api {
    async fn create_promotion(
        &self,
        request: Request<pb::CreatePromotionRequest>,
    ) -> Answer<pb::CreatePromotionResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let given = request.promotion;
        let given = fields.required_message("promotion", given, read::promotion);
        fields.finish()?;
        let given = given.ok_or_else(|| Refusal::field("promotion", "is required"))?;
        let promotion = flow::promotion::create(&self.flow, given, guard).await?;
        let promotion = Some(show::promotion(&promotion));
        Ok(Response::new(pb::CreatePromotionResponse { promotion }))
    }

    async fn update_promotion(
        &self,
        request: Request<pb::UpdatePromotionRequest>,
    ) -> Answer<pb::UpdatePromotionResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let mask = fields.mask(request.update_mask, FIELDS);
        let given = fields.required_message("promotion", request.promotion, |fields, given| {
            (fields.uuid("id", &given.id), given)
        });
        fields.finish()?;
        let (id, given) = given.unwrap_or_default();
        let change = |current: &Promotion| changed(current, &given, &mask);
        let promotion = flow::promotion::update(&self.flow, id, change, guard).await?;
        let promotion = Some(show::promotion(&promotion));
        Ok(Response::new(pb::UpdatePromotionResponse { promotion }))
    }

    async fn create_coupon(
        &self,
        request: Request<pb::CreateCouponRequest>,
    ) -> Answer<pb::CreateCouponResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let coupon = read::coupon(&mut fields, request);
        fields.finish()?;
        let (promotion, code) = flow::promotion::create_coupon(&self.flow, coupon, guard).await?;
        Ok(Response::new(pb::CreateCouponResponse {
            promotion: Some(show::promotion(&promotion)),
            coupon_code: Some(show::coupon_code(&code)),
        }))
    }

    async fn get_promotion(
        &self,
        request: Request<pb::GetPromotionRequest>,
    ) -> Answer<pb::GetPromotionResponse> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.uuid("promotion_id", &request.promotion_id);
        fields.finish()?;
        let promotion = flow::promotion::get(&self.flow, id).await?;
        let promotion = Some(show::promotion(&promotion));
        Ok(Response::new(pb::GetPromotionResponse { promotion }))
    }

    async fn list_promotions(
        &self,
        request: Request<pb::ListPromotionsRequest>,
    ) -> Answer<pb::ListPromotionsResponse> {
        let (request, mut fields) = Fields::of(request);
        let page = fields.page(request.page_size, &request.page_token);
        let filter = PromotionFilter {
            redemption: read::redemption_type(&mut fields, request.redemption_type),
            enabled: read::is_enabled(&mut fields, request.status),
        };
        fields.finish()?;
        let page = flow::promotion::list(&self.flow, filter, page).await?;
        Ok(Response::new(pb::ListPromotionsResponse {
            promotions: page.items.iter().map(show::promotion).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn delete_promotion(
        &self,
        request: Request<pb::DeletePromotionRequest>,
    ) -> Answer<pb::DeletePromotionResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("promotion_id", &request.promotion_id);
        fields.finish()?;
        flow::promotion::delete(&self.flow, id, guard).await?;
        Ok(Response::new(pb::DeletePromotionResponse {}))
    }

    async fn create_coupon_code(
        &self,
        request: Request<pb::CreateCouponCodeRequest>,
    ) -> Answer<pb::CreateCouponCodeResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let code = read::new_code(&mut fields, request);
        fields.finish()?;
        let code = flow::promotion::create_code(&self.flow, code, guard).await?;
        let coupon_code = Some(show::coupon_code(&code));
        Ok(Response::new(pb::CreateCouponCodeResponse { coupon_code }))
    }

    type GenerateCouponCodesStream =
        tokio_stream::Iter<std::vec::IntoIter<Result<pb::GenerateCouponCodesResponse, Status>>>;

    async fn generate_coupon_codes(
        &self,
        request: Request<pb::GenerateCouponCodesRequest>,
    ) -> Answer<Self::GenerateCouponCodesStream> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let codes = read::new_codes(&mut fields, request);
        fields.finish()?;
        let generated = flow::promotion::generate_codes(&self.flow, codes, guard);
        let (batch_id, codes) = generated.await?;
        let answers = codes.chunks(CODES_OF_AN_ANSWER).map(|codes| {
            Ok(pb::GenerateCouponCodesResponse {
                batch_id: batch_id.to_string(),
                codes: codes.to_vec(),
            })
        });
        let answers: Vec<_> = answers.collect();
        Ok(Response::new(tokio_stream::iter(answers)))
    }

    async fn list_coupon_codes(
        &self,
        request: Request<pb::ListCouponCodesRequest>,
    ) -> Answer<pb::ListCouponCodesResponse> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.uuid("promotion_id", &request.promotion_id);
        let batch = fields.optional_uuid("batch_id", &request.batch_id);
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let page = flow::promotion::list_codes(&self.flow, id, batch, page).await?;
        Ok(Response::new(pb::ListCouponCodesResponse {
            coupon_codes: page.items.iter().map(show::coupon_code).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn delete_coupon_code(
        &self,
        request: Request<pb::DeleteCouponCodeRequest>,
    ) -> Answer<pb::DeleteCouponCodeResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let code = fields.coupon_code("code", request.code);
        fields.finish()?;
        flow::promotion::delete_code(&self.flow, &code, guard).await?;
        Ok(Response::new(pb::DeleteCouponCodeResponse {}))
    }
}

/// The promotion with the fields of the mask replaced. The whole is checked, for what is left goes together with what
/// is replaced.
fn changed(current: &Promotion, given: &pb::Promotion, mask: &Mask) -> Result<Promotion, Refusal> {
    let shown = show::promotion(current);
    let mut fields = Fields::default();
    let promotion = fields.within("promotion", |fields| {
        let kind = given.redemption_type;
        // A mask that is not empty cannot name it.
        if mask.names("redemption_type", true) && kind != 0 && kind != shown.redemption_type {
            fields.refuse("redemption_type", "cannot be updated");
        }
        read::promotion(fields, overlaid(shown, given, mask))
    });
    fields.finish().map(|_| promotion)
}

replaceable!(
    pb::Promotion;
    name,
    display_name,
    priority,
    status,
    start_time,
    end_time,
    schedule,
    channel_ids,
    currency_code,
    customer,
    shipping_country_codes,
    max_uses,
    stop,
    can_be_used_with_other_promotions,
    notifications,
    rules,
);
