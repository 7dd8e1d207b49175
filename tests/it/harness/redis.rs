//! Redis: the one that all tests share, and ones that a test may kill.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use secrecy::SecretString;

/// The Redis that all tests share.
pub(crate) fn shared_redis() -> SecretString {
    variable("CARTWRIGHT_TEST_REDIS_URL").into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what scripts/with-services tells the tests"
)]
fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `make test`, which starts the servers"))
}

/// A Redis of the test's own, on a port that stays the same when it is killed and started again.
pub(crate) struct RedisServer {
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// An address at which no Redis runs yet.
    pub(crate) fn stopped() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            port: probe.local_addr().unwrap().port(),
            process: None,
        }
    }

    pub(crate) fn started() -> Self {
        let mut server = Self::stopped();
        server.start();
        server
    }

    /// Returns when it takes connections.
    pub(crate) fn start(&mut self) {
        let child = Command::new(variable("CARTWRIGHT_TEST_REDIS_SERVER"))
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
            ])
            .arg(self.port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!(
            "redis-server does not take connections at port {}",
            self.port
        );
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
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
