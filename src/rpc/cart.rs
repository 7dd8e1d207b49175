//! `CartService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{self, cart_service_server::CartService},
    show,
};
use crate::flow::{
    self,
    cart::{CartUpdate, LineItemUpdate, NewCart, NewItem},
};

/// Most items of a call.
const MAX_ITEMS: usize = 100;
/// Most answers of an item: one for each option and modifier that a product can have.
const MAX_SELECTIONS: usize = 30;
/// Heaviest unit, in grams.
const MAX_WEIGHT: i64 = 1_000_000_000;
/// The sales channel of a cart that names none.
const DEFAULT_CHANNEL: &str = "default";

#[tonic::async_trait]
impl CartService for Api {
    async fn create_cart(
        &self,
        request: Request<pb::CreateCartRequest>,
    ) -> Answer<pb::CreateCartResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let cart = NewCart {
            channel_id: channel(&mut fields, request.channel_id),
            customer_id: fields.text("customer_id", request.customer_id),
            email: fields.email("email", request.email),
            currency: fields.optional_currency("currency_code", &request.currency_code),
            items: items(&mut fields, request.line_items, request.custom_items),
        };
        fields.finish()?;
        let checkout = flow::cart::create(&self.flow, cart, guard.request).await?;
        let cart = Some(show::cart(&checkout));
        Ok(Response::new(pb::CreateCartResponse { cart }))
    }

    async fn get_cart(&self, request: Request<pb::GetCartRequest>) -> Answer<pb::GetCartResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.uuid("cart_id", &request.cart_id);
        fields.finish()?;
        let checkout = flow::cart::get(&self.flow, id).await?;
        let cart = Some(show::cart(&checkout));
        Ok(Response::new(pb::GetCartResponse { cart }))
    }

    async fn update_cart(
        &self,
        request: Request<pb::UpdateCartRequest>,
    ) -> Answer<pb::UpdateCartResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let update = update(&mut fields, request);
        fields.finish()?;
        let checkout = flow::cart::update(&self.flow, id, update, guard).await?;
        let cart = Some(show::cart(&checkout));
        Ok(Response::new(pb::UpdateCartResponse { cart }))
    }

    async fn delete_cart(
        &self,
        request: Request<pb::DeleteCartRequest>,
    ) -> Answer<pb::DeleteCartResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        fields.finish()?;
        flow::cart::delete(&self.flow, id, guard).await?;
        Ok(Response::new(pb::DeleteCartResponse {}))
    }

    async fn add_line_items(
        &self,
        request: Request<pb::AddLineItemsRequest>,
    ) -> Answer<pb::AddLineItemsResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let items = items(&mut fields, request.line_items, request.custom_items);
        fields.finish()?;
        let checkout = flow::cart::add_line_items(&self.flow, id, items, guard).await?;
        let cart = Some(show::cart(&checkout));
        Ok(Response::new(pb::AddLineItemsResponse { cart }))
    }

    async fn update_line_item(
        &self,
        request: Request<pb::UpdateLineItemRequest>,
    ) -> Answer<pb::UpdateLineItemResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let line = fields.uuid("line_item_id", &request.line_item_id);
        if request.quantity.is_none() && request.list_price.is_none() {
            fields.refuse("quantity", "is required unless list_price is given");
        }
        let quantity = request.quantity;
        let update = LineItemUpdate {
            quantity: quantity.map(|quantity| fields.quantity("quantity", quantity)),
            list_price: fields.money("list_price", request.list_price),
        };
        fields.finish()?;
        let checkout = flow::cart::update_line_item(&self.flow, id, line, update, guard).await?;
        let cart = Some(show::cart(&checkout));
        Ok(Response::new(pb::UpdateLineItemResponse { cart }))
    }

    async fn delete_line_item(
        &self,
        request: Request<pb::DeleteLineItemRequest>,
    ) -> Answer<pb::DeleteLineItemResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let line = fields.uuid("line_item_id", &request.line_item_id);
        fields.finish()?;
        let checkout = flow::cart::delete_line_item(&self.flow, id, line, guard).await?;
        let cart = checkout.as_ref().map(show::cart);
        Ok(Response::new(pb::DeleteLineItemResponse { cart }))
    }
}

fn channel(fields: &mut Fields, id: String) -> String {
    if id.is_empty() {
        return DEFAULT_CHANNEL.to_owned();
    }
    fields.text("channel_id", id)
}

fn update(fields: &mut Fields, request: pb::UpdateCartRequest) -> CartUpdate {
    let changeable = ["customer_id", "email", "currency_code", "channel_id"];
    let mask = fields.mask(request.update_mask, &changeable);
    let customer_id = mask.text("customer_id", request.customer_id);
    let email = mask.text("email", request.email);
    let currency = mask.text("currency_code", request.currency_code);
    let channel_id = mask.text("channel_id", request.channel_id);
    CartUpdate {
        customer_id: customer_id.map(|id| fields.text("customer_id", id)),
        email: email.map(|email| fields.email("email", email)),
        currency: currency.map(|code| fields.currency("currency_code", &code)),
        channel_id: channel_id.map(|id| channel(fields, id)),
    }
}

fn items(
    fields: &mut Fields,
    line_items: Vec<pb::NewLineItem>,
    custom_items: Vec<pb::NewCustomItem>,
) -> Vec<NewItem> {
    let count = line_items.len().saturating_add(custom_items.len());
    if !(1..=MAX_ITEMS).contains(&count) {
        let text =
            format!("must have 1 to {MAX_ITEMS} elements together with custom_items, not {count}");
        fields.refuse("line_items", text);
        return Vec::new();
    }
    let mut items = fields.each("line_items", line_items, 0..=MAX_ITEMS, catalog_item);
    items.extend(fields.each("custom_items", custom_items, 0..=MAX_ITEMS, custom_item));
    items
}

fn catalog_item(fields: &mut Fields, item: pb::NewLineItem) -> NewItem {
    let selections = item.option_selections;
    let answers = fields.each(
        "option_selections",
        selections,
        0..=MAX_SELECTIONS,
        |fields, answer| {
            let option_id = fields.required_text("option_id", answer.option_id);
            (option_id, fields.text("value", answer.value))
        },
    );
    fields.unique(
        "option_selections",
        "option_id",
        answers.iter().map(|(id, _)| id.as_str()),
    );
    NewItem::Catalog {
        product_id: fields.required_text("product_id", item.product_id),
        variant_id: fields.text("variant_id", item.variant_id),
        quantity: fields.quantity("quantity", item.quantity),
        answers,
        list_price: fields.money("list_price", item.list_price),
        parent_id: fields.optional_uuid("parent_id", &item.parent_id),
        path: fields.path().to_owned(),
    }
}

fn custom_item(fields: &mut Fields, item: pb::NewCustomItem) -> NewItem {
    NewItem::Custom {
        name: fields.required_text("name", item.name),
        sku: fields.text("sku", item.sku),
        quantity: fields.quantity("quantity", item.quantity),
        list_price: fields.required_money("list_price", item.list_price),
        weight_grams: fields.number("weight_grams", item.weight_grams, 0..=MAX_WEIGHT),
        path: fields.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_with_the_path_of_everything_that_is_wrong() {
        let mut fields = Fields::default();
        let good = pb::NewLineItem {
            product_id: "mug".into(),
            quantity: 2,
            ..Default::default()
        };
        let bad = pb::NewLineItem {
            quantity: 10_000,
            parent_id: "x".into(),
            option_selections: vec![pb::NewOptionSelection::default()],
            ..Default::default()
        };
        let read = items(
            &mut fields,
            vec![good, bad],
            vec![pb::NewCustomItem::default()],
        );
        assert!(matches!(&read[0], NewItem::Catalog { path, .. } if path == "line_items[0]"));
        let refusal = fields.finish().unwrap_err();
        let paths: Vec<_> = refusal
            .violations
            .iter()
            .map(|v| v.subject.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "line_items[1].option_selections[0].option_id",
                "line_items[1].product_id",
                "line_items[1].quantity",
                "line_items[1].parent_id",
                "custom_items[0].name",
                "custom_items[0].quantity",
                "custom_items[0].list_price",
            ]
        );
    }

    #[test]
    fn a_call_has_at_least_one_item_and_at_most_a_hundred_of_both_kinds() {
        for (catalog, custom, ok) in [(0, 0, false), (1, 0, true), (60, 40, true), (60, 41, false)]
        {
            let mut fields = Fields::default();
            let item = pb::NewLineItem {
                product_id: "mug".into(),
                quantity: 1,
                ..Default::default()
            };
            let price = pb::Money {
                currency_code: "USD".into(),
                amount_minor: 0,
            };
            let own = pb::NewCustomItem {
                name: "engraving".into(),
                quantity: 1,
                list_price: Some(price),
                ..Default::default()
            };
            items(&mut fields, vec![item; catalog], vec![own; custom]);
            assert_eq!(fields.finish().is_ok(), ok, "{catalog} + {custom}");
        }
    }

    #[test]
    fn an_update_changes_what_the_mask_names_or_else_what_is_given() {
        let read = |request: &pb::UpdateCartRequest| {
            let mut fields = Fields::default();
            let update = update(&mut fields, request.clone());
            fields.finish().map(|()| update)
        };
        let mut request = pb::UpdateCartRequest {
            email: "a@b".into(),
            ..Default::default()
        };
        let given = read(&request).unwrap();
        assert_eq!(
            (given.email.as_deref(), given.customer_id),
            (Some("a@b"), None)
        );

        let mask = |path: &str| {
            Some(prost_types::FieldMask {
                paths: vec![path.into()],
            })
        };
        request.update_mask = mask("customer_id");
        let named = read(&request).unwrap();
        assert_eq!(
            (named.email, named.customer_id.as_deref()),
            (None, Some(""))
        );

        request.update_mask = mask("currency_code");
        assert_eq!(
            read(&request).unwrap_err().violations[0].subject,
            "currency_code"
        );
        request.update_mask = mask("id");
        assert!(
            read(&request)
                .unwrap_err()
                .message
                .contains("one of customer_id, email")
        );
    }
}
