//! What holds of every pricing, whatever the shop, the cart and the promotions.

use cartwright::domain::{
    cart::LineItemKind,
    checkout::Checkout,
    money::{Amount, split, sum},
    pricing::Pricing,
    promotion::{GivenDiscount, Promotion},
    store::TaxSettings,
};
use proptest::{collection::vec, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    arbitrary::{CURRENCIES, Case, cases},
    model::Figures,
};
use crate::harness::{
    dice::Dice,
    shop::{amount, currency, priced},
};

impl Case {
    /// The engine's pricing, with the identities of the rules checked.
    fn priced(&self) -> Pricing {
        priced(&self.checkout, &self.store, &self.automatic)
    }

    fn without_tax(mut self) -> Self {
        self.store.tax_zones.clear();
        self.store.tax = TaxSettings::default();
        self
    }

    fn shown_without_tax(mut self) -> Self {
        self.store.tax.show_prices_with_tax = false;
        self
    }

    /// The same figures in minor units of another currency.
    fn in_currency(&self, code: &str) -> Self {
        Self {
            store: written_in(&self.store, self.code(), code),
            checkout: written_in(&self.checkout, self.code(), code),
            automatic: written_in(&self.automatic, self.code(), code),
            ..self.clone()
        }
    }
}

fn written_in<T: Serialize + DeserializeOwned>(thing: &T, from: &str, to: &str) -> T {
    let text = serde_json::to_string(thing).unwrap();
    serde_json::from_str(&text.replace(&format!("\"{from}\""), &format!("\"{to}\""))).unwrap()
}

fn all_discounts(pricing: &Pricing) -> impl Iterator<Item = &GivenDiscount> {
    let on_lines = pricing.lines.iter().flat_map(|line| &line.discounts);
    on_lines.chain(pricing.consignments.iter().flat_map(|c| &c.discounts))
}

/// Moves every unit into the first consignment. The others stay, with their addresses and their cost.
fn put_together(checkout: &mut Checkout) {
    let Some((first, others)) = checkout.consignments.split_first_mut() else {
        return;
    };
    let moved = others
        .iter_mut()
        .flat_map(|other| std::mem::take(&mut other.items));
    first.items.extend(moved);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_model(case in cases()) {
        let difference = case.compare().err();
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }

    #[test]
    fn totals_add_up_and_pricing_twice_changes_nothing(case in cases()) {
        let pricing = case.priced();
        prop_assert_eq!(&pricing, &case.priced());
        let mut shown = case.clone();
        shown.checkout.pricing = pricing.clone();
        prop_assert_eq!(&pricing, &shown.priced());
    }

    #[test]
    fn nothing_is_negative_and_discounts_never_exceed_what_there_is(case in cases()) {
        let pricing = case.priced();
        let figures = Figures::from(&pricing);
        for (name, amount) in &figures.totals {
            prop_assert!(*amount >= 0, "{} is {}", name, amount);
        }
        for discount in all_discounts(&pricing) {
            prop_assert!(discount.amount >= Amount::ZERO);
        }
        for line in &figures.lines {
            prop_assert!(line.sale >= 0 && line.tax >= 0 && line.wrapping >= 0);
            prop_assert!(line.discount + line.coupon <= line.list);
        }
        for consignment in &figures.consignments {
            let off: i64 = consignment.discounts.iter().map(|(_, amount)| amount).sum();
            let (ex, inc) = consignment.shipping;
            let cost = if figures.tax_included { inc } else { ex };
            prop_assert!(off <= cost);
        }
    }

    #[test]
    fn with_tax_less_without_tax_is_the_tax(case in cases()) {
        let pricing = case.priced();
        let totals = &pricing.totals;
        let without_tax = totals.grand_total.minor() - totals.tax_total.minor();
        let off_shipping = Figures::from(&case.clone().shown_without_tax().priced());
        let parts = [
            totals.cart_amount_ex_tax.minor(),
            totals.shipping_cost_ex_tax.minor() - off_shipping.totals["shipping_discount_amount"],
            totals.handling_cost_ex_tax.minor(),
            totals.gift_wrapping_ex_tax.minor(),
            totals.fees_ex_tax.minor(),
        ];
        prop_assert_eq!(without_tax, parts.iter().sum::<i64>());
        let taxes = sum(pricing.taxes.iter().map(|(_, amount)| *amount)).unwrap();
        prop_assert_eq!(totals.tax_total, taxes);
    }

    #[test]
    fn what_is_paid_is_never_more_than_what_there_is(case in cases()) {
        let pricing = case.priced();
        let totals = &pricing.totals;
        let lines = case.checkout.lines.iter().zip(&pricing.lines);
        let bought = lines
            .filter(|(line, _)| line.facts.kind == LineItemKind::GiftCertificate)
            .map(|(_, line)| line.extended_sale_price);
        let bought = sum(bought).unwrap().minor();
        let by_certificate = totals.gift_certificate_amount.minor();
        prop_assert!(by_certificate <= (totals.grand_total.minor() - bought).max(0));
        for (applied, paid) in case.checkout.gift_certificates.iter().zip(&pricing.gift_certificates) {
            prop_assert!(*paid <= applied.balance);
            prop_assert!(applied.refusal.is_none() || paid.is_zero());
        }
        let credit = case.checkout.store_credit.unwrap_or_default();
        prop_assert!(totals.store_credit_amount <= credit);
        let paid = by_certificate + totals.store_credit_amount.minor();
        prop_assert_eq!(totals.outstanding_balance.minor(), totals.grand_total.minor() - paid);
    }

    #[test]
    fn the_order_of_lines_changes_nothing(case in cases(), mut dice in Dice::strategy()) {
        let mut shuffled = case.clone();
        let lines = &mut shuffled.checkout.lines;
        for last in (1..lines.len()).rev() {
            lines.swap(last, dice.index(last + 1));
        }
        let (before, after) = (case.priced(), shuffled.priced());
        prop_assert_eq!(&before.totals, &after.totals);
        prop_assert_eq!(&before.coupons, &after.coupons);
        for (line, priced) in case.checkout.lines.iter().zip(&before.lines) {
            let place = shuffled.checkout.lines.iter().position(|other| other.id == line.id);
            prop_assert_eq!(priced, &after.lines[place.unwrap()]);
        }
    }

    #[test]
    fn the_split_over_consignments_does_not_change_discounts_of_goods(case in cases()) {
        let case = case.without_tax();
        let mut together = case.clone();
        put_together(&mut together.checkout);
        let (split, together) = (case.priced(), together.priced());
        prop_assert_eq!(&split.lines, &together.lines);
        prop_assert_eq!(&split.totals, &together.totals);
    }

    #[test]
    fn removing_a_coupon_restores_what_was_before(case in cases(), mut dice in Dice::strategy()) {
        let case = case.without_tax();
        let before = case.priced();
        let mut with_coupon = case.clone();
        with_coupon.add_coupon(&mut dice);
        let after = with_coupon.priced();
        prop_assert!(after.totals.grand_total <= before.totals.grand_total);
        // Those that were there before give what they gave.
        prop_assert_eq!(&before.coupons, &after.coupons[..before.coupons.len()]);
        for (before, after) in before.lines.iter().zip(&after.lines) {
            prop_assert_eq!(before.discount_amount, after.discount_amount);
            prop_assert_eq!(&before.discounts[..], &after.discounts[..before.discounts.len()]);
        }
        let code = with_coupon.checkout.coupons.last().unwrap().code.clone();
        with_coupon.checkout.remove_coupon(&code).unwrap();
        prop_assert_eq!(before, with_coupon.priced());
    }

    #[test]
    fn a_promotion_that_gives_nothing_might_as_well_not_be_there(case in cases()) {
        let before = case.priced();
        for promotion in &case.automatic {
            let id = promotion.id;
            let discounts = all_discounts(&before).any(|d| d.promotion_id() == Some(id));
            if discounts || before.gifts.iter().any(|gift| gift.promotion_id == id) {
                continue;
            }
            let mut without = case.clone();
            without.automatic.retain(|promotion| promotion.id != id);
            prop_assert_eq!(&before, &without.priced());
        }
    }

    #[test]
    fn gifts_and_gift_certificates_are_never_discounted(case in cases()) {
        let pricing = case.priced();
        for (line, priced) in case.checkout.lines.iter().zip(&pricing.lines) {
            if !line.is_promotable() {
                prop_assert!(priced.discounts.is_empty());
                prop_assert_eq!(priced.extended_sale_price, priced.extended_list_price);
                prop_assert!(priced.tax_amount.is_zero());
            }
        }
    }

    #[test]
    fn minor_units_are_priced_alike_in_every_currency(mut case in cases()) {
        let code = case.code();
        let stays = |promotion: &Promotion| promotion.currency.is_none_or(|c| c.code() == code);
        case.automatic.retain(stays);
        case.checkout.coupons.retain(|coupon| stays(&coupon.promotion));
        let figures = Figures::from(&case.priced());
        for code in CURRENCIES {
            let other = case.in_currency(code);
            prop_assert_eq!(other.checkout.currency, currency(code));
            prop_assert_eq!(&figures, &Figures::from(&other.priced()));
        }
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
