//! The keys of an identity provider: a JSON Web Key Set (RFC 7517).

use std::{collections::HashMap, slice};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set.
const MAX_KEYS: usize = 100;
/// Bits of a modulus, in bytes: at least 2048 (RFC 7518, 3.3), and no more than costs little to verify with.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// Bytes of a public Ed25519 key.
const ED25519_BYTES: usize = 32;

/// A key that verifies.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    /// The algorithms that it is for.
    algorithms: Vec<Algorithm>,
}

impl Key {
    /// Whether it is for this algorithm.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// The keys by their ids.
pub(super) type Keys = HashMap<String, Key>;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// The keys of a set that verify signatures by algorithms that we take. What else is in it is for others.
pub(super) fn parse(set: &[u8]) -> Result<Keys, &'static str> {
    let set: KeySet = serde_json::from_slice(set).map_err(|_| "is no JSON Web Key Set")?;
    if set.keys.len() > MAX_KEYS {
        return Err("has more than 100 keys");
    }
    let keys: Keys = set.keys.into_iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(
            "has no key that can be used: one needs an id, and is of RSA, P-256, P-384 or Ed25519",
        );
    }
    Ok(keys)
}

fn key(jwk: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let common = &jwk.common;
    let for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|given| *given == PublicKeyUse::Signature);
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|given| given.contains(&KeyOperations::Verify));
    if !for_signatures || !verifies {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let fitting = fitting(&jwk.algorithm, &decoding)?;
    let algorithms = match common.key_algorithm {
        None => fitting.to_vec(),
        Some(only) => {
            let only = Algorithm::try_from(only).ok()?;
            fitting.contains(&only).then(|| vec![only])?
        }
    };
    let key = Key {
        decoding,
        algorithms,
    };
    Some((jwk.common.key_id?, key))
}

/// The algorithms that a key of this type and size can be for; none for one that is not taken.
fn fitting(parameters: &AlgorithmParameters, key: &DecodingKey) -> Option<&'static [Algorithm]> {
    use jsonwebtoken::DecodingKeyKind as Kind;
    match (parameters, key.kind()) {
        (AlgorithmParameters::RSA(_), Kind::RsaModulusExponent { n, .. }) => {
            let zeros = n.iter().take_while(|byte| **byte == 0).count();
            let is_taken = RSA_BYTES.contains(&n.len().saturating_sub(zeros));
            is_taken.then_some(RSA_ALGORITHMS)
        }
        (AlgorithmParameters::EllipticCurve(given), _) => match given.curve {
            EllipticCurve::P256 => Some(slice::from_ref(&Algorithm::ES256)),
            EllipticCurve::P384 => Some(slice::from_ref(&Algorithm::ES384)),
            _ => None,
        },
        // The library takes the first 32 bytes, and panics where there are fewer.
        (AlgorithmParameters::OctetKeyPair(given), Kind::SecretOrDer(bytes)) => {
            let is_taken = given.curve == EllipticCurve::Ed25519 && bytes.len() == ED25519_BYTES;
            is_taken.then_some(slice::from_ref(&Algorithm::EdDSA))
        }
        _ => None,
    }
}

const RSA_ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// So many bytes, in base64url.
    fn bytes(count: usize) -> String {
        // 3 bytes are 4 letters; what is left of them ends in zeros.
        let rest = ["", "_w", "__8"][count % 3];
        "_".repeat(count / 3 * 4) + rest
    }

    fn parsed(key: &Value) -> Option<Vec<Algorithm>> {
        let set = json!({"keys": [key]}).to_string();
        let mut keys = parse(set.as_bytes()).ok()?;
        Some(keys.remove("k")?.algorithms)
    }

    fn rsa() -> Value {
        json!({"kty": "RSA", "kid": "k", "n": bytes(256), "e": "AQAB"})
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_type() {
        assert_eq!(parsed(&rsa()), Some(RSA_ALGORITHMS.to_vec()));
        let ec = |curve: &str| json!({"kty": "EC", "kid": "k", "crv": curve, "x": "AA", "y": "AA"});
        assert_eq!(parsed(&ec("P-256")), Some(vec![Algorithm::ES256]));
        assert_eq!(parsed(&ec("P-384")), Some(vec![Algorithm::ES384]));
        let ed = json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": bytes(32)});
        assert_eq!(parsed(&ed), Some(vec![Algorithm::EdDSA]));
        let mut one = rsa();
        one["alg"] = json!("PS256");
        one["use"] = json!("sig");
        one["key_ops"] = json!(["verify"]);
        assert_eq!(parsed(&one), Some(vec![Algorithm::PS256]));
    }

    #[test]
    fn other_keys_are_left_out() {
        let with = |name: &str, value: Value| {
            let mut key = rsa();
            key[name] = value;
            key
        };
        for other in [
            with("alg", json!("HS256")),
            with("alg", json!("ES256")),
            with("alg", json!("RSA-OAEP")),
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("kid", Value::Null),
            with("n", json!(bytes(255))),
            with("n", json!(format!("AAAA{}", bytes(255)))),
            with("n", json!(bytes(513))),
            with("n", json!("~")),
            with("kty", json!("oct")),
            json!({"kty": "oct", "kid": "k", "k": bytes(64)}),
            json!({"kty": "oct", "kid": "k", "alg": "HS256", "k": bytes(64)}),
            json!({"kty": "EC", "kid": "k", "crv": "P-521", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "kid": "k", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": bytes(31)}),
            json!({"kty": "OKP", "kid": "k", "crv": "X25519", "x": bytes(32)}),
            json!("key"),
        ] {
            assert_eq!(parsed(&other), None, "{other}");
            // And those beside it are taken.
            let set = json!({"keys": [other, with("kid", json!("good"))]}).to_string();
            assert!(parse(set.as_bytes()).unwrap().contains_key("good"));
        }
    }

    #[test]
    fn what_is_no_set_of_keys_is_refused() {
        let many = json!({"keys": vec![rsa(); 101]}).to_string();
        for set in ["", "[]", "{}", r#"{"keys": 1}"#, r#"{"keys": []}"#, &many] {
            assert!(parse(set.as_bytes()).is_err(), "{set}");
        }
    }
}
