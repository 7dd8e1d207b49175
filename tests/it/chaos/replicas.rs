//! Two processes of the program on one database, and the trouble that they are in.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::{sync::Mutex, task::spawn_blocking, time::sleep};
use tonic::transport::Channel;

use crate::harness::{
    database::TestDatabase,
    dice::Dice,
    proxy::Proxy,
    redis::shared_redis,
    server::{Binary, connect},
};

/// A process between two proxies.
struct Replica {
    /// Between the callers and it.
    front: Proxy,
    /// Between it and the database.
    back: Proxy,
    arguments: Vec<String>,
    process: Mutex<Option<Binary>>,
}

pub(crate) struct Replicas {
    pub(crate) database: TestDatabase,
    replicas: [Replica; 2],
}

impl Replicas {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::postgres().await;
        Self {
            replicas: [
                Replica::start(&database.url).await,
                Replica::start(&database.url).await,
            ],
            database,
        }
    }

    /// New connections to both.
    pub(crate) fn connect(&self) -> [Channel; 2] {
        [0, 1].map(|index| connect(self.replicas[index].front.address))
    }

    /// Does something to one of them, after which it is well again. Answers what.
    pub(crate) async fn trouble(&self, dice: &mut Dice) -> &'static str {
        let replica = &self.replicas[dice.index(2)];
        let while_cut = Duration::from_millis(u64::from(dice.below(300)));
        match dice.below(4) {
            0 | 1 => {
                replica.kill().await;
                replica.restart().await;
                "killed"
            }
            2 => {
                replica.front.cut();
                sleep(while_cut).await;
                replica.front.mend();
                "cut off from callers"
            }
            _ => {
                replica.back.cut();
                sleep(while_cut).await;
                replica.back.mend();
                "cut off from the database"
            }
        }
    }

    /// Ends both.
    pub(crate) async fn end(&self) {
        for replica in &self.replicas {
            replica.kill().await;
        }
    }
}

impl Replica {
    async fn start(database_url: &str) -> Self {
        let database = TestDatabase::at(database_url.to_owned());
        let (database, back) = database.behind_proxy().await;
        let arguments = vec![
            "serve".to_owned(),
            format!("--database-url={}", database.url),
            format!("--redis-url={}", shared_redis().expose_secret()),
            "--database-max-connections=8".to_owned(),
        ];
        let replica = Self {
            front: Proxy::before(String::new()).await,
            back,
            arguments,
            process: Mutex::default(),
        };
        replica.restart().await;
        replica
    }

    async fn restart(&self) {
        let arguments = self.arguments.clone();
        let started = spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            Binary::start(&arguments, &[])
        });
        let process = started.await.unwrap();
        self.front.point_at(process.address().to_string());
        *self.process.lock().await = Some(process);
    }

    /// By SIGKILL. Its log must not tell of anything that should not have happened.
    async fn kill(&self) {
        if let Some(mut process) = self.process.lock().await.take() {
            process.kill();
            let (_, log) = spawn_blocking(move || process.wait()).await.unwrap();
            for wrong in ["internal error", "panicked", " ERROR "] {
                assert!(!log.contains(wrong), "{log}");
            }
        }
    }
}
