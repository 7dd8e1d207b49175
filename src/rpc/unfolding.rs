//! How much a request becomes when it is read. A message within it takes two bytes at least, and is read as a value of up to
//! several hundred: without a limit a request of 1 MiB could become 400 MB.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use tonic::Status;

use super::{FILE_DESCRIPTOR_SET, error};

/// Most messages within a request, those within others included.
pub const MAX_MESSAGES: usize = 25_000;
/// Fewest bytes of a message within another one: its field's key and its length.
const LEAST_BYTES: usize = 2;
/// Messages within messages that prost reads; it refuses what is deeper.
const MAX_DEPTH: u32 = 100;

/// The message that each method takes, by the method's path.
static REQUESTS: LazyLock<HashMap<String, MessageDescriptor>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let services = pool.services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let paths = methods.map(|method| {
        let service = method.parent_service().full_name();
        (format!("/{service}/{}", method.name()), method.input())
    });
    paths.collect()
});

/// Refuses the request of the method with this path if there are more than [`MAX_MESSAGES`] within it.
pub fn check(path: &str, request: &[u8]) -> Result<(), Status> {
    // One that has no room for as many need not be looked at.
    if request.len() <= MAX_MESSAGES.saturating_mul(LEAST_BYTES) {
        return Ok(());
    }
    let Some(descriptor) = REQUESTS.get(path) else {
        return Ok(());
    };
    let mut left = MAX_MESSAGES;
    if fits(descriptor, request, &mut left, MAX_DEPTH) {
        return Ok(());
    }
    let text = format!("the request has more than {MAX_MESSAGES} messages within it: split it");
    Err(error::malformed(text))
}

/// Takes the messages within a message off what is left, if it is enough. What is malformed ends the message: it is refused
/// when it is read.
fn fits(descriptor: &MessageDescriptor, mut message: &[u8], left: &mut usize, depth: u32) -> bool {
    while let Some((number, content)) = next_field(&mut message) {
        let field = descriptor.get_field(number);
        let Some(Kind::Message(inner)) = field.map(|field| field.kind()) else {
            continue;
        };
        let (Some(fewer), Some(depth)) = (left.checked_sub(1), depth.checked_sub(1)) else {
            return false;
        };
        *left = fewer;
        if !fits(&inner, content, left, depth) {
            return false;
        }
    }
    true
}

/// Takes the next field off a message: its number, and the content of one that has a length.
/// <https://protobuf.dev/programming-guides/encoding/>
fn next_field<'a>(message: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let key = varint(message)?;
    let number = u32::try_from(key >> 3).ok()?;
    let (length, is_content) = match key & 7 {
        0 => {
            varint(message)?;
            (0, false)
        }
        1 => (8, false),
        2 => (varint(message)?, true),
        5 => (4, false),
        _ => return None,
    };
    let (content, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some((number, if is_content { content } else { &[] }))
}

fn varint(message: &mut &[u8]) -> Option<usize> {
    prost::decode_length_delimiter(message).ok()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic::Code;

    use super::*;
    use crate::rpc::pb;

    const UPSERT: &str = "/cartwright.v1.CatalogService/UpsertProducts";

    /// Products with so many variants each.
    fn products(products: usize, variants: usize) -> Vec<u8> {
        let product = pb::Product {
            variants: vec![pb::Variant::default(); variants],
            ..Default::default()
        };
        let request = pb::UpsertProductsRequest {
            products: vec![product; products],
            ..Default::default()
        };
        request.encode_to_vec()
    }

    #[test]
    fn messages_count_at_every_depth() {
        assert!(check(UPSERT, &products(1, MAX_MESSAGES - 1)).is_ok());
        assert!(check(UPSERT, &products(100, 249)).is_ok());
        for (many, variants) in [(1, MAX_MESSAGES), (100, 250), (MAX_MESSAGES + 1, 0)] {
            let refused = check(UPSERT, &products(many, variants)).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().contains("25000 messages"));
        }
    }

    #[test]
    fn texts_do_not_count() {
        let request = pb::UpsertProductsRequest {
            products: vec![pb::Product {
                // Would be two hundred thousand messages.
                name: "\u{a}\0".repeat(200_000),
                category_ids: vec![String::new(); 200_000],
                ..Default::default()
            }],
            ..Default::default()
        };
        assert!(check(UPSERT, &request.encode_to_vec()).is_ok());
    }

    #[test]
    fn what_is_malformed_is_left_to_whoever_reads_it() {
        let mut cut = products(1, MAX_MESSAGES);
        cut.truncate(cut.len() - 1);
        assert!(check(UPSERT, &cut).is_ok(), "its one product is cut off");
        for byte in [0x00, 0x07, 0x0b, 0x80, 0xff] {
            assert!(check(UPSERT, &vec![byte; 200_000]).is_ok());
        }
        assert!(check("/grpc.health.v1.Health/Check", &vec![0x0a; 200_000]).is_ok());
    }

    #[test]
    fn every_method_is_known() {
        assert!(
            REQUESTS
                .keys()
                .all(|path| crate::rpc::access::needs(path).is_some())
        );
        assert!(REQUESTS.contains_key(UPSERT));
    }
}
