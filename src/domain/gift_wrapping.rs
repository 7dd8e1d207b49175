//! How lines are wrapped.

use serde::{Deserialize, Serialize};

use super::{
    cart::LineItem,
    checkout::{Checkout, MessageCode},
    money::{Amount, Currency, Money, Overflow},
    reason::{Reason, Refusal, Result},
    store::{GiftWrappingOption, Store},
};

/// How a line is wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiftWrapping {
    /// The store's option.
    pub option_id: String,
    /// Its name.
    pub name: String,
    /// What to write on it.
    pub message: String,
    /// Whether all units are wrapped together, for one price.
    pub together: bool,
    /// What it costs, in the checkout's currency, as entered: for each unit, or all `together`.
    pub price: Amount,
}

/// How a line is to be wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappingChoice {
    /// The store's option.
    pub option_id: String,
    /// What to write on it.
    pub message: String,
    /// Whether all units are wrapped together.
    pub together: bool,
}

impl GiftWrapping {
    /// What wrapping so many units costs.
    pub fn cost(&self, units: u32) -> std::result::Result<Amount, Overflow> {
        self.price.times(if self.together { 1 } else { units })
    }

    /// What was chosen, whatever the option is called and costs.
    #[must_use]
    pub fn choice(&self) -> WrappingChoice {
        WrappingChoice {
            option_id: self.option_id.clone(),
            message: self.message.clone(),
            together: self.together,
        }
    }
}

impl WrappingChoice {
    /// Whether it can be had of an option.
    fn fits(&self, option: &GiftWrappingOption) -> bool {
        option.enabled && (option.allow_message || self.message.is_empty())
    }
}

impl LineItem {
    /// The wrapping that is chosen for this line, for what it costs now. Refused unless the store offers it, and the line
    /// is shipped.
    pub fn wrapping(
        &self,
        choice: &WrappingChoice,
        store: &Store,
        currency: Currency,
    ) -> Result<GiftWrapping> {
        let wrappable = self.requires_shipping();
        let options = store.gift_wrapping_options.iter();
        let available: Vec<_> = options
            .filter(|option| wrappable && choice.fits(option))
            .collect();
        let Some(option) = available
            .iter()
            .find(|option| option.id == choice.option_id)
        else {
            return Err(self.not_available(choice, store, &available));
        };
        Ok(GiftWrapping {
            option_id: option.id.clone(),
            name: option.name.clone(),
            message: choice.message.clone(),
            together: choice.together,
            price: store.convert(option.price, currency)?,
        })
    }

    fn not_available(
        &self,
        choice: &WrappingChoice,
        store: &Store,
        available: &[&GiftWrappingOption],
    ) -> Refusal {
        let (line, wanted) = (&self.facts.name, &choice.option_id);
        let offered = |option: &GiftWrappingOption| option.enabled && option.id == *wanted;
        let message = if !self.requires_shipping() {
            format!("\"{line}\" is not shipped and cannot be wrapped: leave gift_wrapping out")
        } else if store.gift_wrapping_options.iter().any(offered) {
            format!("gift wrapping \"{wanted}\" takes no message: leave it out, or choose another")
        } else {
            format!("the store has no gift wrapping \"{wanted}\": choose one that is offered")
        };
        let ids: Vec<_> = available.iter().map(|option| option.id.as_str()).collect();
        Refusal::new(Reason::GiftWrappingNotAvailable, message)
            .with("gift_wrapping_option_id", wanted)
            .with("available_gift_wrapping_option_ids", ids.join(","))
    }
}

impl Checkout {
    /// Takes over what the store's gift wrapping is called and costs now, and unwraps what is not offered any more; both is
    /// told. Answers the lines whose wrapping cannot be had, with why.
    pub fn refresh_gift_wrapping(&mut self, store: &Store) -> Vec<(String, Refusal)> {
        let currency = self.currency;
        let mut told = Vec::new();
        let mut unavailable = Vec::new();
        for line in &mut self.lines {
            let Some(before) = line.gift_wrapping.take() else {
                continue;
            };
            let subject = line.id.to_string();
            match line.wrapping(&before.choice(), store, currency) {
                Ok(after) => {
                    if after != before {
                        told.push((subject, changed(&before, &after, line, currency)));
                    }
                    line.gift_wrapping = Some(after);
                }
                Err(refusal) => {
                    if refusal.reason == Reason::GiftWrappingNotAvailable {
                        let (wrapping, line) = (&before.name, &line.facts.name);
                        let text = format!(
                            "\"{line}\" is not wrapped any more: \"{wrapping}\" is not offered"
                        );
                        told.push((subject.clone(), text));
                    } else {
                        // There is no price for it in the checkout's currency.
                        line.gift_wrapping = Some(before);
                    }
                    unavailable.push((subject, refusal));
                }
            }
        }
        for (subject, text) in told {
            self.tell(MessageCode::GiftWrappingChanged, subject, text);
        }
        unavailable
    }
}

fn changed(
    before: &GiftWrapping,
    after: &GiftWrapping,
    line: &LineItem,
    currency: Currency,
) -> String {
    let shown = |wrapping: &GiftWrapping| {
        let amount = wrapping.price;
        format!("\"{}\" for {}", wrapping.name, Money { currency, amount })
    };
    let (line, before, after) = (&line.facts.name, shown(before), shown(after));
    format!("the gift wrapping of \"{line}\" changed from {before} to {after}")
}
