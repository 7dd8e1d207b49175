//! Line items and what may be done to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    catalog::{Measures, Product},
    checkout::Checkout,
    consignment,
    money::{Amount, Overflow},
    reason::{Reason, Refusal, Result},
};

/// Most lines of a cart.
pub const MAX_LINES: usize = 500;
/// Most units of a line.
pub const MAX_QUANTITY: u32 = 9_999;

/// What a line item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineItemKind {
    /// Goods from the catalog that are shipped.
    Physical,
    /// Goods from the catalog that are not.
    Digital,
    /// Not in the catalog.
    Custom,
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
}

/// A quantity of one variant of a product, or of a custom item.
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
}

impl LineItem {
    /// Price of one unit that counts.
    #[must_use]
    pub fn list_price(&self) -> Amount {
        self.price_override.unwrap_or(self.facts.price)
    }

    /// List price times quantity.
    pub fn extended_list_price(&self) -> std::result::Result<Amount, Overflow> {
        self.list_price().times(self.quantity)
    }

    /// Whether it is not in the catalog.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.facts.kind == LineItemKind::Custom
    }

    /// Whether it has to be in a consignment.
    #[must_use]
    pub fn requires_shipping(&self) -> bool {
        self.facts.kind != LineItemKind::Digital
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
        !self.is_custom()
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
        if let Some(parent_id) = line.parent_id {
            self.line(parent_id)?;
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

    /// Removes a line and those that belong to it, also from the consignments.
    pub fn remove_line(&mut self, id: Uuid) -> Result<()> {
        self.line(id)?;
        let mut gone = vec![id];
        // Parents come before the lines that belong to them, so one pass finds all descendants.
        for line in &self.lines {
            if line.parent_id.is_some_and(|parent| gone.contains(&parent)) {
                gone.push(line.id);
            }
        }
        self.lines.retain(|line| !gone.contains(&line.id));
        for id in gone {
            consignment::trim(&mut self.consignments, id, 0);
        }
        Ok(())
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
        if line.is_custom() {
            let message = format!("line item {id} is a custom item: remove it and add another");
            return Err(Refusal::new(Reason::LineItemNotMutable, message).with("line_item_id", id));
        }
        Ok(line)
    }
}

fn line_not_found(id: Uuid) -> Refusal {
    Refusal::new(
        Reason::LineItemNotFound,
        format!("the cart has no line item {id}"),
    )
    .with("line_item_id", id)
}
