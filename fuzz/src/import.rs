//! The file of `cartwright import`: an input is one.

use cartwright::{
    flow,
    rpc::import::{ImportError, Imported},
};

use super::service::{Service, bounded};

/// Most bytes that are held at a time for a file of so many bytes.
fn most_bytes(length: usize) -> u64 {
    64 * 1024 * 1024 + 1024 * u64::try_from(length).unwrap()
}

/// Imports the file: whatever is in it, it is refused as a document or for its content, or the database is out of reach;
/// and what is held meanwhile is bounded.
pub fn run(service: &Service, input: &[u8]) -> bool {
    let Ok(yaml) = str::from_utf8(input) else {
        return false;
    };
    match bounded(most_bytes(yaml.len()), || service.import(yaml)) {
        Ok(imported) => assert_eq!(imported, NOTHING),
        Err(ImportError::Document(_) | ImportError::Content { .. }) => {}
        Err(ImportError::Flow { place, error }) => {
            assert!(
                !matches!(error, flow::Error::Internal(_)),
                "{place}: {error:?}"
            );
        }
    }
    true
}

/// What can be done without a database.
const NOTHING: Imported = Imported {
    products: 0,
    promotions: 0,
    existing_promotions: 0,
    coupons: 0,
    existing_coupons: 0,
};
