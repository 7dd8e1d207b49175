//! What has to be true when all is over, by what the shoppers were told, by the API, and by the tables.

use std::collections::BTreeMap;

use cartwright::{
    rpc::pb::{
        self, OrderStatus, PaymentState, get_order_request::By,
        order_service_client::OrderServiceClient,
    },
    store,
};
use tonic::transport::Channel;
use uuid::Uuid;

use super::{
    client::{Done, Notes},
    register::{self, Effect, Operation},
};
use crate::harness::{api::minor, database::TestDatabase};

/// What must not be found in the tables.
const WRONG: &[(&str, &str)] = &[
    (
        "codes that are used more often than they can be",
        "SELECT code FROM coupon_codes WHERE uses > max_uses OR uses < 0",
    ),
    (
        "codes whose uses nobody has, or that are used by nobody who has them",
        "SELECT code FROM coupon_codes c
         WHERE (max_uses IS NOT NULL OR max_uses_per_customer IS NOT NULL)
         AND uses <> (SELECT count(*) FROM coupon_redemptions r WHERE r.code_id = c.id)",
    ),
    (
        "customers who use a code more often than one can",
        "SELECT c.code || ' ' || r.customer_id FROM coupon_codes c
         JOIN coupon_redemptions r ON r.code_id = c.id WHERE c.max_uses_per_customer IS NOT NULL
         GROUP BY c.code, r.customer_id, c.max_uses_per_customer
         HAVING count(*) > c.max_uses_per_customer",
    ),
    (
        "promotions that are used more often than they can be, or by nobody",
        "SELECT name FROM promotions p WHERE max_uses IS NOT NULL AND (uses > max_uses
         OR uses <> (SELECT count(*) FROM promotion_redemptions r WHERE r.promotion_id = p.id))",
    ),
    (
        "negative balances",
        "SELECT id::text FROM balances WHERE balance < 0",
    ),
    (
        "balances that are not the sum of their ledger",
        "SELECT id::text FROM balances b WHERE balance <>
         (SELECT coalesce(sum(amount), 0) FROM ledger_entries e WHERE e.balance_id = b.id)",
    ),
    (
        "entries of ledgers that do not follow from those before",
        "SELECT id::text FROM (SELECT id, balance,
         sum(amount) OVER (PARTITION BY balance_id ORDER BY version) AS running FROM ledger_entries) e
         WHERE balance <> running OR balance < 0",
    ),
    (
        "money that left a balance and that no checkout holds",
        "SELECT id::text FROM balances b WHERE
         (SELECT coalesce(-sum(amount), 0) FROM ledger_entries e
          WHERE e.balance_id = b.id AND kind IN ('REDEEMED', 'RESTORED')) <>
         (SELECT coalesce(sum(amount), 0) FROM balance_holds h WHERE h.balance_id = b.id)",
    ),
    (
        "checkouts that hold what no reservation and no payment needs",
        "SELECT checkout_id::text FROM (SELECT checkout_id FROM coupon_redemptions
         UNION SELECT checkout_id FROM promotion_redemptions
         UNION SELECT checkout_id FROM balance_holds WHERE amount > 0
         UNION SELECT checkout_id FROM stock_holds WHERE quantity > 0) h
         WHERE NOT EXISTS (SELECT FROM reservations r WHERE r.checkout_id = h.checkout_id)
         AND NOT EXISTS (SELECT FROM payments p JOIN orders o ON o.id = p.order_id
          WHERE o.checkout_id = h.checkout_id AND p.state IN ('PENDING', 'COMPLETED'))",
    ),
    (
        "products of which less than nothing is left",
        "SELECT product_id FROM stock WHERE level < 0 OR reserved < 0 OR reserved > level",
    ),
    (
        "products of which more or less is reserved than checkouts hold",
        "SELECT product_id FROM stock s WHERE reserved <> (SELECT coalesce(sum(quantity), 0) FROM stock_holds h
         WHERE h.product_id = s.product_id AND h.variant_id = s.variant_id)",
    ),
    (
        "carts with two paid orders",
        "SELECT checkout_id::text FROM orders WHERE paid_time IS NOT NULL
         GROUP BY checkout_id HAVING count(*) > 1",
    ),
    (
        "paid orders that are not the one of their cart",
        "SELECT id::text FROM orders o WHERE paid_time IS NOT NULL AND NOT EXISTS
         (SELECT FROM checkouts c WHERE c.id = o.checkout_id AND c.paid_order_id = o.id AND c.state = 'paid')",
    ),
    (
        "paid carts without their order",
        "SELECT id::text FROM checkouts c WHERE (state = 'paid' OR paid_order_id IS NOT NULL)
         AND NOT EXISTS (SELECT FROM orders o WHERE o.id = c.paid_order_id AND o.checkout_id = c.id)",
    ),
    (
        "orders that wait although another one of the cart is paid",
        "SELECT o.id::text FROM orders o JOIN checkouts c ON c.id = o.checkout_id
         WHERE c.paid_order_id IS NOT NULL AND o.status = 'INCOMPLETE'",
    ),
    (
        "orders with gaps in their history",
        "SELECT id::text FROM orders o WHERE version <> (SELECT count(*) FROM order_history h WHERE h.order_id = o.id)
         OR version <> (SELECT max(version) FROM order_history h WHERE h.order_id = o.id)",
    ),
];

/// Checks everything.
pub(crate) async fn check(database: &TestDatabase, channel: Channel, mut notes: Notes) {
    for (what, select) in WRONG {
        let found = database.select(select).await;
        assert!(found.is_empty(), "there are {what}: {found:?}");
    }
    checkouts(database, &mut notes).await;
    orders(database, &OrderServiceClient::new(channel), &notes).await;
    order_count(database, &notes).await;
}

/// Each mark that was acknowledged is in its cart, once; and each cart's versions are those of a register.
async fn checkouts(database: &TestDatabase, notes: &mut Notes) {
    let mut histories: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    for (cart_id, operation) in notes.operations.drain(..) {
        histories.entry(cart_id).or_default().push(operation);
    }
    let connection = database.connect().await;
    let select = "SELECT id::text || ' ' || version FROM checkouts";
    let versions = database.select(select).await;
    let versions: BTreeMap<_, i64> = versions
        .iter()
        .filter_map(|row| row.split_once(' '))
        .map(|(id, version)| (id, version.parse().unwrap()))
        .collect();
    for cart_id in &notes.carts {
        let id: Uuid = cart_id.parse().unwrap();
        let checkout = store::checkout::load(&connection, id).await.unwrap();
        let checkout = checkout.unwrap_or_else(|| panic!("cart {cart_id} is gone"));
        let mut units: BTreeMap<&str, u32> = BTreeMap::new();
        for line in &checkout.lines {
            let text = line.facts.selections.first().map_or("", |it| &it.value);
            *units.entry(text).or_default() += line.quantity;
        }
        for mark in notes.marks.iter().filter(|mark| mark.cart_id == *cart_id) {
            let found = units.remove(mark.text.as_str()).unwrap_or(0);
            let fits = match mark.there {
                Done::Yes => found == 1,
                Done::Perhaps => found <= 1,
                Done::No => found == 0,
            };
            assert!(fits, "{found} of {mark:?}");
        }
        assert!(units.is_empty(), "nobody added {units:?} to cart {cart_id}");

        let mut history = histories.remove(cart_id).unwrap_or_default();
        history.push(Operation {
            invoked: u64::MAX - 1,
            returned: Some(u64::MAX),
            effect: Effect::Saw(versions[cart_id.as_str()]),
        });
        if let Err(why) = register::check(&history) {
            history.sort_by_key(|it| it.invoked);
            panic!(
                "the versions of cart {cart_id} are not those of a register: {why}\n{history:#?}"
            );
        }
    }
    assert!(
        histories.is_empty(),
        "of carts that nobody made: {histories:?}"
    );
}

/// Each order and each payment that was acknowledged is there, and each order's history leads to what it is.
async fn orders(database: &TestDatabase, client: &OrderServiceClient<Channel>, notes: &Notes) {
    let paid = database
        .select("SELECT paid_order_id::text FROM checkouts WHERE paid_order_id IS NOT NULL")
        .await;
    let mut sold: BTreeMap<String, i64> = BTreeMap::new();
    for placed in &notes.orders {
        let request = pb::GetOrderRequest {
            by: Some(By::OrderId(placed.id.clone())),
        };
        let order = client.clone().get_order(request).await.unwrap();
        let order = order.into_inner().order.unwrap();
        assert_eq!(order.checkout_id, placed.cart_id);
        history(&order);

        let completed = order.payments.iter();
        let completed = completed.filter(|it| it.state() == PaymentState::Completed);
        let sum: i64 = completed.map(|it| minor(&it.amount)).sum();
        let outstanding = minor(&order.totals.as_ref().unwrap().outstanding_balance);
        assert!(sum <= outstanding, "too much was paid: {order:?}");
        assert!(order.paid_time.is_none() || sum == outstanding, "{order:?}");
        payments(&order, notes);
        if paid.contains(&order.id) && order.status() != OrderStatus::Cancelled {
            for line in &order.line_items {
                *sold.entry(line.product_id.clone()).or_default() += i64::from(line.quantity);
            }
        }
    }
    stock(database, &sold).await;
}

/// What there was of each product at first is what is left of it and what was sold.
async fn stock(database: &TestDatabase, sold: &BTreeMap<String, i64>) {
    for row in database
        .select("SELECT product_id || ' ' || level FROM stock")
        .await
    {
        let (product_id, level) = row.split_once(' ').unwrap();
        let (_, first) = product_id.rsplit_once('-').unwrap();
        let (level, first): (i64, i64) = (level.parse().unwrap(), first.parse().unwrap());
        let sold = sold.get(product_id).copied().unwrap_or_default();
        assert_eq!(level + sold, first, "of {product_id}");
    }
}

fn history(order: &pb::Order) {
    let mut status = OrderStatus::Unspecified;
    for entry in &order.history {
        assert_eq!(entry.from_status(), status, "{order:?}");
        status = entry.to_status();
    }
    assert_eq!(order.status(), status, "{order:?}");
}

/// Exactly the payments that were acknowledged, and perhaps some of those that were lost.
fn payments(order: &pb::Order, notes: &Notes) {
    let mut found: BTreeMap<_, _> = order
        .payments
        .iter()
        .map(|it| (it.reference.as_str(), it))
        .collect();
    assert_eq!(found.len(), order.payments.len(), "{order:?}");
    for paid in notes
        .payments
        .iter()
        .filter(|paid| paid.order_id == order.id)
    {
        let state = found.remove(paid.reference.as_str()).map(|it| {
            assert_eq!(minor(&it.amount), paid.amount, "{order:?}");
            it.state()
        });
        let fits = state == paid.state || (state.is_some() && state == paid.perhaps);
        assert!(fits, "{state:?} is not {paid:?}");
    }
    assert!(found.is_empty(), "nobody recorded {found:?}");
}

/// There are no more orders than were asked for.
async fn order_count(database: &TestDatabase, notes: &Notes) {
    let mut allowed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for order in &notes.orders {
        allowed.entry(&order.cart_id).or_default().0 += 1;
    }
    for cart_id in &notes.perhaps_orders {
        allowed.entry(cart_id).or_default().1 += 1;
    }
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for cart_id in database
        .select("SELECT checkout_id::text FROM orders")
        .await
    {
        *found.entry(cart_id).or_default() += 1;
    }
    for (cart_id, count) in found {
        let (sure, perhaps) = allowed.get(cart_id.as_str()).copied().unwrap_or_default();
        let fits = (sure..=sure + perhaps).contains(&count);
        assert!(
            fits,
            "{count} orders of cart {cart_id}, where {sure} to {} were made",
            sure + perhaps
        );
    }
}

impl Notes {
    /// Adds those of another shopper.
    pub(crate) fn add(&mut self, other: Self) {
        self.operations.extend(other.operations);
        self.marks.extend(other.marks);
        self.payments.extend(other.payments);
        self.orders.extend(other.orders);
        self.perhaps_orders.extend(other.perhaps_orders);
        self.carts.extend(other.carts);
    }
}
