//! Gift certificates: money that whoever has the code can pay with.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::{Checkout, MessageCode},
    ledger::Share,
    money::{Amount, Currency, Money},
    reason::{Reason, Refusal, Result},
};

/// Most gift certificates on a checkout.
pub const MAX_GIFT_CERTIFICATES: usize = 10;
/// Most characters of a code.
pub const MAX_CODE_LENGTH: usize = 20;
/// Most characters of the sender's message.
pub const MAX_MESSAGE_LENGTH: usize = 200;

/// What generated codes are made of: consonants and digits, so that they spell no words, without those that look alike.
pub const CODE_ALPHABET: [char; 24] = [
    'C', 'D', 'F', 'H', 'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'T', 'V', 'W', 'X', 'Y', '2', '3', '4',
    '5', '6', '7', '8', '9',
];
/// How many of them a code has: it is one of 2^73.
pub const CODE_LETTERS: u32 = 16;
/// How many of them stand together.
const GROUP: usize = 4;
/// How many letters of a masked code are shown.
const SHOWN_LETTERS: usize = 4;

/// A gift certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiftCertificate {
    /// Cartwright's id.
    pub id: Uuid,
    /// The code as issued.
    pub code: String,
    /// Whether it pays.
    pub enabled: bool,
    /// What it was issued for.
    pub amount: Money,
    /// What is left, in the same currency.
    pub balance: Amount,
    /// What is written on it.
    pub card: Card,
    /// Until when it pays.
    pub expire_time: Option<DateTime<Utc>>,
    /// The order that bought it.
    pub order_id: Option<Uuid>,
    /// Raised by one with every change.
    pub version: i64,
    /// When it was issued.
    pub create_time: DateTime<Utc>,
    /// When it was last changed.
    pub update_time: DateTime<Utc>,
}

/// What is written on a gift certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Card {
    /// Who gave it.
    pub sender: Party,
    /// Who got it.
    pub recipient: Party,
    /// How it looks, in the caller's words.
    pub theme: String,
    /// The sender's message.
    pub message: String,
}

/// Who gives or gets a gift certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Party {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// A gift certificate on a checkout, as it was when it was last looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedGiftCertificate {
    /// The certificate.
    pub id: Uuid,
    /// The code as it was entered.
    pub code: String,
    /// What it has.
    pub balance: Amount,
    /// Why it does not pay at the moment; none when it does.
    pub refusal: Option<Refusal>,
}

/// The form in which codes are compared.
#[must_use]
pub fn normalized(code: &str) -> String {
    code.to_ascii_uppercase()
}

/// The code as it is shown to others than who entered it: `****-7KQX`. Letters and digits but the last four are masked,
/// and all of them where there are no more.
#[must_use]
pub fn masked(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric).count();
    let mut hidden = match letters.checked_sub(SHOWN_LETTERS) {
        Some(hidden) if hidden > 0 => hidden,
        _ => letters,
    };
    let mask = |letter: char| {
        if hidden > 0 && letter.is_ascii_alphanumeric() {
            hidden = hidden.saturating_sub(1);
            return '*';
        }
        letter
    };
    code.chars().map(mask).collect()
}

/// The code `XXXX-XXXX-XXXX-XXXX` of so many letters.
#[must_use]
pub fn grouped(letters: &str) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let groups = letters.chunks(GROUP).map(String::from_iter);
    groups.collect::<Vec<_>>().join("-")
}

impl GiftCertificate {
    /// What is left, as a part of its balance.
    #[must_use]
    pub const fn left(&self) -> Share {
        Share {
            balance_id: self.id,
            amount: self.balance,
        }
    }

    /// Refuses one that does not pay in this currency at the moment, when the checkout has so much of it: what is left,
    /// and what the checkout itself holds.
    pub fn check(&self, available: Amount, currency: Currency, now: DateTime<Utc>) -> Result<()> {
        let code = masked(&self.code);
        let refuse = |reason, what: String| {
            let message = format!("gift certificate \"{code}\" {what}");
            Refusal::new(reason, message).with("code", &code)
        };
        let own = self.amount.currency;
        if own != currency {
            let what = format!("pays in {own} alone");
            return Err(
                refuse(Reason::GiftCertificateCurrencyMismatch, what).with("currency_code", own)
            );
        }
        if !self.enabled {
            let what = "is switched off".to_owned();
            return Err(refuse(Reason::GiftCertificateDisabled, what));
        }
        if let Some(time) = self.expire_time.filter(|time| now >= *time) {
            let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            let what = format!("expired at {time}");
            return Err(refuse(Reason::GiftCertificateExpired, what).with("expire_time", time));
        }
        if available.is_zero() {
            return Err(empty(&self.code, available, currency));
        }
        Ok(())
    }
}

/// Refuses to pay more with a gift certificate than it has.
#[must_use]
pub fn empty(code: &str, available: Amount, currency: Currency) -> Refusal {
    let left = Money {
        currency,
        amount: available,
    };
    let code = masked(code);
    let message = format!(
        "gift certificate \"{code}\" has {left} left: use another one, or pay in another way"
    );
    Refusal::new(Reason::GiftCertificateEmpty, message)
        .with("code", code)
        .with("balance", available.minor())
        .with("currency_code", currency)
}

/// Refuses a code that no gift certificate has, or none of the checkout.
#[must_use]
pub fn not_found(code: &str) -> Refusal {
    let code = masked(code);
    let message = format!("there is no gift certificate \"{code}\" here");
    Refusal::new(Reason::GiftCertificateNotFound, message).with("code", code)
}

impl AppliedGiftCertificate {
    /// The certificate as it stands on a checkout that has so much of it.
    #[must_use]
    pub fn new(
        certificate: &GiftCertificate,
        entered: String,
        available: Amount,
        currency: Currency,
        now: DateTime<Utc>,
    ) -> Self {
        let refusal = certificate.check(available, currency, now).err();
        let same_currency = certificate.amount.currency == currency;
        Self {
            id: certificate.id,
            code: entered,
            balance: if same_currency {
                available
            } else {
                Amount::ZERO
            },
            refusal,
        }
    }

    /// Why it does not pay what it paid before; none when it does.
    #[must_use]
    pub fn shortfall(&self, paid: Amount, currency: Currency) -> Option<Refusal> {
        let short = self.balance < paid;
        let empty = || short.then(|| empty(&self.code, self.balance, currency));
        self.refusal.clone().or_else(empty)
    }
}

impl Checkout {
    /// Puts a gift certificate after those that are on the checkout. One that does not pay is refused.
    pub fn apply_gift_certificate(&mut self, certificate: AppliedGiftCertificate) -> Result<()> {
        let code = masked(&certificate.code);
        let mut applied = self.gift_certificates.iter();
        if applied.any(|applied| applied.id == certificate.id) {
            let message = format!("gift certificate \"{code}\" is applied already");
            return Err(
                Refusal::new(Reason::GiftCertificateAlreadyApplied, message).with("code", code)
            );
        }
        if self.gift_certificates.len() >= MAX_GIFT_CERTIFICATES {
            let text = format!("a checkout has at most {MAX_GIFT_CERTIFICATES} gift certificates");
            return Err(Refusal::field("code", text));
        }
        if let Some(refusal) = certificate.refusal {
            return Err(refusal);
        }
        self.gift_certificates.push(certificate);
        Ok(())
    }

    /// Takes over what the gift certificates are now, given those that there are with what the checkout has of each.
    pub fn refresh_gift_certificates(
        &mut self,
        found: &[(GiftCertificate, Amount)],
        now: DateTime<Utc>,
    ) {
        for applied in &mut self.gift_certificates {
            let code = std::mem::take(&mut applied.code);
            let current = found.iter().find(|(current, _)| current.id == applied.id);
            *applied = match current {
                Some((current, available)) => {
                    AppliedGiftCertificate::new(current, code, *available, self.currency, now)
                }
                None => AppliedGiftCertificate {
                    id: applied.id,
                    balance: Amount::ZERO,
                    refusal: Some(not_found(&code)),
                    code,
                },
            };
        }
    }

    /// Takes a gift certificate off.
    pub fn remove_gift_certificate(&mut self, code: &str) -> Result<()> {
        let wanted = normalized(code);
        let before = self.gift_certificates.len();
        self.gift_certificates
            .retain(|certificate| normalized(&certificate.code) != wanted);
        if self.gift_certificates.len() == before {
            return Err(not_found(code));
        }
        Ok(())
    }

    /// What the gift certificate paid when the checkout was last priced.
    #[must_use]
    pub fn paid_by(&self, certificate_id: Uuid) -> Amount {
        let amounts = &self.pricing.gift_certificates;
        let mut paid = self.gift_certificates.iter().zip(amounts);
        let found = paid.find(|(certificate, _)| certificate.id == certificate_id);
        found.map_or(Amount::ZERO, |(_, amount)| *amount)
    }

    /// Tells of every gift certificate that does not pay what it paid on the checkout as it was `before`.
    pub fn tell_of_gift_certificates(&mut self, before: &Self) {
        let short: Vec<_> = self
            .gift_certificates
            .iter()
            .filter_map(|certificate| {
                let paid = before.paid_by(certificate.id);
                let refusal = certificate.shortfall(paid, self.currency)?;
                Some((masked(&certificate.code), refusal.message))
            })
            .collect();
        for (code, text) in short {
            self.tell(MessageCode::GiftCertificateChanged, code, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_code_shows_the_last_four() {
        for (code, shown) in [
            ("ABCD-7KQX", "****-7KQX"),
            ("abcd-efgh-jklm-7kqx", "****-****-****-7kqx"),
            ("A1234", "*1234"),
            ("12-34-5", "*2-34-5"),
            ("1234", "****"),
            ("AB-CD", "**-**"),
            ("A", "*"),
            ("--", "--"),
        ] {
            assert_eq!(masked(code), shown);
        }
    }

    #[test]
    fn a_generated_code_is_grouped() {
        assert_eq!(grouped("CDFHJKMNPQRT7KQX"), "CDFH-JKMN-PQRT-7KQX");
    }
}
