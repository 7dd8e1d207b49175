//! Parts of the world, and which zone an address falls into: the same for shipping and tax.

use serde::{Deserialize, Serialize};

use super::address::Address;

/// A part of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// Everywhere.
    RestOfWorld,
    /// A country, or a part of it.
    Country {
        /// ISO 3166-1 alpha-2.
        country_code: String,
        /// Only these states or provinces, by code; empty for all.
        states: Vec<String>,
        /// Only these postal codes or patterns with `?` and `*`; empty for all.
        postal_codes: Vec<String>,
    },
}

/// How closely a location describes an address; the greater wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    World,
    Country,
    State,
    PostalCode,
}

impl Location {
    fn matches(&self, address: &Address) -> Option<Specificity> {
        let Self::Country {
            country_code,
            states,
            postal_codes,
        } = self
        else {
            return Some(Specificity::World);
        };
        let in_state = states.is_empty()
            || states
                .iter()
                .any(|state| state.eq_ignore_ascii_case(&address.state_or_province_code));
        let at_postal_code = postal_codes.is_empty()
            || postal_codes
                .iter()
                .any(|p| postal_match(p, &address.postal_code));
        if *country_code != address.country_code || !in_state || !at_postal_code {
            return None;
        }
        Some(match (postal_codes.is_empty(), states.is_empty()) {
            (false, _) => Specificity::PostalCode,
            (true, false) => Specificity::State,
            (true, true) => Specificity::Country,
        })
    }
}

/// The zone whose locations describe the address most closely; among equals the earlier.
pub fn most_specific<'a, Z>(
    zones: impl IntoIterator<Item = (&'a Z, &'a [Location])>,
    address: &Address,
) -> Option<&'a Z> {
    let mut best: Option<(Specificity, &Z)> = None;
    for (zone, locations) in zones {
        let Some(found) = locations.iter().filter_map(|l| l.matches(address)).max() else {
            continue;
        };
        if best.is_none_or(|(specificity, _)| found > specificity) {
            best = Some((found, zone));
        }
    }
    best.map(|(_, zone)| zone)
}

/// Matches a postal code with a pattern in which `?` is one character and `*` any number. Spaces,
/// hyphens and case do not count.
fn postal_match(pattern: &str, code: &str) -> bool {
    let normalized = |text: &str| -> Vec<char> {
        text.chars()
            .filter(|c| !matches!(c, ' ' | '-'))
            .map(|c| c.to_ascii_uppercase())
            .collect()
    };
    glob(&normalized(pattern), &normalized(code))
}

/// Wildcard match in linear space and at most quadratic time: on a mismatch only the last `*` is tried again.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(current) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                last_star = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(wanted) if *wanted == '?' || wanted == current => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => {
                let Some((star, from)) = last_star else {
                    return false;
                };
                let next = from.saturating_add(1);
                last_star = Some((star, next));
                p = star.saturating_add(1);
                t = next;
            }
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str, states: &[&str], postal_codes: &[&str]) -> Vec<Location> {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        vec![Location::Country {
            country_code: code.into(),
            states: owned(states),
            postal_codes: owned(postal_codes),
        }]
    }

    #[test]
    fn the_most_specific_zone_wins_and_among_equals_the_earlier() {
        let world = vec![Location::RestOfWorld];
        let (us, ca, la) = (
            country("US", &[], &[]),
            country("US", &["CA"], &[]),
            country("US", &[], &["900*"]),
        );
        let zones = [
            ("world", &world),
            ("us", &us),
            ("ca", &ca),
            ("la", &la),
            ("us again", &us),
        ];
        let find = |country: &str, state: &str, postal: &str| {
            let address = Address {
                country_code: country.into(),
                state_or_province_code: state.into(),
                postal_code: postal.into(),
                ..Address::default()
            };
            *most_specific(zones.iter().map(|(n, l)| (n, l.as_slice())), &address).unwrap()
        };
        assert_eq!(find("US", "CA", "90012"), "la");
        assert_eq!(find("US", "ca", "94105"), "ca");
        assert_eq!(find("US", "NY", "10001"), "us");
        assert_eq!(find("FR", "", "75001"), "world");
    }

    #[test]
    fn postal_patterns() {
        assert!(postal_match("SW1A ???", "sw1a1aa"));
        assert!(postal_match("*", ""));
        assert!(postal_match("a*b*c", "axxbyyc"));
        assert!(!postal_match("902", "90210"));
        assert!(!postal_match("902??", "9021"));
    }
}
