//! Reads carts, their customers and the items to put into them.

use crate::{
    domain::{
        cart::gift_certificate_worth,
        checkout::CustomerContext,
        gift_certificate::{Card, MAX_MESSAGE_LENGTH, Party},
        gift_wrapping::WrappingChoice,
    },
    flow::{
        cart::{CartUpdate, NewCart},
        line_item::{LineItemUpdate, NewItem, NewItemKind},
    },
    rpc::{
        fields::{Fields, MAX_TEXT},
        pb,
    },
};

/// Most items of a call.
const MAX_ITEMS: usize = 100;
/// Most answers of an item: one for each option and modifier that a product can have.
const MAX_SELECTIONS: usize = 30;
/// Heaviest unit, in grams.
const MAX_WEIGHT: i64 = 1_000_000_000;
/// Most groups that a customer belongs to.
const MAX_GROUPS: usize = 100;
/// Most orders that a customer has completed.
const MAX_COMPLETED_ORDERS: i32 = 1_000_000;
/// The name of a gift certificate that has none.
const GIFT_CERTIFICATE: &str = "Gift certificate";

pub(super) fn new_cart(fields: &mut Fields, request: pb::CreateCartRequest) -> NewCart {
    let channel_id = fields.channel("channel_id", request.channel_id);
    let (customer_id, customer) =
        new_customer(fields, request.customer_id, request.customer_context);
    NewCart {
        channel_id,
        customer_id,
        customer,
        email: fields.email("email", request.email),
        currency: fields.optional_currency("currency_code", &request.currency_code),
        items: items(
            fields,
            request.line_items,
            request.custom_items,
            request.gift_certificates,
        ),
    }
}

/// Whose cart or session it is to be: a shopper's session knows.
pub(in crate::rpc) fn new_customer(
    fields: &mut Fields,
    customer_id: String,
    context: Option<pb::CustomerContext>,
) -> (String, CustomerContext) {
    fields.not_for_shoppers("customer_id", !customer_id.is_empty());
    fields.not_for_shoppers("customer_context", context.is_some());
    if let Some(session) = fields.caller().session() {
        return (session.customer_id.clone(), session.customer.clone());
    }
    let customer_id = fields.text("customer_id", customer_id);
    let (id, customer) = customer(fields, &customer_id, context);
    (id.unwrap_or(customer_id), customer.unwrap_or_default())
}

pub(super) fn update(fields: &mut Fields, request: pb::UpdateCartRequest) -> CartUpdate {
    let changeable = [
        "customer_id",
        "email",
        "currency_code",
        "channel_id",
        "customer_context",
    ];
    let mask = fields.mask(request.update_mask, &changeable);
    let customer_id = mask.text("customer_id", request.customer_id);
    let email = mask.text("email", request.email);
    let currency = mask.text("currency_code", request.currency_code);
    let channel_id = mask.text("channel_id", request.channel_id);
    let context = request.customer_context;
    let context = mask
        .names("customer_context", context.is_some())
        .then(|| context.unwrap_or_default());
    fields.not_for_shoppers("customer_id", customer_id.is_some());
    fields.not_for_shoppers("customer_context", context.is_some());
    let customer_id = customer_id.map(|id| fields.text("customer_id", id));
    let (id, customer) = customer(fields, customer_id.as_deref().unwrap_or_default(), context);
    CartUpdate {
        customer_id: id.or(customer_id),
        customer,
        email: email.map(|email| fields.email("email", email)),
        currency: currency.map(|code| fields.currency("currency_code", &code)),
        channel_id: channel_id.map(|id| fields.channel("channel_id", id)),
    }
}

/// What is said of a customer, and the id if that says it too. `customer_id` is the one beside it, empty if there is none.
fn customer(
    fields: &mut Fields,
    customer_id: &str,
    context: Option<pb::CustomerContext>,
) -> (Option<String>, Option<CustomerContext>) {
    let read = fields.message("customer_context", context, |fields, context| {
        let id = fields.text("customer_id", context.customer_id);
        if !id.is_empty() && !customer_id.is_empty() && id != customer_id {
            let text = "must be the same as the customer_id beside customer_context, or left out";
            fields.refuse("customer_id", text);
        }
        let count = context.completed_order_count;
        let count = fields.number("completed_order_count", count, 0..=MAX_COMPLETED_ORDERS);
        let customer = CustomerContext {
            group_ids: fields.ids("group_ids", context.group_ids, MAX_GROUPS),
            completed_order_count: u32::try_from(count).unwrap_or_default(),
            tax_exemption: fields.text("tax_exemption", context.tax_exemption),
        };
        (id, customer)
    });
    let (id, customer) = read.unzip();
    (id.filter(|id| !id.is_empty()), customer)
}

pub(super) fn line_item_update(
    fields: &mut Fields,
    request: pb::UpdateLineItemRequest,
) -> LineItemUpdate {
    let (quantity, wrapping) = (request.quantity, request.gift_wrapping);
    if quantity.is_none() && request.list_price.is_none() && wrapping.is_none() {
        let text = "is required unless list_price or gift_wrapping is given";
        fields.refuse("quantity", text);
    }
    fields.not_for_shoppers("list_price", request.list_price.is_some());
    LineItemUpdate {
        quantity: quantity.map(|quantity| fields.quantity("quantity", quantity)),
        list_price: fields.money("list_price", request.list_price),
        gift_wrapping: fields.message("gift_wrapping", wrapping, |fields, wrapping| {
            let nothing = pb::NewGiftWrapping::default();
            (wrapping != nothing).then(|| wrapping_choice(fields, wrapping))
        }),
    }
}

/// The items to put into a cart: at least one, of whatever kind.
pub(super) fn items(
    fields: &mut Fields,
    line_items: Vec<pb::NewLineItem>,
    custom_items: Vec<pb::NewCustomItem>,
    gift_certificates: Vec<pb::NewGiftCertificateItem>,
) -> Vec<NewItem> {
    let count = line_items
        .len()
        .saturating_add(custom_items.len())
        .saturating_add(gift_certificates.len());
    if !(1..=MAX_ITEMS).contains(&count) {
        let text = format!(
            "must have 1 to {MAX_ITEMS} elements together with custom_items and gift_certificates, not {count}"
        );
        fields.refuse("line_items", text);
        return Vec::new();
    }
    fields.not_for_shoppers("custom_items", !custom_items.is_empty());
    let any = 0..=MAX_ITEMS;
    let mut items = fields.each("line_items", line_items, any.clone(), catalog_item);
    items.extend(fields.each("custom_items", custom_items, any.clone(), custom_item));
    let certificates = fields.each(
        "gift_certificates",
        gift_certificates,
        any,
        gift_certificate,
    );
    items.extend(certificates);
    items
}

fn catalog_item(fields: &mut Fields, item: pb::NewLineItem) -> NewItem {
    fields.not_for_shoppers("list_price", item.list_price.is_some());
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
    NewItem {
        kind: NewItemKind::Catalog {
            product_id: fields.required_text("product_id", item.product_id),
            variant_id: fields.text("variant_id", item.variant_id),
            quantity: fields.quantity("quantity", item.quantity),
            answers,
            list_price: fields.money("list_price", item.list_price),
            parent_id: fields.optional_uuid("parent_id", &item.parent_id),
        },
        gift_wrapping: fields.message("gift_wrapping", item.gift_wrapping, wrapping_choice),
        path: fields.path().to_owned(),
    }
}

fn custom_item(fields: &mut Fields, item: pb::NewCustomItem) -> NewItem {
    NewItem {
        kind: NewItemKind::Custom {
            name: fields.required_text("name", item.name),
            sku: fields.text("sku", item.sku),
            quantity: fields.quantity("quantity", item.quantity),
            list_price: fields.required_money("list_price", item.list_price),
            weight_grams: fields.number("weight_grams", item.weight_grams, 0..=MAX_WEIGHT),
        },
        gift_wrapping: fields.message("gift_wrapping", item.gift_wrapping, wrapping_choice),
        path: fields.path().to_owned(),
    }
}

fn gift_certificate(fields: &mut Fields, item: pb::NewGiftCertificateItem) -> NewItem {
    let name = fields.text("name", item.name);
    NewItem {
        kind: NewItemKind::GiftCertificate {
            name: if name.is_empty() {
                GIFT_CERTIFICATE.to_owned()
            } else {
                name
            },
            amount: fields.money_within("amount", item.amount, gift_certificate_worth),
            card: Card {
                sender: party(fields, "sender", item.sender),
                recipient: party(fields, "recipient", item.recipient),
                theme: fields.text("theme", item.theme),
                message: fields.long_text_up_to("message", item.message, MAX_MESSAGE_LENGTH),
            },
        },
        gift_wrapping: None,
        path: fields.path().to_owned(),
    }
}

fn party(fields: &mut Fields, name: &str, party: Option<pb::GiftCertificateParty>) -> Party {
    let read = fields.required_message(name, party, |fields, party| Party {
        name: fields.required_text("name", party.name),
        email: fields.required_email("email", party.email),
    });
    read.unwrap_or_default()
}

fn wrapping_choice(fields: &mut Fields, wrapping: pb::NewGiftWrapping) -> WrappingChoice {
    WrappingChoice {
        option_id: fields.required_text("option_id", wrapping.option_id),
        message: fields.long_text_up_to("message", wrapping.message, MAX_TEXT),
        together: wrapping.wrap_together,
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
            vec![pb::NewGiftCertificateItem::default()],
        );
        assert_eq!(read[0].path, "line_items[0]");
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
                "gift_certificates[0].amount",
                "gift_certificates[0].sender",
                "gift_certificates[0].recipient",
            ]
        );
    }

    #[test]
    fn a_call_has_at_least_one_item_and_at_most_a_hundred_of_all_kinds() {
        for (catalog, custom, certificates, ok) in [
            (0, 0, 0, false),
            (1, 0, 0, true),
            (60, 20, 20, true),
            (60, 20, 21, false),
        ] {
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
            let party = pb::GiftCertificateParty {
                name: "Ada".into(),
                email: "ada@example.com".into(),
            };
            let certificate = pb::NewGiftCertificateItem {
                amount: Some(pb::Money {
                    currency_code: "JPY".into(),
                    amount_minor: 1,
                }),
                sender: Some(party.clone()),
                recipient: Some(party),
                ..Default::default()
            };
            items(
                &mut fields,
                vec![item; catalog],
                vec![own; custom],
                vec![certificate; certificates],
            );
            let read = fields.finish();
            assert_eq!(read.is_ok(), ok, "{catalog} + {custom} + {certificates}");
        }
    }

    #[test]
    fn an_update_changes_what_the_mask_names_or_else_what_is_given() {
        let read = |request: &pb::UpdateCartRequest| {
            let mut fields = Fields::default();
            let update = update(&mut fields, request.clone());
            fields.finish().map(|_| update)
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
