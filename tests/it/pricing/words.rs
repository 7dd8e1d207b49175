//! Carts and promotions in words, for examples and for failures.

use cartwright::domain::{
    cart::{LineItem, LineItemKind},
    checkout::Checkout,
    consignment::{Consignment, Fulfilment},
    location::Location,
    money::{Amount, Currency, Money},
    promotion::{
        Action, CartCondition, Condition, Discount, Promotion, Rule, Scope, Strategy,
        items::ItemsMatcher, schedule::WeeklySchedule,
    },
    store::{Store, TaxZone},
};
use chrono::{DateTime, Utc};

/// An amount without its currency: `41.55`.
pub(crate) fn figure(amount: Amount, currency: Currency) -> String {
    let money = Money { currency, amount };
    let text = money.to_string();
    text.split(' ').next().unwrap().to_owned()
}

fn amount(money: Money) -> String {
    figure(money.amount, money.currency)
}

/// Everything that a price depends on, a line for each thing.
pub(crate) fn all(store: &Store, checkout: &Checkout, automatic: &[Promotion]) -> Vec<String> {
    let mut words = shop(store);
    words.extend(cart(checkout));
    words.extend(automatic.iter().flat_map(|of| promotion(of, None)));
    let coupons = checkout.coupons.iter();
    words.extend(coupons.flat_map(|of| promotion(&of.promotion, Some(&of.code))));
    words
}

fn shop(store: &Store) -> Vec<String> {
    let settings = [
        (store.tax.prices_include_tax, "prices are entered with tax"),
        (store.tax.show_prices_with_tax, "prices are shown with tax"),
        (
            store.discount_overridden_prices,
            "prices set by hand are discounted",
        ),
    ];
    let set = settings.into_iter().filter(|(set, _)| *set);
    let mut words: Vec<String> = set.map(|(_, word)| word.to_owned()).collect();
    if !store.tax.exempt_group_ids.is_empty() {
        let groups = store.tax.exempt_group_ids.join(", ");
        words.push(format!("no tax for groups {groups}"));
    }
    let class = store.tax.shipping_class_id.iter();
    words.extend(class.map(|class| format!("shipping has tax class {class}")));
    words.extend(store.tax_zones.iter().map(tax_zone));
    words
}

fn tax_zone(zone: &TaxZone) -> String {
    let places = zone.locations.iter().map(|location| match location {
        Location::RestOfWorld => "the rest of the world",
        Location::Country { country_code, .. } => country_code,
    });
    let places = places.collect::<Vec<_>>().join(", ");
    let lowest = zone.rates.iter().map(|rate| rate.priority).min();
    let rates = zone.rates.iter().map(|rate| {
        let values = rate.class_rates.iter().map(|(class, value)| {
            let percentage = value.percentage();
            if class == "standard" {
                format!("{percentage} %")
            } else {
                format!("{class} {percentage} %")
            }
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let on_tax = if Some(rate.priority) > lowest {
            " also on the tax before it"
        } else {
            ""
        };
        format!("{} {values}{on_tax}", rate.name)
    });
    format!(
        "tax in {places}: {}",
        rates.collect::<Vec<_>>().join(" and ")
    )
}

fn cart(checkout: &Checkout) -> Vec<String> {
    let code = checkout.currency;
    let figure = |amount| figure(amount, code);
    let mut words: Vec<String> = checkout.lines.iter().map(|item| line(item, code)).collect();
    let consignments = checkout.consignments.iter();
    words.extend(consignments.map(|to| consignment(to, checkout)));
    if let Some(billing) = &checkout.billing_address {
        words.push(format!("billed to {}", billing.country_code));
    }
    let customer = &checkout.customer;
    if !customer.group_ids.is_empty() || customer.completed_order_count > 0 {
        let groups = customer.group_ids.join(", ");
        let orders = customer.completed_order_count;
        words.push(format!(
            "customer of groups [{groups}] with {orders} orders"
        ));
    }
    if !customer.tax_exemption.is_empty() {
        words.push(format!("exempt from tax: {}", customer.tax_exemption));
    }
    for discount in &checkout.manual_discounts {
        let on = discount.line_item_id.map_or("the cart".to_owned(), |id| {
            let line = checkout.lines.iter().find(|line| line.id == id);
            line.map_or_else(|| id.to_string(), |line| line.facts.name.clone())
        });
        words.push(format!("by hand: {} off {on}", figure(discount.amount)));
    }
    for fee in &checkout.fees {
        words.push(format!(
            "fee: {} of {}",
            fee.display_name,
            figure(fee.amount)
        ));
    }
    for certificate in &checkout.gift_certificates {
        let refused = if certificate.refusal.is_some() {
            ", which does not pay"
        } else {
            ""
        };
        let balance = figure(certificate.balance);
        words.push(format!(
            "pays with a gift certificate of {balance}{refused}"
        ));
    }
    if let Some(credit) = checkout.store_credit {
        words.push(format!("pays with store credit of {}", figure(credit)));
    }
    words
}

fn line(line: &LineItem, code: Currency) -> String {
    let price = figure(line.list_price(), code);
    let mut words = format!("{} × {} at {price}", line.quantity, line.facts.name);
    let facts = &line.facts;
    let kind = match facts.kind {
        LineItemKind::Physical => None,
        LineItemKind::Digital => Some("digital"),
        LineItemKind::Custom => Some("custom"),
        LineItemKind::GiftCertificate => Some("gift certificate"),
    };
    let mut more: Vec<String> = kind.map(str::to_owned).into_iter().collect();
    more.extend(Some(line.variant_id.clone()).filter(|variant| !variant.is_empty()));
    if !facts.category_ids.is_empty() {
        more.push(facts.category_ids.join(" and "));
    }
    more.extend(Some(facts.brand_id.clone()).filter(|brand| !brand.is_empty()));
    let options = facts.selections.iter();
    more.extend(options.map(|option| format!("{} {}", option.name, option.display_value)));
    let fields = facts.custom_fields.iter();
    more.extend(fields.map(|(name, value)| format!("{name} {value}")));
    let flags = [
        (facts.on_sale, "on sale"),
        (line.price_override.is_some(), "price overridden"),
        (
            !facts.taxable && facts.kind != LineItemKind::GiftCertificate,
            "not taxable",
        ),
        (line.gift_of.is_some(), "gift"),
    ];
    more.extend(
        flags
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, word)| word.to_owned()),
    );
    more.extend(
        facts
            .tax_class_id
            .iter()
            .map(|class| format!("tax class {class}")),
    );
    more.extend(line.gift_wrapping.iter().map(|wrapping| {
        let how = if wrapping.together {
            "together"
        } else {
            "each"
        };
        format!("wrapped {how} for {}", figure(wrapping.price, code))
    }));
    if !more.is_empty() {
        words = format!("{words} ({})", more.join(", "));
    }
    words
}

fn consignment(consignment: &Consignment, checkout: &Checkout) -> String {
    let units = consignment.items.iter().map(|item| {
        let line = checkout
            .lines
            .iter()
            .find(|line| line.id == item.line_item_id);
        let name = line.map_or("?", |line| &line.facts.name);
        format!("{} {name}", item.quantity)
    });
    let units = units.collect::<Vec<_>>().join(", ");
    let code = checkout.currency;
    let how = match &consignment.fulfilment {
        None => ", nothing chosen".to_owned(),
        Some(Fulfilment::Pickup { display_name, .. }) => format!(", picked up: {display_name}"),
        Some(Fulfilment::Shipping(option)) => {
            let handling = if option.handling.is_zero() {
                String::new()
            } else {
                format!(" and handling for {}", figure(option.handling, code))
            };
            format!(
                " by {} for {}{handling}",
                option.id,
                figure(option.cost, code)
            )
        }
    };
    format!("to {}: {units}{how}", consignment.address.country_code)
}

/// What a promotion does, a line for each rule.
fn promotion(promotion: &Promotion, code: Option<&str>) -> Vec<String> {
    let mut gates = gates(promotion);
    if promotion.priority != 0 {
        gates.push(format!("priority {}", promotion.priority));
    }
    if promotion.stop {
        gates.push("stops what comes after it".into());
    }
    if !promotion.combinable {
        gates.push("goes with no other".into());
    }
    let head = match code {
        Some(code) => format!("coupon {code}"),
        None => format!("“{}”", promotion.name),
    };
    gates.insert(0, head.clone());
    let gates = gates.join(", ");
    let mut rules = promotion.rules.iter().map(rule);
    let mut words = vec![format!("{gates}: {}", rules.next().unwrap())];
    words.extend(rules.map(|rule| format!("{head}, next rule: {rule}")));
    words
}

fn gates(promotion: &Promotion) -> Vec<String> {
    let mut gates = Vec::new();
    if !promotion.enabled {
        gates.push("switched off".into());
    }
    let day = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    gates.extend(
        promotion
            .start_time
            .map(|time| format!("from {} on", day(time))),
    );
    gates.extend(
        promotion
            .end_time
            .map(|time| format!("until {}", day(time))),
    );
    gates.extend(promotion.schedule.as_ref().map(schedule));
    let lists = [
        ("channel", promotion.channel_ids.clone()),
        ("countries", promotion.shipping_country_codes.clone()),
        (
            "groups",
            promotion.customer.group_ids.iter().cloned().collect(),
        ),
        (
            "not for",
            promotion
                .customer
                .excluded_group_ids
                .iter()
                .cloned()
                .collect(),
        ),
    ];
    let given = lists.into_iter().filter(|(_, ids)| !ids.is_empty());
    gates.extend(given.map(|(what, ids)| format!("{what} {}", ids.join(", "))));
    if promotion.rules.iter().all(|rule| rule.amounts().is_empty()) {
        gates.extend(promotion.currency.map(|currency| format!("in {currency}")));
    }
    if promotion.customer.ungrouped {
        gates.push("for customers of no group".into());
    }
    if promotion.customer.minimum_order_count > 0 {
        gates.push(format!(
            "after {} orders",
            promotion.customer.minimum_order_count
        ));
    }
    let uses = promotion.uses;
    gates.extend(
        promotion
            .max_uses
            .map(|most| format!("used {uses} of {most} times")),
    );
    gates
}

fn schedule(schedule: &WeeklySchedule) -> String {
    let days: Vec<_> = schedule.week_days.iter().map(ToString::to_string).collect();
    let clock =
        |time: Option<chrono::NaiveTime>| time.unwrap_or_default().format("%H:%M").to_string();
    let days = if days.is_empty() {
        "every day".into()
    } else {
        days.join(", ")
    };
    let weeks = match schedule.week_frequency {
        0 | 1 => String::new(),
        weeks => format!(" every {weeks} weeks"),
    };
    let (start, end) = (clock(schedule.start), clock(schedule.end));
    format!(
        "{days}{weeks} from {start} to {end} in {}",
        schedule.time_zone
    )
}

fn rule(rule: &Rule) -> String {
    let when = match (&rule.condition, rule.apply_once) {
        (None, true) => String::new(),
        (None, false) => "again and again ".into(),
        (Some(of), true) => format!("with {} ", condition(of)),
        (Some(of), false) => format!("for every {} ", condition(of)),
    };
    let stop = if rule.stop {
        ", then no further rule"
    } else {
        ""
    };
    format!("{when}{}{stop}", action(&rule.action))
}

fn condition(condition: &Condition) -> String {
    let join = |all: &[Condition], word: &str| {
        all.iter()
            .map(self::condition)
            .collect::<Vec<_>>()
            .join(word)
    };
    match condition {
        Condition::Cart(CartCondition {
            items,
            minimum_quantity,
            minimum_spend,
        }) => {
            let spend = minimum_spend.map_or(String::new(), |spend| {
                format!(" for {} or more", amount(spend))
            });
            format!("{minimum_quantity} of {}{spend}", matcher(items))
        }
        Condition::AllOf(all) => format!("({})", join(all, " and ")),
        Condition::AnyOf(any) => format!("({})", join(any, " or ")),
        Condition::NoneOf(none) => format!("not ({})", join(none, " nor ")),
    }
}

fn matcher(items: &ItemsMatcher) -> String {
    let join =
        |all: &[ItemsMatcher], word: &str| all.iter().map(matcher).collect::<Vec<_>>().join(word);
    let list = |ids: &std::collections::BTreeSet<String>| {
        ids.iter().cloned().collect::<Vec<_>>().join(" or ")
    };
    match items {
        ItemsMatcher::All => "anything".into(),
        ItemsMatcher::Products(ids) | ItemsMatcher::Brands(ids) | ItemsMatcher::Categories(ids) => {
            list(ids)
        }
        ItemsMatcher::Variants(ids) => {
            let ids: Vec<_> = ids
                .iter()
                .map(|(product, variant)| format!("{product}/{variant}"))
                .collect();
            ids.join(" or ")
        }
        ItemsMatcher::Option(of) | ItemsMatcher::CustomField(of) => {
            format!("{} {}", of.name, list(&of.values))
        }
        ItemsMatcher::AllOf(all) => format!("({})", join(all, " and ")),
        ItemsMatcher::AnyOf(any) => format!("({})", join(any, " or ")),
        ItemsMatcher::NoneOf(none) => format!("what is not {}", join(none, " nor ")),
    }
}

fn discount(discount: &Discount) -> String {
    match discount {
        Discount::Percentage(rate) => format!("{} % off", rate.percentage()),
        Discount::Fixed(money) => format!("{} off", amount(*money)),
    }
}

fn action(action: &Action) -> String {
    let most = |maximum: &Option<Money>| {
        maximum.map_or(String::new(), |most| format!(", at most {}", amount(most)))
    };
    match action {
        Action::CartValue {
            discount: off,
            maximum,
        } => format!("{} the cart{}", discount(off), most(maximum)),
        Action::CartItems {
            discount: off,
            as_total,
            quantity,
            scope: of,
            maximum,
        } => {
            let units = match (quantity, as_total) {
                (None, false) => "each unit".to_owned(),
                (Some(1), _) => "1".to_owned(),
                (None, true) => "all units together".to_owned(),
                (Some(units), false) => format!("each of {units}"),
                (Some(units), true) => format!("{units} together"),
            };
            format!(
                "{} {units} of {}{}{}",
                discount(off),
                matcher(&of.items),
                order(of, quantity.is_none()),
                most(maximum)
            )
        }
        Action::GiftItem {
            product_id,
            variant_id,
            quantity,
        } => {
            let variant = if variant_id.is_empty() {
                String::new()
            } else {
                format!(" ({variant_id})")
            };
            format!("gives {quantity} {product_id}{variant}")
        }
        Action::FixedPriceSet {
            quantity,
            price,
            scope: of,
        } => {
            let (items, order) = (matcher(&of.items), order(of, false));
            format!("{quantity} of {items} for {}{order}", amount(*price))
        }
        Action::Shipping {
            discount: off,
            zone_ids,
            method_ids,
        } => {
            let list = |what: &str, ids: &[String]| {
                if ids.is_empty() {
                    String::new()
                } else {
                    format!(" {what} {}", ids.join(" or "))
                }
            };
            let (zones, methods) = (list("in zone", zone_ids), list("by", method_ids));
            format!("{} shipping{zones}{methods}", discount(off))
        }
    }
}

/// In which order units are chosen, which matters where not all are, and which ones.
fn order(scope: &Scope, all: bool) -> String {
    let order = match scope.strategy {
        Strategy::LeastExpensive | Strategy::MostExpensive if all => "",
        Strategy::LeastExpensive => ", the least expensive first",
        Strategy::LeastExpensiveOnly => ", only at the lowest price",
        Strategy::MostExpensive => ", the most expensive first",
        Strategy::MostExpensiveOnly => ", only at the highest price",
    };
    let mut words = order.to_owned();
    if scope.include_considered {
        words += ", also of the units that count for the condition";
    }
    if scope.exclude_on_sale {
        words += ", nothing on sale";
    }
    words
}
