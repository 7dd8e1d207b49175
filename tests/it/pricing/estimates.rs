//! What holds when a tax provider works the taxes out, whatever it answers.

use std::time::Duration;

use cartwright::domain::{
    money::Amount,
    pricing::{Pricing, price_and_ask},
    promotion::index::Promotions,
    store::{TaxFallback, TaxProvider},
    tax_estimate::{TaxEstimate, TaxQuestion},
};
use proptest::{collection::vec, prelude::*};

use super::arbitrary::{Case, cases};
use crate::harness::shop::{now, priced};

/// The name of what the provider takes, which no other tax has.
const NAME: &str = "Provider's";

impl Case {
    fn with_provider(mut self) -> Self {
        self.store.tax.provider = Some(TaxProvider {
            url: "http://tax".into(),
            timeout: Duration::from_secs(1),
            fallback: TaxFallback::Block,
        });
        self
    }

    fn question(&self) -> Option<TaxQuestion> {
        let promotions = Promotions::new(self.automatic.clone());
        let priced = price_and_ask(&self.checkout, &self.store, &promotions, now());
        priced.unwrap().1
    }

    /// Priced with so many hundredths of each amount, in turn.
    fn estimated(&self, question: TaxQuestion, percentages: &[i64]) -> Pricing {
        let asked = question.taxables.iter().zip(percentages.iter().cycle());
        let tax = |amount: Amount, percentage: &i64| Amount::new(amount.minor() * percentage / 100);
        let taxes =
            asked.map(|(one, percentage)| vec![(NAME.to_owned(), tax(one.amount, percentage))]);
        let mut case = self.clone();
        case.checkout.tax_estimate = Some(TaxEstimate {
            provider_url: String::new(),
            taxes: taxes.collect(),
            question,
            time: now(),
        });
        priced(&case.checkout, &case.store, &case.automatic)
    }
}

fn charged_by_provider(pricing: &Pricing) -> i64 {
    let by_provider = pricing.taxes.iter().filter(|(name, _)| name == NAME);
    by_provider.map(|(_, amount)| amount.minor()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn its_taxes_are_charged_to_the_cent(case in cases(), percentages in vec(0..=100_i64, 1..8)) {
        let case = case.with_provider();
        let Some(question) = case.question() else { return Ok(()) };
        let due = question.taxables.iter().zip(percentages.iter().cycle());
        let due: i64 = due.map(|(one, percentage)| one.amount.minor() * percentage / 100).sum();
        // The identities of the rules are checked on the way.
        let pricing = case.estimated(question, &percentages);
        prop_assert_eq!(charged_by_provider(&pricing), due);
        for discount in pricing.lines.iter().flat_map(|line| &line.discounts) {
            prop_assert!(discount.amount >= Amount::ZERO);
        }
        for discount in pricing.consignments.iter().flat_map(|consignment| &consignment.discounts) {
            prop_assert!(discount.amount >= Amount::ZERO);
        }
    }

    #[test]
    fn it_is_asked_the_same_whatever_it_answered(case in cases(), percentages in vec(0..=100_i64, 1..8)) {
        let mut case = case.with_provider();
        let Some(question) = case.question() else { return Ok(()) };
        case.checkout.pricing = case.estimated(question.clone(), &percentages);
        prop_assert_eq!(case.question(), Some(question));
    }

    #[test]
    fn an_answer_to_another_question_does_not_count(case in cases(), percentages in vec(1..=100_i64, 1..8)) {
        let case = case.with_provider();
        let Some(mut question) = case.question() else { return Ok(()) };
        question.customer_id.push('x');
        let pricing = case.estimated(question, &percentages);
        prop_assert_eq!(pricing, priced(&case.checkout, &case.store, &case.automatic));
    }
}
