//! Random shops, carts and everything on them.

use std::fmt;

use cartwright::domain::{
    address::Address,
    cart::{LineItem, LineItemKind, Selection},
    checkout::Checkout,
    consignment::{Consignment, ConsignmentItem, Fulfilment},
    fee::Fee,
    gift_certificate::AppliedGiftCertificate,
    gift_wrapping::GiftWrapping,
    location::Location,
    manual_discount::ManualDiscount,
    money::Rate,
    promotion::Promotion,
    reason::{Reason, Refusal},
    store::{Store, TaxClass, TaxRate, TaxSettings, TaxZone},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{arbitrary_promotions::promotion, words};
use crate::harness::{
    dice::Dice,
    shop::{address, amount, checkout, consignment, coupon, currency, id, line},
};

pub(crate) const CURRENCIES: [&str; 3] = ["USD", "JPY", "KWD"];
pub(crate) const GROUPS: [&str; 3] = ["staff", "gold", "tax-free"];
const CLASSES: [&str; 3] = ["standard", "reduced", "special"];
const COUNTRIES: [&str; 4] = ["DE", "US", "CA", ""];

/// A checkout with all that its price depends on.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) store: Store,
    pub(crate) checkout: Checkout,
    pub(crate) automatic: Vec<Promotion>,
    /// How many ids were given.
    pub(crate) ids: u128,
}

/// Cases that proptest can shrink.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    Dice::strategy().prop_map(|mut dice| Case::random(&mut dice))
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for words in words::all(&self.store, &self.checkout, &self.automatic) {
            writeln!(f, "- {words}")?;
        }
        let ids = self.checkout.lines.iter().map(|line| line.id.as_u128());
        writeln!(f, "ids of lines: {:?}", ids.collect::<Vec<_>>())?;
        writeln!(f, "{:?}\n{:?}", self.store.tax, self.store.tax_zones)
    }
}

impl Case {
    /// A shop and a cart of one line.
    pub(crate) fn small(dice: &mut Dice) -> Self {
        let code = dice.pick(&CURRENCIES);
        let mut case = Self {
            store: store(dice, code),
            checkout: checkout(code, Vec::new()),
            automatic: Vec::new(),
            ids: 0,
        };
        case.add_line(dice);
        case
    }

    /// A shop and a cart with everything.
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut case = Self::small(dice);
        for _ in 0..dice.below(6) {
            case.add_line(dice);
        }
        for _ in 0..dice.below(4) {
            case.add_promotion(dice);
        }
        for _ in 0..dice.below(3) {
            case.add_coupon(dice);
        }
        if dice.once_in(2) {
            case.set_customer(dice);
            case.set_consignments(dice);
            case.checkout.billing_address = dice.maybe(2, somewhere);
        }
        if dice.once_in(4) {
            case.add_manual_discount(dice);
        }
        if dice.once_in(3) {
            case.add_fee(dice);
            case.wrap_a_line(dice);
        }
        if dice.once_in(3) {
            case.add_certificate(dice);
            case.checkout.store_credit = dice.maybe(2, Dice::amount);
        }
        case
    }

    pub(crate) fn code(&self) -> &'static str {
        self.checkout.currency.code()
    }

    /// An id that no other thing has, before or after the others.
    pub(crate) fn new_id(&mut self, dice: &mut Dice) -> Uuid {
        self.ids += 1;
        id(u128::from(dice.below(1_000)) * 100_000 + self.ids)
    }

    pub(crate) fn add_line(&mut self, dice: &mut Dice) {
        let id = self.new_id(dice);
        let line = any_line(dice, id);
        let place = dice.index(self.checkout.lines.len() + 1);
        self.checkout.lines.insert(place, line);
    }

    pub(crate) fn add_promotion(&mut self, dice: &mut Dice) {
        let id = self.new_id(dice);
        let promotion = promotion(dice, id, self.code());
        self.automatic.push(promotion);
    }

    pub(crate) fn add_coupon(&mut self, dice: &mut Dice) {
        let id = self.new_id(dice);
        let promotion = promotion(dice, id, self.code());
        let code = format!("CODE-{}", self.ids);
        self.checkout
            .coupons
            .push(coupon(self.ids, &code, promotion));
    }

    pub(crate) fn add_manual_discount(&mut self, dice: &mut Dice) {
        let promotable = self
            .checkout
            .lines
            .iter()
            .filter(|line| line.is_promotable());
        let lines: Vec<Uuid> = promotable.map(|line| line.id).collect();
        let line_item_id = if lines.is_empty() {
            None
        } else {
            dice.maybe(2, |dice| dice.pick(&lines))
        };
        let discount = ManualDiscount {
            id: self.new_id(dice),
            name: "By hand".into(),
            line_item_id,
            amount: dice.positive_amount(),
        };
        self.checkout.manual_discounts.push(discount);
    }

    pub(crate) fn add_fee(&mut self, dice: &mut Dice) {
        let fee = Fee {
            id: self.new_id(dice),
            name: "Fee".into(),
            display_name: "Fee".into(),
            kind: String::new(),
            tax_class_id: class(dice),
            amount: dice.positive_amount(),
        };
        self.checkout.fees.push(fee);
    }

    pub(crate) fn wrap_a_line(&mut self, dice: &mut Dice) {
        let index = dice.index(self.checkout.lines.len());
        let wrapping = GiftWrapping {
            option_id: "paper".into(),
            name: "Paper".into(),
            message: String::new(),
            together: dice.once_in(2),
            price: dice.amount(),
        };
        self.checkout.lines[index].gift_wrapping = Some(wrapping);
    }

    pub(crate) fn add_certificate(&mut self, dice: &mut Dice) {
        let refused = Refusal::new(Reason::GiftCertificateDisabled, "it is switched off");
        let certificate = AppliedGiftCertificate {
            id: self.new_id(dice),
            code: "GIFT".into(),
            balance: dice.amount(),
            refusal: dice.maybe(4, |_| refused),
        };
        self.checkout.gift_certificates.push(certificate);
    }

    pub(crate) fn set_customer(&mut self, dice: &mut Dice) {
        let customer = &mut self.checkout.customer;
        customer.group_ids = dice.some(&GROUPS).into_iter().map(String::from).collect();
        customer.completed_order_count = dice.below(4);
        let exemption = dice.maybe(6, |_| "certificate 7".to_owned());
        customer.tax_exemption = exemption.unwrap_or_default();
    }

    /// Distributes the goods that travel over up to three consignments.
    pub(crate) fn set_consignments(&mut self, dice: &mut Dice) {
        self.checkout.consignments.clear();
        let mut left = self.checkout.unassigned();
        for number in 0..dice.below(4) {
            let mut items = Vec::new();
            for (line, left) in self.checkout.lines.iter().zip(&mut left) {
                let units = if dice.once_in(2) {
                    *left
                } else {
                    left.div_ceil(2)
                };
                if units > 0 && line.requires_shipping() && dice.below(3) < 2 {
                    *left -= units;
                    items.push(ConsignmentItem {
                        line_item_id: line.id,
                        quantity: units,
                    });
                }
            }
            if !items.is_empty() {
                let consignment = any_consignment(dice, 500_000 + u128::from(number), items);
                self.checkout.consignments.push(consignment);
            }
        }
    }
}

/// One of a few products, so that several lines are of one.
pub(crate) fn any_line(dice: &mut Dice, id: Uuid) -> LineItem {
    let product = dice.below(5);
    let mut item = line(0, dice.amount().minor(), 1);
    item.id = id;
    item.quantity = quantity(dice);
    item.product_id = format!("product-{product}");
    item.facts.name.clone_from(&item.product_id);
    item.variant_id = dice.pick(&["", "", "red", "blue"]).into();
    let facts = &mut item.facts;
    facts.category_ids = dice
        .some(&["shirts", "hats"])
        .into_iter()
        .map(String::from)
        .collect();
    facts.brand_id = format!("brand-{}", product % 2);
    facts.custom_fields = vec![("Season".into(), dice.pick(&["Summer", "Winter"]).into())];
    facts.selections = vec![Selection {
        option_id: "size".into(),
        value: "size-l".into(),
        name: "Size".into(),
        display_value: dice.pick(&["L", "M"]).into(),
        answered: false,
    }];
    facts.on_sale = dice.once_in(4);
    facts.taxable = !dice.once_in(8);
    facts.tax_class_id = class(dice);
    facts.comparison_price = dice.maybe(8, Dice::amount);
    facts.original_price = dice.amount();
    match dice.below(16) {
        12 | 13 => facts.kind = LineItemKind::Digital,
        14 => {
            facts.kind = LineItemKind::Custom;
            item.product_id.clear();
        }
        15 => {
            facts.kind = LineItemKind::GiftCertificate;
            facts.taxable = false;
            facts.price = amount(100 * (1 + i64::from(dice.below(20))));
            item.product_id.clear();
            item.quantity = 1;
        }
        11 => {
            facts.price = amount(0);
            item.gift_of = Some(crate::harness::shop::id(77));
        }
        10 => item.price_override = Some(dice.amount()),
        _ => {}
    }
    item
}

pub(crate) fn quantity(dice: &mut Dice) -> u32 {
    dice.pick(&[1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 12, 40])
}

fn class(dice: &mut Dice) -> Option<String> {
    dice.maybe(3, |dice| dice.pick(&CLASSES).to_owned())
}

pub(crate) fn somewhere(dice: &mut Dice) -> Address {
    address(dice.pick(&COUNTRIES))
}

/// Shipped, picked up, or nothing chosen yet.
pub(crate) fn any_consignment(
    dice: &mut Dice,
    number: u128,
    items: Vec<ConsignmentItem>,
) -> Consignment {
    let country = dice.pick(&COUNTRIES);
    let cost = dice.amount().minor();
    let mut any = consignment(number, country, &[], cost);
    any.items = items;
    if let Some(Fulfilment::Shipping(option)) = &mut any.fulfilment {
        option.method_id = dice.pick(&["ground", "air"]).into();
        let zone = dice.pick(&["near", "far"]);
        option.id = format!("{zone}/{}", option.method_id);
        option.handling = dice.maybe(3, Dice::amount).unwrap_or_default();
    }
    match dice.below(8) {
        _ if country.is_empty() => any.fulfilment = None,
        6 => any.fulfilment = None,
        7 => {
            any.fulfilment = Some(Fulfilment::Pickup {
                method_id: "counter".into(),
                display_name: "At the counter".into(),
                address: dice.maybe(2, |_| address("DE")),
            });
        }
        _ => {}
    }
    any
}

/// A shop with taxes at home, in one other country, and sometimes everywhere else.
pub(crate) fn store(dice: &mut Dice, code: &str) -> Store {
    let country = |code: &str| Location::Country {
        country_code: code.into(),
        states: Vec::new(),
        postal_codes: Vec::new(),
    };
    let zone = |dice: &mut Dice, id: &str, location| TaxZone {
        id: id.into(),
        name: id.into(),
        enabled: !dice.once_in(20),
        locations: vec![location],
        rates: (0..dice.below(4))
            .map(|number| rate(dice, number))
            .collect(),
    };
    let classes = CLASSES.iter().map(|id| TaxClass {
        id: (*id).into(),
        name: (*id).into(),
    });
    Store {
        discount_overridden_prices: dice.once_in(2),
        tax: tax_settings(dice),
        tax_classes: classes.collect(),
        tax_zones: vec![
            zone(dice, "home", country("DE")),
            zone(dice, "abroad", country("US")),
            zone(dice, "world", Location::RestOfWorld),
        ],
        ..Store::empty(currency(code))
    }
}

pub(crate) fn tax_settings(dice: &mut Dice) -> TaxSettings {
    TaxSettings {
        prices_include_tax: dice.once_in(2),
        show_prices_with_tax: dice.once_in(2),
        home_zone_id: Some("home".to_owned()).filter(|_| dice.below(8) < 7),
        default_class_id: Some("standard".to_owned()).filter(|_| dice.below(8) < 7),
        shipping_class_id: class(dice),
        handling_class_id: class(dice),
        gift_wrapping_class_id: class(dice),
        fee_class_id: class(dice),
        exempt_group_ids: dice
            .maybe(2, |_| "tax-free".to_owned())
            .into_iter()
            .collect(),
        provider: None,
    }
}

fn rate(dice: &mut Dice, number: u32) -> TaxRate {
    let mut value = || dice.pick(&["0.04", "0", "0.0825", "0.1", "0.19", "0.333333", "0.5", "1"]);
    let class_rates = CLASSES
        .iter()
        .map(|id| ((*id).to_owned(), Rate::parse(value()).unwrap()));
    TaxRate {
        class_rates: class_rates.collect(),
        name: ["State", "City", "Levy"][usize::try_from(number).unwrap()].into(),
        priority: 1 + dice.below(3),
    }
}
