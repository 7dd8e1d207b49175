//! `OrderService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, page_token},
    pb::{self, get_order_request::By, order_service_server::OrderService},
    show,
};
use crate::{
    domain::order::{OrderStatus, PaymentState, StatusUpdate},
    flow::{
        self,
        order::{NewPayment, OrderFilter, OrderKey},
    },
};

#[tonic::async_trait]
impl OrderService for Api {
    async fn create_order(
        &self,
        request: Request<pb::CreateOrderRequest>,
    ) -> Answer<pb::CreateOrderResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let caller = fields.finish()?;
        let order = flow::order::create(&self.flow, id, guard).await?;
        let order = Some(show::order(&order, &caller));
        Ok(Response::new(pb::CreateOrderResponse { order }))
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Answer<pb::GetOrderResponse> {
        let (request, mut fields) = Fields::of(request);
        let key = match request.by {
            Some(By::Number(number)) => {
                OrderKey::Number(fields.number("number", number, 1..=i64::MAX))
            }
            // Without either, the id is the one to ask for.
            Some(By::OrderId(id)) => OrderKey::Id(fields.uuid("order_id", &id)),
            None => OrderKey::Id(fields.uuid("order_id", "")),
        };
        let caller = fields.finish()?;
        let order = flow::order::get(&self.flow, key, &caller).await?;
        let order = Some(show::order(&order, &caller));
        Ok(Response::new(pb::GetOrderResponse { order }))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Answer<pb::ListOrdersResponse> {
        let (request, mut fields) = Fields::of(request);
        let page = fields.page(request.page_size, &request.page_token);
        let customer_id = fields.text("customer_id", request.customer_id);
        fields.not_for_shoppers("customer_id", !customer_id.is_empty());
        let filter = OrderFilter {
            channel_ids: None,
            customer_id: (!customer_id.is_empty()).then_some(customer_id),
            checkout_id: fields.optional_uuid("checkout_id", &request.checkout_id),
            status: status(&mut fields, request.status),
        };
        let caller = fields.finish()?;
        let page = flow::order::list(&self.flow, filter, page, &caller).await?;
        Ok(Response::new(pb::ListOrdersResponse {
            orders: page
                .items
                .iter()
                .map(|order| show::order(order, &caller))
                .collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn record_payment(
        &self,
        request: Request<pb::RecordPaymentRequest>,
    ) -> Answer<pb::RecordPaymentResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("order_id", &request.order_id);
        let payment = NewPayment {
            method: fields.required_text("method", request.method),
            reference: fields.required_text("reference", request.reference),
            amount: fields.required_money("amount", request.amount),
            state: payment_state(&mut fields, request.state),
            actor: fields.actor("actor", request.actor),
        };
        let caller = fields.finish()?;
        let order = flow::order::record_payment(&self.flow, id, payment, guard).await?;
        let order = Some(show::order(&order, &caller));
        Ok(Response::new(pb::RecordPaymentResponse { order }))
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Answer<pb::CancelOrderResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("order_id", &request.order_id);
        let actor = fields.actor("actor", request.actor);
        let reason = fields.text("reason", request.reason);
        let caller = fields.finish()?;
        let order = flow::order::cancel(&self.flow, id, actor, reason, guard).await?;
        let order = Some(show::order(&order, &caller));
        Ok(Response::new(pb::CancelOrderResponse { order }))
    }

    async fn update_order_status(
        &self,
        request: Request<pb::UpdateOrderStatusRequest>,
    ) -> Answer<pb::UpdateOrderStatusResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("order_id", &request.order_id);
        let update = StatusUpdate {
            status: required_status(&mut fields, request.status),
            actor: fields.actor("actor", request.actor),
            reason: fields.text("reason", request.reason),
        };
        let caller = fields.finish()?;
        let order = flow::order::update_status(&self.flow, id, update, guard).await?;
        let order = Some(show::order(&order, &caller));
        Ok(Response::new(pb::UpdateOrderStatusResponse { order }))
    }
}

fn status(fields: &mut Fields, number: i32) -> Option<OrderStatus> {
    let wanted = fields.optional_choice("status", number, pb::OrderStatus::as_str_name)?;
    known_status(wanted)
}

fn known_status(shown: pb::OrderStatus) -> Option<OrderStatus> {
    let mut statuses = OrderStatus::ALL.iter().copied();
    statuses.find(|status| show::order_status(*status) == shown)
}

fn required_status(fields: &mut Fields, number: i32) -> OrderStatus {
    let wanted = fields.choice("status", number, pb::OrderStatus::as_str_name);
    // A placeholder: what was refused is never looked at.
    wanted
        .and_then(known_status)
        .unwrap_or(OrderStatus::Incomplete)
}

fn payment_state(fields: &mut Fields, number: i32) -> PaymentState {
    match fields.optional_choice("state", number, pb::PaymentState::as_str_name) {
        Some(pb::PaymentState::Pending) => PaymentState::Pending,
        Some(pb::PaymentState::Failed) => PaymentState::Failed,
        Some(pb::PaymentState::Completed | pb::PaymentState::Unspecified) | None => {
            PaymentState::Completed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_shown_and_read_by_its_name() {
        for known in OrderStatus::ALL {
            let shown = show::order_status(*known);
            assert_eq!(
                shown.as_str_name(),
                format!("ORDER_STATUS_{}", known.name())
            );
            let mut fields = Fields::default();
            assert_eq!(status(&mut fields, shown.into()), Some(*known));
        }
        let mut fields = Fields::default();
        assert_eq!(status(&mut fields, 0), None);
        assert!(fields.finish().is_ok());
    }
}
