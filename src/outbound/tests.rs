use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{task::JoinSet, time::sleep};
use tonic::body::Body;

use super::{wire::shipping_rate_service_client::ShippingRateServiceClient, *};

/// A timeout that no call of a test comes to.
const LONG: Duration = Duration::from_mins(1);

/// What the service is to do.
#[derive(Debug, Clone, Copy)]
enum Do {
    Answer,
    FailForNow,
    FailForGood,
    Hang,
    Panic,
}

/// A service that counts the attempts.
fn service(timeout: Duration, max_retries: u32) -> (Outbound<Do, ()>, Arc<AtomicUsize>) {
    let limits = Limits {
        timeout,
        max_retries,
        max_concurrent_calls: 4,
    };
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&attempts);
    let outbound = Outbound::new("test", limits, move |what| {
        counter.fetch_add(1, SeqCst);
        async move {
            match what {
                Do::Answer => Ok(()),
                Do::FailForNow => Err(Failure::Temporary("is busy".to_owned())),
                Do::FailForGood => Err(Failure::Lasting("makes no sense".to_owned())),
                Do::Hang => pending().await,
                Do::Panic => panic!("over what it answers"),
            }
        }
    });
    (outbound, attempts)
}

/// The text of a failure.
fn text<T>(result: Result<T, Failure>) -> String {
    result.err().map(|failure| failure.to_string()).unwrap()
}

#[tokio::test]
async fn only_what_failed_for_now_is_tried_again() {
    for (what, max_retries, expected) in [
        (Do::Answer, 2, 1),
        (Do::FailForNow, 0, 1),
        (Do::FailForNow, 2, 3),
        (Do::FailForGood, 2, 1),
        (Do::Panic, 2, 1),
    ] {
        let (outbound, attempts) = service(LONG, max_retries);
        let _ = outbound.call(what).await;
        assert_eq!(attempts.load(SeqCst), expected, "{what:?}");
    }
}

#[tokio::test]
async fn retries_stay_within_their_budget() {
    let (outbound, attempts) = service(LONG, 1);
    let calls = 400;
    for call in 0..calls {
        // Never so many failures in a row that the breaker opens.
        let what = if call % 4 == 0 {
            Do::Answer
        } else {
            Do::FailForNow
        };
        let _ = outbound.call(what).await;
    }
    let retries = attempts.load(SeqCst) - calls;
    // A fourth of the hundred that succeeded, and those of a window that are free: a few windows at most.
    assert!((25..100).contains(&retries), "{retries} retries");
}

#[tokio::test]
async fn a_call_ends_with_its_time_while_it_is_served_or_waits() {
    let (outbound, _) = service(Duration::from_millis(50), 5);
    let mut calls = JoinSet::new();
    // Four at a time, and one that waits.
    for _ in 0..5 {
        let outbound = outbound.clone();
        calls.spawn(async move { outbound.call(Do::Hang).await });
    }
    let mut told: Vec<_> = calls.join_all().await.into_iter().map(text).collect();
    told.sort();
    assert_eq!(told[..4], ["did not answer within 50ms"; 4]);
    assert_eq!(told[4], "has no turn free in time: it is asked too often");
}

#[tokio::test]
async fn a_crowd_that_waits_for_its_turns_in_vain_does_not_open_the_breaker() {
    let (outbound, attempts) = service(Duration::from_millis(200), 0);
    let mut hanging = JoinSet::new();
    for _ in 0..4 {
        let outbound = outbound.clone();
        hanging.spawn(async move { outbound.call(Do::Hang).await });
    }
    while attempts.load(SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    let mut crowd = JoinSet::new();
    for _ in 0..20 {
        let outbound = outbound.clone();
        crowd.spawn(async move { outbound.call(Do::Answer).await });
    }
    crowd.join_all().await;
    hanging.join_all().await;
    outbound.call(Do::Answer).await.unwrap();
}

#[tokio::test]
async fn no_more_calls_at_a_time_than_allowed_and_a_cancelled_one_gives_its_turn_back() {
    let (outbound, attempts) = service(LONG, 0);
    let mut hanging = JoinSet::new();
    for _ in 0..4 {
        let outbound = outbound.clone();
        hanging.spawn(async move { outbound.call(Do::Hang).await });
    }
    while attempts.load(SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn({
        let outbound = outbound.clone();
        async move { outbound.call(Do::Answer).await }
    });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(attempts.load(SeqCst), 4, "it waits for its turn");
    hanging.shutdown().await;
    assert_eq!(waiting.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_service_that_fails_too_often_is_left_alone_and_tried_by_one_call() {
    let (outbound, attempts) = service(LONG, 0);
    let rejected = "is not asked at the moment: it failed too often";
    for _ in 0..4 {
        outbound.call(Do::FailForNow).await.unwrap_err();
    }
    outbound.call(Do::Answer).await.unwrap();
    for what in [Do::FailForNow, Do::FailForGood, Do::Panic, Do::FailForNow] {
        outbound.call(what).await.unwrap_err();
    }
    assert_ne!(
        text(outbound.call(Do::FailForNow).await),
        rejected,
        "four in a row"
    );
    assert_eq!(attempts.load(SeqCst), 10);
    assert_eq!(
        text(outbound.clone().call(Do::Answer).await),
        rejected,
        "five in a row"
    );
    assert_eq!(attempts.load(SeqCst), 10);

    sleep(LEFT_ALONE).await;
    // The trial hangs: no other call goes along with it, and once it is given up the next one tries.
    let trial = tokio::time::timeout(Duration::from_millis(200), outbound.call(Do::Hang));
    let beside = async {
        while attempts.load(SeqCst) < 11 {
            tokio::task::yield_now().await;
        }
        outbound.call(Do::Answer).await
    };
    let (trial, beside) = tokio::join!(trial, beside);
    assert!(trial.is_err(), "it is given up");
    assert_eq!(text(beside), rejected);
    outbound.call(Do::Answer).await.unwrap();
    outbound.call(Do::Answer).await.unwrap();
    assert_eq!(attempts.load(SeqCst), 13);
}

#[tokio::test]
async fn who_is_late_has_failed() {
    let (outbound, attempts) = service(Duration::from_millis(10), 0);
    for _ in 0..FAILURES_IN_A_ROW {
        outbound.call(Do::Hang).await.unwrap_err();
    }
    outbound.call(Do::Answer).await.unwrap_err();
    assert_eq!(attempts.load(SeqCst), FAILURES_IN_A_ROW);
}

/// tonic panics over details that are no base64, which any server may send.
#[tokio::test]
async fn an_answer_over_which_tonic_panics_is_a_failure_like_any_other() {
    let server = service_fn(|_: http::Request<Body>| async {
        let answer = http::Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "2")
            .header("grpc-status-details-bin", "!");
        answer.body(Body::empty())
    });
    let client = ShippingRateServiceClient::new(server);
    let limits = Limits {
        timeout: LONG,
        max_retries: 0,
        max_concurrent_calls: 1,
    };
    let outbound = Outbound::new("test", limits, move |()| {
        let mut client = client.clone();
        async move {
            let answer = client.get_rates(wire::GetRatesRequest::default()).await;
            answer.map_err(failure)
        }
    });
    assert_eq!(
        text(outbound.call(()).await),
        "answered what cannot be understood"
    );
}

#[tokio::test]
async fn channels_are_made_with_and_without_tls() {
    for url in [
        "http://carrier.example.com",
        "https://carrier.example.com:8443",
    ] {
        assert!(channel(url).is_ok(), "{url}");
    }
    assert!(channel("not a URL").is_err());
}
