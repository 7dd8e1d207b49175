//! Orders and payments.

use cartwright::rpc::pb::{self, PaymentState, order_service_client::OrderServiceClient};
use tonic::transport::Channel;

use super::{Client, Done, Paid, done, ended};
use crate::{
    chaos::{register::Effect, shop::Placed},
    harness::api::{minor, usd},
};

impl Client {
    pub(super) async fn order(&mut self, index: usize, cart_id: &str) {
        let manner = self.manner();
        let request = pb::CreateOrderRequest {
            checkout_id: cart_id.into(),
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(OrderServiceClient, create_order, request);
        let sent = self
            .change("CreateOrder", cart_id, manner, |_| None, call)
            .await;
        let orders: Vec<_> = sent
            .answers
            .iter()
            .filter_map(|it| it.message.order.clone())
            .collect();
        if let Some(order) = orders.first() {
            assert!(
                orders.iter().all(|other| other.id == order.id),
                "{orders:?}"
            );
            let placed = Placed {
                id: order.id.clone(),
                cart_id: cart_id.to_owned(),
                outstanding: minor(&order.totals.as_ref().unwrap().outstanding_balance),
            };
            self.notes.orders.push(placed.clone());
            self.shop.put_order(index, placed);
            return;
        }
        // What has changed since the checkout was last shown is saved, and makes a version too.
        self.remember(cart_id, sent.invoked, None, Effect::Perhaps);
        if sent.is_open() {
            self.notes.perhaps_orders.push(cart_id.to_owned());
        }
        if ended(&sent) {
            self.shop.clear(index, cart_id);
        } else if sent.outcome() == "CHECKOUT_INCOMPLETE" {
            match self.dice.below(4) {
                0 => self.delete_cart(index, cart_id).await,
                _ => self.remove_code(cart_id).await,
            }
        }
    }

    /// Pays all of an order, or a part of it, at once or in two steps.
    pub(super) async fn pay(&mut self, order: &Placed) {
        let (reference, _) = self.unique();
        let part = order.outstanding > 1 && self.dice.once_in(5);
        let mut paid = Paid {
            order_id: order.id.clone(),
            reference,
            amount: if part {
                order.outstanding / 2
            } else {
                order.outstanding
            },
            state: None,
            perhaps: None,
        };
        if self.dice.once_in(2) {
            self.record("RecordPayment", order, &mut paid, PaymentState::Completed)
                .await;
        } else {
            self.record("RecordPayment", order, &mut paid, PaymentState::Pending)
                .await;
            if paid.state.is_some() {
                let next = [
                    PaymentState::Completed,
                    PaymentState::Completed,
                    PaymentState::Failed,
                ];
                let next = self.dice.pick(&next);
                self.record("RecordPayment after PENDING", order, &mut paid, next)
                    .await;
            }
        }
        self.notes.payments.push(paid);
    }

    async fn record(
        &mut self,
        what: &'static str,
        order: &Placed,
        paid: &mut Paid,
        state: PaymentState,
    ) {
        let manner = self.manner();
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "card".into(),
            reference: paid.reference.clone(),
            amount: usd(paid.amount),
            state: state.into(),
            request_id: manner.request_id,
            ..Default::default()
        };
        let call = call!(OrderServiceClient, record_payment, request);
        let sent = self.send(what, manner.way, call).await;
        match done(&sent) {
            Done::Yes => (paid.state, paid.perhaps) = (Some(state), None),
            Done::Perhaps => paid.perhaps = Some(state),
            Done::No => {}
        }
        // The cart ends with the payment that completes an order.
        if done(&sent) != Done::No {
            self.remember(&order.cart_id, sent.invoked, None, Effect::Perhaps);
        }
        if let Some(order) = sent.message().and_then(|it| it.order) {
            self.shop.outcomes.tally(what, order.status().as_str_name());
        }
    }

    pub(super) async fn cancel(&mut self, order: &Placed) {
        let manner = self.manner();
        let request = pb::CancelOrderRequest {
            order_id: order.id.clone(),
            request_id: manner.request_id,
            ..Default::default()
        };
        let call = call!(OrderServiceClient, cancel_order, request);
        self.send("CancelOrder", manner.way, call).await;
    }

    pub(super) async fn move_on(&mut self, order: &Placed) {
        let manner = self.manner();
        let next = [
            pb::OrderStatus::AwaitingShipment,
            pb::OrderStatus::Shipped,
            pb::OrderStatus::Cancelled,
        ];
        let request = pb::UpdateOrderStatusRequest {
            order_id: order.id.clone(),
            status: self.dice.pick(&next).into(),
            request_id: manner.request_id,
            ..Default::default()
        };
        let call = call!(OrderServiceClient, update_order_status, request);
        self.send("UpdateOrderStatus", manner.way, call).await;
    }
}
