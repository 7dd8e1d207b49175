//! Carts: creating and ending them, and changing their lines.

use std::collections::HashSet;

use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Guard, Result, Snapshot,
    change::{Draft, change, load},
    new_id, now,
    once::{self, Once},
    refresh,
};
use crate::{
    catalog::Products,
    domain::{
        cart::{Facts, LineItem, LineItemKind},
        catalog::Measures,
        checkout::{Checkout, CheckoutState, MessageCode, RequestKey},
        money::{Amount, Currency, Money},
        pricing::Pricing,
        reason::{self, Reason, Refusal, Violation},
        store::Store,
    },
    store,
};

/// An item to put into a cart.
#[derive(Debug, Clone)]
pub enum NewItem {
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
        /// The request field, for errors: `line_items[2]`.
        path: String,
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
        /// The request field, for errors: `custom_items[2]`.
        path: String,
    },
}

/// A cart to create.
#[derive(Debug, Clone)]
pub struct NewCart {
    /// The caller's id of the sales channel.
    pub channel_id: String,
    /// The caller's id of the customer; empty for a guest.
    pub customer_id: String,
    /// The shopper's e-mail address.
    pub email: String,
    /// Currency; none for the store's default.
    pub currency: Option<Currency>,
    /// At least one item.
    pub items: Vec<NewItem>,
}

/// What to change of a cart; none stays.
#[derive(Debug, Clone, Default)]
pub struct CartUpdate {
    /// The caller's id of the customer.
    pub customer_id: Option<String>,
    /// The shopper's e-mail address.
    pub email: Option<String>,
    /// Currency.
    pub currency: Option<Currency>,
    /// The caller's id of the sales channel.
    pub channel_id: Option<String>,
}

/// What to change of a line; none stays.
#[derive(Debug, Clone, Copy)]
pub struct LineItemUpdate {
    /// Units.
    pub quantity: Option<u32>,
    /// Price of one unit.
    pub list_price: Option<Money>,
}

/// Creates a cart.
#[instrument(name = "flow.create_cart", skip_all)]
pub async fn create(flow: &Flow, cart: NewCart, request: Option<RequestKey>) -> Result<Checkout> {
    let now = now();
    if let Some(request) = &request
        && let Some(id) = once::answered(flow, request, now).await?
    {
        return load(flow, parse_id(&id)?).await;
    }
    let snapshot = flow.snapshot();
    let currency = cart.currency.unwrap_or(snapshot.store.default_currency);
    check_currency(&snapshot, currency)?;
    let empty = Checkout {
        id: new_id(),
        version: 0,
        state: CheckoutState::Active,
        currency,
        channel_id: cart.channel_id,
        customer_id: cart.customer_id,
        email: cart.email,
        lines: Vec::new(),
        coupons: Vec::new(),
        billing_address: None,
        consignments: Vec::new(),
        customer_message: String::new(),
        staff_note: String::new(),
        order_ids: Vec::new(),
        messages: Vec::new(),
        pricing: Pricing::default(),
        revisions: snapshot.revisions,
        requests: Vec::new(),
        create_time: now,
        update_time: now,
        expire_time: now,
    };
    let mut draft = Draft {
        checkout: empty,
        snapshot,
        now,
    };
    let products = draft.products(flow, &wanted(&cart.items)).await?;
    add(&mut draft, &cart.items, &products)?;
    let checkout = draft.finished(None)?;
    if request.is_none() {
        store::checkout::insert(&flow.database, &checkout).await?;
        return Ok(checkout);
    }
    match once::begin(flow, request.as_ref(), now).await? {
        // The same request at the same time was first.
        Once::Answered(id) => load(flow, parse_id(&id)?).await,
        Once::New(claim) => {
            store::checkout::insert(&claim.transaction, &checkout).await?;
            claim.commit(&checkout.id.to_string()).await?;
            Ok(checkout)
        }
    }
}

/// Answers a cart that lives.
#[instrument(name = "flow.get_cart", skip_all)]
pub async fn get(flow: &Flow, id: Uuid) -> Result<Checkout> {
    let checkout = load(flow, id).await?;
    checkout.check_alive(now())?;
    Ok(checkout)
}

/// Changes whose cart it is, or its currency.
#[instrument(name = "flow.update_cart", skip_all)]
pub async fn update(flow: &Flow, id: Uuid, update: CartUpdate, guard: Guard) -> Result<Checkout> {
    let update = &update;
    change(flow, id, guard, async |mut draft: Draft| {
        if let Some(customer_id) = &update.customer_id {
            draft.checkout.set_customer(customer_id.clone());
        }
        if let Some(email) = &update.email {
            draft.checkout.email.clone_from(email);
        }
        if let Some(channel_id) = &update.channel_id {
            draft.checkout.channel_id.clone_from(channel_id);
        }
        if let Some(currency) = update.currency.filter(|c| *c != draft.checkout.currency) {
            change_currency(flow, &mut draft, currency).await?;
        }
        Ok(draft)
    })
    .await
}

/// Ends a cart.
#[instrument(name = "flow.delete_cart", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, guard: Guard) -> Result<()> {
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.state = CheckoutState::Deleted;
        Ok(draft)
    })
    .await
    .map(drop)
}

/// Adds items.
#[instrument(name = "flow.add_line_items", skip_all)]
pub async fn add_line_items(
    flow: &Flow,
    id: Uuid,
    items: Vec<NewItem>,
    guard: Guard,
) -> Result<Checkout> {
    let (items, wanted) = (&items, &wanted(&items));
    change(flow, id, guard, async |mut draft: Draft| {
        let products = draft.products(flow, wanted).await?;
        add(&mut draft, items, &products)?;
        Ok(draft)
    })
    .await
}

/// Changes a line.
#[instrument(name = "flow.update_line_item", skip_all)]
pub async fn update_line_item(
    flow: &Flow,
    id: Uuid,
    line: Uuid,
    update: LineItemUpdate,
    guard: Guard,
) -> Result<Checkout> {
    change(flow, id, guard, async |mut draft: Draft| {
        if let Some(price) = update.list_price {
            check_price(price, draft.checkout.currency, "list_price")?;
            draft.checkout.set_list_price(line, price.amount)?;
        }
        if let Some(quantity) = update.quantity {
            let product_id = draft.checkout.line(line)?.product_id.clone();
            let products = draft
                .products(flow, std::slice::from_ref(&product_id))
                .await?;
            let product = products.get(&product_id).map(AsRef::as_ref);
            draft.checkout.set_quantity(line, quantity, product)?;
        }
        Ok(draft)
    })
    .await
}

/// Removes a line; none when it was the last and the cart went with it.
#[instrument(name = "flow.delete_line_item", skip_all)]
pub async fn delete_line_item(
    flow: &Flow,
    id: Uuid,
    line: Uuid,
    guard: Guard,
) -> Result<Option<Checkout>> {
    let changed = change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.remove_line(line)?;
        if draft.checkout.lines.is_empty() {
            draft.checkout.state = CheckoutState::Deleted;
        }
        Ok(draft)
    })
    .await?;
    Ok(Some(changed).filter(|checkout| checkout.state == CheckoutState::Active))
}

/// The products that the items name, each once.
fn wanted(items: &[NewItem]) -> Vec<String> {
    let ids: HashSet<&String> = items
        .iter()
        .filter_map(|item| match item {
            NewItem::Catalog { product_id, .. } => Some(product_id),
            NewItem::Custom { .. } => None,
        })
        .collect();
    ids.into_iter().cloned().collect()
}

/// Adds items to a cart, all or none. What is wrong with several of them is told at once.
fn add(draft: &mut Draft, items: &[NewItem], products: &Products) -> Result<()> {
    let Draft {
        checkout, snapshot, ..
    } = draft;
    let mut refusals = Vec::new();
    for item in items {
        let line = new_line(item, &snapshot.store, checkout.currency, products);
        let added = line.and_then(|(line, path)| {
            let product = products.get(&line.product_id).map(AsRef::as_ref);
            checkout.add_line(line, product, path)
        });
        refusals.extend(added.err());
    }
    match Refusal::merged(refusals) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// The line that an item makes, and the request field that asked for it.
fn new_line<'a>(
    item: &'a NewItem,
    store: &Store,
    currency: Currency,
    products: &Products,
) -> reason::Result<(LineItem, &'a str)> {
    match item {
        NewItem::Catalog {
            product_id,
            variant_id,
            quantity,
            answers,
            list_price,
            parent_id,
            path,
        } => {
            let product = products.get(product_id);
            let product = product.ok_or_else(|| refresh::product_not_found(product_id))?;
            let facts = product.facts(variant_id, answers, store, currency, path)?;
            if let Some(price) = list_price {
                check_price(*price, currency, &format!("{path}.list_price"))?;
            }
            let line = LineItem {
                id: new_id(),
                product_id: product_id.clone(),
                variant_id: variant_id.clone(),
                parent_id: *parent_id,
                quantity: *quantity,
                price_override: list_price.map(|price| price.amount),
                facts,
            };
            Ok((line, path))
        }
        NewItem::Custom {
            name,
            sku,
            quantity,
            list_price,
            weight_grams,
            path,
        } => {
            check_price(*list_price, currency, &format!("{path}.list_price"))?;
            let line = LineItem {
                id: new_id(),
                product_id: String::new(),
                variant_id: String::new(),
                parent_id: None,
                quantity: *quantity,
                price_override: None,
                facts: custom_facts(name, sku, list_price.amount, *weight_grams),
            };
            Ok((line, path))
        }
    }
}

/// A custom item has what its caller says, and is otherwise an ordinary thing that is shipped and taxed.
fn custom_facts(name: &str, sku: &str, price: Amount, weight_grams: i64) -> Facts {
    Facts {
        kind: LineItemKind::Custom,
        sku: sku.to_owned(),
        name: name.to_owned(),
        url: String::new(),
        image_url: String::new(),
        selections: Vec::new(),
        taxable: true,
        tax_class_id: None,
        original_price: price,
        price,
        comparison_price: None,
        on_sale: false,
        brand_id: String::new(),
        category_ids: Vec::new(),
        measures: Measures {
            weight_grams,
            ..Measures::default()
        },
        free_shipping: false,
        fixed_shipping_cost: None,
    }
}

/// Prices every line in another currency.
async fn change_currency(flow: &Flow, draft: &mut Draft, currency: Currency) -> Result<()> {
    check_currency(&draft.snapshot, currency)?;
    let given = |line: &LineItem| line.is_custom() || line.price_override.is_some();
    if let Some(line) = draft.checkout.lines.iter().find(|line| given(line)) {
        let name = &line.facts.name;
        let message =
            format!("\"{name}\" has no price in {currency}: remove it first, or make another cart");
        let refusal = Refusal::new(Reason::CurrencyNotChangeable, message);
        return Err(refusal.with("currency_code", currency).into());
    }
    draft.checkout.currency = currency;
    let products = draft
        .products(flow, &refresh::product_ids(&draft.checkout))
        .await?;
    if let Some((_, refusal)) = refresh::lines(draft, &products).into_iter().next() {
        // A line that keeps its figure would keep it in the wrong currency.
        return Err(refusal.into());
    }
    // That every price changed is what was asked for.
    draft
        .checkout
        .messages
        .retain(|message| message.code != MessageCode::PriceRefreshed);
    Ok(())
}

fn check_currency(snapshot: &Snapshot, currency: Currency) -> Result<()> {
    if snapshot.store.accepts(currency) {
        return Ok(());
    }
    let others = snapshot
        .store
        .currencies
        .iter()
        .map(|(currency, _)| currency.code());
    let accepted: Vec<_> = std::iter::once(snapshot.store.default_currency.code())
        .chain(others)
        .collect();
    let text = format!(
        "the store sells in {}, not in {currency}",
        accepted.join(", ")
    );
    Err(Refusal::field("currency_code", text).into())
}

/// Refuses a price in another currency than the cart's.
fn check_price(price: Money, currency: Currency, path: &str) -> reason::Result<()> {
    if price.currency == currency {
        return Ok(());
    }
    let violation = Violation::new(
        format!("{path}.currency_code"),
        Reason::CurrencyMismatch,
        format!("the cart is in {currency}, not in {}", price.currency),
    );
    Err(Refusal::fields(vec![violation])
        .with("currency_code", price.currency)
        .with("expected_currency_code", currency))
}

/// Reads back an id that a request was answered with.
pub(super) fn parse_id(text: &str) -> Result<Uuid> {
    text.parse()
        .map_err(|error| Error::Internal(Box::new(error)))
}
