//! `GiftCertificateService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, page_token},
    pb::{self, gift_certificate_service_server::GiftCertificateService},
    show::gift_certificate::{gift_certificate, ledger_entry},
};
use crate::flow;

mod read;

#[tonic::async_trait]
impl GiftCertificateService for Api {
    async fn apply_gift_certificate(
        &self,
        request: Request<pb::ApplyGiftCertificateRequest>,
    ) -> Answer<pb::ApplyGiftCertificateResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let code = read::code(&mut fields, request.code);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::gift_certificate::apply(&self.flow, id, code, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::ApplyGiftCertificateResponse { checkout }))
    }

    async fn remove_gift_certificate(
        &self,
        request: Request<pb::RemoveGiftCertificateRequest>,
    ) -> Answer<pb::RemoveGiftCertificateResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let code = read::code(&mut fields, request.code);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::gift_certificate::remove(&self.flow, id, code, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::RemoveGiftCertificateResponse {
            checkout,
        }))
    }

    async fn issue_gift_certificate(
        &self,
        request: Request<pb::IssueGiftCertificateRequest>,
    ) -> Answer<pb::IssueGiftCertificateResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let new = read::new_gift_certificate(&mut fields, request);
        fields.finish()?;
        let issued = flow::gift_certificate::issue(&self.flow, new, guard).await?;
        let gift_certificate = Some(gift_certificate(&issued));
        Ok(Response::new(pb::IssueGiftCertificateResponse {
            gift_certificate,
        }))
    }

    async fn get_gift_certificate(
        &self,
        request: Request<pb::GetGiftCertificateRequest>,
    ) -> Answer<pb::GetGiftCertificateResponse> {
        let (request, mut fields) = Fields::of(request);
        let key = read::key(&mut fields, request.by);
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let (found, page) = flow::gift_certificate::get(&self.flow, key, page).await?;
        let currency = found.amount.currency;
        let entries = page.items.iter();
        Ok(Response::new(pb::GetGiftCertificateResponse {
            gift_certificate: Some(gift_certificate(&found)),
            entries: entries.map(|entry| ledger_entry(currency, entry)).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn list_gift_certificates(
        &self,
        request: Request<pb::ListGiftCertificatesRequest>,
    ) -> Answer<pb::ListGiftCertificatesResponse> {
        let (request, mut fields) = Fields::of(request);
        let page = fields.page(request.page_size, &request.page_token);
        let filter = read::filter(&mut fields, request);
        fields.finish()?;
        let page = flow::gift_certificate::list(&self.flow, filter, page).await?;
        Ok(Response::new(pb::ListGiftCertificatesResponse {
            gift_certificates: page.items.iter().map(gift_certificate).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn update_gift_certificate(
        &self,
        request: Request<pb::UpdateGiftCertificateRequest>,
    ) -> Answer<pb::UpdateGiftCertificateResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("gift_certificate_id", &request.gift_certificate_id);
        let update = read::update(&mut fields, request);
        fields.finish()?;
        let changed = flow::gift_certificate::update(&self.flow, id, update, guard).await?;
        let gift_certificate = Some(gift_certificate(&changed));
        Ok(Response::new(pb::UpdateGiftCertificateResponse {
            gift_certificate,
        }))
    }
}
