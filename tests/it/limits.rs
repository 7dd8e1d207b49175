//! How much one caller may do: calls in a while and at a time, wrong credentials and codes.

use std::{net::IpAddr, sync::Arc, time::Duration};

use cartwright::{
    domain::caller::{Caller, DEFAULT_CHANNEL, Grants, Principal, Session},
    limits::{Limits, Settings},
    rpc::pb::{self, session_service_client::SessionServiceClient},
};
use chrono::DateTime;
use secrecy::SecretString;
use tokio::time::Instant;
use tonic::Request;
use uuid::Uuid;

use crate::harness::{
    PATIENCE,
    api::{Api, call},
    redis::RedisServer,
};

mod calls;
mod codes;

/// The token of a new session of a customer; empty: of a guest.
async fn token_of(api: &Api, customer_id: &str) -> String {
    let request = pb::CreateSessionRequest {
        customer_id: customer_id.into(),
        ..Default::default()
    };
    let sessions = SessionServiceClient::new(api.server.channel());
    call!(sessions, create_session, request).unwrap().token
}

/// A request that shows a token.
fn by<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// Ids that no other test has.
fn new_id() -> Uuid {
    #[expect(
        clippy::disallowed_methods,
        reason = "unique in a Redis that outlives the run"
    )]
    Uuid::now_v7()
}

fn settings(redis: Option<&RedisServer>) -> Settings {
    Settings {
        token_rate: 0,
        session_rate: 2,
        token_calls: 64,
        wrong_credentials: 30,
        redis_url: redis.map(|redis| SecretString::from(redis.url())),
    }
}

fn limits(redis: Option<&RedisServer>) -> Limits {
    Limits::new(settings(redis)).unwrap()
}

fn session(customer_id: &str) -> Session {
    Session {
        id: new_id(),
        customer_id: customer_id.into(),
        customer: cartwright::domain::checkout::CustomerContext::default(),
        channel_id: DEFAULT_CHANNEL.into(),
        expire_time: DateTime::UNIX_EPOCH,
    }
}

fn shopper() -> Caller {
    Caller::Storefront(Arc::new(session("")))
}

fn service(id: &str) -> Caller {
    Caller::Management(Arc::new(Principal {
        id: id.into(),
        name: id.into(),
        grants: Grants::all(),
        channels: Vec::new(),
        expire_time: None,
    }))
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// How many of so many calls are let through, one after the other.
async fn admitted(limits: &Limits, who: &Caller, peer: Option<IpAddr>, calls: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..calls {
        match limits.admit(who, peer).await {
            Ok(_) => admitted += 1,
            Err(refused) => {
                assert_eq!(refused.limit, "20 calls in 10 seconds");
                assert!(refused.retry > Duration::ZERO && refused.retry <= Duration::from_secs(10));
            }
        }
    }
    admitted
}

#[tokio::test]
async fn each_caller_has_a_window_of_its_own() {
    let limits = limits(None);
    let (one, other, nobody) = (shopper(), shopper(), Caller::nobody());
    assert_eq!(admitted(&limits, &one, None, 30).await, 20);
    assert_eq!(admitted(&limits, &other, None, 30).await, 20);
    // Who has no credentials is known by the network.
    for (peer, admits) in [
        ("192.0.2.1", 20),
        ("::ffff:192.0.2.1", 0),
        ("192.0.2.2", 20),
        ("2001:db8::1", 20),
        ("2001:db8::2", 0),
        ("2001:db8:1::1", 20),
    ] {
        let admitted = admitted(&limits, &nobody, address(peer), 30).await;
        assert_eq!(admitted, admits, "{peer}");
    }
    // And a session is the same wherever it comes from.
    assert_eq!(admitted(&limits, &one, address("192.0.2.3"), 1).await, 0);
    for free in [Caller::Trusted, service("free")] {
        assert_eq!(admitted(&limits, &free, None, 1_000).await, 1_000);
    }
    let limited = Settings {
        token_rate: 2,
        session_rate: 0,
        ..settings(None)
    };
    let limits = Limits::new(limited).unwrap();
    assert_eq!(admitted(&limits, &service("a"), None, 30).await, 20);
    assert_eq!(admitted(&limits, &service("b"), None, 30).await, 20);
    assert_eq!(admitted(&limits, &one, None, 1_000).await, 1_000);
}

#[tokio::test]
async fn calls_at_a_time() {
    let limited = Settings {
        session_rate: 0,
        token_calls: 3,
        ..settings(None)
    };
    let limits = Limits::new(limited).unwrap();
    for (who, most) in [
        (shopper(), 16),
        (shopper(), 16),
        (Caller::nobody(), 16),
        (service("a"), 3),
        (service("b"), 3),
    ] {
        let peer = address("192.0.2.1");
        let mut open = Vec::new();
        for _ in 0..most {
            open.push(limits.admit(&who, peer).await.expect("room"));
        }
        for _ in 0..3 {
            let refused = limits.admit(&who, peer).await.err().expect("no room");
            assert_eq!(refused.limit, format!("{most} calls at a time"));
            assert!(refused.retry > Duration::ZERO);
        }
        // As many as end may begin.
        open.truncate(1);
        for _ in 1..most {
            open.push(limits.admit(&who, peer).await.expect("room again"));
        }
        assert!(limits.admit(&who, peer).await.is_err());
    }
}

#[tokio::test]
async fn wrong_credentials_of_one_address() {
    let limits = limits(None);
    let [thief, neighbour] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
    for _ in 0..30 {
        limits.check_address(thief).await.unwrap();
        limits.note_wrong_credentials(thief).await;
    }
    let refused = limits.check_address(thief).await.unwrap_err();
    assert_eq!(refused.limit, "30 wrong credentials a minute");
    assert!(refused.retry > Duration::ZERO && refused.retry <= Duration::from_mins(1));
    limits.check_address(neighbour).await.unwrap();

    let unlimited = Settings {
        wrong_credentials: 0,
        ..settings(None)
    };
    let limits = Limits::new(unlimited).unwrap();
    for _ in 0..1_000 {
        limits.note_wrong_credentials(thief).await;
        limits.check_address(thief).await.unwrap();
    }
}

/// How many calls replicas let through that are called in turns, and in how many windows at most.
async fn through(replicas: &[Limits], who: &Caller, calls: u32) -> (u32, u32) {
    let began = Instant::now();
    let mut through = 0;
    for _ in 0..calls {
        for replica in replicas {
            through += admitted(replica, who, None, 1).await;
        }
    }
    let windows = began.elapsed().as_secs() / 10 + 1;
    (through, u32::try_from(windows).unwrap())
}

#[tokio::test]
async fn replicas_share_a_window_in_redis() {
    let redis = RedisServer::started();
    let replicas = [limits(Some(&redis)), limits(Some(&redis))];
    let who = shopper();
    let (passed, windows) = through(&replicas, &who, 100).await;
    // Each without Redis would let 20 through. A tenth may come on top of them, for each replica but one.
    assert!((20..=22 * windows).contains(&passed), "{passed}");
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    let [key] = keys.as_slice() else {
        panic!("{keys:?}");
    };
    let hash = key.strip_prefix("cartwright:calls:v1:").unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let left: i64 = redis.ask(&["PTTL", key]).await;
    assert!((1..=10_000).contains(&left), "{left}");
}

#[tokio::test]
async fn few_calls_and_refused_ones_cost_redis_nothing() {
    let redis = RedisServer::started();
    let replica = limits(Some(&redis));
    let commands = async || {
        let stats: String = redis.ask(&["INFO", "commandstats"]).await;
        let line = stats.lines().find(|line| line.starts_with("cmdstat_eval:"));
        line.map(|line| line.split([',', ']']).next().unwrap().to_owned())
    };
    for _ in 0..20 {
        assert_eq!(admitted(&replica, &shopper(), None, 2).await, 2);
    }
    assert_eq!(commands().await, None);
    let who = shopper();
    assert!(admitted(&replica, &who, None, 30).await >= 20);
    let asked = commands().await;
    assert!(asked.is_some());
    let refused = limits(Some(&redis));
    let began = Instant::now();
    for _ in 0..1_000 {
        // The other one, too, has to find out once.
        let _ = replica.admit(&who, None).await;
        let _ = refused.admit(&who, None).await;
    }
    let asked = |line: Option<String>| -> u64 {
        let line = line.unwrap();
        line.rsplit_once('=').unwrap().1.parse().unwrap()
    };
    let windows = began.elapsed().as_secs() / 10 + 1;
    assert!(asked(commands().await) <= 22 * windows);
}

#[tokio::test]
async fn without_redis_each_replica_counts_for_itself() {
    let mut redis = RedisServer::started();
    let replicas = [limits(Some(&redis)), limits(Some(&redis))];
    let who = shopper();
    let (passed, _) = through(&replicas, &who, 5).await;
    assert_eq!(passed, 10);
    redis.kill();
    let (more, windows) = through(&replicas, &who, 100).await;
    assert!((30..=40 * windows - 10).contains(&more), "{more}");

    redis.start();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE);
        // New callers, since the window of the old one goes on.
        let (passed, windows) = through(&replicas, &shopper(), 50).await;
        if passed <= 22 * windows {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_redis_that_does_not_answer_holds_nobody_up_for_long() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", silent.local_addr().unwrap());
    let limited = Settings {
        redis_url: Some(url.into()),
        ..settings(None)
    };
    let limits = Limits::new(limited).unwrap();
    for _ in 0..20 {
        let (passed, windows) = through(std::slice::from_ref(&limits), &shopper(), 30).await;
        assert!((20..=20 * windows).contains(&passed), "{passed}");
    }
}
