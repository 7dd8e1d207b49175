//! Tax, fees and wrapping.

use cartwright::domain::{
    fee::Fee,
    gift_wrapping::GiftWrapping,
    location::Location,
    money::Rate,
    store::{Store, TaxRate},
};

use super::{builder::*, check};
use crate::harness::shop::{address, amount, id};

pub(super) fn country(code: &str) -> Location {
    Location::Country {
        country_code: code.into(),
        states: Vec::new(),
        postal_codes: Vec::new(),
    }
}

/// Adds a second tax to the first zone.
fn second_tax(store: &mut Store, priority: u32) {
    let rates = &mut store.tax_zones[0].rates;
    rates[0].name = "GST".into();
    let qst = TaxRate {
        name: "QST".into(),
        priority,
        class_rates: vec![("standard".into(), Rate::parse("0.09975").unwrap())],
    };
    rates.push(qst);
}

fn wrapped(together: bool) -> Option<GiftWrapping> {
    Some(GiftWrapping {
        option_id: "paper".into(),
        name: "Paper".into(),
        message: String::new(),
        together,
        price: amount(150),
    })
}

#[test]
fn taxes() {
    let bought = |name, priority| {
        example(name)
            .taxed("CA", "0.05")
            .shop(|store| second_tax(store, priority))
            .line("Skates", 9_999, 1)
            .ships("CA", &[(1, 1)], "near/ground", 1_000)
    };
    let inside = |name| {
        example(name)
            .taxed("DE", "0.19")
            .shop(|store| {
                store.tax.prices_include_tax = true;
                store.tax.show_prices_with_tax = true;
            })
            .line("Lamp", 11_900, 1)
    };
    let home = inside("Prices with tax inside stay as printed at home").ships(
        "DE",
        &[(1, 1)],
        "near/ground",
        595,
    );
    let unknown = inside("And while nobody knows where it goes");
    let discounted = inside("Tax is due on what discounts left")
        .coupon("TEN", always(goods(percent("10"), ALL)))
        .ships("DE", &[(1, 1)], "near/ground", 595);
    let abroad = inside("Abroad the tax of home is taken out, from discounts too")
        .coupon("TEN", always(goods(percent("10"), ALL)))
        .ships("US", &[(1, 1)], "far/ground", 595);
    let exempt = inside("An exempt customer pays the price without tax")
        .cart(|cart| cart.customer.tax_exemption = "certificate 7".into())
        .ships("DE", &[(1, 1)], "near/ground", 595);
    let exempt_group = example("A group of customers who pay no tax")
        .taxed("US", "0.0825")
        .shop(|store| store.tax.exempt_group_ids = vec!["schools".into()])
        .cart(|cart| cart.customer.group_ids = vec!["schools".into()])
        .line("Globe", 4_000, 1)
        .ships("US", &[(1, 1)], "near/ground", 800);
    let class = example("A reduced class, and goods without tax")
        .taxed("DE", "0.19")
        .shop(|store| {
            let reduced = ("reduced".to_owned(), Rate::parse("0.07").unwrap());
            store.tax_zones[0].rates[0].class_rates.push(reduced);
            store.tax.shipping_class_id = Some("reduced".into());
        })
        .line("Lamp", 1_000, 1)
        .line_with("Book", 1_000, 1, |line| {
            line.facts.tax_class_id = Some("reduced".into());
        })
        .line_with("Stamp", 1_000, 1, |line| line.facts.taxable = false)
        .ships("DE", &[(1, 1), (2, 1), (3, 1)], "near/ground", 500);
    let fee = example("A fee is taxed at the billing address")
        .taxed("US", "0.1")
        .line("Vase", 4_000, 1)
        .cart(|cart| {
            cart.billing_address = Some(address("US"));
            cart.fees.push(Fee {
                id: id(9),
                name: "Insurance".into(),
                display_name: "insurance".into(),
                kind: String::new(),
                tax_class_id: None,
                amount: amount(255),
            });
        })
        .ships("CA", &[(1, 1)], "far/ground", 800);
    let wrapping = |name, together| {
        example(name)
            .taxed("US", "0.1")
            .line_with("Vase", 4_000, 3, |line| {
                line.gift_wrapping = wrapped(together);
            })
            .automatic("Half", always(whole_cart(percent("50"))))
            .ships("US", &[(1, 1)], "near/ground", 0)
            .ships("CA", &[(1, 2)], "far/ground", 0)
    };
    check(
        "tax",
        "Tax, fees and wrapping",
        vec![
            bought("Two taxes on the same amount", 1),
            bought("A tax on a tax", 2),
            home,
            unknown,
            discounted,
            abroad,
            exempt,
            exempt_group,
            class,
            fee,
            wrapping(
                "Wrapping is not discounted, and taxed where the units go",
                false,
            ),
            wrapping("Wrapped together, for one price", true),
        ],
    );
}
