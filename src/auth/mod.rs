//! Tells who callers are by the JSON Web Tokens that they show: sessions of shoppers, which are our own, and services of the
//! shop, whose tokens come from an identity provider.

use jsonwebtoken::{Algorithm, Header, decode_header, errors};

pub mod identity_provider;
mod jwks;
pub mod session_key;
pub mod session_token;

/// Longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Why a token is not taken. It may be told to whoever has sent it: it helps nobody to forge a better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Invalid {
    #[error("expected \"Bearer\", a space and a token")]
    NoBearer,
    #[error("the API token is wrong, expired or revoked")]
    ApiToken,
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token cannot be read")]
    Malformed,
    #[error("the token has an algorithm that is not taken")]
    Algorithm,
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    #[error("the signature of the token is wrong")]
    Signature,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("a claim of the token is missing, or is not what it has to be")]
    Claims,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token has expired")]
    Expired,
    #[error("the session was revoked")]
    Revoked,
}

impl From<errors::Error> for Invalid {
    fn from(error: errors::Error) -> Self {
        use errors::ErrorKind as Kind;
        match error.kind() {
            Kind::InvalidSignature => Self::Signature,
            Kind::InvalidIssuer => Self::Issuer,
            Kind::InvalidAudience => Self::Audience,
            Kind::ExpiredSignature => Self::Expired,
            Kind::ImmatureSignature => Self::NotYet,
            Kind::InvalidAlgorithm | Kind::UnsupportedAlgorithm => Self::Algorithm,
            Kind::MissingRequiredClaim(_) | Kind::InvalidClaimFormat(_) => Self::Claims,
            _ => Self::Malformed,
        }
    }
}

/// Whether a token has the form of a session of ours, which is then to be verified. Tokens of an identity provider never
/// have: their algorithms are others.
pub fn is_session(token: &str) -> Result<bool, Invalid> {
    Ok(header(token)?.alg == Algorithm::HS256)
}

/// The head of a token, of which nothing is known to be true yet.
fn header(token: &str) -> Result<Header, Invalid> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Invalid::TooLong);
    }
    let header = decode_header(token)?;
    // What it says is critical has to be understood (RFC 7515, 4.1.11), and we know of nothing.
    if header.crit.is_some() {
        return Err(Invalid::Malformed);
    }
    Ok(header)
}
