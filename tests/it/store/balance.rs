//! Balances, their ledgers, and what checkouts hold of them.

use cartwright::{
    domain::{
        ledger::{Change, EntryKind, LedgerEntry, Share},
        money::{Amount, Currency, Money},
        store_credit::StoreCredit,
    },
    store::{Database, balance, order, store_credit},
};

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

/// The balance of the customer `c-1`.
const BALANCE: u128 = 70;

fn change(number: u128, kind: EntryKind, amount: i64) -> Change {
    Change {
        id: id(number),
        kind,
        amount: Amount::new(amount),
        order_id: Some(id(1)),
        note: "why".into(),
        time: now(),
    }
}

fn share(amount: i64) -> Share {
    Share {
        balance_id: id(BALANCE),
        amount: Amount::new(amount),
    }
}

async fn insert(database: &Database, number: u128, currency: Currency, amount: i64) -> bool {
    let transaction = database.begin().await.unwrap();
    let first = change(number + 1_000, EntryKind::Issued, amount);
    let inserted = store_credit::insert(&transaction, id(number), "c-1", currency, &first).await;
    transaction.commit().await.unwrap();
    inserted.unwrap()
}

/// Changes the balance, and answers whether it was changed.
async fn add(database: &Database, number: u128, version: Option<i64>, amount: i64) -> bool {
    let transaction = database.begin().await.unwrap();
    let change = change(number, EntryKind::Adjusted, amount);
    let changed = balance::change(&transaction, id(BALANCE), version, &change).await;
    transaction.commit().await.unwrap();
    changed.unwrap()
}

async fn hold(database: &Database, checkout: u128, amount: i64) {
    let transaction = database.begin().await.unwrap();
    balance::hold(&transaction, id(checkout), share(amount))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

async fn found(database: &Database) -> Option<StoreCredit> {
    let found = store_credit::find(database, "c-1", Currency::USD).await;
    found.unwrap()
}

async fn entries(database: &Database, before: i64, limit: u64) -> Vec<LedgerEntry> {
    let entries = balance::entries(database, id(BALANCE), before, limit).await;
    entries.unwrap()
}

/// What is left, after checking that the ledger leads there.
async fn left(database: &Database) -> i64 {
    let left = found(database).await.unwrap().balance.amount.minor();
    let entries = entries(database, i64::MAX, 1_000).await;
    let sum: i64 = entries
        .iter()
        .map(|entry| entry.change.amount.minor())
        .sum();
    assert_eq!(sum, left);
    left
}

pub(super) async fn store_credit_comes_back_with_its_ledger(place: TestDatabase) {
    let database = place.open().await;
    assert_eq!(found(&database).await, None);
    assert!(insert(&database, BALANCE, Currency::USD, 500).await);
    assert!(add(&database, 2, None, -200).await);
    assert!(add(&database, 3, None, 0).await);
    assert!(add(&database, 4, None, 50).await);
    let expected = StoreCredit {
        id: id(BALANCE),
        customer_id: "c-1".into(),
        balance: Money {
            currency: Currency::USD,
            amount: Amount::new(350),
        },
        version: 4,
        update_time: Some(now()),
    };
    assert_eq!(found(&database).await, Some(expected));
    let entry = |change, version, balance| LedgerEntry {
        change,
        balance: Amount::new(balance),
        version,
    };
    let expected = [
        entry(change(4, EntryKind::Adjusted, 50), 4, 350),
        entry(change(2, EntryKind::Adjusted, -200), 2, 300),
        entry(change(BALANCE + 1_000, EntryKind::Issued, 500), 1, 500),
    ];
    assert_eq!(entries(&database, i64::MAX, 9).await, expected);
    assert_eq!(entries(&database, 4, 1).await, expected[1..2]);
    let other = store_credit::find(&database, "c-2", Currency::USD).await;
    assert_eq!(other.unwrap(), None);
}

pub(super) async fn a_customer_has_one_balance_in_a_currency(place: TestDatabase) {
    let database = place.open().await;
    let inserted = at_once(8, |n| {
        let database = database.clone();
        async move { insert(&database, 100 + n, Currency::USD, 500).await }
    });
    let inserted = inserted.await;
    assert_eq!(inserted.iter().filter(|inserted| **inserted).count(), 1);
    assert!(insert(&database, 200, "EUR".parse().unwrap(), 300).await);
    let credit = found(&database).await.unwrap();
    assert_eq!(credit.balance.amount, Amount::new(500));
    // Those who were late left nothing, though they committed.
    for n in 0..8 {
        let entries = balance::entries(&database, id(100 + n), i64::MAX, 9).await;
        let expected = usize::from(credit.id == id(100 + n));
        assert_eq!(entries.unwrap().len(), expected);
    }
}

pub(super) async fn a_balance_never_goes_below_zero(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, BALANCE, Currency::USD, 1_000).await;
    let taken = at_once(20, |n| {
        let database = database.clone();
        async move { add(&database, 10 + n, None, -150).await }
    });
    let taken = taken.await.into_iter().filter(|taken| *taken).count();
    assert_eq!((taken, left(&database).await), (6, 100));
    assert_eq!(found(&database).await.unwrap().version, 7);
    assert!(!add(&database, 50, None, -101).await);
    assert!(!add(&database, 51, None, i64::MIN).await);
    assert!(add(&database, 52, None, -100).await);
    assert_eq!(left(&database).await, 0);
}

pub(super) async fn of_changes_to_one_version_one_wins(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, BALANCE, Currency::USD, 1_000).await;
    let changed = at_once(8, |n| {
        let database = database.clone();
        async move { add(&database, 10 + n, Some(1), 10).await }
    });
    let changed = changed.await.into_iter().filter(|changed| *changed).count();
    assert_eq!((changed, left(&database).await), (1, 1_010));
}

pub(super) async fn a_checkout_can_pay_with_what_it_holds(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, BALANCE, Currency::USD, 1_000).await;
    let available = async |checkout| {
        let shares = balance::available(&database, &[id(BALANCE), id(99)], id(checkout)).await;
        shares.unwrap()
    };
    assert_eq!(available(7).await, [share(1_000)]);
    hold(&database, 7, 300).await;
    hold(&database, 8, 200).await;
    assert_eq!(
        (available(7).await, available(8).await, available(9).await),
        (vec![share(1_300)], vec![share(1_200)], vec![share(1_000)])
    );
    hold(&database, 7, 50).await;
    let held = async |checkout| balance::held(&database, id(checkout)).await.unwrap();
    assert_eq!(
        (held(7).await, held(8).await),
        (vec![share(50)], vec![share(200)])
    );
    hold(&database, 7, 0).await;
    assert_eq!(
        (held(7).await, available(7).await),
        (vec![], vec![share(1_000)])
    );
}

pub(super) async fn payments_of_one_checkout_take_turns(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, BALANCE, Currency::USD, 1_000).await;
    let checkout_id = id(7);
    samples::insert_checkout(&database, &samples::checkout(7))
        .await
        .unwrap();
    let done = at_once(8, |_| {
        let database = database.clone();
        async move {
            let transaction = database.begin().await.unwrap();
            let paid = order::paid_order_of(&transaction, checkout_id).await;
            assert_eq!(paid.unwrap(), None);
            let held = balance::held(&transaction, checkout_id).await.unwrap();
            let held = held.first().map_or(0, |share| share.amount.minor());
            balance::hold(&transaction, checkout_id, share(held + 1))
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        }
    });
    done.await;
    let held = balance::held(&database, checkout_id).await.unwrap();
    assert_eq!(held, [share(8)]);
}
