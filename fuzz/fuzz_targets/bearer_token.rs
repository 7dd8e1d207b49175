//! Fuzzes the verification of bearer tokens.

#![no_main]

use std::sync::LazyLock;

use cartwright_fuzz::{bearer_token::run, service::Service};
use libfuzzer_sys::{Corpus, fuzz_target};

static SERVICE: LazyLock<Service> = LazyLock::new(Service::new);

fuzz_target!(init: LazyLock::force(&SERVICE), |data: &[u8]| -> Corpus {
    if run(&SERVICE, data) { Corpus::Keep } else { Corpus::Reject }
});
