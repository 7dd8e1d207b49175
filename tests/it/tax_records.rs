//! What a tax provider is told of orders: it records the taxes of those that are paid, and takes back those of cancelled
//! ones, whatever dies meanwhile.

use std::time::Duration;

use cartwright::rpc::pb::{self, order_service_client::OrderServiceClient};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::harness::{
    PATIENCE,
    api::{Api, call, minor, on_every_backend},
    server::{Backend, TestServer},
    tax::TaxService,
};

on_every_backend!(
    committed_as_charged,
    voided_when_cancelled,
    siblings_are_voided,
    voided_when_a_paid_order_is_given_up,
    what_the_store_worked_out_is_not_recorded,
    told_again_until_it_answers,
);

/// Waits until it is so.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it never happens: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A shop with the tax provider.
async fn shop(api: &Api) -> TaxService {
    let provider = TaxService::start();
    api.set_up(provider.store()).await;
    provider
}

async fn new_order(api: &Api) -> pb::Order {
    let checkout = api.ready().await;
    api.order(&checkout.id).await.unwrap()
}

fn outstanding(order: &pb::Order) -> i64 {
    minor(&order.totals.as_ref().unwrap().outstanding_balance)
}

async fn pay(api: &Api, order: &pb::Order) {
    let completed = pb::PaymentState::Completed;
    let paid = api
        .pay(order, "card-1", outstanding(order), completed)
        .await;
    assert_eq!(paid.unwrap().status(), pb::OrderStatus::AwaitingFulfillment);
}

async fn cancel(api: &Api, order: &pb::Order) {
    let request = pb::CancelOrderRequest {
        order_id: order.id.clone(),
        ..Default::default()
    };
    call!(api.orders, cancel_order, request).unwrap();
}

async fn committed_as_charged(api: Api) {
    let provider = shop(&api).await;
    let order = new_order(&api).await;
    let question = provider.questions().pop().unwrap();
    // What is due by now does not matter: what was charged does.
    provider.behave(json!({"rates": {}}));
    let pending = pb::PaymentState::Pending;
    let part = outstanding(&order);
    api.pay(&order, "card-1", part, pending).await.unwrap();
    assert_eq!(
        provider.commits(&order),
        Vec::<Value>::new(),
        "not paid yet"
    );
    pay(&api, &order).await;
    eventually("the commit", || !provider.commits(&order).is_empty()).await;
    let commits = provider.commits(&order);
    let [commit] = commits.as_slice() else {
        panic!("once: {commits:?}")
    };
    assert_eq!(commit["order_number"], json!(order.number.to_string()));
    assert_eq!(commit["currency_code"], json!("USD"));
    assert_eq!(commit["taxables"], question["taxables"]);
    let tax = |name: &str, minor: i64| {
        json!({
            "name": name,
            "amount": {"currency_code": "USD", "amount_minor": minor.to_string()},
        })
    };
    let id = |index: usize| question["taxables"][index]["id"].clone();
    let lines = json!([
        {"taxable_id": id(0), "taxes": [tax("State tax", 192), tax("City tax", 32)]},
        {"taxable_id": id(1), "taxes": [tax("State tax", 48), tax("City tax", 8)]},
    ]);
    assert_eq!(commit["lines"], lines);
    assert_eq!(provider.voids(&order), 0);
}

async fn voided_when_cancelled(api: Api) {
    let provider = shop(&api).await;
    let order = new_order(&api).await;
    cancel(&api, &order).await;
    cancel(&api, &order).await;
    eventually("the void", || provider.voids(&order) > 0).await;

    let declined = new_order(&api).await;
    let failed = pb::PaymentState::Failed;
    let amount = outstanding(&declined);
    api.pay(&declined, "card-1", amount, failed).await.unwrap();
    let later = new_order(&api).await;
    cancel(&api, &later).await;
    eventually("the next void", || provider.voids(&later) > 0).await;
    assert_eq!(provider.voids(&declined), 0, "it may be paid yet");
    assert_eq!(provider.voids(&order), 1);
}

async fn siblings_are_voided(api: Api) {
    let provider = shop(&api).await;
    let checkout = api.ready().await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(api.order(&checkout.id).await.unwrap());
    }
    let failed = pb::PaymentState::Failed;
    let amount = outstanding(&orders[0]);
    api.pay(&orders[0], "declined", amount, failed)
        .await
        .unwrap();
    pay(&api, &orders[1]).await;
    eventually("a commit and two voids", || {
        !provider.commits(&orders[1]).is_empty()
            && provider.voids(&orders[0]) > 0
            && provider.voids(&orders[2]) > 0
    })
    .await;
    let told = |order| (provider.commits(order).len(), provider.voids(order));
    let told: Vec<_> = orders.iter().map(told).collect();
    assert_eq!(told, [(0, 1), (1, 0), (0, 1)]);
}

async fn voided_when_a_paid_order_is_given_up(api: Api) {
    use pb::OrderStatus as S;
    let provider = shop(&api).await;
    let mut orders = Vec::new();
    for status in [S::Cancelled, S::Refunded, S::PartiallyRefunded] {
        let order = new_order(&api).await;
        pay(&api, &order).await;
        eventually("the commit", || !provider.commits(&order).is_empty()).await;
        api.update_status(&order, status).await.unwrap();
        orders.push(order);
    }
    let [cancelled, refunded, partly] = orders.try_into().unwrap();
    eventually("both voids", || {
        provider.voids(&cancelled) > 0 && provider.voids(&refunded) > 0
    })
    .await;
    assert_eq!(provider.voids(&partly), 0, "some of it is still charged");
}

async fn what_the_store_worked_out_is_not_recorded(api: Api) {
    let provider = shop(&api).await;
    provider.behave(json!({"mode": "missing"}));
    let by_the_store = new_order(&api).await;
    provider.behave(json!({}));
    pay(&api, &by_the_store).await;
    let next = new_order(&api).await;
    pay(&api, &next).await;
    eventually("the commit", || !provider.commits(&next).is_empty()).await;
    assert_eq!(provider.commits(&by_the_store), Vec::<Value>::new());
}

async fn told_again_until_it_answers(api: Api) {
    let provider = shop(&api).await;
    let (paid, cancelled) = (new_order(&api).await, new_order(&api).await);
    provider.behave(json!({"mode": "fail", "times": 3}));
    pay(&api, &paid).await;
    cancel(&api, &cancelled).await;
    eventually("both", || {
        !provider.commits(&paid).is_empty() && provider.voids(&cancelled) > 0
    })
    .await;
    assert_eq!(provider.commits(&paid).len(), 1);
    assert_eq!(provider.voids(&cancelled), 1);
}

/// The provider is down at the payment, and the service that took it is killed before the provider is back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_service_is_killed() {
    let server = TestServer::with(Backend::Servers, &["--drain-wait=0s"]).await;
    let api = Api::on(server).await;
    let mut provider = shop(&api).await;
    let order = new_order(&api).await;
    let start = api.server.stop_to_restart().await;
    let service = start();
    let orders = OrderServiceClient::new(service.channel());
    provider.kill();
    let request = pb::RecordPaymentRequest {
        order_id: order.id.clone(),
        method: "card".into(),
        reference: "card-1".into(),
        amount: order.totals.clone().unwrap().outstanding_balance,
        ..Default::default()
    };
    let paid = call!(orders, record_payment, request).unwrap();
    let status = paid.order.unwrap().status();
    assert_eq!(status, pb::OrderStatus::AwaitingFulfillment);
    drop(service);
    provider.restart();
    let _again = start();
    eventually("the commit", || !provider.commits(&order).is_empty()).await;
    assert_eq!(provider.commits(&order).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work() {
    let api = Api::on(TestServer::start(Backend::Servers).await).await;
    let provider = shop(&api).await;
    let replica = api.server.replica().await;
    let elsewhere = OrderServiceClient::new(replica.channel());
    let mut orders = Vec::new();
    for _ in 0..12 {
        orders.push(new_order(&api).await);
    }
    for (index, order) in orders.iter().enumerate() {
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "card".into(),
            reference: "card-1".into(),
            amount: order.totals.clone().unwrap().outstanding_balance,
            ..Default::default()
        };
        let here = if index % 2 == 0 {
            &api.orders
        } else {
            &elsewhere
        };
        call!(here, record_payment, request).unwrap();
    }
    for order in &orders {
        eventually("each commit", || !provider.commits(order).is_empty()).await;
    }
    for order in &orders {
        assert_eq!(provider.commits(order).len(), 1, "each once");
    }
}
