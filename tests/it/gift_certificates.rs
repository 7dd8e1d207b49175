//! `GiftCertificateService`.

use cartwright::{
    domain::{cart::LineItemKind, gift_certificate::AppliedGiftCertificate, store::Store},
    rpc::pb::{self, CheckoutMessageCode, GiftCertificateStatus},
};
use prost_types::Timestamp;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, custom, minor, on_every_backend, refused, usd},
    shop::{amount, checkout, currency, line, priced},
};

mod management;
mod payments;

on_every_backend!(
    applied_and_removed,
    reasons_to_refuse,
    ten_at_most,
    several_pay_in_their_order,
    one_that_changed_stays_and_pays_nothing,
    one_with_less_than_was_shown_is_not_ordered_silently,
    repeated_requests_and_stale_versions,
);

async fn update(
    api: &Api,
    id: &str,
    request: pb::UpdateGiftCertificateRequest,
) -> Result<pb::GiftCertificate, Status> {
    let request = pb::UpdateGiftCertificateRequest {
        gift_certificate_id: id.into(),
        ..request
    };
    let answer = call!(api.gift_certificates, update_gift_certificate, request)?;
    Ok(answer.gift_certificate.unwrap())
}

async fn disable(api: &Api, certificate: &pb::GiftCertificate) {
    let request = pb::UpdateGiftCertificateRequest {
        status: GiftCertificateStatus::Disabled.into(),
        ..Default::default()
    };
    update(api, &certificate.id, request).await.unwrap();
}

async fn set_balance(api: &Api, certificate: &pb::GiftCertificate, balance: i64) {
    let request = pb::UpdateGiftCertificateRequest {
        balance: usd(balance),
        ..Default::default()
    };
    update(api, &certificate.id, request).await.unwrap();
}

async fn expire(api: &Api, certificate: &pb::GiftCertificate) {
    let request = pb::UpdateGiftCertificateRequest {
        expire_time: at(1_700_000_000),
        ..Default::default()
    };
    update(api, &certificate.id, request).await.unwrap();
}

async fn remove(api: &Api, checkout_id: &str, code: &str) -> Result<pb::Checkout, Status> {
    let request = pb::RemoveGiftCertificateRequest {
        checkout_id: checkout_id.into(),
        code: code.into(),
        ..Default::default()
    };
    let answer = call!(api.gift_certificates, remove_gift_certificate, request)?;
    Ok(answer.checkout.unwrap())
}

async fn get(
    api: &Api,
    key: pb::get_gift_certificate_request::By,
) -> Result<pb::GetGiftCertificateResponse, Status> {
    let request = pb::GetGiftCertificateRequest {
        by: Some(key),
        ..Default::default()
    };
    call!(api.gift_certificates, get_gift_certificate, request)
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn party(name: &str) -> Option<pb::GiftCertificateParty> {
    Some(pb::GiftCertificateParty {
        name: name.into(),
        email: format!("{name}@example.com"),
    })
}

fn outstanding(checkout: &pb::Checkout) -> i64 {
    minor(&checkout.totals.as_ref().unwrap().outstanding_balance)
}

/// What each gift certificate pays.
fn paid(checkout: &pb::Checkout) -> Vec<i64> {
    let certificates = checkout.gift_certificates.iter();
    certificates
        .map(|certificate| minor(&certificate.applied_amount))
        .collect()
}

/// What stands in the way of an order: reasons with their subjects.
async fn obstacles(api: &Api, checkout_id: &str, reason: &str) -> Vec<(String, String)> {
    let refusal = refused(
        api.order(checkout_id).await,
        Code::FailedPrecondition,
        reason,
    );
    let violations = &refusal.precondition_failure().unwrap().violations;
    violations
        .iter()
        .map(|violation| (violation.r#type.clone(), violation.subject.clone()))
        .collect()
}

async fn applied_and_removed(api: Api) {
    api.certificate("SPRING-7KQX", 3000).await;
    let before = api.ready().await;
    let checkout = api
        .apply_certificate(&before.id, "Spring-7kqx")
        .await
        .unwrap();
    assert_eq!(
        checkout.gift_certificates,
        [pb::AppliedGiftCertificate {
            code: "Spring-7kqx".into(),
            balance: usd(3000),
            applied_amount: usd(3000),
            remaining_balance: usd(0),
        }]
    );
    let totals = checkout.totals.as_ref().unwrap();
    assert_eq!(minor(&totals.grand_total), 4155);
    assert_eq!(minor(&totals.gift_certificate_amount), 3000);
    assert_eq!(minor(&totals.outstanding_balance), 1155);

    let order = api.order(&before.id).await.unwrap();
    assert_eq!(order.gift_certificates[0].code, "******-7kqx");
    assert_eq!(minor(&order.gift_certificates[0].applied_amount), 3000);
    assert_eq!(
        api.certificate_ledger("SPRING-7KQX").await.0,
        0,
        "the order has reserved it"
    );

    let removed = remove(&api, &before.id, "spring-7KQX").await.unwrap();
    assert_eq!(removed.totals, before.totals);
    assert!(removed.gift_certificates.is_empty());
    let refusal = refused(
        remove(&api, &before.id, "SPRING-7KQX").await,
        Code::NotFound,
        "GIFT_CERTIFICATE_NOT_FOUND",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["code"],
        "******-7KQX"
    );
}

async fn reasons_to_refuse(api: Api) {
    let off = api.certificate("OFF-0001", 1000).await;
    disable(&api, &off).await;
    let expired = api.certificate("OLD-0001", 1000).await;
    expire(&api, &expired).await;
    let empty = api.certificate("EMPTY-0001", 1000).await;
    set_balance(&api, &empty, 0).await;
    let euros = pb::IssueGiftCertificateRequest {
        code: "EUR-0001".into(),
        amount: Some(pb::Money {
            currency_code: "EUR".into(),
            amount_minor: 1000,
        }),
        ..Default::default()
    };
    call!(api.gift_certificates, issue_gift_certificate, euros).unwrap();
    api.certificate("FINE-0001", 1000).await;

    let cart = api.custom_cart(&[5000]).await;
    for (code, grpc, reason) in [
        ("NONE-0001", Code::NotFound, "GIFT_CERTIFICATE_NOT_FOUND"),
        (
            "off-0001",
            Code::FailedPrecondition,
            "GIFT_CERTIFICATE_DISABLED",
        ),
        (
            "OLD-0001",
            Code::FailedPrecondition,
            "GIFT_CERTIFICATE_EXPIRED",
        ),
        (
            "EMPTY-0001",
            Code::FailedPrecondition,
            "GIFT_CERTIFICATE_EMPTY",
        ),
        (
            "EUR-0001",
            Code::FailedPrecondition,
            "GIFT_CERTIFICATE_CURRENCY_MISMATCH",
        ),
    ] {
        let refusal = refused(api.apply_certificate(&cart.id, code).await, grpc, reason);
        let metadata = &refusal.error_info().unwrap().metadata;
        assert!(metadata["code"].ends_with("*-0001"), "{metadata:?}");
    }
    assert_eq!(api.get(&cart.id).await.version, 1, "nothing was changed");
    api.apply_certificate(&cart.id, "FINE-0001").await.unwrap();
    refused(
        api.apply_certificate(&cart.id, "fine-0001").await,
        Code::AlreadyExists,
        "GIFT_CERTIFICATE_ALREADY_APPLIED",
    );
}

async fn ten_at_most(api: Api) {
    let cart = api.custom_cart(&[100_000]).await;
    for number in 0..11 {
        api.certificate(&format!("MANY-{number:04}"), 100).await;
    }
    for number in 0..10 {
        let code = format!("MANY-{number:04}");
        api.apply_certificate(&cart.id, &code).await.unwrap();
    }
    let eleventh = api.apply_certificate(&cart.id, "MANY-0010").await;
    assert_eq!(bad_fields(eleventh), ["code"]);
    assert_eq!(outstanding(&api.get(&cart.id).await), 99_000);
}

async fn several_pay_in_their_order(api: Api) {
    api.certificate("FIRST-0001", 2000).await;
    api.certificate("SECOND-0002", 3000).await;
    api.set_credit("c-1", 1000).await;
    let request = pb::CreateCartRequest {
        customer_id: "c-1".into(),
        custom_items: vec![custom("Thing", 1, 4000)],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    api.apply_credit(&cart.id).await.unwrap();
    api.apply_certificate(&cart.id, "SECOND-0002")
        .await
        .unwrap();
    let checkout = api.apply_certificate(&cart.id, "FIRST-0001").await.unwrap();
    assert_eq!(paid(&checkout), [3000, 1000]);
    let first = &checkout.gift_certificates[1];
    assert_eq!(minor(&first.remaining_balance), 1000);
    let credit =
        |checkout: &pb::Checkout| minor(&checkout.totals.as_ref().unwrap().store_credit_amount);
    assert_eq!((credit(&checkout), outstanding(&checkout)), (0, 0));

    let more = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        custom_items: vec![custom("Another", 1, 2500)],
        ..Default::default()
    };
    call!(api.carts, add_line_items, more).unwrap();
    let checkout = api.get(&cart.id).await;
    assert_eq!(paid(&checkout), [3000, 2000]);
    assert_eq!((credit(&checkout), outstanding(&checkout)), (1000, 500));
}

async fn one_that_changed_stays_and_pays_nothing(api: Api) {
    let off = api.certificate("GONE-0001", 500).await;
    let expired = api.certificate("GONE-0002", 500).await;
    let empty = api.certificate("GONE-0003", 500).await;
    let checkout = api.ready().await;
    for code in ["GONE-0001", "GONE-0002", "GONE-0003"] {
        api.apply_certificate(&checkout.id, code).await.unwrap();
    }
    disable(&api, &off).await;
    expire(&api, &expired).await;
    set_balance(&api, &empty, 0).await;
    let expected = [
        ("GIFT_CERTIFICATE_DISABLED", "****-0001"),
        ("GIFT_CERTIFICATE_EXPIRED", "****-0002"),
        ("GIFT_CERTIFICATE_EMPTY", "****-0003"),
    ];
    let mut found = obstacles(&api, &checkout.id, "CHECKOUT_INCOMPLETE").await;
    assert_eq!(found.pop().unwrap().0, "PRICE_CHANGED");
    let expected: Vec<_> = expected
        .iter()
        .map(|(reason, subject)| ((*reason).to_owned(), (*subject).to_owned()))
        .collect();
    assert_eq!(found, expected);

    let shown = api.get(&checkout.id).await;
    assert_eq!((paid(&shown), outstanding(&shown)), (vec![0, 0, 0], 4155));
    let told: Vec<_> = shown
        .messages
        .iter()
        .map(|message| (message.code(), message.subject.as_str()))
        .collect();
    let changed = CheckoutMessageCode::GiftCertificateChanged;
    assert_eq!(
        told,
        ["****-0001", "****-0002", "****-0003"].map(|subject| (changed, subject))
    );
    assert_eq!(
        obstacles(&api, &checkout.id, "CHECKOUT_INCOMPLETE").await,
        expected,
        "it still does not pay"
    );
    // It pays again when it can, with the next change.
    set_balance(&api, &empty, 400).await;
    for code in ["GONE-0001", "GONE-0002"] {
        remove(&api, &checkout.id, code).await.unwrap();
    }
    let shown = api.get(&checkout.id).await;
    assert_eq!((paid(&shown), shown.messages.len()), (vec![400], 0));
    api.order(&checkout.id).await.unwrap();
}

async fn one_with_less_than_was_shown_is_not_ordered_silently(api: Api) {
    let certificate = api.certificate("LESS-0001", 3000).await;
    let checkout = api.ready().await;
    api.apply_certificate(&checkout.id, "LESS-0001")
        .await
        .unwrap();
    set_balance(&api, &certificate, 1000).await;
    let found = obstacles(&api, &checkout.id, "CHECKOUT_INCOMPLETE").await;
    let reasons: Vec<_> = found.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["GIFT_CERTIFICATE_EMPTY", "PRICE_CHANGED"]);
    let shown = api.get(&checkout.id).await;
    assert_eq!((paid(&shown), shown.messages.len()), (vec![1000], 1));
    // What has been shown can be ordered.
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(minor(&order.totals.unwrap().outstanding_balance), 3155);
    // More than was needed changes nothing.
    let second = api.ready().await;
    set_balance(&api, &certificate, 9000).await;
    api.apply_certificate(&second.id, "LESS-0001")
        .await
        .unwrap();
    set_balance(&api, &certificate, 5000).await;
    api.order(&second.id).await.unwrap();
}

async fn repeated_requests_and_stale_versions(api: Api) {
    let issue = pb::IssueGiftCertificateRequest {
        amount: usd(1000),
        request_id: Uuid::from_u128(1).to_string(),
        ..Default::default()
    };
    let mut issued = Vec::new();
    for _ in 0..2 {
        let answer = call!(api.gift_certificates, issue_gift_certificate, issue.clone());
        issued.push(answer.unwrap().gift_certificate.unwrap());
    }
    assert_eq!(issued[0], issued[1]);
    let other = pb::IssueGiftCertificateRequest {
        amount: usd(2000),
        ..issue
    };
    refused(
        call!(api.gift_certificates, issue_gift_certificate, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );

    let adjust = pb::UpdateGiftCertificateRequest {
        balance: usd(500),
        request_id: Uuid::from_u128(2).to_string(),
        expected_version: Some(1),
        ..Default::default()
    };
    let id = &issued[0].id;
    for _ in 0..2 {
        let changed = update(&api, id, adjust.clone()).await.unwrap();
        assert_eq!((changed.version, minor(&changed.balance)), (2, 500));
    }
    let stale = pb::UpdateGiftCertificateRequest {
        request_id: String::new(),
        ..adjust
    };
    let refusal = refused(
        update(&api, id, stale).await,
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["current_version"],
        "2"
    );

    let cart = api.custom_cart(&[1000]).await;
    let apply = pb::ApplyGiftCertificateRequest {
        checkout_id: cart.id.clone(),
        code: issued[0].code.clone(),
        request_id: Uuid::from_u128(3).to_string(),
        expected_version: Some(1),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = call!(api.gift_certificates, apply_gift_certificate, apply.clone());
        assert_eq!(answer.unwrap().checkout.unwrap().version, 2);
    }
    let stale = pb::ApplyGiftCertificateRequest {
        request_id: String::new(),
        ..apply
    };
    refused(
        call!(api.gift_certificates, apply_gift_certificate, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    let take_off = pb::RemoveGiftCertificateRequest {
        checkout_id: cart.id.clone(),
        code: issued[0].code.clone(),
        request_id: Uuid::from_u128(4).to_string(),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = call!(
            api.gift_certificates,
            remove_gift_certificate,
            take_off.clone()
        );
        assert_eq!(answer.unwrap().checkout.unwrap().version, 3);
    }
}

#[test]
fn certificates_never_pay_for_certificates() {
    let goods = line(1, 4000, 1);
    let mut bought = line(2, 6000, 1);
    bought.facts.kind = LineItemKind::GiftCertificate;
    let mut checkout = checkout("USD", vec![goods, bought]);
    checkout.gift_certificates = vec![AppliedGiftCertificate {
        id: Uuid::nil(),
        code: "ALL".into(),
        balance: amount(20_000),
        refusal: None,
    }];
    checkout.store_credit = Some(amount(5000));
    let pricing = priced(&checkout, &Store::empty(currency("USD")), &[]);
    assert_eq!(pricing.gift_certificates, [amount(4000)]);
    let totals = &pricing.totals;
    assert_eq!(
        (
            totals.gift_certificate_amount,
            totals.store_credit_amount,
            totals.outstanding_balance
        ),
        (amount(4000), amount(5000), amount(1000))
    );
}
