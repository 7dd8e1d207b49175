//! What a checkout knows of products, and what a product is as a line of a cart.

use serde::{Deserialize, Serialize};

use super::{
    cart::{Facts, LineItemKind, Selection},
    money::{Amount, Currency},
    reason::{Reason, Refusal, Result, Violation},
    stock::Stock,
    store::Store,
};

/// A product with its variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Product {
    /// The caller's id.
    pub id: String,
    /// Name shown to the shopper.
    pub name: String,
    /// Whether it is not shipped.
    pub digital: bool,
    /// Stock keeping unit.
    pub sku: String,
    /// The caller's id of the brand.
    pub brand_id: String,
    /// The caller's ids of the categories.
    pub category_ids: Vec<String>,
    /// Currency of all its amounts: the store's default currency when it was upserted.
    pub currency: Currency,
    /// Price of one unit.
    pub price: Amount,
    /// Price of one unit while on sale.
    pub sale_price: Option<Amount>,
    /// Recommended retail price.
    pub retail_price: Option<Amount>,
    /// Tax class; none for the store's default.
    pub tax_class_id: Option<String>,
    /// Whether no tax is ever due.
    pub tax_exempt: bool,
    /// Weight and size of one unit.
    pub measures: Measures,
    /// Left out when a consignment is quoted.
    pub free_shipping: bool,
    /// Shipping cost of one unit in place of being quoted.
    pub fixed_shipping_cost: Option<Amount>,
    /// Whether it can be bought.
    pub purchasable: bool,
    /// Fewest units in a line.
    pub minimum_quantity: Option<u32>,
    /// Most units in a line.
    pub maximum_quantity: Option<u32>,
    /// The product's page.
    pub url: String,
    /// A picture.
    pub image_url: String,
    /// The options by which variants differ.
    pub options: Vec<ProductOption>,
    /// The variants.
    pub variants: Vec<Variant>,
    /// What the shopper may or must add.
    pub modifiers: Vec<Modifier>,
    /// What else the shop knows of it: name and value.
    pub custom_fields: Vec<(String, String)>,
    /// Its stock, if it has no variants; none where it is not counted.
    pub stock: Option<Stock>,
    /// Raised by one with every change.
    pub version: i64,
}

/// Weight in grams and size in millimetres of one unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Measures {
    pub weight_grams: i64,
    pub length_mm: i32,
    pub width_mm: i32,
    pub height_mm: i32,
}

/// An option by which variants differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductOption {
    /// The caller's id.
    pub id: String,
    /// Name shown to the shopper.
    pub name: String,
    /// The values.
    pub values: Vec<OptionValue>,
}

/// A value of an option or a pick list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionValue {
    /// The caller's id.
    pub id: String,
    /// Label shown to the shopper.
    pub label: String,
    /// Added to the price of one unit.
    pub price_adjustment: Amount,
}

/// One sellable form of a product. What is none is the product's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The caller's id, unique within the product.
    pub id: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Option id and value id of each option.
    pub option_values: Vec<(String, String)>,
    /// Price of one unit.
    pub price: Option<Amount>,
    /// Price of one unit while on sale.
    pub sale_price: Option<Amount>,
    /// Weight of one unit.
    pub weight_grams: Option<i64>,
    /// Whether it can be bought.
    pub purchasable: bool,
    /// A picture.
    pub image_url: String,
    /// Its stock; none where it is not counted.
    pub stock: Option<Stock>,
}

/// Something a shopper may or must add to a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modifier {
    /// The caller's id.
    pub id: String,
    /// Name shown to the shopper.
    pub name: String,
    /// What the shopper answers.
    pub kind: ModifierKind,
    /// Whether it has to be answered.
    pub required: bool,
    /// Added to the price of one unit when a text is given or the box is ticked.
    pub price_adjustment: Amount,
}

/// What a shopper answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModifierKind {
    /// A text.
    Text,
    /// One of several values.
    PickList(Vec<OptionValue>),
    /// Yes or no.
    Checkbox,
}

/// Most characters of a text that answers a modifier.
pub const MAX_MODIFIER_TEXT: usize = 255;

impl Product {
    /// What the product is as a line of a cart in `currency`: the variant found, the answers to its modifiers
    /// checked, the price worked out. `path` is the request field that named it, for errors.
    pub fn facts(
        &self,
        variant_id: &str,
        answers: &[(String, String)],
        store: &Store,
        currency: Currency,
        path: &str,
    ) -> Result<Facts> {
        if self.currency != store.default_currency {
            let (priced, sold) = (self.currency, store.default_currency);
            let message = format!(
                "\"{}\" is priced in {priced}, and the store sells in {sold} now: upsert it in {sold}",
                self.name
            );
            return Err(self.not_purchasable(variant_id, message));
        }
        let variant = self.variant(variant_id, path)?;
        if let Some(variant) = variant {
            variant.check_repeated(answers, path)?;
        }
        let (answered, adjustments) = self.answered(answers, path)?;
        let mut selections = self.variant_selections(variant);
        selections.extend(answered);

        let (price, sale_price) =
            match variant.and_then(|v| v.price.map(|price| (price, v.sale_price))) {
                Some(own) => own,
                None => (
                    self.price,
                    variant.and_then(|v| v.sale_price).or(self.sale_price),
                ),
            };
        let adjusted = |amount: Amount| -> Result<Amount> {
            let total = adjustments
                .iter()
                .try_fold(amount, |sum, adjustment| sum.plus(*adjustment))?;
            store.convert(total.max(Amount::ZERO), currency)
        };
        let convert =
            |amount: Option<Amount>| amount.map(|a| store.convert(a, currency)).transpose();
        let own = |mine: Option<&String>, general: &String| {
            mine.filter(|text| !text.is_empty())
                .unwrap_or(general)
                .clone()
        };
        Ok(Facts {
            kind: if self.digital {
                LineItemKind::Digital
            } else {
                LineItemKind::Physical
            },
            sku: own(variant.map(|v| &v.sku), &self.sku),
            name: self.name.clone(),
            url: self.url.clone(),
            image_url: own(variant.map(|v| &v.image_url), &self.image_url),
            selections,
            taxable: !self.tax_exempt,
            tax_class_id: self.tax_class_id.clone(),
            original_price: adjusted(price)?,
            price: adjusted(sale_price.unwrap_or(price))?,
            comparison_price: convert(self.retail_price)?,
            on_sale: sale_price.is_some(),
            brand_id: self.brand_id.clone(),
            category_ids: self.category_ids.clone(),
            measures: Measures {
                weight_grams: variant
                    .and_then(|v| v.weight_grams)
                    .unwrap_or(self.measures.weight_grams),
                ..self.measures
            },
            free_shipping: self.free_shipping,
            fixed_shipping_cost: convert(self.fixed_shipping_cost)?,
            custom_fields: self.custom_fields.clone(),
            stock_level: self.stock_of(variant_id).map(|stock| stock.level),
        })
    }

    /// Refuses a product or variant that cannot be bought, or not in this quantity.
    pub fn check_purchase(&self, variant_id: &str, quantity: u32) -> Result<()> {
        let variant = self
            .variants
            .iter()
            .find(|variant| variant.id == variant_id);
        if !self.purchasable || variant.is_some_and(|variant| !variant.purchasable) {
            let message = format!("\"{}\" cannot be bought at the moment", self.name);
            return Err(self.not_purchasable(variant_id, message));
        }
        let (minimum, maximum) = (self.minimum_quantity.unwrap_or(1), self.maximum_quantity);
        if quantity < minimum || maximum.is_some_and(|maximum| quantity > maximum) {
            let maximum = maximum.map_or_else(|| "any number".to_owned(), |most| most.to_string());
            let message = format!(
                "\"{}\" is sold in quantities from {minimum} to {maximum}, not {quantity}",
                self.name
            );
            return Err(Refusal::new(Reason::PurchaseQuantityNotAllowed, message)
                .with("product_id", &self.id)
                .with("minimum", minimum)
                .with("maximum", maximum));
        }
        Ok(())
    }

    fn not_purchasable(&self, variant_id: &str, message: String) -> Refusal {
        Refusal::new(Reason::ProductNotPurchasable, message)
            .with("product_id", &self.id)
            .with("variant_id", variant_id)
    }

    fn variant(&self, variant_id: &str, path: &str) -> Result<Option<&Variant>> {
        if variant_id.is_empty() {
            if self.variants.is_empty() {
                return Ok(None);
            }
            let text = format!("product \"{}\" has variants: name one", self.id);
            let violation =
                Violation::new(format!("{path}.variant_id"), Reason::VariantRequired, text);
            return Err(Refusal::fields(vec![violation]).with("product_id", &self.id));
        }
        match self
            .variants
            .iter()
            .find(|variant| variant.id == variant_id)
        {
            Some(variant) => Ok(Some(variant)),
            None => Err(Refusal::new(
                Reason::VariantNotFound,
                format!("product \"{}\" has no variant \"{variant_id}\"", self.id),
            )
            .with("product_id", &self.id)
            .with("variant_id", variant_id)),
        }
    }

    /// The option values that make the variant, with their names.
    fn variant_selections(&self, variant: Option<&Variant>) -> Vec<Selection> {
        let values = variant
            .map(|v| v.option_values.as_slice())
            .unwrap_or_default();
        values
            .iter()
            .map(|(option_id, value_id)| {
                let option = self.options.iter().find(|option| option.id == *option_id);
                let value =
                    option.and_then(|o| o.values.iter().find(|value| value.id == *value_id));
                Selection {
                    option_id: option_id.clone(),
                    value: value_id.clone(),
                    name: option.map(|o| o.name.clone()).unwrap_or_default(),
                    display_value: value.map(|v| v.label.clone()).unwrap_or_default(),
                    answered: false,
                }
            })
            .collect()
    }

    /// Checks the answers to the modifiers; answers them with names, and the price adjustments they cause.
    fn answered(
        &self,
        answers: &[(String, String)],
        path: &str,
    ) -> Result<(Vec<Selection>, Vec<Amount>)> {
        let path = format!("{path}.option_selections");
        let known = |id: &str| {
            self.modifiers.iter().any(|m| m.id == id) || self.options.iter().any(|o| o.id == id)
        };
        if let Some((unknown, _)) = answers.iter().find(|(id, _)| !known(id)) {
            let text = format!(
                "product \"{}\" has no option or modifier \"{unknown}\"",
                self.id
            );
            return Err(Refusal::field(path, text));
        }
        let (mut selections, mut adjustments) = (Vec::new(), Vec::new());
        for modifier in &self.modifiers {
            let answer = answers
                .iter()
                .find(|(id, _)| *id == modifier.id)
                .map_or("", |(_, value)| value);
            if let Some((display_value, adjustment)) = modifier.read(answer, &path)? {
                selections.push(Selection {
                    option_id: modifier.id.clone(),
                    value: answer.to_owned(),
                    name: modifier.name.clone(),
                    display_value,
                    answered: true,
                });
                adjustments.push(adjustment);
            } else if modifier.required {
                let text = format!("\"{}\" is required: {}", modifier.name, modifier.way_out());
                let violation = Violation::new(path, Reason::ModifierRequired, text);
                return Err(Refusal::fields(vec![violation])
                    .with("product_id", &self.id)
                    .with("option_id", &modifier.id)
                    .with("name", &modifier.name));
            }
        }
        Ok((selections, adjustments))
    }
}

impl Variant {
    /// Clients may repeat the options that make the variant, but not contradict them.
    fn check_repeated(&self, answers: &[(String, String)], path: &str) -> Result<()> {
        for (option_id, value_id) in &self.option_values {
            let other = |(id, value): &&(String, String)| id == option_id && value != value_id;
            if let Some((_, other)) = answers.iter().find(other) {
                let text = format!(
                    "option \"{option_id}\" of the variant is \"{value_id}\", not \"{other}\""
                );
                return Err(Refusal::field(format!("{path}.option_selections"), text));
            }
        }
        Ok(())
    }
}

impl Modifier {
    /// The answer as shown and its price adjustment; none when it was not answered.
    fn read(&self, answer: &str, path: &str) -> Result<Option<(String, Amount)>> {
        let wrong = |text: String| Err(Refusal::field(path, format!("\"{}\": {text}", self.name)));
        if answer.trim().is_empty() {
            return Ok(None);
        }
        match &self.kind {
            ModifierKind::Text if answer.chars().count() > MAX_MODIFIER_TEXT => {
                wrong(format!("at most {MAX_MODIFIER_TEXT} characters"))
            }
            ModifierKind::Text => Ok(Some((answer.to_owned(), self.price_adjustment))),
            ModifierKind::Checkbox => match answer {
                "true" => Ok(Some(("yes".to_owned(), self.price_adjustment))),
                "false" => Ok(None),
                _ => wrong("\"true\" or \"false\"".to_owned()),
            },
            ModifierKind::PickList(values) => {
                match values.iter().find(|value| value.id == answer) {
                    Some(value) => Ok(Some((value.label.clone(), value.price_adjustment))),
                    None => wrong(self.way_out()),
                }
            }
        }
    }

    fn way_out(&self) -> String {
        match &self.kind {
            ModifierKind::Text => "give a text".to_owned(),
            ModifierKind::Checkbox => "give \"true\"".to_owned(),
            ModifierKind::PickList(values) => {
                let ids: Vec<_> = values.iter().map(|value| value.id.as_str()).collect();
                format!("choose one of {}", ids.join(", "))
            }
        }
    }
}
