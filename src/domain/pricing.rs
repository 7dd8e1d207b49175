//! What a checkout comes to: a pure function of the checkout, the store's settings and the promotions.
//!
//! The order of pricing: list prices, automatic promotions, discounts given by hand, coupons, shipping and handling with
//! their discounts, gift wrapping, fees, tax, totals, gift certificates and store credit. Each step works on what the
//! step before left, and nothing goes below zero. Discounts are worked out on prices as entered (`discounts.rs`);
//! [`Pricing`] holds amounts as they are shown, with or without tax.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    cart::{LineItem, LineItemKind},
    checkout::Checkout,
    consignment::Consignment,
    discounts::{DiscountedLine, discount},
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
    tax::{self, Taxation, Taxed, sum_by_name},
};

/// What a checkout comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pricing {
    /// Whether amounts without a word on tax are shown with it.
    pub tax_included: bool,
    /// Why no tax is due; empty when it is.
    pub tax_exemption: String,
    /// Of each line, in the order of the lines.
    pub lines: Vec<LinePricing>,
    /// Of each consignment, in their order.
    pub consignments: Vec<ConsignmentPricing>,
    /// Of each coupon, in their order.
    pub coupons: Vec<CouponOutcome>,
    /// Of each fee, in their order.
    pub fees: Vec<FeePricing>,
    /// What each gift certificate pays, in their order.
    pub gift_certificates: Vec<Amount>,
    /// The gifts that promotions give.
    pub gifts: Vec<Gift>,
    /// The promotions that apply and can be used in so many orders only.
    pub limited_promotions: Vec<Uuid>,
    /// Taxes by name.
    pub taxes: Vec<(String, Amount)>,
    /// The sums.
    pub totals: Totals,
}

/// Amounts of one line, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's LineItem says what each is")]
pub struct LinePricing {
    pub original_price: Amount,
    pub list_price: Amount,
    pub comparison_price: Option<Amount>,
    pub extended_list_price: Amount,
    pub discounts: Vec<GivenDiscount>,
    pub discount_amount: Amount,
    pub coupon_amount: Amount,
    pub extended_sale_price: Amount,
    pub tax_amount: Amount,
    pub gift_wrapping_amount: Amount,
}

/// Amounts of one consignment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Consignment says what each is")]
pub struct ConsignmentPricing {
    pub shipping_cost_ex_tax: Amount,
    pub shipping_cost_inc_tax: Amount,
    pub handling_cost_ex_tax: Amount,
    pub handling_cost_inc_tax: Amount,
    pub discounts: Vec<GivenDiscount>,
}

/// Amounts of one fee.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Fee says what each is")]
pub struct FeePricing {
    pub cost_ex_tax: Amount,
    pub cost_inc_tax: Amount,
}

/// A gift that a promotion gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gift {
    /// The promotion.
    pub promotion_id: Uuid,
    /// The catalog's product id.
    pub product_id: String,
    /// The catalog's variant id; empty without variants.
    pub variant_id: String,
    /// Units.
    pub quantity: u32,
}

/// What became of a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CouponOutcome {
    /// What it takes off goods and shipping, as shown.
    pub discounted_amount: Amount,
    /// Why it gives nothing; none when it qualifies.
    pub refusal: Option<Refusal>,
}

/// The sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Totals and Cart say what each is")]
pub struct Totals {
    pub base_amount: Amount,
    pub cart_amount_ex_tax: Amount,
    pub cart_amount_inc_tax: Amount,
    pub subtotal_ex_tax: Amount,
    pub subtotal_inc_tax: Amount,
    pub discount_amount: Amount,
    pub coupon_amount: Amount,
    pub shipping_cost_ex_tax: Amount,
    pub shipping_cost_inc_tax: Amount,
    pub shipping_discount_amount: Amount,
    pub handling_cost_ex_tax: Amount,
    pub handling_cost_inc_tax: Amount,
    pub gift_wrapping_ex_tax: Amount,
    pub gift_wrapping_inc_tax: Amount,
    pub fees_ex_tax: Amount,
    pub fees_inc_tax: Amount,
    pub tax_total: Amount,
    pub grand_total: Amount,
    pub gift_certificate_amount: Amount,
    pub store_credit_amount: Amount,
    pub outstanding_balance: Amount,
}

/// Prices a checkout at the time `now`, with the promotions that apply by themselves and the coupons that
/// are on it.
pub fn price(
    checkout: &Checkout,
    store: &Store,
    promotions: &Promotions,
    now: DateTime<Utc>,
) -> Result<Pricing> {
    let automatic = promotions.candidates(checkout);
    let discounted = discount(checkout, store, &automatic, now)?;
    let tax_exemption = tax::exemption(checkout, store);
    let pricer = Pricer {
        store,
        taxation: Taxation::of(store, tax_exemption.is_some()),
        checkout,
    };
    let mut sums = Sums::default();

    let mut lines = Vec::with_capacity(checkout.lines.len());
    let unassigned = checkout.unassigned();
    for ((line, goods), unassigned) in checkout.lines.iter().zip(&discounted.lines).zip(unassigned)
    {
        lines.push(pricer.line(line, goods, unassigned, &mut sums)?);
    }
    let mut consignments = Vec::with_capacity(checkout.consignments.len());
    for (consignment, discounts) in checkout.consignments.iter().zip(&discounted.shipping) {
        consignments.push(pricer.consignment(consignment, discounts, &mut sums)?);
    }
    let mut fees = Vec::with_capacity(checkout.fees.len());
    for fee in &checkout.fees {
        fees.push(pricer.fee(fee, &mut sums)?);
    }
    let coupons = pricer.coupons(discounted.refusals, &lines, &consignments)?;
    let (taxes, mut totals) = sums.totals(store.tax.show_prices_with_tax)?;
    let (gift_certificates, store_credit) =
        pay(checkout, certificates_bought(checkout)?, totals.grand_total)?;
    totals.gift_certificate_amount = sum(gift_certificates.iter().copied())?;
    totals.store_credit_amount = store_credit;
    totals.outstanding_balance = totals
        .grand_total
        .minus(totals.gift_certificate_amount)?
        .minus(store_credit)?;
    let limited = discounted.outcomes.iter().filter(|(promotion, outcome)| {
        promotion.max_uses.is_some() && *outcome == Outcome::Applies
    });
    Ok(Pricing {
        tax_included: store.tax.show_prices_with_tax,
        tax_exemption: tax_exemption.unwrap_or_default(),
        lines,
        consignments,
        coupons,
        fees,
        gift_certificates,
        gifts: discounted.gifts,
        limited_promotions: limited.map(|(promotion, _)| promotion.id).collect(),
        taxes,
        totals,
    })
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

/// Amounts without and with tax, summed while lines and consignments are priced.
#[derive(Default)]
struct Sums {
    base_amount: Amount,
    discount_amount: Amount,
    coupon_amount: Amount,
    /// Goods before and after discounts, shipping likewise, and what is not discounted.
    goods_before: Taxed,
    goods: Taxed,
    shipping_before: Taxed,
    shipping: Taxed,
    handling: Taxed,
    gift_wrapping: Taxed,
    fees: Taxed,
}

impl Sums {
    fn totals(self, with_tax: bool) -> Result<(Vec<(String, Amount)>, Totals)> {
        let shown = |taxed: &Taxed| if with_tax { taxed.inc } else { taxed.ex };
        let shipping_discount_amount = shown(&self.shipping_before).minus(shown(&self.shipping))?;
        let (cart_amount_ex_tax, cart_amount_inc_tax) = (self.goods.ex, self.goods.inc);
        let handling = (self.handling.ex, self.handling.inc);
        let gift_wrapping = (self.gift_wrapping.ex, self.gift_wrapping.inc);
        let fees = (self.fees.ex, self.fees.inc);
        let mut all = self.goods;
        for part in [self.shipping, self.handling, self.gift_wrapping, self.fees] {
            add(&mut all, part)?;
        }
        let taxes = sum_by_name(all.taxes)?;
        let totals = Totals {
            base_amount: self.base_amount,
            cart_amount_ex_tax,
            cart_amount_inc_tax,
            subtotal_ex_tax: self.goods_before.ex,
            subtotal_inc_tax: self.goods_before.inc,
            discount_amount: self.discount_amount,
            coupon_amount: self.coupon_amount,
            shipping_cost_ex_tax: self.shipping_before.ex,
            shipping_cost_inc_tax: self.shipping_before.inc,
            shipping_discount_amount,
            handling_cost_ex_tax: handling.0,
            handling_cost_inc_tax: handling.1,
            gift_wrapping_ex_tax: gift_wrapping.0,
            gift_wrapping_inc_tax: gift_wrapping.1,
            fees_ex_tax: fees.0,
            fees_inc_tax: fees.1,
            tax_total: sum(taxes.iter().map(|(_, amount)| *amount))?,
            grand_total: all.inc,
            outstanding_balance: all.inc,
            gift_certificate_amount: Amount::ZERO,
            store_credit_amount: Amount::ZERO,
        };
        Ok((taxes, totals))
    }
}

struct Pricer<'a> {
    store: &'a Store,
    taxation: Taxation<'a>,
    checkout: &'a Checkout,
}

impl<'a> Pricer<'a> {
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
                    zone: self.taxation.zone(Some(consignment.tax_address())),
                });
            }
        }
        if unassigned > 0 {
            let zone = self.taxation.zone(self.checkout.billing_address.as_ref());
            parts.push(Part {
                quantity: unassigned,
                zone,
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
        for (part, sale) in parts.iter().zip(split(goods.value, &quantities)?) {
            let list = line.list_price().times(part.quantity)?;
            before = before.plus(self.taxation.tax(list, class, part.zone)?)?;
            after = after.plus(self.taxation.tax(sale, class, part.zone)?)?;
        }
        let unit_zone = parts.first().and_then(|part| part.zone);
        let unit = |amount| -> Result<Amount> {
            Ok(self.shown(&self.taxation.tax(amount, class, unit_zone)?))
        };

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
        let cost = wrapping.cost(line.quantity)?;
        let mut taxed = Taxed::default();
        for (part, cost) in parts.iter().zip(split(cost, quantities)?) {
            let class = self.taxation.class(class);
            add(&mut taxed, self.taxation.tax(cost, class, part.zone)?)?;
        }
        let shown = self.shown(&taxed);
        add(&mut sums.gift_wrapping, taxed)?;
        Ok(shown)
    }

    /// What a fee comes to. Its tax is due where the shopper pays.
    fn fee(&self, fee: &'a Fee, sums: &mut Sums) -> Result<FeePricing> {
        let class = fee.tax_class_id.as_deref();
        let class = class.or(self.store.tax.fee_class_id.as_deref());
        let zone = self.taxation.zone(self.checkout.billing_address.as_ref());
        let taxed = self
            .taxation
            .tax(fee.amount, self.taxation.class(class), zone)?;
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
        let zone = self.taxation.zone(Some(consignment.tax_address()));
        let shipping_class = self
            .taxation
            .class(self.store.tax.shipping_class_id.as_deref());
        let handling_class = self
            .taxation
            .class(self.store.tax.handling_class_id.as_deref());
        let (cost, handling) = consignment.costs();
        let discount = sum(discounts.iter().map(|discount| discount.amount))?;

        let before = self.taxation.tax(cost, shipping_class, zone)?;
        let after = self
            .taxation
            .tax(cost.minus(discount)?, shipping_class, zone)?;
        let handling = self.taxation.tax(handling, handling_class, zone)?;
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
        refusals: Vec<Option<Refusal>>,
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
                    refusal,
                })
            });
        outcomes.collect()
    }
}

/// Units of a line whose tax is due in one zone.
struct Part<'a> {
    quantity: u32,
    zone: Option<&'a super::store::TaxZone>,
}

fn add(sum: &mut Taxed, part: Taxed) -> Result<()> {
    *sum = std::mem::take(sum).plus(part)?;
    Ok(())
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
