//! Who may do what: API tokens, sessions that were revoked, and who has changed what.

use sea_orm_migration::{
    prelude::*,
    schema::{
        blob, pk_uuid, text, timestamp_with_time_zone as time,
        timestamp_with_time_zone_null as time_null, uuid_null,
    },
};

use super::m0001_initial::{index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [api_tokens(), revoked_sessions(), audit_entries()] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(index("revoked_sessions", &["expire_time"]))
            .await?;
        let mut row = Query::insert();
        row.into_table("revisions")
            .columns(["name", "revision"])
            .values(["access".into(), 0.into()])
            .map_err(|error| DbErr::Migration(error.to_string()))?;
        manager.execute(row).await
    }
}

/// Of the secret only a hash is kept.
fn api_tokens() -> TableCreateStatement {
    table("api_tokens")
        .col(text("prefix").primary_key())
        .col(blob("secret_hash"))
        .col(text("name"))
        .col(text("scopes"))
        .col(text("channels"))
        .col(time("create_time"))
        .col(time_null("expire_time"))
        .col(time_null("revoke_time"))
        .col(time_null("last_use_time"))
        .take()
}

/// Sessions themselves are kept nowhere: these are refused until they would have ended anyway.
fn revoked_sessions() -> TableCreateStatement {
    table("revoked_sessions")
        .col(pk_uuid("session_id"))
        .col(time("expire_time"))
        .take()
}

/// Found and purged by their ids, which tell their time.
fn audit_entries() -> TableCreateStatement {
    table("audit_entries")
        .col(pk_uuid("id"))
        .col(time("time"))
        .col(text("caller"))
        .col(text("action"))
        .col(text("subject_kind"))
        .col(text("subject_ids"))
        .col(uuid_null("request_id"))
        .take()
}
