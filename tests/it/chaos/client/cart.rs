//! Carts, and the lines and messages in them.

use cartwright::rpc::pb::{
    self, cart_service_client::CartServiceClient, catalog_service_client::CatalogServiceClient,
    checkout_service_client::CheckoutServiceClient,
};
use tonic::transport::Channel;

use super::{Client, Done, Mark, done, ended};
use crate::{
    chaos::{
        post::Way,
        shop::{CUSTOMERS, MARK, PRODUCT, SEAT, product},
    },
    harness::api::{address, item},
};

impl Client {
    /// A new cart in the place of one that is gone.
    pub(super) async fn make_cart(&mut self, index: usize) {
        let manner = self.certain();
        let (text, _) = self.unique();
        let request = pb::CreateCartRequest {
            line_items: vec![marked(PRODUCT, &text)],
            customer_id: self.dice.pick(&CUSTOMERS).into(),
            request_id: manner.request_id,
            ..Default::default()
        };
        let call = call!(CartServiceClient, create_cart, request);
        let sent = self.send("CreateCart", manner.way, call).await;
        let ids = sent
            .answers
            .iter()
            .map(|it| &it.message.cart.as_ref().unwrap().id);
        let ids: Vec<_> = ids.cloned().collect();
        let cart_id = ids.first().expect("it is asked for until it is there");
        assert!(ids.iter().all(|id| id == cart_id), "{ids:?}");
        self.note(cart_id, &sent, |it| Some(it.cart.as_ref()?.version));
        self.notes.carts.push(cart_id.clone());
        self.notes.marks.push(Mark {
            cart_id: cart_id.clone(),
            text,
            there: Done::Yes,
            line_id: None,
        });

        let manner = self.certain();
        let request = pb::AddBillingAddressRequest {
            checkout_id: cart_id.clone(),
            address: Some(address("CA")),
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CheckoutServiceClient, add_billing_address, request);
        let version = |it: &pb::AddBillingAddressResponse| Some(it.checkout.as_ref()?.version);
        self.change("AddBillingAddress", cart_id, manner, version, call)
            .await;
        self.shop.put_cart(index, cart_id.clone());
    }

    pub(super) async fn read(&mut self, cart_id: &str) -> Option<pb::Checkout> {
        let request = pb::GetCheckoutRequest {
            checkout_id: cart_id.into(),
            ..Default::default()
        };
        let call = call!(CheckoutServiceClient, get_checkout, request);
        let sent = self.send("GetCheckout", Way::Once, call).await;
        let answer = sent.answers.into_iter().next()?;
        let checkout = answer.message.checkout?;
        self.saw(cart_id, answer.invoked, answer.returned, checkout.version);
        Some(checkout)
    }

    pub(super) async fn add(&mut self, index: usize, cart_id: &str) {
        let mut product = PRODUCT.to_owned();
        if self.dice.once_in(4) {
            match self.shop.seat(&mut self.dice) {
                Some(seat) => product = seat,
                None => return self.new_seat().await,
            }
        }
        let (text, _) = self.unique();
        let manner = self.manner();
        let request = pb::AddLineItemsRequest {
            cart_id: cart_id.into(),
            line_items: vec![marked(&product, &text)],
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CartServiceClient, add_line_items, request);
        let version = |it: &pb::AddLineItemsResponse| Some(it.cart.as_ref()?.version);
        let sent = self
            .change("AddLineItems", cart_id, manner, version, call)
            .await;
        if ended(&sent) {
            self.shop.clear(index, cart_id);
        }
        let there = done(&sent);
        let exhausted = sent.outcome() == "STOCK_EXHAUSTED";
        let lines = sent
            .message()
            .and_then(|it| it.cart)
            .map(|cart| cart.line_items);
        let line = lines.into_iter().flatten().find(|line| {
            let mut selections = line.option_selections.iter();
            selections.any(|selection| selection.value == text)
        });
        self.notes.marks.push(Mark {
            cart_id: cart_id.to_owned(),
            text,
            there,
            line_id: line.map(|line| line.id),
        });
        if exhausted && self.dice.once_in(4) {
            self.new_seat().await;
        }
    }

    /// A product of which there are few.
    async fn new_seat(&mut self) {
        let (name, _) = self.unique();
        let manner = self.certain();
        let level = i64::from(1 + self.dice.below(5));
        let id = format!("{SEAT}{name}-{level}");
        let request = pb::UpsertProductsRequest {
            products: vec![product(&id, Some(level))],
            request_id: manner.request_id,
            ..Default::default()
        };
        let call = call!(CatalogServiceClient, upsert_products, request);
        self.send("UpsertProducts", manner.way, call).await;
        self.shop.put_seat(id);
    }

    /// Deletes a line that it has added itself.
    pub(super) async fn delete_line(&mut self, cart_id: &str) {
        let own = |mark: &Mark| {
            mark.cart_id == cart_id && mark.there == Done::Yes && mark.line_id.is_some()
        };
        let Some(index) = self.notes.marks.iter().rposition(own) else {
            return;
        };
        let manner = self.manner();
        let request = pb::DeleteLineItemRequest {
            cart_id: cart_id.into(),
            line_item_id: self.notes.marks[index].line_id.clone().unwrap(),
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CartServiceClient, delete_line_item, request);
        let version = |it: &pb::DeleteLineItemResponse| Some(it.cart.as_ref()?.version);
        let sent = self
            .change("DeleteLineItem", cart_id, manner, version, call)
            .await;
        match done(&sent) {
            Done::Yes => self.notes.marks[index].there = Done::No,
            Done::Perhaps => self.notes.marks[index].there = Done::Perhaps,
            Done::No => {}
        }
    }

    /// Writes a message, mostly on what it has just read.
    pub(super) async fn write(&mut self, cart_id: &str) {
        let Some(checkout) = self.read(cart_id).await else {
            return;
        };
        let manner = self.manner();
        let (customer_message, _) = self.unique();
        let request = pb::UpdateCheckoutRequest {
            checkout_id: cart_id.into(),
            customer_message,
            request_id: manner.request_id.clone(),
            expected_version: (!self.dice.once_in(3)).then_some(checkout.version),
            ..Default::default()
        };
        let call = call!(CheckoutServiceClient, update_checkout, request);
        let version = |it: &pb::UpdateCheckoutResponse| Some(it.checkout.as_ref()?.version);
        self.change("UpdateCheckout", cart_id, manner, version, call)
            .await;
    }

    pub(super) async fn delete_cart(&mut self, index: usize, cart_id: &str) {
        let manner = self.manner();
        let request = pb::DeleteCartRequest {
            cart_id: cart_id.into(),
            request_id: manner.request_id.clone(),
            ..Default::default()
        };
        let call = call!(CartServiceClient, delete_cart, request);
        self.change("DeleteCart", cart_id, manner, |_| None, call)
            .await;
        self.shop.clear(index, cart_id);
    }
}

fn marked(product: &str, text: &str) -> pb::NewLineItem {
    pb::NewLineItem {
        option_selections: vec![pb::NewOptionSelection {
            option_id: MARK.into(),
            value: text.into(),
        }],
        ..item(product, 1)
    }
}
