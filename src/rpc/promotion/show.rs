//! Promotions and codes as messages.

use crate::{
    domain::promotion::{Action, CouponCode, Discount, ItemsMatcher, Promotion, Rule},
    rpc::{
        pb,
        show::{coupon_type, money, time},
    },
};

/// A promotion.
pub(super) fn promotion(promotion: &Promotion) -> pb::Promotion {
    let redemption = match promotion.coupon_type {
        Some(_) => pb::RedemptionType::Coupon,
        None => pb::RedemptionType::Automatic,
    };
    let status = if promotion.enabled {
        pb::PromotionStatus::Enabled
    } else {
        pb::PromotionStatus::Disabled
    };
    pb::Promotion {
        id: promotion.id.to_string(),
        name: promotion.name.clone(),
        display_name: promotion.display_name.clone(),
        redemption_type: redemption.into(),
        coupon_type: promotion
            .coupon_type
            .map(coupon_type)
            .unwrap_or_default()
            .into(),
        status: status.into(),
        start_time: promotion.start_time.and_then(time),
        end_time: promotion.end_time.and_then(time),
        shipping_country_codes: promotion.shipping_country_codes.clone(),
        rules: promotion.rules.iter().map(rule).collect(),
        create_time: time(promotion.create_time),
    }
}

fn rule(rule: &Rule) -> pb::PromotionRule {
    let condition = rule
        .condition
        .as_ref()
        .map(|condition| pb::PromotionCondition {
            items: Some(items(&condition.items)),
            minimum_spend: money(
                condition.minimum_spend.currency,
                condition.minimum_spend.amount,
            ),
        });
    let action = match &rule.action {
        Action::CartItems {
            discount,
            as_total,
            items,
        } => pb::promotion_action::Action::CartItems(pb::CartItemsAction {
            discount: Some(self::discount(*discount)),
            as_total: *as_total,
            items: Some(self::items(items)),
        }),
        Action::Shipping {
            discount,
            method_ids,
        } => {
            let free = *discount == Discount::ALL;
            pb::promotion_action::Action::Shipping(pb::ShippingAction {
                discount: (!free).then(|| self::discount(*discount)),
                free_shipping: free,
                shipping_method_ids: method_ids.clone(),
            })
        }
    };
    let action = Some(pb::PromotionAction {
        action: Some(action),
    });
    pb::PromotionRule { condition, action }
}

fn discount(discount: Discount) -> pb::Discount {
    use pb::discount::Discount as Shown;
    let discount = match discount {
        Discount::Percentage(rate) => Some(Shown::PercentageAmount(rate.percentage())),
        Discount::Fixed(fixed) => money(fixed.currency, fixed.amount).map(Shown::FixedAmount),
    };
    pb::Discount { discount }
}

fn items(items: &ItemsMatcher) -> pb::ItemsMatcher {
    let ItemsMatcher {
        product_ids,
        category_ids,
        excluded_product_ids,
        excluded_category_ids,
    } = items.clone();
    pb::ItemsMatcher {
        product_ids,
        category_ids,
        excluded_product_ids,
        excluded_category_ids,
    }
}

/// A code of a promotion.
pub(super) fn coupon_code(code: &CouponCode) -> pb::CouponCode {
    pb::CouponCode {
        id: code.id.to_string(),
        promotion_id: code.promotion_id.to_string(),
        code: code.code.clone(),
        max_uses: code.max_uses.unwrap_or_default(),
        max_uses_per_customer: code.max_uses_per_customer.unwrap_or_default(),
        current_uses: code.uses,
        create_time: time(code.create_time),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        coupon::ClassicDiscount,
        money::{Amount, Currency, Money},
    };

    #[test]
    fn a_classic_coupon_is_shown_as_the_rule_it_stands_for() {
        let minimum = Money {
            currency: Currency::USD,
            amount: Amount::new(5_000),
        };
        let classic = ClassicDiscount::FreeShipping;
        let rule = classic.rule(
            Some(minimum),
            ItemsMatcher::default(),
            vec!["ground".into()],
        );
        let shown = promotion(&Promotion {
            id: Uuid::nil(),
            name: "Free".into(),
            display_name: "Free shipping".into(),
            coupon_type: Some(classic.coupon_type()),
            priority: 0,
            enabled: true,
            start_time: None,
            end_time: Some(DateTime::UNIX_EPOCH),
            shipping_country_codes: vec!["US".into()],
            rules: vec![rule],
            create_time: DateTime::UNIX_EPOCH,
        });
        assert_eq!(shown.coupon_type(), pb::CouponType::FreeShipping);
        assert_eq!(shown.redemption_type(), pb::RedemptionType::Coupon);
        assert_eq!(
            (shown.start_time, shown.end_time.unwrap().seconds),
            (None, 0)
        );
        let rule = &shown.rules[0];
        let minimum = rule
            .condition
            .as_ref()
            .unwrap()
            .minimum_spend
            .as_ref()
            .unwrap();
        assert_eq!(minimum.amount_minor, 5_000);
        let Some(pb::promotion_action::Action::Shipping(action)) =
            rule.action.as_ref().unwrap().action.as_ref()
        else {
            panic!("{rule:?}");
        };
        assert!(action.free_shipping && action.discount.is_none());
        assert_eq!(action.shipping_method_ids, ["ground"]);
    }
}
