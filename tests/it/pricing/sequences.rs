//! Random sequences of everything that can be done to a checkout: after each step the engine and the model agree.

use cartwright::domain::{
    consignment::trim,
    pricing,
    promotion::{Promotion, index::Promotions},
};

use super::{
    arbitrary::{Case, quantity, somewhere, tax_settings},
    arbitrary_promotions::rule,
    model::{self, Figures},
};
use crate::harness::{SEED, dice::Dice, optional_variable, shop::now};

const SEQUENCES: u64 = 120;
const STEPS: usize = 50;
/// Of a line when rules form set after set, for the model goes through all units for each.
const MOST_UNITS: u32 = 200;

impl Case {
    /// Prices it by the engine and by the model, and tells where they differ.
    pub(crate) fn compare(&self) -> Result<(), String> {
        let (checkout, store) = (&self.checkout, &self.store);
        let promotions = Promotions::new(self.automatic.clone());
        let engine = pricing::price(checkout, store, &promotions, now()).unwrap();
        let model = model::price(checkout, store, &self.automatic, now());
        let engine = Figures::from(&engine);
        if engine == model {
            return Ok(());
        }
        Err(format!("{}\n{self:?}", difference(&engine, &model)))
    }

    /// Changes one thing.
    fn step(&mut self, dice: &mut Dice) {
        let lines = self.checkout.lines.len();
        let line = dice.index(lines);
        match dice.below(22) {
            0 | 1 if lines < 9 => self.add_line(dice),
            2 if lines > 1 && self.checkout.lines[line].gift_of.is_none() => {
                let id = self.checkout.lines[line].id;
                self.checkout
                    .manual_discounts
                    .retain(|d| d.line_item_id != Some(id));
                self.checkout.remove_line(id).unwrap();
            }
            3 | 4 => self.change_quantity(dice, line),
            5 if self.checkout.lines[line].is_promotable() => {
                self.checkout.lines[line].price_override = dice.maybe(2, Dice::amount);
            }
            6 | 7 if self.automatic.len() < 5 => self.add_promotion(dice),
            8 if !self.automatic.is_empty() => {
                let index = dice.index(self.automatic.len());
                self.automatic.remove(index);
            }
            9 if !self.automatic.is_empty() => {
                let index = dice.index(self.automatic.len());
                let code = self.code();
                change(&mut self.automatic[index], dice, code);
            }
            10 if self.checkout.coupons.len() < 3 => self.add_coupon(dice),
            11 if !self.checkout.coupons.is_empty() => {
                let index = dice.index(self.checkout.coupons.len());
                self.checkout.coupons.remove(index);
            }
            12 if self.checkout.manual_discounts.len() < 3 => self.add_manual_discount(dice),
            13 => {
                self.checkout.manual_discounts.pop();
            }
            14 if self.checkout.fees.len() < 5 => self.add_fee(dice),
            15 => {
                self.checkout.fees.pop();
                self.checkout.lines[line].gift_wrapping = None;
            }
            16 => self.wrap_a_line(dice),
            17 => self.set_consignments(dice),
            18 => self.set_customer(dice),
            19 => {
                self.add_certificate(dice);
                self.checkout.store_credit = dice.maybe(2, Dice::amount);
            }
            20 => {
                self.checkout.gift_certificates.pop();
                self.checkout.billing_address = dice.maybe(2, somewhere);
            }
            21 => {
                self.store.tax = tax_settings(dice);
                self.store.discount_overridden_prices = dice.once_in(2);
            }
            _ => {}
        }
        if self.repeats() {
            for line in &mut self.checkout.lines {
                line.quantity = line.quantity.min(MOST_UNITS);
                trim(&mut self.checkout.consignments, line.id, line.quantity);
            }
        }
    }

    /// Whether any rule forms more than one set.
    fn repeats(&self) -> bool {
        let coupons = self.checkout.coupons.iter().map(|coupon| &coupon.promotion);
        let mut rules = self
            .automatic
            .iter()
            .chain(coupons)
            .flat_map(|of| &of.rules);
        rules.any(|rule| !rule.apply_once)
    }

    fn change_quantity(&mut self, dice: &mut Dice, line: usize) {
        let units: u32 = self.checkout.lines.iter().map(|line| line.quantity).sum();
        let many = units < 100 && dice.once_in(60);
        let quantity = if many { 9_999 } else { quantity(dice) };
        let line = &mut self.checkout.lines[line];
        if line.is_mutable() {
            line.quantity = quantity;
            trim(&mut self.checkout.consignments, line.id, quantity);
        }
    }
}

/// The lines that differ, as each side has them.
fn difference(engine: &Figures, model: &Figures) -> String {
    let (engine, model) = (format!("{engine:#?}"), format!("{model:#?}"));
    let (mut engine, mut model): (Vec<_>, Vec<_>) =
        (engine.lines().collect(), model.lines().collect());
    while engine.last() == model.last() {
        engine.pop();
        model.pop();
    }
    let same = engine
        .iter()
        .zip(&model)
        .take_while(|(a, b)| a == b)
        .count();
    let (engine, model) = (engine[same..].join("\n"), model[same..].join("\n"));
    format!("engine:\n{engine}\nmodel:\n{model}")
}

fn change(promotion: &mut Promotion, dice: &mut Dice, code: &str) {
    match dice.below(5) {
        0 => promotion.enabled = !promotion.enabled,
        1 => promotion.stop = !promotion.stop,
        2 => promotion.combinable = !promotion.combinable,
        3 => promotion.priority = dice.pick(&[-1, 0, 1]),
        _ => promotion.rules.push(rule(dice, code)),
    }
}

/// `CARTWRIGHT_TEST_SEED` runs one sequence again, or others than usual.
#[test]
fn the_engine_agrees_with_the_model_after_every_step() {
    let seeds = match optional_variable(SEED) {
        Some(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        None => 1..=SEQUENCES,
    };
    for seed in seeds {
        let mut dice = Dice::Seeded(seed);
        let mut case = Case::small(&mut dice);
        for step in 0..STEPS {
            case.step(&mut dice);
            if let Err(difference) = case.compare() {
                panic!("{SEED}={seed}, step {step}:\n{difference}");
            }
        }
    }
}
