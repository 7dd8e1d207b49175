//! Pricing: the rules a second time, and what always holds.

mod arbitrary;
mod arbitrary_promotions;
mod document;
mod estimates;
mod examples;
mod index;
mod laws;
mod model;
mod sequences;
mod words;
