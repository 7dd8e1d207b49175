//! The session of the README runs as it is printed there, with grpcurl and with buf.

use std::process::Command;

use crate::harness::server::Binary;

/// The fenced `bash` blocks of the README.
fn bash_blocks() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```bash\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

fn run(script: &str, server: &Binary) {
    let script = script.replace("localhost:50051", &server.address().to_string());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .output()
        .unwrap();
    let (answers, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{log}");
    assert!(
        answers.contains("ORDER_STATUS_AWAITING_FULFILLMENT"),
        "{answers}\n{log}"
    );
}

#[test]
fn the_grpcurl_session() {
    let server = Binary::serve_demo_store();
    run(&bash_blocks()[0], &server);
}

#[test]
fn the_same_session_with_buf() {
    let server = Binary::serve_demo_store();
    let [session, with_buf] = bash_blocks().try_into().unwrap();
    let call = session
        .lines()
        .find(|line| line.starts_with("call() "))
        .unwrap();
    run(&session.replace(call, with_buf.trim()), &server);
}
