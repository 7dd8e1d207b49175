//! Leases on work that one replica does at a time.

use cartwright::store::lease;
use chrono::TimeDelta;

use super::samples::{id, now};
use crate::harness::database::TestDatabase;

pub(super) async fn work_is_done_by_one_at_a_time(place: TestDatabase) {
    let database = place.open().await;
    let minute = TimeDelta::minutes(1);
    let take = async |work, holder, minutes| {
        let now = now() + minute * minutes;
        let taken = lease::take(&database, work, id(holder), now, minute * 2).await;
        taken.unwrap()
    };
    assert!(take("sweeping", 1, 0).await);
    assert!(!take("sweeping", 2, 1).await);
    assert!(take("publishing", 2, 1).await, "another work");
    assert!(take("sweeping", 1, 1).await, "renewed");
    assert!(!take("sweeping", 2, 2).await);
    assert!(take("sweeping", 2, 3).await, "it had run out");
    assert!(!take("sweeping", 1, 3).await);
}
