//! Carts and promotions as a merchandiser would say them.

use cartwright::domain::{
    cart::LineItem,
    checkout::Checkout,
    consignment::Fulfilment,
    coupon::AppliedCoupon,
    manual_discount::ManualDiscount,
    money::{Money, Rate},
    promotion::{
        Action, CartCondition, Condition, Discount, Promotion, RedemptionType, Rule, Scope,
        Strategy, items::ItemsMatcher,
    },
    store::Store,
};

use crate::harness::shop::{
    amount, checkout, consignment, currency, id, line, money, now, taxed_store,
};

/// A cart in a shop with promotions, and what to call that.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) checkout: Checkout,
    pub(crate) automatic: Vec<Promotion>,
}

/// An empty cart in a shop without tax, in dollars.
pub(crate) fn example(name: &'static str) -> Example {
    in_currency("USD", name)
}

pub(crate) fn in_currency(code: &str, name: &'static str) -> Example {
    Example {
        name,
        store: Store::empty(currency(code)),
        checkout: checkout(code, Vec::new()),
        automatic: Vec::new(),
    }
}

impl Example {
    /// Adds units of a product, which is called by its name in lower case.
    pub(crate) fn line(self, name: &str, price: i64, quantity: u32) -> Self {
        self.line_with(name, price, quantity, |_| {})
    }

    pub(crate) fn line_with(
        mut self,
        name: &str,
        price: i64,
        quantity: u32,
        change: impl FnOnce(&mut LineItem),
    ) -> Self {
        let number = u128::try_from(self.checkout.lines.len()).unwrap() + 1;
        let mut line = line(number, price, quantity);
        line.product_id = name.to_lowercase();
        line.facts.name = name.into();
        change(&mut line);
        self.checkout.lines.push(line);
        self
    }

    pub(crate) fn automatic(self, name: &str, rule: Rule) -> Self {
        self.automatic_with(name, vec![rule], |_| {})
    }

    pub(crate) fn automatic_with(
        mut self,
        name: &str,
        rules: Vec<Rule>,
        change: impl FnOnce(&mut Promotion),
    ) -> Self {
        let number = 100 + u128::try_from(self.automatic.len()).unwrap();
        let mut promotion = Promotion::new(id(number), name, rules, now());
        change(&mut promotion);
        self.automatic.push(promotion);
        self
    }

    pub(crate) fn coupon(self, code: &str, rule: Rule) -> Self {
        self.coupon_with(code, vec![rule], |_| {})
    }

    pub(crate) fn coupon_with(
        mut self,
        code: &str,
        rules: Vec<Rule>,
        change: impl FnOnce(&mut Promotion),
    ) -> Self {
        let number = 200 + u128::try_from(self.checkout.coupons.len()).unwrap();
        let mut promotion = Promotion::new(id(number), code, rules, now());
        promotion.redemption = RedemptionType::Coupon;
        change(&mut promotion);
        self.checkout.coupons.push(AppliedCoupon {
            code_id: id(number),
            code: code.into(),
            limited: false,
            promotion,
        });
        self
    }

    /// Ships units of lines, by their number from 1, by an option such as `near/ground`.
    pub(crate) fn ships(
        mut self,
        country: &str,
        items: &[(u128, u32)],
        option: &str,
        cost: i64,
    ) -> Self {
        let number = 300 + u128::try_from(self.checkout.consignments.len()).unwrap();
        let mut consignment = consignment(number, country, items, cost);
        if let Some(Fulfilment::Shipping(chosen)) = &mut consignment.fulfilment {
            chosen.id = option.into();
            chosen.method_id = option.split('/').next_back().unwrap().into();
        }
        self.checkout.consignments.push(consignment);
        self
    }

    /// A discount by hand on a line, by its number from 1, or on the cart.
    pub(crate) fn by_hand(mut self, line: Option<u128>, off: i64) -> Self {
        self.checkout.manual_discounts.push(ManualDiscount {
            id: id(400),
            name: "by hand".into(),
            line_item_id: line.map(id),
            amount: amount(off),
        });
        self
    }

    /// One tax of a rate in a country, which is the shop's home.
    pub(crate) fn taxed(self, country: &str, rate: &str) -> Self {
        let code = self.checkout.currency.code();
        Self {
            store: taxed_store(code, country, rate),
            ..self
        }
    }

    pub(crate) fn shop(mut self, change: impl FnOnce(&mut Store)) -> Self {
        change(&mut self.store);
        self
    }

    pub(crate) fn cart(mut self, change: impl FnOnce(&mut Checkout)) -> Self {
        change(&mut self.checkout);
        self
    }
}

/// A rule without condition.
pub(crate) fn always(action: impl Into<Action>) -> Rule {
    Rule {
        condition: None,
        action: action.into(),
        apply_once: true,
        stop: false,
    }
}

/// A rule that applies once where the condition holds.
pub(crate) fn when(condition: Condition, action: impl Into<Action>) -> Rule {
    Rule {
        condition: Some(condition),
        ..always(action)
    }
}

/// A rule that applies for every set of units that satisfies the condition.
pub(crate) fn every(condition: Condition, action: impl Into<Action>) -> Rule {
    Rule {
        apply_once: false,
        ..when(condition, action)
    }
}

/// A rule that applies as often as there are units.
pub(crate) fn again(action: impl Into<Action>) -> Rule {
    Rule {
        apply_once: false,
        ..always(action)
    }
}

pub(crate) fn then_stop(rule: Rule) -> Rule {
    Rule { stop: true, ..rule }
}

pub(crate) fn units(quantity: u32, items: ItemsMatcher) -> Condition {
    Condition::Cart(CartCondition {
        items,
        minimum_quantity: quantity,
        minimum_spend: None,
    })
}

pub(crate) fn spend(least: Money, items: ItemsMatcher) -> Condition {
    Condition::Cart(CartCondition {
        items,
        minimum_quantity: 1,
        minimum_spend: Some(least),
    })
}

pub(crate) fn products(ids: &[&str]) -> ItemsMatcher {
    ItemsMatcher::Products(ids.iter().map(|id| (*id).into()).collect())
}

pub(crate) fn categories(ids: &[&str]) -> ItemsMatcher {
    ItemsMatcher::Categories(ids.iter().map(|id| (*id).into()).collect())
}

pub(crate) fn brands(ids: &[&str]) -> ItemsMatcher {
    ItemsMatcher::Brands(ids.iter().map(|id| (*id).into()).collect())
}

pub(crate) const ALL: ItemsMatcher = ItemsMatcher::All;

pub(crate) fn percent(percentage: &str) -> Discount {
    Discount::Percentage(Rate::parse_percentage(percentage).unwrap())
}

pub(crate) fn usd(minor: i64) -> Money {
    money("USD", minor)
}

pub(crate) fn off(minor: i64) -> Discount {
    Discount::Fixed(usd(minor))
}

/// Something off certain goods.
pub(crate) struct Goods {
    discount: Discount,
    as_total: bool,
    quantity: Option<u32>,
    scope: Scope,
    maximum: Option<Money>,
}

/// Something off every unit of these goods.
pub(crate) fn goods(discount: Discount, items: ItemsMatcher) -> Goods {
    Goods {
        discount,
        as_total: false,
        quantity: None,
        scope: Scope {
            items,
            ..Scope::default()
        },
        maximum: None,
    }
}

impl Goods {
    pub(crate) fn only(mut self, quantity: u32, strategy: Strategy) -> Self {
        self.quantity = Some(quantity);
        self.scope.strategy = strategy;
        self
    }

    pub(crate) fn by(mut self, strategy: Strategy) -> Self {
        self.scope.strategy = strategy;
        self
    }

    pub(crate) fn together(mut self) -> Self {
        self.as_total = true;
        self
    }

    pub(crate) fn considered_too(mut self) -> Self {
        self.scope.include_considered = true;
        self
    }

    pub(crate) fn not_on_sale(mut self) -> Self {
        self.scope.exclude_on_sale = true;
        self
    }

    pub(crate) fn at_most(mut self, maximum: Money) -> Self {
        self.maximum = Some(maximum);
        self
    }

    /// So many of the units for one price, in place of the discount.
    pub(crate) fn for_price(self, quantity: u32, price: Money) -> Action {
        Action::FixedPriceSet {
            quantity,
            price,
            scope: self.scope,
        }
    }
}

impl From<Goods> for Action {
    fn from(goods: Goods) -> Self {
        Self::CartItems {
            discount: goods.discount,
            as_total: goods.as_total,
            quantity: goods.quantity,
            scope: goods.scope,
            maximum: goods.maximum,
        }
    }
}

pub(crate) fn whole_cart(discount: Discount) -> Action {
    Action::CartValue {
        discount,
        maximum: None,
    }
}

pub(crate) fn gift(product: &str, quantity: u32) -> Action {
    Action::GiftItem {
        product_id: product.into(),
        variant_id: String::new(),
        quantity,
    }
}

pub(crate) fn shipping(discount: Discount) -> Action {
    shipping_by(discount, &[], &[])
}

pub(crate) fn shipping_by(discount: Discount, zones: &[&str], methods: &[&str]) -> Action {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).into()).collect();
    Action::Shipping {
        discount,
        zone_ids: owned(zones),
        method_ids: owned(methods),
    }
}
