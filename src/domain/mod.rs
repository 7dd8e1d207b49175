//! What a checkout is and how it behaves: pure and synchronous. Times, ids and randomness come in as
//! arguments; nothing here knows of gRPC, databases or caches.

// An amount that wraps is worse than one that is refused.
#![warn(clippy::arithmetic_side_effects)]

pub mod address;
pub mod api_token;
pub mod audit;
pub mod caller;
pub mod carrier;
pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod code_tries;
pub mod consignment;
pub mod coupon;
pub mod discounts;
pub mod erasure;
pub mod event;
pub mod fee;
pub mod gift;
pub mod gift_certificate;
pub mod gift_wrapping;
pub mod ledger;
pub mod location;
pub mod manual_discount;
pub mod money;
pub mod order;
pub mod order_history;
pub mod order_requirements;
pub mod order_status;
pub mod payment_means;
pub mod pricing;
pub mod promotion;
pub mod rating;
pub mod reason;
pub mod shipping;
pub mod stock;
pub mod store;
pub mod store_credit;
pub mod tax;
pub mod tax_estimate;
