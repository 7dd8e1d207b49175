//! Store credit: keeping it, paying with it, and what payments do to it.

use cartwright::rpc::pb::{
    self, CheckoutMessageCode,
    LedgerEntryKind::{Adjusted, Issued, Redeemed, Restored},
    OrderStatus, PaymentState,
};
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, item, minor, on_every_backend, refused, usd,
};

on_every_backend!(
    set_with_a_ledger,
    one_balance_a_currency,
    bad_fields_are_told_at_once,
    applied_and_removed,
    reasons_to_refuse,
    another_customer_drops_it,
    what_is_reserved_lapses_after_a_failed_payment,
    less_than_was_shown_is_not_ordered_silently,
    what_is_gone_refuses_a_payment,
    racing_checkouts_never_pay_more_than_there_is,
    set_at_once_it_is_begun_once,
    repeated_requests_and_stale_versions,
);

async fn get(api: &Api, customer_id: &str, currency_code: &str) -> pb::GetStoreCreditResponse {
    let request = pb::GetStoreCreditRequest {
        customer_id: customer_id.into(),
        currency_code: currency_code.into(),
        ..Default::default()
    };
    call!(api.store, get_store_credit, request).unwrap()
}

/// A checkout of this customer's that comes to 5.25 and lacks nothing for an order.
async fn ready(api: &Api, customer_id: &str) -> pb::Checkout {
    let request = pb::CreateCartRequest {
        customer_id: customer_id.into(),
        line_items: vec![item("ebook", 1)],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    api.bill(&cart.id, address("CA")).await
}

fn amounts(checkout: &pb::Checkout) -> (i64, i64) {
    let totals = checkout.totals.as_ref().unwrap();
    (
        minor(&totals.store_credit_amount),
        minor(&totals.outstanding_balance),
    )
}

async fn set_with_a_ledger(api: Api) {
    let none = get(&api, "c-1", "").await;
    assert_eq!(
        none.store_credit,
        Some(pb::StoreCredit {
            customer_id: "c-1".into(),
            balance: usd(0),
            version: 0,
            update_time: None,
        })
    );
    assert!(none.entries.is_empty());
    assert_eq!(api.set_credit("c-1", 0).await.version, 0);

    for (cents, version) in [(5000, 1), (2000, 2), (2000, 2), (0, 3)] {
        let credit = api.set_credit("c-1", cents).await;
        assert_eq!((minor(&credit.balance), credit.version), (cents, version));
        assert_eq!(get(&api, "c-1", "USD").await.store_credit, Some(credit));
    }
    assert_eq!(
        api.credit_ledger("c-1").await,
        (
            0,
            vec![(Issued, 5000), (Adjusted, -3000), (Adjusted, -2000)]
        )
    );
    let noted = pb::SetStoreCreditRequest {
        customer_id: "c-1".into(),
        balance: usd(100),
        note: "sorry".into(),
        ..Default::default()
    };
    call!(api.store, set_store_credit, noted).unwrap();
    let request = |page_token| pb::GetStoreCreditRequest {
        customer_id: "c-1".into(),
        page_size: 3,
        page_token,
        ..Default::default()
    };
    let first = call!(api.store, get_store_credit, request(String::new())).unwrap();
    assert_eq!(
        (first.entries.len(), first.entries[0].note.as_str()),
        (3, "sorry")
    );
    let second = call!(api.store, get_store_credit, request(first.next_page_token)).unwrap();
    assert_eq!(
        (second.entries.len(), second.entries[0].kind()),
        (1, Issued)
    );
}

async fn one_balance_a_currency(api: Api) {
    api.set_credit("c-1", 5000).await;
    let euros = pb::SetStoreCreditRequest {
        customer_id: "c-1".into(),
        balance: Some(pb::Money {
            currency_code: "EUR".into(),
            amount_minor: 700,
        }),
        ..Default::default()
    };
    call!(api.store, set_store_credit, euros).unwrap();
    let balance = async |currency| {
        let credit = get(&api, "c-1", currency).await.store_credit;
        minor(&credit.unwrap().balance)
    };
    assert_eq!((balance("USD").await, balance("EUR").await), (5000, 700));
    assert_eq!(balance("JPY").await, 0);
    // In a cart of another currency, the credit of that currency pays.
    let checkout = ready(&api, "c-1").await;
    assert_eq!(
        amounts(&api.apply_credit(&checkout.id).await.unwrap()),
        (525, 0)
    );
    let change = pb::UpdateCartRequest {
        cart_id: checkout.id.clone(),
        currency_code: "JPY".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, change).unwrap();
    assert_eq!(amounts(&api.get(&checkout.id).await).0, 0);
}

async fn bad_fields_are_told_at_once(api: Api) {
    let request = pb::GetStoreCreditRequest {
        currency_code: "usd".into(),
        page_size: -1,
        page_token: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.store, get_store_credit, request)),
        ["customer_id", "currency_code", "page_size", "page_token"]
    );
    let request = pb::SetStoreCreditRequest {
        balance: usd(-1),
        note: "x".repeat(256),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.store, set_store_credit, request)),
        ["customer_id", "balance.amount_minor", "note"]
    );
}

async fn applied_and_removed(api: Api) {
    api.set_credit("c-1", 400).await;
    let before = ready(&api, "c-1").await;
    for _ in 0..2 {
        let checkout = api.apply_credit(&before.id).await.unwrap();
        assert!(checkout.store_credit_applied);
        assert_eq!(amounts(&checkout), (400, 125));
    }
    let order = api.order(&before.id).await.unwrap();
    assert!(order.store_credit_applied);
    let request = pb::RemoveStoreCreditRequest {
        checkout_id: before.id.clone(),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = call!(api.checkouts, remove_store_credit, request.clone());
        let checkout = answer.unwrap().checkout.unwrap();
        assert!(!checkout.store_credit_applied);
        assert_eq!(checkout.totals, before.totals);
    }
}

async fn reasons_to_refuse(api: Api) {
    let guest = ready(&api, "").await;
    refused(
        api.apply_credit(&guest.id).await,
        Code::FailedPrecondition,
        "STORE_CREDIT_CUSTOMER_REQUIRED",
    );
    let poor = ready(&api, "c-1").await;
    for _ in 0..2 {
        let refusal = refused(
            api.apply_credit(&poor.id).await,
            Code::FailedPrecondition,
            "STORE_CREDIT_EMPTY",
        );
        let metadata = &refusal.error_info().unwrap().metadata;
        assert_eq!(metadata["customer_id"], "c-1");
        assert_eq!(
            (
                metadata["balance"].as_str(),
                metadata["currency_code"].as_str()
            ),
            ("0", "USD")
        );
        // Also one that had some once.
        api.set_credit("c-1", 100).await;
        api.set_credit("c-1", 0).await;
    }
    assert_eq!(
        api.get(&poor.id).await.version,
        poor.version,
        "nothing was changed"
    );
}

async fn another_customer_drops_it(api: Api) {
    for customer in ["c-1", "c-2"] {
        api.set_credit(customer, 400).await;
    }
    let checkout = ready(&api, "c-1").await;
    api.apply_credit(&checkout.id).await.unwrap();
    let change = |customer: &str| pb::UpdateCartRequest {
        cart_id: checkout.id.clone(),
        customer_id: customer.into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, change("c-1")).unwrap();
    assert!(api.get(&checkout.id).await.store_credit_applied);
    call!(api.carts, update_cart, change("c-2")).unwrap();
    let shown = api.get(&checkout.id).await;
    assert_eq!(
        (shown.store_credit_applied, amounts(&shown)),
        (false, (0, 525))
    );
    assert_eq!(
        shown.messages[0].code(),
        CheckoutMessageCode::StoreCreditDropped
    );
}

async fn what_is_reserved_lapses_after_a_failed_payment(api: Api) {
    api.set_credit("c-1", 1000).await;
    let checkout = ready(&api, "c-1").await;
    api.apply_credit(&checkout.id).await.unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    let mut expected = vec![(Issued, 1000), (Redeemed, -525)];
    assert_eq!(api.credit_ledger("c-1").await, (475, expected.clone()));
    for state in [PaymentState::Pending, PaymentState::Failed] {
        api.pay(&order, "1", 0, state).await.unwrap();
        let ledger = api.credit_ledger("c-1").await;
        assert_eq!(ledger, (475, expected.clone()), "{state:?}");
    }
    api.server.lapse(&checkout.id).await;
    expected.push((Restored, 525));
    assert_eq!(api.credit_ledger("c-1").await, (1000, expected.clone()));
    api.pay(&order, "2", 0, PaymentState::Completed)
        .await
        .unwrap();
    expected.push((Redeemed, -525));
    assert_eq!(api.credit_ledger("c-1").await, (475, expected));
}

async fn less_than_was_shown_is_not_ordered_silently(api: Api) {
    api.set_credit("c-1", 400).await;
    let checkout = ready(&api, "c-1").await;
    api.apply_credit(&checkout.id).await.unwrap();
    api.set_credit("c-1", 300).await;
    let refusal = refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let violations = &refusal.precondition_failure().unwrap().violations;
    let reasons: Vec<_> = violations.iter().map(|v| v.r#type.as_str()).collect();
    assert_eq!(reasons, ["STORE_CREDIT_EMPTY", "PRICE_CHANGED"]);
    assert_eq!(amounts(&api.get(&checkout.id).await), (300, 225));
    api.order(&checkout.id).await.unwrap();
}

async fn what_is_gone_refuses_a_payment(api: Api) {
    api.set_credit("c-1", 400).await;
    let checkout = ready(&api, "c-1").await;
    api.apply_credit(&checkout.id).await.unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    api.server.lapse(&checkout.id).await;
    api.set_credit("c-1", 399).await;
    let refusal = refused(
        api.pay(&order, "1", 125, PaymentState::Pending).await,
        Code::FailedPrecondition,
        "STORE_CREDIT_EMPTY",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["balance"], "399");
    let by = Some(pb::get_order_request::By::OrderId(order.id.clone()));
    let unchanged = call!(api.orders, get_order, pb::GetOrderRequest { by }).unwrap();
    assert_eq!(unchanged.order, Some(order));
}

async fn racing_checkouts_never_pay_more_than_there_is(api: Api) {
    // Eight orders of 5.25, of which half also pay with a gift certificate that has enough for one. There is enough for
    // three of them, whichever.
    api.set_credit("c-1", 1700).await;
    api.certificate("FOR-ONE-01", 100).await;
    let mut orders = Vec::new();
    for number in 0..8 {
        let checkout = ready(&api, "c-1").await;
        api.apply_credit(&checkout.id).await.unwrap();
        if number % 2 == 0 {
            let applied = api.apply_certificate(&checkout.id, "FOR-ONE-01").await;
            applied.unwrap();
        }
        orders.push(api.order(&checkout.id).await.unwrap());
        api.server.lapse(&checkout.id).await;
    }
    let mut payments = JoinSet::new();
    for order in orders {
        let request = pb::RecordPaymentRequest {
            order_id: order.id,
            method: "none".into(),
            reference: "none".into(),
            amount: usd(0),
            ..Default::default()
        };
        let mut orders = api.orders.clone();
        payments.spawn(async move { orders.record_payment(request).await });
    }
    let mut taken = 0;
    for answer in payments.join_all().await {
        match answer {
            Ok(answer) => {
                let order = answer.into_inner().order.unwrap();
                assert_eq!(order.status(), OrderStatus::AwaitingFulfillment);
                taken += minor(&order.totals.unwrap().store_credit_amount);
            }
            Err(status) => {
                let reason = if status.message().contains("gift certificate") {
                    "GIFT_CERTIFICATE_EMPTY"
                } else {
                    "STORE_CREDIT_EMPTY"
                };
                refused(Err::<(), _>(status), Code::FailedPrecondition, reason);
            }
        }
    }
    let (left, _) = api.credit_ledger("c-1").await;
    let (certificate, _) = api.certificate_ledger("FOR-ONE-01").await;
    assert_eq!((left, left + certificate), (1700 - taken, 225));
}

async fn set_at_once_it_is_begun_once(api: Api) {
    let mut calls = JoinSet::new();
    for cents in 1..=8 {
        let request = pb::SetStoreCreditRequest {
            customer_id: "c-1".into(),
            balance: usd(cents * 100),
            ..Default::default()
        };
        let mut store = api.store.clone();
        calls.spawn(async move { store.set_store_credit(request).await.map(drop) });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    let (_, entries) = api.credit_ledger("c-1").await;
    assert_eq!(entries.len(), 8);
    assert_eq!(entries[0].0, Issued);
    assert!(entries[1..].iter().all(|(kind, _)| *kind == Adjusted));
}

async fn repeated_requests_and_stale_versions(api: Api) {
    let set = pb::SetStoreCreditRequest {
        customer_id: "c-1".into(),
        balance: usd(500),
        request_id: Uuid::from_u128(1).to_string(),
        expected_version: Some(0),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = call!(api.store, set_store_credit, set.clone()).unwrap();
        assert_eq!(answer.store_credit.unwrap().version, 1);
    }
    let other = pb::SetStoreCreditRequest {
        balance: usd(600),
        ..set.clone()
    };
    refused(
        call!(api.store, set_store_credit, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::SetStoreCreditRequest {
        request_id: String::new(),
        ..set
    };
    let refusal = refused(
        call!(api.store, set_store_credit, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["current_version"],
        "1"
    );

    let checkout = ready(&api, "c-1").await;
    let apply = pb::ApplyStoreCreditRequest {
        checkout_id: checkout.id.clone(),
        request_id: Uuid::from_u128(2).to_string(),
        expected_version: Some(checkout.version),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = call!(api.checkouts, apply_store_credit, apply.clone());
        let version = answer.unwrap().checkout.unwrap().version;
        assert_eq!(version, checkout.version + 1);
    }
    let stale = pb::RemoveStoreCreditRequest {
        checkout_id: checkout.id.clone(),
        expected_version: Some(checkout.version),
        ..Default::default()
    };
    refused(
        call!(api.checkouts, remove_store_credit, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
}
