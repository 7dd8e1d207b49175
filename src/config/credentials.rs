//! Options of what callers are known by.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use crate::auth::identity_provider::{KeySource, Settings};

/// What callers are known by, beside API tokens and certificates.
#[derive(Debug, Clone, clap::Args)]
pub struct Credentials {
    /// File with the keys that sign shoppers' sessions, one a line: an id, a space and a secret, as `session-key` prints it. The
    /// first signs, all verify; changes are taken over within seconds. None: a key of this process alone
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_SESSION_KEYS",
        value_name = "FILE"
    )]
    pub session_keys: Option<PathBuf>,

    /// Let callers without credentials create sessions of guests
    #[arg(long, global = true, env = "CARTWRIGHT_ANONYMOUS_SESSIONS", value_parser = BoolishValueParser::new())]
    pub anonymous_sessions: bool,

    /// JSON Web Key Set of the identity provider whose tokens services of the shop may call with: a file, or an https:// URL
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_JWT_JWKS",
        value_name = "FILE_OR_URL"
    )]
    #[arg(value_parser = KeySource::parse, requires_all = ["jwt_issuer", "jwt_audience"])]
    pub jwt_jwks: Option<KeySource>,

    /// Whose tokens are taken: their claim "iss"
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_JWT_ISSUER",
        value_name = "TEXT",
        requires = "jwt_jwks"
    )]
    pub jwt_issuer: Option<String>,

    /// For whom they have to be: their claim "aud"
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_JWT_AUDIENCE",
        value_name = "TEXT",
        requires = "jwt_jwks"
    )]
    pub jwt_audience: Option<String>,

    /// The claim with scopes such as carts:write, a text with spaces between or a list
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_JWT_SCOPE_CLAIM",
        value_name = "NAME"
    )]
    #[arg(default_value = "scope")]
    pub jwt_scope_claim: String,

    /// The claim with the list of sales channels; a token without it is for all
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_JWT_CHANNELS_CLAIM",
        value_name = "NAME"
    )]
    #[arg(default_value = "cartwright_channels")]
    pub jwt_channels_claim: String,
}

impl Credentials {
    /// What is to be known of the identity provider, if there is one: its options are given together.
    #[must_use]
    pub fn identity_provider(&self) -> Option<Settings> {
        Some(Settings {
            keys: self.jwt_jwks.clone()?,
            issuer: self.jwt_issuer.clone()?,
            audience: self.jwt_audience.clone()?,
            scope_claim: self.jwt_scope_claim.clone(),
            channels_claim: self.jwt_channels_claim.clone(),
        })
    }
}
