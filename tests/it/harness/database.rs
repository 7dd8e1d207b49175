//! Databases for tests: each test has its own.

use std::future::Future;

use cartwright::store::Database;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::proxy::Proxy;

/// Enough for tests to get in their own way.
const CONNECTIONS: u32 = 8;

/// A new, empty database.
pub(crate) struct TestDatabase {
    /// Where it is.
    pub(crate) url: String,
    /// The folder of a SQLite database, removed with this.
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// The database with this URL.
    pub(crate) const fn at(url: String) -> Self {
        Self { url, _folder: None }
    }

    /// A SQLite file.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cartwright.db");
        Self {
            url: format!("sqlite://{}?mode=rwc", path.display()),
            _folder: Some(folder),
        }
    }

    /// A database of the server that `CARTWRIGHT_TEST_DATABASE_URL` names. It is left there: the server is a
    /// throw-away one, and after a failure there is something to look at.
    pub(crate) async fn postgres() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the home of what tests read from the environment"
        )]
        let server = std::env::var("CARTWRIGHT_TEST_DATABASE_URL").expect(
            "run `make test`, or set CARTWRIGHT_TEST_DATABASE_URL to a PostgreSQL superuser's URL",
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "unique on a server that outlives the run"
        )]
        let name = format!("test_{}", Uuid::now_v7().simple());
        let connection = sea_orm::Database::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute_unprepared(&create).await.unwrap();
        connection.close().await.unwrap();

        let (address, parameters) = server.split_once('?').unwrap_or((&server, ""));
        let (address, _) = address.rsplit_once('/').unwrap();
        Self {
            url: format!("{address}/{name}?{parameters}"),
            _folder: None,
        }
    }

    /// The same database of a server, by way of a proxy.
    pub(crate) async fn behind_proxy(self) -> (Self, Proxy) {
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let (user, host) = authority.split_once('@').unwrap();
        let proxy = Proxy::before(host.to_owned()).await;
        let url = format!("{scheme}://{user}@{}/{path}", proxy.address);
        (Self { url, ..self }, proxy)
    }

    /// The first column of what a statement selects, which is text.
    pub(crate) async fn select(&self, select: &str) -> Vec<String> {
        let connection = sea_orm::Database::connect(&self.url).await.unwrap();
        let statement = statement(&connection, select);
        let rows = connection.query_all_raw(statement).await.unwrap();
        connection.close().await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// Connects without making tables.
    pub(crate) async fn connect(&self) -> Database {
        Database::connect(&self.url, CONNECTIONS).await.unwrap()
    }

    /// Every text of every row of every table.
    pub(crate) async fn texts(&self) -> String {
        let (columns, is_text) = if self.url.starts_with("sqlite") {
            let columns = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
                           WHERE t.type = 'table'";
            (columns, "typeof(\"{column}\") = 'text'")
        } else {
            let columns = "SELECT table_name::text, column_name::text
                           FROM information_schema.columns WHERE table_schema = 'public'
                           AND data_type IN ('text', 'character varying')";
            (columns, "true")
        };
        let connection = sea_orm::Database::connect(&self.url).await.unwrap();
        let mut texts = String::new();
        for row in connection
            .query_all_raw(statement(&connection, columns))
            .await
            .unwrap()
        {
            let (table, column): (String, String) = row.try_get_many_by_index().unwrap();
            let all = format!(
                "SELECT \"{column}\" FROM \"{table}\" WHERE {}",
                is_text.replace("{column}", &column)
            );
            for row in connection
                .query_all_raw(statement(&connection, &all))
                .await
                .unwrap()
            {
                let text: Option<String> = row.try_get_by_index(0).unwrap();
                texts.push_str(&text.unwrap_or_default());
                texts.push('\n');
            }
        }
        connection.close().await.unwrap();
        texts
    }

    /// Connects, with all tables.
    pub(crate) async fn open(&self) -> Database {
        let database = self.connect().await;
        database.migrate().await.unwrap();
        database
    }
}

fn statement(connection: &impl ConnectionTrait, sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(connection.get_database_backend(), sql)
}

/// Runs the task for each number below `count`, all at once, and collects the answers in no particular order.
pub(crate) async fn at_once<T, F>(count: u128, task: impl Fn(u128) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    (0..count)
        .map(task)
        .collect::<JoinSet<T>>()
        .join_all()
        .await
}
