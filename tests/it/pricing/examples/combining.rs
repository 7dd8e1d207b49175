//! How promotions, manual discounts and coupons go together.

use super::{builder::*, check};

#[test]
fn discounts_together() {
    let tenth = || always(goods(percent("10"), ALL));
    let stacked = example("Two coupons, each on what the one before left")
        .line("Shirt", 3_333, 1)
        .coupon("TEN", tenth())
        .coupon("TWENTY", always(goods(percent("20"), ALL)));
    let order = example("The lower priority goes first")
        .line("Shirt", 3_000, 1)
        .automatic_with("Half", vec![always(goods(percent("50"), ALL))], |p| {
            p.priority = 2;
        })
        .automatic_with("5 off", vec![always(goods(off(500), ALL))], |p| {
            p.priority = 1;
        });
    let rule_stop = example("A rule that stops its promotion")
        .line("Shirt", 3_000, 1)
        .automatic_with("First", vec![then_stop(tenth()), tenth()], |_| {})
        .automatic("Second", tenth());
    let stop = example("A promotion that stops what comes after it, coupons included")
        .line("Shirt", 3_000, 1)
        .automatic_with("First", vec![tenth()], |promotion| promotion.stop = true)
        .automatic("Second", tenth())
        .coupon("TEN", tenth());
    let no_stop = example("A promotion that gives nothing stops nothing")
        .line("Shirt", 3_000, 1)
        .automatic_with(
            "Hats",
            vec![always(goods(percent("10"), products(&["hat"])))],
            |p| p.stop = true,
        )
        .automatic("Second", tenth());
    let exclusive = example("A promotion that goes with no other, and comes first")
        .line("Shirt", 3_000, 1)
        .automatic_with("Alone", vec![tenth()], |promotion| {
            promotion.combinable = false;
        })
        .automatic("Second", tenth())
        .coupon("TEN", tenth());
    let too_late = example("A promotion that goes with no other, and comes second")
        .line("Shirt", 3_000, 1)
        .automatic("First", tenth())
        .automatic_with("Alone", vec![always(goods(percent("50"), ALL))], |p| {
            p.combinable = false;
        });
    let coupon = example("A coupon that goes with no other, after a promotion")
        .line("Shirt", 3_000, 1)
        .automatic("First", tenth())
        .coupon_with("ALONE", vec![tenth()], |promotion| {
            promotion.combinable = false;
        });
    let coupon_first = example("A coupon that goes with no other, before another coupon")
        .line("Shirt", 3_000, 1)
        .coupon_with("ALONE", vec![tenth()], |promotion| {
            promotion.combinable = false;
        })
        .coupon("TEN", tenth());
    let by_hand = example("A discount by hand on a line takes the place of automatic ones there")
        .line("Shirt", 3_000, 1)
        .line("Hat", 2_000, 1)
        .automatic("Tenth", tenth())
        .by_hand(Some(1), 700)
        .coupon("TEN", tenth());
    let whole =
        example("A discount by hand on the cart takes the place of all automatic ones on goods")
            .line("Shirt", 3_000, 1)
            .line("Hat", 2_000, 1)
            .automatic("Tenth", tenth())
            .automatic("Bag", always(gift("bag", 1)))
            .by_hand(None, 1_001);
    let counts = example("A line discounted by hand still counts for a condition")
        .line("Shirt", 3_000, 1)
        .line("Hat", 2_000, 1)
        .automatic(
            "Two units",
            when(units(2, ALL), goods(percent("10"), ALL).considered_too()),
        )
        .by_hand(Some(1), 700);
    let blocked =
        example("After a discount by hand, a coupon that goes with no other gives nothing")
            .line("Shirt", 3_000, 1)
            .by_hand(None, 100)
            .coupon_with("ALONE", vec![tenth()], |promotion| {
                promotion.combinable = false;
            });
    check(
        "combining",
        "Discounts together",
        vec![
            stacked,
            order,
            rule_stop,
            stop,
            no_stop,
            exclusive,
            too_late,
            coupon,
            coupon_first,
            by_hand,
            whole,
            counts,
            blocked,
        ],
    );
}
