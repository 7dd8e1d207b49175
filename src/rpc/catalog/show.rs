//! Products as messages.

use crate::{
    domain::{
        catalog::{Modifier, ModifierKind, OptionValue, Product, ProductOption, Variant},
        money::{Amount, Currency},
        stock::Stock,
    },
    rpc::{
        pb,
        show::{int, money},
    },
};

/// A product.
pub(super) fn product(product: &Product) -> pb::Product {
    let currency = product.currency;
    let money = |amount| money(currency, amount);
    let kind = if product.digital {
        pb::ProductType::Digital
    } else {
        pb::ProductType::Physical
    };
    pb::Product {
        id: product.id.clone(),
        name: product.name.clone(),
        r#type: kind.into(),
        sku: product.sku.clone(),
        brand_id: product.brand_id.clone(),
        category_ids: product.category_ids.clone(),
        price: money(product.price),
        sale_price: product.sale_price.and_then(money),
        retail_price: product.retail_price.and_then(money),
        tax_class_id: product.tax_class_id.clone().unwrap_or_default(),
        tax_exempt: product.tax_exempt,
        weight_grams: product.measures.weight_grams,
        length_mm: product.measures.length_mm,
        width_mm: product.measures.width_mm,
        height_mm: product.measures.height_mm,
        free_shipping: product.free_shipping,
        fixed_shipping_cost: product.fixed_shipping_cost.and_then(money),
        not_purchasable: !product.purchasable,
        minimum_purchase_quantity: product.minimum_quantity.map(int).unwrap_or_default(),
        maximum_purchase_quantity: product.maximum_quantity.map(int).unwrap_or_default(),
        url: product.url.clone(),
        image_url: product.image_url.clone(),
        options: product
            .options
            .iter()
            .map(|shown| option(shown, currency))
            .collect(),
        variants: product
            .variants
            .iter()
            .map(|shown| variant(shown, currency))
            .collect(),
        modifiers: product
            .modifiers
            .iter()
            .map(|shown| modifier(shown, currency))
            .collect(),
        version: product.version,
        custom_fields: product
            .custom_fields
            .iter()
            .map(|(name, value)| pb::ProductCustomField {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        stock_level: product.stock.map(level),
        available_stock: product.stock.map(Stock::left),
    }
}

/// What is owed is not told: it cannot be upserted again.
fn level(stock: Stock) -> i64 {
    stock.level.max(0)
}

fn option(option: &ProductOption, currency: Currency) -> pb::ProductOption {
    pb::ProductOption {
        id: option.id.clone(),
        name: option.name.clone(),
        values: option
            .values
            .iter()
            .map(|shown| value(shown, currency))
            .collect(),
    }
}

fn value(value: &OptionValue, currency: Currency) -> pb::OptionValue {
    pb::OptionValue {
        id: value.id.clone(),
        label: value.label.clone(),
        price_adjustment: adjustment(value.price_adjustment, currency),
    }
}

/// Unset when there is none.
fn adjustment(amount: Amount, currency: Currency) -> Option<pb::Money> {
    (!amount.is_zero())
        .then(|| money(currency, amount))
        .flatten()
}

fn variant(variant: &Variant, currency: Currency) -> pb::Variant {
    let money = |amount| money(currency, amount);
    let values = variant.option_values.iter();
    pb::Variant {
        id: variant.id.clone(),
        sku: variant.sku.clone(),
        option_values: values
            .map(|(option_id, value_id)| pb::VariantOptionValue {
                option_id: option_id.clone(),
                value_id: value_id.clone(),
            })
            .collect(),
        price: variant.price.and_then(money),
        sale_price: variant.sale_price.and_then(money),
        weight_grams: variant.weight_grams,
        not_purchasable: !variant.purchasable,
        image_url: variant.image_url.clone(),
        stock_level: variant.stock.map(level),
        available_stock: variant.stock.map(Stock::left),
    }
}

fn modifier(modifier: &Modifier, currency: Currency) -> pb::Modifier {
    let (kind, values) = match &modifier.kind {
        ModifierKind::Text => (pb::ModifierType::Text, [].as_slice()),
        ModifierKind::Checkbox => (pb::ModifierType::Checkbox, [].as_slice()),
        ModifierKind::PickList(values) => (pb::ModifierType::PickList, values.as_slice()),
    };
    pb::Modifier {
        id: modifier.id.clone(),
        name: modifier.name.clone(),
        r#type: kind.into(),
        required: modifier.required,
        values: values.iter().map(|shown| value(shown, currency)).collect(),
        price_adjustment: adjustment(modifier.price_adjustment, currency),
    }
}
