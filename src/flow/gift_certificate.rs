//! Gift certificates: their management, and paying checkouts with them.

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Page, Paged, Result, audit,
    cart::parse_id,
    change::{ATTEMPTS, Draft, change, pause},
    code_tries::look_up,
    concurrent_change, holds, new_id, now,
    once::{self, Once},
    other_currency, random_text,
};
use crate::{
    domain::{
        audit::Action,
        checkout::{Checkout, check_version},
        code_tries::CodeKind,
        gift_certificate::{
            AppliedGiftCertificate, CODE_ALPHABET, CODE_LETTERS, Card, GiftCertificate, Party,
            grouped, masked, not_found,
        },
        ledger::{Change, EntryKind, LedgerEntry},
        money::{Amount, Money},
        order::Order,
        reason::{self, Reason, Refusal},
    },
    store::{self, Transaction},
};

pub use crate::store::gift_certificate::GiftCertificateFilter;

/// A gift certificate to issue.
#[derive(Debug, Clone)]
pub struct NewGiftCertificate {
    /// What it is worth, above 0.
    pub amount: Money,
    /// The code; none for one that nobody can guess.
    pub code: Option<String>,
    /// What is written on it.
    pub card: Card,
    /// Until when it pays.
    pub expire_time: Option<DateTime<Utc>>,
    /// Whether it pays.
    pub enabled: bool,
}

/// What to change of a gift certificate; none stays.
#[derive(Debug, Clone, Default)]
pub struct GiftCertificateUpdate {
    /// Whether it pays.
    pub enabled: Option<bool>,
    /// Until when it pays; none inside for without end.
    pub expire_time: Option<Option<DateTime<Utc>>>,
    /// What is left.
    pub balance: Option<Money>,
    /// Who gave it.
    pub sender: Option<Party>,
    /// Who got it.
    pub recipient: Option<Party>,
    /// How it looks.
    pub theme: Option<String>,
    /// The sender's message.
    pub message: Option<String>,
    /// Why, for the ledger.
    pub note: String,
}

/// What a gift certificate is found by.
#[derive(Debug, Clone)]
pub enum GiftCertificateKey {
    /// Its id.
    Id(Uuid),
    /// Its code, in whatever case.
    Code(String),
}

/// Issues a gift certificate.
#[instrument(name = "flow.issue_gift_certificate", skip_all)]
pub async fn issue(flow: &Flow, new: NewGiftCertificate, guard: Guard) -> Result<GiftCertificate> {
    let now = now();
    let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
        Once::Answered(id) => return load(flow, parse_id(&id)?).await,
        Once::New(claim) => claim,
    };
    if new.expire_time.is_some_and(|time| time <= now) {
        return Err(Refusal::field("expire_time", "must be in the future").into());
    }
    let certificate = GiftCertificate {
        enabled: new.enabled,
        expire_time: new.expire_time,
        ..worth(new.amount, new.card, now)
    };
    let issued = match new.code {
        Some(code) => {
            insert(
                &claim.transaction,
                GiftCertificate {
                    code,
                    ..certificate
                },
            )
            .await?
        }
        None => insert_generated(&claim.transaction, certificate).await?,
    };
    let action = Action::IssueGiftCertificate;
    audit::note(&claim.transaction, &guard, action, [issued.id]).await?;
    claim.commit(&issued.id.to_string()).await?;
    Ok(issued)
}

/// Issues the gift certificates that a paid order has bought.
pub(super) async fn issue_bought(transaction: &Transaction, order: &Order) -> Result<()> {
    let currency = order.snapshot.currency;
    for line in &order.snapshot.lines {
        let Some(card) = &line.gift_certificate else {
            continue;
        };
        let amount = line.list_price();
        let bought = GiftCertificate {
            order_id: Some(order.id),
            ..worth(Money { currency, amount }, card.clone(), order.update_time)
        };
        insert_generated(transaction, bought).await?;
    }
    Ok(())
}

/// A gift certificate without a code.
fn worth(amount: Money, card: Card, now: DateTime<Utc>) -> GiftCertificate {
    GiftCertificate {
        id: new_id(),
        code: String::new(),
        enabled: true,
        amount,
        balance: amount.amount,
        card,
        expire_time: None,
        order_id: None,
        version: 1,
        create_time: now,
        update_time: now,
    }
}

async fn insert(
    transaction: &Transaction,
    certificate: GiftCertificate,
) -> Result<GiftCertificate> {
    let first = Change {
        id: new_id(),
        kind: EntryKind::Issued,
        amount: certificate.balance,
        order_id: certificate.order_id,
        note: String::new(),
        time: certificate.create_time,
    };
    if store::gift_certificate::insert(transaction, &certificate, &first).await? {
        return Ok(certificate);
    }
    let code = masked(&certificate.code);
    let message = format!("code \"{code}\" belongs to a gift certificate: choose another one");
    Err(Refusal::new(Reason::GiftCertificateCodeExists, message)
        .with("code", code)
        .into())
}

/// Adds a gift certificate with a code of its own. That it is taken happens to nobody, and the refusal tells if it does.
async fn insert_generated(
    transaction: &Transaction,
    certificate: GiftCertificate,
) -> Result<GiftCertificate> {
    let code = grouped(&random_text(&CODE_ALPHABET, CODE_LETTERS));
    insert(
        transaction,
        GiftCertificate {
            code,
            ..certificate
        },
    )
    .await
}

/// Answers a gift certificate with its ledger, newest first.
#[instrument(name = "flow.get_gift_certificate", skip_all)]
pub async fn get(
    flow: &Flow,
    key: GiftCertificateKey,
    page: Page,
) -> Result<(GiftCertificate, Paged<LedgerEntry>)> {
    let certificate = match key {
        GiftCertificateKey::Id(id) => load(flow, id).await?,
        GiftCertificateKey::Code(code) => find(flow, &code).await?,
    };
    // Without those that came since it was read.
    let before = page.key()?.unwrap_or(certificate.version.saturating_add(1));
    let entries =
        store::balance::entries(&flow.database, certificate.id, before, page.limit()).await?;
    let entries = page.of(entries, |entry| entry.version.to_string());
    Ok((certificate, entries))
}

/// Lists gift certificates, newest first.
#[instrument(name = "flow.list_gift_certificates", skip_all)]
pub async fn list(
    flow: &Flow,
    filter: GiftCertificateFilter,
    page: Page,
) -> Result<Paged<GiftCertificate>> {
    let (before, limit) = (page.key()?, page.limit());
    let certificates =
        store::gift_certificate::list(&flow.database, &filter, before, limit).await?;
    Ok(page.of(certificates, |certificate| certificate.id.to_string()))
}

/// Changes a gift certificate.
#[instrument(name = "flow.update_gift_certificate", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    update: GiftCertificateUpdate,
    guard: Guard,
) -> Result<GiftCertificate> {
    for attempt in 0..ATTEMPTS {
        let now = now();
        let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
            Once::Answered(_) => return load(flow, id).await,
            Once::New(claim) => claim,
        };
        let transaction = &claim.transaction;
        let found = store::gift_certificate::load(transaction, id).await?;
        let current = found.ok_or_else(|| no_such(id))?;
        check_version(current.version, guard.expected_version)?;
        let changed = changed(&current, &update, now)?;
        let adjustment = Change {
            id: new_id(),
            kind: EntryKind::Adjusted,
            amount: changed
                .balance
                .minus(current.balance)
                .map_err(Refusal::from)?,
            order_id: None,
            note: update.note.clone(),
            time: now,
        };
        // The balance comes first: it is locked from here on, and with it the certificate.
        if store::balance::change(transaction, id, Some(current.version), &adjustment).await? {
            store::gift_certificate::update(transaction, &changed).await?;
            audit::note(transaction, &guard, Action::UpdateGiftCertificate, [id]).await?;
            claim.commit("").await?;
            return Ok(changed);
        }
        drop(claim);
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

fn changed(
    current: &GiftCertificate,
    update: &GiftCertificateUpdate,
    now: DateTime<Utc>,
) -> reason::Result<GiftCertificate> {
    let currency = current.amount.currency;
    if let Some(given) = update.balance.filter(|given| given.currency != currency) {
        let what = "the gift certificate";
        return Err(other_currency("balance", given.currency, what, currency));
    }
    let GiftCertificateUpdate {
        sender,
        recipient,
        theme,
        message,
        ..
    } = update.clone();
    let card = current.card.clone();
    Ok(GiftCertificate {
        enabled: update.enabled.unwrap_or(current.enabled),
        expire_time: update.expire_time.unwrap_or(current.expire_time),
        balance: update.balance.map_or(current.balance, |given| given.amount),
        card: Card {
            sender: sender.unwrap_or(card.sender),
            recipient: recipient.unwrap_or(card.recipient),
            theme: theme.unwrap_or(card.theme),
            message: message.unwrap_or(card.message),
        },
        version: current.version.saturating_add(1),
        update_time: now,
        ..current.clone()
    })
}

/// Puts a gift certificate on a checkout.
#[instrument(name = "flow.apply_gift_certificate", skip_all)]
pub async fn apply(flow: &Flow, id: Uuid, code: String, guard: Guard) -> Result<Checkout> {
    let (entered, caller) = (&code, guard.caller.clone());
    let (kind, caller) = (CodeKind::GiftCertificate, &caller);
    change(flow, id, guard, async |mut draft: Draft| {
        let Draft { checkout, now, .. } = &mut draft;
        let find = store::gift_certificate::find(&flow.database, entered);
        let found = look_up(flow, caller, kind, entered, *now, find).await?;
        let found = found.ok_or_else(|| not_found(entered))?;
        let available = holds::available_of(flow, checkout, found.left()).await?;
        let (code, currency) = (entered.clone(), checkout.currency);
        let applied = AppliedGiftCertificate::new(&found, code, available, currency, *now);
        checkout.apply_gift_certificate(applied)?;
        Ok(draft)
    })
    .await
}

/// Takes a gift certificate off a checkout.
#[instrument(name = "flow.remove_gift_certificate", skip_all)]
pub async fn remove(flow: &Flow, id: Uuid, code: String, guard: Guard) -> Result<Checkout> {
    let code = &code;
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.remove_gift_certificate(code)?;
        Ok(draft)
    })
    .await
}

/// The gift certificates of the checkout that there are, with what it can pay with of each.
pub(super) async fn applied(
    flow: &Flow,
    checkout: &Checkout,
) -> Result<Vec<(GiftCertificate, Amount)>> {
    let applied = checkout.gift_certificates.iter();
    let ids: Vec<_> = applied.map(|certificate| certificate.id).collect();
    let found = store::gift_certificate::load_many(&flow.database, &ids).await?;
    let left: Vec<_> = found.iter().map(GiftCertificate::left).collect();
    let available = holds::available(flow, checkout, &left).await?;
    Ok(found.into_iter().zip(available).collect())
}

async fn find(flow: &Flow, code: &str) -> Result<GiftCertificate> {
    let found = store::gift_certificate::find(&flow.database, code).await?;
    found.ok_or_else(|| not_found(code).into())
}

async fn load(flow: &Flow, id: Uuid) -> Result<GiftCertificate> {
    let found = store::gift_certificate::load(&flow.database, id).await?;
    found.ok_or_else(|| no_such(id).into())
}

fn no_such(id: Uuid) -> Refusal {
    let message = format!("there is no gift certificate {id}");
    Refusal::new(Reason::GiftCertificateNotFound, message).with("gift_certificate_id", id)
}
