//! Small shops and carts for tests of the pure domain: amounts as people write them, ids by number.

use cartwright::domain::{
    address::Address,
    cart::{Facts, LineItem, LineItemKind},
    catalog::Measures,
    checkout::Checkout,
    consignment::{Consignment, ConsignmentItem, Fulfilment},
    coupon::{AppliedCoupon, ClassicDiscount},
    location::Location,
    money::{Amount, Currency, Money, Rate},
    pricing::{Pricing, price},
    promotion::{Promotion, index::Promotions, items::ItemsMatcher},
    shipping::{OptionKind, ShippingOption},
    store::{Store, TaxClass, TaxRate, TaxSettings, TaxZone},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

/// Minor units.
pub(crate) fn amount(minor: i64) -> Amount {
    Amount::new(minor)
}

pub(crate) fn money(code: &str, minor: i64) -> Money {
    Money {
        currency: currency(code),
        amount: amount(minor),
    }
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn address(country: &str) -> Address {
    Address {
        country_code: country.into(),
        ..Address::default()
    }
}

/// A physical line of one product per id, without tax class of its own.
pub(crate) fn line(number: u128, list_price: i64, quantity: u32) -> LineItem {
    LineItem {
        id: id(number),
        product_id: format!("product-{number}"),
        variant_id: String::new(),
        parent_id: None,
        quantity,
        price_override: None,
        facts: Facts {
            kind: LineItemKind::Physical,
            sku: String::new(),
            name: format!("Product {number}"),
            url: String::new(),
            image_url: String::new(),
            selections: Vec::new(),
            taxable: true,
            tax_class_id: None,
            original_price: amount(list_price),
            price: amount(list_price),
            comparison_price: None,
            on_sale: false,
            brand_id: String::new(),
            category_ids: Vec::new(),
            measures: Measures::default(),
            free_shipping: false,
            fixed_shipping_cost: None,
            custom_fields: Vec::new(),
            stock_level: None,
        },
        gift_wrapping: None,
        gift_certificate: None,
        gift_of: None,
    }
}

/// A checkout of these lines without anything else.
pub(crate) fn checkout(code: &str, lines: Vec<LineItem>) -> Checkout {
    Checkout {
        version: 1,
        channel_id: "default".into(),
        lines,
        expire_time: now() + chrono::Duration::days(30),
        ..Checkout::new(id(1_000), currency(code), now())
    }
}

/// A consignment of (line, units) that ships for `cost`.
pub(crate) fn consignment(
    number: u128,
    country: &str,
    items: &[(u128, u32)],
    cost: i64,
) -> Consignment {
    let item = |(line, quantity): &(u128, u32)| ConsignmentItem {
        line_item_id: id(*line),
        quantity: *quantity,
    };
    Consignment {
        id: id(number),
        address: address(country),
        items: items.iter().map(item).collect(),
        fulfilment: Some(Fulfilment::Shipping(ShippingOption {
            id: "zone/method".into(),
            method_id: "method".into(),
            kind: OptionKind::FlatPerOrder,
            description: "Ground".into(),
            additional_description: String::new(),
            image_url: String::new(),
            cost: amount(cost),
            handling: Amount::ZERO,
            transit_time: None,
            carrier_code: "built-in".into(),
            expire_time: None,
            recommended: true,
            rate_id: String::new(),
            dispatch_date: String::new(),
        })),
    }
}

/// A store whose only tax is `rate` in `country`, which is its home.
pub(crate) fn taxed_store(code: &str, country: &str, rate: &str) -> Store {
    Store {
        tax: TaxSettings {
            home_zone_id: Some("home".into()),
            default_class_id: Some("standard".into()),
            ..TaxSettings::default()
        },
        tax_classes: vec![TaxClass {
            id: "standard".into(),
            name: "Standard".into(),
        }],
        tax_zones: vec![TaxZone {
            id: "home".into(),
            name: "Home".into(),
            enabled: true,
            locations: vec![Location::Country {
                country_code: country.into(),
                states: Vec::new(),
                postal_codes: Vec::new(),
            }],
            rates: vec![TaxRate {
                name: "Tax".into(),
                priority: 1,
                class_rates: vec![("standard".into(), Rate::parse(rate).unwrap())],
            }],
        }],
        ..Store::empty(currency(code))
    }
}

pub(crate) fn percentage(text: &str) -> ClassicDiscount {
    ClassicDiscount::Percentage(Rate::parse_percentage(text).unwrap())
}

/// A promotion of one rule.
pub(crate) fn promotion(
    number: u128,
    discount: ClassicDiscount,
    minimum: Option<Money>,
) -> Promotion {
    let rule = discount.rule(minimum, ItemsMatcher::All, Vec::new());
    Promotion {
        coupon_type: Some(discount.coupon_type()),
        ..Promotion::new(id(number), "Promotion", vec![rule], now())
    }
}

pub(crate) fn coupon(number: u128, code: &str, promotion: Promotion) -> AppliedCoupon {
    AppliedCoupon {
        code_id: id(number),
        code: code.into(),
        limited: false,
        promotion,
    }
}

/// Prices the checkout and checks the identities that always hold.
pub(crate) fn priced(checkout: &Checkout, store: &Store, automatic: &[Promotion]) -> Pricing {
    let promotions = Promotions::new(automatic.to_vec());
    let pricing = price(checkout, store, &promotions, now()).unwrap();
    assert_identities(&pricing);
    pricing
}

/// What rules.md promises of every pricing.
pub(crate) fn assert_identities(pricing: &Pricing) {
    let totals = &pricing.totals;
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| amounts.map(Amount::minor).sum::<i64>();
    for line in &pricing.lines {
        assert_eq!(
            line.extended_sale_price.minor(),
            line.extended_list_price.minor()
                - line.discount_amount.minor()
                - line.coupon_amount.minor(),
        );
        let discounts = sum(&mut line.discounts.iter().map(|discount| discount.amount));
        assert_eq!(
            discounts,
            line.discount_amount.minor() + line.coupon_amount.minor()
        );
        assert!(line.extended_sale_price.minor() >= 0 && line.tax_amount.minor() >= 0);
    }
    assert_eq!(
        totals.base_amount.minor(),
        sum(&mut pricing.lines.iter().map(|line| line.extended_list_price))
    );
    assert_eq!(
        totals.tax_total.minor(),
        sum(&mut pricing.taxes.iter().map(|(_, amount)| *amount))
    );
    let with_tax = [
        totals.cart_amount_inc_tax,
        totals.shipping_cost_inc_tax,
        totals.handling_cost_inc_tax,
        totals.gift_wrapping_inc_tax,
        totals.fees_inc_tax,
    ];
    let without_tax = [
        totals.cart_amount_ex_tax,
        totals.shipping_cost_ex_tax,
        totals.handling_cost_ex_tax,
        totals.gift_wrapping_ex_tax,
        totals.fees_ex_tax,
    ];
    let goods = sum(&mut pricing.lines.iter().map(|line| line.extended_sale_price));
    let off_shipping = totals.shipping_discount_amount.minor();
    if pricing.tax_included {
        assert_eq!(goods, totals.cart_amount_inc_tax.minor());
        assert_eq!(
            totals.grand_total.minor(),
            sum(&mut with_tax.into_iter()) - off_shipping
        );
    } else {
        assert_eq!(goods, totals.cart_amount_ex_tax.minor());
        assert_eq!(
            totals.grand_total.minor(),
            sum(&mut without_tax.into_iter()) - off_shipping + totals.tax_total.minor()
        );
    }
    assert!(totals.outstanding_balance.minor() >= 0);
}
