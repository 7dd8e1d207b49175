//! Postal addresses and what an order needs of them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A postal address with the person to reach there. An empty string is a field that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the fields are the words of every address form"
)]
pub struct Address {
    pub id: Uuid,
    pub first_name: String,
    pub last_name: String,
    pub company: String,
    pub email: String,
    pub phone: String,
    pub address1: String,
    pub address2: String,
    pub city: String,
    pub state_or_province: String,
    pub state_or_province_code: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country_code: String,
    /// The shop's own questions: field id and answer.
    pub custom_fields: Vec<(String, String)>,
}

/// Countries and territories without a postal code system in use.
const WITHOUT_POSTAL_CODES: &[&str] = &[
    "AE", "AG", "AN", "AO", "AW", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI",
    "CK", "CM", "DJ", "DM", "ER", "FJ", "GD", "GH", "GM", "GQ", "GY", "HK", "IE", "JM", "KI", "KM",
    "KN", "KP", "LC", "LY", "ML", "MO", "MR", "MW", "NR", "NU", "PA", "QA", "RW", "SB", "SC", "SL",
    "SO", "SR", "ST", "SY", "TD", "TF", "TG", "TK", "TL", "TO", "TV", "UG", "VU", "YE", "ZW",
];

/// Countries whose addresses need a state or province.
const WITH_STATES: &[&str] = &["AU", "BR", "CA", "CN", "IN", "JP", "MX", "MY", "US"];

impl Address {
    /// The fields that an order needs and that are blank, by name.
    #[must_use]
    pub fn missing_fields(&self) -> Vec<&'static str> {
        let country = self.country_code.as_str();
        let blank = |text: &str| text.trim().is_empty();
        let needs_postal_code = !country.is_empty() && !WITHOUT_POSTAL_CODES.contains(&country);
        let state_given = !blank(&self.state_or_province) || !blank(&self.state_or_province_code);
        [
            ("first_name", blank(&self.first_name)),
            ("last_name", blank(&self.last_name)),
            ("address1", blank(&self.address1)),
            ("city", blank(&self.city)),
            (
                "state_or_province",
                WITH_STATES.contains(&country) && !state_given,
            ),
            ("postal_code", needs_postal_code && blank(&self.postal_code)),
            ("country_code", country.is_empty()),
        ]
        .into_iter()
        .filter_map(|(field, missing)| missing.then_some(field))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_says_what_its_addresses_need() {
        let address = |country: &str| Address {
            country_code: country.into(),
            ..Address::default()
        };
        assert!(
            address("US")
                .missing_fields()
                .contains(&"state_or_province")
        );
        assert!(
            !address("DE")
                .missing_fields()
                .contains(&"state_or_province")
        );
        assert!(address("DE").missing_fields().contains(&"postal_code"));
        assert!(!address("HK").missing_fields().contains(&"postal_code"));
        assert!(
            Address::default()
                .missing_fields()
                .contains(&"country_code")
        );
    }
}
