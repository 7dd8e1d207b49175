//! Services that tests call: one in this process, or the program itself.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use cartwright::{
    app::{self, Running},
    config::Cli,
    domain::checkout::Checkout,
    store::{self, Database},
};
use chrono::{DateTime, Utc};
use clap::Parser as _;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::{database::TestDatabase, proxy::Proxy, redis::shared_redis};

/// What a service runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// SQLite, and quotes kept in process.
    Embedded,
    /// PostgreSQL and Redis.
    Servers,
}

/// A service in this process. What is in flight when it is dropped ends with the test.
pub(crate) struct TestServer {
    running: Running,
    channel: Channel,
    database: Arc<TestDatabase>,
    options: Vec<String>,
}

impl TestServer {
    /// Without a shop, on a database of its own.
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::with(backend, &[]).await
    }

    /// The same with these options of the command line.
    pub(crate) async fn with(backend: Backend, options: &[&str]) -> Self {
        let mut all: Vec<_> = options.iter().copied().map(str::to_owned).collect();
        let connections = "--database-max-connections";
        if !all.iter().any(|option| option.starts_with(connections)) {
            all.push(format!("{connections}=8"));
        }
        let database = match backend {
            Backend::Embedded => TestDatabase::sqlite(),
            Backend::Servers => {
                all.push(format!("--redis-url={}", shared_redis().expose_secret()));
                TestDatabase::postgres().await
            }
        };
        Self::on(Arc::new(database), all).await
    }

    /// On PostgreSQL behind a proxy.
    pub(crate) async fn start_behind_proxy() -> (Self, Proxy) {
        let (database, proxy) = TestDatabase::postgres().await.behind_proxy().await;
        let server = Self::on(Arc::new(database), Vec::new()).await;
        (server, proxy)
    }

    /// On the database with this URL.
    pub(crate) async fn at(database_url: String) -> Self {
        Self::on(Arc::new(TestDatabase::at(database_url)), Vec::new()).await
    }

    /// Another service with the same options, on the same database.
    pub(crate) async fn replica(&self) -> Self {
        Self::on(Arc::clone(&self.database), self.options.clone()).await
    }

    /// The same with these options in addition.
    pub(crate) async fn replica_with(&self, options: &[&str]) -> Self {
        let more = options.iter().copied().map(str::to_owned);
        let options = self.options.iter().cloned().chain(more).collect();
        Self::on(Arc::clone(&self.database), options).await
    }

    async fn on(database: Arc<TestDatabase>, options: Vec<String>) -> Self {
        let url = format!("--database-url={}", database.url);
        let fixed = ["cartwright", "--listen=127.0.0.1:0", &url];
        let arguments = fixed.into_iter().chain(options.iter().map(String::as_str));
        let config = Cli::parse_from(arguments).config;
        let running = app::start(&config).await.unwrap();
        let channel = connect(running.address());
        Self {
            running,
            channel,
            database,
            options,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Every text in its database.
    pub(crate) async fn texts(&self) -> String {
        self.database.texts().await
    }

    /// A connection, made when it is first used. Clones share it.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A connection to its database.
    pub(crate) async fn database(&self) -> Database {
        self.database.connect().await
    }

    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Drains.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// The same. What is answered starts the program on the same database, with the same options.
    pub(crate) async fn stop_to_restart(self) -> impl Fn() -> Binary {
        self.running.stop().await;
        let (database, options) = (self.database, self.options);
        move || {
            let url = format!("--database-url={}", database.url);
            let options = options.iter().map(String::as_str);
            let arguments: Vec<_> = ["serve", url.as_str()].into_iter().chain(options).collect();
            Binary::start(&arguments, &[])
        }
    }

    /// Makes it so that a cart has expired, without waiting for it.
    pub(crate) async fn expire(&self, cart_id: &str) {
        self.rewrite(cart_id, |checkout| {
            checkout.expire_time = checkout.create_time;
        })
        .await;
    }

    /// Makes it so that a cart expires so long after it was created.
    pub(crate) async fn expire_after(&self, cart_id: &str, lifetime: Duration) {
        self.rewrite(cart_id, |checkout| {
            checkout.expire_time = checkout.create_time + lifetime;
        })
        .await;
    }

    /// Makes it so that what the checkout has reserved lapses now, unless a payment has pinned it, and waits until it was
    /// given back.
    pub(crate) async fn lapse(&self, checkout_id: &str) {
        let database = self.database.connect().await;
        let id = checkout_id.parse().unwrap();
        let past = "2026-01-01T00:00:00Z".parse().unwrap();
        let transaction = database.begin().await.unwrap();
        if store::reservation::pin(&transaction, id).await.unwrap() {
            let kept = store::reservation::keep(&transaction, id, past).await;
            kept.unwrap();
        }
        transaction.commit().await.unwrap();
        while store::reservation::lapsed(&database, past, 1_000)
            .await
            .unwrap()
            .contains(&id)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The checkouts whose reservations will have lapsed then, unless they are renewed.
    pub(crate) async fn lapsed(&self, time: DateTime<Utc>) -> Vec<String> {
        let database = self.database.connect().await;
        let lapsed = store::reservation::lapsed(&database, time, 1_000).await;
        lapsed.unwrap().iter().map(Uuid::to_string).collect()
    }

    /// Makes it so that the taxes of a checkout were estimated long ago.
    pub(crate) async fn age_taxes(&self, checkout_id: &str) {
        self.rewrite(checkout_id, |checkout| {
            let estimate = checkout.tax_estimate.as_mut().expect("an estimate");
            estimate.time -= chrono::TimeDelta::minutes(10);
        })
        .await;
    }

    async fn rewrite(&self, checkout_id: &str, change: impl FnOnce(&mut Checkout)) {
        let database = self.database.connect().await;
        let id = checkout_id.parse().unwrap();
        let transaction = database.begin().await.unwrap();
        let found = store::checkout::hold(&transaction, id).await.unwrap();
        let mut checkout = found.unwrap();
        change(&mut checkout);
        let kept = store::checkout::keep(&transaction, &checkout).await;
        kept.unwrap();
        transaction.commit().await.unwrap();
    }
}

/// A connection to the service at this address, made when it is first used.
pub(crate) fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    endpoint.unwrap().connect_lazy()
}

/// The program, serving in a process and a folder of its own; killed when it is dropped.
pub(crate) struct Binary {
    child: Child,
    address: SocketAddr,
    log: Option<JoinHandle<String>>,
    _folder: TempDir,
}

impl Binary {
    /// Starts it with these arguments and variables and no others, and returns when it listens.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(arguments, variables)
            .arg("--listen=127.0.0.1:0")
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended:\n{log}"));
            let line = line.unwrap();
            log.push_str(&line);
            log.push('\n');
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| c == '"' || c.is_whitespace());
                break rest[..end.unwrap_or(rest.len())].parse().unwrap();
            }
        };
        // Goes on reading, so that the program never waits for room in the pipe.
        let log = thread::spawn(move || {
            for line in lines {
                log.push_str(&line.unwrap());
                log.push('\n');
            }
            log
        });
        Self {
            child,
            address,
            log: Some(log),
            _folder: folder,
        }
    }

    /// Serves the sample shop from an embedded database.
    pub(crate) fn serve_demo_store() -> Self {
        Self::start(&["serve", "--demo-store"], &[])
    }

    /// Serves the sample shop from PostgreSQL and Redis, with these variables.
    pub(crate) async fn serve_demo_store_on_servers(variables: &[(&str, &str)]) -> Self {
        let database = TestDatabase::postgres().await;
        let redis = shared_redis();
        let urls = [
            ("DATABASE_URL", database.url.as_str()),
            ("REDIS_URL", redis.expose_secret()),
        ];
        Self::start(&["serve", "--demo-store"], &[&urls, variables].concat())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection, made when it is first used.
    pub(crate) fn channel(&self) -> Channel {
        connect(self.address)
    }

    /// The most memory that it has taken, in bytes; where the system does not tell, what it takes now.
    pub(crate) fn most_memory(&self) -> u64 {
        let pid = self.child.id().to_string();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = || Command::new("ps").args(["-o", "rss=", "-p", &pid]).output();
        let kilobytes = match most {
            Some(most) => most.trim_end_matches("kB").to_owned(),
            None => String::from_utf8(now().unwrap().stdout).unwrap(),
        };
        kilobytes.trim().parse::<u64>().unwrap() * 1024
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits until it has ended; answers how, and its log.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let log = self.log.take().expect("waited for once");
        (status, log.join().unwrap())
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end, with these arguments and variables and no others.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().unwrap()
}

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartwright"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command
}
