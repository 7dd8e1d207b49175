//! Discounts on certain goods.

use cartwright::domain::promotion::{
    Strategy,
    items::{ItemsMatcher, NameAndValues},
};

use super::{builder::*, check};
use crate::harness::shop::amount;

fn wardrobe(name: &'static str) -> Example {
    example(name)
        .line_with("Hat", 2_000, 1, |line| {
            line.facts.category_ids = vec!["hats".into()];
            line.facts.brand_id = "acme".into();
        })
        .line_with("Shirt", 3_000, 2, |line| {
            line.facts.category_ids = vec!["shirts".into(), "summer".into()];
            line.variant_id = "blue".into();
            line.facts.brand_id = "acme".into();
        })
        .line_with("Coat", 9_000, 1, |line| {
            line.facts.category_ids = vec!["coats".into()];
            line.facts.on_sale = true;
            line.facts.custom_fields = vec![("Season".into(), "Winter".into())];
        })
}

#[test]
fn discounts_on_certain_goods() {
    let category = wardrobe("A tenth off a category").automatic(
        "Shirt week",
        always(goods(percent("10"), categories(&["shirts"]))),
    );
    let excluded = wardrobe("Everything but one category").automatic(
        "Not coats",
        always(goods(
            percent("10"),
            ItemsMatcher::NoneOf(vec![categories(&["coats"])]),
        )),
    );
    let brand =
        wardrobe("A brand").automatic("Acme days", always(goods(percent("25"), brands(&["acme"]))));
    let both = wardrobe("A category of one brand").automatic(
        "Acme shirts",
        always(goods(
            percent("25"),
            ItemsMatcher::AllOf(vec![brands(&["acme"]), categories(&["shirts"])]),
        )),
    );
    let either = wardrobe("One product or one category").automatic(
        "Hats and coats",
        always(goods(
            percent("10"),
            ItemsMatcher::AnyOf(vec![products(&["hat"]), categories(&["coats"])]),
        )),
    );
    let blue = ItemsMatcher::Variants([("shirt".into(), "blue".into())].into());
    let variant = wardrobe("One variant").automatic("Blue", always(goods(off(500), blue)));
    let large = ItemsMatcher::Option(NameAndValues {
        name: "size".into(),
        values: ["xl".into()].into(),
    });
    let option = example("An option, whatever its case")
        .line_with("Shirt", 3_000, 1, |line| {
            line.facts.selections = vec![size("XL")];
        })
        .line_with("Vest", 3_000, 1, |line| {
            line.facts.selections = vec![size("S")];
        })
        .automatic("Large", always(goods(percent("50"), large)));
    let winter = ItemsMatcher::CustomField(NameAndValues {
        name: "season".into(),
        values: ["winter".into()].into(),
    });
    let field =
        wardrobe("A custom field").automatic("Winter", always(goods(percent("50"), winter)));
    let sale = wardrobe("Nothing that is on sale already")
        .automatic("Fifth off", always(goods(percent("20"), ALL).not_on_sale()));
    let overridden = wardrobe("A price set by hand is not discounted")
        .cart(|cart| cart.lines[0].price_override = Some(amount(1_500)))
        .coupon("TEN", always(goods(percent("10"), ALL)));
    let allowed = wardrobe("A price set by hand is discounted where the shop says so")
        .shop(|store| store.discount_overridden_prices = true)
        .cart(|cart| cart.lines[0].price_override = Some(amount(1_500)))
        .coupon("TEN", always(goods(percent("10"), ALL)));
    let each = wardrobe("An amount off each unit is never more than its price")
        .automatic("25 off", always(goods(off(2_500), ALL)));
    let together = wardrobe("An amount off all units together")
        .automatic("10 off", always(goods(off(1_000), ALL).together()));
    let total_overridden = wardrobe("An amount off all together counts prices set by hand too")
        .cart(|cart| cart.lines[0].price_override = Some(amount(1_500)))
        .automatic("10 off", always(goods(off(1_000), ALL).together()));
    let maximum = wardrobe("Half off, at most 20.00, shared as the halves are").automatic(
        "Half",
        always(goods(percent("50"), ALL).at_most(usd(2_000))),
    );
    let dearest = wardrobe("The most expensive item a fifth off").automatic(
        "Star",
        always(goods(percent("20"), ALL).only(1, Strategy::MostExpensive)),
    );
    let cheapest = wardrobe("The two least expensive items half off").automatic(
        "Small things",
        always(goods(percent("50"), ALL).only(2, Strategy::LeastExpensive)),
    );
    let dearest_only = wardrobe("Everything at the highest price").automatic(
        "Top",
        always(goods(percent("10"), ALL).by(Strategy::MostExpensiveOnly)),
    );
    let cheapest_only = example("Three units, but only those at the lowest price")
        .line("Pen", 300, 1)
        .line("Cap", 300, 1)
        .line("Ink", 500, 4)
        .automatic(
            "Little",
            always(goods(percent("50"), ALL).only(3, Strategy::LeastExpensiveOnly)),
        );
    let tie = example("Of equal prices the product with the lower id")
        .line("Pen", 300, 1)
        .line("Ink", 300, 1)
        .automatic(
            "One",
            always(goods(percent("100"), ALL).only(1, Strategy::LeastExpensive)),
        );
    check(
        "goods",
        "Discounts on certain goods",
        vec![
            category,
            excluded,
            brand,
            both,
            either,
            variant,
            option,
            field,
            sale,
            overridden,
            allowed,
            each,
            together,
            total_overridden,
            maximum,
            dearest,
            cheapest,
            dearest_only,
            cheapest_only,
            tie,
        ],
    );
}

fn size(size: &str) -> cartwright::domain::cart::Selection {
    cartwright::domain::cart::Selection {
        option_id: "size".into(),
        value: format!("size-{size}"),
        name: "Size".into(),
        display_value: size.into(),
        answered: false,
    }
}
