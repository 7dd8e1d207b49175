//! Examples that a merchandiser can read: each chapter is a file beside this one with carts, promotions and what comes of
//! them, written from the code and compared with it. `CARTWRIGHT_UPDATE_EXAMPLES=1` writes the files anew.

use std::{fmt::Write as _, path::Path};

use cartwright::domain::{
    checkout::Checkout,
    money::Amount,
    pricing::{self, Pricing},
    promotion::{DiscountSource, GivenDiscount, index::Promotions},
};

use self::builder::Example;
use super::{
    model::{self, Figures},
    words,
};
use crate::harness::{
    optional_variable,
    shop::{assert_identities, now},
};

pub(crate) mod builder;
mod combining;
mod gates;
mod goods;
mod paying;
mod rules;
mod sets;
mod shipping;
mod tax;

impl Example {
    /// What the engine says, which the model confirms.
    pub(crate) fn priced(&self) -> Pricing {
        let promotions = Promotions::new(self.automatic.clone());
        let pricing = pricing::price(&self.checkout, &self.store, &promotions, now()).unwrap();
        assert_identities(&pricing);
        let model = model::price(&self.checkout, &self.store, &self.automatic, now());
        assert_eq!(Figures::from(&pricing), model, "{}", self.name);
        pricing
    }

    /// Cart, promotions and outcome.
    fn text(&self) -> String {
        let mut text = format!("## {}\n\n", self.name);
        for words in words::all(&self.store, &self.checkout, &self.automatic) {
            writeln!(text, "- {words}").unwrap();
        }
        let pricing = self.priced();
        text.push_str("\n| | list | off | sale | tax |\n| --- | --: | :-- | --: | --: |\n");
        for (item, line) in self.checkout.lines.iter().zip(&pricing.lines) {
            let off = self.off(&line.discounts);
            let [list, sale, tax] = [
                line.extended_list_price,
                line.extended_sale_price,
                line.tax_amount,
            ]
            .map(|amount| self.figure(amount));
            writeln!(
                text,
                "| {} | {list} | {off} | {sale} | {tax} |",
                item.facts.name
            )
            .unwrap();
        }
        text.push('\n');
        for words in self.outcome(&pricing) {
            writeln!(text, "{words}  ").unwrap();
        }
        text
    }

    pub(crate) fn figure(&self, amount: Amount) -> String {
        words::figure(amount, self.checkout.currency)
    }

    pub(crate) fn off(&self, discounts: &[GivenDiscount]) -> String {
        let words = discounts.iter().map(|discount| {
            let name = match &discount.source {
                DiscountSource::Automatic { promotion_id } => {
                    let mut all = self.automatic.iter();
                    all.find(|promotion| promotion.id == *promotion_id)
                        .unwrap()
                        .name
                        .clone()
                }
                DiscountSource::Manual { .. } => "by hand".into(),
                DiscountSource::Coupon { code, .. } => code.clone(),
            };
            format!("{} {name}", self.figure(discount.amount))
        });
        words.collect::<Vec<_>>().join(", ")
    }

    fn outcome(&self, pricing: &Pricing) -> Vec<String> {
        let mut words = Vec::new();
        for gift in &pricing.gifts {
            words.push(format!("Gift: {} × {}", gift.quantity, gift.product_id));
        }
        for (coupon, outcome) in self.checkout.coupons.iter().zip(&pricing.coupons) {
            if let Some(refusal) = &outcome.refusal {
                words.push(format!(
                    "{} gives nothing: {}",
                    coupon.code,
                    refusal.reason.name()
                ));
            }
        }
        for consignment in &pricing.consignments {
            if !consignment.discounts.is_empty() {
                words.push(format!(
                    "Off shipping: {}",
                    self.off(&consignment.discounts)
                ));
            }
        }
        words.push(self.totals(pricing, &self.checkout));
        words
    }

    fn totals(&self, pricing: &Pricing, checkout: &Checkout) -> String {
        let totals = &pricing.totals;
        let (with, without) = (pricing.tax_included, !pricing.tax_included);
        let parts = [
            ("Goods", with, totals.cart_amount_inc_tax),
            ("Goods", without, totals.cart_amount_ex_tax),
            ("wrapping", with, totals.gift_wrapping_inc_tax),
            ("wrapping", without, totals.gift_wrapping_ex_tax),
            ("shipping", with, totals.shipping_cost_inc_tax),
            ("shipping", without, totals.shipping_cost_ex_tax),
            ("off shipping", true, totals.shipping_discount_amount),
            ("handling", with, totals.handling_cost_inc_tax),
            ("handling", without, totals.handling_cost_ex_tax),
            ("fees", with, totals.fees_inc_tax),
            ("fees", without, totals.fees_ex_tax),
        ];
        let mut words: Vec<String> = parts
            .into_iter()
            .filter(|(name, shown, amount)| *shown && (*name == "Goods" || !amount.is_zero()))
            .map(|(name, _, amount)| format!("{name} {}", self.figure(amount)))
            .collect();
        let taxes = pricing.taxes.iter().filter(|(_, amount)| !amount.is_zero());
        let included = if with { "of it " } else { "" };
        words.extend(taxes.map(|(name, tax)| format!("{included}{name} {}", self.figure(*tax))));
        if !pricing.tax_exemption.is_empty() {
            words.push(format!("exempt: {}", pricing.tax_exemption));
        }
        words.push(format!("**total {}**", self.figure(totals.grand_total)));
        if !checkout.gift_certificates.is_empty() || checkout.store_credit.is_some() {
            words.push(format!(
                "gift certificates {}",
                self.figure(totals.gift_certificate_amount)
            ));
            words.push(format!(
                "store credit {}",
                self.figure(totals.store_credit_amount)
            ));
            words.push(format!(
                "to pay {}",
                self.figure(totals.outstanding_balance)
            ));
        }
        words.join(", ")
    }
}

/// Compares a chapter with its file.
fn check(chapter: &str, title: &str, examples: Vec<Example>) {
    let texts = examples
        .into_iter()
        .map(|example| example.text())
        .collect::<Vec<_>>();
    let text = format!("# {title}\n\n{}", texts.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/pricing/examples")
        .join(format!("{chapter}.md"));
    if optional_variable("CARTWRIGHT_UPDATE_EXAMPLES").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "{}", path.display());
}
