//! Gifts of promotions as lines of the cart: they come and go with what the promotions give.

use uuid::Uuid;

use super::{
    cart::{Facts, LineItem, MAX_LINES, MAX_QUANTITY},
    checkout::{Checkout, MessageCode},
    consignment::{self, ConsignmentItem},
    money::Amount,
    pricing::Gift,
    reason::{Refusal, Result},
};

impl Checkout {
    /// The gifts that the promotions give, each variant of a promotion once.
    #[must_use]
    pub fn due_gifts(&self) -> Vec<Gift> {
        let mut due: Vec<Gift> = Vec::new();
        for gift in &self.pricing.gifts {
            match due.iter_mut().find(|known| known.is_same_as(gift)) {
                Some(known) => {
                    let quantity = known.quantity.saturating_add(gift.quantity);
                    known.quantity = quantity.min(MAX_QUANTITY);
                }
                None => due.push(gift.clone()),
            }
        }
        due
    }

    /// Makes the gift lines what is due, and puts them into the first consignment unless they are in one. `facts` tells
    /// what the catalog has; what it does not have is not given. Answers whether anything changed.
    pub fn keep_gifts(
        &mut self,
        mut facts: impl FnMut(&Gift) -> Result<Facts>,
        new_id: impl Fn() -> Uuid,
    ) -> bool {
        let before = (self.lines.clone(), self.consignments.clone());
        let mut due = Vec::new();
        for gift in self.due_gifts() {
            match facts(&gift) {
                Ok(facts) => due.push((gift, facts)),
                Err(why) => self.tell_of_unavailable(&gift, &why),
            }
        }
        let gone = self
            .lines
            .iter()
            .filter(|line| line.gift_of.is_some() && !due.iter().any(|(gift, _)| gift.is(line)));
        for line in gone.cloned().collect::<Vec<_>>() {
            self.take_out(&[line.id]);
            let text = format!("the gift \"{}\" is not given any more", line.facts.name);
            self.tell(MessageCode::GiftRemoved, line.id.to_string(), text);
        }
        for (gift, facts) in due {
            self.keep_gift(&gift, facts, &new_id);
        }
        self.consign_gifts();
        before != (self.lines.clone(), self.consignments.clone())
    }

    fn keep_gift(&mut self, gift: &Gift, facts: Facts, new_id: impl Fn() -> Uuid) {
        // What the shopper would pay for it is told by the price before sale.
        let facts = Facts {
            price: Amount::ZERO,
            ..facts
        };
        let name = facts.name.clone();
        let is_full = self.lines.len() >= MAX_LINES;
        let (line_id, before) = match self.lines.iter_mut().find(|line| gift.is(line)) {
            Some(line) => {
                line.facts = facts;
                let before = std::mem::replace(&mut line.quantity, gift.quantity);
                (line.id, before)
            }
            None if is_full => {
                let text = format!("a cart has at most {MAX_LINES} lines");
                return self.tell_of_unavailable(gift, &Refusal::field("lines", text));
            }
            None => {
                let id = new_id();
                self.lines.push(LineItem {
                    product_id: gift.product_id.clone(),
                    variant_id: gift.variant_id.clone(),
                    quantity: gift.quantity,
                    gift_of: Some(gift.promotion_id),
                    ..LineItem::new(id, facts)
                });
                (id, 0)
            }
        };
        let now = gift.quantity;
        if now > before {
            let text = format!("{now} × \"{name}\" as a gift");
            self.tell(MessageCode::GiftAdded, line_id.to_string(), text);
        } else if now < before {
            consignment::trim(&mut self.consignments, line_id, now);
            let text = format!("only {now} × \"{name}\" as a gift any more");
            self.tell(MessageCode::GiftRemoved, line_id.to_string(), text);
        }
    }

    /// Puts gifts that are in no consignment into the first one.
    fn consign_gifts(&mut self) {
        let unassigned = self.unassigned();
        let Some(first) = self.consignments.first_mut() else {
            return;
        };
        for (line, units) in self.lines.iter().zip(unassigned) {
            if line.gift_of.is_none() || !line.requires_shipping() || units == 0 {
                continue;
            }
            match first.items.iter_mut().find(|i| i.line_item_id == line.id) {
                Some(item) => item.quantity = item.quantity.saturating_add(units),
                None => first.items.push(ConsignmentItem {
                    line_item_id: line.id,
                    quantity: units,
                }),
            }
        }
    }

    fn tell_of_unavailable(&mut self, gift: &Gift, why: &Refusal) {
        let (product, reason) = (&gift.product_id, &why.message);
        let text = format!("the gift \"{product}\" cannot be had: {reason}");
        self.tell(
            MessageCode::GiftUnavailable,
            gift.promotion_id.to_string(),
            text,
        );
    }
}

impl Gift {
    fn is_same_as(&self, other: &Self) -> bool {
        self.promotion_id == other.promotion_id
            && self.product_id == other.product_id
            && self.variant_id == other.variant_id
    }

    /// Whether the line is this gift.
    fn is(&self, line: &LineItem) -> bool {
        line.gift_of == Some(self.promotion_id)
            && self.product_id == line.product_id
            && self.variant_id == line.variant_id
    }
}
