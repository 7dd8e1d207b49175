//! Bearer tokens: an input is one, or else what is to be signed as one: a line with its head and after it its claims, both in
//! JSON.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;
use tonic::Code;

use super::service::{SESSION_SECRET, Service, bounded, check};

/// Most bytes that are held at a time for a token, which is refused unread if it is long, beside its own.
fn most_bytes(length: usize) -> u64 {
    256 * 1024 + 8 * u64::try_from(length).unwrap()
}

/// Needs a scope that a shopper never has.
const PATH: &str = "/cartwright.v1.StoreService/GetStore";
/// The identity provider's secret key, in PKCS #8: see `service::PROVIDER_KEYS`.
const PROVIDER_SECRET: [u8; 48] =
    *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20\
    \x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\
    \x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
/// Seconds since 1970 of the time by which tokens are verified.
const NOW: i64 = 1_767_225_600; // 2026-01-01

/// Shows the token: one that nobody has signed is nobody's, and one that was signed is what it says or refused.
pub fn run(service: &Service, input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    if let Some((head, claims)) = text.split_once('\n') {
        let Some(token) = signed(head, claims) else {
            return false;
        };
        bounded(most_bytes(token.len()), || show_signed(service, &token));
        return true;
    }
    let is_header_value = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if is_header_value {
        bounded(most_bytes(text.len()), || show_any(service, text));
    }
    is_header_value
}

/// The token with this head and these claims, signed as whoever signs by its algorithm does.
#[must_use]
pub fn signed(head: &str, claims: &str) -> Option<String> {
    let head: Header = serde_json::from_str(head).ok()?;
    let claims: Value = serde_json::from_str(claims).ok()?;
    let key = match head.alg {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            EncodingKey::from_secret(SESSION_SECRET.as_bytes())
        }
        Algorithm::EdDSA => EncodingKey::from_ed_der(&PROVIDER_SECRET),
        _ => return None,
    };
    encode(&head, &claims, &key).ok()
}

fn show_signed(service: &Service, token: &str) {
    let now = now();
    if let Ok(session) = service.sessions.verify(token, now) {
        assert!(session.expire_time > now);
        assert!(service.verify(token, now).is_err());
    }
    if let Ok(principal) = service.verify(token, now) {
        assert!(principal.expire_time.unwrap() + TimeDelta::minutes(1) > now);
        assert_eq!(principal.id, format!("jwt:{}", principal.name));
        assert!(!principal.name.is_empty());
    }
    if let Err(refusal) = service.call_with_token(token, PATH) {
        check(&refusal);
    }
}

/// It is not signed, unless it is one of [`SIGNED`] whose signature is written in another way.
fn show_any(service: &Service, text: &str) {
    let is_known = SIGNED.iter().any(|(head, claims)| {
        let token = signed(head, claims).unwrap();
        text.rsplit_once('.').map(|(said, _)| said) == token.rsplit_once('.').map(|(said, _)| said)
    });
    let is_taken =
        service.sessions.verify(text, now()).is_ok() || service.verify(text, now()).is_ok();
    assert!(is_known || !is_taken, "{text}");
    let refusal = service.call_with_token(text, PATH).unwrap_err();
    assert_eq!(refusal.code(), Code::Unauthenticated, "{refusal:?}");
    check(&refusal);
}

/// The time by which tokens are verified.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(NOW).unwrap()
}

/// Head and claims of a token of each kind that is good for a minute from [`NOW`].
pub const SIGNED: [(&str, &str); 2] = [
    (
        r#"{"typ": "JWT", "alg": "HS256", "kid": "process"}"#,
        r#"{"iss": "cartwright", "aud": "cartwright-storefront", "sub": "00000000-0000-0000-0000-000000000007",
            "iat": 1767225600, "exp": 1767225660, "customer_id": "alice", "channel_id": "web",
            "customer": {"group_ids": ["vip"], "completed_order_count": 3, "tax_exemption": "x"}}"#,
    ),
    (
        r#"{"typ": "JWT", "alg": "EdDSA", "kid": "a"}"#,
        r#"{"iss": "https://idp.example", "aud": ["shop", "other"], "sub": "crm", "nbf": 1767225590.5, "exp": 1767225660,
            "scope": "openid carts:write orders:read", "channels": ["web", "app"]}"#,
    ),
];
