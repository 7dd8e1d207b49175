//! The goods of a cart as promotions see them: every line is a bag of units, each with a price of its own.
//!
//! Units of one price are kept as one run, so that a line of 9,999 units costs no more than one of a few.

use crate::domain::{
    cart::LineItem,
    checkout::Checkout,
    money::{Amount, Overflow, split, sum},
    promotion::{DiscountSource, GivenDiscount},
};

type Result<T> = std::result::Result<T, Overflow>;

/// The lines that promotions count and discount, the earlier first: by id, wherever they are in the cart.
#[derive(Debug)]
pub(in crate::domain) struct Goods<'a> {
    pub(in crate::domain) lines: Vec<GoodsLine<'a>>,
}

/// A line and what is left of its prices.
#[derive(Debug)]
pub(in crate::domain) struct GoodsLine<'a> {
    pub(in crate::domain) item: &'a LineItem,
    /// Its place in the cart.
    pub(in crate::domain) position: usize,
    /// Its place among the lines by product, variant and id, which decides between units of one price.
    pub(super) rank: usize,
    /// Whether a discount given by hand takes the place of automatic ones.
    pub(super) barred: bool,
    pub(super) runs: Vec<Run>,
    pub(in crate::domain) discounts: Vec<GivenDiscount>,
}

/// Units of one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// What each comes to now.
    pub(super) price: Amount,
    /// What each came to before the promotion that is being evaluated.
    pub(super) before: Amount,
    pub(super) units: u32,
}

/// Units of a run that are discounted, and what comes off them in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// The run, by its place in the line.
    pub(super) run: usize,
    pub(super) units: u32,
    pub(super) amount: Amount,
}

impl<'a> Goods<'a> {
    /// The promotable lines of a cart at their list prices.
    pub(in crate::domain) fn of(checkout: &'a Checkout) -> Self {
        let manual = &checkout.manual_discounts;
        let on_cart = manual.iter().any(|given| given.line_item_id.is_none());
        let promotable = checkout.lines.iter().enumerate();
        let mut lines: Vec<_> = promotable
            .filter(|(_, item)| item.is_promotable())
            .map(|(position, item)| GoodsLine {
                item,
                position,
                rank: 0,
                barred: on_cart
                    || manual
                        .iter()
                        .any(|given| given.line_item_id == Some(item.id)),
                runs: vec![Run {
                    price: item.list_price(),
                    before: item.list_price(),
                    units: item.quantity,
                }],
                discounts: Vec::new(),
            })
            .collect();
        lines.sort_by_key(|line| line.item.id);
        let mut by_product: Vec<&mut GoodsLine<'_>> = lines.iter_mut().collect();
        by_product.sort_by_key(|line| (&line.item.product_id, &line.item.variant_id));
        for (rank, line) in by_product.into_iter().enumerate() {
            line.rank = rank;
        }
        Self { lines }
    }

    /// Begins with the next promotion: what units come to now is what they came to before it.
    pub(super) fn settle(&mut self) {
        for line in &mut self.lines {
            line.settle();
        }
    }

    /// Takes an amount off several lines together, in proportion to what they come to; up to all of it.
    pub(in crate::domain) fn share(
        &mut self,
        amount: Amount,
        among: impl Fn(&GoodsLine<'_>) -> bool,
        source: &DiscountSource,
    ) -> Result<Amount> {
        let mut lines: Vec<_> = self.lines.iter_mut().filter(|line| among(line)).collect();
        let values = lines
            .iter()
            .map(|line| line.value())
            .collect::<Result<Vec<_>>>()?;
        let whole = amount.min(sum(values.iter().copied())?);
        let shares = split(whole, &minor(&values))?;
        for (line, share) in lines.iter_mut().zip(shares) {
            line.take(share, source)?;
        }
        Ok(whole)
    }
}

impl GoodsLine<'_> {
    /// What the units come to together.
    pub(in crate::domain) fn value(&self) -> Result<Amount> {
        self.runs.iter().try_fold(Amount::ZERO, |value, run| {
            value.plus(run.price.times(run.units)?)
        })
    }

    /// Takes an amount off all units.
    pub(super) fn take(&mut self, amount: Amount, source: &DiscountSource) -> Result<()> {
        let all = self.runs.iter().enumerate();
        let units: Vec<_> = all.map(|(run, of)| (run, of.units)).collect();
        self.spread(amount, &units, source)
    }

    /// Takes an amount off some units, in proportion to what those of one price come to, and evenly among these.
    pub(super) fn spread(
        &mut self,
        amount: Amount,
        units: &[(usize, u32)],
        source: &DiscountSource,
    ) -> Result<()> {
        let mut chosen = Vec::with_capacity(units.len());
        for (run, units) in units {
            if let Some(of) = self.runs.get(*run) {
                chosen.push((*of, *run, *units));
            }
        }
        chosen.sort_by_key(|(of, ..)| (of.price, of.before));
        let values = chosen
            .iter()
            .map(|(of, _, units)| of.price.times(*units))
            .collect::<Result<Vec<_>>>()?;
        let amounts = split(amount, &minor(&values))?;
        let shares = chosen.iter().zip(amounts);
        let shares: Vec<_> = shares
            .map(|((_, run, units), amount)| Share {
                run: *run,
                units: *units,
                amount,
            })
            .collect();
        self.reprice(&shares, source)
    }

    /// Takes off the shares, none of which is more than its units come to.
    pub(super) fn reprice(&mut self, shares: &[Share], source: &DiscountSource) -> Result<()> {
        let whole = sum(shares.iter().map(|share| share.amount))?;
        if whole.is_zero() {
            return Ok(());
        }
        let mut runs = Vec::with_capacity(self.runs.len().saturating_add(shares.len()));
        for (index, run) in self.runs.iter().enumerate() {
            match shares.iter().find(|share| share.run == index) {
                Some(share) => runs.extend(run.without(share)?),
                None => runs.push(*run),
            }
        }
        self.runs = runs;
        self.merge();
        note(&mut self.discounts, source, whole)
    }

    fn settle(&mut self) {
        if self.runs.iter().any(|run| run.before != run.price) {
            for run in &mut self.runs {
                run.before = run.price;
            }
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.runs.sort_by_key(|run| (run.price, run.before));
        self.runs.dedup_by(|next, run| {
            let same = (run.price, run.before) == (next.price, next.before);
            if same {
                run.units = run.units.saturating_add(next.units);
            }
            same
        });
    }
}

impl Run {
    /// What becomes of the run: units that are left alone, and those of the share, evenly cheaper to the minor unit.
    fn without(self, share: &Share) -> Result<Vec<Self>> {
        let units = i64::from(share.units);
        let each = share.amount.minor().checked_div(units).unwrap_or_default();
        let rest = share.amount.minor().checked_rem(units).unwrap_or_default();
        let one_more = u32::try_from(rest).map_err(|_| Overflow)?;
        let cheaper = self.price.minus(Amount::new(each))?;
        let pieces = [
            (self.price, self.units.saturating_sub(share.units)),
            (cheaper, share.units.saturating_sub(one_more)),
            (cheaper.minus(Amount::new(1))?, one_more),
        ];
        let pieces = pieces.into_iter().filter(|(_, units)| *units > 0);
        let before = self.before;
        Ok(pieces
            .map(|(price, units)| Self {
                price,
                before,
                units,
            })
            .collect())
    }
}

/// Adds to the discounts what a source gives; several rules of one promotion give one discount.
pub(super) fn note(
    discounts: &mut Vec<GivenDiscount>,
    source: &DiscountSource,
    amount: Amount,
) -> Result<()> {
    match discounts.last_mut() {
        Some(last) if last.source == *source => last.amount = last.amount.plus(amount)?,
        _ => discounts.push(GivenDiscount {
            source: source.clone(),
            amount,
        }),
    }
    Ok(())
}

/// The minor units of amounts, as weights.
pub(in crate::domain) fn minor(amounts: &[Amount]) -> Vec<i64> {
    amounts.iter().map(|amount| amount.minor()).collect()
}
