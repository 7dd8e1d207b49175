//! The worked cart of docs/pricing.md: its figures are what the engine computes. `CARTWRIGHT_UPDATE_EXAMPLES=1` writes them
//! anew.

use std::path::Path;

use cartwright::domain::{
    cart::LineItemKind,
    fee::Fee,
    gift_certificate::AppliedGiftCertificate,
    gift_wrapping::GiftWrapping,
    money::Amount,
    promotion::{Action, Strategy},
};

use super::examples::builder::*;
use crate::harness::{
    optional_variable,
    shop::{address, amount, id},
};

const BEGIN: &str = "<!-- computed -->\n";
const END: &str = "<!-- end -->\n";

/// A bit of everything that has a price.
fn worked_cart() -> Example {
    let fourth_free = every(
        units(3, products(&["mug"])),
        goods(percent("100"), products(&["mug"]))
            .only(1, Strategy::LeastExpensive)
            .considered_too(),
    );
    let shipping = Action::Shipping {
        discount: off(200),
        zone_ids: Vec::new(),
        method_ids: Vec::new(),
    };
    example("The worked cart")
        .taxed("US", "0.04")
        .line("Mug", 1_200, 3)
        .line_with("Poster", 3_195, 1, |line| {
            line.gift_wrapping = Some(GiftWrapping {
                option_id: "kraft".into(),
                name: "Kraft paper".into(),
                message: String::new(),
                together: false,
                price: amount(300),
            });
        })
        .line_with("Gift certificate", 2_500, 1, |line| {
            line.facts.kind = LineItemKind::GiftCertificate;
            line.facts.taxable = false;
            line.product_id.clear();
        })
        .automatic("Three for two", fourth_free)
        .automatic("Shipping for less", always(shipping))
        .by_hand(Some(2), 500)
        .coupon("WELCOME", always(whole_cart(percent("10"))))
        .ships("US", &[(1, 3), (2, 1)], "near/ground", 800)
        .cart(|cart| {
            cart.billing_address = Some(address("US"));
            cart.fees.push(Fee {
                id: id(500),
                name: "Insurance".into(),
                display_name: "Insurance".into(),
                kind: String::new(),
                tax_class_id: None,
                amount: amount(150),
            });
            cart.gift_certificates.push(AppliedGiftCertificate {
                id: id(700),
                code: "GIFT".into(),
                balance: amount(4_000),
                refusal: None,
            });
            cart.store_credit = Some(amount(1_000));
        })
}

/// The step by step table, each row with what it changes and why.
fn table() -> String {
    let cart = worked_cart();
    let pricing = cart.priced();
    let figure = |amount: Amount| cart.figure(amount);
    let [mugs, poster, certificate] = pricing.lines.as_slice() else {
        panic!("three lines")
    };
    let off = |line: &cartwright::domain::pricing::LinePricing, at: usize| {
        format!("−{}", figure(line.discounts[at].amount))
    };
    let totals = &pricing.totals;
    let tax = |inc: Amount, ex: Amount| figure(amount(inc.minor() - ex.minor()));
    let shipping_tax = {
        let others = [mugs.tax_amount, poster.tax_amount]
            .map(Amount::minor)
            .iter()
            .sum::<i64>()
            + totals.gift_wrapping_inc_tax.minor()
            - totals.gift_wrapping_ex_tax.minor()
            + totals.fees_inc_tax.minor()
            - totals.fees_ex_tax.minor();
        figure(amount(totals.tax_total.minor() - others))
    };
    let shipping = totals.shipping_cost_ex_tax.minor() - totals.shipping_discount_amount.minor();
    let rows = [
        (
            "1. list price × quantity",
            [
                figure(mugs.extended_list_price),
                figure(poster.extended_list_price),
                figure(certificate.extended_list_price),
            ],
        ),
        (
            "2. automatic: three for two",
            [off(mugs, 0), String::new(), String::new()],
        ),
        (
            "3. by hand: 5.00 off the poster",
            [String::new(), off(poster, 0), String::new()],
        ),
        (
            "4. coupon: 10 % off the cart",
            [off(mugs, 1), off(poster, 1), String::new()],
        ),
        (
            "goods",
            [
                figure(mugs.extended_sale_price),
                figure(poster.extended_sale_price),
                figure(certificate.extended_sale_price),
            ],
        ),
        (
            "7. tax on them",
            [
                figure(mugs.tax_amount),
                figure(poster.tax_amount),
                figure(certificate.tax_amount),
            ],
        ),
    ];
    let mut text =
        "| | 3 mugs at 12.00 | 1 poster at 31.95 | gift certificate |\n| --- | --: | --: | --: |\n"
            .to_owned();
    for (step, figures) in rows {
        text += &row(&[&[step.to_owned()][..], &figures].concat());
    }
    let sums = [
        (
            "goods",
            figure(totals.cart_amount_ex_tax),
            tax(totals.cart_amount_inc_tax, totals.cart_amount_ex_tax),
        ),
        (
            "5. shipping 8.00, less 2.00 by a promotion",
            figure(amount(shipping)),
            shipping_tax,
        ),
        (
            "6. gift wrapping of the poster",
            figure(totals.gift_wrapping_ex_tax),
            tax(totals.gift_wrapping_inc_tax, totals.gift_wrapping_ex_tax),
        ),
        (
            "6. fee: insurance",
            figure(totals.fees_ex_tax),
            tax(totals.fees_inc_tax, totals.fees_ex_tax),
        ),
    ];
    text += "\n| | without tax | 7. tax, 4 % |\n| --- | --: | --: |\n";
    for (step, cost, tax) in sums {
        text += &row(&[step.to_owned(), cost, tax]);
    }
    let ex = totals.grand_total.minor() - totals.tax_total.minor();
    text += &row(&[
        "sum".to_owned(),
        figure(amount(ex)),
        figure(totals.tax_total),
    ]);
    text += "\n| | |\n| --- | --: |\n";
    let paid = [
        ("8. grand total", figure(totals.grand_total)),
        (
            "gift certificate with 40.00 pays",
            format!("−{}", figure(totals.gift_certificate_amount)),
        ),
        (
            "store credit of 10.00 pays",
            format!("−{}", figure(totals.store_credit_amount)),
        ),
        ("outstanding balance", figure(totals.outstanding_balance)),
    ];
    for (step, figure) in paid {
        text += &row(&[step.to_owned(), figure]);
    }
    text
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_figures_of_the_worked_cart_are_computed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pricing.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("where the figures begin");
    let (written, after) = rest.split_once(END).expect("where the figures end");
    let computed = format!("\n{}\n", table());
    if optional_variable("CARTWRIGHT_UPDATE_EXAMPLES").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{computed}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, computed, "{}", path.display());
}
