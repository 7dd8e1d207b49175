//! Gift certificates, whose money is a balance.

use cartwright::{
    domain::{
        gift_certificate::{Card, GiftCertificate, Party},
        ledger::{Change, EntryKind},
        money::{Amount, Currency, Money},
    },
    store::{
        Database, balance,
        gift_certificate::{self, GiftCertificateFilter},
    },
};
use chrono::TimeDelta;
use uuid::Uuid;

use super::samples::{id, now};
use crate::harness::database::{TestDatabase, at_once};

fn sample(number: u128, code: &str) -> GiftCertificate {
    let party = |name: &str| Party {
        name: name.into(),
        email: format!("{name}@example.com"),
    };
    GiftCertificate {
        id: id(number),
        code: code.into(),
        enabled: true,
        amount: Money {
            currency: Currency::USD,
            amount: Amount::new(500),
        },
        balance: Amount::new(500),
        card: Card {
            sender: party("zoë"),
            recipient: party("bob"),
            theme: "\"birthday\"".into(),
            message: "Happy\nbirthday 🎂".into(),
        },
        expire_time: Some(now() + TimeDelta::days(1)),
        order_id: Some(id(9)),
        version: 1,
        create_time: now(),
        update_time: now(),
    }
}

fn change(number: u128, kind: EntryKind, amount: i64) -> Change {
    Change {
        id: id(number),
        kind,
        amount: Amount::new(amount),
        order_id: None,
        note: String::new(),
        time: now() + TimeDelta::seconds(5),
    }
}

async fn insert(database: &Database, certificate: &GiftCertificate) -> bool {
    let transaction = database.begin().await.unwrap();
    let first = Change {
        time: certificate.create_time,
        ..change(certificate.id.as_u128(), EntryKind::Issued, 500)
    };
    let inserted = gift_certificate::insert(&transaction, certificate, &first).await;
    transaction.commit().await.unwrap();
    inserted.unwrap()
}

async fn load(database: &Database, number: u128) -> Option<GiftCertificate> {
    gift_certificate::load(database, id(number)).await.unwrap()
}

pub(super) async fn a_gift_certificate_comes_back_as_it_was(place: TestDatabase) {
    let database = place.open().await;
    let issued = sample(80, "Spring-1");
    assert!(insert(&database, &issued).await);
    assert_eq!(load(&database, 80).await.as_ref(), Some(&issued));
    assert_eq!(load(&database, 81).await, None);
    for code in ["Spring-1", "SPRING-1", "spring-1"] {
        let found = gift_certificate::find(&database, code).await.unwrap();
        assert_eq!(found.as_ref(), Some(&issued));
    }
    let found = gift_certificate::load_many(&database, &[id(80), id(81)]).await;
    assert_eq!(found.unwrap(), std::slice::from_ref(&issued));

    let changed = GiftCertificate {
        enabled: false,
        balance: Amount::new(200),
        card: Card::default(),
        expire_time: None,
        version: 2,
        update_time: now() + TimeDelta::seconds(5),
        ..issued
    };
    let transaction = database.begin().await.unwrap();
    let taken = change(1, EntryKind::Adjusted, -300);
    assert!(
        balance::change(&transaction, id(80), Some(1), &taken)
            .await
            .unwrap()
    );
    gift_certificate::update(&transaction, &changed)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(load(&database, 80).await, Some(changed));
}

pub(super) async fn a_code_is_taken_in_any_case(place: TestDatabase) {
    let database = place.open().await;
    let inserted = at_once(8, |n| {
        let database = database.clone();
        let code = if n % 2 == 0 { "welcome" } else { "WELCOME" };
        let certificate = sample(100 + n, code);
        async move { insert(&database, &certificate).await.then_some(certificate) }
    });
    let inserted: Vec<_> = inserted.await.into_iter().flatten().collect();
    let found = gift_certificate::find(&database, "wElCoMe").await.unwrap();
    assert_eq!(inserted, Vec::from_iter(found.clone()));
    // Those who were late left nothing, though they committed.
    for n in 0..8 {
        let entries = balance::entries(&database, id(100 + n), i64::MAX, 9).await;
        let is_first = found.as_ref().is_some_and(|first| first.id == id(100 + n));
        assert_eq!(entries.unwrap().len(), usize::from(is_first));
    }
}

pub(super) async fn gift_certificates_are_listed_newest_first(place: TestDatabase) {
    let database = place.open().await;
    for number in 80..85 {
        let mut certificate = sample(number, &format!("CODE-{number}"));
        certificate.enabled = number != 81;
        certificate.order_id = (number == 82).then_some(id(9));
        if number == 83 {
            certificate.card.recipient.email = "ada@example.com".into();
        }
        assert!(insert(&database, &certificate).await);
    }
    let list = async |filter: GiftCertificateFilter, before: Option<Uuid>, limit| {
        let listed = gift_certificate::list(&database, &filter, before, limit).await;
        let ids = listed.unwrap().into_iter().map(|one| one.id.as_u128());
        ids.collect::<Vec<_>>()
    };
    let any = GiftCertificateFilter::default;
    assert_eq!(list(any(), None, 9).await, [84, 83, 82, 81, 80]);
    assert_eq!(list(any(), Some(id(83)), 2).await, [82, 81]);
    let disabled = GiftCertificateFilter {
        enabled: Some(false),
        ..any()
    };
    assert_eq!(list(disabled, None, 9).await, [81]);
    let bought = GiftCertificateFilter {
        order_id: Some(id(9)),
        ..any()
    };
    assert_eq!(list(bought, None, 9).await, [82]);
    let of_ada = GiftCertificateFilter {
        recipient_email: Some("ada@example.com".into()),
        ..any()
    };
    assert_eq!(list(of_ada, None, 9).await, [83]);
}
