//! By what a caller is told from others here.

use std::{fmt, net::IpAddr};

use sha2::{Digest as _, Sha256};

use crate::domain::caller::Session;

/// The bits of an IPv6 address that tell networks apart. Whoever has one address of a network has them all.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// A hash: of one size whatever it is made of, and it tells nobody who a shopper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    fn of(kind: &str, id: impl AsRef<[u8]>) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]);
        Self(digest.chain_update(id).finalize().into())
    }

    pub(super) fn of_principal(id: &str) -> Self {
        Self::of("principal", id)
    }

    pub(super) fn of_session(session: &Session) -> Self {
        Self::of("session", session.id)
    }

    /// A new session is no new shopper where the customer is known.
    pub(super) fn of_shopper(session: &Session) -> Self {
        if session.customer_id.is_empty() {
            Self::of_session(session)
        } else {
            Self::of("customer", &session.customer_id)
        }
    }

    pub(super) fn of_network(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of("address", address.octets()),
            IpAddr::V6(address) => {
                let network = address.to_bits() & IPV6_NETWORK;
                Self::of("address", network.to_be_bytes())
            }
        }
    }

    /// Callers without credentials of whom not even the address is known.
    pub(super) fn of_nobody() -> Self {
        Self::of("nobody", [])
    }

    /// A hash of a text that is this caller's.
    pub(super) fn hash(&self, text: &str) -> u64 {
        let digest = Sha256::new().chain_update(self.0).chain_update(text);
        let digest: [u8; 32] = digest.finalize().into();
        let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*first)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_network_are_one_caller() {
        let key = |address: &str| Key::of_network(address.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
