//! What callers are told while something that is needed is out of reach, and that it passes.

use std::time::Duration;

use cartwright::rpc::pb;
use tonic::Code;

use crate::harness::{
    api::{Api, call, item, refused},
    server::TestServer,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_out_of_reach() {
    let (server, proxy) = TestServer::start_behind_proxy().await;
    let api = Api::on(server).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let get = pb::GetCartRequest {
        cart_id: cart.id.clone(),
    };
    let add = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        line_items: vec![item("poster", 1)],
        ..Default::default()
    };

    proxy.cut();
    refused(
        call!(api.carts, get_cart, get.clone()),
        Code::Unavailable,
        "DATABASE_UNAVAILABLE",
    );
    refused(
        call!(api.carts, add_line_items, add.clone()),
        Code::Unavailable,
        "DATABASE_UNAVAILABLE",
    );

    proxy.mend();
    // Each connection of the pool may find out for itself that it is dead.
    let mut tries = 0;
    let found = loop {
        match call!(api.carts, get_cart, get.clone()) {
            Ok(answer) => break answer.cart.unwrap(),
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{}", status.message()),
        }
        tries += 1;
        assert!(tries < 50, "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(found, cart, "nothing was done");
}
