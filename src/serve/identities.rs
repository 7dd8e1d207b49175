//! What the services of the shop may do that show a certificate.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use tokio::sync::watch;

use super::Peer;
use crate::domain::caller::{Grants, NotAScope, Principal};

/// Who the identities of certificates are, by their names.
pub(super) type Known = Arc<HashMap<String, Arc<Principal>>>;

/// Who clients are by their certificates, as the file of `--tls-client-identities` says by now.
#[derive(Debug, Clone)]
pub struct Identities(watch::Receiver<Known>);

/// Why a file of identities cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum IdentityError {
    #[error("it is not a list of identities with scopes")]
    Yaml(#[from] Box<serde_saphyr::Error>),
    #[error("{identity}")]
    Scope { identity: String, source: NotAScope },
    #[error("{0} may do nothing: give it scopes")]
    NoScope(String),
    #[error("{0} is there twice")]
    Twice(String),
}

/// An entry of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A URI such as `spiffe://shop/storefront`, or a DNS name, as the certificate has it.
    identity: String,
    /// Such as `carts:write`.
    scopes: Vec<String>,
    /// Sales channels; none: all.
    #[serde(default)]
    channels: Vec<String>,
}

impl Identities {
    pub(super) fn new(known: watch::Receiver<Known>) -> Self {
        Self(known)
    }

    /// Who the peer is by its certificate: the first of its identities that is known counts.
    #[must_use]
    pub fn principal(&self, peer: &Peer) -> Option<Arc<Principal>> {
        let known = self.0.borrow();
        let mut identities = peer.identities().iter();
        identities.find_map(|identity| known.get(identity).cloned())
    }
}

/// Reads a file of identities.
pub(super) fn parse(yaml: &str) -> Result<Known, IdentityError> {
    let entries: Vec<Entry> = serde_saphyr::from_str(yaml).map_err(Box::new)?;
    let mut known = HashMap::new();
    for entry in entries {
        let principal = Arc::new(principal(&entry)?);
        if known.insert(entry.identity.clone(), principal).is_some() {
            return Err(IdentityError::Twice(entry.identity));
        }
    }
    Ok(Arc::new(known))
}

fn principal(entry: &Entry) -> Result<Principal, IdentityError> {
    let Entry {
        identity,
        scopes,
        channels,
    } = entry;
    let mut grants = Grants::default();
    for scope in scopes {
        let granted = grants.add_named(scope);
        granted.map_err(|source| IdentityError::Scope {
            identity: identity.clone(),
            source,
        })?;
    }
    if grants.is_empty() {
        return Err(IdentityError::NoScope(identity.clone()));
    }
    Ok(Principal {
        id: format!("tls:{identity}"),
        name: identity.clone(),
        grants,
        channels: channels.clone(),
        // The certificate has its own.
        expire_time: None,
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::caller::{Access, Scope};
    use crate::serve::ClientCertificate;

    use super::*;

    #[test]
    fn the_first_known_identity_of_a_certificate_counts() {
        let yaml = "- identity: spiffe://shop/till\n  scopes: [carts:write, orders:read]\n  channels: [till]\n\
            - {identity: back.shop.example, scopes: ['store:write']}\n";
        let (_sender, known) = watch::channel(parse(yaml).unwrap());
        let identities = Identities::new(known);
        let principal = |names: &[&str]| {
            let identities_shown = names.iter().map(|name| (*name).to_owned()).collect();
            identities.principal(&Peer {
                address: "127.0.0.1:1".parse().unwrap(),
                certificate: ClientCertificate::Shown {
                    identities: identities_shown,
                },
            })
        };
        let till = principal(&["till.shop.example", "spiffe://shop/till"]).unwrap();
        assert_eq!(till.id, "tls:spiffe://shop/till");
        assert_eq!(till.channels, ["till"]);
        assert!(till.grants.allow(Scope::Carts, Access::Write));
        assert!(!till.grants.allow(Scope::Orders, Access::Write));
        let back = principal(&["back.shop.example"]).unwrap();
        assert!(back.grants.allow(Scope::Store, Access::Write) && back.channels.is_empty());
        assert_eq!(principal(&["spiffe://shop/til", ""]), None);
        assert_eq!(principal(&[]), None);
    }

    #[test]
    fn what_is_amiss_with_a_file_is_told() {
        for (yaml, told) in [
            ("identity: a", "it is not a list of identities with scopes"),
            (
                "- {identity: a, scope: [carts:read]}",
                "it is not a list of identities with scopes",
            ),
            ("- {identity: a, scopes: [carts]}", "a"),
            (
                "- {identity: a, scopes: []}",
                "a may do nothing: give it scopes",
            ),
            (
                "- {identity: a, scopes: ['carts:read']}\n- {identity: a, scopes: ['carts:read']}",
                "a is there twice",
            ),
        ] {
            assert_eq!(parse(yaml).unwrap_err().to_string(), told, "{yaml}");
        }
    }
}
