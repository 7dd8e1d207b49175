//! Importing a shop from a YAML file whose content is what the API takes: the settings, products, promotions and
//! coupons as the messages `Store`, `Product`, `Promotion` and `CreateCouponRequest`, with field names as in the
//! protos.

use std::fmt;

use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage};
use serde::Deserialize;
use serde_json::Value;

use super::{FILE_DESCRIPTOR_SET, catalog, fields::Fields, promotion, settings};
use crate::{
    domain::{
        catalog::Product,
        promotion::Promotion,
        reason::{Reason, Refusal},
        store::Store,
    },
    flow::{self, Flow, Guard, promotion::NewCoupon},
};

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Products that were created or replaced.
    pub products: usize,
    /// Promotions that were created.
    pub promotions: usize,
    /// Promotions whose name was there already; they were left as they are.
    pub existing_promotions: usize,
    /// Coupons that were created.
    pub coupons: usize,
    /// Coupons whose code was there already; they were left as they are.
    pub existing_coupons: usize,
}

/// Why a file was not imported, or not in full: importing it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not YAML, or its top level is not as it should be.
    #[error("{0}")]
    Document(String),
    /// Something in the file is not what the API takes. Nothing was imported.
    #[error("{place}: {problem}")]
    Content {
        /// Where: `products[3] (enamel-mug)`.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// The service did not take it. What comes before in the file was imported.
    #[error("{place}: {error}")]
    Flow {
        /// Where.
        place: String,
        /// Why.
        #[source]
        error: flow::Error,
    },
}

/// The top level of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    store: Option<Value>,
    products: Option<Vec<Value>>,
    promotions: Option<Vec<Value>>,
    coupons: Option<Vec<Value>>,
}

/// The content of a file, read as requests are.
#[derive(Debug)]
struct Content {
    store: Option<Store>,
    products: Vec<Product>,
    /// Each with its place.
    promotions: Vec<(String, Promotion)>,
    /// Each with its place.
    coupons: Vec<(String, NewCoupon)>,
}

/// Imports a file. All of it is checked before anything is done. Settings and products replace those
/// that are there, but for the stock of what is counted; promotions, by their names, and coupons are only added.
///
/// # Errors
/// Each [`ImportError`] names the place.
pub async fn import(flow: &Flow, yaml: &str) -> Result<Imported, ImportError> {
    let failed = |place: &str| {
        let place = place.to_owned();
        |error| ImportError::Flow { place, error }
    };
    let current = flow::settings::get(flow).await.map_err(failed("store"))?;
    let content = read(yaml, &current)?;
    if !content.products.is_empty() {
        flow::catalog::check_built_in(flow).map_err(failed("products"))?;
    }
    let mut imported = Imported {
        products: content.products.len(),
        promotions: 0,
        existing_promotions: 0,
        coupons: 0,
        existing_coupons: 0,
    };
    if let Some(store) = content.store {
        let change = |_: &Store| Ok(store.clone());
        let updated = flow::settings::update(flow, change, Guard::default()).await;
        updated.map_err(failed("store"))?;
    }
    for batch in content.products.chunks(catalog::MAX_PRODUCTS) {
        let upserted = flow::catalog::upsert(flow, batch.to_vec(), true, Guard::default()).await;
        upserted.map_err(failed("products"))?;
    }
    for (place, promotion) in content.promotions {
        let there = flow::promotion::is_there(flow, &promotion.name).await;
        if there.map_err(failed(&place))? {
            imported.existing_promotions = imported.existing_promotions.saturating_add(1);
            continue;
        }
        let created = flow::promotion::create(flow, promotion, Guard::default()).await;
        created.map_err(failed(&place))?;
        imported.promotions = imported.promotions.saturating_add(1);
    }
    for (place, coupon) in content.coupons {
        match flow::promotion::create_coupon(flow, coupon, Guard::default()).await {
            Ok(_) => imported.coupons = imported.coupons.saturating_add(1),
            Err(flow::Error::Refused(Refusal {
                reason: Reason::CouponCodeExists,
                ..
            })) => {
                imported.existing_coupons = imported.existing_coupons.saturating_add(1);
            }
            Err(error) => return Err(failed(&place)(error)),
        }
    }
    Ok(imported)
}

/// Reads a file; `current` are the settings that products go by if the file has none.
fn read(yaml: &str, current: &Store) -> Result<Content, ImportError> {
    // Without it, `country_code: NO` would be a boolean instead of Norway.
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Document = serde_saphyr::from_str_with_options(yaml, options)
        .map_err(|error| ImportError::Document(error.to_string()))?;
    let messages = Messages::new()?;

    let store = document.store.map(|value| {
        messages.read("store", "Store", value, |fields, store| {
            settings::read::store(fields, store)
        })
    });
    let store = store.transpose()?;
    let settings = store.as_ref().unwrap_or(current);

    let mut products = Vec::new();
    for (index, value) in document.products.into_iter().flatten().enumerate() {
        let place = place("products", index, &value, "id");
        products.push(messages.read(&place, "Product", value, |fields, product| {
            catalog::read::product(fields, product, settings)
        })?);
    }
    let mut fields = Fields::default();
    fields.unique(
        "products",
        "id",
        products.iter().map(|product| product.id.as_str()),
    );
    fields
        .finish()
        .map_err(|refusal| ImportError::Document(refusal.message))?;

    Ok(Content {
        store,
        products,
        promotions: messages.each(
            "promotions",
            "name",
            document.promotions,
            "Promotion",
            promotion::read::promotion,
        )?,
        coupons: messages.each(
            "coupons",
            "code",
            document.coupons,
            "CreateCouponRequest",
            promotion::read::coupon,
        )?,
    })
}

/// Where something is, as a person finds it in the file.
fn place(list: &str, index: usize, value: &Value, key: &str) -> String {
    let id = value.get(key).and_then(Value::as_str);
    let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
    format!("{list}[{index}]{id}")
}

fn content(place: &str, problem: &dyn fmt::Display) -> ImportError {
    ImportError::Content {
        place: place.to_owned(),
        problem: problem.to_string(),
    }
}

/// Turns values into messages of the API.
struct Messages(DescriptorPool);

impl Messages {
    fn new() -> Result<Self, ImportError> {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET);
        pool.map(Self)
            .map_err(|error| ImportError::Document(error.to_string()))
    }

    /// Reads each value of a list as the message `name`, with its place, in which `key` says which it is.
    fn each<M: Message + Default, T>(
        &self,
        list: &str,
        key: &str,
        values: Option<Vec<Value>>,
        name: &str,
        read: impl Fn(&mut Fields, M) -> T,
    ) -> Result<Vec<(String, T)>, ImportError> {
        let values = values.into_iter().flatten().enumerate();
        let read = values.map(|(index, value)| {
            let place = place(list, index, &value, key);
            let read = self.read(&place, name, value, &read)?;
            Ok((place, read))
        });
        read.collect()
    }

    /// Reads a value as the message `name`, and that as a request's.
    fn read<M: Message + Default, T>(
        &self,
        place: &str,
        name: &str,
        value: Value,
        read: impl FnOnce(&mut Fields, M) -> T,
    ) -> Result<T, ImportError> {
        let name = format!("cartwright.v1.{name}");
        let unknown = || content(place, &format!("no message {name}"));
        let descriptor = self.0.get_message_by_name(&name).ok_or_else(unknown)?;
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message = DynamicMessage::deserialize_with_options(descriptor, value, &options)
            .map_err(|error| content(place, &error))?;
        let message = message
            .transcode_to()
            .map_err(|error| content(place, &error))?;
        let mut fields = Fields::default();
        let read = read(&mut fields, message);
        fields
            .finish()
            .map_err(|refusal| content(place, &refusal.message))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    const STORE: &str = "store: { default_currency_code: USD, tax_classes: [{ id: standard }] }\n";

    fn problem(yaml: &str) -> String {
        read(yaml, &Store::empty(Currency::USD))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_sample_shop_is_what_the_api_takes() {
        let yaml = include_str!("../../examples/store.yaml");
        let content = read(yaml, &Store::empty(Currency::USD)).unwrap();
        assert!(!content.store.unwrap().shipping_zones.is_empty());
        assert_eq!(content.promotions.len(), 3);
    }

    #[test]
    fn products_go_by_the_settings_of_the_file() {
        let mug = "products: [{ id: mug, name: Mug, type: PRODUCT_TYPE_PHYSICAL, tax_class_id: standard, \
                   price: { currency_code: USD, amount_minor: 1999 } }]\n";
        let coupon = "coupons: [{ code: TEN, type: COUPON_TYPE_PERCENTAGE_DISCOUNT, percentage: \"10\", \
                      shipping_country_codes: [NO], expire_time: \"2027-01-01T00:00:00Z\" }]\n";
        let content = read(&[STORE, mug, coupon].concat(), &Store::empty(Currency::USD)).unwrap();
        assert_eq!(content.products[0].price.minor(), 1_999);
        assert_eq!(content.coupons[0].0, "coupons[0] (TEN)");
        assert_eq!(content.coupons[0].1.shipping_country_codes, ["NO"]);
        assert!(problem(mug).starts_with("products[0] (mug): tax_class_id: "));
    }

    #[test]
    fn a_problem_names_its_place() {
        let cases = [
            ("shop: {}", "unknown field `shop`"),
            ("store: { name: A }", "store: default_currency_code: "),
            (
                "store: { nmae: A }",
                "store: unrecognized field name 'nmae'",
            ),
            (
                "products: [{ id: mug, price: { currency_code: EUR } }]",
                "products[0] (mug): name: ",
            ),
            (
                "products: [{ name: Mug, weight_grams: heavy }]",
                "products[0]: ",
            ),
            (
                "promotions: [{ name: Gift, rules: [{ action: { gift_item: {} } }] }]",
                "promotions[0] (Gift): rules[0].action.gift_item.product_id: ",
            ),
            (
                "coupons: [{ code: TEN, percentage: 10 }]",
                "coupons[0] (TEN): invalid type: ",
            ),
        ];
        for (yaml, start) in cases {
            let problem = problem(yaml);
            assert!(problem.contains(start), "{problem}");
        }
        let product =
            "{ id: mug, name: Mug, type: PRODUCT_TYPE_DIGITAL, price: { currency_code: USD } }";
        let twice = format!("products: [{product}, {product}]");
        assert!(problem(&twice).starts_with("products[1].id: \"mug\""));
    }
}
