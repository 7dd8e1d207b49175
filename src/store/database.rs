//! The database: one pool of connections, and transactions on them.

use std::{convert::identity, future::Future, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, SqlxError, SqlxPostgresConnector, SqlxSqliteConnector,
    TransactionOptions, TransactionTrait,
    sqlx::{
        self, PgConnection, SqliteConnection,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use sea_orm_migration::MigratorTrait;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{Result, StoreError, migration::Migrator};

/// How long to wait for a connection, free or new.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a writer waits for another one (SQLite has room for one at a time).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is tried before it is used: something between us may have dropped it.
const TRUSTED_IDLE: Duration = Duration::from_mins(1);
/// Names the lock under which PostgreSQL is migrated: any number that nobody else takes.
const MIGRATION_LOCK: i64 = 0x6361_7274_7772_6967;

/// What statements run on: the [`Database`], each on its own, or a [`Transaction`].
pub trait Connection: Sync {
    /// The same for the ORM.
    fn orm(&self) -> &(impl ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>);

    /// Begins a transaction here, which inside another one is a part of it: `READ COMMITTED` on PostgreSQL. On SQLite it is
    /// the one writer from the start, for one that begins as a reader cannot wait for its turn to write.
    fn begin_here(&self) -> impl Future<Output = Result<Transaction>> + Send {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        async move { Ok(Transaction(self.orm().begin_with_options(options).await?)) }
    }
}

/// A pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub struct Database(DatabaseConnection);

/// A transaction. Dropped without [`commit`](Self::commit), it leaves nothing.
#[derive(Debug)]
pub struct Transaction(DatabaseTransaction);

impl Connection for Database {
    fn orm(&self) -> &(impl ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>) {
        &self.0
    }
}

impl Connection for Transaction {
    fn orm(&self) -> &(impl ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>) {
        &self.0
    }
}

impl Database {
    /// Connects to `postgres://…`, `sqlite://PATH?mode=rwc` or `sqlite::memory:` with up to so many
    /// connections, all opened now and kept. A database in memory has one, since each would be another.
    ///
    /// Answers [`StoreError::Unavailable`] within ten seconds when there is no database at the other end.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self> {
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let connections = if in_memory { 1 } else { max_connections.max(1) };
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .min_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            // Spans tell of each statement; the driver's own log would tell it again.
            .sqlx_logging(false);
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                connect_alone::<PgConnection>(url, identity).await?;
                options
                    .set_application_name("cartwright")
                    .test_before_acquire_if_idle_for(TRUSTED_IDLE);
                Ok(Self(SqlxPostgresConnector::connect(options).await?))
            }
            Some(("sqlite", _)) => {
                connect_alone::<SqliteConnection>(url, sqlite_options).await?;
                options
                    .test_before_acquire(false)
                    .map_sqlx_sqlite_opts(sqlite_options);
                Ok(Self(SqlxSqliteConnector::connect(options).await?))
            }
            _ => Err(StoreError::Other(
                "the database URL must begin with postgres:// or sqlite:".into(),
            )),
        }
    }

    /// Brings the tables up to date, in one transaction. Any number of replicas may do so at once.
    pub async fn migrate(&self) -> Result<()> {
        let transaction = self.begin().await?;
        let orm = &transaction.0;
        if orm.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            orm.execute_unprepared(&lock).await?;
        }
        let applied = Migrator::get_migration_models(orm).await?;
        let pending = Migrator::migrations().into_iter().any(|migration| {
            let name = migration.name();
            !applied.iter().any(|done| done.version == name)
        });
        // There may be more applied than we know of: a newer release was here, and it only added. `up` would
        // refuse that.
        if pending {
            Migrator::up(orm, None).await?;
        }
        transaction.commit().await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.0.ping().await?)
    }

    /// Begins a transaction.
    ///
    /// It is begun in a task of its own, which goes on when the caller does not: sqlx knows of a transaction only once
    /// `BEGIN` is answered. Given up before, the connection would go back to the pool with a transaction that nobody ends,
    /// in which what others write next would be answered, and lost.
    pub async fn begin(&self) -> Result<Transaction> {
        let database = self.clone();
        let beginning = async move { database.begin_here().await };
        match tokio::spawn(beginning.in_current_span()).await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Other(error.into())),
        }
    }

    /// How PostgreSQL is connected to.
    pub(super) fn postgres_options(&self) -> PgConnectOptions {
        (*self.0.get_postgres_connection_pool().connect_options()).clone()
    }

    /// Closes every connection, after the statements under way.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

impl Transaction {
    /// Makes what was done durable. When the answer is an error, it may or may not be.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

fn sqlite_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        // With WAL, anything less could lose answered changes when the power fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
}

/// Connects once, without the pool. A pool would keep trying a server that refuses, and then tell of a timeout
/// rather than of its cause; and it opens connections side by side, whereas the first one to a new SQLite file has
/// to be alone to turn on WAL.
async fn connect_alone<C: sqlx::Connection>(
    url: &str,
    prepare: fn(C::Options) -> C::Options,
) -> Result<()> {
    let attempt = async {
        let options = prepare(url.parse()?);
        C::connect_with(&options).await?.close().await
    };
    let result = timeout(ACQUIRE_TIMEOUT, attempt).await;
    result
        .unwrap_or(Err(SqlxError::PoolTimedOut))
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())).into())
}
