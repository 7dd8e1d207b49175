//! `PromotionService`: changes of promotions.

use cartwright::rpc::pb::{self, PromotionStatus, RedemptionType};
use tonic::Code;
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, on_every_backend, refused},
    promotion::{full_promotion, ten_percent},
};

on_every_backend!(
    a_mask_replaces_only_what_it_names,
    an_empty_mask_replaces_all_that_can_be,
    a_stale_version_changes_nothing,
);

async fn a_mask_replaces_only_what_it_names(api: Api) {
    let created = api.create_promotion(full_promotion()).await.unwrap();
    let given = pb::Promotion {
        id: created.id.clone(),
        name: "Renamed".into(),
        status: PromotionStatus::Enabled.into(),
        ..ten_percent("")
    };
    let paths = ["name", "status", "schedule", "max_uses"];
    let updated = api.update_promotion(given.clone(), &paths).await.unwrap();
    let expected = pb::Promotion {
        name: "Renamed".into(),
        status: PromotionStatus::Enabled.into(),
        schedule: None,
        max_uses: 0,
        version: 2,
        update_time: updated.update_time,
        ..created.clone()
    };
    assert_eq!(updated, expected);
    assert_eq!(api.get_promotion(&created.id).await.unwrap(), updated);

    for path in [
        "id",
        "redemption_type",
        "coupon_type",
        "current_uses",
        "version",
        "rules[0]",
        "rules.action",
        "nonsense",
    ] {
        let answer = api.update_promotion(given.clone(), &["name", path]).await;
        assert_eq!(bad_fields(answer), ["update_mask.paths[1]"], "{path}");
    }
    // What is left has to go together with what is replaced.
    let answer = api
        .update_promotion(given.clone(), &["start_time", "currency_code"])
        .await;
    answer.unwrap();
    let given = pb::Promotion {
        schedule: full_promotion().schedule,
        ..given
    };
    let answer = api.update_promotion(given, &["schedule"]).await;
    assert_eq!(bad_fields(answer), ["promotion.schedule.week_frequency"]);
}

async fn an_empty_mask_replaces_all_that_can_be(api: Api) {
    let created = api.create_promotion(full_promotion()).await.unwrap();
    let given = pb::Promotion {
        id: created.id.clone(),
        coupon_type: pb::CouponType::FreeShipping.into(),
        current_uses: 40,
        version: 99,
        ..ten_percent("Ten")
    };
    let request = pb::UpdatePromotionRequest {
        promotion: Some(given.clone()),
        request_id: Uuid::from_u128(72).to_string(),
        expected_version: Some(1),
        ..Default::default()
    };
    let update = async || {
        let updated = call!(api.promotions, update_promotion, request.clone()).unwrap();
        updated.promotion.unwrap()
    };
    let updated = update().await;
    assert_eq!((updated.version, updated.current_uses), (2, 0));
    assert_eq!(updated.redemption_type(), RedemptionType::Coupon);
    assert_eq!(updated.create_time, created.create_time);
    assert_eq!(
        (updated.display_name.as_str(), updated.priority),
        ("Ten", 0)
    );
    assert!(updated.schedule.is_none() && updated.notifications.is_empty());
    assert_eq!(update().await, updated, "applied once");

    // What is shown can be sent again, but as another type.
    let same = api.update_promotion(updated.clone(), &[]).await;
    let same = same.unwrap();
    let expected = pb::Promotion {
        version: 3,
        update_time: same.update_time,
        ..updated
    };
    assert_eq!(same, expected);
    let automatic = pb::Promotion {
        redemption_type: RedemptionType::Automatic.into(),
        ..same
    };
    let answer = api.update_promotion(automatic, &[]).await;
    assert_eq!(bad_fields(answer), ["promotion.redemption_type"]);
}

async fn a_stale_version_changes_nothing(api: Api) {
    let created = api.create_promotion(ten_percent("Ten")).await.unwrap();
    let request = |expected_version| pb::UpdatePromotionRequest {
        promotion: Some(pb::Promotion {
            id: created.id.clone(),
            ..ten_percent("Other")
        }),
        expected_version: Some(expected_version),
        ..Default::default()
    };
    let stale = call!(api.promotions, update_promotion, request(7));
    let refusal = refused(stale, Code::Aborted, "VERSION_MISMATCH");
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["current_version"], "1");
    assert_eq!(api.get_promotion(&created.id).await.unwrap(), created);

    // Of changes to one version one wins; of those to any version, all.
    let (one, two) = tokio::join!(
        async { call!(api.promotions, update_promotion, request(1)) },
        async { call!(api.promotions, update_promotion, request(1)) },
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let given = api.get_promotion(&created.id).await.unwrap();
    let (one, two) = tokio::join!(
        api.update_promotion(given.clone(), &["name"]),
        api.update_promotion(given, &["priority"]),
    );
    assert_eq!(one.unwrap().version + two.unwrap().version, 3 + 4);

    let nobody = pb::Promotion {
        id: Uuid::nil().to_string(),
        ..ten_percent("Nobody")
    };
    let answer = api.update_promotion(nobody, &[]).await;
    refused(answer, Code::NotFound, "PROMOTION_NOT_FOUND");
}
