//! What happened to an order: each change of it leaves one entry.

use chrono::{DateTime, Utc};

use super::order::{OrderStatus, PaymentState};

/// One change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub time: DateTime<Utc>,
    /// What happened.
    pub event: HistoryEvent,
    /// The status that it left the order in; the one before is that of the entry before.
    pub status: OrderStatus,
    /// Who asked for it, in the caller's words; empty for all that Cartwright does by itself.
    pub actor: String,
    /// Why, in words for people; may be empty.
    pub reason: String,
}

/// What changed an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryEvent {
    /// It was created.
    Created,
    /// A payment or its next state was recorded.
    Payment {
        /// The payment service's reference.
        reference: String,
        /// The state that was recorded.
        state: PaymentState,
    },
    /// It was cancelled before it was paid.
    Cancelled,
    /// Another order of the same cart was paid.
    SiblingPaid,
    /// Somebody gave it another status.
    StatusUpdated,
}

impl HistoryEntry {
    /// An entry of nobody, without a reason.
    #[must_use]
    pub const fn new(status: OrderStatus, event: HistoryEvent, time: DateTime<Utc>) -> Self {
        Self {
            time,
            event,
            status,
            actor: String::new(),
            reason: String::new(),
        }
    }
}

impl HistoryEvent {
    /// The name, as in the proto without its prefix.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Payment { .. } => "PAYMENT_RECORDED",
            Self::Cancelled => "CANCELLED",
            Self::SiblingPaid => "SIBLING_PAID",
            Self::StatusUpdated => "STATUS_UPDATED",
        }
    }
}
