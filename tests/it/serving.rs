//! What the server does around every RPC: protocols, limits, deadlines, requests that cannot be read.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use cartwright::rpc::pb::{
    CreateCartRequest, CreateCartResponse, cart_service_client::CartServiceClient,
};
use prost::Message;
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt as _;

use crate::harness::server::{Backend, TestServer};

/// Calls an RPC over HTTP/1.1 with an empty message, as a browser does; answers headers and body.
fn grpc_web(address: SocketAddr, method: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /{method} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc-web+proto\r\n\
        Content-Length: 5\r\nConnection: close\r\n{header}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[0; 5]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_answers_on_the_same_port() {
    let server = TestServer::start(Backend::Embedded).await;
    let answer = grpc_web(server.address(), "grpc.health.v1.Health/Check", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/grpc-web+proto"),
        "{answer}"
    );
    assert!(answer.contains("grpc-status:0"), "{answer}");
    let plain = grpc_web(server.address(), "cartwright.v1.CartService/Nonsense", "");
    assert!(plain.contains("grpc-status: 12"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_kept_by_the_server() {
    let server = TestServer::start(Backend::Embedded).await;
    let method = "cartwright.v1.CatalogService/ListProducts";
    let answer = grpc_web(server.address(), method, "grpc-timeout: 1n\r\n");
    assert!(answer.contains("grpc-status: 4\r\n"), "{answer}");

    let server = TestServer::with(Backend::Embedded, &["--request-timeout=1ms"]).await;
    let slow = big_cart(900_000);
    let refused = CartServiceClient::new(server.channel())
        .create_cart(slow)
        .await;
    assert_eq!(
        told(&refused.unwrap_err()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned())
    );
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
