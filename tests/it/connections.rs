//! How many connections there may be, and for how long.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use cartwright::rpc::pb::{
    CreateCartRequest, ListProductsRequest, NewLineItem, cart_service_client::CartServiceClient,
    catalog_service_client::CatalogServiceClient,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{
    PATIENCE,
    server::{Backend, TestServer},
};

/// A connection that is left open after its call.
fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: shop\r\n\
        Content-Type: application/grpc-web+proto\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0";
    // Closed already where there is no room.
    let _ = stream.write_all(head.as_bytes());
    stream
}

/// Whether anything was answered before the server closed.
fn is_answered(mut stream: TcpStream) -> bool {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 OK\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_closed_and_the_others_are_served() {
    let options = ["--max-connections=2", "--idle-timeout=2s"];
    let server = TestServer::with(Backend::Embedded, &options).await;
    let mut health = HealthClient::new(server.channel());
    health.check(HealthCheckRequest::default()).await.unwrap();
    let second = ask(server.address());
    let mut first_byte = [0];
    (&second).read_exact(&mut first_byte).unwrap();
    assert!(!is_answered(ask(server.address())));
    health.check(HealthCheckRequest::default()).await.unwrap();

    // Its place is free once it is gone.
    drop(second);
    while !is_answered(ask(server.address())) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_told_to_go_and_the_next_call_opens_another() {
    let server = TestServer::with(Backend::Embedded, &["--idle-timeout=1s"]).await;
    let mut catalog = CatalogServiceClient::new(server.channel());
    let request = ListProductsRequest::default;
    catalog.list_products(request()).await.unwrap();
    // It is answered, and then closed.
    assert!(is_answered(ask(server.address())));
    tokio::time::sleep(Duration::from_secs(2)).await;
    catalog.list_products(request()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_a_call_in_flight_is_not_idle() {
    // It takes calls, and answers none.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let catalog = format!("--catalog-url=http://{}", nobody.local_addr().unwrap());
    let options = ["--idle-timeout=1s", &catalog, "--catalog-timeout=3s"];
    let server = TestServer::with(Backend::Embedded, &options).await;
    let mut carts = CartServiceClient::new(server.channel());
    let request = CreateCartRequest {
        line_items: vec![NewLineItem {
            product_id: "mug".to_owned(),
            quantity: 1,
            ..NewLineItem::default()
        }],
        ..CreateCartRequest::default()
    };
    let status = carts.create_cart(request).await.unwrap_err();
    assert!(status.message().contains("catalog"), "{status}");
}
