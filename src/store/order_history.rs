//! What happened to orders: an entry for each version of each, written with it.

use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{
    Connection as _, Result, StoreError, Transaction,
    entity::order_history::{Entity, Model},
};
use crate::domain::{
    order::{OrderStatus, PaymentState},
    order_history::{HistoryEntry, HistoryEvent},
};

/// Most rows of one statement: databases limit its parameters.
const ROWS_AT_A_TIME: usize = 1_000;

/// Adds the same entry to orders, each by its id and the version that was made.
pub(super) async fn add(
    transaction: &Transaction,
    orders: &[(Uuid, i64)],
    entry: &HistoryEntry,
) -> Result<()> {
    for orders in orders.chunks(ROWS_AT_A_TIME) {
        let rows = orders
            .iter()
            .map(|(order_id, version)| row_of(*order_id, *version, entry).into_active_model());
        let insert = Entity::insert_many(rows.collect::<Vec<_>>());
        insert.exec_without_returning(transaction.orm()).await?;
    }
    Ok(())
}

fn row_of(order_id: Uuid, version: i64, entry: &HistoryEntry) -> Model {
    let (payment_reference, payment_state) = match &entry.event {
        HistoryEvent::Payment { reference, state } => (reference.clone(), state.name()),
        _ => (String::new(), ""),
    };
    Model {
        order_id,
        version,
        time: entry.time,
        event: entry.event.name().to_owned(),
        payment_reference,
        payment_state: payment_state.to_owned(),
        status: entry.status.name().to_owned(),
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
    }
}

/// The entry of a row.
pub(super) fn entry_of(row: Model) -> Result<HistoryEntry> {
    let Some(status) = OrderStatus::named(&row.status) else {
        return Err(StoreError::corrupt("order status", row.status));
    };
    let event = match row.event.as_str() {
        "PAYMENT_RECORDED" => {
            let Some(state) = PaymentState::named(&row.payment_state) else {
                return Err(StoreError::corrupt("payment state", row.payment_state));
            };
            let reference = row.payment_reference;
            HistoryEvent::Payment { reference, state }
        }
        name => {
            let plain = [
                HistoryEvent::Created,
                HistoryEvent::Cancelled,
                HistoryEvent::SiblingPaid,
                HistoryEvent::StatusUpdated,
            ];
            let event = plain.into_iter().find(|event| event.name() == name);
            event.ok_or_else(|| StoreError::corrupt("order history", name))?
        }
    };
    Ok(HistoryEntry {
        time: row.time,
        event,
        status,
        actor: row.actor,
        reason: row.reason,
    })
}
