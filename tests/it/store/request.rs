//! Remembered requests.

use cartwright::store::{Database, Result, request};
use chrono::TimeDelta;

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

async fn claim_and_answer(database: &Database, answer: &str) -> Result<bool> {
    let transaction = database.begin().await?;
    let claimed = request::claim(&transaction, &samples::key(7), now()).await?;
    if claimed {
        request::answer(&transaction, id(7), answer).await?;
        transaction.commit().await?;
    }
    Ok(claimed)
}

fn known(answer: &str) -> (String, String) {
    ("digest-7".into(), answer.into())
}

pub(super) async fn an_answer_is_found_again(place: TestDatabase) {
    let database = place.open().await;
    assert_eq!(request::find(&database, id(7), now()).await.unwrap(), None);
    assert!(claim_and_answer(&database, "{\"id\":1}").await.unwrap());
    let found = request::find(&database, id(7), now()).await.unwrap();
    assert_eq!(found, Some(known("{\"id\":1}")));
    let later = now() + TimeDelta::microseconds(1);
    assert_eq!(request::find(&database, id(7), later).await.unwrap(), None);
    assert_eq!(request::find(&database, id(8), now()).await.unwrap(), None);
}

pub(super) async fn of_equal_requests_one_is_done(place: TestDatabase) {
    let database = place.open().await;
    let claimed = at_once(16, |n| {
        let database = database.clone();
        async move {
            let answer = n.to_string();
            let claimed = claim_and_answer(&database, &answer).await.unwrap();
            claimed.then_some(answer)
        }
    });
    let claimed: Vec<_> = claimed.await.into_iter().flatten().collect();
    let [answer] = &claimed[..] else {
        panic!("claimed by {claimed:?}")
    };
    let found = request::find(&database, id(7), now()).await.unwrap();
    assert_eq!(found, Some(known(answer)));
}

pub(super) async fn an_old_request_is_forgotten(place: TestDatabase) {
    let database = place.open().await;
    assert!(claim_and_answer(&database, "old").await.unwrap());
    let (day, moment) = (TimeDelta::hours(24), TimeDelta::microseconds(1));
    for (time, claimed) in [(now() + day, false), (now() + day + moment, true)] {
        let transaction = database.begin().await.unwrap();
        let again = request::claim(&transaction, &samples::key(7), time).await;
        assert_eq!(again.unwrap(), claimed);
        transaction.commit().await.unwrap();
    }
    // Whoever takes an id over starts without its old answer.
    let found = request::find(&database, id(7), now()).await.unwrap();
    assert_eq!(found, Some(known("")));

    let taken_over = now() + day + moment;
    let forgotten = request::forget_before(&database, taken_over, 10).await;
    assert_eq!(forgotten.unwrap(), 0);
    assert!(
        request::find(&database, id(7), now())
            .await
            .unwrap()
            .is_some()
    );
    let forgotten = request::forget_before(&database, taken_over + moment, 10).await;
    assert_eq!(forgotten.unwrap(), 1);
    assert_eq!(request::find(&database, id(7), now()).await.unwrap(), None);
}

pub(super) async fn a_request_that_failed_can_be_made_again(place: TestDatabase) {
    let database = place.open().await;
    let transaction = database.begin().await.unwrap();
    assert!(
        request::claim(&transaction, &samples::key(7), now())
            .await
            .unwrap()
    );
    drop(transaction);
    assert_eq!(request::find(&database, id(7), now()).await.unwrap(), None);
    assert!(claim_and_answer(&database, "done").await.unwrap());
}

pub(super) async fn old_requests_are_forgotten_in_batches(place: TestDatabase) {
    let database = place.open().await;
    for number in 0..50 {
        let transaction = database.begin().await.unwrap();
        let claimed = request::claim(&transaction, &samples::key(number), now()).await;
        assert!(claimed.unwrap());
        transaction.commit().await.unwrap();
    }
    let later = now() + TimeDelta::microseconds(1);
    let forgotten = request::forget_before(&database, later, 7).await;
    assert_eq!(forgotten.unwrap(), 7);
    let forgotten = at_once(4, |_| {
        let database = database.clone();
        async move {
            let mut forgotten = 0;
            for _ in 0..50 {
                forgotten += request::forget_before(&database, later, 7).await.unwrap();
            }
            forgotten
        }
    });
    assert_eq!(forgotten.await.into_iter().sum::<u64>(), 43);
}
