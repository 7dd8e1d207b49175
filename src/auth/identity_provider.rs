//! Services of the shop whose tokens come from the organisation's identity provider: JSON Web Tokens (RFC 7519), verified by
//! the provider's public keys.

use std::{
    fs::File,
    io::Read as _,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{AlgorithmFamily, Validation, decode};
use reqwest::{Client, Url};
use serde_json::{Map, Value};
use tokio::{
    sync::Mutex,
    task,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Invalid, header,
    jwks::{self, Keys},
};
use crate::{
    domain::caller::{Grants, Principal, Scope},
    outbound::{MAX_ANSWER_BYTES, http_body, http_client, http_failure},
};

/// How old keys get before they are looked for again.
const RELOAD_INTERVAL: Duration = Duration::from_mins(5);
/// How soon they are looked for again because a token has a key that is not known.
const RELOAD_PAUSE: Duration = Duration::from_secs(10);
/// Longest wait for the keys.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// By how much the provider's clock and ours may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);
/// Most characters of who a token is of, and of the id of a sales channel.
const MAX_TEXT: usize = 255;
/// Most sales channels of a token.
const MAX_CHANNELS: usize = 100;

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file.
    File(PathBuf),
    /// At an address: `https://`, or `http://` of this machine.
    Url(Url),
}

impl KeySource {
    /// Reads a URL or else the path of a file. The error says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let url = Url::parse(text).ok().filter(|url| match url.scheme() {
            "https" => true,
            "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
            _ => false,
        });
        url.map(Self::Url).ok_or_else(|| {
            "expected a file, a URL that begins with https://, or http:// and this machine"
                .to_owned()
        })
    }
}

/// What is to be known of an identity provider.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its keys are.
    pub keys: KeySource,
    /// Who its tokens are from (`iss`).
    pub issuer: String,
    /// For whom its tokens are (`aud`).
    pub audience: String,
    /// The claim with scopes: a text with spaces between, or a list. Those that are not ours are left out.
    pub scope_claim: String,
    /// The claim with the list of sales channels; a token without it is for all.
    pub channels_claim: String,
}

/// Verifies the tokens of an identity provider.
#[derive(Debug)]
pub struct IdentityProvider {
    settings: Settings,
    client: Client,
    keys: RwLock<Arc<Keys>>,
    /// When the keys were last looked for. Held while they are.
    looked: Arc<Mutex<Option<Instant>>>,
}

/// Why there are no keys. Tells nothing of what was read.
#[derive(Debug, thiserror::Error)]
#[error("the JSON Web Key Set of --jwt-jwks {0}")]
pub struct KeysError(String);

impl IdentityProvider {
    /// Keys in a file are read at once; those at an address only by [`Self::follow_keys`], and when a token needs them.
    pub async fn new(settings: Settings) -> Result<Self, KeysError> {
        let client = http_client().map_err(|_| KeysError("cannot be asked for".to_owned()))?;
        let provider = Self {
            client,
            keys: RwLock::default(),
            looked: Arc::default(),
            settings,
        };
        if matches!(provider.settings.keys, KeySource::File(_)) {
            provider.load().await?;
        }
        Ok(provider)
    }

    /// Who has a token that the provider has signed for us, and that is valid now.
    ///
    /// Where the token's key is not known the keys are looked for again, for 2 seconds at most and not more often than every 10.
    pub async fn verify(
        self: &Arc<Self>,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Principal, Invalid> {
        let header = header(token)?;
        // A secret that both know is never what the provider signs with: its keys are public.
        if header.alg.family() == AlgorithmFamily::Hmac {
            return Err(Invalid::Algorithm);
        }
        let id = header.kid.ok_or(Invalid::UnknownKey)?;
        let mut keys = self.keys();
        if !keys.contains_key(&id) {
            self.look_again().await;
            keys = self.keys();
        }
        let key = keys.get(&id).ok_or(Invalid::UnknownKey)?;
        if !key.is_for(header.alg) {
            return Err(Invalid::Algorithm);
        }
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Compared with our own clock below.
        validation.validate_exp = false;
        let verified = decode::<Map<String, Value>>(token, &key.decoding, &validation)?;
        self.principal(&verified.claims, now)
    }

    fn principal(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Principal, Invalid> {
        let expire_time = claims.get("exp").and_then(time).ok_or(Invalid::Claims)?;
        if expire_time + LEEWAY <= now {
            return Err(Invalid::Expired);
        }
        if let Some(not_before) = claims.get("nbf") {
            let not_before = time(not_before).ok_or(Invalid::Claims)?;
            if now + LEEWAY < not_before {
                return Err(Invalid::NotYet);
            }
        }
        let name = claims.get("sub").and_then(text).ok_or(Invalid::Claims)?;
        let channels = match claims.get(&self.settings.channels_claim) {
            Some(given) => channels(given).ok_or(Invalid::Claims)?,
            None => Vec::new(),
        };
        let scopes = claims.get(&self.settings.scope_claim);
        Ok(Principal {
            id: format!("jwt:{name}"),
            grants: grants(scopes, &channels),
            name,
            channels,
            expire_time: Some(expire_time),
        })
    }

    /// Looks for the keys again and again, until it is cancelled. Those that are known stay while there are no others.
    pub async fn follow_keys(self: Arc<Self>, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(RELOAD_INTERVAL);
        while cancelled.run_until_cancelled(ticks.tick()).await.is_some() {
            let mut looked = self.looked.lock().await;
            *looked = Some(Instant::now());
            self.load_or_tell().await;
        }
    }

    /// Looks for the keys, unless somebody else just has. Who comes meanwhile waits for the outcome.
    async fn look_again(self: &Arc<Self>) {
        let mut looked = Arc::clone(&self.looked).lock_owned().await;
        if looked.is_some_and(|time| time.elapsed() < RELOAD_PAUSE) {
            return;
        }
        *looked = Some(Instant::now());
        let provider = Arc::clone(self);
        // It goes on when whoever came first does not wait any longer: else nobody would get keys for a while.
        let looking = task::spawn(async move {
            provider.load_or_tell().await;
            drop(looked);
        });
        let _ = looking.await;
    }

    async fn load_or_tell(&self) {
        if let Err(error) = self.load().await {
            tracing::warn!(%error, "the keys of the identity provider are as they were");
        }
    }

    async fn load(&self) -> Result<(), KeysError> {
        let read = timeout(LOAD_TIMEOUT, self.read()).await;
        let late = || KeysError(format!("did not come within {LOAD_TIMEOUT:?}"));
        let set = read.map_err(|_| late())??;
        let keys = jwks::parse(&set).map_err(|why| KeysError(why.to_owned()))?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    async fn read(&self) -> Result<Vec<u8>, KeysError> {
        match &self.settings.keys {
            KeySource::File(path) => {
                let path = path.clone();
                let read = task::spawn_blocking(move || read_file(path)).await;
                read.map_err(|_| KeysError("was not read to its end".to_owned()))?
            }
            KeySource::Url(url) => {
                let told = |failure: crate::outbound::Failure| KeysError(failure.to_string());
                let sent = self.client.get(url.clone()).send().await;
                let response = sent.map_err(|error| told(http_failure(error)))?;
                let status = response.status();
                if !status.is_success() {
                    return Err(KeysError(format!("answered HTTP {}", status.as_u16())));
                }
                http_body(response).await.map_err(told)
            }
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read_file(path: PathBuf) -> Result<Vec<u8>, KeysError> {
    let broken = |error| KeysError(format!("cannot be read: {error}"));
    let mut set = Vec::new();
    let file = File::open(path).map_err(broken)?;
    let most = u64::try_from(MAX_ANSWER_BYTES).unwrap_or(u64::MAX);
    let mut file = file.take(most.saturating_add(1));
    file.read_to_end(&mut set).map_err(broken)?;
    if set.len() > MAX_ANSWER_BYTES {
        let text = format!("is larger than {} KiB", MAX_ANSWER_BYTES / 1024);
        return Err(KeysError(text));
    }
    Ok(set)
}

/// Seconds since 1970, which may have a fraction (RFC 7519, 2).
fn time(seconds: &Value) -> Option<DateTime<Utc>> {
    let since_1970 = Duration::try_from_secs_f64(seconds.as_f64()?).ok()?;
    let since_1970 = TimeDelta::from_std(since_1970).ok()?;
    // The leeway is to be added to it.
    let time = DateTime::UNIX_EPOCH.checked_add_signed(since_1970)?;
    time.checked_add_signed(LEEWAY).map(|_| time)
}

/// A line of text that can be shown.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_line =
        (1..=MAX_TEXT).contains(&text.chars().count()) && !text.contains(char::is_control);
    is_line.then(|| text.to_owned())
}

/// At least one: a token for none would be one for all.
fn channels(value: &Value) -> Option<Vec<String>> {
    let channels: Vec<_> = value.as_array()?.iter().map(text).collect::<Option<_>>()?;
    (1..=MAX_CHANNELS)
        .contains(&channels.len())
        .then_some(channels)
}

/// The scopes that are ours. The stream of events is not divided by channel, so it is not for those who are for some only.
fn grants(scopes: Option<&Value>, channels: &[String]) -> Grants {
    let names: Vec<&str> = match scopes {
        Some(Value::String(names)) => names.split_ascii_whitespace().collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut grants = Grants::default();
    for name in names {
        // What is not ours is another service's.
        let _ = grants.add_named(name);
    }
    if !channels.is_empty() {
        grants.remove(Scope::Events);
    }
    grants
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_come_from_files_and_over_safe_ways() {
        let file = KeySource::parse("/etc/jwks.json");
        assert_eq!(file, Ok(KeySource::File("/etc/jwks.json".into())));
        for url in [
            "https://idp.example/keys",
            "http://localhost:80/keys",
            "http://127.0.0.1/",
            "http://[::1]:9/keys",
        ] {
            assert!(
                matches!(KeySource::parse(url), Ok(KeySource::Url(_))),
                "{url}"
            );
        }
        for url in [
            "http://idp.example/keys",
            "http://127.0.0.1.example/",
            "http://localhost@idp.example/",
            "ftp://localhost/",
            "https://",
        ] {
            assert!(KeySource::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_scopes_of_ours_are_granted() {
        let all = |scopes: Value| grants(Some(&scopes), &[]).to_string();
        assert_eq!(
            all(json!("openid carts:write orders:read x:y")),
            "carts:write orders:read"
        );
        assert_eq!(all(json!(["events:read", 7, "email"])), "events:read");
        assert_eq!(all(json!({"carts": "write"})), "");
        assert_eq!(grants(None, &[]).to_string(), "");
        let some = grants(Some(&json!("events:write carts:read")), &["eu".into()]);
        assert_eq!(some.to_string(), "carts:read");
    }

    #[test]
    fn channels_that_cannot_be_read_are_not_all_channels() {
        assert_eq!(channels(&json!(["eu"])), Some(vec!["eu".to_owned()]));
        for other in [json!([]), json!("eu"), json!([""]), json!([7]), json!(null)] {
            assert_eq!(channels(&other), None, "{other}");
        }
    }

    #[test]
    fn times_are_numbers_that_a_date_can_have() {
        let at = |seconds| DateTime::from_timestamp_millis(seconds);
        assert_eq!(time(&json!(1_700_000_000)), at(1_700_000_000_000));
        assert_eq!(time(&json!(1_700_000_000.5)), at(1_700_000_000_500));
        for other in [
            json!(-1),
            json!("1"),
            json!(1e300),
            json!(8_210_266_876_799_i64),
            json!(null),
        ] {
            assert_eq!(time(&other), None, "{other}");
        }
    }
}
