//! Fuzzes the conversion of every request message.

#![no_main]

use std::sync::LazyLock;

use cartwright_fuzz::{
    messages::{filled, single, value},
    requests::{METHODS, input, parts, run},
    service::Service,
};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

static SERVICE: LazyLock<Service> = LazyLock::new(Service::new);

fuzz_target!(init: LazyLock::force(&SERVICE), |data: &[u8]| -> Corpus {
    if run(&SERVICE, data) { Corpus::Keep } else { Corpus::Reject }
});

// Of the message either its bytes are changed or one of its fields, so that it stays one; now and then it is another call.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = SmallRng::seed_from_u64(seed.into());
    let changed = match parts(&data[..size]) {
        Some((method, message)) if random.random_ratio(31, 32) => {
            let message = if random.random_ratio(1, 3) {
                bytewise(message, max_size)
            } else {
                fieldwise(method, message, &mut random)
            };
            input(method, &message)
        }
        _ => another(&mut random),
    };
    if changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});

/// The message with some of its bytes changed.
fn bytewise(message: &[u8], max_size: usize) -> Vec<u8> {
    let mut changed = message.to_vec();
    changed.resize(max_size.max(message.len()), 0);
    let size = fuzzer_mutate(&mut changed, message.len(), max_size);
    changed.truncate(size);
    changed
}

/// The message with one of its fields changed, or all of them set if it cannot be read.
fn fieldwise(method: &str, message: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let descriptor = METHODS[method].clone();
    let changed = match DynamicMessage::decode(descriptor.clone(), message) {
        Ok(mut message) => {
            change(&mut message, random);
            message
        }
        Err(_) => filled(&descriptor, &mut |count| random.random_range(0..count)),
    };
    changed.encode_to_vec()
}

/// A call of any method, with all fields set.
fn another(random: &mut SmallRng) -> Vec<u8> {
    let number = random.random_range(0..METHODS.len());
    let (method, descriptor) = METHODS.iter().nth(number).unwrap();
    let message = filled(descriptor, &mut |count| random.random_range(0..count));
    input(method, &message.encode_to_vec())
}

/// Changes one field, of this message or of one within it.
fn change(message: &mut DynamicMessage, random: &mut SmallRng) {
    let fields: Vec<_> = message.descriptor().fields().collect();
    if fields.is_empty() {
        return;
    }
    let field = &fields[random.random_range(0..fields.len())];
    let within = message.has_field(field) && random.random_ratio(4, 5);
    if within {
        match message.get_field_mut(field) {
            Value::Message(inner) => return change(inner, random),
            Value::List(items) if !items.is_empty() => {
                let index = random.random_range(0..items.len());
                match random.random_range(0..6) {
                    0 => drop(items.remove(index)),
                    1 => items.push(items[index].clone()),
                    2 => items.push(single(field, 3, &mut |count| random.random_range(0..count))),
                    _ => match &mut items[index] {
                        Value::Message(inner) => change(inner, random),
                        item => {
                            *item = single(field, 0, &mut |count| random.random_range(0..count))
                        }
                    },
                }
                return;
            }
            _ => {}
        }
    }
    if random.random_ratio(1, 4) {
        message.clear_field(field);
    } else {
        let value = value(field, 3, &mut |count| random.random_range(0..count));
        message.set_field(field, value);
    }
}
