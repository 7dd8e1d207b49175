//! What payments do to gift certificates.

use cartwright::rpc::pb::{
    self, GiftCertificateStatus,
    LedgerEntryKind::{Issued, Redeemed, Restored},
    OrderStatus, PaymentState,
};
use tokio::task::JoinSet;
use tonic::Code;

use super::{disable, get, outstanding, paid, party, remove, set_balance};
use crate::harness::api::{Api, address, call, item, minor, on_every_backend, refused, usd};

on_every_backend!(
    what_is_reserved_lapses_after_a_failed_payment,
    completed_keeps,
    one_that_pays_everything,
    siblings_of_different_amounts,
    what_a_checkout_holds_is_its_own,
    a_completed_after_a_pending_is_never_refused,
    what_is_gone_refuses_a_payment,
    racing_checkouts_never_pay_more_than_there_is,
    bought_ones_are_issued_when_the_order_is_paid,
);

async fn what_is_reserved_lapses_after_a_failed_payment(api: Api) {
    api.certificate("PENDING-1", 3000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "PENDING-1")
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    let mut expected = vec![(Issued, 3000), (Redeemed, -3000)];
    let held = (0, expected.clone());
    assert_eq!(api.certificate_ledger("PENDING-1").await, held);
    for state in [
        PaymentState::Pending,
        PaymentState::Pending,
        PaymentState::Failed,
    ] {
        api.pay(&order, "ch_1", 1155, state).await.unwrap();
        let ledger = api.certificate_ledger("PENDING-1").await;
        assert_eq!(ledger, held, "{state:?}");
    }
    api.server.lapse(&checkout.id).await;
    expected.push((Restored, 3000));
    let restored = (3000, expected.clone());
    assert_eq!(api.certificate_ledger("PENDING-1").await, restored);
    expected.push((Redeemed, -3000));
    for state in [PaymentState::Pending, PaymentState::Completed] {
        api.pay(&order, "ch_2", 1155, state).await.unwrap();
        let ledger = api.certificate_ledger("PENDING-1").await;
        assert_eq!(ledger, (0, expected.clone()), "{state:?}");
    }
    let key = pb::get_gift_certificate_request::By::Code("PENDING-1".into());
    let found = get(&api, key).await.unwrap();
    assert_eq!(found.gift_certificate.unwrap().version, 4);
    assert_eq!(found.entries[0].order_id, order.id);
    assert_eq!(found.entries[3].order_id, "");
}

async fn completed_keeps(api: Api) {
    api.certificate("KEEPS-0001", 3000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "KEEPS-0001")
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    // The first part of the money takes all that the certificate has to give.
    api.pay(&order, "ch_1", 1000, PaymentState::Completed)
        .await
        .unwrap();
    let taken = (0, vec![(Issued, 3000), (Redeemed, -3000)]);
    assert_eq!(api.certificate_ledger("KEEPS-0001").await, taken);
    api.pay(&order, "ch_2", 155, PaymentState::Failed)
        .await
        .unwrap();
    let paid = api
        .pay(&order, "ch_3", 155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    assert_eq!(api.certificate_ledger("KEEPS-0001").await, taken);
}

async fn one_that_pays_everything(api: Api) {
    api.certificate("ALL-OF-IT", 10_000).await;
    let checkout = api.ready().await;
    let shown = api
        .apply_certificate(&checkout.id, "ALL-OF-IT")
        .await
        .unwrap();
    assert_eq!((paid(&shown), outstanding(&shown)), (vec![4155], 0));
    let order = api.order(&checkout.id).await.unwrap();
    let paid = api
        .pay(&order, "none", 0, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    assert_eq!(
        api.certificate_ledger("ALL-OF-IT").await,
        (5845, vec![(Issued, 10_000), (Redeemed, -4155)])
    );
}

/// Makes the checkout cost 8.00 more, or less again.
async fn ship(api: &Api, checkout: &pb::Checkout, option: &str) {
    let consignment = &checkout.consignments[0].id;
    api.select(&checkout.id, consignment, option).await.unwrap();
}

async fn siblings_of_different_amounts(api: Api) {
    api.certificate("SIBLING-1", 10_000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "SIBLING-1")
        .await
        .unwrap();
    let dear = api.order(&checkout.id).await.unwrap();
    ship(&api, &checkout, "us/us-express").await;
    // 31.95 + 5.00 and 4 %: 38.43.
    let cheap = api.order(&checkout.id).await.unwrap();
    remove(&api, &checkout.id, "SIBLING-1").await.unwrap();
    let without = api.order(&checkout.id).await.unwrap();

    api.pay(&cheap, "ch_1", 0, PaymentState::Pending)
        .await
        .unwrap();
    api.pay(&dear, "ch_2", 0, PaymentState::Pending)
        .await
        .unwrap();
    api.pay(&without, "ch_3", 3843, PaymentState::Pending)
        .await
        .unwrap();
    let mut expected = vec![
        (Issued, 10_000),
        // What each order in turn reserved instead of the one before.
        (Redeemed, -4155),
        (Restored, 312),
        (Restored, 3843),
        // What the payments took.
        (Redeemed, -3843),
        (Redeemed, -312),
    ];
    assert_eq!(
        api.certificate_ledger("SIBLING-1").await,
        (5845, expected.clone()),
        "the checkout holds what the dearest needs"
    );
    api.pay(&cheap, "ch_1", 0, PaymentState::Failed)
        .await
        .unwrap();
    assert_eq!(
        api.certificate_ledger("SIBLING-1").await,
        (5845, expected.clone()),
        "others of the cart are being paid"
    );
    api.pay(&without, "ch_3", 3843, PaymentState::Completed)
        .await
        .unwrap();
    expected.push((Restored, 4155));
    assert_eq!(
        api.certificate_ledger("SIBLING-1").await,
        (10_000, expected.clone()),
        "the paid order needs nothing of it"
    );
    // Money of the sibling has moved all the same: it is told, and takes nothing.
    let late = api
        .pay(&dear, "ch_2", 0, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(late.status(), OrderStatus::ManualVerificationRequired);
    assert_eq!(
        api.certificate_ledger("SIBLING-1").await,
        (10_000, expected)
    );
}

async fn what_a_checkout_holds_is_its_own(api: Api) {
    api.certificate("HELD-0001", 3000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "HELD-0001")
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    api.pay(&order, "ch_1", 1155, PaymentState::Pending)
        .await
        .unwrap();
    let other = api.ready().await;
    refused(
        api.apply_certificate(&other.id, "HELD-0001").await,
        Code::FailedPrecondition,
        "GIFT_CERTIFICATE_EMPTY",
    );
    ship(&api, &checkout, "us/us-express").await;
    let shown = api.get(&checkout.id).await;
    assert_eq!(paid(&shown), [3000]);
    assert!(shown.messages.is_empty());
    let sibling = api.order(&checkout.id).await.unwrap();
    api.pay(&sibling, "ch_2", 843, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(
        api.certificate_ledger("HELD-0001").await,
        (0, vec![(Issued, 3000), (Redeemed, -3000)])
    );
}

async fn a_completed_after_a_pending_is_never_refused(api: Api) {
    let certificate = api.certificate("NEVER-0001", 3000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "NEVER-0001")
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    api.pay(&order, "ch_1", 1155, PaymentState::Pending)
        .await
        .unwrap();
    set_balance(&api, &certificate, 0).await;
    disable(&api, &certificate).await;
    let paid = api
        .pay(&order, "ch_1", 1155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
}

async fn what_is_gone_refuses_a_payment(api: Api) {
    let first = api.certificate("GONE-1000", 1000).await;
    let second = api.certificate("GONE-2000", 2000).await;
    let checkout = api.ready().await;
    for certificate in [&first, &second] {
        api.apply_certificate(&checkout.id, &certificate.code)
            .await
            .unwrap();
    }
    let order = api.order(&checkout.id).await.unwrap();
    api.server.lapse(&checkout.id).await;
    set_balance(&api, &second, 1999).await;
    for state in [PaymentState::Pending, PaymentState::Completed] {
        let refusal = refused(
            api.pay(&order, "ch_1", 1155, state).await,
            Code::FailedPrecondition,
            "GIFT_CERTIFICATE_EMPTY",
        );
        let metadata = &refusal.error_info().unwrap().metadata;
        assert_eq!(
            (metadata["code"].as_str(), metadata["balance"].as_str()),
            ("****-2000", "1999")
        );
    }
    // What had been taken of the first one was given back with the rest of the transaction.
    assert_eq!(
        api.certificate_ledger("GONE-1000").await,
        (
            1000,
            vec![(Issued, 1000), (Redeemed, -1000), (Restored, 1000)]
        )
    );
    set_balance(&api, &second, 2000).await;
    api.pay(&order, "ch_1", 1155, PaymentState::Completed)
        .await
        .unwrap();
}

async fn racing_checkouts_never_pay_more_than_there_is(api: Api) {
    // Eight orders of 10.50: half of them pay with the first one alone, half with all of the second and 0.50 of the first.
    // There is enough for one of each.
    api.certificate("RACE-0001", 2000).await;
    api.certificate("RACE-0002", 1000).await;
    let mut orders = Vec::new();
    for number in 0..8 {
        let cart = api.cart(vec![item("ebook", 2)]).await;
        api.bill(&cart.id, address("CA")).await;
        let codes = if number % 2 == 0 {
            ["RACE-0001", "RACE-0002"]
        } else {
            ["RACE-0002", "RACE-0001"]
        };
        for code in codes {
            api.apply_certificate(&cart.id, code).await.unwrap();
        }
        orders.push(api.order(&cart.id).await.unwrap());
        api.server.lapse(&cart.id).await;
    }
    let mut payments = JoinSet::new();
    for order in orders {
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "none".into(),
            reference: "none".into(),
            amount: usd(0),
            ..Default::default()
        };
        let mut orders = api.orders.clone();
        payments.spawn(async move { orders.record_payment(request).await });
    }
    let answers = payments.join_all().await;
    let paid = answers.iter().filter(|answer| answer.is_ok()).count();
    for answer in answers {
        if answer.is_err() {
            refused(answer, Code::FailedPrecondition, "GIFT_CERTIFICATE_EMPTY");
        }
    }
    let (one, _) = api.certificate_ledger("RACE-0001").await;
    let (two, _) = api.certificate_ledger("RACE-0002").await;
    assert_eq!((paid, one, two), (2, 900, 0));
}

async fn bought_ones_are_issued_when_the_order_is_paid(api: Api) {
    api.certificate("NOT-FOR-GIFTS", 10_000).await;
    api.set_credit("c-1", 2000).await;
    let gift = |amount, recipient| pb::NewGiftCertificateItem {
        amount: usd(amount),
        sender: party("ada"),
        recipient: party(recipient),
        theme: "birthday".into(),
        message: "Happy birthday!".into(),
        ..Default::default()
    };
    let request = pb::CreateCartRequest {
        customer_id: "c-1".into(),
        line_items: vec![item("ebook", 1)],
        gift_certificates: vec![gift(2500, "bob"), gift(7500, "eve")],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    api.bill(&cart.id, address("CA")).await;
    let checkout = api.apply_certificate(&cart.id, "NOT-FOR-GIFTS").await;
    assert_eq!(paid(&checkout.unwrap()), [525]);
    let checkout = api.apply_credit(&cart.id).await.unwrap();
    assert_eq!(outstanding(&checkout), 8000);

    let order = api.order(&cart.id).await.unwrap();
    let bought = async || {
        let request = pb::ListGiftCertificatesRequest {
            order_id: order.id.clone(),
            ..Default::default()
        };
        let answer = call!(api.gift_certificates, list_gift_certificates, request);
        answer.unwrap().gift_certificates
    };
    api.pay(&order, "ch_1", 8000, PaymentState::Pending)
        .await
        .unwrap();
    assert!(bought().await.is_empty());
    for _ in 0..2 {
        api.pay(&order, "ch_1", 8000, PaymentState::Completed)
            .await
            .unwrap();
    }
    let issued = bought().await;
    let shown: Vec<_> = issued
        .iter()
        .rev()
        .map(|one| (minor(&one.amount), one.status(), one.recipient.clone()))
        .collect();
    let active = GiftCertificateStatus::Active;
    assert_eq!(
        shown,
        [(2500, active, party("bob")), (7500, active, party("eve"))]
    );
    for one in issued {
        assert_eq!(
            (&one.sender, one.theme.as_str()),
            (&party("ada"), "birthday")
        );
        let amount = minor(&one.amount);
        assert_eq!(
            api.certificate_ledger(&one.code).await,
            (amount, vec![(Issued, amount)])
        );
    }
}
