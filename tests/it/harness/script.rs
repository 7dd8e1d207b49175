//! Services outside in processes of their own, written in Python, which tests tell how to behave.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::variable;

/// A script that serves; killed when it is dropped.
pub(crate) struct Script {
    process: Child,
    port: u16,
    control: u16,
}

impl Script {
    /// Returns when it listens.
    pub(crate) fn start(path: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(variable("CARTWRIGHT_TEST_PYTHON"))
            .arg("-B")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ports = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut ports)
            .unwrap();
        let mut ports = ports.split_whitespace().map(|port| port.parse().unwrap());
        let mut port = || ports.next().expect("two ports");
        Self {
            process,
            port: port(),
            control: port(),
        }
    }

    /// Where it serves on this machine.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// From now on it does what `tests/services/control.py` says of this: `{"mode": "fail", "times": 1}`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads better at the place of use"
    )]
    pub(crate) fn behave(&self, how: Value) {
        self.control("POST /behave", &how.to_string());
    }

    /// What it was asked.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.control("GET /report", "")).unwrap()
    }

    fn control(&self, what: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{what} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
