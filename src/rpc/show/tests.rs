use chrono::DateTime;
use uuid::Uuid;

use super::{coupon::coupons, *};
use crate::domain::{
    caller::Caller,
    cart::{Facts, LineItem, LineItemKind},
    checkout::{Checkout, Message, MessageCode},
    consignment::{Consignment, ConsignmentItem, Fulfilment},
    coupon::{AppliedCoupon, ClassicDiscount},
    location::Location,
    money::Rate,
    order::{Order, OrderStatus, Payment, PaymentState},
    order_history::{HistoryEntry, HistoryEvent},
    pricing::price,
    promotion::{Promotion, RedemptionType, index::Promotions, items::ItemsMatcher},
    shipping::Quote,
    store::{
        HandlingFee, MethodRate, ShippingMethod, ShippingZone, Store, TaxClass, TaxRate, TaxZone,
    },
};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 500_000_000).unwrap()
}

fn ids(first: u128) -> Uuid {
    Uuid::from_u128(first)
}

/// 4 % tax on goods and shipping, and shipping for 8.00 with a handling fee of 1.00.
fn shop() -> Store {
    let mut store = Store::empty(Currency::USD);
    store.tax_classes = vec![TaxClass {
        id: "goods".into(),
        name: "Goods".into(),
    }];
    store.tax.default_class_id = Some("goods".into());
    store.tax_zones = vec![TaxZone {
        id: "us".into(),
        name: "United States".into(),
        enabled: true,
        locations: vec![Location::RestOfWorld],
        rates: vec![TaxRate {
            name: "Sales tax".into(),
            priority: 0,
            class_rates: vec![("goods".into(), Rate::parse("0.04").unwrap())],
        }],
    }];
    store.shipping_zones = vec![ShippingZone {
        id: "us".into(),
        name: "United States".into(),
        enabled: true,
        locations: vec![Location::RestOfWorld],
        methods: vec![ShippingMethod {
            id: "ground".into(),
            name: "Ground".into(),
            description: String::new(),
            enabled: true,
            transit_time: Some(TransitTime {
                units: TransitUnits::BusinessDays,
                duration: 5,
            }),
            image_url: String::new(),
            rate: MethodRate::FlatPerOrder(Amount::new(800)),
            fallback: false,
        }],
        handling_fee: Some(HandlingFee::Fixed(Amount::new(100))),
        carriers: Vec::new(),
    }];
    store
}

fn coupon(code: &str, enabled: bool, discount: ClassicDiscount) -> AppliedCoupon {
    let rule = discount.rule(None, ItemsMatcher::All, Vec::new());
    AppliedCoupon {
        code_id: ids(10),
        code: code.into(),
        limited: false,
        promotion: Promotion {
            display_name: format!("{code} for you"),
            redemption: RedemptionType::Coupon,
            coupon_type: Some(discount.coupon_type()),
            enabled,
            ..Promotion::new(ids(11), code, vec![rule], at(0))
        },
    }
}

/// Two mugs for 10.00 each, one coupon of 10 % that works, one that does not, free shipping by a third.
fn example() -> (Checkout, Quote) {
    let store = shop();
    let facts = Facts {
        sku: "MUG".into(),
        original_price: Amount::new(1_200),
        on_sale: true,
        ..Facts::outside_catalog(LineItemKind::Physical, "Mug", Amount::new(1_000))
    };
    let line = LineItem {
        product_id: "mug".into(),
        quantity: 2,
        ..LineItem::new(ids(2), facts)
    };
    let address = Address {
        id: ids(4),
        country_code: "US".into(),
        ..Address::default()
    };
    let mut checkout = Checkout {
        version: 7,
        channel_id: "default".into(),
        lines: vec![line],
        coupons: vec![
            coupon(
                "TEN",
                true,
                ClassicDiscount::Percentage(Rate::parse("0.1").unwrap()),
            ),
            coupon("OFF", false, ClassicDiscount::FreeShipping),
            coupon("SHIP", true, ClassicDiscount::FreeShipping),
        ],
        billing_address: Some(address.clone()),
        consignments: vec![Consignment {
            id: ids(3),
            address,
            items: vec![ConsignmentItem {
                line_item_id: ids(2),
                quantity: 2,
            }],
            fulfilment: None,
        }],
        customer_message: "ring twice".into(),
        order_ids: vec![ids(5)],
        messages: vec![Message {
            code: MessageCode::PriceRefreshed,
            subject: ids(2).to_string(),
            text: "the price changed".into(),
        }],
        update_time: at(2),
        expire_time: at(3),
        ..Checkout::new(ids(1), Currency::USD, at(1))
    };
    let wanted =
        crate::domain::shipping::RateRequest::of(&checkout, &checkout.consignments[0], &store);
    let quote = crate::domain::rating::quote(&store, &wanted.unwrap(), &[]).unwrap();
    checkout.consignments[0].fulfilment = Some(Fulfilment::Shipping(quote.options[0].clone()));
    checkout.pricing = price(&checkout, &store, &Promotions::default(), at(2)).unwrap();
    (checkout, quote)
}

fn minor(money: Option<&pb::Money>) -> i64 {
    let money = money.unwrap();
    assert_eq!(money.currency_code, "USD");
    money.amount_minor
}

#[test]
fn a_checkout_is_shown_with_its_cart_and_what_it_comes_to() {
    let (checkout, _) = example();
    let shown = super::checkout(&checkout, Vec::new(), &[], &Caller::Trusted);
    assert_eq!(
        (shown.id.as_str(), shown.version),
        (ids(1).to_string().as_str(), 7)
    );
    assert_eq!(shown.expire_time.unwrap().nanos, 500_000_000);
    assert_eq!(shown.billing_address.unwrap().id, ids(4).to_string());
    assert_eq!(shown.order_ids, [ids(5).to_string()]);
    assert_eq!(
        shown.messages[0].code(),
        pb::CheckoutMessageCode::PriceRefreshed
    );
    assert_eq!(shown.customer_message, "ring twice");

    let totals = shown.totals.unwrap();
    assert_eq!(minor(totals.subtotal_ex_tax.as_ref()), 2_000);
    assert_eq!(minor(totals.coupon_amount.as_ref()), 200);
    assert_eq!(minor(totals.shipping_cost_ex_tax.as_ref()), 800);
    assert_eq!(minor(totals.shipping_discount_amount.as_ref()), 800);
    assert_eq!(minor(totals.handling_cost_ex_tax.as_ref()), 100);
    assert_eq!(minor(totals.tax_total.as_ref()), 76);
    assert_eq!(minor(totals.grand_total.as_ref()), 1_976);
    assert_eq!(minor(totals.gift_certificate_amount.as_ref()), 0);
    assert_eq!(minor(totals.outstanding_balance.as_ref()), 1_976);
    assert_eq!(
        (
            shown.taxes[0].name.as_str(),
            minor(shown.taxes[0].amount.as_ref())
        ),
        ("Sales tax", 76)
    );

    let line = &shown.cart.unwrap().line_items[0];
    assert_eq!(line.kind(), pb::LineItemKind::Physical);
    assert!(line.mutable && line.requires_shipping && !line.price_overridden);
    assert_eq!(minor(line.original_price.as_ref()), 1_200);
    assert_eq!(minor(line.extended_sale_price.as_ref()), 1_800);
    assert_eq!(line.comparison_price, None);
    assert_eq!(line.discounts[0].source(), pb::DiscountSource::Coupon);
    assert_eq!(line.discounts[0].code, "TEN");
}

#[test]
fn a_coupon_says_why_it_gives_nothing() {
    let (checkout, _) = example();
    let [ten, off, ship] = coupons(&checkout).try_into().unwrap();
    assert_eq!(ten.status(), pb::CouponStatus::Applied);
    assert_eq!(ten.status_reason(), pb::ErrorReason::Unspecified);
    assert_eq!(minor(ten.discounted_amount.as_ref()), 200);
    assert_eq!(off.status(), pb::CouponStatus::NotQualifying);
    assert_eq!(off.status_reason(), pb::ErrorReason::CouponDisabled);
    assert_eq!(off.coupon_type(), pb::CouponType::FreeShipping);
    assert_eq!(minor(ship.discounted_amount.as_ref()), 800);
}

#[test]
fn options_are_shown_only_when_asked_for_and_the_chosen_one_always() {
    let (checkout, quote) = example();
    let plain = &super::checkout(&checkout, Vec::new(), &[], &Caller::Trusted).consignments[0];
    assert!(plain.available_shipping_options.is_empty());
    let chosen = plain.selected_shipping_option.as_ref().unwrap();
    assert_eq!(chosen.id, "us/ground");
    assert_eq!(chosen.r#type(), pb::ShippingOptionType::FlatPerOrder);
    assert!(chosen.recommended);
    let transit = chosen.transit_time.as_ref().unwrap();
    assert_eq!(
        (transit.units(), transit.duration),
        (pb::TransitTimeUnits::BusinessDays, 5)
    );
    assert!(plain.discounts.is_empty());
    assert_eq!(plain.coupon_discounts[0].code, "SHIP");

    let asked = &super::checkout(&checkout, vec![quote], &[], &Caller::Trusted).consignments[0];
    assert_eq!(
        asked.available_shipping_options,
        std::slice::from_ref(chosen)
    );
}

#[test]
fn a_pickup_is_shown_in_place_of_a_shipping_option() {
    let (mut checkout, _) = example();
    checkout.consignments[0].fulfilment = Some(Fulfilment::Pickup {
        method_id: "downtown".into(),
        display_name: "Downtown".into(),
        address: None,
    });
    let shown = &super::checkout(&checkout, Vec::new(), &[], &Caller::Trusted).consignments[0];
    assert_eq!(shown.selected_shipping_option, None);
    assert_eq!(
        shown
            .selected_pickup_option
            .as_ref()
            .unwrap()
            .pickup_method_id,
        "downtown"
    );
}

#[test]
fn an_order_is_shown_from_its_snapshot_with_its_payments() {
    let (checkout, _) = example();
    let order = Order {
        id: ids(5),
        number: 1_000,
        version: 2,
        status: OrderStatus::AwaitingFulfillment,
        status_reason: String::new(),
        snapshot: checkout,
        payments: vec![Payment {
            id: ids(6),
            method: "card".into(),
            reference: "ch_1".into(),
            amount: Amount::new(1_976),
            state: PaymentState::Completed,
            create_time: at(4),
        }],
        history: vec![
            HistoryEntry::new(OrderStatus::Incomplete, HistoryEvent::Created, at(3)),
            HistoryEntry::new(
                OrderStatus::AwaitingFulfillment,
                HistoryEvent::Payment {
                    reference: "ch_1".into(),
                    state: PaymentState::Completed,
                },
                at(4),
            ),
        ],
        create_time: at(3),
        update_time: at(4),
        paid_time: Some(at(4)),
    };
    let shown = super::order(&order, &Caller::Trusted);
    assert_eq!(
        (shown.number, shown.checkout_id.as_str()),
        (1_000, ids(1).to_string().as_str())
    );
    assert_eq!(shown.status(), pb::OrderStatus::AwaitingFulfillment);
    assert_eq!(shown.payments[0].state(), pb::PaymentState::Completed);
    assert_eq!(minor(shown.payments[0].amount.as_ref()), 1_976);
    let [created, paid] = shown.history.as_slice() else {
        panic!("two entries: {:?}", shown.history)
    };
    assert_eq!(created.event(), pb::OrderHistoryEvent::Created);
    assert_eq!(created.from_status(), pb::OrderStatus::Unspecified);
    assert_eq!(created.to_status(), pb::OrderStatus::Incomplete);
    assert_eq!(paid.event(), pb::OrderHistoryEvent::PaymentRecorded);
    assert_eq!(paid.from_status(), pb::OrderStatus::Incomplete);
    assert_eq!(paid.to_status(), pb::OrderStatus::AwaitingFulfillment);
    assert_eq!(paid.payment_reference, "ch_1");
    assert_eq!(paid.payment_state(), pb::PaymentState::Completed);
    assert_eq!(shown.line_items.len(), 1);
    assert_eq!(shown.paid_time.unwrap().seconds, 4);
}
