//! TLS: who is served, by which certificate, and who the clients are by theirs.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use cartwright::rpc::pb::{
    GetCartRequest, ListProductsRequest, cart_service_client::CartServiceClient,
    catalog_service_client::CatalogServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::harness::{
    PATIENCE,
    server::{self, Binary, run},
    tls::{Authority, Files, connect},
};

/// The program with these options besides those for certificate and key.
fn serve(files: &Files, options: &[(&str, &str)], others: &[&str]) -> Binary {
    let options = files.options(options);
    let arguments: Vec<_> = ["serve"]
        .into_iter()
        .chain(options.iter().map(String::as_str))
        .chain(others.iter().copied())
        .collect();
    Binary::start(&arguments, &[])
}

async fn list_products(channel: &Channel) -> Result<(), Status> {
    let mut catalog = CatalogServiceClient::new(channel.clone());
    let answer = catalog.list_products(ListProductsRequest::default()).await;
    answer.map(drop)
}

async fn is_healthy(channel: &Channel) -> bool {
    let mut health = HealthClient::new(channel.clone());
    health.check(HealthCheckRequest::default()).await.is_ok()
}

/// Code and reason.
fn told(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info();
    (
        status.code(),
        info.map_or_else(String::new, |info| info.reason),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trusts_the_authority_is_served_and_nobody_in_plaintext() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    let server = serve(&files, &[], &[]);
    let channel = connect(server.address(), &authority, None).await.unwrap();
    list_products(&channel).await.unwrap();

    let other = Authority::new("another");
    connect(server.address(), &other, None).await.unwrap_err();
    list_products(&server.channel()).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_over_and_no_connection_is_dropped() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = Files::new(&old);
    let server = serve(&files, &[], &[]);
    let address = server.address();
    let before = connect(address, &old, None).await.unwrap();
    list_products(&before).await.unwrap();

    files.renew(&new);
    let began = Instant::now();
    let after = loop {
        list_products(&before).await.unwrap();
        match connect(address, &new, None).await {
            Ok(after) => break after,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    connect(address, &old, None).await.unwrap_err();

    list_products(&before).await.unwrap();
    list_products(&after).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_who_their_certificates_say() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    let clients = Authority::new("clients");
    files.write("client-ca", &clients.pem());
    files.write(
        "identities",
        "- {identity: 'spiffe://shop/till', scopes: ['carts:read']}\n",
    );
    let server = serve(
        &files,
        &[
            ("tls-client-ca", "client-ca"),
            ("tls-client-identities", "identities"),
        ],
        &["--authentication=required"],
    );
    let address = server.address();
    let get_cart = async |channel: &Channel| {
        let request = GetCartRequest {
            cart_id: "0199d3a0-0000-7000-8000-000000000000".to_owned(),
        };
        let mut carts = CartServiceClient::new(channel.clone());
        told(&carts.get_cart(request).await.unwrap_err())
    };

    let till = clients.issue("spiffe://shop/till");
    let till = connect(address, &authority, Some(&till)).await.unwrap();
    assert_eq!(get_cart(&till).await.0, Code::NotFound);
    let denied = list_products(&till).await.unwrap_err();
    assert_eq!(told(&denied).1, "SCOPE_MISSING");

    let stranger = clients.issue("stranger.example");
    let stranger = connect(address, &authority, Some(&stranger)).await.unwrap();
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    assert_eq!(
        get_cart(&stranger).await,
        unauthenticated("CREDENTIALS_INVALID")
    );

    // Who shows no certificate is told only how the service is.
    let nobody = connect(address, &authority, None).await.unwrap();
    assert_eq!(
        get_cart(&nobody).await,
        unauthenticated("CREDENTIALS_MISSING")
    );
    assert!(is_healthy(&nobody).await);

    // A certificate that is not good is worse than none.
    let forged = authority.issue("spiffe://shop/till");
    let expired = clients.issue_expired("spiffe://shop/till");
    for shown in [forged, expired] {
        // Some versions of TLS tell a client only once it has asked for something.
        let is_served = match connect(address, &authority, Some(&shown)).await {
            Ok(channel) => is_healthy(&channel).await,
            Err(_) => false,
        };
        assert!(!is_served);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_no_client_is_let_in_where_authentication_is_off() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    files.write("client-ca", &authority.pem());
    let server = serve(&files, &[("tls-client-ca", "client-ca")], &[]);
    let nobody = connect(server.address(), &authority, None).await.unwrap();
    let refused = list_products(&nobody).await.unwrap_err();
    assert_eq!(told(&refused).1, "CREDENTIALS_MISSING");
    let somebody = authority.issue("till.shop.example");
    let somebody = connect(server.address(), &authority, Some(&somebody)).await;
    list_products(&somebody.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_asks_by_tls_and_needs_no_certificate() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    files.write("client-ca", &authority.pem());
    let server = serve(&files, &[("tls-client-ca", "client-ca")], &[]);
    let listen = format!("--listen={}", server.address());
    let options = files.options(&[]);
    let healthcheck = |options: &[String]| {
        let options = options.iter().map(String::as_str);
        let arguments: Vec<_> = ["healthcheck", &listen]
            .into_iter()
            .chain(options)
            .collect();
        run(&arguments, &[]).status.code()
    };
    assert_eq!(healthcheck(&options), Some(0));
    assert_eq!(healthcheck(&[]), Some(1));
    // The same without TLS.
    let plaintext = Binary::start(&["serve"], &[]);
    let listen = format!("--listen={}", plaintext.address());
    let asked = run(&["healthcheck", &listen], &[]);
    assert_eq!(asked.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_to_agree_upon_tls_is_left() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    let server = serve(&files, &[], &[]);
    let mut slow = TcpStream::connect(server.address()).unwrap();
    // Announces a greeting, of which nothing follows.
    slow.write_all(&[22, 3, 1, 1]).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(slow.read(&mut [0; 1]).unwrap(), 0);
    let channel = connect(server.address(), &authority, None).await.unwrap();
    list_products(&channel).await.unwrap();
}

#[test]
fn the_program_is_not_open_to_others_by_mistake() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    let refused = |arguments: &[&str], told: &str| {
        let output = run(arguments, &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {message}");
        assert!(message.contains(told), "{arguments:?}: {message}");
    };
    let open = "--listen=0.0.0.0:0";
    refused(&["serve", open], "--authentication required");
    refused(&["serve", "--listen=[::]:0"], "--authentication required");
    let required = "--authentication=required";
    refused(&["serve", open, required], "--plaintext");

    let options = files.options(&[]);
    files.write("key", "nothing");
    let with_files = ["serve", &options[0], &options[1]];
    refused(&with_files, "is not PEM");
    files.write("key", &authority.issue("localhost").key);
    refused(&with_files, "cannot be used together");
    let missing = format!("--tls-key={}", files.path("missing").display());
    refused(&["serve", &options[0], &missing], "cannot read");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_open_to_others_when_told_so() {
    let authority = Authority::new("ours");
    let files = Files::new(&authority);
    let server = Binary::start(
        &["serve", "--authentication=off", "--plaintext"],
        &[("CARTWRIGHT_LISTEN", "0.0.0.0:0")],
    );
    list_products(&server::connect(server.address()))
        .await
        .unwrap();
    let server = serve(&files, &[], &["--authentication=required"]);
    let channel = connect(server.address(), &authority, None).await.unwrap();
    let refused = list_products(&channel).await.unwrap_err();
    assert_eq!(told(&refused).1, "CREDENTIALS_MISSING");
}
