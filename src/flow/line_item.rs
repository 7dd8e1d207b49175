//! Lines of a cart: adding, changing and removing them.

use std::collections::HashSet;

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    new_id, stock,
};
use crate::{
    catalog::Products,
    domain::{
        cart::{Facts, LineItem, LineItemKind},
        catalog::Measures,
        checkout::{Checkout, CheckoutState},
        gift_certificate::Card,
        gift_wrapping::WrappingChoice,
        money::Money,
        reason::{self, Refusal},
        stock::{Asked, VariantKey},
        store::Store,
    },
};

/// An item to put into a cart.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// What it is.
    pub kind: NewItemKind,
    /// How to wrap it.
    pub gift_wrapping: Option<WrappingChoice>,
    /// The request field, for errors: `line_items[2]`.
    pub path: String,
}

/// What an item to put into a cart is.
#[derive(Debug, Clone)]
pub enum NewItemKind {
    /// From the catalog.
    Catalog {
        /// The catalog's product id.
        product_id: String,
        /// The catalog's variant id; empty without variants.
        variant_id: String,
        /// Units.
        quantity: u32,
        /// Answers to modifiers: option id and value.
        answers: Vec<(String, String)>,
        /// Price of one unit in place of the catalog's.
        list_price: Option<Money>,
        /// The line it belongs to.
        parent_id: Option<Uuid>,
    },
    /// Not from the catalog.
    Custom {
        /// Name shown to the shopper.
        name: String,
        /// Stock keeping unit.
        sku: String,
        /// Units.
        quantity: u32,
        /// Price of one unit.
        list_price: Money,
        /// Weight of one unit.
        weight_grams: i64,
    },
    /// A gift certificate to buy.
    GiftCertificate {
        /// Name shown to the shopper.
        name: String,
        /// What it is worth.
        amount: Money,
        /// What is written on it.
        card: Card,
    },
}

impl NewItem {
    /// The variant that it asks for.
    fn asked(&self) -> Option<Asked> {
        match &self.kind {
            NewItemKind::Catalog {
                product_id,
                variant_id,
                ..
            } => Some((self.path.clone(), VariantKey::new(product_id, variant_id))),
            NewItemKind::Custom { .. } | NewItemKind::GiftCertificate { .. } => None,
        }
    }
}

/// What to change of a line; none stays.
#[derive(Debug, Clone)]
pub struct LineItemUpdate {
    /// Units.
    pub quantity: Option<u32>,
    /// Price of one unit.
    pub list_price: Option<Money>,
    /// How it is wrapped from now on, if at all.
    pub gift_wrapping: Option<Option<WrappingChoice>>,
}

/// Adds items.
#[instrument(name = "flow.add_line_items", skip_all)]
pub async fn add(flow: &Flow, id: Uuid, items: Vec<NewItem>, guard: Guard) -> Result<Checkout> {
    let items = &items;
    change(flow, id, guard, async |mut draft: Draft| {
        add_items(flow, &mut draft, items).await?;
        Ok(draft)
    })
    .await
}

/// Changes a line.
#[instrument(name = "flow.update_line_item", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    line: Uuid,
    update: LineItemUpdate,
    guard: Guard,
) -> Result<Checkout> {
    let update = &update;
    change(flow, id, guard, async |mut draft: Draft| {
        let checkout = &mut draft.checkout;
        if let Some(price) = update.list_price {
            let price = checkout.amount(price, "list_price")?;
            checkout.set_list_price(line, price)?;
        }
        if let Some(choice) = &update.gift_wrapping {
            checkout.set_gift_wrapping(line, choice.as_ref(), &draft.snapshot.store)?;
        }
        if let Some(quantity) = update.quantity {
            let product_id = checkout.line(line)?.product_id.clone();
            let products = draft
                .products(flow, std::slice::from_ref(&product_id))
                .await?;
            let product = products.get(&product_id).ok().map(AsRef::as_ref);
            draft.checkout.set_quantity(line, quantity, product)?;
            let variant_id = &draft.checkout.line(line)?.variant_id;
            let asked = (line.to_string(), VariantKey::new(&product_id, variant_id));
            stock::check(flow, &draft.checkout, &[asked], &products).await?;
        }
        Ok(draft)
    })
    .await
}

/// Removes a line; none when it was the last that is not a gift, and the cart went with it.
#[instrument(name = "flow.delete_line_item", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, line: Uuid, guard: Guard) -> Result<Option<Checkout>> {
    let changed = change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.remove_line(line)?;
        if draft.checkout.has_only_gifts() {
            draft.checkout.state = CheckoutState::Deleted;
        }
        Ok(draft)
    })
    .await?;
    Ok(Some(changed).filter(|checkout| checkout.state == CheckoutState::Active))
}

/// Adds items to a cart, all or none. What is wrong with several of them is told at once.
pub(super) async fn add_items(flow: &Flow, draft: &mut Draft, items: &[NewItem]) -> Result<()> {
    let products = draft.products(flow, &wanted(items)).await?;
    let Draft {
        checkout, snapshot, ..
    } = draft;
    let mut refusals = Vec::new();
    for item in items {
        let line = new_line(item, checkout, &snapshot.store, &products);
        let added = line.and_then(|line| {
            let product = products.get(&line.product_id).ok().map(AsRef::as_ref);
            checkout.add_line(line, product, &item.path)
        });
        refusals.extend(added.err());
    }
    if let Some(refusal) = Refusal::merged(refusals) {
        return Err(refusal.into());
    }
    let asked: Vec<_> = items.iter().filter_map(NewItem::asked).collect();
    stock::check(flow, checkout, &asked, &products).await
}

/// The products that the items name, each once.
fn wanted(items: &[NewItem]) -> Vec<String> {
    let ids: HashSet<&String> = items
        .iter()
        .filter_map(|item| match &item.kind {
            NewItemKind::Catalog { product_id, .. } => Some(product_id),
            NewItemKind::Custom { .. } | NewItemKind::GiftCertificate { .. } => None,
        })
        .collect();
    ids.into_iter().cloned().collect()
}

/// The line that an item makes.
fn new_line(
    item: &NewItem,
    checkout: &Checkout,
    store: &Store,
    products: &Products,
) -> reason::Result<LineItem> {
    let line = unwrapped_line(item, checkout, store, products)?;
    let gift_wrapping = match &item.gift_wrapping {
        Some(choice) => Some(line.wrapping(choice, store, checkout.currency)?),
        None => None,
    };
    Ok(LineItem {
        gift_wrapping,
        ..line
    })
}

fn unwrapped_line(
    item: &NewItem,
    checkout: &Checkout,
    store: &Store,
    products: &Products,
) -> reason::Result<LineItem> {
    let path = &item.path;
    match &item.kind {
        NewItemKind::Catalog {
            product_id,
            variant_id,
            quantity,
            answers,
            list_price,
            parent_id,
        } => {
            let product = products.get(product_id)?;
            let facts = product.facts(variant_id, answers, store, checkout.currency, path)?;
            let price =
                list_price.map(|price| checkout.amount(price, &format!("{path}.list_price")));
            Ok(LineItem {
                product_id: product_id.clone(),
                variant_id: variant_id.clone(),
                parent_id: *parent_id,
                quantity: *quantity,
                price_override: price.transpose()?,
                ..LineItem::new(new_id(), facts)
            })
        }
        NewItemKind::Custom {
            name,
            sku,
            quantity,
            list_price,
            weight_grams,
        } => {
            let price = checkout.amount(*list_price, &format!("{path}.list_price"))?;
            let facts = Facts {
                sku: sku.clone(),
                measures: Measures {
                    weight_grams: *weight_grams,
                    ..Measures::default()
                },
                ..Facts::outside_catalog(LineItemKind::Custom, name, price)
            };
            Ok(LineItem {
                quantity: *quantity,
                ..LineItem::new(new_id(), facts)
            })
        }
        NewItemKind::GiftCertificate { name, amount, card } => {
            let price = checkout.amount(*amount, &format!("{path}.amount"))?;
            let facts = Facts::outside_catalog(LineItemKind::GiftCertificate, name, price);
            Ok(LineItem {
                gift_certificate: Some(card.clone()),
                ..LineItem::new(new_id(), facts)
            })
        }
    }
}
