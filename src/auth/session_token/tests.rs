use jsonwebtoken::EncodingKey;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::auth::is_session;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn sessions(keys: &str) -> Sessions {
    Sessions {
        keys: RwLock::new(Arc::new(SessionKeys::parse(keys).unwrap())),
        file: Some(PathBuf::new()),
        told: Once::new(),
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    time("2026-11-23T12:00:00Z")
}

fn session() -> Session {
    Session {
        id: Uuid::from_u128(7),
        customer_id: "alice".into(),
        customer: CustomerContext {
            group_ids: vec!["vip".into()],
            completed_order_count: 3,
            tax_exemption: "x".into(),
        },
        channel_id: "web".into(),
        expire_time: time("2026-11-24T12:00:00Z"),
    }
}

fn claims() -> Value {
    json!({
        "iss": "cartwright", "aud": "cartwright-storefront", "sub": Uuid::from_u128(7),
        "iat": now().timestamp(), "exp": now().timestamp() + 60,
        "customer_id": "", "channel_id": "web",
        "customer": {"group_ids": [], "completed_order_count": 0, "tax_exemption": ""},
    })
}

/// Signed as the service would sign it.
fn signed(claims: &Value) -> String {
    let header = Header {
        kid: Some("a".into()),
        ..Header::new(Algorithm::HS256)
    };
    encode(
        &header,
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .unwrap()
}

#[test]
fn a_session_is_read_back_until_its_time() {
    let sessions = sessions(&format!("a {SECRET}"));
    let token = sessions.issue(&session(), now()).unwrap();
    let token = token.expose_secret();
    assert_eq!(is_session(token), Ok(true));
    assert_eq!(sessions.verify(token, now()), Ok(session()));
    let last = session().expire_time - TimeDelta::microseconds(1);
    assert_eq!(sessions.verify(token, last), Ok(session()));
    let end = session().expire_time;
    assert_eq!(sessions.verify(token, end), Err(Invalid::Expired));
}

#[test]
fn old_keys_verify_until_they_are_taken_out() {
    let other = SECRET.to_uppercase();
    let before = sessions(&format!("a {SECRET}"));
    let token = before.issue(&session(), now()).unwrap();
    let rotated = sessions(&format!("b {other}\na {SECRET}"));
    assert!(rotated.verify(token.expose_secret(), now()).is_ok());
    let newer = rotated.issue(&session(), now()).unwrap();
    let verified = before.verify(newer.expose_secret(), now());
    assert_eq!(verified, Err(Invalid::UnknownKey));
    let after = sessions(&format!("b {other}"));
    assert!(after.verify(newer.expose_secret(), now()).is_ok());
    let verified = after.verify(token.expose_secret(), now());
    assert_eq!(verified, Err(Invalid::UnknownKey));
    // The same id does not make it the same key.
    let renamed = sessions(&format!("a {other}"));
    let verified = renamed.verify(token.expose_secret(), now());
    assert_eq!(verified, Err(Invalid::Signature));
}

#[test]
fn every_claim_counts() {
    let sessions = sessions(&format!("a {SECRET}"));
    assert!(sessions.verify(&signed(&claims()), now()).is_ok());
    let month = MAX_LIFETIME.num_seconds();
    let cases = [
        ("iss", json!("somebody"), Invalid::Issuer),
        ("iss", Value::Null, Invalid::Claims),
        ("aud", json!("cartwright"), Invalid::Audience),
        ("aud", json!([]), Invalid::Audience),
        ("aud", Value::Null, Invalid::Claims),
        ("exp", json!(now().timestamp()), Invalid::Expired),
        ("exp", json!(-1), Invalid::Claims),
        ("exp", json!(i64::MAX), Invalid::Claims),
        ("exp", json!(now().timestamp() + month + 1), Invalid::Claims),
        ("exp", json!("tomorrow"), Invalid::Malformed),
        ("exp", Value::Null, Invalid::Malformed),
        ("iat", json!(i64::MIN), Invalid::Claims),
        ("sub", json!("alice"), Invalid::Malformed),
        ("customer_id", json!(7), Invalid::Malformed),
        ("customer", Value::Null, Invalid::Malformed),
    ];
    for (name, value, invalid) in cases {
        let mut claims = claims();
        claims[name] = value.clone();
        let verified = sessions.verify(&signed(&claims), now());
        assert_eq!(verified, Err(invalid), "{name}: {value}");
    }
    let mut more = claims();
    more["roles"] = json!(["admin"]);
    assert!(sessions.verify(&signed(&more), now()).is_ok());
}

#[test]
fn the_head_is_pinned() {
    let sessions = sessions(&format!("a {SECRET}"));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let head = |alg, kid: Option<&str>| Header {
        kid: kid.map(str::to_owned),
        ..Header::new(alg)
    };
    let critical = Header {
        crit: Some(vec!["b64".into()]),
        ..head(Algorithm::HS256, Some("a"))
    };
    let cases = [
        (head(Algorithm::HS512, Some("a")), Invalid::Algorithm),
        (head(Algorithm::HS256, Some("b")), Invalid::UnknownKey),
        (head(Algorithm::HS256, None), Invalid::UnknownKey),
        (critical, Invalid::Malformed),
    ];
    for (header, invalid) in cases {
        let token = encode(&header, &claims(), &key).unwrap();
        assert_eq!(sessions.verify(&token, now()), Err(invalid), "{header:?}");
    }
}

#[test]
fn no_text_is_taken_for_a_token() {
    let sessions = sessions(&format!("a {SECRET}"));
    let token = signed(&claims());
    let (message, _) = token.rsplit_once('.').unwrap();
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        &format!("{message}."),
        &format!("{token}."),
        &format!("{token}="),
        &format!(" {token}"),
        &token[..token.len() - 1],
        &token.replace('.', ""),
    ] {
        let verified = sessions.verify(text, now());
        assert!(
            matches!(verified, Err(Invalid::Malformed | Invalid::Signature)),
            "{text}: {verified:?}"
        );
    }
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(sessions.verify(&long, now()), Err(Invalid::TooLong));
}

#[test]
fn no_longer_token_is_made_than_is_taken() {
    let sessions = sessions(&format!("a {SECRET}"));
    let mut session = session();
    session.customer.group_ids = vec!["g".repeat(255); 100];
    let issued = sessions.issue(&session, now());
    assert!(matches!(issued, Err(IssueError::TooLong)));
}
