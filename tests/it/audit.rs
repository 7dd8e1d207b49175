//! The audit log: each change of the shop is written down with it, and nothing that is secret or personal.

use std::time::Duration;

use cartwright::{domain::money::Currency, rpc::pb, store::store_credit};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tonic::Code;
use uuid::Uuid;

use crate::harness::{
    PATIENCE,
    api::{Api, call, on_every_backend, percentage_coupon, products, refused, store, usd},
    promotion::ten_percent,
    token::{by, command, create, prefix, token, told},
};

on_every_backend!(
    each_change_is_told_with_who_made_it,
    what_the_command_line_does_is_told,
    what_was_not_done_is_not_told,
    the_log_is_read_in_parts,
    old_entries_are_purged,
);

/// What `cartwright audit` prints.
fn log(api: &Api, options: &[&str]) -> Vec<Value> {
    let printed = told(api, &[&["audit"], options].concat());
    let lines = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Action, kind of subject, and the ids.
type Entry = (String, String, Vec<String>);

/// What was done to what, without what sets up the shop.
fn done(api: &Api) -> Vec<Entry> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry = |entry: &Value| {
        let ids = entry["subject_ids"].as_array().unwrap();
        (
            text(&entry["action"]),
            text(&entry["subject_kind"]),
            ids.iter().map(text).collect(),
        )
    };
    log(api, &[]).iter().skip(2).map(entry).collect()
}

fn entry(action: &str, kind: &str, ids: &[&str]) -> Entry {
    let ids = ids.iter().map(|&id| id.to_owned()).collect();
    (action.to_owned(), kind.to_owned(), ids)
}

async fn each_change_is_told_with_who_made_it(api: Api) {
    let scopes = "catalog:write,promotions:write,store:write,gift_certificates:write";
    let token = token(&api, scopes).await;
    let mut expected = vec![entry("token create", "api_token", &[prefix(&token)])];

    let request = pb::UpsertProductsRequest {
        products: products().into_iter().take(2).collect(),
        request_id: Uuid::from_u128(61).to_string(),
        ..Default::default()
    };
    let (first, second) = (
        request.products[0].id.clone(),
        request.products[1].id.clone(),
    );
    for _ in 0..2 {
        call!(api.catalog, upsert_products, by(&token, request.clone())).unwrap();
    }
    expected.push(entry("UpsertProducts", "product", &[&first, &second]));
    let request = pb::DeleteProductRequest {
        product_id: first.clone(),
        ..Default::default()
    };
    call!(api.catalog, delete_product, by(&token, request)).unwrap();
    expected.push(entry("DeleteProduct", "product", &[&first]));

    let request = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            name: "planted-name".into(),
            ..store()
        }),
        ..Default::default()
    };
    call!(api.store, update_store, by(&token, request)).unwrap();
    expected.push(entry("UpdateStore", "store", &[]));
    promotions(&api, &token, &mut expected).await;
    balances(&api, &token, &mut expected).await;

    assert_eq!(done(&api), expected);
    let told = log(&api, &[]);
    for entry in &told[3..] {
        assert_eq!(entry["caller"], format!("token:{}", prefix(&token)));
    }
    assert_eq!(told[0]["caller"], "trusted");
    assert_eq!(told[3]["request_id"], Uuid::from_u128(61).to_string());
    assert_eq!(told[4]["request_id"], Value::Null);
    let times: Vec<_> = told.iter().map(|entry| entry["time"].to_string()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let told = format!("{told:?}").to_lowercase();
    for secret in ["planted", "9.5", "12300"] {
        assert!(!told.contains(secret), "{told}");
    }
}

async fn promotions(api: &Api, token: &str, expected: &mut Vec<Entry>) {
    let request = pb::CreatePromotionRequest {
        promotion: Some(ten_percent("planted")),
        ..Default::default()
    };
    let created = call!(api.promotions, create_promotion, by(token, request)).unwrap();
    let promotion = created.promotion.unwrap();
    expected.push(entry("CreatePromotion", "promotion", &[&promotion.id]));
    let promotion_id = promotion.id.clone();
    let request = pb::UpdatePromotionRequest {
        promotion: Some(promotion),
        ..Default::default()
    };
    call!(api.promotions, update_promotion, by(token, request)).unwrap();
    expected.push(entry("UpdatePromotion", "promotion", &[&promotion_id]));
    let request = pb::DeletePromotionRequest {
        promotion_id: promotion_id.clone(),
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, by(token, request)).unwrap();
    expected.push(entry("DeletePromotion", "promotion", &[&promotion_id]));

    let request = by(token, percentage_coupon("PLANTED-1", "9.5"));
    let created = call!(api.promotions, create_coupon, request).unwrap();
    let promotion_id = created.promotion.unwrap().id;
    expected.push(entry("CreateCoupon", "promotion", &[&promotion_id]));
    let request = pb::CreateCouponCodeRequest {
        promotion_id: promotion_id.clone(),
        code: "PLANTED-2".into(),
        ..Default::default()
    };
    let created = call!(api.promotions, create_coupon_code, by(token, request)).unwrap();
    let code = created.coupon_code.unwrap();
    expected.push(entry("CreateCouponCode", "coupon_code", &[&code.id]));
    let request = pb::GenerateCouponCodesRequest {
        promotion_id,
        count: 3,
        prefix: "PLANTED-".into(),
        length: 8,
        ..Default::default()
    };
    let generated = call!(api.promotions, generate_coupon_codes, by(token, request));
    let batch = generated
        .unwrap()
        .message()
        .await
        .unwrap()
        .unwrap()
        .batch_id;
    expected.push(entry("GenerateCouponCodes", "coupon_code_batch", &[&batch]));
    let request = pb::DeleteCouponCodeRequest {
        code: code.code,
        ..Default::default()
    };
    call!(api.promotions, delete_coupon_code, by(token, request)).unwrap();
    expected.push(entry("DeleteCouponCode", "coupon_code", &[&code.id]));
}

async fn balances(api: &Api, token: &str, expected: &mut Vec<Entry>) {
    let request = pb::SetStoreCreditRequest {
        customer_id: "planted-customer".into(),
        balance: usd(12_300),
        note: "planted-note".into(),
        ..Default::default()
    };
    for _ in 0..2 {
        // The second time nothing changes.
        call!(api.store, set_store_credit, by(token, request.clone())).unwrap();
    }
    let database = api.server.database().await;
    let found = store_credit::find(&database, "planted-customer", Currency::USD).await;
    let balance_id = found.unwrap().unwrap().id.to_string();
    expected.push(entry("SetStoreCredit", "store_credit", &[&balance_id]));

    let request = pb::IssueGiftCertificateRequest {
        code: "PLANTED-3".into(),
        amount: usd(12_300),
        ..Default::default()
    };
    let issued = call!(
        api.gift_certificates,
        issue_gift_certificate,
        by(token, request)
    )
    .unwrap();
    let id = issued.gift_certificate.unwrap().id;
    expected.push(entry("IssueGiftCertificate", "gift_certificate", &[&id]));
    let request = pb::UpdateGiftCertificateRequest {
        gift_certificate_id: id.clone(),
        message: "planted-message".into(),
        ..Default::default()
    };
    call!(
        api.gift_certificates,
        update_gift_certificate,
        by(token, request)
    )
    .unwrap();
    expected.push(entry("UpdateGiftCertificate", "gift_certificate", &[&id]));
}

async fn what_the_command_line_does_is_told(api: Api) {
    let token = create(&api, &["--scope=store:read"]);
    told(&api, &["token", "revoke", prefix(&token)]);
    told(&api, &["erase-customer", "planted-customer"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    std::fs::write(
        &file,
        "coupons: [{ code: PLANTED, type: COUPON_TYPE_FREE_SHIPPING }]\n",
    )
    .unwrap();
    told(&api, &["import", file.to_str().unwrap()]);

    let mut done = done(&api);
    let imported = done.pop().unwrap();
    assert_eq!((imported.0.as_str(), imported.2.len()), ("CreateCoupon", 1));
    let expected = [
        entry("token create", "api_token", &[prefix(&token)]),
        entry("token revoke", "api_token", &[prefix(&token)]),
        entry("erase-customer", "customer", &[]),
    ];
    assert_eq!(done, expected);
    let told = told(&api, &["audit"]);
    assert!(!told.to_lowercase().contains("planted"), "{told}");
}

async fn what_was_not_done_is_not_told(api: Api) {
    let request = pb::DeleteProductRequest {
        product_id: "nothing".into(),
        ..Default::default()
    };
    refused(
        call!(api.catalog, delete_product, request),
        Code::NotFound,
        "PRODUCT_NOT_FOUND",
    );
    let request = pb::UpdateStoreRequest {
        store: Some(store()),
        expected_version: Some(77),
        ..Default::default()
    };
    refused(
        call!(api.store, update_store, request),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    let revoked = command(&api, &["token", "revoke", "cwt_aaaaaaaaaaaa"]);
    assert_eq!(revoked.status.code(), Some(1));
    assert_eq!(done(&api), []);
}

async fn the_log_is_read_in_parts(api: Api) {
    for cents in 1..=4 {
        api.set_credit("alice", cents).await;
    }
    let all = log(&api, &[]);
    assert_eq!(all.len(), 6);
    assert_eq!(log(&api, &["--limit=2"]), all[..2]);
    assert!(log(&api, &["--limit=0"]).is_empty());
    let since = format!("--since={}", all[3]["time"].as_str().unwrap());
    assert_eq!(log(&api, &[&since]), all[3..]);
    assert_eq!(log(&api, &[&since, "--limit=1"]), all[3..4]);
    assert!(log(&api, &["--since=2999-01-01T00:00:00Z"]).is_empty());
    let wrong = command(&api, &["audit", "--since=yesterday"]);
    assert_eq!(wrong.status.code(), Some(64));
}

async fn old_entries_are_purged(api: Api) {
    assert_eq!(log(&api, &[]).len(), 2);
    sleep(Duration::from_millis(1_100)).await;
    // One that keeps them longer leaves them.
    let _patient = api.server.replica_with(&["--audit-retention=2h"]).await;
    assert_eq!(log(&api, &[]).len(), 2);
    let _replica = api.server.replica_with(&["--audit-retention=1s"]).await;
    let end = Instant::now() + PATIENCE;
    while !log(&api, &[]).is_empty() {
        assert!(Instant::now() < end, "they are never purged");
    }
}
