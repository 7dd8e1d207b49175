//! Rules of promotions as messages.

use std::collections::BTreeSet;

use crate::{
    domain::{
        money::Money,
        promotion::{
            Action, CartCondition, Condition, Discount, Rule, Scope, Strategy,
            items::{ItemsMatcher, NameAndValues},
        },
    },
    rpc::{
        pb::{
            self, discount::Discount as HowMuch, items_matcher::Matcher,
            promotion_action::Action as Given, promotion_condition::Condition as When,
        },
        show::{self, int},
    },
};

/// A rule.
pub(super) fn rule(rule: &Rule) -> pb::PromotionRule {
    pb::PromotionRule {
        condition: rule.condition.as_ref().map(condition),
        action: Some(pb::PromotionAction {
            action: Some(action(&rule.action)),
        }),
        apply_once: Some(rule.apply_once),
        stop: rule.stop,
    }
}

fn condition(condition: &Condition) -> pb::PromotionCondition {
    let several = |all: &[Condition]| pb::PromotionConditions {
        conditions: all.iter().map(self::condition).collect(),
    };
    let condition = match condition {
        Condition::Cart(cart) => When::Cart(cart_condition(cart)),
        Condition::AllOf(all) => When::AllOf(several(all)),
        Condition::AnyOf(any) => When::AnyOf(several(any)),
        Condition::NoneOf(none) => When::NoneOf(several(none)),
    };
    pb::PromotionCondition {
        condition: Some(condition),
    }
}

fn cart_condition(condition: &CartCondition) -> pb::CartCondition {
    pb::CartCondition {
        items: items(&condition.items),
        minimum_quantity: int(condition.minimum_quantity),
        minimum_spend: condition.minimum_spend.and_then(money),
    }
}

fn action(action: &Action) -> Given {
    match action {
        Action::CartValue { discount, maximum } => Given::CartValue(pb::CartValueAction {
            discount: self::discount(*discount),
            maximum_discount: maximum.and_then(money),
        }),
        Action::CartItems {
            discount,
            as_total,
            quantity,
            scope,
            maximum,
        } => Given::CartItems(pb::CartItemsAction {
            discount: self::discount(*discount),
            as_total: *as_total,
            items: items(&scope.items),
            quantity: quantity.map(int).unwrap_or_default(),
            strategy: strategy(scope).into(),
            include_items_considered_by_condition: scope.include_considered,
            exclude_items_on_sale: scope.exclude_on_sale,
            maximum_discount: maximum.and_then(money),
        }),
        Action::GiftItem {
            product_id,
            variant_id,
            quantity,
        } => Given::GiftItem(pb::GiftItemAction {
            product_id: product_id.clone(),
            variant_id: variant_id.clone(),
            quantity: int(*quantity),
        }),
        Action::FixedPriceSet {
            quantity,
            price,
            scope,
        } => Given::FixedPriceSet(pb::FixedPriceSetAction {
            quantity: int(*quantity),
            fixed_price: money(*price),
            items: items(&scope.items),
            strategy: strategy(scope).into(),
            include_items_considered_by_condition: scope.include_considered,
            exclude_items_on_sale: scope.exclude_on_sale,
        }),
        Action::Shipping {
            discount,
            zone_ids,
            method_ids,
        } => Given::Shipping(pb::ShippingAction {
            free_shipping: *discount == Discount::ALL,
            discount: Some(*discount)
                .filter(|discount| *discount != Discount::ALL)
                .and_then(self::discount),
            shipping_zone_ids: zone_ids.clone(),
            shipping_method_ids: method_ids.clone(),
        }),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "messages are optional")]
fn discount(discount: Discount) -> Option<pb::Discount> {
    let discount = match discount {
        Discount::Percentage(rate) => HowMuch::PercentageAmount(rate.percentage()),
        Discount::Fixed(amount) => HowMuch::FixedAmount(money(amount).unwrap_or_default()),
    };
    Some(pb::Discount {
        discount: Some(discount),
    })
}

fn money(money: Money) -> Option<pb::Money> {
    show::money(money.currency, money.amount)
}

const fn strategy(scope: &Scope) -> pb::ItemStrategy {
    match scope.strategy {
        Strategy::LeastExpensive => pb::ItemStrategy::LeastExpensive,
        Strategy::LeastExpensiveOnly => pb::ItemStrategy::LeastExpensiveOnly,
        Strategy::MostExpensive => pb::ItemStrategy::MostExpensive,
        Strategy::MostExpensiveOnly => pb::ItemStrategy::MostExpensiveOnly,
    }
}

/// None where it is all goods.
fn items(items: &ItemsMatcher) -> Option<pb::ItemsMatcher> {
    (*items != ItemsMatcher::All).then(|| matcher(items))
}

fn matcher(matcher: &ItemsMatcher) -> pb::ItemsMatcher {
    let matcher = match matcher {
        ItemsMatcher::All => None,
        ItemsMatcher::Products(ids) => Some(Matcher::Products(id_list(ids))),
        ItemsMatcher::Variants(variants) => Some(Matcher::Variants(variant_list(variants))),
        ItemsMatcher::Categories(ids) => Some(Matcher::Categories(id_list(ids))),
        ItemsMatcher::Brands(ids) => Some(Matcher::Brands(id_list(ids))),
        ItemsMatcher::Option(wanted) => Some(Matcher::ProductOption(name_and_values(wanted))),
        ItemsMatcher::CustomField(wanted) => {
            Some(Matcher::ProductCustomField(name_and_values(wanted)))
        }
        ItemsMatcher::AllOf(all) => Some(Matcher::AllOf(matchers(all))),
        ItemsMatcher::AnyOf(any) => Some(Matcher::AnyOf(matchers(any))),
        ItemsMatcher::NoneOf(none) => Some(Matcher::NoneOf(matchers(none))),
    };
    pb::ItemsMatcher { matcher }
}

fn matchers(several: &[ItemsMatcher]) -> pb::ItemsMatchers {
    pb::ItemsMatchers {
        matchers: several.iter().map(matcher).collect(),
    }
}

fn id_list(ids: &BTreeSet<String>) -> pb::IdList {
    pb::IdList {
        ids: ids.iter().cloned().collect(),
    }
}

fn variant_list(variants: &BTreeSet<(String, String)>) -> pb::VariantList {
    let variants = variants.iter().cloned();
    let variants = variants.map(|(product_id, variant_id)| pb::VariantReference {
        product_id,
        variant_id,
    });
    pb::VariantList {
        variants: variants.collect(),
    }
}

fn name_and_values(wanted: &NameAndValues) -> pb::NameAndValues {
    pb::NameAndValues {
        name: wanted.name.clone(),
        values: wanted.values.iter().cloned().collect(),
    }
}
