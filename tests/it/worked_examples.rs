//! The worked examples of the rules, and what they imply, on the pure domain.

use cartwright::domain::{
    cart::LineItemKind,
    coupon::ClassicDiscount,
    reason::Reason,
    store::{Store, TaxRate},
};

use crate::harness::shop::{
    address, amount, checkout, consignment, coupon, currency, id, line, money, percentage, priced,
    promotion, taxed_store,
};

fn untaxed(code: &str) -> Store {
    Store::empty(currency(code))
}

#[test]
fn twenty_percent_off_two_items() {
    let mut checkout = checkout("USD", vec![line(1, 3200, 1), line(2, 3500, 1)]);
    checkout
        .coupons
        .push(coupon(9, "SAVE20", promotion(9, percentage("20"), None)));
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    let off: Vec<_> = pricing
        .lines
        .iter()
        .map(|line| line.coupon_amount.minor())
        .collect();
    assert_eq!(off, [640, 700]);
    assert_eq!(pricing.totals.grand_total.minor(), 5360);
    assert_eq!(pricing.coupons[0].discounted_amount.minor(), 1340);
}

#[test]
fn ten_off_three_equal_lines_goes_to_the_earlier_by_the_cent() {
    let mut checkout = checkout("USD", (1..=3).map(|number| line(number, 1000, 1)).collect());
    let ten_off = ClassicDiscount::PerTotal(money("USD", 1000));
    checkout
        .coupons
        .push(coupon(9, "TENOFF", promotion(9, ten_off, None)));
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    let off: Vec<_> = pricing
        .lines
        .iter()
        .map(|line| line.coupon_amount.minor())
        .collect();
    assert_eq!(off, [334, 333, 333]);
}

#[test]
fn four_percent_exclusive_with_taxed_shipping() {
    let mut checkout = checkout("USD", vec![line(1, 3195, 1)]);
    checkout
        .consignments
        .push(consignment(5, "US", &[(1, 1)], 800));
    let pricing = priced(&checkout, &taxed_store("USD", "US", "0.04"), &[]);
    assert_eq!(pricing.lines[0].tax_amount.minor(), 128);
    assert_eq!(pricing.totals.shipping_cost_inc_tax.minor() - 800, 32);
    assert_eq!(pricing.totals.tax_total.minor(), 160);
    assert_eq!(pricing.totals.grand_total.minor(), 4155);
}

#[test]
fn a_third_off_yen() {
    let mut checkout = checkout("JPY", vec![line(1, 100, 3)]);
    checkout
        .coupons
        .push(coupon(9, "THIRD", promotion(9, percentage("33"), None)));
    let pricing = priced(&checkout, &untaxed("JPY"), &[]);
    assert_eq!(pricing.totals.coupon_amount.minor(), 99);
    assert_eq!(pricing.totals.grand_total.minor(), 201);
}

#[test]
fn forty_percent_off_by_itself_in_two_consignments() {
    let mut checkout = checkout("USD", vec![line(1, 22500, 2)]);
    checkout
        .consignments
        .push(consignment(5, "US", &[(1, 1)], 800));
    checkout
        .consignments
        .push(consignment(6, "CA", &[(1, 1)], 800));
    let automatic = promotion(9, percentage("40"), None);
    let pricing = priced(&checkout, &untaxed("USD"), &[automatic]);
    let totals = &pricing.totals;
    assert_eq!(totals.discount_amount.minor(), 18000);
    assert_eq!(totals.cart_amount_ex_tax.minor(), 27000);
    assert_eq!(
        (totals.base_amount.minor(), totals.subtotal_ex_tax.minor()),
        (45000, 45000)
    );
    assert_eq!(totals.grand_total.minor(), 28600);
}

#[test]
fn a_price_without_tax_shown_with_tax() {
    let mut store = taxed_store("EUR", "DE", "0.1");
    store.tax.show_prices_with_tax = true;
    let mut checkout = checkout("EUR", vec![line(1, 22500, 1)]);
    checkout
        .consignments
        .push(consignment(5, "DE", &[(1, 1)], 0));
    let pricing = priced(&checkout, &store, &[]);
    assert_eq!(pricing.lines[0].list_price.minor(), 24750);
    assert_eq!(pricing.totals.base_amount.minor(), 24750);
    assert_eq!(pricing.totals.tax_total.minor(), 2250);
    assert_eq!(pricing.totals.cart_amount_ex_tax.minor(), 22500);
    // While no address is known, home is assumed.
    checkout.consignments.clear();
    assert_eq!(
        priced(&checkout, &store, &[]).totals.grand_total.minor(),
        24750
    );
}

#[test]
fn a_price_with_tax_inside_stays_at_home_and_loses_the_tax_abroad() {
    let mut store = taxed_store("EUR", "DE", "0.1");
    store.tax.prices_include_tax = true;
    let mut checkout = checkout("EUR", vec![line(1, 22500, 1)]);
    checkout
        .consignments
        .push(consignment(5, "DE", &[(1, 1)], 0));
    let home = priced(&checkout, &store, &[]);
    assert_eq!(home.totals.grand_total.minor(), 22500);
    assert_eq!(home.totals.tax_total.minor(), 22500 - 20455);
    checkout.consignments[0].address = address("US");
    let abroad = priced(&checkout, &store, &[]);
    assert_eq!(abroad.totals.grand_total.minor(), 20455);
    assert_eq!(abroad.totals.tax_total.minor(), 0);
}

#[test]
fn a_line_split_over_two_places_is_taxed_at_each() {
    let mut store = taxed_store("USD", "US", "0.0825");
    let mut canada = store.tax_zones[0].clone();
    canada.id = "ca".into();
    canada.locations = vec![cartwright::domain::location::Location::Country {
        country_code: "CA".into(),
        states: vec![],
        postal_codes: vec![],
    }];
    canada.rates[0].name = "GST".into();
    canada.rates[0].class_rates[0].1 = cartwright::domain::money::Rate::parse("0.05").unwrap();
    store.tax_zones.push(canada);
    let mut checkout = checkout("USD", vec![line(1, 1999, 3)]);
    checkout
        .consignments
        .push(consignment(5, "US", &[(1, 1)], 0));
    checkout
        .consignments
        .push(consignment(6, "CA", &[(1, 2)], 0));
    let pricing = priced(&checkout, &store, &[]);
    // 19.99 × 8.25 % = 1.649175; 39.98 × 5 % = 1.999.
    assert_eq!(
        pricing.taxes,
        [
            ("Tax".to_owned(), amount(165)),
            ("GST".to_owned(), amount(200))
        ]
    );
}

#[test]
fn a_digital_line_is_taxed_where_the_bill_goes() {
    let mut digital = line(1, 1000, 1);
    digital.facts.kind = LineItemKind::Digital;
    let mut checkout = checkout("USD", vec![digital]);
    checkout.billing_address = Some(address("US"));
    assert_eq!(
        priced(&checkout, &taxed_store("USD", "US", "0.1"), &[])
            .totals
            .tax_total
            .minor(),
        100
    );
    checkout.billing_address = Some(address("FR"));
    assert_eq!(
        priced(&checkout, &taxed_store("USD", "US", "0.1"), &[])
            .totals
            .tax_total
            .minor(),
        0
    );
}

#[test]
fn compound_tax_on_a_line() {
    let mut store = taxed_store("CAD", "CA", "0.05");
    let second = TaxRate {
        name: "QST".into(),
        priority: 2,
        ..store.tax_zones[0].rates[0].clone()
    };
    store.tax_zones[0].rates.push(second);
    let mut checkout = checkout("CAD", vec![line(1, 10_000, 1)]);
    checkout.billing_address = Some(address("CA"));
    assert_eq!(
        priced(&checkout, &store, &[]).totals.tax_total.minor(),
        500 + 525
    );
}

#[test]
fn per_item_discounts_take_at_most_the_price_of_each_unit() {
    let mut checkout = checkout("USD", vec![line(1, 300, 2), line(2, 1000, 3)]);
    let off = ClassicDiscount::PerItem(money("USD", 400));
    checkout
        .coupons
        .push(coupon(9, "FOUROFF", promotion(9, off, None)));
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    let off: Vec<_> = pricing
        .lines
        .iter()
        .map(|line| line.coupon_amount.minor())
        .collect();
    assert_eq!(off, [600, 1200]);
}

#[test]
fn shipping_discounts_never_go_below_zero_and_stack_in_order() {
    let mut checkout = checkout("USD", vec![line(1, 1000, 2)]);
    checkout
        .consignments
        .push(consignment(5, "US", &[(1, 1)], 800));
    checkout
        .consignments
        .push(consignment(6, "US", &[(1, 1)], 300));
    let off = ClassicDiscount::Shipping(money("USD", 500));
    checkout
        .coupons
        .push(coupon(8, "SHIP5", promotion(8, off, None)));
    checkout.coupons.push(coupon(
        9,
        "FREE",
        promotion(9, ClassicDiscount::FreeShipping, None),
    ));
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    assert_eq!(pricing.totals.shipping_cost_ex_tax.minor(), 1100);
    assert_eq!(pricing.totals.shipping_discount_amount.minor(), 1100);
    let given: Vec<_> = pricing
        .coupons
        .iter()
        .map(|coupon| coupon.discounted_amount.minor())
        .collect();
    assert_eq!(given, [800, 300]);
}

#[test]
fn a_coupon_that_stops_qualifying_gives_nothing_with_a_reason_and_works_again() {
    let mut checkout = checkout("USD", vec![line(1, 3000, 1)]);
    let minimum = Some(money("USD", 5000));
    checkout
        .coupons
        .push(coupon(9, "BIG", promotion(9, percentage("10"), minimum)));
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    let refusal = pricing.coupons[0].refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::CouponMinPurchaseNotMet);
    assert!(
        refusal
            .metadata
            .contains(&("minimum_purchase".into(), "5000".into()))
    );
    assert_eq!(pricing.totals.coupon_amount.minor(), 0);
    checkout.lines[0].quantity = 2;
    let pricing = priced(&checkout, &untaxed("USD"), &[]);
    assert_eq!(
        (
            pricing.coupons[0].refusal.clone(),
            pricing.totals.coupon_amount.minor()
        ),
        (None, 600)
    );
}

#[test]
fn minimum_spend_is_measured_after_earlier_discounts() {
    let mut checkout = checkout("USD", vec![line(1, 5000, 1)]);
    let half = promotion(8, percentage("50"), None);
    let minimum = Some(money("USD", 5000));
    checkout
        .coupons
        .push(coupon(9, "BIG", promotion(9, percentage("10"), minimum)));
    let pricing = priced(&checkout, &untaxed("USD"), &[half]);
    assert_eq!(
        pricing.coupons[0].refusal.as_ref().unwrap().reason,
        Reason::CouponMinPurchaseNotMet
    );
}

#[test]
fn an_overridden_price_takes_no_part_in_discounts_on_items_unless_the_store_says_so() {
    let mut overridden = line(1, 5000, 1);
    overridden.price_override = Some(amount(4000));
    let mut checkout = checkout("USD", vec![overridden, line(2, 1000, 1)]);
    checkout
        .coupons
        .push(coupon(9, "TEN", promotion(9, percentage("10"), None)));
    let mut store = untaxed("USD");
    assert_eq!(
        priced(&checkout, &store, &[]).totals.coupon_amount.minor(),
        100
    );
    store.discount_overridden_prices = true;
    assert_eq!(
        priced(&checkout, &store, &[]).totals.coupon_amount.minor(),
        500
    );
}

#[test]
fn three_digits_and_none() {
    for (code, price, off) in [("KWD", 10_005, 3335), ("JPY", 1001, 334)] {
        let mut checkout = checkout(code, vec![line(1, price, 1)]);
        checkout.coupons.push(coupon(
            9,
            "THIRD",
            promotion(9, percentage("33.3333"), None),
        ));
        assert_eq!(
            priced(&checkout, &untaxed(code), &[])
                .totals
                .coupon_amount
                .minor(),
            off,
            "{code}"
        );
    }
}

#[test]
fn an_overflow_is_refused() {
    let checkout = checkout("USD", vec![line(1, i64::MAX / 2, 3)]);
    let error = cartwright::domain::pricing::price(
        &checkout,
        &untaxed("USD"),
        &cartwright::domain::promotion::index::Promotions::default(),
        crate::harness::shop::now(),
    );
    assert_eq!(error.unwrap_err().reason, Reason::AmountOverflow);
    assert_eq!(checkout.lines[0].id, id(1));
}
