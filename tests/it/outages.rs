//! What callers are told while something that is needed is out of reach, and that it passes.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cartwright::rpc::{self, pb};
use tokio::{task::JoinSet, time::timeout};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest,
    health_check_response::ServingStatus::{self, NotServing, Serving},
    health_client::HealthClient,
};
use uuid::Uuid;

use crate::harness::{
    PATIENCE,
    api::{Api, call, custom, item, refused},
    postgres::PostgresServer,
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

async fn health(api: &Api, service: &str) -> ServingStatus {
    let service = service.into();
    let mut client = HealthClient::new(api.server.channel());
    let answer = client.check(HealthCheckRequest { service }).await;
    answer.unwrap().into_inner().status()
}

/// Callers that add lines to the cart, each with a request id with which they try again until it is done.
struct Callers {
    enough: Arc<AtomicBool>,
    calls: JoinSet<(u32, u32)>,
}

impl Callers {
    fn start(api: &Api, cart_id: &str, round: u128) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let mut calls = JoinSet::new();
        for caller in 0..8 {
            let (carts, enough) = (api.carts.clone(), Arc::clone(&enough));
            let cart_id = cart_id.to_owned();
            calls.spawn(async move {
                let (mut done, mut refusals) = (0, 0);
                while !enough.load(Ordering::Relaxed) {
                    let name = format!("{round} {caller} {done}");
                    let id = Uuid::from_u128((round << 64) + (caller << 32) + u128::from(done));
                    let request = pb::AddLineItemsRequest {
                        cart_id: cart_id.clone(),
                        custom_items: vec![custom(&name, 1, 100)],
                        request_id: id.to_string(),
                        ..Default::default()
                    };
                    while let Err(status) = call!(carts, add_line_items, request.clone()) {
                        let refusal = Err::<(), _>(status);
                        refused(refusal, Code::Unavailable, "DATABASE_UNAVAILABLE");
                        refusals += 1;
                    }
                    done += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                (done, refusals)
            });
        }
        Self { enough, calls }
    }

    /// How many lines they added, and how often they were told to try again.
    async fn stop(self) -> (u32, u32) {
        self.enough.store(true, Ordering::Relaxed);
        let all = timeout(PATIENCE, self.calls.join_all()).await.unwrap();
        all.into_iter()
            .fold((0, 0), |(done, refusals), (more_done, more_refusals)| {
                (done + more_done, refusals + more_refusals)
            })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_and_started_again() {
    let postgres = PostgresServer::started();
    let api = Api::on(TestServer::at(postgres.url()).await).await;
    let cart = api.custom_cart(&[100]).await;
    let get = pb::GetCartRequest {
        cart_id: cart.id.clone(),
    };
    let mut client = HealthClient::new(api.server.channel());
    let watch = client.watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    let mut next = async || {
        let message = timeout(PATIENCE, watch.message()).await;
        message.unwrap().unwrap().unwrap().status()
    };
    assert_eq!(next().await, Serving);

    let mut added = 0;
    for (round, mode) in [(1, "fast"), (2, "immediate")] {
        let callers = Callers::start(&api, &cart.id, round);
        postgres.stop(mode);
        assert_eq!(next().await, NotServing);
        for service in rpc::SERVICES {
            assert_eq!(health(&api, service).await, NotServing, "{service}");
        }
        assert_eq!(health(&api, rpc::LIVENESS).await, Serving);
        let refusal = call!(api.carts, get_cart, get.clone());
        refused(refusal, Code::Unavailable, "DATABASE_UNAVAILABLE");

        postgres.start();
        let back = Instant::now();
        assert_eq!(next().await, Serving);
        let ready = back.elapsed();
        // Ready is ready: no connection of the pool is found dead any more.
        for _ in 0..50 {
            call!(api.carts, get_cart, get.clone()).unwrap();
        }
        println!(
            "ready {ready:?}, 50 calls {:?} after it was back",
            back.elapsed()
        );
        for service in rpc::SERVICES {
            assert_eq!(health(&api, service).await, Serving, "{service}");
        }
        let (done, refusals) = callers.stop().await;
        assert!(refusals > 0, "nobody called while it was away");
        added += usize::try_from(done).unwrap();
    }
    let cart = call!(api.carts, get_cart, get).unwrap().cart.unwrap();
    let names: BTreeSet<_> = cart.line_items.iter().map(|line| &line.name).collect();
    assert_eq!(names.len(), added + 1, "each is there");
    assert_eq!(cart.line_items.len(), added + 1, "each is there once");
}
