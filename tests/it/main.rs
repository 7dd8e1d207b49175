//! All tests that need more than one module: the pure domain by examples, the store on both databases, the
//! service over a real channel, and the program itself. One binary, so that it is linked once.

#![cfg(test)]

mod architecture;
mod bad_input;
mod carts;
mod cli;
mod clients;
mod concurrency;
mod consignments;
mod coupons;
mod harness;
mod management;
mod orders;
mod quotes;
mod readme;
mod serving;
mod shipping_rates;
mod store;
mod telemetry;
mod traces;
mod worked_examples;
