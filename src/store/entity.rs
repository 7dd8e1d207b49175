//! The tables as the ORM sees them. Why they are as they are is said in `migration`.
#![expect(
    unreachable_pub,
    reason = "the derive makes its types public, and the model has to be as public as they are"
)]

pub mod api_token;
pub mod audit_entry;
pub mod balance;
pub mod balance_hold;
pub mod checkout;
pub mod coupon_code;
pub mod coupon_redemption;
pub mod event;
pub mod event_mark;
pub mod gift_certificate;
pub mod lease;
pub mod ledger_entry;
pub mod order;
pub mod order_history;
pub mod payment;
pub mod product;
pub mod promotion;
pub mod promotion_redemption;
pub mod request;
pub mod reservation;
pub mod revision;
pub mod revoked_session;
pub mod stock;
pub mod stock_hold;
pub mod store_settings;
pub mod tax_task;
