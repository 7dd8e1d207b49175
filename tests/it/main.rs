//! All tests that need more than one module: the pure domain by examples, the store on both databases, the
//! service over a real channel, and the program itself. One binary, so that it is linked once.

#![cfg(test)]
#![expect(
    clippy::items_after_statements,
    clippy::ref_option,
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    reason = "a test is read from top to bottom, and its helpers have the form of the messages"
)]

mod abuse;
mod api_tokens;
mod architecture;
mod audit;
mod bad_input;
mod carrier_rates;
mod carriers;
mod carts;
mod chaos;
mod cli;
mod clients;
mod concurrency;
mod connections;
mod consignments;
mod corpus;
mod coupon_codes;
mod coupons;
mod customers;
mod erasure;
mod events;
mod fees;
mod gift_certificate_items;
mod gift_certificates;
mod gift_wrapping;
mod gifts;
mod harness;
mod limits;
mod management;
mod manual_discounts;
mod order_statuses;
mod orders;
mod outages;
mod permissions;
mod pricing;
mod promotion_examples;
mod promotion_updates;
mod promotions;
mod publishing;
mod purging;
mod quotes;
mod races;
mod readme;
mod remote_catalog;
mod request_ids;
mod reservations;
mod secrecy;
mod serving;
mod sessions;
mod shipping_rates;
mod stock;
mod store;
mod store_credit;
mod storefront;
mod tax_provider;
mod tax_records;
mod telemetry;
mod tls;
mod tokens_forged;
mod traces;
mod watch;
mod worked_examples;
