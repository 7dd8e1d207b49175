//! Line items and what may be done to them.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    catalog::{Measures, Product},
    checkout::Checkout,
    consignment,
    gift_certificate::Card,
    gift_wrapping::{GiftWrapping, WrappingChoice},
    money::{Amount, Currency, Overflow},
    reason::{Reason, Refusal, Result},
    store::Store,
};

/// Most lines of a cart.
pub const MAX_LINES: usize = 500;
/// Most units of a line.
pub const MAX_QUANTITY: u32 = 9_999;
/// Why a gift cannot be changed.
const GIFT: &str = "gift of a promotion: it goes with its promotion";

/// What a gift certificate that is bought may be worth: 1 to 1,000 units of its currency, in minor units.
#[must_use]
pub fn gift_certificate_worth(currency: Currency) -> RangeInclusive<i64> {
    let unit = 10_i64.saturating_pow(currency.digits());
    unit..=unit.saturating_mul(1_000)
}

/// What a line item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineItemKind {
    /// Goods from the catalog that are shipped.
    Physical,
    /// Goods from the catalog that are not.
    Digital,
    /// Not in the catalog.
    Custom,
    /// A gift certificate to issue.
    GiftCertificate,
}

/// A chosen variant option or an answered modifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The catalog's id of the option or modifier.
    pub option_id: String,
    /// The value.
    pub value: String,
    /// Name of the option.
    pub name: String,
    /// Name of the value.
    pub display_value: String,
    /// Whether the shopper answered it (a modifier), rather than the variant implying it.
    pub answered: bool,
}

/// What the catalog says of a line, in the checkout's currency. Replaced as a whole when it is refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What the line is.
    pub kind: LineItemKind,
    /// Stock keeping unit.
    pub sku: String,
    /// Name shown to the shopper.
    pub name: String,
    /// The product's page.
    pub url: String,
    /// A picture.
    pub image_url: String,
    /// Options and modifiers.
    pub selections: Vec<Selection>,
    /// Whether tax is due.
    pub taxable: bool,
    /// Tax class; none for the store's default.
    pub tax_class_id: Option<String>,
    /// Price of one unit before sale.
    pub original_price: Amount,
    /// Price of one unit: the sale price if there is one, with modifiers.
    pub price: Amount,
    /// Recommended retail price.
    pub comparison_price: Option<Amount>,
    /// Whether `price` is a sale price.
    pub on_sale: bool,
    /// The brand.
    pub brand_id: String,
    /// The categories.
    pub category_ids: Vec<String>,
    /// Weight and size of one unit.
    pub measures: Measures,
    /// Left out when a consignment is quoted.
    pub free_shipping: bool,
    /// Shipping cost of one unit in place of being quoted.
    pub fixed_shipping_cost: Option<Amount>,
    /// What else the shop knows of the product: name and value.
    pub custom_fields: Vec<(String, String)>,
    /// What the catalog told of its stock; none where it is not counted. What is left by now is not told by this.
    pub stock_level: Option<i64>,
}

impl Facts {
    /// What there is to know of something that is not in the catalog: shipped and taxed as its kind is, and otherwise
    /// without qualities.
    #[must_use]
    pub fn outside_catalog(kind: LineItemKind, name: &str, price: Amount) -> Self {
        Self {
            kind,
            sku: String::new(),
            name: name.to_owned(),
            url: String::new(),
            image_url: String::new(),
            selections: Vec::new(),
            taxable: kind != LineItemKind::GiftCertificate,
            tax_class_id: None,
            original_price: price,
            price,
            comparison_price: None,
            on_sale: false,
            brand_id: String::new(),
            category_ids: Vec::new(),
            measures: Measures::default(),
            free_shipping: false,
            fixed_shipping_cost: None,
            custom_fields: Vec::new(),
            stock_level: None,
        }
    }
}

/// A quantity of one variant of a product, of a custom item, or a gift certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    /// Cartwright's id.
    pub id: Uuid,
    /// The catalog's product id; empty for a custom item.
    pub product_id: String,
    /// The catalog's variant id; empty without variants.
    pub variant_id: String,
    /// The line this one belongs to.
    pub parent_id: Option<Uuid>,
    /// Units.
    pub quantity: u32,
    /// Price of one unit given by the caller.
    pub price_override: Option<Amount>,
    /// What the catalog says.
    pub facts: Facts,
    /// How it is wrapped.
    pub gift_wrapping: Option<GiftWrapping>,
    /// What is written on the gift certificate that it buys.
    pub gift_certificate: Option<Card>,
    /// The promotion that added it as a gift.
    pub gift_of: Option<Uuid>,
}

impl LineItem {
    /// A line of one unit with these facts and nothing else.
    #[must_use]
    pub const fn new(id: Uuid, facts: Facts) -> Self {
        Self {
            id,
            product_id: String::new(),
            variant_id: String::new(),
            parent_id: None,
            quantity: 1,
            price_override: None,
            facts,
            gift_wrapping: None,
            gift_certificate: None,
            gift_of: None,
        }
    }

    /// Price of one unit that counts.
    #[must_use]
    pub fn list_price(&self) -> Amount {
        self.price_override.unwrap_or(self.facts.price)
    }

    /// List price times quantity.
    pub fn extended_list_price(&self) -> std::result::Result<Amount, Overflow> {
        self.list_price().times(self.quantity)
    }

    /// Whether it is in the catalog.
    #[must_use]
    pub const fn is_from_catalog(&self) -> bool {
        matches!(
            self.facts.kind,
            LineItemKind::Physical | LineItemKind::Digital
        )
    }

    /// Whether it has to be in a consignment.
    #[must_use]
    pub const fn requires_shipping(&self) -> bool {
        matches!(
            self.facts.kind,
            LineItemKind::Physical | LineItemKind::Custom
        )
    }

    /// Whether promotions count and discount it: not gifts, and not gift certificates.
    #[must_use]
    pub fn is_promotable(&self) -> bool {
        self.gift_of.is_none() && self.facts.kind != LineItemKind::GiftCertificate
    }

    /// Whether its quantity, price and wrapping may be changed.
    #[must_use]
    pub const fn is_mutable(&self) -> bool {
        self.is_from_catalog() && self.gift_of.is_none()
    }

    /// The shopper's answers to modifiers: option id and value.
    #[must_use]
    pub fn answers(&self) -> Vec<(String, String)> {
        let answered = self
            .facts
            .selections
            .iter()
            .filter(|selection| selection.answered);
        answered
            .map(|selection| (selection.option_id.clone(), selection.value.clone()))
            .collect()
    }

    /// Whether adding `other` raises this line's quantity instead of making a new line.
    fn is_same_as(&self, other: &Self) -> bool {
        let choice = |line: &Self| line.gift_wrapping.as_ref().map(GiftWrapping::choice);
        self.is_mutable()
            && other.is_mutable()
            && choice(self) == choice(other)
            && self.product_id == other.product_id
            && self.variant_id == other.variant_id
            && self.parent_id == other.parent_id
            && self.price_override.is_none()
            && other.price_override.is_none()
            && self.answers() == other.answers()
    }
}

impl Checkout {
    /// Adds a line, or raises the quantity of the same one. `product` is its product unless it is a
    /// custom item; `path` is the request field, for errors.
    pub fn add_line(
        &mut self,
        line: LineItem,
        product: Option<&Product>,
        path: &str,
    ) -> Result<()> {
        if let Some(parent_id) = line.parent_id
            && self.line(parent_id)?.gift_of.is_some()
        {
            return Err(Refusal::field(
                format!("{path}.parent_id"),
                "is a gift of a promotion, which nothing can belong to",
            ));
        }
        let same = self
            .lines
            .iter_mut()
            .find(|existing| existing.is_same_as(&line));
        let quantity = same
            .as_ref()
            .map_or(0, |existing| existing.quantity)
            .saturating_add(line.quantity);
        if quantity > MAX_QUANTITY {
            return Err(Refusal::field(
                format!("{path}.quantity"),
                format!("the line would have {quantity} units, at most {MAX_QUANTITY} are allowed"),
            ));
        }
        if let Some(product) = product {
            product.check_purchase(&line.variant_id, quantity)?;
        }
        if let Some(existing) = same {
            existing.quantity = quantity;
        } else if self.lines.len() < MAX_LINES {
            self.lines.push(line);
        } else {
            return Err(Refusal::field(
                path,
                format!("a cart has at most {MAX_LINES} lines"),
            ));
        }
        Ok(())
    }

    /// Changes the quantity of a line. `product` is its product, if the catalog still has it.
    pub fn set_quantity(
        &mut self,
        id: Uuid,
        quantity: u32,
        product: Option<&Product>,
    ) -> Result<()> {
        let line = self.mutable_line(id)?;
        if let Some(product) = product {
            product.check_purchase(&line.variant_id, quantity)?;
        }
        line.quantity = quantity;
        consignment::trim(&mut self.consignments, id, quantity);
        Ok(())
    }

    /// Overrides the price of a line.
    pub fn set_list_price(&mut self, id: Uuid, price: Amount) -> Result<()> {
        self.mutable_line(id)?.price_override = Some(price);
        Ok(())
    }

    /// Wraps a line as chosen from now on; none unwraps it.
    pub fn set_gift_wrapping(
        &mut self,
        id: Uuid,
        choice: Option<&WrappingChoice>,
        store: &Store,
    ) -> Result<()> {
        let currency = self.currency;
        let line = self.mutable_line(id)?;
        line.gift_wrapping = choice
            .map(|choice| line.wrapping(choice, store, currency))
            .transpose()?;
        Ok(())
    }

    /// Removes a line, those that belong to it, and what is on them. Gifts go with their promotion only.
    pub fn remove_line(&mut self, id: Uuid) -> Result<()> {
        if self.line(id)?.gift_of.is_some() {
            return Err(not_mutable(id, GIFT));
        }
        let mut gone = vec![id];
        // Parents come before the lines that belong to them, so one pass finds all descendants.
        for line in &self.lines {
            if line.parent_id.is_some_and(|parent| gone.contains(&parent)) {
                gone.push(line.id);
            }
        }
        self.take_out(&gone);
        Ok(())
    }

    /// Takes lines out of the cart, and with them their units in consignments and their manual discounts.
    pub fn take_out(&mut self, gone: &[Uuid]) {
        self.lines.retain(|line| !gone.contains(&line.id));
        self.manual_discounts
            .retain(|discount| discount.line_item_id.is_none_or(|id| !gone.contains(&id)));
        for id in gone {
            consignment::trim(&mut self.consignments, *id, 0);
        }
    }

    /// Whether nothing is in the cart but what promotions added.
    #[must_use]
    pub fn has_only_gifts(&self) -> bool {
        self.lines.iter().all(|line| line.gift_of.is_some())
    }

    /// The line with this id.
    pub fn line(&self, id: Uuid) -> Result<&LineItem> {
        self.lines
            .iter()
            .find(|line| line.id == id)
            .ok_or_else(|| line_not_found(id))
    }

    fn mutable_line(&mut self, id: Uuid) -> Result<&mut LineItem> {
        let line = self
            .lines
            .iter_mut()
            .find(|line| line.id == id)
            .ok_or_else(|| line_not_found(id))?;
        if !line.is_mutable() {
            let what = match line.facts.kind {
                _ if line.gift_of.is_some() => GIFT,
                LineItemKind::GiftCertificate => "gift certificate: remove it and add another",
                _ => "custom item: remove it and add another",
            };
            return Err(not_mutable(id, what));
        }
        Ok(line)
    }
}

fn not_mutable(id: Uuid, what: &str) -> Refusal {
    let message = format!("line item {id} is a {what}");
    Refusal::new(Reason::LineItemNotMutable, message).with("line_item_id", id)
}

fn line_not_found(id: Uuid) -> Refusal {
    Refusal::new(
        Reason::LineItemNotFound,
        format!("the cart has no line item {id}"),
    )
    .with("line_item_id", id)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::manual_discount::ManualDiscount;

    fn line(number: u128) -> LineItem {
        let facts = Facts::outside_catalog(LineItemKind::Physical, "Mug", Amount::new(1_000));
        LineItem::new(Uuid::from_u128(number), facts)
    }

    fn gift(number: u128) -> LineItem {
        LineItem {
            gift_of: Some(Uuid::from_u128(100)),
            ..line(number)
        }
    }

    fn cart(lines: Vec<LineItem>) -> Checkout {
        let id = Uuid::from_u128(1_000);
        Checkout {
            lines,
            ..Checkout::new(id, Currency::USD, DateTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_gift_is_neither_changed_nor_removed() {
        let before = cart(vec![line(1), gift(2)]);
        let mut cart = before.clone();
        let id = Uuid::from_u128(2);
        let refusals = [
            cart.remove_line(id),
            cart.set_quantity(id, 2, None),
            cart.set_list_price(id, Amount::ZERO),
            cart.set_gift_wrapping(id, None, &Store::empty(Currency::USD)),
        ];
        for refusal in refusals {
            let refusal = refusal.unwrap_err();
            assert_eq!(refusal.reason, Reason::LineItemNotMutable);
            assert!(refusal.message.contains("goes with its promotion"));
        }
        assert_eq!(cart, before);
    }

    #[test]
    fn nothing_belongs_to_a_gift_and_it_is_no_line_to_add_to() {
        let mut cart = cart(vec![gift(1)]);
        let child = LineItem {
            parent_id: Some(Uuid::from_u128(1)),
            ..line(2)
        };
        let refusal = cart.add_line(child, None, "line_items[0]").unwrap_err();
        assert_eq!(refusal.violations[0].subject, "line_items[0].parent_id");
        cart.add_line(line(3), None, "line_items[0]").unwrap();
        assert_eq!(cart.lines, [gift(1), line(3)]);
    }

    #[test]
    fn a_removed_line_takes_what_belongs_to_it_along() {
        let child = LineItem {
            parent_id: Some(Uuid::from_u128(1)),
            ..line(2)
        };
        let mut cart = cart(vec![line(1), child, gift(3)]);
        let on = |line: Option<u128>| ManualDiscount {
            id: Uuid::from_u128(10),
            name: String::new(),
            line_item_id: line.map(Uuid::from_u128),
            amount: Amount::new(1),
        };
        cart.manual_discounts = vec![on(Some(1)), on(None), on(Some(2))];
        assert!(!cart.has_only_gifts());
        cart.remove_line(Uuid::from_u128(1)).unwrap();
        assert_eq!(cart.lines, [gift(3)]);
        assert_eq!(cart.manual_discounts, [on(None)]);
        assert!(cart.has_only_gifts());
    }

    #[test]
    fn a_gift_certificate_is_worth_one_to_a_thousand_units() {
        for (code, worth) in [
            ("JPY", 1..=1_000),
            ("USD", 100..=100_000),
            ("KWD", 1_000..=1_000_000),
        ] {
            assert_eq!(gift_certificate_worth(code.parse().unwrap()), worth);
        }
    }
}
