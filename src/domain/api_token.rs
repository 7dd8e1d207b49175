//! API tokens: how services of the shop prove who they are.
//!
//! A token reads `cwt_PREFIX_SECRET`. The prefix tells which one it is and is no secret. Of the secret only a hash is kept: a
//! plain one, without salt, for nobody can try the secrets that 260 random bits make.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::{Access, Grants, Principal, Scope};

/// Begins the id of the [`Principal`] who has a token; its prefix follows.
pub const TOKEN: &str = "token:";
/// How every token begins.
pub const MARK: &str = "cwt_";
/// What prefixes and secrets are made of: 5 bits each.
pub const ALPHABET: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
];
/// Letters of a prefix after the [`MARK`].
pub const PREFIX_LETTERS: u32 = 12;
/// Letters of a secret: 260 bits.
pub const SECRET_LETTERS: u32 = 52;
/// Tokens at a time that are neither revoked nor expired.
pub const MAX_LIVING: u64 = 1_000;
/// Most characters of a name.
const MAX_NAME_LENGTH: usize = 100;
/// Most sales channels of a token.
const MAX_CHANNELS: usize = 100;
/// Most characters of the id of a sales channel.
const MAX_CHANNEL_LENGTH: usize = 255;

/// A token as it is kept.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Tells which it is, [`MARK`] included: `cwt_k3jd72ab5xqz`.
    pub prefix: String,
    /// Of its secret.
    pub secret_hash: SecretHash,
    /// For people.
    pub name: String,
    /// What whoever has it may do.
    pub grants: Grants,
    /// In which sales channels; empty: all.
    pub channels: Vec<String>,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it ends; none: never.
    pub expire_time: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoke_time: Option<DateTime<Utc>>,
    /// When it was last used, give or take ten seconds.
    pub last_use_time: Option<DateTime<Utc>>,
}

/// What a new token shall be.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    name: String,
    grants: Grants,
    channels: Vec<String>,
    lifetime: Option<TimeDelta>,
}

/// Why a token cannot be as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Its name.
    #[error("the name must have 1 to {MAX_NAME_LENGTH} characters, and none that cannot be seen")]
    Name,
    /// It may do nothing.
    #[error("a token needs a scope, such as carts:write")]
    NoScope,
    /// Its sales channels.
    #[error(
        "a token is for up to {MAX_CHANNELS} channels, of 1 to {MAX_CHANNEL_LENGTH} characters that can be seen"
    )]
    Channels,
    /// Everybody's events for some channels only.
    #[error(
        "the stream of events is not divided by channel: leave out the scope events, or the channels"
    )]
    EventsOfChannels,
}

impl NewApiToken {
    /// One with a name for people that may do this in these sales channels, or in all if there are none, and ends after its
    /// `lifetime`, or never.
    pub fn new(
        name: String,
        grants: Grants,
        channels: Vec<String>,
        lifetime: Option<TimeDelta>,
    ) -> Result<Self, InvalidToken> {
        if !is_text(&name, MAX_NAME_LENGTH) {
            return Err(InvalidToken::Name);
        }
        if grants.is_empty() {
            return Err(InvalidToken::NoScope);
        }
        let are_ids = channels.iter().all(|id| is_text(id, MAX_CHANNEL_LENGTH));
        if channels.len() > MAX_CHANNELS || !are_ids {
            return Err(InvalidToken::Channels);
        }
        if !channels.is_empty() && grants.allow(Scope::Events, Access::Read) {
            return Err(InvalidToken::EventsOfChannels);
        }
        Ok(Self {
            name,
            grants,
            channels,
            lifetime,
        })
    }

    /// The token that it becomes.
    #[must_use]
    pub fn with(self, prefix: String, secret_hash: SecretHash, now: DateTime<Utc>) -> ApiToken {
        let end = |lifetime| now.checked_add_signed(lifetime);
        ApiToken {
            prefix,
            secret_hash,
            name: self.name,
            grants: self.grants,
            channels: self.channels,
            create_time: now,
            expire_time: self.lifetime.and_then(end),
            revoke_time: None,
            last_use_time: None,
        }
    }
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.contains(char::is_control)
}

impl ApiToken {
    /// Whether it is neither revoked nor expired.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.revoke_time.is_none() && self.expire_time.is_none_or(|time| now < time)
    }

    /// Who it is that has it.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            id: format!("{TOKEN}{}", self.prefix),
            name: self.name.clone(),
            grants: self.grants.clone(),
            channels: self.channels.clone(),
            expire_time: self.expire_time,
        }
    }
}

/// Prefix and secret of what has the form of a token.
#[must_use]
pub fn parts(text: &str) -> Option<(&str, &str)> {
    let (prefix, secret) = text.rsplit_once('_')?;
    (is_prefix(prefix) && has_form(secret, SECRET_LETTERS)).then_some((prefix, secret))
}

/// The prefix in what has the form of a token, or of a prefix.
#[must_use]
pub fn prefix_of(text: &str) -> Option<&str> {
    let of_token = parts(text).map(|(prefix, _)| prefix);
    of_token.or_else(|| is_prefix(text).then_some(text))
}

fn is_prefix(text: &str) -> bool {
    let letters = text.strip_prefix(MARK);
    letters.is_some_and(|letters| has_form(letters, PREFIX_LETTERS))
}

fn has_form(part: &str, letters: u32) -> bool {
    u32::try_from(part.len()) == Ok(letters) && part.chars().all(|c| ALPHABET.contains(&c))
}

/// What is kept of a secret. It cannot be compared but by [`is_of`](Self::is_of), which takes as long whatever is in it.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of no secret.
    pub const NOBODYS: Self = Self([0; 32]);

    /// Of this one.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// One that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be kept.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is that of this secret.
    #[must_use]
    pub fn is_of(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst";

    #[test]
    fn a_token_has_its_form() {
        let prefix = "cwt_k3jd72ab5xqz";
        let token = format!("{prefix}_{SECRET}");
        assert_eq!(parts(&token), Some((prefix, SECRET)));
        assert_eq!(prefix_of(&token), Some(prefix));
        assert_eq!(prefix_of(prefix), Some(prefix));
        assert_eq!(prefix_of(&prefix[1..]), None);
        for wrong in [
            "",
            "_",
            "cwt_",
            prefix,
            &format!("{token}a"),
            &token[1..],
            &token.to_uppercase(),
            &token.replace("k3", "k1"),
            &token.replacen('_', "-", 2),
            &format!("cwt_k3jd72ab5xq_{SECRET}"),
            &format!("cwt_k3jd72ab5xé_{SECRET}"),
            &token.replace("cwt", "jwt"),
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_of_its_secret_alone() {
        let hash = SecretHash::of(SECRET);
        assert!(hash.is_of(SECRET));
        assert!(!hash.is_of(&SECRET[1..]));
        assert!(!hash.is_of(""));
        assert!(!SecretHash::NOBODYS.is_of(SECRET));
        assert!(SecretHash::from_bytes(*hash.as_bytes()).is_of(SECRET));
        assert_eq!(format!("{hash:?}"), "SecretHash(…)");
    }

    /// Were there two ways to have it, which is meant could not be told, and this would not compile.
    #[test]
    fn hashes_cannot_be_compared_in_another_way() {
        trait OneWay<Way> {
            fn has_it() {}
        }
        struct WithoutComparison;
        impl<T> OneWay<()> for T {}
        impl<T: PartialEq> OneWay<WithoutComparison> for T {}
        <SecretHash as OneWay<_>>::has_it();
    }

    fn new(name: &str, scopes: &str, channels: &[&str]) -> Result<NewApiToken, InvalidToken> {
        let channels = channels.iter().map(|&id| id.to_owned()).collect();
        let grants = scopes.parse().unwrap();
        NewApiToken::new(name.to_owned(), grants, channels, None)
    }

    #[test]
    fn a_token_lives_until_it_ends_or_is_revoked() {
        let time = |hour| DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let new = new("storefront", "carts:write", &["eu"]).unwrap();
        let made =
            |new: NewApiToken| new.with("cwt_k3jd72ab5xqz".into(), SecretHash::of(SECRET), time(0));
        let forever = made(new.clone());
        assert!(forever.is_alive(time(1_000_000)));
        let day = made(NewApiToken {
            lifetime: Some(TimeDelta::days(1)),
            ..new
        });
        assert!(day.is_alive(time(23)));
        assert!(!day.is_alive(time(24)));
        let revoked = ApiToken {
            revoke_time: Some(time(1)),
            ..forever.clone()
        };
        assert!(!revoked.is_alive(time(2)));
        assert_eq!(forever.principal().id, "token:cwt_k3jd72ab5xqz");
        assert_eq!(forever.principal().channels, ["eu"]);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (name, scopes, channels) in [
            ("n", "carts:read", [].as_slice()),
            (&"n".repeat(100), "events:read orders:write", &[]),
            ("storefront", "carts:write", &["c"; 100]),
        ] {
            assert!(new(name, scopes, channels).is_ok());
        }
        for (name, scopes, channels, why) in [
            ("", "carts:read", [].as_slice(), InvalidToken::Name),
            (" ", "carts:read", &[], InvalidToken::Name),
            ("a\u{1b}[2J", "carts:read", &[], InvalidToken::Name),
            (&"n".repeat(101), "carts:read", &[], InvalidToken::Name),
            ("n", "", &[], InvalidToken::NoScope),
            ("n", "carts:read", &[""], InvalidToken::Channels),
            ("n", "carts:read", &["c"; 101], InvalidToken::Channels),
            ("n", "events:read", &["c"], InvalidToken::EventsOfChannels),
        ] {
            assert_eq!(new(name, scopes, channels).unwrap_err(), why);
        }
    }
}
