//! Orders: what is needed to create one, and what payments do to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::Checkout,
    money::{Amount, Money, Overflow, sum},
    order_history::{HistoryEntry, HistoryEvent},
    order_status::{Needs, moves_from},
    reason::{Reason, Refusal, Result},
};

pub use super::order_status::OrderStatus;

/// Most changes of an order after which its status can still be updated by hand, so that its history stays readable.
/// Payments are always recorded.
pub const MAX_CHANGES: usize = 200;

/// An immutable snapshot of a checkout with a number and a status.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Id of the order.
    pub id: Uuid,
    /// Number for people; 0 until it is stored.
    pub number: i64,
    /// Raised by one with every change of status or payments.
    pub version: i64,
    /// Its state.
    pub status: OrderStatus,
    /// Why a person has to look at it.
    pub status_reason: String,
    /// The checkout as it was.
    pub snapshot: Checkout,
    /// The payments, oldest first.
    pub payments: Vec<Payment>,
    /// What happened to it, oldest first: one entry for each version.
    pub history: Vec<HistoryEntry>,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When its state last changed.
    pub update_time: DateTime<Utc>,
    /// When it was paid in full.
    pub paid_time: Option<DateTime<Utc>>,
}

/// State of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentState {
    /// About to be captured.
    Pending,
    /// The money has moved.
    Completed,
    /// The money will not move.
    Failed,
}

impl PaymentState {
    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Completed, Self::Failed];
        all.into_iter().find(|state| state.name() == name)
    }

    /// The name, as in the proto without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A payment of an order, in the order's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Cartwright's id.
    pub id: Uuid,
    /// How it was paid, in the caller's words.
    pub method: String,
    /// The payment service's reference, unique within the order.
    pub reference: String,
    /// How much.
    pub amount: Amount,
    /// Its state.
    pub state: PaymentState,
    /// When it was first recorded.
    pub create_time: DateTime<Utc>,
}

/// What recording a payment means beyond the order itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The payment was recorded before in the same state: nothing changes.
    Repeated,
    /// The scarce things that the order uses are needed, if they are not held yet: uses of coupons and promotions, money
    /// of gift certificates and store credit, goods.
    Hold,
    /// The order is paid: the scarce things are needed and nothing else, its cart ends, its siblings are cancelled, the
    /// gift certificates that it buys are issued.
    Settle,
    /// The payment failed: unless another payment of the cart needs the scarce things, they are reserved as they were
    /// before it, from now on.
    Unpin,
    /// The paid order was cancelled: the goods that it took are in stock again.
    Restock,
    /// The order was cancelled: the scarce things are given back with the last order of the cart that can be paid.
    Release,
    /// Only the order changes.
    Nothing,
}

/// A status that somebody gives an order.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// The status.
    pub status: OrderStatus,
    /// Who asks for it, in the caller's words; may be empty.
    pub actor: String,
    /// Why, in the caller's words; may be empty.
    pub reason: String,
}

impl Order {
    /// A new order of a checkout.
    #[must_use]
    pub fn new(id: Uuid, snapshot: Checkout, now: DateTime<Utc>) -> Self {
        let status = OrderStatus::Incomplete;
        Self {
            id,
            number: 0,
            version: 1,
            status,
            status_reason: String::new(),
            snapshot,
            payments: Vec::new(),
            history: vec![HistoryEntry::new(status, HistoryEvent::Created, now)],
            create_time: now,
            update_time: now,
            paid_time: None,
        }
    }

    /// Ends a change: it makes the next version, and an entry of the history.
    fn changed(&mut self, event: HistoryEvent, actor: String, reason: String, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.update_time = now;
        self.history.push(HistoryEntry {
            actor,
            reason,
            ..HistoryEntry::new(self.status, event, now)
        });
    }

    /// Records a payment or its next state. `paid_sibling` is the paid order of the same cart, if there is another one.
    pub fn record(
        &mut self,
        payment: Payment,
        paid_sibling: Option<Uuid>,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Effect> {
        let earlier = self
            .payments
            .iter()
            .position(|known| known.reference == payment.reference);
        let was_pending = match earlier.and_then(|index| self.payments.get(index)) {
            Some(known) if (known.amount, &known.method) != (payment.amount, &payment.method) => {
                return Err(reference_conflict(known));
            }
            Some(known) if known.state == payment.state => return Ok(Effect::Repeated),
            Some(known) if known.state != PaymentState::Pending => {
                return Err(reference_conflict(known));
            }
            Some(_) => true,
            None => false,
        };
        if !was_pending {
            self.check_payable(paid_sibling)?;
            if payment.state != PaymentState::Failed {
                self.check_amount(payment.amount)?;
            }
        }
        let state = payment.state;
        let event = HistoryEvent::Payment {
            reference: payment.reference.clone(),
            state,
        };
        match earlier.and_then(|index| self.payments.get_mut(index)) {
            Some(known) => known.state = state,
            None => self.payments.push(payment),
        }
        let effect = match state {
            PaymentState::Pending => {
                self.status = OrderStatus::AwaitingPayment;
                Effect::Hold
            }
            PaymentState::Failed => self.after_failure(was_pending, paid_sibling),
            PaymentState::Completed => self.after_completion(paid_sibling, now)?,
        };
        self.changed(event, actor, self.status_reason.clone(), now);
        Ok(effect)
    }

    /// The money has moved: this never fails, for it must not be lost.
    fn after_completion(
        &mut self,
        paid_sibling: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Effect> {
        if self.paid_time.is_some() {
            // One of nothing: no other is under way once an order is paid.
            return Ok(Effect::Nothing);
        }
        if let Some(sibling) = paid_sibling {
            self.needs_verification(sibling_paid(sibling));
            return Ok(Effect::Nothing);
        }
        if !self.status.is_payable() {
            self.needs_verification(format!(
                "a payment completed while the order was {}",
                self.status.name()
            ));
            return Ok(Effect::Nothing);
        }
        if self.left_to_pay(&[PaymentState::Completed])?.is_zero() {
            self.status = OrderStatus::AwaitingFulfillment;
            self.paid_time = Some(now);
            return Ok(Effect::Settle);
        }
        self.status = OrderStatus::AwaitingPayment;
        Ok(Effect::Hold)
    }

    fn after_failure(&mut self, was_pending: bool, paid_sibling: Option<Uuid>) -> Effect {
        let alive = self
            .payments
            .iter()
            .any(|payment| payment.state != PaymentState::Failed);
        if alive || !self.status.is_payable() {
            return Effect::Nothing;
        }
        if let Some(sibling) = paid_sibling {
            self.status = OrderStatus::Cancelled;
            self.status_reason = sibling_paid(sibling);
            return Effect::Nothing;
        }
        self.status = OrderStatus::Declined;
        if was_pending {
            Effect::Unpin
        } else {
            Effect::Nothing
        }
    }

    /// Gives the order another status, if its money and the table of moves allow it. Answers whether anything changes.
    pub fn update_status(&mut self, update: StatusUpdate, now: DateTime<Utc>) -> Result<bool> {
        if update.status == self.status {
            return Ok(false);
        }
        let allowed = self.allowed_statuses();
        if !allowed.contains(&update.status) {
            return Err(self.move_refusal(update.status, &allowed));
        }
        if self.history.len() >= MAX_CHANGES {
            let message = format!(
                "order {} was changed {MAX_CHANGES} times: its status can no longer be updated",
                self.id
            );
            return Err(self.status_refusal(message).with("allowed_statuses", ""));
        }
        self.status = update.status;
        self.status_reason = if self.status == OrderStatus::ManualVerificationRequired {
            update.reason.clone()
        } else {
            String::new()
        };
        let event = HistoryEvent::StatusUpdated;
        self.changed(event, update.actor, update.reason, now);
        Ok(true)
    }

    /// What it means beyond the order that it was given its status.
    #[must_use]
    pub fn effect_of_status(&self) -> Effect {
        if self.status == OrderStatus::Cancelled && self.paid_time.is_some() {
            Effect::Restock
        } else {
            Effect::Nothing
        }
    }

    /// The statuses that the order can be given.
    #[must_use]
    pub fn allowed_statuses(&self) -> Vec<OrderStatus> {
        let some_paid = self
            .payments
            .iter()
            .any(|payment| payment.state == PaymentState::Completed);
        moves_from(self.status)
            .filter(|step| match step.needs {
                Needs::PaidInFull => self.paid_time.is_some(),
                Needs::SomeMoney => self.paid_time.is_some() || some_paid,
            })
            .map(|step| step.to)
            .collect()
    }

    fn move_refusal(&self, wanted: OrderStatus, allowed: &[OrderStatus]) -> Refusal {
        let names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
        let way_out = if !names.is_empty() {
            format!("it can become {}", names.join(", "))
        } else if self.status.is_payable() {
            "record its payment or cancel it".to_owned()
        } else {
            "it stays so".to_owned()
        };
        let message = format!(
            "order {} is {} and cannot become {}: {way_out}",
            self.id,
            self.status.name(),
            wanted.name()
        );
        self.status_refusal(message)
            .with("wanted_status", wanted.name())
            .with("allowed_statuses", names.join(","))
    }

    /// Marks an order whose money has moved but that cannot be honoured as it is.
    fn needs_verification(&mut self, reason: String) {
        self.status = OrderStatus::ManualVerificationRequired;
        self.status_reason = reason;
        self.paid_time = None;
    }

    /// Gives the order up. Money that has moved for it stays recorded, to be paid back. Answers whether anything changes.
    pub fn cancel(&mut self, actor: String, reason: String, now: DateTime<Utc>) -> Result<bool> {
        if self.status == OrderStatus::Cancelled {
            return Ok(false);
        }
        if self.paid_time.is_some() {
            return Err(self.already_paid());
        }
        let name = self.status.name();
        if !self.status.is_payable() {
            let message = format!("order {} is {name} and cannot be cancelled", self.id);
            return Err(self.status_refusal(message));
        }
        let mut states = self.payments.iter().map(|payment| payment.state);
        if states.any(|state| state == PaymentState::Pending) {
            let message = format!(
                "order {} has a payment under way: let it fail before cancelling",
                self.id
            );
            return Err(self.status_refusal(message));
        }
        self.status = OrderStatus::Cancelled;
        self.changed(HistoryEvent::Cancelled, actor, reason, now);
        Ok(true)
    }

    fn check_payable(&self, paid_sibling: Option<Uuid>) -> Result<()> {
        if let Some(sibling) = paid_sibling {
            let message = format!(
                "order {sibling} of the same cart is paid, so order {} cannot be",
                self.id
            );
            return Err(Refusal::new(Reason::SiblingOrderPaid, message)
                .with("order_id", self.id)
                .with("paid_order_id", sibling));
        }
        if self.paid_time.is_some() {
            return Err(self.already_paid());
        }
        if !self.status.is_payable() {
            let message = format!(
                "order {} is {} and takes no payment",
                self.id,
                self.status.name()
            );
            return Err(self.status_refusal(message));
        }
        Ok(())
    }

    fn check_amount(&self, amount: Amount) -> Result<()> {
        let left = self.left_to_pay(&[PaymentState::Pending, PaymentState::Completed])?;
        let money = |amount| Money {
            currency: self.snapshot.currency,
            amount,
        };
        if amount > left {
            let message = format!(
                "{} is more than the {} outstanding",
                money(amount),
                money(left)
            );
            return Err(Refusal::new(Reason::PaymentExceedsOutstanding, message)
                .with("outstanding_balance", left.minor())
                .with("currency_code", self.snapshot.currency));
        }
        if amount.is_zero() && !left.is_zero() {
            let text = format!("must be above 0: {} is outstanding", money(left));
            return Err(Refusal::field("amount.amount_minor", text));
        }
        Ok(())
    }

    /// What is outstanding after the payments in these states.
    pub fn left_to_pay(&self, states: &[PaymentState]) -> std::result::Result<Amount, Overflow> {
        let counted = self
            .payments
            .iter()
            .filter(|payment| states.contains(&payment.state));
        let paid = sum(counted.map(|payment| payment.amount))?;
        self.snapshot.pricing.totals.outstanding_balance.minus(paid)
    }

    fn already_paid(&self) -> Refusal {
        Refusal::new(
            Reason::OrderAlreadyPaid,
            format!("order {} is paid", self.id),
        )
        .with("order_id", self.id)
    }

    fn status_refusal(&self, message: String) -> Refusal {
        Refusal::new(Reason::OrderStatusNotAllowed, message)
            .with("order_id", self.id)
            .with("status", self.status.name())
    }
}

/// Why a person has to look at an order for which money has moved.
#[must_use]
pub fn sibling_paid(sibling: Uuid) -> String {
    format!("order {sibling} of the same cart is paid")
}

fn reference_conflict(known: &Payment) -> Refusal {
    let message = format!(
        "payment \"{}\" is {} and cannot become what was asked: use another reference for another payment",
        known.reference,
        known.state.name()
    );
    Refusal::new(Reason::PaymentReferenceConflict, message)
        .with("reference", &known.reference)
        .with("state", known.state.name())
}
