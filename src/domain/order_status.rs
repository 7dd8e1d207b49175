//! The states of an order, and which of them a paid order can be given by hand.

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($variant:ident = $name:literal, $number:literal;)*) => {
        /// The state of an order: BigCommerce's fifteen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the proto says what each means")]
        pub enum OrderStatus { $($variant,)* }

        impl OrderStatus {
            /// Every status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The status of a name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.name() == name)
            }

            /// The name, as in the proto without its prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// BigCommerce's number.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }
        }
    };
}

statuses! {
    Incomplete = "INCOMPLETE", 0;
    Pending = "PENDING", 1;
    Shipped = "SHIPPED", 2;
    PartiallyShipped = "PARTIALLY_SHIPPED", 3;
    Refunded = "REFUNDED", 4;
    Cancelled = "CANCELLED", 5;
    Declined = "DECLINED", 6;
    AwaitingPayment = "AWAITING_PAYMENT", 7;
    AwaitingPickup = "AWAITING_PICKUP", 8;
    AwaitingShipment = "AWAITING_SHIPMENT", 9;
    Completed = "COMPLETED", 10;
    AwaitingFulfillment = "AWAITING_FULFILLMENT", 11;
    ManualVerificationRequired = "MANUAL_VERIFICATION_REQUIRED", 12;
    Disputed = "DISPUTED", 13;
    PartiallyRefunded = "PARTIALLY_REFUNDED", 14;
}

impl OrderStatus {
    /// Whether money may still be recorded for the order.
    #[must_use]
    pub const fn is_payable(self) -> bool {
        matches!(
            self,
            Self::Incomplete | Self::AwaitingPayment | Self::Declined
        )
    }
}

/// What has to be true of an order's money before it can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It was paid in full.
    PaidInFull,
    /// Some money has moved for it, also too little or too late.
    SomeMoney,
}

/// A move of an order from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The status that it has.
    pub from: OrderStatus,
    /// The one that it can be given.
    pub to: OrderStatus,
    /// What has to be true of its money.
    pub needs: Needs,
    /// When a shop does so: words that follow "when".
    pub when: &'static str,
}

/// The moves from a status.
pub fn moves_from(status: OrderStatus) -> impl Iterator<Item = &'static Move> {
    MOVES.iter().filter(move |step| step.from == status)
}

macro_rules! moves {
    ($($from:ident, $needs:ident { $($to:ident = $when:literal;)* })*) => {
        /// Every move that can be asked for. What is not here is refused: an order that waits for its payment is moved by
        /// its payments and by cancelling it alone, and one that is refunded has ended.
        pub const MOVES: &[Move] = &[$($(
            Move {
                from: OrderStatus::$from,
                to: OrderStatus::$to,
                needs: Needs::$needs,
                when: $when,
            },
        )*)*];
    };
}

moves! {
    AwaitingFulfillment, PaidInFull {
        AwaitingShipment = "it is packed";
        AwaitingPickup = "it is packed for the shopper to collect";
        PartiallyShipped = "a first parcel is sent";
        Shipped = "it is sent";
        Completed = "there was nothing to send, or it was handed over";
        ManualVerificationRequired = "something about it looks wrong";
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "something in it cannot be delivered and is paid back";
        Refunded = "all of it is paid back";
        Cancelled = "it is given up";
    }
    AwaitingShipment, PaidInFull {
        AwaitingFulfillment = "it has to be packed again";
        AwaitingPickup = "the shopper collects it after all";
        PartiallyShipped = "a first parcel is sent";
        Shipped = "it is sent";
        ManualVerificationRequired = "something about it looks wrong";
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "something in it cannot be delivered and is paid back";
        Refunded = "all of it is paid back";
        Cancelled = "it is given up";
    }
    AwaitingPickup, PaidInFull {
        AwaitingFulfillment = "it has to be packed again";
        AwaitingShipment = "it is sent after all";
        Completed = "the shopper has collected it";
        ManualVerificationRequired = "something about it looks wrong";
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "something in it cannot be delivered and is paid back";
        Refunded = "all of it is paid back";
        Cancelled = "nobody collects it";
    }
    PartiallyShipped, PaidInFull {
        Shipped = "the rest is sent";
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "the rest cannot be delivered and is paid back";
        Refunded = "all of it is paid back";
    }
    Shipped, PaidInFull {
        PartiallyShipped = "a part of it was not sent after all";
        Completed = "it has arrived";
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "a part of it came back";
        Refunded = "all of it came back or was lost";
    }
    Completed, PaidInFull {
        Disputed = "the payer disputes the payment";
        PartiallyRefunded = "a part of it came back";
        Refunded = "all of it came back";
    }
    Disputed, PaidInFull {
        AwaitingFulfillment = "the shop wins before anything is sent";
        PartiallyShipped = "the shop wins while a part is sent";
        Shipped = "the shop wins while it is on its way";
        Completed = "the shop wins after it has arrived";
        PartiallyRefunded = "they agree on a part";
        Refunded = "the payer wins";
    }
    PartiallyRefunded, PaidInFull {
        AwaitingFulfillment = "the rest is still to be packed";
        PartiallyShipped = "a first parcel of the rest is sent";
        Shipped = "the rest is sent";
        Completed = "the shopper keeps the rest";
        Disputed = "the payer disputes the rest";
        Refunded = "the rest is paid back too";
    }
    ManualVerificationRequired, PaidInFull {
        AwaitingFulfillment = "it turns out to be in order";
        Disputed = "the payer disputes the payment";
    }
    ManualVerificationRequired, SomeMoney {
        Cancelled = "it turns out not to be in order";
        Refunded = "the money is paid back";
    }
    Cancelled, SomeMoney {
        Refunded = "the money of an order that was given up is paid back";
    }
}
