//! Conditions, and promotions that work for several sets of units.

use cartwright::domain::promotion::{Condition, Strategy};

use super::{builder::*, check};

#[test]
fn sets_of_units() {
    let one_free = |quantity| {
        goods(percent("100"), products(&["mug"])).only(quantity, Strategy::LeastExpensive)
    };
    let three_for_two = example("Three for two").line("Mug", 1_200, 7).automatic(
        "Three for two",
        every(units(2, products(&["mug"])), one_free(1)),
    );
    let mixed = example("Three for two across a category: the least expensive are free")
        .line_with("Mug", 1_200, 2, |line| {
            line.facts.category_ids = vec!["cups".into()];
        })
        .line_with("Glass", 800, 3, |line| {
            line.facts.category_ids = vec!["cups".into()];
        })
        .line_with("Jug", 2_000, 1, |line| {
            line.facts.category_ids = vec!["cups".into()];
        })
        .automatic(
            "Three for two",
            every(
                units(2, categories(&["cups"])),
                goods(percent("100"), categories(&["cups"])).only(1, Strategy::LeastExpensive),
            ),
        );
    let second_half = example("Buy one, get the second at half price")
        .line("Shirt", 3_001, 2)
        .automatic(
            "Second at half",
            every(
                units(1, products(&["shirt"])),
                goods(percent("50"), products(&["shirt"])).only(1, Strategy::LeastExpensive),
            ),
        );
    let bogo = example("Buy a coffee machine, get a cup from the cart for nothing")
        .line("Machine", 19_900, 1)
        .line("Cup", 900, 2)
        .automatic(
            "Cup for machine",
            every(
                units(1, products(&["machine"])),
                goods(percent("100"), products(&["cup"])).only(1, Strategy::LeastExpensive),
            ),
        );
    let once = example("Three for two, but once")
        .line("Mug", 1_200, 7)
        .automatic("One free", when(units(2, products(&["mug"])), one_free(1)));
    let considered = example("Three or more: a tenth off all of them, those that count included")
        .line("Mug", 1_200, 3)
        .automatic(
            "Three",
            when(
                units(3, products(&["mug"])),
                goods(percent("10"), products(&["mug"])).considered_too(),
            ),
        );
    let not_considered = example("Three or more: a tenth off those beyond the three")
        .line("Mug", 1_200, 5)
        .automatic(
            "Beyond three",
            when(
                units(3, products(&["mug"])),
                goods(percent("10"), products(&["mug"])),
            ),
        );
    let both = example("5.00 off a shirt and a hat together")
        .line("Shirt", 3_000, 2)
        .line("Hat", 2_000, 1)
        .automatic(
            "Outfit",
            every(
                Condition::AllOf(vec![
                    units(1, products(&["shirt"])),
                    units(1, products(&["hat"])),
                ]),
                goods(off(500), ALL).together().considered_too(),
            ),
        );
    let either = example("A shirt or three hats")
        .line("Hat", 2_000, 3)
        .line("Sock", 500, 2)
        .automatic(
            "Socks",
            when(
                Condition::AnyOf(vec![
                    units(1, products(&["shirt"])),
                    units(3, products(&["hat"])),
                ]),
                goods(percent("100"), products(&["sock"])),
            ),
        );
    let none = example("Only where nothing heavy is in the cart")
        .line("Hat", 2_000, 1)
        .line("Anvil", 9_000, 1)
        .coupon(
            "LIGHT",
            when(
                Condition::NoneOf(vec![units(1, products(&["anvil"]))]),
                whole_cart(percent("10")),
            ),
        );
    let tiers = |spent: i64, name| {
        example(name).line("Chair", spent, 1).automatic_with(
            "Tiers",
            vec![
                then_stop(when(spend(usd(20_000), ALL), whole_cart(percent("20")))),
                then_stop(when(spend(usd(10_000), ALL), whole_cart(percent("10")))),
            ],
            |_| {},
        )
    };
    let set = goods(off(1), products(&["book"])).for_price(3, usd(2_500));
    let set_once = example("Three books for 25.00, once")
        .line("Book", 1_000, 7)
        .automatic("Three books", always(set.clone()));
    let set_again = example("Three books for 25.00, as often as there are three")
        .line("Book", 1_000, 7)
        .automatic("Three books", again(set.clone()));
    let set_not = example("A set that is not cheaper is not given")
        .line("Book", 800, 3)
        .automatic("Three books", again(set));
    let cheapest_set = example("Any two for 5.00: the least expensive come first")
        .line("Pen", 300, 2)
        .line("Ink", 400, 1)
        .automatic(
            "Two for 5",
            again(goods(off(1), ALL).for_price(2, usd(500))),
        );
    let dearest_set = example("Any two for 5.00: the most expensive come first")
        .line("Pen", 300, 2)
        .line("Ink", 400, 1)
        .automatic(
            "Two for 5",
            again(
                goods(off(1), ALL)
                    .by(Strategy::MostExpensive)
                    .for_price(2, usd(500)),
            ),
        );
    let pairs = example("5.00 off each pair")
        .line("Glove", 1_000, 5)
        .automatic(
            "Pairs",
            again(
                goods(off(500), ALL)
                    .together()
                    .only(2, Strategy::LeastExpensive),
            ),
        );
    check(
        "sets",
        "Conditions and sets of units",
        vec![
            three_for_two,
            mixed,
            second_half,
            bogo,
            once,
            considered,
            not_considered,
            both,
            either,
            none,
            tiers(9_999, "Tiered spend: below the first tier"),
            tiers(15_000, "Tiered spend: a tenth off"),
            tiers(25_000, "Tiered spend: a fifth off, and not the tenth too"),
            set_once,
            set_again,
            set_not,
            cheapest_set,
            dearest_set,
            pairs,
        ],
    );
}

#[test]
fn off_the_whole_cart_and_gifts() {
    let thirty = example("10.00 off for every 30.00 spent")
        .line("Shirt", 2_000, 4)
        .automatic(
            "Every 30",
            every(spend(usd(3_000), ALL), whole_cart(off(1_000))),
        );
    let percentage =
        example("60 % off the cart for every three units is never more than all of it")
            .line("Shirt", 1_000, 6)
            .automatic("Threes", every(units(3, ALL), whole_cart(percent("60"))));
    let maximum = example("A fifth off the cart, at most 5.00")
        .line("Shirt", 3_000, 1)
        .line("Hat", 2_000, 1)
        .coupon(
            "FIFTH",
            always(cartwright::domain::promotion::Action::CartValue {
                discount: percent("20"),
                maximum: Some(usd(500)),
            }),
        );
    let more = example("An amount is never more than the cart")
        .line("Pen", 300, 1)
        .coupon("TENOFF", always(whole_cart(off(1_000))));
    let present = example("A gift over a threshold")
        .line("Shirt", 3_000, 2)
        .automatic("Bag", when(spend(usd(5_000), ALL), gift("bag", 1)));
    let below = example("No gift below it")
        .line("Shirt", 3_000, 1)
        .automatic("Bag", when(spend(usd(5_000), ALL), gift("bag", 1)));
    let presents = example("Two gifts for every two shirts")
        .line("Shirt", 3_000, 5)
        .automatic(
            "Socks",
            every(units(2, products(&["shirt"])), gift("sock", 2)),
        );
    let not_counted = example("A gift in the cart counts for nothing and is not discounted")
        .line("Shirt", 3_000, 1)
        .line_with("Bag", 0, 1, |line| {
            line.gift_of = Some(crate::harness::shop::id(100));
        })
        .automatic("Bag", when(spend(usd(2_000), ALL), gift("bag", 1)))
        .automatic("Two units", when(units(2, ALL), whole_cart(percent("50"))));
    check(
        "cart",
        "Off the whole cart, and gifts",
        vec![
            thirty,
            percentage,
            maximum,
            more,
            present,
            below,
            presents,
            not_counted,
        ],
    );
}
