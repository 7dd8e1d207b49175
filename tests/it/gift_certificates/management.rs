//! Issuing, finding and changing gift certificates.

use cartwright::rpc::pb::{
    self, GiftCertificateStatus,
    LedgerEntryKind::{Adjusted, Issued},
};
use prost_types::FieldMask;
use tonic::Code;
use uuid::Uuid;

use super::{at, get, party, remove, set_balance, update};
use crate::harness::api::{Api, bad_fields, call, minor, on_every_backend, refused, usd};

on_every_backend!(
    issued_and_found,
    codes_nobody_can_guess,
    listed_newest_first,
    updated_with_a_ledger,
    emptied_by_a_mask,
    bad_fields_are_told_at_once,
);

async fn issued_and_found(api: Api) {
    use pb::get_gift_certificate_request::By;
    let request = pb::IssueGiftCertificateRequest {
        amount: usd(5000),
        code: "Birthday-2026".into(),
        sender: party("ada"),
        recipient: party("bob"),
        theme: "birthday".into(),
        message: "Happy birthday,\nBob!".into(),
        expire_time: at(4_000_000_000),
        status: GiftCertificateStatus::Disabled.into(),
        ..Default::default()
    };
    let issued = call!(
        api.gift_certificates,
        issue_gift_certificate,
        request.clone()
    )
    .unwrap()
    .gift_certificate
    .unwrap();
    assert_eq!(
        issued,
        pb::GiftCertificate {
            id: issued.id.clone(),
            code: "Birthday-2026".into(),
            status: GiftCertificateStatus::Disabled.into(),
            amount: usd(5000),
            balance: usd(5000),
            sender: party("ada"),
            recipient: party("bob"),
            theme: "birthday".into(),
            message: "Happy birthday,\nBob!".into(),
            expire_time: at(4_000_000_000),
            order_id: String::new(),
            version: 1,
            create_time: issued.create_time,
            update_time: issued.create_time,
        }
    );
    for key in [
        By::Id(issued.id.clone()),
        By::Code("Birthday-2026".into()),
        By::Code("bIRTHDAY-2026".into()),
    ] {
        let found = get(&api, key).await.unwrap();
        assert_eq!(found.gift_certificate.as_ref(), Some(&issued));
        let [entry] = &found.entries[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (entry.kind(), &entry.amount, &entry.balance),
            (Issued, &usd(5000), &usd(5000))
        );
        assert_eq!(found.next_page_token, "");
    }
    let again = pb::IssueGiftCertificateRequest {
        code: "BIRTHDAY-2026".into(),
        ..request
    };
    let refusal = refused(
        call!(api.gift_certificates, issue_gift_certificate, again),
        Code::AlreadyExists,
        "GIFT_CERTIFICATE_CODE_EXISTS",
    );
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["code"], "********-2026");
    let refusal = refused(
        get(&api, By::Code("NOBODY-HAS-IT".into())).await,
        Code::NotFound,
        "GIFT_CERTIFICATE_NOT_FOUND",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["code"],
        "******-*AS-IT"
    );
    let id = Uuid::nil().to_string();
    let refusal = refused(
        get(&api, By::Id(id.clone())).await,
        Code::NotFound,
        "GIFT_CERTIFICATE_NOT_FOUND",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["gift_certificate_id"],
        id
    );
}

async fn codes_nobody_can_guess(api: Api) {
    let (one, other) = (
        api.certificate("", 100).await,
        api.certificate("", 100).await,
    );
    assert_ne!(one.code, other.code);
    for code in [&one.code, &other.code] {
        let groups: Vec<_> = code.split('-').map(str::len).collect();
        assert_eq!(groups, [4, 4, 4, 4], "{code}");
    }
    let cart = api.custom_cart(&[1000]).await;
    let entered = one.code.to_lowercase();
    let checkout = api.apply_certificate(&cart.id, &entered).await.unwrap();
    assert_eq!(checkout.gift_certificates[0].code, entered);
}

async fn listed_newest_first(api: Api) {
    let mut issued = Vec::new();
    for number in 0..5 {
        let request = pb::IssueGiftCertificateRequest {
            amount: usd(100),
            recipient: party(if number < 2 { "ada" } else { "bob" }),
            ..Default::default()
        };
        let answer = call!(api.gift_certificates, issue_gift_certificate, request).unwrap();
        issued.insert(0, answer.gift_certificate.unwrap().id);
    }
    let list = async |request: pb::ListGiftCertificatesRequest| {
        let answer = call!(api.gift_certificates, list_gift_certificates, request).unwrap();
        let ids: Vec<String> = answer
            .gift_certificates
            .into_iter()
            .map(|one| one.id)
            .collect();
        (ids, answer.next_page_token)
    };
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListGiftCertificatesRequest {
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let (ids, next) = list(request).await;
        listed.extend(ids);
        page_token = next;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, issued);
    let of_ada = pb::ListGiftCertificatesRequest {
        recipient_email: "ada@example.com".into(),
        ..Default::default()
    };
    assert_eq!(list(of_ada).await.0, issued[3..]);
    let request = pb::UpdateGiftCertificateRequest {
        status: GiftCertificateStatus::Disabled.into(),
        ..Default::default()
    };
    update(&api, &issued[1], request).await.unwrap();
    let disabled = pb::ListGiftCertificatesRequest {
        status: GiftCertificateStatus::Disabled.into(),
        ..Default::default()
    };
    assert_eq!(list(disabled).await.0, issued[1..2]);
    let of_an_order = pb::ListGiftCertificatesRequest {
        order_id: Uuid::nil().to_string(),
        ..Default::default()
    };
    assert!(list(of_an_order).await.0.is_empty());
}

async fn updated_with_a_ledger(api: Api) {
    let issued = api.certificate("LEDGER-1", 5000).await;
    let request = pb::UpdateGiftCertificateRequest {
        balance: usd(2000),
        note: "damaged in the post".into(),
        ..Default::default()
    };
    let changed = update(&api, &issued.id, request).await.unwrap();
    assert_eq!(
        (minor(&changed.balance), minor(&changed.amount)),
        (2000, 5000)
    );
    set_balance(&api, &issued, 7000).await;
    let same = pb::UpdateGiftCertificateRequest {
        balance: usd(7000),
        theme: "thanks".into(),
        ..Default::default()
    };
    let changed = update(&api, &issued.id, same).await.unwrap();
    assert_eq!((changed.version, changed.theme.as_str()), (4, "thanks"));
    let (balance, entries) = api.certificate_ledger("LEDGER-1").await;
    assert_eq!(balance, 7000);
    // What did not change the balance is no entry.
    assert_eq!(
        entries,
        [(Issued, 5000), (Adjusted, -3000), (Adjusted, 5000)]
    );

    let page = async |page_token: String| {
        let request = pb::GetGiftCertificateRequest {
            by: Some(pb::get_gift_certificate_request::By::Id(issued.id.clone())),
            page_size: 2,
            page_token,
        };
        call!(api.gift_certificates, get_gift_certificate, request).unwrap()
    };
    let first = page(String::new()).await;
    assert_eq!(first.entries[1].note, "damaged in the post");
    let second = page(first.next_page_token).await;
    assert_eq!(
        (second.entries.len(), second.entries[0].kind()),
        (1, Issued)
    );
    assert_eq!(second.next_page_token, "");

    let euros = pb::UpdateGiftCertificateRequest {
        balance: Some(pb::Money {
            currency_code: "EUR".into(),
            amount_minor: 100,
        }),
        ..Default::default()
    };
    let refusal = refused(
        update(&api, &issued.id, euros).await,
        Code::InvalidArgument,
        "CURRENCY_MISMATCH",
    );
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["expected_currency_code"], "USD");
    let nothing = pb::UpdateGiftCertificateRequest::default();
    refused(
        update(&api, &Uuid::nil().to_string(), nothing).await,
        Code::NotFound,
        "GIFT_CERTIFICATE_NOT_FOUND",
    );
}

async fn emptied_by_a_mask(api: Api) {
    let request = pb::IssueGiftCertificateRequest {
        amount: usd(5000),
        sender: party("ada"),
        recipient: party("bob"),
        theme: "birthday".into(),
        message: "Happy birthday".into(),
        expire_time: at(4_000_000_000),
        ..Default::default()
    };
    let answer = call!(api.gift_certificates, issue_gift_certificate, request).unwrap();
    let issued = answer.gift_certificate.unwrap();
    let emptied = |paths: &[&str]| pb::UpdateGiftCertificateRequest {
        update_mask: Some(FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        }),
        ..Default::default()
    };
    let changed = update(
        &api,
        &issued.id,
        emptied(&["expire_time", "recipient", "message", "status"]),
    )
    .await
    .unwrap();
    let expected = pb::GiftCertificate {
        expire_time: None,
        recipient: None,
        message: String::new(),
        version: 2,
        update_time: changed.update_time,
        ..issued.clone()
    };
    assert_eq!(changed, expected);
    // Money is not emptied by leaving it out.
    let answer = update(&api, &issued.id, emptied(&["balance", "code"])).await;
    assert_eq!(bad_fields(answer), ["update_mask.paths[1]", "balance"]);
}

async fn bad_fields_are_told_at_once(api: Api) {
    let request = pb::IssueGiftCertificateRequest {
        amount: usd(0),
        code: "not a code".into(),
        sender: Some(pb::GiftCertificateParty {
            name: "x".repeat(256),
            email: "nobody".into(),
        }),
        theme: "x".repeat(256),
        message: "x".repeat(201),
        expire_time: at(i64::MAX),
        status: 9,
        request_id: "1".into(),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(
            api.gift_certificates,
            issue_gift_certificate,
            request
        )),
        [
            "request_id",
            "amount.amount_minor",
            "code",
            "sender.name",
            "sender.email",
            "theme",
            "message",
            "expire_time",
            "status"
        ]
    );
    let expired = pb::IssueGiftCertificateRequest {
        amount: usd(100),
        expire_time: at(1_700_000_000),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(
            api.gift_certificates,
            issue_gift_certificate,
            expired
        )),
        ["expire_time"]
    );
    for code in ["", "spaces are not", "123456789012345678901", "ümlaut"] {
        let cart = Uuid::nil().to_string();
        assert_eq!(
            bad_fields(api.apply_certificate(&cart, code).await),
            ["code"]
        );
        assert_eq!(bad_fields(remove(&api, &cart, code).await), ["code"]);
    }
    let nothing = pb::GetGiftCertificateRequest::default();
    assert_eq!(
        bad_fields(call!(api.gift_certificates, get_gift_certificate, nothing)),
        ["id"]
    );
    let list = pb::ListGiftCertificatesRequest {
        page_size: -1,
        status: 9,
        order_id: "x".into(),
        recipient_email: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.gift_certificates, list_gift_certificates, list)),
        ["page_size", "recipient_email", "status", "order_id"]
    );
}
