//! The program as its users meet it: options, commands, exit codes, signals.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Output,
    thread,
    time::{Duration, Instant},
};

use cartwright::rpc::pb::{ListProductsRequest, catalog_service_client::CatalogServiceClient};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{
    PATIENCE,
    server::{Binary, connect, run},
    web::Call,
};

/// Every option with its variable.
const OPTIONS: [(&str, &str); 16] = [
    ("--listen", "CARTWRIGHT_LISTEN"),
    ("--database-url", "DATABASE_URL"),
    (
        "--database-max-connections",
        "CARTWRIGHT_DATABASE_MAX_CONNECTIONS",
    ),
    ("--redis-url", "REDIS_URL"),
    ("--quote-ttl", "CARTWRIGHT_QUOTE_TTL"),
    ("--quote-timeout", "CARTWRIGHT_QUOTE_TIMEOUT"),
    ("--purge-after", "CARTWRIGHT_PURGE_AFTER"),
    ("--demo-store", "CARTWRIGHT_DEMO_STORE"),
    ("--max-in-flight", "CARTWRIGHT_MAX_IN_FLIGHT"),
    ("--request-timeout", "CARTWRIGHT_REQUEST_TIMEOUT"),
    ("--drain-wait", "CARTWRIGHT_DRAIN_WAIT"),
    ("--drain-timeout", "CARTWRIGHT_DRAIN_TIMEOUT"),
    ("--otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("--log-format", "CARTWRIGHT_LOG_FORMAT"),
    ("--log", "CARTWRIGHT_LOG"),
    ("--version", ""),
];

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A database that is not there yet, in a folder that goes when this is dropped.
fn database() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("shop.db").display()
    );
    (folder, url)
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/store.yaml")
}

#[test]
fn help_lists_every_option_with_its_variable() {
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let help = stdout(&output);
    for (option, variable) in OPTIONS {
        assert!(help.contains(option), "no {option} in {help}");
        assert!(
            help.contains(&format!("[env: {variable}")) || variable.is_empty(),
            "no {variable} in {help}"
        );
    }
    for command in [
        "serve",
        "demo",
        "migrate",
        "import",
        "erase-customer",
        "token",
        "audit",
        "healthcheck",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "no {command} in {help}"
        );
    }
    let version = format!("cartwright {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&run(&["--version"], &[])), version);
}

#[test]
fn options_that_cannot_be_used_exit_64_and_are_named() {
    let refused = |arguments: &[&str], variables: &[(&str, &str)], told: &[&str]| {
        let output = run(arguments, variables);
        let message = stderr(&output);
        assert_eq!(
            output.status.code(),
            Some(64),
            "{arguments:?} {variables:?}: {message}"
        );
        for part in told {
            assert!(message.contains(part), "no {part} in {message}");
        }
        assert!(!message.contains("hunter2"), "{message}");
    };
    for (option, variable, value) in [
        ("--listen", "CARTWRIGHT_LISTEN", "50051"),
        (
            "--database-url",
            "DATABASE_URL",
            "mysql://u:hunter2@db/shop",
        ),
        (
            "--database-max-connections",
            "CARTWRIGHT_DATABASE_MAX_CONNECTIONS",
            "1001",
        ),
        ("--redis-url", "REDIS_URL", "http://u:hunter2@redis"),
        ("--quote-ttl", "CARTWRIGHT_QUOTE_TTL", "soon"),
        ("--quote-timeout", "CARTWRIGHT_QUOTE_TIMEOUT", "99ms"),
        ("--purge-after", "CARTWRIGHT_PURGE_AFTER", "0s"),
        ("--demo-store", "CARTWRIGHT_DEMO_STORE", "maybe"),
        ("--max-in-flight", "CARTWRIGHT_MAX_IN_FLIGHT", "0"),
        ("--request-timeout", "CARTWRIGHT_REQUEST_TIMEOUT", "0s"),
        ("--drain-wait", "CARTWRIGHT_DRAIN_WAIT", "-1s"),
        ("--drain-timeout", "CARTWRIGHT_DRAIN_TIMEOUT", "25h"),
        (
            "--otlp-endpoint",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector",
        ),
        ("--log-format", "CARTWRIGHT_LOG_FORMAT", "xml"),
        ("--log", "CARTWRIGHT_LOG", "cartwright=loud"),
    ] {
        let argument = format!("{option}={value}");
        refused(&["serve", &argument], &[], &[option, variable]);
        refused(&[], &[(variable, value)], &[option, variable]);
    }
    refused(&["--colour"], &[], &["--colour"]);
    refused(&["dance"], &[], &["dance"]);
    refused(&["import"], &[], &["FILE"]);
    refused(&["erase-customer"], &[], &["ID"]);
    let too_long = "c".repeat(256);
    for id in ["", " ", &too_long] {
        refused(&["erase-customer", id], &[], &["1 to 255 characters"]);
    }
}

#[test]
fn a_database_out_of_reach_exits_69_without_its_password() {
    let url = "postgres://shop:hunter2@127.0.0.1:1/shop";
    for command in ["serve", "migrate"] {
        let began = Instant::now();
        let output = run(&[command, "--listen=127.0.0.1:0"], &[("DATABASE_URL", url)]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(69), "{message}");
        assert!(message.contains("postgres://127.0.0.1:1/shop"), "{message}");
        assert!(message.contains("refused"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, url) = database();
    let output = run(&["--listen", &address, "--database-url", &url], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("cannot listen on {address}")));
}

#[test]
fn the_demo_ends_with_a_receipt_that_adds_up() {
    // What is set for a real service is not touched.
    let output = run(
        &["demo"],
        &[("DATABASE_URL", "postgres://127.0.0.1:1/real")],
    );
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    assert!(text.lines().count() <= 80, "{text}");
    for told in [
        "COUPON_EXPIRED",
        "CHECKOUT_INCOMPLETE",
        "CART_PAID",
        "SAVE10",
        "AWAITING_FULFILLMENT",
    ] {
        assert!(text.contains(told), "no {told} in {text}");
    }

    // The figures of the receipt, which are the last ones of their lines.
    let (_, receipt) = text.split_once("Receipt").expect(&text);
    let figure = |line: &str| -> Option<i64> {
        let number = line.strip_suffix(" USD")?.rsplit(' ').next()?;
        number.replace('.', "").parse().ok()
    };
    let lines: Vec<_> = receipt
        .lines()
        .filter_map(|line| Some((line, figure(line)?)))
        .collect();
    let (total, parts): (Vec<_>, Vec<_>) =
        lines.iter().partition(|(line, _)| line.contains("Total"));
    assert_eq!(total.len(), 1, "{receipt}");
    assert!(parts.len() > 5, "{receipt}");
    assert_eq!(
        parts.iter().map(|(_, figure)| figure).sum::<i64>(),
        total[0].1,
        "{receipt}"
    );
}

#[test]
fn healthcheck_tells_whether_it_serves() {
    let service = Binary::start(&[], &[]);
    let address = service.address().to_string();
    let healthy = run(&["healthcheck", "--listen", &address], &[]);
    assert_eq!(
        (healthy.status.code(), stderr(&healthy)),
        (Some(0), String::new())
    );
    drop(service);
    let dead = run(&["healthcheck"], &[("CARTWRIGHT_LISTEN", &address)]);
    assert_eq!(dead.status.code(), Some(1));
    assert!(stderr(&dead).starts_with(&format!("cartwright: cannot reach http://{address}")));
    assert_eq!(stderr(&dead).lines().count(), 1);
}

#[test]
fn a_file_is_imported_as_often_as_one_likes() {
    let (_folder, url) = database();
    let file = sample();
    let import = || {
        run(
            &["import", file.to_str().unwrap(), "--database-url", &url],
            &[],
        )
    };
    let first = import();
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(
        stdout(&first).starts_with("imported "),
        "{}",
        stdout(&first)
    );
    let second = import();
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
}

#[test]
fn a_file_that_is_wrong_is_told_by_place() {
    let (folder, url) = database();
    let file = folder.path().join("bad.yaml");
    std::fs::write(&file, "products:\n  - { id: mug, nmae: Mug }\n").unwrap();
    let output = run(
        &["import", file.to_str().unwrap(), "--database-url", &url],
        &[],
    );
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("products[0] (mug)") && message.contains("nmae"),
        "{message}"
    );

    let output = run(&["import", "nowhere.yaml", "--database-url", &url], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot read nowhere.yaml"));
}

#[test]
fn migrating_again_changes_nothing() {
    let (_folder, url) = database();
    for _ in 0..2 {
        let output = run(&["--database-url", &url, "migrate"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

// On threads of its own, so that the client answers the server's farewell while the test waits for its end.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains() {
    let options = [
        "--drain-wait=1s",
        "--drain-timeout=20s",
        "--log-format=json",
    ];
    let mut service = Binary::start(&options, &[]);
    let channel = connect(service.address());
    let mut health = HealthClient::new(channel.clone());
    let watch = health.watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().map(|it| it.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));

    let began = Instant::now();
    service.terminate();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    // Callers that have not noticed yet are still served.
    let mut catalog = CatalogServiceClient::new(channel);
    catalog
        .list_products(ListProductsRequest::default())
        .await
        .unwrap();
    // The stream of one who watches does not hold it up.
    assert_eq!(next().await, None);
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(!log.contains("giving them up"), "{log}");
    for line in log.lines() {
        assert!(
            line.starts_with("{\"timestamp\":\"") && line.ends_with('}'),
            "{line}"
        );
    }
    assert!(log.contains("\"stopped\""), "{log}");
}

#[test]
fn a_call_in_flight_is_answered_while_draining() {
    let mut service = Binary::start(&[], &[]);
    let call = Call::begin(
        service.address(),
        "cartwright.v1.CatalogService/ListProducts",
        "",
    );
    thread::sleep(Duration::from_millis(200));
    service.terminate();
    thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(service.address()).is_err());
    assert!(call.end().contains("grpc-status:0"));
    assert_eq!(service.wait().0.code(), Some(0));
}

#[test]
fn a_call_that_does_not_end_is_given_up() {
    let mut service = Binary::start(&["--drain-timeout=300ms"], &[]);
    let _call = Call::begin(
        service.address(),
        "cartwright.v1.CatalogService/ListProducts",
        "",
    );
    thread::sleep(Duration::from_millis(200));
    service.terminate();
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("still in flight"), "{log}");
}
