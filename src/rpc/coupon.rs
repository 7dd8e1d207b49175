//! `CouponService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{self, coupon_service_server::CouponService},
};
use crate::flow;

#[tonic::async_trait]
impl CouponService for Api {
    async fn apply_coupon(
        &self,
        request: Request<pb::ApplyCouponRequest>,
    ) -> Answer<pb::ApplyCouponResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let code = fields.coupon_code("code", request.code);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::coupon::apply(&self.flow, id, code, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::ApplyCouponResponse { checkout }))
    }

    async fn remove_coupon(
        &self,
        request: Request<pb::RemoveCouponRequest>,
    ) -> Answer<pb::RemoveCouponResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let code = fields.coupon_code("code", request.code);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::coupon::remove(&self.flow, id, code, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::RemoveCouponResponse { checkout }))
    }
}
