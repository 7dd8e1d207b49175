//! Gift certificates, store credit, and currencies without and with more digits.

use cartwright::domain::{
    cart::LineItemKind,
    gift_certificate::AppliedGiftCertificate,
    reason::{Reason, Refusal},
};

use super::{builder::*, check};
use crate::harness::shop::{amount, id, money};

fn pays(example: Example, balance: i64, refused: bool) -> Example {
    let refusal = Refusal::new(Reason::GiftCertificateExpired, "it has expired");
    example.cart(|cart| {
        cart.gift_certificates.push(AppliedGiftCertificate {
            id: id(700),
            code: "GIFT".into(),
            balance: amount(balance),
            refusal: refused.then_some(refusal),
        });
    })
}

fn certificate(example: Example, worth: i64) -> Example {
    example.line_with("Certificate", worth, 1, |line| {
        line.facts.kind = LineItemKind::GiftCertificate;
        line.facts.taxable = false;
        line.product_id.clear();
    })
}

#[test]
fn paying_and_currencies() {
    let shirt = |name| {
        example(name)
            .taxed("US", "0.1")
            .line("Shirt", 3_000, 1)
            .ships("US", &[(1, 1)], "near/ground", 0)
    };
    let two = pays(
        pays(shirt("Two gift certificates, in order"), 2_000, false),
        2_000,
        false,
    );
    let refused = pays(shirt("One that has expired pays nothing"), 2_000, true);
    let credit = pays(shirt("A gift certificate, then store credit"), 2_000, false)
        .cart(|cart| cart.store_credit = Some(amount(900)));
    let all = shirt("Store credit pays for all of it")
        .cart(|cart| cart.store_credit = Some(amount(9_000)));
    let buying = pays(
        certificate(
            shirt("A gift certificate cannot pay for another one"),
            5_000,
        ),
        9_000,
        false,
    )
    .cart(|cart| cart.store_credit = Some(amount(1_000)));
    let never = certificate(
        shirt("A gift certificate in the cart is not discounted, and does not count"),
        5_000,
    )
    .coupon("HALF", always(whole_cart(percent("50"))))
    .automatic("Two units", when(units(2, ALL), whole_cart(percent("10"))));
    let yen = in_currency("JPY", "Yen: a tenth off 333, with tax of a tenth")
        .taxed("JP", "0.1")
        .line("Fan", 333, 1)
        .ships("JP", &[(1, 1)], "near/ground", 500)
        .coupon("TEN", always(goods(percent("10"), ALL)));
    let yen_off = in_currency("JPY", "Yen: 100 off shared by three")
        .line("Fan", 200, 1)
        .line("Tea", 200, 1)
        .line("Cup", 200, 1)
        .coupon(
            "HUNDRED",
            always(whole_cart(cartwright::domain::promotion::Discount::Fixed(
                money("JPY", 100),
            ))),
        );
    let dinars = in_currency("KWD", "Dinars: three for 5.000")
        .line("Date", 1_999, 3)
        .automatic(
            "Three for 5",
            always(goods(off(1), ALL).for_price(3, money("KWD", 5_000))),
        );
    check(
        "paying",
        "Gift certificates, store credit and currencies",
        vec![
            two, refused, credit, all, buying, never, yen, yen_off, dinars,
        ],
    );
}
