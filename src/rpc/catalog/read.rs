//! Reads products.

use crate::{
    domain::{
        cart::MAX_QUANTITY,
        catalog::{Measures, Modifier, ModifierKind, OptionValue, Product, ProductOption, Variant},
        money::{Amount, Currency},
        stock::{MAX_LEVEL, Stock},
        store::Store,
    },
    rpc::{fields::Fields, pb},
};

const MAX_CATEGORIES: usize = 50;
const MAX_OPTIONS: usize = 10;
const MAX_VALUES: usize = 100;
const MAX_VARIANTS: usize = 600;
const MAX_MODIFIERS: usize = 20;
const MAX_CUSTOM_FIELDS: usize = 50;
/// Grams.
const MAX_WEIGHT: i64 = 1_000_000_000;
/// Millimetres.
const MAX_LENGTH: i32 = 1_000_000;

/// A product whose prices are in the store's default currency and whose tax class is one of the store's.
pub(in crate::rpc) fn product(fields: &mut Fields, product: pb::Product, store: &Store) -> Product {
    let currency = store.default_currency;
    let (options, variants) = (product.options, product.variants);
    let options = fields.each("options", options, 0..=MAX_OPTIONS, option);
    let variants = fields.each("variants", variants, 0..=MAX_VARIANTS, |fields, variant| {
        self::variant(fields, variant, &options, currency)
    });
    let modifiers = fields.each(
        "modifiers",
        product.modifiers,
        0..=MAX_MODIFIERS,
        |fields, modifier| self::modifier(fields, modifier, currency),
    );
    check_ids(fields, &options, &variants, &modifiers);
    if product.stock_level.is_some() && !variants.is_empty() {
        let text = "is for products without variants: give it to the variants";
        fields.refuse("stock_level", text);
    }

    let minimum_quantity = limit(
        fields,
        "minimum_purchase_quantity",
        product.minimum_purchase_quantity,
    );
    let maximum_quantity = limit(
        fields,
        "maximum_purchase_quantity",
        product.maximum_purchase_quantity,
    );
    if maximum_quantity.is_some_and(|most| minimum_quantity.is_some_and(|least| least > most)) {
        fields.refuse(
            "maximum_purchase_quantity",
            "must not be below minimum_purchase_quantity",
        );
    }
    Product {
        id: fields.required_text("id", product.id),
        name: fields.required_text("name", product.name),
        digital: fields.choice("type", product.r#type, pb::ProductType::as_str_name)
            == Some(pb::ProductType::Digital),
        sku: fields.text("sku", product.sku),
        brand_id: fields.text("brand_id", product.brand_id),
        category_ids: fields.ids("category_ids", product.category_ids, MAX_CATEGORIES),
        currency,
        price: fields.required_amount("price", product.price, currency),
        sale_price: fields.amount("sale_price", product.sale_price, currency),
        retail_price: fields.amount("retail_price", product.retail_price, currency),
        tax_class_id: tax_class(fields, product.tax_class_id, store),
        tax_exempt: product.tax_exempt,
        measures: Measures {
            weight_grams: fields.number("weight_grams", product.weight_grams, 0..=MAX_WEIGHT),
            length_mm: fields.number("length_mm", product.length_mm, 0..=MAX_LENGTH),
            width_mm: fields.number("width_mm", product.width_mm, 0..=MAX_LENGTH),
            height_mm: fields.number("height_mm", product.height_mm, 0..=MAX_LENGTH),
        },
        free_shipping: product.free_shipping,
        fixed_shipping_cost: fields.amount(
            "fixed_shipping_cost",
            product.fixed_shipping_cost,
            currency,
        ),
        purchasable: !product.not_purchasable,
        minimum_quantity,
        maximum_quantity,
        url: fields.text("url", product.url),
        image_url: fields.text("image_url", product.image_url),
        options,
        variants,
        modifiers,
        custom_fields: fields.each(
            "custom_fields",
            product.custom_fields,
            0..=MAX_CUSTOM_FIELDS,
            |fields, field| {
                let name = fields.required_text("name", field.name);
                (name, fields.text("value", field.value))
            },
        ),
        stock: stock(fields, product.stock_level),
        version: 0,
    }
}

fn stock(fields: &mut Fields, level: Option<i64>) -> Option<Stock> {
    level.map(|level| Stock {
        level: fields.number("stock_level", level, 0..=MAX_LEVEL),
        reserved: 0,
    })
}

/// A limit on units, where 0 is none.
fn limit(fields: &mut Fields, name: &str, units: i32) -> Option<u32> {
    let most = i32::try_from(MAX_QUANTITY).unwrap_or(i32::MAX);
    let units = fields.number(name, units, 0..=most);
    u32::try_from(units).ok().filter(|units| *units > 0)
}

fn tax_class(fields: &mut Fields, id: String, store: &Store) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    if !store.tax_classes.iter().any(|class| class.id == id) {
        fields.refuse(
            "tax_class_id",
            "must be one of the store's tax classes, or empty",
        );
    }
    Some(id)
}

fn option(fields: &mut Fields, option: pb::ProductOption) -> ProductOption {
    let values = fields.each("values", option.values, 0..=MAX_VALUES, |fields, value| {
        if value.price_adjustment.is_some() {
            let text = "is for values of modifiers: give the variant a price of its own";
            fields.refuse("price_adjustment", text);
        }
        OptionValue {
            id: fields.required_text("id", value.id),
            label: fields.text("label", value.label),
            price_adjustment: Amount::ZERO,
        }
    });
    fields.unique("values", "id", values.iter().map(|value| value.id.as_str()));
    ProductOption {
        id: fields.required_text("id", option.id),
        name: fields.text("name", option.name),
        values,
    }
}

fn variant(
    fields: &mut Fields,
    variant: pb::Variant,
    options: &[ProductOption],
    currency: Currency,
) -> Variant {
    let option_values = fields.each(
        "option_values",
        variant.option_values,
        0..=MAX_OPTIONS,
        |fields, chosen| {
            match options.iter().find(|option| option.id == chosen.option_id) {
                None => fields.refuse("option_id", "must be one of the product's options"),
                Some(option)
                    if !option
                        .values
                        .iter()
                        .any(|value| value.id == chosen.value_id) =>
                {
                    fields.refuse("value_id", "must be one of the option's values");
                }
                Some(_) => {}
            }
            (chosen.option_id, chosen.value_id)
        },
    );
    fields.unique(
        "option_values",
        "option_id",
        option_values.iter().map(|(id, _)| id.as_str()),
    );
    let weight = variant.weight_grams;
    Variant {
        id: fields.required_text("id", variant.id),
        sku: fields.text("sku", variant.sku),
        option_values,
        price: fields.amount("price", variant.price, currency),
        sale_price: fields.amount("sale_price", variant.sale_price, currency),
        weight_grams: weight.map(|grams| fields.number("weight_grams", grams, 0..=MAX_WEIGHT)),
        purchasable: !variant.not_purchasable,
        image_url: fields.text("image_url", variant.image_url),
        stock: stock(fields, variant.stock_level),
    }
}

fn modifier(fields: &mut Fields, modifier: pb::Modifier, currency: Currency) -> Modifier {
    let values = fields.each(
        "values",
        modifier.values,
        0..=MAX_VALUES,
        |fields, value| OptionValue {
            id: fields.required_text("id", value.id),
            label: fields.text("label", value.label),
            price_adjustment: fields.adjustment(
                "price_adjustment",
                value.price_adjustment,
                currency,
            ),
        },
    );
    fields.unique("values", "id", values.iter().map(|value| value.id.as_str()));
    let kind = match fields.choice("type", modifier.r#type, pb::ModifierType::as_str_name) {
        Some(pb::ModifierType::PickList) => ModifierKind::PickList(values),
        other => {
            if !values.is_empty() {
                fields.refuse("values", "are for pick lists");
            }
            match other {
                Some(pb::ModifierType::Checkbox) => ModifierKind::Checkbox,
                _ => ModifierKind::Text,
            }
        }
    };
    if matches!(&kind, ModifierKind::PickList(values) if values.is_empty()) {
        fields.refuse("values", "must have 1 to 100 elements in a pick list");
    }
    Modifier {
        id: fields.required_text("id", modifier.id),
        name: fields.required_text("name", modifier.name),
        kind,
        required: modifier.required,
        price_adjustment: fields.adjustment(
            "price_adjustment",
            modifier.price_adjustment,
            currency,
        ),
    }
}

/// Carts name options and modifiers by one kind of id, so none may be both.
fn check_ids(
    fields: &mut Fields,
    options: &[ProductOption],
    variants: &[Variant],
    modifiers: &[Modifier],
) {
    fields.unique(
        "options",
        "id",
        options.iter().map(|option| option.id.as_str()),
    );
    fields.unique(
        "variants",
        "id",
        variants.iter().map(|variant| variant.id.as_str()),
    );
    fields.unique(
        "modifiers",
        "id",
        modifiers.iter().map(|modifier| modifier.id.as_str()),
    );
    for (index, modifier) in modifiers.iter().enumerate() {
        if options.iter().any(|option| option.id == modifier.id) {
            let text = format!(
                "\"{}\" is an option: a modifier needs an id of its own",
                modifier.id
            );
            fields.refuse(&format!("modifiers[{index}].id"), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "fields are optional")]
    fn usd(amount_minor: i64) -> Option<pb::Money> {
        Some(pb::Money {
            currency_code: "USD".into(),
            amount_minor,
        })
    }

    fn tee() -> pb::Product {
        let value = |id: &str| pb::OptionValue {
            id: id.into(),
            ..Default::default()
        };
        let chosen = pb::VariantOptionValue {
            option_id: "size".into(),
            value_id: "m".into(),
        };
        pb::Product {
            id: "tee".into(),
            name: "T-shirt".into(),
            r#type: pb::ProductType::Physical.into(),
            price: usd(2_000),
            options: vec![pb::ProductOption {
                id: "size".into(),
                values: vec![value("m"), value("l")],
                ..Default::default()
            }],
            variants: vec![pb::Variant {
                id: "tee-m".into(),
                option_values: vec![chosen],
                stock_level: Some(7),
                available_stock: Some(7),
                ..Default::default()
            }],
            modifiers: vec![pb::Modifier {
                id: "print".into(),
                name: "Print".into(),
                r#type: pb::ModifierType::Text.into(),
                price_adjustment: usd(-100),
                ..Default::default()
            }],
            custom_fields: vec![pb::ProductCustomField {
                name: "Fabric".into(),
                value: "Linen".into(),
            }],
            ..Default::default()
        }
    }

    fn read(product: pb::Product) -> Result<Product, Vec<String>> {
        let mut fields = Fields::default();
        let read = super::product(&mut fields, product, &Store::empty(Currency::USD));
        let paths = |refusal: crate::domain::reason::Refusal| {
            refusal
                .violations
                .into_iter()
                .map(|violation| violation.subject)
                .collect()
        };
        fields.finish().map(|_| read).map_err(paths)
    }

    #[test]
    fn a_product_is_read_and_shown_as_it_was() {
        let product = read(tee()).unwrap();
        assert_eq!(product.price.minor(), 2_000);
        assert_eq!(product.modifiers[0].price_adjustment.minor(), -100);
        let shown = super::super::show::product(&product);
        assert_eq!(read(shown), Ok(product));
    }

    #[test]
    fn what_is_wrong_with_a_product_is_told_by_its_path() {
        type Change = fn(&mut pb::Product);
        let cases: [(&str, Change); 18] = [
            ("id", |p| p.id.clear()),
            ("name", |p| p.name.clear()),
            ("type", |p| p.r#type = 0),
            ("price", |p| p.price = None),
            ("price.amount_minor", |p| p.price = usd(-1)),
            ("sale_price.currency_code", |p| {
                p.sale_price = Some(pb::Money {
                    currency_code: "EUR".into(),
                    amount_minor: 1,
                });
            }),
            ("tax_class_id", |p| p.tax_class_id = "food".into()),
            ("weight_grams", |p| p.weight_grams = -1),
            ("maximum_purchase_quantity", |p| {
                (p.minimum_purchase_quantity, p.maximum_purchase_quantity) = (3, 2);
            }),
            ("category_ids[0]", |p| p.category_ids = vec![String::new()]),
            ("options[0].values[1].id", |p| {
                p.options[0].values[1].id = "m".into();
            }),
            ("variants[0].option_values[0].value_id", |p| {
                p.variants[0].option_values[0].value_id = "xl".into();
            }),
            ("stock_level", |p| p.stock_level = Some(0)),
            ("stock_level", |p| {
                p.variants.clear();
                p.stock_level = Some(-1);
            }),
            ("variants[0].stock_level", |p| {
                p.variants[0].stock_level = Some(1_000_000_001);
            }),
            ("variants[1].id", |p| p.variants.push(p.variants[0].clone())),
            ("modifiers[0].id", |p| p.modifiers[0].id = "size".into()),
            ("modifiers[0].values", |p| {
                p.modifiers[0].r#type = pb::ModifierType::PickList.into();
            }),
        ];
        for (path, change) in cases {
            let mut product = tee();
            change(&mut product);
            assert_eq!(read(product), Err(vec![path.to_owned()]));
        }
    }
}
