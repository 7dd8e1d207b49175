//! Promotions, in the JSON form of the API, where that is shorter.

use cartwright::rpc::{FILE_DESCRIPTOR_SET, pb};
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::Status;

use super::api::{Api, call};

/// A promotion as it is said to the API.
pub(crate) fn promotion(json: Value) -> pb::Promotion {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("cartwright.v1.Promotion").unwrap();
    let message = DynamicMessage::deserialize(descriptor, json).unwrap();
    message.transcode_to().unwrap()
}

/// 10 % off all goods.
pub(crate) fn ten_percent(name: &str) -> pb::Promotion {
    promotion(json!({
        "name": name,
        "rules": [{ "action": { "cart_items": { "discount": { "percentage_amount": "10" } } } }],
    }))
}

/// Something in every field.
pub(crate) fn full_promotion() -> pb::Promotion {
    promotion(json!({
        "name": "Happy hour",
        "display_name": "Mugs at noon",
        "redemption_type": "REDEMPTION_TYPE_COUPON",
        "priority": -7,
        "status": "PROMOTION_STATUS_DISABLED",
        "start_time": "2026-11-23T10:00:00.5Z",
        "end_time": "2027-11-23T10:00:00Z",
        "schedule": {
            "week_days": ["DAY_OF_WEEK_SUNDAY", "DAY_OF_WEEK_MONDAY"],
            "daily_start_time": "11:30",
            "daily_end_time": "01:00:30",
            "time_zone": "America/Chicago",
            "week_frequency": 2,
        },
        "channel_ids": ["web", "app"],
        "currency_code": "USD",
        "customer": {
            "group_ids": ["vip"],
            "ungrouped": true,
            "excluded_group_ids": ["staff"],
            "minimum_order_count": 3,
        },
        "shipping_country_codes": ["US", "CA"],
        "max_uses": 50,
        "stop": true,
        "can_be_used_with_other_promotions": false,
        "notifications": [{
            "type": "PROMOTION_NOTIFICATION_TYPE_UPSELL",
            "content": "Only {remaining_quantity} more\nfor {promotion}",
            "locations": ["PROMOTION_NOTIFICATION_LOCATION_CART_PAGE"],
        }],
        "rules": [{
            "condition": { "cart": {
                "items": { "categories": { "ids": ["mugs"] } },
                "minimum_quantity": 2,
                "minimum_spend": { "currency_code": "USD", "amount_minor": 1000 },
            } },
            "action": { "cart_items": {
                "discount": { "fixed_amount": { "currency_code": "USD", "amount_minor": 500 } },
                "as_total": true,
                "items": { "brands": { "ids": ["acme"] } },
                "quantity": 3,
                "strategy": "ITEM_STRATEGY_MOST_EXPENSIVE_ONLY",
                "include_items_considered_by_condition": true,
                "exclude_items_on_sale": true,
                "maximum_discount": { "currency_code": "USD", "amount_minor": 900 },
            } },
            "apply_once": false,
            "stop": true,
        }],
    }))
}

impl Api {
    pub(crate) async fn create_promotion(
        &self,
        promotion: pb::Promotion,
    ) -> Result<pb::Promotion, Status> {
        let request = pb::CreatePromotionRequest {
            promotion: Some(promotion),
            ..Default::default()
        };
        let created = call!(self.promotions, create_promotion, request)?;
        Ok(created.promotion.unwrap())
    }

    /// Replaces the fields with these paths; without any, all.
    pub(crate) async fn update_promotion(
        &self,
        promotion: pb::Promotion,
        paths: &[&str],
    ) -> Result<pb::Promotion, Status> {
        let request = pb::UpdatePromotionRequest {
            promotion: Some(promotion),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
            ..Default::default()
        };
        let updated = call!(self.promotions, update_promotion, request)?;
        Ok(updated.promotion.unwrap())
    }

    pub(crate) async fn get_promotion(&self, id: &str) -> Result<pb::Promotion, Status> {
        let request = pb::GetPromotionRequest {
            promotion_id: id.into(),
        };
        let found = call!(self.promotions, get_promotion, request)?;
        Ok(found.promotion.unwrap())
    }
}
