//! What can go wrong with the database, as far as callers act on it.

use std::error::Error;

use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxSqliteError};

type Source = Box<dyn Error + Send + Sync>;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is out of reach or overwhelmed: try again later.
    #[error("the database is out of reach")]
    Unavailable(#[source] Source),
    /// Another transaction was in the way, and nothing was done: safe to try again at once.
    #[error("another transaction was in the way")]
    Serialization(#[source] Source),
    /// What is kept cannot be read.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// What it is.
        what: &'static str,
        /// Why it cannot be read.
        source: Source,
    },
    /// A bug or a database that is not set up as it must be.
    #[error("the database refused a statement")]
    Other(#[source] Source),
}

/// Result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    pub(super) fn corrupt(what: &'static str, source: impl Into<Source>) -> Self {
        let source = source.into();
        Self::Corrupt { what, source }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let kind = match &error {
            DbErr::ConnectionAcquire(_) => Self::Unavailable,
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => kind(cause),
            _ => Self::Other,
        };
        kind(error.into())
    }
}

impl From<SqlxError> for StoreError {
    fn from(error: SqlxError) -> Self {
        kind(&error)(error.into())
    }
}

fn kind(error: &SqlxError) -> fn(Source) -> StoreError {
    match error {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed
        | SqlxError::BeginFailed => StoreError::Unavailable,
        SqlxError::Database(refusal) => {
            let code = refusal.code().unwrap_or_default();
            if refusal.try_downcast_ref::<SqlxSqliteError>().is_some() {
                sqlite_kind(&code)
            } else {
                postgres_kind(&code)
            }
        }
        _ => StoreError::Other,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_kind(code: &str) -> fn(Source) -> StoreError {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => StoreError::Serialization,
        // The server is stopping, starting, takes no connections for now, or was made a standby under our feet.
        "57P01" | "57P02" | "57P03" | "55000" | "25006" => StoreError::Unavailable,
        // Connection exceptions; too many connections and other resources that ran out.
        code if code.starts_with("08") || code.starts_with("53") => StoreError::Unavailable,
        _ => StoreError::Other,
    }
}

/// <https://www.sqlite.org/rescode.html>: extended codes carry the primary code in their lowest byte.
fn sqlite_kind(code: &str) -> fn(Source) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED
        Ok(5 | 6) => StoreError::Serialization,
        // IOERR, FULL, CANTOPEN
        Ok(10 | 13 | 14) => StoreError::Unavailable,
        _ => StoreError::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: fn(Source) -> StoreError) -> String {
        kind("why".into()).to_string()
    }

    #[test]
    fn codes_say_whether_trying_again_helps() {
        for code in ["40001", "40P01"] {
            assert!(name(postgres_kind(code)).contains("in the way"), "{code}");
        }
        for code in ["08006", "53300", "57P01", "57P02", "57P03", "25006"] {
            assert!(name(postgres_kind(code)).contains("out of reach"), "{code}");
        }
        for code in ["23505", "42P01", ""] {
            assert!(name(postgres_kind(code)).contains("refused"), "{code}");
        }
        for code in ["5", "6", "261", "517"] {
            assert!(name(sqlite_kind(code)).contains("in the way"), "{code}");
        }
        for code in ["10", "13", "14", "778"] {
            assert!(name(sqlite_kind(code)).contains("out of reach"), "{code}");
        }
        assert!(name(sqlite_kind("2067")).contains("refused"));
    }

    #[test]
    fn a_pool_without_a_free_connection_is_out_of_reach() {
        let error = DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout);
        assert!(matches!(error.into(), StoreError::Unavailable(_)));
    }
}
