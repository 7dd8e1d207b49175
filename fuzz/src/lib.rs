//! What the fuzzers do with an input. The test `corpus` does the same with every input that is kept in `fuzz/corpus`.

pub mod bearer_token;
pub mod import;
pub mod messages;
pub mod page_token;
pub mod requests;
pub mod service;
