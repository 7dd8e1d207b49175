//! What the server does around every RPC: protocols, limits, deadlines, requests that cannot be read.

use std::{net::TcpListener, time::Duration};

use cartwright::rpc::pb::{
    CreateCartRequest, CreateCartResponse, GetCartRequest, ListProductsRequest, NewLineItem,
    cart_service_client::CartServiceClient, catalog_service_client::CatalogServiceClient,
};
use prost::Message;
use tonic::{Code, Request, Status, client::Grpc};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt as _;

use crate::harness::{
    server::{Backend, TestServer},
    web::Call,
};

const LIST_PRODUCTS: &str = "cartwright.v1.CatalogService/ListProducts";

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_answers_on_the_same_port() {
    let server = TestServer::start(Backend::Embedded).await;
    let call = |method: &str| Call::begin(server.address(), method, "").end();
    let answer = call("grpc.health.v1.Health/Check");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/grpc-web+proto"),
        "{answer}"
    );
    assert!(answer.contains("grpc-status:0"), "{answer}");
    let unknown = call("cartwright.v1.CartService/Nonsense");
    assert!(unknown.contains("grpc-status: 12\r\n"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_kept_by_the_server() {
    let held_up = |address, header: &str| {
        let answer = Call::begin(address, LIST_PRODUCTS, header).answer();
        assert!(answer.contains("grpc-status: 4\r\n"), "{answer}");
    };
    let patient = TestServer::start(Backend::Embedded).await;
    held_up(patient.address(), "grpc-timeout: 50m\r\n");
    let strict = TestServer::with(Backend::Embedded, &["--request-timeout=50ms"]).await;
    held_up(strict.address(), "grpc-timeout: 1H\r\n");
    held_up(strict.address(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_are_refused_at_once() {
    // A catalog that takes calls, and answers none.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let catalog = format!("--catalog-url=http://{}", nobody.local_addr().unwrap());
    let options = ["--max-in-flight=1", &catalog, "--catalog-timeout=1m"];
    let server = TestServer::with(Backend::Embedded, &options).await;
    let mut carts = CartServiceClient::new(server.channel());
    let mut health = HealthClient::new(server.channel());
    let get_cart = async |carts: &mut CartServiceClient<_>| {
        let cart_id = "0199d3a0-0000-7000-8000-000000000000".to_owned();
        carts
            .get_cart(GetCartRequest { cart_id })
            .await
            .unwrap_err()
    };
    let held_up = tokio::spawn({
        let mut carts = carts.clone();
        let line_items = vec![NewLineItem {
            product_id: "mug".to_owned(),
            quantity: 1,
            ..NewLineItem::default()
        }];
        let request = CreateCartRequest {
            line_items,
            ..CreateCartRequest::default()
        };
        async move { carts.create_cart(request).await }
    });
    let status = loop {
        let status = get_cart(&mut carts).await;
        if status.code() != Code::NotFound {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        told(&status),
        (Code::ResourceExhausted, "OVERLOADED".to_owned())
    );
    assert!(status.get_details_retry_info().is_some());
    health.check(HealthCheckRequest::default()).await.unwrap();
    held_up.abort();
    while get_cart(&mut carts).await.code() != Code::NotFound {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_not_arrived_takes_no_place() {
    let server = TestServer::with(Backend::Embedded, &["--max-in-flight=1"]).await;
    let slow = Call::begin(server.address(), LIST_PRODUCTS, "");
    let mut catalog = CatalogServiceClient::new(server.channel());
    for _ in 0..10 {
        let request = ListProductsRequest::default();
        catalog.list_products(request).await.unwrap();
    }
    assert!(slow.end().contains("grpc-status:0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_reflection_list_the_services() {
    let server = TestServer::start(Backend::Embedded).await;
    macro_rules! services {
        ($version:ident) => {{
            use $version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest,
                server_reflection_response::MessageResponse,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new(server.channel());
            let answer = client
                .server_reflection_info(tokio_stream::once(request))
                .await;
            let answer = answer
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap();
            match answer.message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => list
                    .service
                    .into_iter()
                    .map(|service| service.name)
                    .collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            }
        }};
    }
    for services in [services!(v1), services!(v1alpha)] {
        for service in cartwright::rpc::SERVICES
            .into_iter()
            .chain(["grpc.health.v1.Health"])
        {
            assert!(
                services.iter().any(|name| name == service),
                "no {service} in {services:?}"
            );
        }
    }
}

/// A request of about so many bytes.
fn big_cart(bytes: usize) -> CreateCartRequest {
    CreateCartRequest {
        email: "x".repeat(bytes),
        ..CreateCartRequest::default()
    }
}

fn told(status: &Status) -> (Code, String) {
    let reason = status
        .get_details_error_info()
        .map_or_else(String::new, |info| info.reason);
    (status.code(), reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_refused_with_the_limit() {
    let server = TestServer::start(Backend::Embedded).await;
    let mut carts = CartServiceClient::new(server.channel());
    for bytes in [1024 * 1024, 8 * 1024 * 1024] {
        let status = carts.create_cart(big_cart(bytes)).await.unwrap_err();
        assert_eq!(
            told(&status),
            (Code::InvalidArgument, "MALFORMED_REQUEST".to_owned())
        );
        assert!(
            status.message().contains("1048576 bytes"),
            "{}",
            status.message()
        );
    }
    // What fits is read, and refused for what it says.
    let status = carts.create_cart(big_cart(1_000_000)).await.unwrap_err();
    assert_eq!(
        told(&status),
        (Code::InvalidArgument, "INVALID_FIELDS".to_owned())
    );
}

/// `CreateCartRequest` with a number for its list of items.
#[derive(Clone, PartialEq, Message)]
struct WrongType {
    #[prost(uint64, tag = "1")]
    line_items: u64,
}

/// `CreateCartRequest` with an e-mail address that need not be UTF-8.
#[derive(Clone, PartialEq, Message)]
struct WrongText {
    #[prost(bytes, tag = "5")]
    email: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_the_message_is_refused_as_malformed() {
    async fn create_cart(server: &TestServer, message: impl Message + 'static) -> Status {
        let mut client = Grpc::new(server.channel());
        client.ready().await.unwrap();
        let path = "/cartwright.v1.CartService/CreateCart".parse().unwrap();
        let codec = ProstCodec::<_, CreateCartResponse>::default();
        client
            .unary(Request::new(message), path, codec)
            .await
            .unwrap_err()
    }
    let server = TestServer::start(Backend::Embedded).await;
    let malformed = (Code::InvalidArgument, "MALFORMED_REQUEST".to_owned());
    let status = create_cart(&server, WrongType { line_items: 7 }).await;
    assert_eq!(told(&status), malformed);
    let status = create_cart(&server, WrongText { email: vec![0xff] }).await;
    assert_eq!(told(&status), malformed);
}
