//! The page token: an input is one.

use cartwright::rpc::fields::{Fields, page_token};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};

use super::{
    requests::{self, METHODS},
    service::Service,
};

/// Reads the token, and lists what can be listed from there. One that is read is one that is given.
pub fn run(service: &Service, input: &[u8]) -> bool {
    let Ok(token) = str::from_utf8(input) else {
        return false;
    };
    let mut fields = Fields::default();
    let page = fields.page(0, token);
    if fields.finish().is_ok() {
        assert_eq!(
            page_token(page.after.as_deref()),
            token.to_ascii_lowercase()
        );
    }
    let given = page_token(Some(token));
    let read = Fields::default().page(0, &given).after;
    assert_eq!(read.unwrap_or_default(), token);

    for token in [token, &given] {
        for (method, descriptor) in METHODS.iter() {
            if let Some(field) = descriptor.get_field_by_name("page_token") {
                let mut message = DynamicMessage::new(descriptor.clone());
                message.set_field(&field, Value::String(token.to_owned()));
                requests::run(service, &requests::input(method, &message.encode_to_vec()));
            }
        }
    }
    true
}
