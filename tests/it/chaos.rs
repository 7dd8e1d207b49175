//! Many shoppers, few things, two processes and trouble all the time: nothing that was acknowledged is lost, nothing is
//! sold twice, and nobody meets an internal error.
//!
//! `CARTWRIGHT_TEST_SEED` makes the same choices again, though threads and processes meet differently each time.

mod audit;
mod client;
mod events;
mod outcomes;
mod post;
mod register;
mod replicas;
mod shop;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::random;
use tokio::{task::JoinSet, time::sleep};

use self::{
    client::{Client, Notes},
    events::Followers,
    post::{Clock, Post},
    replicas::Replicas,
    shop::Shop,
};
use crate::harness::{SEED, dice::Dice, optional_variable};

const CLIENTS: u64 = 64;
/// How long they go on, in seconds.
const LENGTH: &str = "CARTWRIGHT_TEST_CHAOS_SECONDS";
const USUAL_LENGTH: Duration = Duration::from_secs(20);
/// How much longer, if some of what is to be shown has not happened yet.
const OVERTIME: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_doubled() {
    let seed = optional_variable(SEED).map_or_else(random, |seed| seed.parse().unwrap());
    let length = optional_variable(LENGTH).map_or(USUAL_LENGTH, |seconds| {
        Duration::from_secs(seconds.parse().unwrap())
    });
    println!("{SEED}={seed}");
    let mut dice = Dice::Seeded(seed);
    let replicas = Replicas::start().await;
    let shop = Arc::new(Shop::open(replicas.connect()[0].clone()).await);
    let followers = Followers::start(replicas.connect());
    let mut clients = clients(seed, &replicas, &shop);

    let mut troubles: BTreeMap<_, u32> = BTreeMap::new();
    let began = Instant::now();
    while began.elapsed() < length
        || (!shop.outcomes.missing().is_empty() && began.elapsed() < length + OVERTIME)
    {
        sleep(Duration::from_millis(200 + u64::from(dice.below(1_500)))).await;
        *troubles
            .entry(replicas.trouble(&mut dice).await)
            .or_default() += 1;
        if let Some(gone) = clients.try_join_next() {
            gone.expect("a shopper failed");
        }
    }
    shop.close();
    let mut notes = Notes::default();
    while let Some(of_one) = clients.join_next().await {
        notes.add(of_one.expect("a shopper failed"));
    }
    println!("{}{troubles:?}", shop.outcomes);
    println!("{} carts, {} orders", notes.carts.len(), notes.orders.len());

    assert_eq!(troubles.len(), 3, "not all kinds of trouble: {troubles:?}");
    let missing = shop.outcomes.missing();
    assert!(missing.is_empty(), "this has not happened: {missing:?}");
    let [channel, _] = replicas.connect();
    audit::check(&replicas.database, channel, notes).await;
    followers.check(&replicas.database).await;
    replicas.end().await;
}

fn clients(seed: u64, replicas: &Replicas, shop: &Arc<Shop>) -> JoinSet<Notes> {
    let clock = Arc::new(Clock::default());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let dice = Dice::Seeded(seed.wrapping_add((number + 1) << 32));
        let post = Post {
            replicas: replicas.connect(),
            clock: Arc::clone(&clock),
        };
        clients.spawn(Client::new(number, dice, post, Arc::clone(shop)).run());
    }
    clients
}
