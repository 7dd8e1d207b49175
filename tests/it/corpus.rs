//! What the fuzzers found interesting stays harmless: every input that is kept in `fuzz/corpus`, every request with all of
//! its fields, and the requests that unfold most.

use std::{collections::HashSet, fs, path::Path};

use cartwright::rpc::{MAX_REQUEST_BYTES, unfolding::MAX_MESSAGES};
use prost::Message as _;
use prost_reflect::{Kind, MessageDescriptor};

use self::fuzz::{
    bearer_token::{self, SIGNED, now, signed},
    import,
    messages::filled,
    page_token,
    requests::{self, METHODS, input},
    service::{Service, bounded},
};

#[expect(unreachable_pub, reason = "the fuzzers use it as a library")]
#[path = "../../fuzz/src/lib.rs"]
pub(crate) mod fuzz;

/// Most bytes that are held at a time for any request.
const MOST_BYTES: u64 = 48 * 1024 * 1024;

/// Runs every input of a fuzzer's.
fn replay(fuzzer: &str, run: fn(&Service, &[u8]) -> bool) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let service = Service::new();
    let mut inputs = 0;
    for entry in fs::read_dir(corpus.join(fuzzer)).unwrap() {
        let path = entry.unwrap().path();
        // Shown if it fails.
        println!("{}", path.display());
        // Fuzzers keep some that they do not even begin with.
        inputs += usize::from(run(&service, &fs::read(&path).unwrap()));
    }
    assert!(inputs > 0);
}

#[test]
fn requests() {
    replay("requests", requests::run);
}

#[test]
fn page_tokens() {
    replay("page_token", page_token::run);
}

#[test]
fn bearer_tokens() {
    replay("bearer_token", bearer_token::run);
}

#[test]
fn signed_tokens_are_taken() {
    let service = Service::new();
    let [session, provider] = SIGNED.map(|(head, claims)| signed(head, claims).unwrap());
    assert!(service.sessions.verify(&session, now()).is_ok());
    assert!(service.verify(&provider, now()).is_ok());
}

#[test]
fn imports() {
    replay("import", import::run);
}

#[test]
fn every_request_with_every_field() {
    let service = Service::new();
    for (method, descriptor) in METHODS.iter() {
        for choice in 0..12 {
            let message = filled(descriptor, &mut |count| choice % count);
            println!("{method} {message:?}");
            requests::run(&service, &input(method, &message.encode_to_vec()));
        }
    }
}

#[test]
fn a_list_of_nothings_does_not_fill_memory() {
    let service = Service::new();
    let mut seen = HashSet::new();
    for (method, descriptor) in METHODS.iter() {
        // More messages than a request may have, and as many as it may.
        for length in [MAX_REQUEST_BYTES, 2 * MAX_MESSAGES] {
            seen.clear();
            for message in unfolding(descriptor, length, &mut seen) {
                println!("{method}: {:?}…", &message[..8]);
                bounded(MOST_BYTES, || {
                    requests::run(&service, &input(method, &message))
                });
            }
        }
    }
}

/// Messages of about so many bytes, each with one list of empty messages: those of a oneof and a list count, each once.
fn unfolding(
    descriptor: &MessageDescriptor,
    length: usize,
    seen: &mut HashSet<String>,
) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for field in descriptor.fields() {
        let Kind::Message(inner) = field.kind() else {
            continue;
        };
        if !seen.insert(field.full_name().to_owned()) {
            continue;
        }
        let mut tag = Vec::new();
        let wire_type = prost::encoding::WireType::LengthDelimited;
        prost::encoding::encode_key(field.number(), wire_type, &mut tag);
        if field.is_list() {
            let empty = [&tag[..], &[0]].concat();
            found.push(empty.repeat(length / empty.len()));
        }
        for content in unfolding(&inner, length - 8, seen) {
            let mut message = tag.clone();
            prost::encoding::encode_varint(u64::try_from(content.len()).unwrap(), &mut message);
            message.extend(content);
            found.push(message);
        }
    }
    found
}
