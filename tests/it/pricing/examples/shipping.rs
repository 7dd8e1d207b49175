//! Discounts on shipping.

use super::{builder::*, check};

fn parcels(name: &'static str) -> Example {
    example(name)
        .line("Shirt", 3_000, 2)
        .line("Hat", 2_000, 1)
        .ships("US", &[(1, 1)], "near/ground", 800)
        .ships("CA", &[(1, 1), (2, 1)], "far/air", 2_500)
}

#[test]
fn discounts_on_shipping() {
    let free = parcels("Free shipping").automatic("Free", always(shipping(percent("100"))));
    let zone = parcels("Free shipping to one zone")
        .automatic("Near", always(shipping_by(percent("100"), &["near"], &[])));
    let method = parcels("A fifth off one way of shipping")
        .automatic("Air", always(shipping_by(percent("20"), &[], &["air"])));
    let amount = parcels("10.00 off each consignment, but not more than it costs")
        .automatic("10 off", always(shipping(off(1_000))));
    let threshold = parcels("Free shipping from 70.00 on, which discounts on goods can undo")
        .automatic("15 % off", always(goods(percent("15"), ALL)))
        .coupon(
            "FREE70",
            when(spend(usd(7_000), ALL), shipping(percent("100"))),
        );
    let stacked = parcels("One discount on shipping after the other")
        .automatic("Half", always(shipping(percent("50"))))
        .coupon("SHIP5", always(shipping(off(500))));
    let country = parcels("Free shipping to one country leaves the other consignment out")
        .coupon_with(
            "USFREE",
            vec![always(shipping(percent("100")))],
            |promotion| promotion.shipping_country_codes = vec!["US".into()],
        );
    let goods_too = parcels("A coupon on goods needs all consignments in its countries")
        .coupon_with(
            "USTEN",
            vec![always(goods(percent("10"), ALL))],
            |promotion| promotion.shipping_country_codes = vec!["US".into()],
        );
    let early = example("A coupon on shipping qualifies before a way of shipping is chosen")
        .line("Shirt", 3_000, 1)
        .coupon("FREE", always(shipping(percent("100"))));
    let digital = example("But not where nothing is shipped")
        .line_with("Song", 100, 1, |line| {
            line.facts.kind = cartwright::domain::cart::LineItemKind::Digital;
        })
        .coupon("FREE", always(shipping(percent("100"))));
    check(
        "shipping",
        "Discounts on shipping",
        vec![
            free, zone, method, amount, threshold, stacked, country, goods_too, early, digital,
        ],
    );
}
