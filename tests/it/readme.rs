//! What the README says is so: its session runs as it is printed there, with grpcurl and with buf, and its
//! table of options is complete.

use std::process::Command;

use cartwright::config::Cli;
use clap::CommandFactory as _;

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

#[test]
fn the_table_of_options_is_complete() {
    let readme = include_str!("../../README.md");
    let rows: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .collect();
    let command = Cli::command();
    let options = command.get_arguments().filter_map(|option| {
        let (flag, variable) = (option.get_long()?, option.get_env()?.to_str()?);
        let default = option
            .get_default_values()
            .first()
            .and_then(|value| value.to_str());
        Some((flag, variable, default))
    });
    let mut count = 0;
    for (flag, variable, default) in options {
        let beginning = format!("| `--{flag}` | `{variable}` | ");
        let row = rows.iter().find(|row| row.starts_with(&beginning));
        let row = row.unwrap_or_else(|| panic!("README lacks {beginning}"));
        if let Some(default) = default {
            assert!(
                row.contains(&format!("| `{default}` |")),
                "{row}: the default is {default}"
            );
        }
        count += 1;
    }
    assert_eq!(count, rows.len(), "README has options that are not there");
}
