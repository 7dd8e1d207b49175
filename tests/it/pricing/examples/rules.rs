//! The worked examples of the design's rules.

use super::{builder::*, check};
use cartwright::domain::money::Rate;

#[test]
fn worked_examples_of_the_rules() {
    let two_items = example("Twenty percent off two items")
        .line("Shirt", 3_200, 1)
        .line("Hat", 3_500, 1)
        .coupon("SAVE20", always(goods(percent("20"), ALL)));
    let three_lines = example("Ten off three equal lines: the first gets the cent that is left")
        .line("Cup", 1_000, 1)
        .line("Bowl", 1_000, 1)
        .line("Plate", 1_000, 1)
        .coupon("TENOFF", always(whole_cart(off(1_000))));
    let taxed = example("Four percent tax on goods and shipping")
        .taxed("US", "0.04")
        .line("Lamp", 3_195, 1)
        .ships("US", &[(1, 1)], "near/ground", 800);
    let yen = in_currency("JPY", "A third off in yen, which has no smaller coin")
        .line("Fan", 100, 3)
        .coupon("THIRD", always(whole_cart(percent("33"))));
    let two_places = example("Forty percent off by itself, in two consignments")
        .line("Chair", 22_500, 2)
        .automatic("Forty off", always(goods(percent("40"), ALL)))
        .ships("US", &[(1, 1)], "near/ground", 800)
        .ships("CA", &[(1, 1)], "far/ground", 800);
    let shown = example("A price without tax is shown with it")
        .taxed("US", "0.1")
        .shop(|store| store.tax.show_prices_with_tax = true)
        .line("Chair", 22_500, 1)
        .ships("US", &[(1, 1)], "near/ground", 0);
    let abroad = example("A price with tax inside loses it abroad")
        .taxed("DE", "0.1")
        .shop(|store| store.tax.prices_include_tax = true)
        .line("Chair", 22_500, 1)
        .ships("US", &[(1, 1)], "far/ground", 0);
    let dinars = in_currency("KWD", "A third off in dinars, which have three digits")
        .line("Lamp", 10_005, 1)
        .coupon("THIRD", always(whole_cart(percent("33.3333"))))
        .taxed("KW", "0.05")
        .ships("KW", &[(1, 1)], "near/ground", 0);
    let split = example("A discounted line in two places is taxed at each")
        .taxed("US", "0.0825")
        .shop(|store| {
            let mut canada = store.tax_zones[0].clone();
            canada.id = "ca".into();
            canada.locations = vec![super::tax::country("CA")];
            canada.rates[0].name = "GST".into();
            canada.rates[0].class_rates[0].1 = Rate::parse("0.05").unwrap();
            store.tax_zones.push(canada);
        })
        .line("Mug", 1_999, 3)
        .coupon("TEN", always(goods(percent("10"), ALL)))
        .ships("US", &[(1, 1)], "near/ground", 0)
        .ships("CA", &[(1, 2)], "far/ground", 0);
    check(
        "rules",
        "The worked examples of the rules",
        vec![
            two_items,
            three_lines,
            taxed,
            yen,
            two_places,
            shown,
            abroad,
            dinars,
            split,
        ],
    );
}
