//! What a checkout comes to: a pure function of the checkout, the store's settings and the promotions.
//!
//! The order of pricing: list prices, automatic promotions, discounts given by hand, coupons, shipping and handling with
//! their discounts, gift wrapping, fees, tax, totals, gift certificates and store credit. Each step works on what the
//! step before left, and nothing goes below zero. Discounts are worked out on prices as entered (`discounts.rs`);
//! [`Pricing`] holds amounts as they are shown, with or without tax.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    address::Address,
    cart::{LineItem, LineItemKind},
    checkout::Checkout,
    consignment::Consignment,
    discounts::{DiscountedLine, Discounts, discount},
    fee::Fee,
    money::{Amount, split, sum},
    payment_means::pay,
    promotion::{
        GivenDiscount,
        evaluation::Outcome,
        index::Promotions,
        notification::{self, Notice},
    },
    reason::{Refusal, Result},
    store::Store,
    tax::{self, Due, Taxation, Taxed},
    tax_estimate::{Charge, TaxQuestion, Taxable, TaxableKind},
};

mod figures;
mod sums;

pub use self::figures::{
    ConsignmentPricing, CouponOutcome, FeePricing, Gift, LinePricing, Pricing, Totals,
};
use self::sums::{Sums, add};

/// Prices a checkout at the time `now`, with the promotions that apply by themselves and the coupons that
/// are on it.
pub fn price(
    checkout: &Checkout,
    store: &Store,
    promotions: &Promotions,
    now: DateTime<Utc>,
) -> Result<Pricing> {
    Ok(price_and_ask(checkout, store, promotions, now)?.0)
}

/// The same, and what the tax provider is to be asked, if there is one and something to ask. The taxes are those of
/// the estimate on the checkout if that answers the question, whenever that was; otherwise they come from the store's own
/// rates.
pub fn price_and_ask(
    checkout: &Checkout,
    store: &Store,
    promotions: &Promotions,
    now: DateTime<Utc>,
) -> Result<(Pricing, Option<TaxQuestion>)> {
    let automatic = promotions.candidates(checkout);
    let discounts = discount(checkout, store, &automatic, now)?;
    let tax_exemption = tax::exemption(checkout, store);
    let mut pricer = Pricer {
        store,
        taxation: Taxation::of(store, tax_exemption.is_some()),
        answers: None,
        checkout,
    };
    let (mut pricing, taxables) = pricer.price(&discounts)?;
    let question = TaxQuestion::of(checkout, store, taxables);
    pricer.answers = match (&question, &checkout.tax_estimate) {
        (Some(question), Some(estimate)) if estimate.question == *question => {
            Some(estimate.taxed()?)
        }
        // There is nothing to ask, so there is no tax.
        (None, _) if pricer.taxation.asks_provider() => Some(Vec::new()),
        _ => None,
    };
    if pricer.answers.is_some() {
        pricing = pricer.price(&discounts)?.0;
    }
    pricing.tax_exemption = tax_exemption.unwrap_or_default();
    Ok((pricing, question))
}

/// What to tell the shopper of promotions at the time `now`, on a checkout that has been priced.
pub fn notices(
    checkout: &Checkout,
    store: &Store,
    promotions: &Promotions,
    now: DateTime<Utc>,
) -> Result<Vec<Notice>> {
    // All of them: what the cart has nothing of yet is what an upsell is about.
    let automatic: Vec<_> = promotions.all().iter().collect();
    let mut notices = Vec::new();
    for (promotion, outcome) in &discount(checkout, store, &automatic, now)?.outcomes {
        notices.extend(notification::notices(promotion, outcome, checkout)?);
    }
    Ok(notices)
}

/// What the gift certificates come to that the checkout buys.
fn certificates_bought(checkout: &Checkout) -> Result<Amount> {
    let bought = |line: &&LineItem| line.facts.kind == LineItemKind::GiftCertificate;
    let mut lines = checkout.lines.iter().filter(bought);
    Ok(lines.try_fold(Amount::ZERO, |sum, line| {
        sum.plus(line.extended_list_price()?)
    })?)
}

struct Pricer<'a> {
    store: &'a Store,
    taxation: Taxation<'a>,
    /// What the amounts that the tax provider is asked about come to, in their order; none when it did not answer.
    answers: Option<Vec<Taxed>>,
    checkout: &'a Checkout,
}

impl<'a> Pricer<'a> {
    /// Answers also what the tax provider is to be asked.
    fn price(&self, discounts: &Discounts<'_>) -> Result<(Pricing, Vec<Taxable>)> {
        let checkout = self.checkout;
        let mut sums = Sums::default();
        let mut lines = Vec::with_capacity(checkout.lines.len());
        let unassigned = checkout.unassigned();
        for ((line, goods), unassigned) in
            checkout.lines.iter().zip(&discounts.lines).zip(unassigned)
        {
            lines.push(self.line(line, goods, unassigned, &mut sums)?);
        }
        let mut consignments = Vec::with_capacity(checkout.consignments.len());
        for (consignment, discounts) in checkout.consignments.iter().zip(&discounts.shipping) {
            consignments.push(self.consignment(consignment, discounts, &mut sums)?);
        }
        let mut fees = Vec::with_capacity(checkout.fees.len());
        for fee in &checkout.fees {
            fees.push(self.fee(fee, &mut sums)?);
        }
        let coupons = self.coupons(&discounts.refusals, &lines, &consignments)?;
        let tax_included = self.store.tax.show_prices_with_tax;
        let taxables = std::mem::take(&mut sums.taxables);
        let (taxes, mut totals) = sums.totals(tax_included)?;
        let gift_certificates = self.paid(&mut totals)?;
        let limited = discounts.outcomes.iter().filter(|(promotion, outcome)| {
            promotion.max_uses.is_some() && *outcome == Outcome::Applies
        });
        let pricing = Pricing {
            tax_included,
            tax_exemption: String::new(),
            lines,
            consignments,
            coupons,
            fees,
            gift_certificates,
            gifts: discounts.gifts.clone(),
            limited_promotions: limited.map(|(promotion, _)| promotion.id).collect(),
            taxes,
            totals,
        };
        Ok((pricing, taxables))
    }

    /// Takes what gift certificates and store credit pay off the balance; answers what each gift certificate pays.
    fn paid(&self, totals: &mut Totals) -> Result<Vec<Amount>> {
        let bought = certificates_bought(self.checkout)?;
        let (gift_certificates, store_credit) = pay(self.checkout, bought, totals.grand_total)?;
        totals.gift_certificate_amount = sum(gift_certificates.iter().copied())?;
        totals.store_credit_amount = store_credit;
        totals.outstanding_balance = totals
            .grand_total
            .minus(totals.gift_certificate_amount)?
            .minus(store_credit)?;
        Ok(gift_certificates)
    }

    /// How a charge is taxed at an address. What the tax provider is to be asked about it is noted.
    fn due(
        &self,
        charge: &Charge<'_>,
        class: Option<&'a str>,
        address: Option<&Address>,
        sums: &mut Sums,
    ) -> Result<Due<'a>> {
        let zone = self.taxation.zone(address);
        let rates = Due::Rates { class, zone };
        let known = address.filter(|address| !address.country_code.is_empty());
        let (true, Some(class), Some(address)) = (self.taxation.asks_provider(), class, known)
        else {
            return Ok(rates);
        };
        let (amount, included) = self.taxation.to_ask(charge.amount, class, zone)?;
        let index = sums.taxables.len();
        if !amount.is_zero() {
            let taxable = charge.taxable(class, address.into(), amount, included);
            sums.taxables.push(taxable);
        }
        let Some(answers) = &self.answers else {
            return Ok(rates);
        };
        let charged = if amount.is_zero() {
            None
        } else {
            answers.get(index).cloned()
        };
        Ok(Due::Provider {
            class,
            zone,
            charged,
        })
    }

    const fn shown(&self, taxed: &Taxed) -> Amount {
        if self.store.tax.show_prices_with_tax {
            taxed.inc
        } else {
            taxed.ex
        }
    }

    /// Units of a line by the address whose tax is due: one part for each consignment that carries some, and one
    /// for those in none.
    fn parts(&self, line: &LineItem, unassigned: u32) -> Vec<Part<'a>> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for consignment in &self.checkout.consignments {
            let items = consignment
                .items
                .iter()
                .filter(|item| item.line_item_id == line.id);
            let quantity = items.fold(0_u32, |sum, item| sum.saturating_add(item.quantity));
            if quantity > 0 {
                parts.push(Part {
                    quantity,
                    consignment_id: Some(consignment.id),
                    address: Some(consignment.tax_address()),
                });
            }
        }
        if unassigned > 0 {
            parts.push(Part {
                quantity: unassigned,
                consignment_id: None,
                address: self.checkout.billing_address.as_ref(),
            });
        }
        parts
    }

    fn line(
        &self,
        line: &'a LineItem,
        goods: &DiscountedLine,
        unassigned: u32,
        sums: &mut Sums,
    ) -> Result<LinePricing> {
        let class = self
            .taxation
            .class(line.facts.tax_class_id.as_deref())
            .filter(|_| line.facts.taxable);
        let parts = self.parts(line, unassigned);
        let quantities: Vec<i64> = parts.iter().map(|part| part.quantity.into()).collect();

        let (mut before, mut after) = (Taxed::default(), Taxed::default());
        let mut of_unit = None;
        for (part, sale) in parts.iter().zip(split(goods.value, &quantities)?) {
            let due = self.due(&part.charge(line, sale), class, part.address, sums)?;
            let list = line.list_price().times(part.quantity)?;
            add(&mut before, self.taxation.tax(list, &due)?)?;
            add(&mut after, self.taxation.tax(sale, &due)?)?;
            of_unit.get_or_insert(due);
        }
        let of_unit = of_unit.unwrap_or(Due::Rates { class, zone: None });
        let unit =
            |amount| -> Result<Amount> { Ok(self.shown(&self.taxation.tax(amount, &of_unit)?)) };

        let (extended_list_price, extended_sale_price) = (self.shown(&before), self.shown(&after));
        let discounts = shown_discounts(
            &goods.discounts,
            extended_list_price.minus(extended_sale_price)?,
        )?;
        let (by_coupon, by_itself): (Vec<_>, Vec<_>) =
            discounts.iter().partition(|d| d.code().is_some());
        let amount =
            |discounts: &[&GivenDiscount]| sum(discounts.iter().map(|discount| discount.amount));
        let (discount_amount, coupon_amount) = (amount(&by_itself)?, amount(&by_coupon)?);

        sums.base_amount = sums.base_amount.plus(extended_list_price)?;
        sums.discount_amount = sums.discount_amount.plus(discount_amount)?;
        sums.coupon_amount = sums.coupon_amount.plus(coupon_amount)?;
        let tax_amount = after.total()?;
        let gift_wrapping_amount = self.gift_wrapping(line, &parts, &quantities, sums)?;
        add(&mut sums.goods_before, before)?;
        add(&mut sums.goods, after)?;
        Ok(LinePricing {
            original_price: unit(line.facts.original_price)?,
            list_price: unit(line.list_price())?,
            comparison_price: line.facts.comparison_price.map(unit).transpose()?,
            extended_list_price,
            discounts,
            discount_amount,
            coupon_amount,
            extended_sale_price,
            tax_amount,
            gift_wrapping_amount,
        })
    }

    /// What wrapping a line comes to, as shown. Its tax is due where the units go.
    fn gift_wrapping(
        &self,
        line: &LineItem,
        parts: &[Part<'a>],
        quantities: &[i64],
        sums: &mut Sums,
    ) -> Result<Amount> {
        let Some(wrapping) = &line.gift_wrapping else {
            return Ok(Amount::ZERO);
        };
        let class = self.store.tax.gift_wrapping_class_id.as_deref();
        let class = self.taxation.class(class);
        let cost = wrapping.cost(line.quantity)?;
        let mut taxed = Taxed::default();
        for (part, cost) in parts.iter().zip(split(cost, quantities)?) {
            let charge = Charge {
                consignment_id: part.consignment_id,
                ..Charge::new(TaxableKind::GiftWrapping, line.id, cost)
            };
            let due = self.due(&charge, class, part.address, sums)?;
            add(&mut taxed, self.taxation.tax(cost, &due)?)?;
        }
        let shown = self.shown(&taxed);
        add(&mut sums.gift_wrapping, taxed)?;
        Ok(shown)
    }

    /// What a fee comes to. Its tax is due where the shopper pays.
    fn fee(&self, fee: &'a Fee, sums: &mut Sums) -> Result<FeePricing> {
        let class = fee.tax_class_id.as_deref();
        let class = class.or(self.store.tax.fee_class_id.as_deref());
        let class = self.taxation.class(class);
        let charge = Charge::new(TaxableKind::Fee, fee.id, fee.amount);
        let address = self.checkout.billing_address.as_ref();
        let due = self.due(&charge, class, address, sums)?;
        let taxed = self.taxation.tax(fee.amount, &due)?;
        let priced = FeePricing {
            cost_ex_tax: taxed.ex,
            cost_inc_tax: taxed.inc,
        };
        add(&mut sums.fees, taxed)?;
        Ok(priced)
    }

    fn consignment(
        &self,
        consignment: &'a Consignment,
        discounts: &[GivenDiscount],
        sums: &mut Sums,
    ) -> Result<ConsignmentPricing> {
        let shipping_class = self.store.tax.shipping_class_id.as_deref();
        let handling_class = self.store.tax.handling_class_id.as_deref();
        let (cost, handling) = consignment.costs();
        let discount = sum(discounts.iter().map(|discount| discount.amount))?;
        let charged = cost.minus(discount)?;
        let mut due = |kind, amount, class| {
            let charge = Charge::new(kind, consignment.id, amount);
            let class = self.taxation.class(class);
            self.due(&charge, class, Some(consignment.tax_address()), sums)
        };
        let of_shipping = due(TaxableKind::Shipping, charged, shipping_class)?;
        let of_handling = due(TaxableKind::Handling, handling, handling_class)?;

        let before = self.taxation.tax(cost, &of_shipping)?;
        let after = self.taxation.tax(charged, &of_shipping)?;
        let handling = self.taxation.tax(handling, &of_handling)?;
        let discounts = shown_discounts(discounts, self.shown(&before).minus(self.shown(&after))?)?;
        let priced = ConsignmentPricing {
            shipping_cost_ex_tax: before.ex,
            shipping_cost_inc_tax: before.inc,
            handling_cost_ex_tax: handling.ex,
            handling_cost_inc_tax: handling.inc,
            discounts,
        };
        add(&mut sums.shipping_before, before)?;
        add(&mut sums.shipping, after)?;
        add(&mut sums.handling, handling)?;
        Ok(priced)
    }

    /// What each coupon takes off goods and shipping together.
    fn coupons(
        &self,
        refusals: &[Option<Refusal>],
        lines: &[LinePricing],
        consignments: &[ConsignmentPricing],
    ) -> Result<Vec<CouponOutcome>> {
        let outcomes = self
            .checkout
            .coupons
            .iter()
            .zip(refusals)
            .map(|(coupon, refusal)| {
                let on_lines = lines.iter().flat_map(|line| &line.discounts);
                let on_shipping = consignments
                    .iter()
                    .flat_map(|consignment| &consignment.discounts);
                let of_this = on_lines
                    .chain(on_shipping)
                    .filter(|discount| discount.code() == Some(coupon.code.as_str()));
                let discounted_amount = sum(of_this.map(|discount| discount.amount))?;
                Ok(CouponOutcome {
                    discounted_amount,
                    refusal: refusal.clone(),
                })
            });
        outcomes.collect()
    }
}

/// Units of a line whose tax is due at one address.
struct Part<'a> {
    quantity: u32,
    consignment_id: Option<Uuid>,
    address: Option<&'a Address>,
}

impl Part<'_> {
    fn charge<'l>(&self, line: &'l LineItem, amount: Amount) -> Charge<'l> {
        Charge {
            consignment_id: self.consignment_id,
            quantity: self.quantity,
            goods: Some(line),
            ..Charge::new(TaxableKind::Item, line.id, amount)
        }
    }
}

/// Discounts worked out on entered prices, as they are shown: they share what is shown to come off.
fn shown_discounts(entered: &[GivenDiscount], total: Amount) -> Result<Vec<GivenDiscount>> {
    let weights: Vec<i64> = entered
        .iter()
        .map(|discount| discount.amount.minor())
        .collect();
    let shares = split(total, &weights)?;
    let shown = entered.iter().zip(shares);
    Ok(shown
        .map(|(discount, amount)| GivenDiscount {
            amount,
            ..discount.clone()
        })
        .collect())
}
