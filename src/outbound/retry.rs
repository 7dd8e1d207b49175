//! Which calls are tried again, and when.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tower::retry::{
    Policy,
    budget::{Budget as _, TpsBudget},
};

use super::Failure;

/// How long calls count for the budget.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Retries a second that are always allowed.
const FREE_RETRIES: u32 = 1;

/// Retries for each call that succeeds, beside the free ones: of five calls one may be a retry.
const RETRIES_PER_CALL: f32 = 0.25;

/// Shortest pause before the first retry, in milliseconds. It doubles with each.
const PAUSE_MILLIS: u64 = 25;

/// Tries again what failed for the moment, as often as a call may and the budget of all calls allows. tower makes a
/// clone of it for each call; the clones share the budget.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    retries: u32,
    max_retries: u32,
    budget: Arc<TpsBudget>,
}

impl RetryPolicy {
    pub(super) fn new(max_retries: u32) -> Self {
        Self {
            retries: 0,
            max_retries,
            budget: Arc::new(TpsBudget::new(
                BUDGET_WINDOW,
                FREE_RETRIES,
                RETRIES_PER_CALL,
            )),
        }
    }
}

impl<Req: Clone, Res> Policy<Req, Res, Failure> for RetryPolicy {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, Failure>) -> Option<Sleep> {
        match result {
            Ok(_) => self.budget.deposit(),
            Err(Failure::Temporary(_))
                if self.retries < self.max_retries && self.budget.withdraw() =>
            {
                let pause = PAUSE_MILLIS << self.retries;
                self.retries += 1;
                return Some(sleep(Duration::from_millis(pause + random() % pause)));
            }
            Err(_) => {}
        }
        None
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// So that calls that failed together do not come back together.
fn random() -> u64 {
    RandomState::new().hash_one(())
}
