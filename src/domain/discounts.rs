//! What takes how much off which line and off the shipping of which consignment, on prices as entered.
//!
//! Automatic promotions come first, by priority, then discounts given by hand, then coupons in the order in which
//! they were applied. Each works on what the one before left.

use chrono::{DateTime, Utc};

use super::{
    checkout::Checkout,
    coupon::AppliedCoupon,
    money::Amount,
    pricing::Gift,
    promotion::{
        DiscountSource, GivenDiscount, Promotion,
        evaluation::{Cart, Outcome},
    },
    reason::{Refusal, Result},
    store::Store,
};

/// The discounts of a checkout.
pub(super) struct Discounts<'a> {
    /// Of each line.
    pub(super) lines: Vec<DiscountedLine>,
    /// The discounts on the shipping of each consignment.
    pub(super) shipping: Vec<Vec<GivenDiscount>>,
    /// What promotions add.
    pub(super) gifts: Vec<Gift>,
    /// Why each coupon gives nothing; none for one that qualifies.
    pub(super) refusals: Vec<Option<Refusal>>,
    /// The promotions that are for this checkout, coupons' included, with what became of them.
    pub(super) outcomes: Vec<(&'a Promotion, Outcome)>,
}

/// A line after discounts.
#[derive(Debug, Clone)]
pub(super) struct DiscountedLine {
    /// What is left.
    pub(super) value: Amount,
    /// The discounts, in the order in which they were given.
    pub(super) discounts: Vec<GivenDiscount>,
}

/// Works out every discount. `automatic` are the promotions that apply by themselves, in their order.
pub(super) fn discount<'a>(
    checkout: &'a Checkout,
    store: &'a Store,
    automatic: &[&'a Promotion],
    now: DateTime<Utc>,
) -> Result<Discounts<'a>> {
    let mut evaluation = Evaluation {
        cart: Cart::of(checkout, store),
        ended: false,
        outcomes: Vec::new(),
        now,
    };
    for promotion in automatic {
        evaluation.automatic(promotion)?;
    }
    evaluation.manual()?;
    let mut refusals = Vec::with_capacity(checkout.coupons.len());
    for coupon in &checkout.coupons {
        refusals.push(evaluation.coupon(coupon)?);
    }
    evaluation.finished(refusals)
}

struct Evaluation<'a> {
    cart: Cart<'a>,
    /// Whether a promotion has applied after which nothing else is evaluated.
    ended: bool,
    outcomes: Vec<(&'a Promotion, Outcome)>,
    now: DateTime<Utc>,
}

impl<'a> Evaluation<'a> {
    fn automatic(&mut self, promotion: &'a Promotion) -> Result<()> {
        if self.combines(promotion) && promotion.eligible(self.cart.checkout, self.now).is_ok() {
            let promotion_id = promotion.id;
            self.apply(promotion, &DiscountSource::Automatic { promotion_id })?;
        }
        Ok(())
    }

    fn manual(&mut self) -> Result<()> {
        for given in &self.cart.checkout.manual_discounts {
            let source = DiscountSource::Manual {
                discount_id: given.id,
            };
            let line = given.line_item_id;
            let goods = &mut self.cart.goods;
            goods.share(
                given.amount,
                |of| line.is_none_or(|line| of.item.id == line),
                &source,
            )?;
        }
        Ok(())
    }

    /// Answers why the coupon gives nothing, if it does not qualify.
    fn coupon(&mut self, coupon: &'a AppliedCoupon) -> Result<Option<Refusal>> {
        let promotion = &coupon.promotion;
        if let Err(why) = promotion.eligible(self.cart.checkout, self.now) {
            return Ok(Some(coupon.ineligible(&why)));
        }
        if !self.combines(promotion) {
            return Ok(Some(coupon.not_combinable()));
        }
        Ok(match self.apply(promotion, &coupon.source())? {
            Outcome::Applies | Outcome::Qualifies => None,
            Outcome::Lacks(lack) => Some(coupon.lacks(&lack)),
            Outcome::NothingToDiscount => Some(coupon.nothing_to_discount()),
        })
    }

    /// Whether the promotion goes together with what has discounted so far.
    fn combines(&self, promotion: &Promotion) -> bool {
        !self.ended && (promotion.combinable || !self.cart.is_discounted())
    }

    fn apply(&mut self, promotion: &'a Promotion, source: &DiscountSource) -> Result<Outcome> {
        let outcome = self.cart.apply(promotion, source)?;
        self.ended = outcome == Outcome::Applies && (promotion.stop || !promotion.combinable);
        self.outcomes.push((promotion, outcome.clone()));
        Ok(outcome)
    }

    fn finished(self, refusals: Vec<Option<Refusal>>) -> Result<Discounts<'a>> {
        let mut lines = Vec::with_capacity(self.cart.checkout.lines.len());
        for line in &self.cart.checkout.lines {
            lines.push(DiscountedLine {
                value: line.extended_list_price()?,
                discounts: Vec::new(),
            });
        }
        for goods in self.cart.goods.lines {
            if let Some(line) = lines.get_mut(goods.position) {
                line.value = goods.value()?;
                line.discounts = goods.discounts;
            }
        }
        let shipping = self.cart.shipping.into_iter();
        Ok(Discounts {
            lines,
            shipping: shipping.map(|of| of.discounts).collect(),
            gifts: self.cart.gifts,
            refusals,
            outcomes: self.outcomes,
        })
    }
}
