//! Who calls, and what they may do.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checkout::{Checkout, CustomerContext};

/// The sales channel of carts and sessions that name none.
pub const DEFAULT_CHANNEL: &str = "default";

/// Who calls.
#[derive(Debug, Clone, Default)]
pub enum Caller {
    /// The command line, and everybody where authentication is off: may do everything.
    #[default]
    Trusted,
    /// A service of the shop, server to server.
    Management(Arc<Principal>),
    /// A shopper, bound to carts of their own.
    Storefront(Arc<Session>),
}

/// A service of the shop, as its credentials say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Tells it from every other caller, and by what it is known: `token:cwt_1a2b3c4d5e6f`, `jwt:SUBJECT` or `tls:IDENTITY`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub grants: Grants,
    /// The sales channels whose carts, checkouts and orders it may do it to; empty: all.
    pub channels: Vec<String>,
    /// When its credentials end, if they do.
    pub expire_time: Option<DateTime<Utc>>,
}

/// A shopper's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// The shop's id of the customer; empty for a guest.
    pub customer_id: String,
    /// What the shop said of the customer.
    pub customer: CustomerContext,
    /// The sales channel.
    pub channel_id: String,
    /// When it ends.
    pub expire_time: DateTime<Utc>,
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What part of the service something belongs to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $($(#[$doc])* $variant,)* }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

scopes! {
    /// Carts, and shoppers' sessions.
    Carts = "carts";
    /// Checkouts: addresses, consignments, coupons and what pays.
    Checkouts = "checkouts";
    /// Orders and their payments.
    Orders = "orders";
    /// Products.
    Catalog = "catalog";
    /// Promotions and coupon codes.
    Promotions = "promotions";
    /// Settings and customers' store credit.
    Store = "store";
    /// Gift certificates, with their codes.
    GiftCertificates = "gift_certificates";
    /// What happened to everything.
    Events = "events";
}

/// What may be done within a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

impl Access {
    /// The name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What somebody may do: for each scope the most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(BTreeMap<Scope, Access>);

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no scope: expected one of {scopes}, a colon and read or write, such as carts:write", scopes = scope_names())]
pub struct NotAScope(String);

impl Grants {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(
            Scope::ALL
                .iter()
                .map(|scope| (*scope, Access::Write))
                .collect(),
        )
    }

    /// Grants this, too.
    pub fn add(&mut self, scope: Scope, access: Access) {
        let most = self.0.entry(scope).or_insert(access);
        *most = access.max(*most);
    }

    /// Adds what a text such as `carts:write` names.
    pub fn add_named(&mut self, text: &str) -> Result<(), NotAScope> {
        let no_scope = || NotAScope(text.to_owned());
        let (scope, access) = text.split_once(':').ok_or_else(no_scope)?;
        let mut scopes = Scope::ALL.iter().copied();
        let scope = scopes.find(|known| known.name() == scope);
        let mut accesses = [Access::Read, Access::Write].into_iter();
        let access = accesses.find(|known| known.name() == access);
        self.add(scope.ok_or_else(no_scope)?, access.ok_or_else(no_scope)?);
        Ok(())
    }

    /// Grants nothing of this scope any more.
    pub fn remove(&mut self, scope: Scope) {
        self.0.remove(&scope);
    }

    /// Whether this is granted. Who may change may look.
    #[must_use]
    pub fn allow(&self, scope: Scope, access: Access) -> bool {
        self.0.get(&scope).is_some_and(|most| *most >= access)
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// With spaces between, as in the `scope` of a JWT.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (scope, access)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}:{}", scope.name(), access.name())?;
        }
        Ok(())
    }
}

/// Names with spaces or commas between.
impl FromStr for Grants {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        names
            .into_iter()
            .try_fold(Self::default(), |mut grants, name| {
                grants.add_named(name)?;
                Ok(grants)
            })
    }
}

fn scope_names() -> String {
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    names.join(", ")
}

impl Caller {
    /// Somebody of whom nothing is known: who sees nothing, and may do what needs no credentials.
    #[must_use]
    pub fn nobody() -> Self {
        Self::Storefront(Arc::new(Session {
            id: Uuid::nil(),
            customer_id: String::new(),
            customer: CustomerContext::default(),
            channel_id: DEFAULT_CHANNEL.to_owned(),
            expire_time: DateTime::UNIX_EPOCH,
        }))
    }

    /// Whether nothing is known of the caller.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.session().is_some_and(|session| session.id.is_nil())
    }

    /// Whether a service of the shop may do this.
    #[must_use]
    pub fn may(&self, scope: Scope, access: Access) -> bool {
        match self {
            Self::Trusted => true,
            Self::Management(principal) => principal.grants.allow(scope, access),
            Self::Storefront(_) => false,
        }
    }

    /// The shopper's session, if a shopper calls.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Storefront(session) => Some(session),
            Self::Trusted | Self::Management(_) => None,
        }
    }

    /// The only sales channels it may do anything in; none: all.
    #[must_use]
    pub fn channels(&self) -> Option<&[String]> {
        match self {
            Self::Trusted => None,
            Self::Management(principal) => {
                let channels = principal.channels.as_slice();
                (!channels.is_empty()).then_some(channels)
            }
            Self::Storefront(session) => Some(std::slice::from_ref(&session.channel_id)),
        }
    }

    /// Whether it may do anything in this sales channel.
    #[must_use]
    pub fn is_of_channel(&self, channel_id: &str) -> bool {
        self.channels()
            .is_none_or(|channels| channels.iter().any(|own| own == channel_id))
    }

    /// Whether the checkout, or the order that was created from it, is there for this caller. A shopper sees what the session
    /// has created or claimed, and what else is the customer's.
    #[must_use]
    pub fn sees(&self, checkout: &Checkout) -> bool {
        self.is_of_channel(&checkout.channel_id)
            && self.session().is_none_or(|session| {
                let is_customers =
                    !session.customer_id.is_empty() && session.customer_id == checkout.customer_id;
                is_customers || checkout.session_id == Some(session.id)
            })
    }

    /// Who it is, for people and logs: nothing secret, nothing personal.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Trusted => "trusted".to_owned(),
            Self::Management(principal) => principal.id.clone(),
            Self::Storefront(session) => format!("session:{}", session.id),
        }
    }
}
