//! Reads what a promotion does, and when.

use super::{count, items::items};
use crate::{
    domain::{
        money::{Currency, Money},
        promotion::{Action, CartCondition, Condition, Discount, Rule, Scope, Strategy},
    },
    rpc::{
        fields::{Fields, MAX_IDS},
        pb::{
            self, ItemStrategy, discount::Discount as HowMuch, promotion_action::Action as Given,
            promotion_condition::Condition as When,
        },
    },
};

/// Most conditions in a rule, and how deep they can be nested.
const MAX_CONDITIONS: usize = 50;
const MAX_DEPTH: usize = 5;
/// Most units of a condition or of a set.
const MAX_UNITS: i32 = 1_000_000;

/// Stands for what is wrong with the action.
const PLACEHOLDER: Action = Action::CartValue {
    discount: Discount::ALL,
    maximum: None,
};

/// A rule. All amounts of a promotion are in one currency: `currency` is the one to expect, or becomes that of the
/// first amount.
pub(super) fn rule(
    fields: &mut Fields,
    rule: pb::PromotionRule,
    currency: &mut Option<Currency>,
) -> Rule {
    let condition = fields.message("condition", rule.condition, |fields, condition| {
        let size = size(&condition);
        if size > MAX_CONDITIONS {
            let text = format!("must have at most {MAX_CONDITIONS} conditions in all, not {size}");
            fields.refuse("", text);
            return None;
        }
        self::condition(fields, condition, currency, 1)
    });
    let action = fields.required_message("action", rule.action, |fields, action| {
        self::action(fields, action, currency)
    });
    Rule {
        condition: condition.flatten(),
        action: action.unwrap_or(PLACEHOLDER),
        apply_once: rule.apply_once.unwrap_or(true),
        stop: rule.stop,
    }
}

/// How many conditions there are in one, with itself.
fn size(condition: &pb::PromotionCondition) -> usize {
    match &condition.condition {
        Some(When::AllOf(list) | When::AnyOf(list) | When::NoneOf(list)) => {
            let sizes = list.conditions.iter().map(size);
            sizes.fold(1, usize::saturating_add)
        }
        _ => 1,
    }
}

fn condition(
    fields: &mut Fields,
    condition: pb::PromotionCondition,
    currency: &mut Option<Currency>,
    depth: usize,
) -> Option<Condition> {
    let mut several = |name, list| conditions(fields, name, list, currency, depth);
    match condition.condition {
        Some(When::AllOf(list)) => Some(Condition::AllOf(several("all_of", list))),
        Some(When::AnyOf(list)) => Some(Condition::AnyOf(several("any_of", list))),
        Some(When::NoneOf(list)) => Some(Condition::NoneOf(several("none_of", list))),
        Some(When::Cart(cart)) => {
            Some(Condition::Cart(fields.within("cart", |fields| {
                cart_condition(fields, cart, currency)
            })))
        }
        None => {
            fields.refuse("", "must have one of cart, all_of, any_of, none_of");
            None
        }
    }
}

fn conditions(
    fields: &mut Fields,
    name: &str,
    list: pb::PromotionConditions,
    currency: &mut Option<Currency>,
    depth: usize,
) -> Vec<Condition> {
    let depth = depth.saturating_add(1);
    if depth > MAX_DEPTH {
        fields.refuse(name, format!("must be nested at most {MAX_DEPTH} deep"));
        return Vec::new();
    }
    let conditions = fields.within(name, |fields| {
        fields.each(
            "conditions",
            list.conditions,
            1..=MAX_CONDITIONS,
            |fields, one| condition(fields, one, currency, depth),
        )
    });
    conditions.into_iter().flatten().collect()
}

fn cart_condition(
    fields: &mut Fields,
    cart: pb::CartCondition,
    currency: &mut Option<Currency>,
) -> CartCondition {
    CartCondition {
        items: items(fields, cart.items),
        minimum_quantity: count(
            fields,
            "minimum_quantity",
            cart.minimum_quantity,
            0,
            MAX_UNITS,
        )
        .max(1),
        minimum_spend: optional_money(fields, "minimum_spend", cart.minimum_spend, currency),
    }
}

fn action(
    fields: &mut Fields,
    action: pb::PromotionAction,
    currency: &mut Option<Currency>,
) -> Action {
    match action.action {
        Some(Given::CartValue(action)) => fields.within("cart_value", |fields| Action::CartValue {
            discount: discount(fields, action.discount, currency),
            maximum: optional_money(
                fields,
                "maximum_discount",
                action.maximum_discount,
                currency,
            ),
        }),
        Some(Given::CartItems(action)) => {
            fields.within("cart_items", |fields| cart_items(fields, action, currency))
        }
        Some(Given::GiftItem(action)) => {
            fields.within("gift_item", |fields| gift_item(fields, action))
        }
        Some(Given::FixedPriceSet(action)) => fields.within("fixed_price_set", |fields| {
            fixed_price_set(fields, action, currency)
        }),
        Some(Given::Shipping(action)) => {
            fields.within("shipping", |fields| shipping(fields, action, currency))
        }
        None => {
            let names = "cart_value, cart_items, gift_item, fixed_price_set, shipping";
            fields.refuse("", format!("must have one of {names}"));
            PLACEHOLDER
        }
    }
}

fn cart_items(
    fields: &mut Fields,
    action: pb::CartItemsAction,
    currency: &mut Option<Currency>,
) -> Action {
    let discount = discount(fields, action.discount, currency);
    if action.as_total && matches!(discount, Discount::Percentage(_)) {
        fields.refuse("as_total", "is for amounts: a percentage is of each line");
    }
    let quantity = count(fields, "quantity", action.quantity, 0, MAX_UNITS);
    Action::CartItems {
        discount,
        as_total: action.as_total,
        quantity: Some(quantity).filter(|units| *units > 0),
        scope: Scope {
            items: items(fields, action.items),
            strategy: strategy(fields, action.strategy),
            include_considered: action.include_items_considered_by_condition,
            exclude_on_sale: action.exclude_items_on_sale,
        },
        maximum: optional_money(
            fields,
            "maximum_discount",
            action.maximum_discount,
            currency,
        ),
    }
}

fn gift_item(fields: &mut Fields, action: pb::GiftItemAction) -> Action {
    let quantity = match action.quantity {
        0 => 1,
        units => fields.quantity("quantity", units),
    };
    Action::GiftItem {
        product_id: fields.required_text("product_id", action.product_id),
        variant_id: fields.text("variant_id", action.variant_id),
        quantity,
    }
}

fn fixed_price_set(
    fields: &mut Fields,
    action: pb::FixedPriceSetAction,
    currency: &mut Option<Currency>,
) -> Action {
    let price = fields.required_money("fixed_price", action.fixed_price);
    Action::FixedPriceSet {
        quantity: count(fields, "quantity", action.quantity, 1, MAX_UNITS),
        price: in_one_currency(fields, "fixed_price", price, currency),
        scope: Scope {
            items: items(fields, action.items),
            strategy: strategy(fields, action.strategy),
            include_considered: action.include_items_considered_by_condition,
            exclude_on_sale: action.exclude_items_on_sale,
        },
    }
}

fn shipping(
    fields: &mut Fields,
    action: pb::ShippingAction,
    currency: &mut Option<Currency>,
) -> Action {
    let discount = match (action.free_shipping, action.discount) {
        (true, None) => Discount::ALL,
        (true, Some(_)) => {
            fields.refuse("discount", "must not be set beside free_shipping");
            Discount::ALL
        }
        (false, given) => discount(fields, given, currency),
    };
    Action::Shipping {
        discount,
        zone_ids: fields.ids("shipping_zone_ids", action.shipping_zone_ids, MAX_IDS),
        method_ids: fields.ids("shipping_method_ids", action.shipping_method_ids, MAX_IDS),
    }
}

fn strategy(fields: &mut Fields, number: i32) -> Strategy {
    match fields.optional_choice("strategy", number, ItemStrategy::as_str_name) {
        Some(ItemStrategy::LeastExpensiveOnly) => Strategy::LeastExpensiveOnly,
        Some(ItemStrategy::MostExpensive) => Strategy::MostExpensive,
        Some(ItemStrategy::MostExpensiveOnly) => Strategy::MostExpensiveOnly,
        Some(ItemStrategy::LeastExpensive | ItemStrategy::Unspecified) | None => {
            Strategy::LeastExpensive
        }
    }
}

/// Placeholder: everything.
fn discount(
    fields: &mut Fields,
    discount: Option<pb::Discount>,
    currency: &mut Option<Currency>,
) -> Discount {
    let read = fields.required_message("discount", discount, |fields, discount| {
        match discount.discount {
            Some(HowMuch::PercentageAmount(text)) => {
                Discount::Percentage(fields.discount_percentage("percentage_amount", &text))
            }
            Some(HowMuch::FixedAmount(money)) => {
                let money = fields.positive_money("fixed_amount", Some(money));
                Discount::Fixed(in_one_currency(fields, "fixed_amount", money, currency))
            }
            None => {
                fields.refuse("", "must have one of percentage_amount, fixed_amount");
                Discount::ALL
            }
        }
    });
    read.unwrap_or(Discount::ALL)
}

fn optional_money(
    fields: &mut Fields,
    name: &str,
    money: Option<pb::Money>,
    currency: &mut Option<Currency>,
) -> Option<Money> {
    let money = fields.money(name, money)?;
    Some(in_one_currency(fields, name, money, currency))
}

fn in_one_currency(
    fields: &mut Fields,
    name: &str,
    money: Money,
    currency: &mut Option<Currency>,
) -> Money {
    let expected = *currency.get_or_insert(money.currency);
    fields.expect_currency(&format!("{name}.currency_code"), money.currency, expected);
    money
}
