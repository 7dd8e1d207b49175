//! A second, deliberately naive implementation of the pricing rules, written from the rules alone: every unit by itself,
//! exact fractions, rounded only where the rules round.

use std::collections::{BTreeMap, BTreeSet};

use cartwright::domain::{
    cart::{LineItem, LineItemKind},
    checkout::Checkout,
    pricing::{LinePricing, Pricing},
    promotion::{DiscountSource, GivenDiscount, Promotion},
    reason::Reason,
    store::{Store, TaxZone},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::{
    discounts::{Gift, Given, discount},
    ratio::split,
    tax::{Taxation, Taxed},
};

mod discounts;
mod gates;
mod ratio;
mod sets;
mod tax;
mod units;

type Discounts = Vec<(DiscountSource, i64)>;

/// What is compared of a pricing, to the minor unit.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) tax_included: bool,
    pub(crate) exempt: bool,
    pub(crate) lines: Vec<LineFigures>,
    pub(crate) consignments: Vec<ConsignmentFigures>,
    /// What each coupon takes off, or why nothing.
    pub(crate) coupons: Vec<(i64, Option<Reason>)>,
    /// Each fee without and with tax.
    pub(crate) fees: Vec<(i64, i64)>,
    pub(crate) gift_certificates: Vec<i64>,
    pub(crate) gifts: Vec<Gift>,
    pub(crate) limited_promotions: BTreeSet<Uuid>,
    pub(crate) taxes: BTreeMap<String, i64>,
    pub(crate) totals: BTreeMap<&'static str, i64>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct LineFigures {
    /// Of one unit: the catalog's price, the price that counts, the price to compare with.
    pub(crate) unit: (i64, i64, Option<i64>),
    pub(crate) list: i64,
    pub(crate) discounts: Discounts,
    pub(crate) discount: i64,
    pub(crate) coupon: i64,
    pub(crate) sale: i64,
    pub(crate) tax: i64,
    pub(crate) wrapping: i64,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct ConsignmentFigures {
    /// Without and with tax, before discounts.
    pub(crate) shipping: (i64, i64),
    pub(crate) handling: (i64, i64),
    pub(crate) discounts: Discounts,
}

/// Prices a checkout.
pub(crate) fn price(
    checkout: &Checkout,
    store: &Store,
    automatic: &[Promotion],
    now: DateTime<Utc>,
) -> Figures {
    let given = discount(checkout, store, automatic, now);
    let taxation = Taxation::of(store, checkout);
    let mut model = Model {
        checkout,
        store,
        sums: Sums::default(),
        figures: Figures {
            tax_included: store.tax.show_prices_with_tax,
            exempt: taxation.exempt,
            limited_promotions: given.limited.clone(),
            ..Figures::default()
        },
        taxation,
    };
    model.figures.gifts.clone_from(&given.gifts);
    for (index, line) in checkout.lines.iter().enumerate() {
        model.line(line, &given.on_lines[index], given.off_line(index));
    }
    model.consignments(&given);
    model.coupons(&given);
    model.fees();
    model.totals();
    model.figures
}

/// Everything summed over the parts.
#[derive(Default)]
struct Sums {
    goods_before: Taxed,
    goods: Taxed,
    shipping_before: Taxed,
    shipping: Taxed,
    handling: Taxed,
    wrapping: Taxed,
    fees: Taxed,
    bought_certificates: i64,
}

struct Model<'a> {
    checkout: &'a Checkout,
    store: &'a Store,
    taxation: Taxation<'a>,
    sums: Sums,
    figures: Figures,
}

impl<'a> Model<'a> {
    fn shown(&self, taxed: &Taxed) -> i64 {
        if self.store.tax.show_prices_with_tax {
            taxed.inc
        } else {
            taxed.ex
        }
    }

    /// The units of a line by where their tax is due.
    fn parts(&self, line: &LineItem) -> Vec<(u32, Option<&'a TaxZone>)> {
        let mut parts = Vec::new();
        let mut rest = line.quantity;
        for consignment in &self.checkout.consignments {
            let of_line = consignment
                .items
                .iter()
                .filter(|item| item.line_item_id == line.id);
            let units: u32 = of_line.map(|item| item.quantity).sum();
            if units > 0 {
                rest -= units;
                parts.push((units, self.taxation.zone(Some(consignment.tax_address()))));
            }
        }
        if rest > 0 {
            let billing = self.checkout.billing_address.as_ref();
            parts.push((rest, self.taxation.zone(billing)));
        }
        parts
    }

    fn line(&mut self, line: &LineItem, discounts: &Discounts, off: i64) {
        let goods_class = self.taxation.class(line.facts.tax_class_id.as_ref(), None);
        let is_certificate = line.facts.kind == LineItemKind::GiftCertificate;
        let class = goods_class.filter(|_| line.facts.taxable && !is_certificate);
        let wrapping_class = self
            .taxation
            .class(None, self.store.tax.gift_wrapping_class_id.as_ref());
        let wrapping_price = line.gift_wrapping.as_ref().map_or(0, |wrapping| {
            let times = if wrapping.together { 1 } else { line.quantity };
            wrapping.price.minor() * i64::from(times)
        });

        let parts = self.parts(line);
        let quantities: Vec<i64> = parts.iter().map(|(units, _)| i64::from(*units)).collect();
        let list = line.list_price().minor();
        let sales = split(list * i64::from(line.quantity) - off, &quantities);
        let wrappings = split(wrapping_price, &quantities);
        let (mut before, mut after, mut wrapping) =
            (Taxed::default(), Taxed::default(), Taxed::default());
        for (index, (units, zone)) in parts.iter().enumerate() {
            let tax =
                |amount, class: &Option<String>| self.taxation.tax(amount, class.as_deref(), *zone);
            before.add(&tax(list * i64::from(*units), &class));
            after.add(&tax(sales[index], &class));
            if line.gift_wrapping.is_some() {
                wrapping.add(&tax(wrappings[index], &wrapping_class));
            }
        }
        let unit = |amount| self.shown(&self.taxation.tax(amount, class.as_deref(), parts[0].1));
        let comparison = line.facts.comparison_price.map(|price| unit(price.minor()));
        let mut figures = LineFigures {
            unit: (
                unit(line.facts.original_price.minor()),
                unit(list),
                comparison,
            ),
            list: self.shown(&before),
            sale: self.shown(&after),
            tax: after.tax(),
            wrapping: self.shown(&wrapping),
            ..LineFigures::default()
        };
        figures.discounts = shown_discounts(discounts, figures.list - figures.sale);
        (figures.coupon, figures.discount) = by_coupon(&figures.discounts);
        if is_certificate {
            self.sums.bought_certificates += figures.sale;
        }
        self.sums.goods_before.add(&before);
        self.sums.goods.add(&after);
        self.sums.wrapping.add(&wrapping);
        self.figures.lines.push(figures);
    }

    fn consignments(&mut self, given: &Given<'_>) {
        let settings = &self.store.tax;
        let shipping_class = self
            .taxation
            .class(None, settings.shipping_class_id.as_ref());
        let handling_class = self
            .taxation
            .class(None, settings.handling_class_id.as_ref());
        for (consignment, discounts) in self.checkout.consignments.iter().zip(&given.on_shipping) {
            let zone = self.taxation.zone(Some(consignment.tax_address()));
            let (cost, handling) = consignment.costs();
            let off: i64 = discounts.iter().map(|(_, amount)| amount).sum();
            let shipping_class = shipping_class.as_deref();
            let before = self.taxation.tax(cost.minor(), shipping_class, zone);
            let after = self.taxation.tax(cost.minor() - off, shipping_class, zone);
            let handling = self
                .taxation
                .tax(handling.minor(), handling_class.as_deref(), zone);
            let off_shown = self.shown(&before) - self.shown(&after);
            self.figures.consignments.push(ConsignmentFigures {
                shipping: (before.ex, before.inc),
                handling: (handling.ex, handling.inc),
                discounts: shown_discounts(discounts, off_shown),
            });
            self.sums.shipping_before.add(&before);
            self.sums.shipping.add(&after);
            self.sums.handling.add(&handling);
        }
    }

    fn coupons(&mut self, given: &Given<'_>) {
        for (coupon, refusal) in self.checkout.coupons.iter().zip(&given.refusals) {
            let on_lines = self.figures.lines.iter().flat_map(|line| &line.discounts);
            let on_shipping = self.figures.consignments.iter().flat_map(|c| &c.discounts);
            let is_of = |source: &DiscountSource| match source {
                DiscountSource::Coupon { code, .. } => *code == coupon.code,
                _ => false,
            };
            let all = on_lines
                .chain(on_shipping)
                .filter(|(source, _)| is_of(source));
            let off = all.map(|(_, amount)| amount).sum();
            self.figures.coupons.push((off, *refusal));
        }
    }

    fn fees(&mut self) {
        let zone = self.taxation.zone(self.checkout.billing_address.as_ref());
        for fee in &self.checkout.fees {
            let special = self.store.tax.fee_class_id.as_ref();
            let class = self.taxation.class(fee.tax_class_id.as_ref(), special);
            let taxed = self
                .taxation
                .tax(fee.amount.minor(), class.as_deref(), zone);
            self.figures.fees.push((taxed.ex, taxed.inc));
            self.sums.fees.add(&taxed);
        }
    }

    fn totals(&mut self) {
        let sums = &self.sums;
        let mut all = Taxed::default();
        let parts = [
            &sums.goods,
            &sums.shipping,
            &sums.handling,
            &sums.wrapping,
            &sums.fees,
        ];
        for part in parts {
            all.add(part);
        }
        let figures = &mut self.figures;
        for (name, amount) in &all.taxes {
            *figures.taxes.entry(name.clone()).or_default() += amount;
        }
        let mut left = all.inc;
        for certificate in &self.checkout.gift_certificates {
            let pays = if certificate.refusal.is_none() {
                let payable = (left - sums.bought_certificates).max(0);
                certificate.balance.minor().min(payable)
            } else {
                0
            };
            left -= pays;
            figures.gift_certificates.push(pays);
        }
        let credit = self
            .checkout
            .store_credit
            .map_or(0, |credit| credit.minor().min(left));
        let of_lines = |figure: fn(&LineFigures) -> i64| figures.lines.iter().map(figure).sum();
        let shown = |taxed: &Taxed| {
            if figures.tax_included {
                taxed.inc
            } else {
                taxed.ex
            }
        };
        figures.totals = BTreeMap::from([
            ("base_amount", of_lines(|line| line.list)),
            ("cart_amount_ex_tax", sums.goods.ex),
            ("cart_amount_inc_tax", sums.goods.inc),
            ("subtotal_ex_tax", sums.goods_before.ex),
            ("subtotal_inc_tax", sums.goods_before.inc),
            ("discount_amount", of_lines(|line| line.discount)),
            ("coupon_amount", of_lines(|line| line.coupon)),
            ("shipping_cost_ex_tax", sums.shipping_before.ex),
            ("shipping_cost_inc_tax", sums.shipping_before.inc),
            (
                "shipping_discount_amount",
                shown(&sums.shipping_before) - shown(&sums.shipping),
            ),
            ("handling_cost_ex_tax", sums.handling.ex),
            ("handling_cost_inc_tax", sums.handling.inc),
            ("gift_wrapping_ex_tax", sums.wrapping.ex),
            ("gift_wrapping_inc_tax", sums.wrapping.inc),
            ("fees_ex_tax", sums.fees.ex),
            ("fees_inc_tax", sums.fees.inc),
            ("tax_total", figures.taxes.values().sum()),
            ("grand_total", all.inc),
            (
                "gift_certificate_amount",
                figures.gift_certificates.iter().sum(),
            ),
            ("store_credit_amount", credit),
            ("outstanding_balance", left - credit),
        ]);
    }
}

/// What coupons take off, and what everything else does.
fn by_coupon(discounts: &Discounts) -> (i64, i64) {
    let (mut coupon, mut other) = (0, 0);
    for (source, amount) in discounts {
        match source {
            DiscountSource::Coupon { .. } => coupon += amount,
            _ => other += amount,
        }
    }
    (coupon, other)
}

/// What is shown to come off is shared by what was entered.
fn shown_discounts(entered: &Discounts, shown: i64) -> Discounts {
    let weights: Vec<i64> = entered.iter().map(|(_, amount)| *amount).collect();
    let sources = entered.iter().map(|(source, _)| source.clone());
    sources.zip(split(shown, &weights)).collect()
}

/// The same figures of the engine's answer.
impl From<&Pricing> for Figures {
    fn from(pricing: &Pricing) -> Self {
        let totals = &pricing.totals;
        let given = |all: &[GivenDiscount]| -> Discounts {
            let pairs = all.iter().map(|d| (d.source.clone(), d.amount.minor()));
            pairs.collect()
        };
        let line = |line: &LinePricing| LineFigures {
            unit: (
                line.original_price.minor(),
                line.list_price.minor(),
                line.comparison_price
                    .map(cartwright::domain::money::Amount::minor),
            ),
            list: line.extended_list_price.minor(),
            discounts: given(&line.discounts),
            discount: line.discount_amount.minor(),
            coupon: line.coupon_amount.minor(),
            sale: line.extended_sale_price.minor(),
            tax: line.tax_amount.minor(),
            wrapping: line.gift_wrapping_amount.minor(),
        };
        let consignments = pricing.consignments.iter().map(|c| ConsignmentFigures {
            shipping: (
                c.shipping_cost_ex_tax.minor(),
                c.shipping_cost_inc_tax.minor(),
            ),
            handling: (
                c.handling_cost_ex_tax.minor(),
                c.handling_cost_inc_tax.minor(),
            ),
            discounts: given(&c.discounts),
        });
        let coupons = pricing.coupons.iter().map(|coupon| {
            let reason = coupon.refusal.as_ref().map(|refusal| refusal.reason);
            (coupon.discounted_amount.minor(), reason)
        });
        let fees = pricing.fees.iter();
        let gifts = pricing.gifts.iter().map(|gift| {
            let (product, variant) = (gift.product_id.clone(), gift.variant_id.clone());
            (gift.promotion_id, product, variant, gift.quantity)
        });
        let taxes = pricing
            .taxes
            .iter()
            .map(|(name, tax)| (name.clone(), tax.minor()));
        Self {
            tax_included: pricing.tax_included,
            exempt: !pricing.tax_exemption.is_empty(),
            lines: pricing.lines.iter().map(line).collect(),
            consignments: consignments.collect(),
            coupons: coupons.collect(),
            fees: fees
                .map(|fee| (fee.cost_ex_tax.minor(), fee.cost_inc_tax.minor()))
                .collect(),
            gift_certificates: pricing
                .gift_certificates
                .iter()
                .map(|a| a.minor())
                .collect(),
            gifts: gifts.collect(),
            limited_promotions: pricing.limited_promotions.iter().copied().collect(),
            taxes: taxes.collect(),
            totals: BTreeMap::from([
                ("base_amount", totals.base_amount.minor()),
                ("cart_amount_ex_tax", totals.cart_amount_ex_tax.minor()),
                ("cart_amount_inc_tax", totals.cart_amount_inc_tax.minor()),
                ("subtotal_ex_tax", totals.subtotal_ex_tax.minor()),
                ("subtotal_inc_tax", totals.subtotal_inc_tax.minor()),
                ("discount_amount", totals.discount_amount.minor()),
                ("coupon_amount", totals.coupon_amount.minor()),
                ("shipping_cost_ex_tax", totals.shipping_cost_ex_tax.minor()),
                (
                    "shipping_cost_inc_tax",
                    totals.shipping_cost_inc_tax.minor(),
                ),
                (
                    "shipping_discount_amount",
                    totals.shipping_discount_amount.minor(),
                ),
                ("handling_cost_ex_tax", totals.handling_cost_ex_tax.minor()),
                (
                    "handling_cost_inc_tax",
                    totals.handling_cost_inc_tax.minor(),
                ),
                ("gift_wrapping_ex_tax", totals.gift_wrapping_ex_tax.minor()),
                (
                    "gift_wrapping_inc_tax",
                    totals.gift_wrapping_inc_tax.minor(),
                ),
                ("fees_ex_tax", totals.fees_ex_tax.minor()),
                ("fees_inc_tax", totals.fees_inc_tax.minor()),
                ("tax_total", totals.tax_total.minor()),
                ("grand_total", totals.grand_total.minor()),
                (
                    "gift_certificate_amount",
                    totals.gift_certificate_amount.minor(),
                ),
                ("store_credit_amount", totals.store_credit_amount.minor()),
                ("outstanding_balance", totals.outstanding_balance.minor()),
            ]),
        }
    }
}
