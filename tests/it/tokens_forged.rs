//! Tokens that nobody has given to who shows them, and tokens of an identity provider.

use std::{fs, time::Duration};

use cartwright::rpc::pb;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};
use tokio::time::sleep;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{
    api::{Api, call, item, refused},
    script::Script,
    server::{Backend, TestServer, run},
    session::{KeyFile, KeyedShop, secret, session_of, sessions, shown},
    token::{by, until},
};

/// `{"alg":"none","typ":"JWT"}`
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
/// A private key that nothing but these tests uses.
const RSA: &[u8] = include_bytes!("tokens_forged/rsa.der");
const ISSUER: &str = "https://idp.example/";

#[expect(clippy::disallowed_methods, reason = "tokens end in the future")]
fn now() -> i64 {
    Utc::now().timestamp()
}

/// What the service says to a token that it does not take.
#[track_caller]
fn why(shown: Result<(), Status>) -> String {
    let message = shown
        .as_ref()
        .err()
        .map(|status| status.message().to_owned());
    refused(shown, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let message = message.unwrap();
    let (_, why) = message.split_once(": ").unwrap();
    why.to_owned()
}

fn session_claims() -> Value {
    json!({
        "iss": "cartwright", "aud": "cartwright-storefront", "sub": Uuid::from_u128(7),
        "iat": now(), "exp": now() + 3600, "customer_id": "alice", "channel_id": "default",
        "customer": {"group_ids": [], "completed_order_count": 0, "tax_exemption": ""},
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

/// Signed with a secret, as the key with this id.
fn hmac(claims: &Value, id: &str, secret: &str) -> String {
    let header = Header {
        kid: Some(id.into()),
        ..Header::new(Algorithm::HS256)
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&header, claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_session_but_with_the_key() {
    let shop = KeyedShop::start(Backend::Embedded).await;
    let api = &shop.api;
    shop.keys.set(&["first", "second"]);
    let first = |claims: &Value| hmac(claims, "first", &secret("first"));
    let good = first(&session_claims());
    shown(api, &good).await.unwrap();
    until(
        api,
        &hmac(&session_claims(), "second", &secret("second")),
        true,
    )
    .await;

    let signature = "the signature of the token is wrong";
    let unknown = "the token is signed with a key that is not known";
    let claims = "a claim of the token is missing, or is not what it has to be";
    let unreadable = "the token cannot be read";
    let [head, payload, sealed] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("{good}")
    };
    let bob = first(&with(session_claims(), "customer_id", json!("bob")));
    let bobs = bob.split('.').nth(1).unwrap();
    let expired = with(session_claims(), "exp", json!(now() - 60));
    let endless = with(session_claims(), "exp", json!(now() + 10 * 365 * 86_400));
    let cases = [
        (
            hmac(&session_claims(), "first", &secret("third")),
            signature,
        ),
        (
            hmac(&session_claims(), "first", &secret("second")),
            signature,
        ),
        (hmac(&session_claims(), "third", &secret("first")), unknown),
        (format!("{head}.{bobs}.{sealed}"), signature),
        (format!("{head}.{payload}."), signature),
        (format!("{NONE}.{payload}."), unreadable),
        (format!("{NONE}.{payload}.{sealed}"), unreadable),
        (format!("{head}.{payload}"), unreadable),
        (first(&expired), "the token has expired"),
        (first(&endless), claims),
        (
            first(&with(session_claims(), "aud", json!("cartwright"))),
            "the token is for another audience",
        ),
        (
            first(&with(session_claims(), "iss", json!(ISSUER))),
            "the token is from another issuer",
        ),
        (
            first(&with(session_claims(), "exp", json!(null))),
            unreadable,
        ),
        (
            first(&with(session_claims(), "more", json!("x".repeat(4096)))),
            "the token is longer than 4096 bytes",
        ),
        ("x".repeat(4096), unreadable),
        (
            "cwt_x".to_owned(),
            "the API token is wrong, expired or revoked",
        ),
    ];
    for (token, expected) in cases {
        assert_eq!(why(shown(api, &token).await), expected, "{token}");
    }
}

/// An identity provider's key, and the tokens that it signs.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn rsa(id: &'static str) -> Self {
        Self {
            id,
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_der(RSA),
        }
    }

    fn ec(id: &'static str, algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
            _ => &PKCS_ECDSA_P384_SHA384,
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        Self {
            id,
            algorithm,
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
        }
    }

    fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        key.common.key_id = Some(self.id.into());
        serde_json::to_value(key).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_by(self.algorithm, claims)
    }

    fn sign_by(&self, algorithm: Algorithm, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.id.into()),
            ..Header::new(algorithm)
        };
        encode(&header, claims, &self.key).unwrap()
    }
}

fn key_set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.public()).collect();
    json!({ "keys": keys }).to_string()
}

/// What a token of a service says that may look at and change carts.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["other", "cartwright"], "sub": "fulfilment", "exp": now() + 3600,
        "scope": "openid carts:write orders:read",
    })
}

/// A shop that takes the tokens of the provider whose keys are there.
async fn shop_with(keys: &str) -> Api {
    let server = TestServer::start(Backend::Embedded).await;
    let shop = Api::on(server).await;
    let options = [
        &format!("--jwt-jwks={keys}"),
        &format!("--jwt-issuer={ISSUER}"),
        "--jwt-audience=cartwright",
        "--authentication=required",
        "--wrong-credentials=0",
    ];
    Api::of(shop.server.replica_with(&options).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn services_come_with_tokens_of_the_identity_provider() {
    let signers = [
        Signer::rsa("r"),
        Signer::ec("e", Algorithm::ES256),
        Signer::ec("f", Algorithm::ES384),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    fs::write(&path, key_set(&signers.each_ref())).unwrap();
    let api = shop_with(path.to_str().unwrap()).await;
    let cart_in = |channel: &str| pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        channel_id: channel.into(),
        ..Default::default()
    };
    for signer in &signers {
        let token = signer.sign(&claims());
        call!(api.carts, create_cart, by(&token, cart_in(""))).unwrap();
        let store = call!(api.store, get_store, by(&token, pb::GetStoreRequest {}));
        refused(store, Code::PermissionDenied, "SCOPE_MISSING");
    }

    let some = with(claims(), "cartwright_channels", json!(["eu"]));
    let some = with(some, "scope", json!(["carts:write", "events:read"]));
    let token = signers[0].sign(&some);
    let created = call!(api.carts, create_cart, by(&token, cart_in(""))).unwrap();
    assert_eq!(created.cart.unwrap().channel_id, "eu");
    let created = call!(api.carts, create_cart, by(&token, cart_in("us")));
    refused(created, Code::PermissionDenied, "CHANNEL_NOT_ALLOWED");
    let request = pb::StreamEventsRequest::default();
    let mut events = pb::event_service_client::EventServiceClient::new(api.server.channel());
    let events = events.stream_events(by(&token, request)).await.map(drop);
    refused(events, Code::PermissionDenied, "SCOPE_MISSING");

    // And such a service creates sessions.
    let session = pb::CreateSessionRequest::default();
    let token = signers[1].sign(&claims());
    call!(sessions(&api), create_session, by(&token, session)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_a_service_but_by_the_providers_word() {
    let rsa = Signer::rsa("r");
    let ec = Signer::ec("e", Algorithm::ES256);
    let stranger = Signer::ec("e", Algorithm::ES256);
    let unlisted = Signer::ec("u", Algorithm::ES256);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    fs::write(&path, key_set(&[&rsa, &ec])).unwrap();
    let api = shop_with(path.to_str().unwrap()).await;
    shown(&api, &rsa.sign(&claims())).await.unwrap();

    let wrong_claim = "a claim of the token is missing, or is not what it has to be";
    let algorithm = "the token has an algorithm that is not taken";
    let ec_token = ec.sign(&claims());
    let [head, payload, sealed] = ec_token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{ec_token}")
    };
    let more = ec.sign(&with(claims(), "scope", json!("store:write")));
    let more = more.split('.').nth(1).unwrap();
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        ec.sign(&claims)
    };
    let but = |name: &str, value: Value| ec.sign(&with(claims(), name, value));
    let cases = [
        (
            stranger.sign(&claims()),
            "the signature of the token is wrong",
        ),
        (
            format!("{head}.{more}.{sealed}"),
            "the signature of the token is wrong",
        ),
        (format!("{NONE}.{payload}."), "the token cannot be read"),
        (
            unlisted.sign(&claims()),
            "the token is signed with a key that is not known",
        ),
        // The key is for RS256 alone.
        (rsa.sign_by(Algorithm::PS256, &claims()), algorithm),
        (rsa.sign_by(Algorithm::RS512, &claims()), algorithm),
        (without("exp"), wrong_claim),
        (without("aud"), wrong_claim),
        (without("iss"), wrong_claim),
        (without("sub"), wrong_claim),
        (but("exp", json!(now() - 60)), "the token has expired"),
        (
            but("nbf", json!(now() + 3600)),
            "the token is not valid yet",
        ),
        (but("nbf", json!("now")), wrong_claim),
        (
            but("aud", json!("other")),
            "the token is for another audience",
        ),
        (
            but("iss", json!("cartwright")),
            "the token is from another issuer",
        ),
        (but("sub", json!("a\nb")), wrong_claim),
        (but("cartwright_channels", json!([])), wrong_claim),
        (but("cartwright_channels", json!("eu")), wrong_claim),
    ];
    for (token, expected) in cases {
        assert_eq!(why(shown(&api, &token).await), expected, "{token}");
    }

    // What is public is no secret to sign with, in whatever form it is taken for one.
    let public = rsa.public();
    let modulus = public["n"].as_str().unwrap();
    for secret in [modulus, &public.to_string(), &key_set(&[&rsa, &ec])] {
        for claims in [claims(), session_claims()] {
            let told = why(shown(&api, &hmac(&claims, "r", secret)).await);
            assert_eq!(told, "the token is signed with a key that is not known");
            let header = Header {
                kid: Some("r".into()),
                ..Header::new(Algorithm::HS512)
            };
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = encode(&header, &claims, &key).unwrap();
            assert_eq!(why(shown(&api, &token).await), algorithm);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_keys_are_followed() {
    let old = Signer::ec("old", Algorithm::ES256);
    let new = Signer::ec("new", Algorithm::ES384);
    let provider = Script::start("tests/services/key_server.py", &[]);
    provider.behave(json!({ "answer": key_set(&[&old]) }));
    let api = shop_with(&format!("http://127.0.0.1:{}/keys", provider.port())).await;
    until(&api, &old.sign(&claims()), true).await;

    provider.behave(json!({ "answer": key_set(&[&new]) }));
    until(&api, &new.sign(&claims()), true).await;
    shown(&api, &old.sign(&claims())).await.unwrap_err();

    // However many ask for keys that there are not, the provider is left alone.
    let calls = || provider.report()["calls"].as_u64().unwrap();
    let before = calls();
    for _ in 0..50 {
        shown(&api, &old.sign(&claims())).await.unwrap_err();
    }
    assert!(calls() <= before + 1, "{} calls", calls() - before);

    // While it is away, what is known goes on to be.
    let later = Signer::ec("later", Algorithm::ES256);
    provider.behave(json!({ "mode": "fail" }));
    let before = calls();
    while calls() == before {
        shown(&api, &later.sign(&claims())).await.unwrap_err();
        sleep(Duration::from_millis(300)).await;
    }
    shown(&api, &new.sign(&claims())).await.unwrap();
    provider.behave(json!({ "answer": key_set(&[&new, &later]) }));
    until(&api, &later.sign(&claims()), true).await;
    shown(&api, &new.sign(&claims())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_no_keys_has_none() {
    let signer = Signer::ec("e", Algorithm::ES256);
    for mode in ["fail", "redirect", "malformed", "huge", "hang", "die"] {
        let provider = Script::start("tests/services/key_server.py", &[]);
        provider.behave(json!({ "mode": mode, "answer": key_set(&[&signer]) }));
        let api = shop_with(&format!("http://127.0.0.1:{}/keys", provider.port())).await;
        let told = why(shown(&api, &signer.sign(&claims())).await);
        assert_eq!(
            told, "the token is signed with a key that is not known",
            "{mode}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_used_is_told_at_the_start() {
    let keys = KeyFile::of(&["first"]);
    let keys = keys.option().replace("--session-keys=", "--jwt-jwks=");
    let together = ["--jwt-issuer=i", "--jwt-audience=a"];
    let cases = [
        vec![keys.as_str()],
        vec![together[0], together[1]],
        vec![
            "--jwt-jwks=http://idp.example/keys",
            together[0],
            together[1],
        ],
        vec!["--jwt-jwks=/no/such/file", together[0], together[1]],
        vec![keys.as_str(), together[0], together[1]],
    ];
    for options in cases {
        let arguments = [&["serve", "--listen=127.0.0.1:0"], options.as_slice()].concat();
        let output = run(&arguments, &[]);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{options:?}: {log}");
        assert!(!log.contains(&secret("first")), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_no_service() {
    let shop = KeyedShop::start(Backend::Embedded).await;
    let api = &shop.api;
    let (_, token) = session_of(api, "alice").await;
    let denied = |result| {
        drop(refused(
            result,
            Code::PermissionDenied,
            "STOREFRONT_NOT_ALLOWED",
        ));
    };
    let store = call!(api.store, get_store, by(&token, pb::GetStoreRequest {}));
    denied(store.map(drop));
    let session = pb::RevokeSessionRequest::default();
    denied(call!(sessions(api), revoke_session, by(&token, session)).map(drop));
    let session = pb::CreateSessionRequest::default();
    denied(call!(sessions(api), create_session, by(&token, session)).map(drop));
}
