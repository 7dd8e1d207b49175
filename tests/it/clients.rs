//! A client in another language, which knows the service only by reflection, against the program itself.

use std::{path::Path, process::Command};

use crate::harness::server::Binary;

fn journey(server: &Binary) {
    let python = crate::harness::variable("CARTWRIGHT_TEST_PYTHON");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/journey.py");
    let output = Command::new(python)
        .arg(script)
        .arg(server.address().to_string())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("is paid"),
        "{log}"
    );
}

#[test]
fn python_on_the_embedded_database() {
    journey(&Binary::serve_demo_store());
}

#[tokio::test]
async fn python_on_postgresql_and_redis() {
    let server = Binary::serve_demo_store_on_servers(&[]).await;
    tokio::task::spawn_blocking(move || journey(&server))
        .await
        .unwrap();
}

#[test]
fn grpcurl_shows_the_details_of_a_refusal() {
    let server = Binary::serve_demo_store();
    let output = Command::new(crate::harness::variable("CARTWRIGHT_TEST_GRPCURL"))
        .args(["-plaintext", "-d", r#"{"cart_id": "nonsense"}"#])
        .arg(server.address().to_string())
        .arg("cartwright.v1.CartService/GetCart")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    for part in [
        "InvalidArgument",
        "google.rpc.ErrorInfo",
        "INVALID_FIELDS",
        "google.rpc.BadRequest",
        "cart_id",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
