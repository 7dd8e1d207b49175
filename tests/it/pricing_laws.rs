//! Laws of pricing over generated shops and carts.

use cartwright::domain::{
    cart::LineItemKind,
    checkout::Checkout,
    coupon::ClassicDiscount,
    money::{Amount, Rate, split, sum},
    store::Store,
};
use proptest::{collection::vec, prelude::*};

use crate::harness::shop::{
    address, amount, checkout, consignment, coupon, line, money, priced, promotion, taxed_store,
};

const CURRENCIES: [&str; 3] = ["USD", "JPY", "KWD"];

/// A shop with some tax at home, prices entered and shown with or without it.
fn shop() -> impl Strategy<Value = (Store, &'static str)> {
    let currency = prop::sample::select(&CURRENCIES[..]);
    let rates = prop::sample::select(&["0", "0.04", "0.0825", "0.19", "0.333333"][..]);
    (currency, rates, any::<bool>(), any::<bool>()).prop_map(|(currency, rate, inside, shown)| {
        let mut store = taxed_store(currency, "DE", rate);
        store.tax.prices_include_tax = inside;
        store.tax.show_prices_with_tax = shown;
        (store, currency)
    })
}

fn discount(currency: &'static str) -> impl Strategy<Value = ClassicDiscount> {
    let off = move |minor: i64| money(currency, minor);
    prop_oneof![
        (1..=1_000_000_i64).prop_map(|share| {
            let text = format!("{}.{:04}", share / 10_000, share % 10_000);
            ClassicDiscount::Percentage(Rate::parse_percentage(&text).unwrap())
        }),
        (1..20_000_i64).prop_map(move |minor| ClassicDiscount::PerItem(off(minor))),
        (1..200_000_i64).prop_map(move |minor| ClassicDiscount::PerTotal(off(minor))),
        (1..3_000_i64).prop_map(move |minor| ClassicDiscount::Shipping(off(minor))),
        Just(ClassicDiscount::FreeShipping),
    ]
}

/// A checkout of up to eight lines, split over up to two consignments, with up to three coupons.
fn cart() -> impl Strategy<Value = (Store, Checkout)> {
    shop().prop_flat_map(|(store, currency)| {
        let lines = vec((0..100_000_i64, 1..12_u32, any::<bool>()), 1..8);
        let coupons = vec(discount(currency), 0..3);
        let places = prop::sample::select(&["DE", "US", ""][..]);
        let costs = (0..3_000_i64, 0..3_000_i64);
        (Just(store), Just(currency), lines, coupons, places, costs).prop_map(build)
    })
}

type Parts = (
    Store,
    &'static str,
    Vec<(i64, u32, bool)>,
    Vec<ClassicDiscount>,
    &'static str,
    (i64, i64),
);

fn build((store, currency, lines, coupons, place, costs): Parts) -> (Store, Checkout) {
    let numbered = (1_u128..).zip(&lines);
    let lines = numbered.map(|(number, (price, quantity, digital))| {
        let mut line = line(number, *price, *quantity);
        if *digital {
            line.facts.kind = LineItemKind::Digital;
        }
        line
    });
    let mut checkout = checkout(currency, lines.collect());
    for (number, discount) in (100_u128..).zip(coupons) {
        let code = format!("C{number}");
        checkout
            .coupons
            .push(coupon(number, &code, promotion(number, discount, None)));
    }
    checkout.billing_address = (!place.is_empty()).then(|| address(place));
    let shipped = checkout
        .lines
        .iter()
        .filter(|line| line.requires_shipping());
    let halves: Vec<_> = shipped
        .map(|line| (line.id.as_u128(), line.quantity / 2))
        .collect();
    let first: Vec<_> = halves
        .iter()
        .copied()
        .filter(|(_, quantity)| *quantity > 0)
        .collect();
    checkout
        .consignments
        .push(consignment(50, "DE", &first, costs.0));
    checkout
        .consignments
        .push(consignment(51, "US", &first, costs.1));
    (store, checkout)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// `priced` checks every identity of the rules.
    #[test]
    fn totals_add_up_and_pricing_twice_changes_nothing((store, checkout) in cart()) {
        let pricing = priced(&checkout, &store, &[]);
        prop_assert_eq!(&pricing, &priced(&checkout, &store, &[]));
        let shown = Checkout { pricing, ..checkout };
        prop_assert_eq!(&shown.pricing, &priced(&shown, &store, &[]));
    }

    #[test]
    fn without_its_coupons_a_checkout_is_as_before((store, checkout) in cart()) {
        let mut bare = checkout.clone();
        bare.coupons.clear();
        let (with, without) = (priced(&checkout, &store, &[]), priced(&bare, &store, &[]));
        prop_assert!(with.totals.grand_total <= without.totals.grand_total);
        prop_assert_eq!(with.totals.subtotal_ex_tax, without.totals.subtotal_ex_tax);
        prop_assert_eq!(with.totals.base_amount, without.totals.base_amount);
        prop_assert_eq!(without.totals.coupon_amount, Amount::ZERO);
    }

    #[test]
    fn the_split_over_consignments_does_not_change_discounts((mut store, checkout) in cart()) {
        // On entered prices: what is shown with tax depends on where it goes.
        store.tax.prices_include_tax = false;
        store.tax.show_prices_with_tax = false;
        let mut together = checkout.clone();
        together.consignments.clear();
        let (split, together) = (priced(&checkout, &store, &[]), priced(&together, &store, &[]));
        prop_assert_eq!(split.totals.coupon_amount, together.totals.coupon_amount);
    }

    #[test]
    fn parts_sum_to_the_whole(whole in 0..i64::MAX, weights in vec(0..i64::MAX, 1..50)) {
        let parts = split(amount(whole), &weights).unwrap();
        prop_assert_eq!(sum(parts.iter().copied()).unwrap(), amount(whole));
        // Each part is its share, rounded one way or the other.
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        for (part, weight) in parts.iter().zip(&weights).filter(|_| total > 0) {
            let exact = i128::from(whole) * i128::from(*weight) / total;
            let above = i128::from(part.minor()) - exact;
            prop_assert!((0..=1).contains(&above));
        }
    }
}
