//! What there is little of: codes, promotions, gift certificates, store credit.

use cartwright::rpc::pb::{
    self, checkout_service_client::CheckoutServiceClient,
    coupon_service_client::CouponServiceClient, store_service_client::StoreServiceClient,
};
use tonic::transport::Channel;

use super::Client;
use crate::chaos::{
    post::Way,
    shop::{
        CUSTOMERS, Certificates, NewCode, Promotions, credit, new_certificate, new_code,
        new_promotion,
    },
};

impl Client {
    pub(super) async fn apply_code(&mut self, cart_id: &str) {
        let Some(code) = self.shop.code(&mut self.dice) else {
            return self.new_code().await;
        };
        let manner = self.manner();
        let request = pb::ApplyCouponRequest {
            checkout_id: cart_id.into(),
            code,
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CouponServiceClient, apply_coupon, request);
        let version = |it: &pb::ApplyCouponResponse| Some(it.checkout.as_ref()?.version);
        let sent = self
            .change("ApplyCoupon", cart_id, manner, version, call)
            .await;
        if sent.outcome().ends_with("USES_EXHAUSTED") && self.dice.once_in(4) {
            self.new_code().await;
        }
    }

    async fn new_code(&mut self) {
        let (code, _) = self.unique();
        let manner = self.certain();
        let request_id = manner.request_id;
        match new_code(&mut self.dice, &code) {
            NewCode::Coupon(coupon) => {
                let request = pb::CreateCouponRequest {
                    request_id,
                    ..coupon
                };
                let call = call!(Promotions, create_coupon, request);
                self.send("CreateCoupon", manner.way, call).await;
            }
            NewCode::Promotion(promotion) => {
                let Some(promotion_id) = self.new_promotion(promotion, request_id).await else {
                    return;
                };
                let manner = self.certain();
                let request = pb::CreateCouponCodeRequest {
                    promotion_id,
                    code: code.clone(),
                    request_id: manner.request_id,
                    ..Default::default()
                };
                let call = call!(Promotions, create_coupon_code, request);
                self.send("CreateCouponCode", manner.way, call).await;
            }
        }
        self.shop.put_code(code);
    }

    async fn new_promotion(
        &mut self,
        promotion: pb::Promotion,
        request_id: String,
    ) -> Option<String> {
        let request = pb::CreatePromotionRequest {
            promotion: Some(promotion),
            request_id,
        };
        let call = call!(Promotions, create_promotion, request);
        let sent = self.send("CreatePromotion", Way::Stubbornly, call).await;
        Some(sent.message()?.promotion?.id)
    }

    /// Something off for the next orders, without a code.
    pub(super) async fn promote(&mut self) {
        if self.shop.wants_promotion() {
            let (name, request_id) = self.unique();
            self.new_promotion(new_promotion(&name), request_id).await;
        }
    }

    pub(super) async fn remove_code(&mut self, cart_id: &str) {
        let Some(checkout) = self.read(cart_id).await else {
            return;
        };
        let Some(coupon) = checkout.coupons.first() else {
            return;
        };
        let manner = self.manner();
        let request = pb::RemoveCouponRequest {
            checkout_id: cart_id.into(),
            code: coupon.code.clone(),
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CouponServiceClient, remove_coupon, request);
        let version = |it: &pb::RemoveCouponResponse| Some(it.checkout.as_ref()?.version);
        self.change("RemoveCoupon", cart_id, manner, version, call)
            .await;
    }

    pub(super) async fn apply_certificate(&mut self, cart_id: &str) {
        let Some(code) = self.shop.certificate(&mut self.dice) else {
            return self.new_certificate().await;
        };
        let manner = self.manner();
        let (checkout_id, request_id) = (cart_id.to_owned(), manner.request_id.clone());
        if self.dice.once_in(4) {
            let request = pb::RemoveGiftCertificateRequest {
                checkout_id,
                code,
                request_id,
                ..Default::default()
            };
            let call = call!(Certificates, remove_gift_certificate, request);
            let version =
                |it: &pb::RemoveGiftCertificateResponse| Some(it.checkout.as_ref()?.version);
            self.change("RemoveGiftCertificate", cart_id, manner, version, call)
                .await;
            return;
        }
        let request = pb::ApplyGiftCertificateRequest {
            checkout_id,
            code,
            request_id,
            ..Default::default()
        };
        let call = call!(Certificates, apply_gift_certificate, request);
        let version = |it: &pb::ApplyGiftCertificateResponse| Some(it.checkout.as_ref()?.version);
        let sent = self
            .change("ApplyGiftCertificate", cart_id, manner, version, call)
            .await;
        if sent.outcome() == "GIFT_CERTIFICATE_EMPTY" && self.dice.once_in(4) {
            self.new_certificate().await;
        }
    }

    async fn new_certificate(&mut self) {
        let (code, _) = self.unique();
        let manner = self.certain();
        let request = pb::IssueGiftCertificateRequest {
            request_id: manner.request_id,
            ..new_certificate(&mut self.dice, &code)
        };
        let call = call!(Certificates, issue_gift_certificate, request);
        self.send("IssueGiftCertificate", manner.way, call).await;
        self.shop.put_certificate(code);
    }

    pub(super) async fn apply_credit(&mut self, cart_id: &str) {
        let manner = self.manner();
        let (checkout_id, request_id) = (cart_id.to_owned(), manner.request_id.clone());
        if self.dice.once_in(4) {
            let request = pb::RemoveStoreCreditRequest {
                checkout_id,
                request_id,
                ..Default::default()
            };
            let call = call!(CheckoutServiceClient, remove_store_credit, request);
            let version = |it: &pb::RemoveStoreCreditResponse| Some(it.checkout.as_ref()?.version);
            self.change("RemoveStoreCredit", cart_id, manner, version, call)
                .await;
            return;
        }
        let request = pb::ApplyStoreCreditRequest {
            checkout_id,
            request_id,
            ..Default::default()
        };
        let call = call!(CheckoutServiceClient, apply_store_credit, request);
        let version = |it: &pb::ApplyStoreCreditResponse| Some(it.checkout.as_ref()?.version);
        let sent = self
            .change("ApplyStoreCredit", cart_id, manner, version, call)
            .await;
        if sent.outcome() == "STORE_CREDIT_EMPTY" && self.dice.once_in(4) {
            let customer = self.dice.pick(&CUSTOMERS[..3]);
            let manner = self.certain();
            let request = credit(customer, manner.request_id);
            let call = call!(StoreServiceClient, set_store_credit, request);
            self.send("SetStoreCredit", manner.way, call).await;
        }
    }
}
