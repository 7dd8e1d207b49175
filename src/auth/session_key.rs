//! The keys that sign sessions of shoppers.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _},
    ops::RangeInclusive,
    path::Path,
};

use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret as _, SecretString};

/// Largest file of keys, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Most keys of a file.
const MAX_KEYS: usize = 100;
/// Most characters of the id of a key.
const MAX_ID_LENGTH: usize = 64;
/// Characters of a secret: 32 random bytes have 43 in base64, and 64 in hexadecimal digits.
const SECRET_LENGTH: RangeInclusive<usize> = 43..=1024;
/// The id of a key that is in no file.
const PROCESS: &str = "process";

/// Why a file of keys cannot be used. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyFileError {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it is larger than {} KiB", MAX_FILE_BYTES / 1024)]
    TooLarge,
    #[error("line {line}: {what}")]
    Line { line: usize, what: &'static str },
    #[error("it has no key: `cartwright session-key` makes one")]
    Empty,
}

/// The keys, at least one: the first signs, all verify.
#[derive(Debug)]
pub struct SessionKeys {
    signing: SessionKey,
    others: Vec<SessionKey>,
}

/// A key. The debug output has its id alone.
#[derive(Debug)]
pub(super) struct SessionKey {
    pub(super) id: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl SessionKeys {
    /// Reads a file of keys: see [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let mut text = String::new();
        File::open(path)?
            .take(MAX_FILE_BYTES.saturating_add(1))
            .read_to_string(&mut text)?;
        let text = SecretString::from(text);
        if u64::try_from(text.expose_secret().len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
            return Err(KeyFileError::TooLarge);
        }
        Self::parse(text.expose_secret())
    }

    /// Reads keys, one a line: an id of up to 64 letters, digits, `.`, `_` and `-`, a space, and a secret of at least 43 characters,
    /// such as 32 random bytes in base64. Empty lines and those that begin with `#` are for people.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let (mut keys, mut ids) = (Vec::new(), HashSet::new());
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| KeyFileError::Line {
                line: index.saturating_add(1),
                what,
            };
            let (id, secret) = key(line).map_err(wrong)?;
            if !ids.insert(id) {
                return Err(wrong("another key has this id"));
            }
            if ids.len() > MAX_KEYS {
                return Err(wrong("there are more than 100 keys"));
            }
            keys.push(SessionKey::new(id, secret));
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            signing: keys.next().ok_or(KeyFileError::Empty)?,
            others: keys.collect(),
        })
    }

    /// One key that no other process has.
    #[must_use]
    pub fn of_process(secret: &SecretString) -> Self {
        Self {
            signing: SessionKey::new(PROCESS, secret.expose_secret()),
            others: Vec::new(),
        }
    }

    /// The one that signs.
    pub(super) const fn signing(&self) -> &SessionKey {
        &self.signing
    }

    /// The one with this id.
    pub(super) fn find(&self, id: &str) -> Option<&SessionKey> {
        self.all().find(|key| key.id == id)
    }

    /// Their ids, that of the one that signs first.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.all().map(|key| key.id.as_str()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &SessionKey> {
        [&self.signing].into_iter().chain(&self.others)
    }
}

impl SessionKey {
    fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
        }
    }
}

/// Id and secret of a line.
fn key(line: &str) -> Result<(&str, &str), &'static str> {
    let parts: Vec<_> = line.split_ascii_whitespace().collect();
    let [id, secret] = parts[..] else {
        return Err("expected the id of a key, a space and its secret");
    };
    let in_id = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if id.len() > MAX_ID_LENGTH || !id.bytes().all(in_id) {
        return Err("the id of a key has up to 64 letters, digits, \".\", \"_\" and \"-\"");
    }
    let in_secret = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    if !SECRET_LENGTH.contains(&secret.len()) || !secret.bytes().all(in_secret) {
        return Err("the secret has to be 43 to 1024 characters of base64 or hexadecimal digits");
    }
    Ok((id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_signs_and_all_are_known() {
        let secret = "s".repeat(43);
        let text = format!("# ours\n\n2026-11 {secret}\n 2026-10\t{secret}= \n");
        let keys = SessionKeys::parse(&text).unwrap();
        assert_eq!(keys.ids(), ["2026-11", "2026-10"]);
        assert_eq!(keys.signing().id, "2026-11");
        assert!(keys.find("2026-10").is_some());
        assert!(keys.find("2026-09").is_none());
        assert!(!format!("{keys:?}").contains(&secret));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_without_its_content() {
        let secret = "S3cr3t".repeat(8);
        let many: Vec<_> = (0..101).map(|n| format!("{n} {secret}")).collect();
        let cases = [
            ("\n# nothing\n".to_owned(), "it has no key"),
            (secret.clone(), "line 1: expected"),
            (format!("a {secret} b"), "line 1: expected"),
            (format!("# x\na/b {secret}"), "line 2: the id"),
            (format!("{} {secret}", "a".repeat(65)), "line 1: the id"),
            (format!("a {}", &secret[..42]), "line 1: the secret"),
            (format!("a {}", "s".repeat(1025)), "line 1: the secret"),
            (format!("a {secret}\u{e9}"), "line 1: the secret"),
            (format!("a {secret}\na {secret}"), "line 2: another key"),
            (many.join("\n"), "line 101: there are more"),
        ];
        for (text, told) in cases {
            let error = SessionKeys::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
            assert!(!error.contains("S3cr3t"), "{error}");
        }
    }
}
