//! Redis: the one that all tests share, and ones that a test may kill.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use redis::{FromRedisValue, aio::MultiplexedConnection};
use secrecy::SecretString;
use tempfile::TempDir;

use super::{PATIENCE, free_port, variable};

/// The Redis that all tests share.
pub(crate) fn shared_redis() -> SecretString {
    variable("CARTWRIGHT_TEST_REDIS_URL").into()
}

/// A Redis of the test's own, on a port that stays the same when it is killed and started again.
pub(crate) struct RedisServer {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    /// An address at which no Redis runs yet.
    pub(crate) fn stopped() -> Self {
        Self::with(&[])
    }

    pub(crate) fn started() -> Self {
        Self::started_with(&[])
    }

    /// With these options of its own.
    pub(crate) fn started_with(options: &[&str]) -> Self {
        let mut server = Self::with(options);
        server.start();
        server
    }

    fn with(options: &[&str]) -> Self {
        Self {
            port: free_port(),
            options: options.iter().copied().map(Into::into).collect(),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        }
    }

    /// Returns when it takes connections.
    pub(crate) fn start(&mut self) {
        let port = self.port.to_string();
        let fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new(variable("CARTWRIGHT_TEST_REDIS_SERVER"))
            .args(fixed)
            .args(["--port", &port])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(child.unwrap());
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "no Redis at port {port}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Without a chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// The answer to a command, such as `GET key`.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]);
        cmd.query_async(&mut self.connect().await).await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A Redis Cluster of three nodes, each with a third of the slots.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub(crate) async fn started() -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            let mut node = RedisServer::with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-require-full-coverage",
                "no",
                "--cluster-node-timeout",
                "1000",
            ]);
            node.start();
            nodes.push(node);
            buses.push(bus);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (from, to)) in nodes.iter().zip(slots) {
            let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]).await;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let port = node.port.to_string();
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, bus];
            let () = nodes[0].ask(&meet).await;
        }
        let cluster = Self { nodes };
        cluster.wait_until_whole().await;
        cluster
    }

    /// Returns when all nodes know of each other, and that all slots are served.
    pub(crate) async fn wait_until_whole(&self) {
        let start = Instant::now();
        for node in &self.nodes {
            loop {
                let info: String = node.ask(&["CLUSTER", "INFO"]).await;
                let slots: Vec<redis::Value> = node.ask(&["CLUSTER", "SLOTS"]).await;
                if info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_ok:16384")
                    && slots.len() == self.nodes.len()
                {
                    break;
                }
                assert!(start.elapsed() < PATIENCE, "{info}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// For `--redis-url`.
    pub(crate) fn url(&self) -> String {
        let addresses = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port));
        let addresses: Vec<_> = addresses.collect();
        format!("redis-cluster://{}", addresses.join(","))
    }
}
