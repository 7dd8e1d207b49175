//! Messages as a caller could send them, made from the descriptors.

use std::collections::{HashMap, HashSet};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Messages within messages; what is deeper is left out.
const DEPTH: usize = 7;

/// Texts that fields of these names take, by the end of the name; the first that fits counts.
const TEXTS: [(&str, &[&str]); 14] = [
    ("currency_code", &["USD", "EUR", "JPY", "KWD", "usd", "XXX"]),
    ("country_code", &["US", "CA", "DE", "ZZ", "us"]),
    ("country_codes", &["US", "CA", "NO"]),
    ("request_id", &["0193a9c5-7e0e-7b3c-9c4a-1f2e3d4c5b6a", ""]),
    ("tax_class_id", &["standard", "reduced", ""]),
    ("cart_id", &["0193a9c5-7e0e-7b3c-9c4a-1f2e3d4c5b6a"]),
    ("checkout_id", &["0193a9c5-7e0e-7b3c-9c4a-1f2e3d4c5b6a"]),
    ("product_id", &["harbor-cookbook-ebook", "enamel-mug"]),
    ("_id", &["0193a9c5-7e0e-7b3c-9c4a-1f2e3d4c5b6a", "one"]),
    ("email", &["jane@example.com", "@", "a@b@c"]),
    ("url", &["https://example.com/rates", "http://[::1", "ftp:"]),
    ("percentage", &["12.5", "100", "0.00001", "-1", "1e9"]),
    ("rate", &["0.0825", "1", "0.0000001", "٣"]),
    ("time_of_day", &["09:30", "24:00", "9"]),
];
/// Texts that any field may be given.
const ANY_TEXT: [&str; 10] = [
    "One",
    "",
    " ",
    "10",
    "\u{0}",
    "é\u{301}🛒",
    "line\nbreak",
    "a\"b\\c",
    "name",
    "US",
];
/// Numbers that any field may be given.
const NUMBERS: [i64; 12] = [
    1,
    2,
    0,
    -1,
    100,
    9_999,
    10_000,
    1_000_000_000_000,
    2_147_483_647,
    -2_147_483_648,
    i64::MAX,
    i64::MIN,
];

/// Picks one of so many.
pub type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

/// A message with every field set: of a oneof the alternative, and of each value the one, that `choose` picks.
pub fn filled(descriptor: &MessageDescriptor, choose: Choose<'_>) -> DynamicMessage {
    message(descriptor, DEPTH, choose)
}

fn message(descriptor: &MessageDescriptor, depth: usize, choose: Choose<'_>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut left_out = HashSet::new();
    for oneof in descriptor.oneofs() {
        let alternatives: Vec<_> = oneof.fields().map(|field| field.number()).collect();
        let chosen = alternatives[choose(alternatives.len())];
        left_out.extend(alternatives.into_iter().filter(|number| *number != chosen));
    }
    for field in descriptor.fields() {
        let too_deep = depth == 0 && matches!(field.kind(), Kind::Message(_));
        if !too_deep && !left_out.contains(&field.number()) {
            message.set_field(&field, value(&field, depth, choose));
        }
    }
    message
}

/// A value for the field.
pub fn value(field: &FieldDescriptor, depth: usize, choose: Choose<'_>) -> Value {
    if field.is_map() {
        let key = MapKey::String("key".to_owned());
        return Value::Map(HashMap::from([(key, Value::String("value".to_owned()))]));
    }
    if field.is_list() {
        return Value::List(vec![single(field, depth, choose)]);
    }
    single(field, depth, choose)
}

/// A value for the field, or for one element of it.
pub fn single(field: &FieldDescriptor, depth: usize, choose: Choose<'_>) -> Value {
    let kind = field.kind();
    match &kind {
        Kind::Message(descriptor) => {
            Value::Message(message(descriptor, depth.saturating_sub(1), choose))
        }
        Kind::Enum(descriptor) => {
            let numbers: Vec<_> = descriptor.values().map(|value| value.number()).collect();
            // The first is "unspecified".
            let known = &numbers[1..];
            Value::EnumNumber(known[choose(known.len())])
        }
        Kind::String => Value::String(text(field.name(), choose).to_owned()),
        Kind::Bool => Value::Bool(choose(2) == 0),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number(choose)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            Value::I32(i32::try_from(number(choose)).unwrap_or(i32::MAX))
        }
        Kind::Uint32 | Kind::Fixed32 => {
            Value::U32(u32::try_from(number(choose)).unwrap_or(u32::MAX))
        }
        _ => Value::default_value(&kind),
    }
}

fn number(choose: Choose<'_>) -> i64 {
    NUMBERS[choose(NUMBERS.len())]
}

fn text(field: &str, choose: Choose<'_>) -> &'static str {
    let fitting = TEXTS.iter().find(|(end, _)| field.ends_with(end));
    let fitting = fitting.map_or(&ANY_TEXT[..], |(_, texts)| texts);
    let choice = choose(fitting.len() + ANY_TEXT.len() / 5);
    fitting
        .get(choice)
        .unwrap_or_else(|| &ANY_TEXT[choose(ANY_TEXT.len())])
}
