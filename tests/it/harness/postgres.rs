//! A PostgreSQL that a test may stop and start again.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use super::free_port;

/// A PostgreSQL of the test's own, on a port that stays the same; stopped when it is dropped.
pub(crate) struct PostgresServer {
    port: u16,
    folder: TempDir,
}

impl PostgresServer {
    pub(crate) fn started() -> Self {
        let server = Self {
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
        };
        server.start();
        server
    }

    /// Returns when it takes connections.
    pub(crate) fn start(&self) {
        assert!(self.run("start", &self.port.to_string()), "see above");
    }

    /// With a mode of `pg_ctl`: `fast` ends all sessions, `immediate` is a crash.
    pub(crate) fn stop(&self, mode: &str) {
        assert!(self.run("stop", mode), "see above");
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://cartwright@127.0.0.1:{}/postgres", self.port)
    }

    fn run(&self, what: &str, how: &str) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres-server");
        let mut command = Command::new(script);
        command.arg(what).arg(self.folder.path()).arg(how);
        command.status().unwrap().success()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.run("stop", "immediate");
    }
}
