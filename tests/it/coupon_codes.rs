//! `PromotionService`: codes of promotions.

use std::collections::{BTreeSet, HashSet};

use cartwright::rpc::pb::{self, GenerateCouponCodesRequest as Generate, RedemptionType};
use serde_json::json;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, item, on_every_backend, percentage_coupon, refused},
    promotion::promotion,
};

on_every_backend!(
    a_code_is_created_once,
    ten_thousand_codes_are_generated_once,
    codes_are_as_they_are_asked_for,
    codes_generated_side_by_side_are_not_the_same,
    codes_are_for_coupons,
    bad_codes,
);

async fn create(api: &Api, redemption: RedemptionType) -> String {
    let promotion = promotion(json!({
        "name": "Free shipping",
        "redemption_type": redemption.as_str_name(),
        "rules": [{ "action": { "shipping": { "free_shipping": true } } }],
    }));
    let request = pb::CreatePromotionRequest {
        promotion: Some(promotion),
        ..Default::default()
    };
    let created = call!(api.promotions, create_promotion, request).unwrap();
    created.promotion.unwrap().id
}

async fn coupon(api: &Api) -> String {
    create(api, RedemptionType::Coupon).await
}

/// The batch, its codes, and how many came in each answer.
async fn generate(
    api: &Api,
    request: Generate,
) -> Result<(String, Vec<String>, Vec<usize>), Status> {
    let mut stream = call!(api.promotions, generate_coupon_codes, request)?;
    let (mut batches, mut codes, mut sizes) = (BTreeSet::new(), Vec::new(), Vec::new());
    while let Some(answer) = stream.message().await? {
        batches.insert(answer.batch_id);
        sizes.push(answer.codes.len());
        codes.extend(answer.codes);
    }
    assert_eq!(batches.len(), 1);
    Ok((batches.pop_first().unwrap(), codes, sizes))
}

/// All codes of a promotion, page by page.
async fn list(api: &Api, promotion_id: &str, batch_id: &str) -> Vec<pb::CouponCode> {
    let mut request = pb::ListCouponCodesRequest {
        promotion_id: promotion_id.into(),
        page_size: 200,
        batch_id: batch_id.into(),
        ..Default::default()
    };
    let mut listed = Vec::new();
    loop {
        let page = call!(api.promotions, list_coupon_codes, request.clone()).unwrap();
        assert!(page.coupon_codes.len() <= 200);
        listed.extend(page.coupon_codes);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return listed;
        }
    }
}

async fn a_code_is_created_once(api: Api) {
    let promotion_id = coupon(&api).await;
    let request = pb::CreateCouponCodeRequest {
        promotion_id: promotion_id.clone(),
        code: "Summer 26".into(),
        max_uses: 5,
        max_uses_per_customer: 2,
        request_id: Uuid::from_u128(81).to_string(),
    };
    let create = async |request: pb::CreateCouponCodeRequest| {
        let created = call!(api.promotions, create_coupon_code, request)?;
        Ok::<_, Status>(created.coupon_code.unwrap())
    };
    let code = create(request.clone()).await.unwrap();
    assert_eq!(code.promotion_id, promotion_id);
    assert_eq!(
        (code.code.as_str(), code.max_uses, code.current_uses),
        ("Summer 26", 5, 0)
    );
    assert_eq!(
        (code.max_uses_per_customer, code.batch_id.as_str()),
        (2, "")
    );
    assert_eq!(create(request.clone()).await.unwrap(), code);
    assert_eq!(list(&api, &promotion_id, "").await, [code]);
    let same = pb::CreateCouponCodeRequest {
        code: "SUMMER 26".into(),
        request_id: String::new(),
        ..request
    };
    let answer = create(same).await;
    refused(answer, Code::AlreadyExists, "COUPON_CODE_EXISTS");
    // It leads to its promotion.
    let request = pb::CreateCartRequest {
        customer_id: "ada".into(),
        line_items: vec![item("poster", 1)],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request).unwrap().cart;
    let applied = api.apply(&cart.unwrap().id, "summer 26").await.unwrap();
    assert_eq!(applied.coupons[0].promotion_id, promotion_id);
}

async fn ten_thousand_codes_are_generated_once(api: Api) {
    let promotion_id = coupon(&api).await;
    let request = Generate {
        promotion_id: promotion_id.clone(),
        count: 10_000,
        request_id: Uuid::from_u128(82).to_string(),
        ..Default::default()
    };
    let generated = generate(&api, request.clone()).await.unwrap();
    let (batch_id, codes, sizes) = &generated;
    assert_eq!(*sizes, [1_000; 10]);
    let unique: HashSet<_> = codes.iter().collect();
    assert_eq!(unique.len(), 10_000);
    for code in codes {
        let allowed = |c: char| "CDFHJKLMNPQRTVWX23456789".contains(c);
        assert!(code.len() == 10 && code.chars().all(allowed), "{code}");
    }
    // Each character everywhere: out of 10,000 none is missing by chance.
    for place in 0..10 {
        let seen: HashSet<_> = codes.iter().map(|code| code.as_bytes()[place]).collect();
        assert_eq!(seen.len(), 24);
    }

    let (again, other) = (
        request.clone(),
        Generate {
            count: 1,
            ..request
        },
    );
    assert_eq!(generate(&api, again).await.unwrap(), generated);
    let answer = generate(&api, other.clone()).await;
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");

    let another = Generate {
        request_id: String::new(),
        ..other
    };
    let (another, _, _) = generate(&api, another).await.unwrap();
    let listed = list(&api, &promotion_id, batch_id).await;
    let texts: Vec<_> = listed.iter().map(|code| code.code.clone()).collect();
    assert_eq!(texts, *codes);
    assert!(
        listed
            .iter()
            .all(|code| code.batch_id == *batch_id && code.max_uses == 1)
    );
    assert_eq!(list(&api, &promotion_id, &another).await.len(), 1);
    assert_eq!(list(&api, &promotion_id, "").await.len(), 10_001);

    let delete = pb::DeletePromotionRequest {
        promotion_id,
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, delete).unwrap();
    let request = Generate {
        promotion_id: listed[0].promotion_id.clone(),
        count: 10_000,
        request_id: Uuid::from_u128(82).to_string(),
        ..Default::default()
    };
    refused(
        generate(&api, request).await,
        Code::NotFound,
        "COUPON_NOT_FOUND",
    );
}

async fn codes_are_as_they_are_asked_for(api: Api) {
    let promotion_id = coupon(&api).await;
    let request = Generate {
        promotion_id: promotion_id.clone(),
        count: 3,
        prefix: "Spring_2026-is here-".into(),
        length: 30,
        max_uses: Some(0),
        max_uses_per_customer: 4,
        ..Default::default()
    };
    let (batch_id, codes, sizes) = generate(&api, request).await.unwrap();
    assert_eq!(sizes, [3]);
    for code in list(&api, &promotion_id, &batch_id).await {
        assert!(codes.contains(&code.code));
        assert!(code.code.starts_with("Spring_2026-is here-") && code.code.len() == 50);
        assert_eq!((code.max_uses, code.max_uses_per_customer), (0, 4));
    }
    let checkout = api.ready().await;
    let answer = api.apply(&checkout.id, &codes[0]).await;
    let reason = "COUPON_CUSTOMER_USES_EXHAUSTED";
    refused(answer, Code::FailedPrecondition, reason);
}

async fn codes_generated_side_by_side_are_not_the_same(api: Api) {
    let promotion_id = coupon(&api).await;
    let many = async |request_id: u128| {
        let request = Generate {
            promotion_id: promotion_id.clone(),
            count: 2_000,
            length: 6,
            request_id: Uuid::from_u128(request_id).to_string(),
            ..Default::default()
        };
        generate(&api, request).await.unwrap().1
    };
    let (one, two) = tokio::join!(many(83), many(84));
    let unique: HashSet<_> = one.iter().chain(&two).collect();
    assert_eq!(unique.len(), 4_000);
    assert_eq!(list(&api, &promotion_id, "").await.len(), 4_000);
}

async fn codes_are_for_coupons(api: Api) {
    let automatic = create(&api, RedemptionType::Automatic).await;
    let nobody = Uuid::nil().to_string();
    for (promotion_id, code, reason) in [
        (automatic, Code::FailedPrecondition, "PROMOTION_NOT_COUPON"),
        (nobody, Code::NotFound, "PROMOTION_NOT_FOUND"),
    ] {
        let create = pb::CreateCouponCodeRequest {
            promotion_id: promotion_id.clone(),
            code: "CODE".into(),
            ..Default::default()
        };
        let answer = call!(api.promotions, create_coupon_code, create);
        let refusal = refused(answer, code, reason);
        let metadata = &refusal.error_info().unwrap().metadata;
        assert_eq!(metadata["promotion_id"], promotion_id);
        let request = Generate {
            promotion_id,
            count: 1,
            ..Default::default()
        };
        refused(generate(&api, request).await, code, reason);
    }
    // The codes were not taken in vain.
    api.coupon(percentage_coupon("CODE", "10")).await;
}

async fn bad_codes(api: Api) {
    let promotion_id = coupon(&api).await;
    let good = Generate {
        promotion_id: promotion_id.clone(),
        count: 1,
        ..Default::default()
    };
    type Change = fn(&mut Generate);
    let cases: [(&str, Change); 13] = [
        ("promotion_id", |r| r.promotion_id.clear()),
        ("promotion_id", |r| r.promotion_id = "nonsense".into()),
        ("request_id", |r| r.request_id = "nonsense".into()),
        ("count", |r| r.count = 0),
        ("count", |r| r.count = -1),
        ("count", |r| r.count = 10_001),
        ("prefix", |r| r.prefix = "x".repeat(21)),
        ("prefix", |r| r.prefix = "50%".into()),
        ("length", |r| r.length = 5),
        ("length", |r| r.length = 31),
        ("length", |r| r.length = i32::MIN),
        ("max_uses", |r| r.max_uses = Some(-1)),
        ("max_uses_per_customer", |r| {
            r.max_uses_per_customer = 1_000_000_001;
        }),
    ];
    for (field, change) in cases {
        let mut request = good.clone();
        change(&mut request);
        assert_eq!(bad_fields(generate(&api, request).await), [field]);
    }
    assert!(list(&api, &promotion_id, "").await.is_empty());
    let request = pb::CreateCouponCodeRequest {
        code: "x".repeat(51),
        max_uses: 1_000_000_001,
        max_uses_per_customer: -1,
        ..Default::default()
    };
    let fields = bad_fields(call!(api.promotions, create_coupon_code, request));
    let expected = ["promotion_id", "code", "max_uses", "max_uses_per_customer"];
    assert_eq!(fields, expected);
    let request = pb::ListCouponCodesRequest {
        batch_id: "nonsense".into(),
        ..Default::default()
    };
    let fields = bad_fields(call!(api.promotions, list_coupon_codes, request));
    assert_eq!(fields, ["promotion_id", "batch_id"]);
}
