//! Sending a request until it is known what came of it, or giving up.

use std::{
    error::Error as _,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{join, time::timeout};
use tonic::{Code, Response, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::harness::PATIENCE;

/// How often a request is sent again before the service counts as gone.
const MOST_SENDS: u32 = 2_000;

/// A clock that all callers share; it strikes whenever it is looked at.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Once, whatever comes of it.
    Once,
    /// Again and again, to any replica, until it is answered.
    Stubbornly,
    /// To both replicas at once; stubbornly if neither answers.
    Twice,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Sent<T> {
    /// When it was sent first.
    pub(crate) invoked: u64,
    pub(crate) sends: u32,
    pub(crate) answers: Vec<Answer<T>>,
    /// The last of the refusals.
    pub(crate) refusal: Option<Refused>,
}

impl<T> Sent<T> {
    /// The answer of a request that was sent once.
    pub(crate) fn only_answer(&self) -> Option<&Answer<T>> {
        self.answers.first().filter(|_| self.sends == 1)
    }

    /// Whether it may have been done without an answer that says so.
    pub(crate) const fn is_open(&self) -> bool {
        self.answers.is_empty() && (self.refusal.is_none() || self.sends > 1)
    }

    /// The answer, whichever it was.
    pub(crate) fn message(self) -> Option<T> {
        let answer = self.answers.into_iter().next()?;
        Some(answer.message)
    }

    /// In a word.
    pub(crate) fn outcome(&self) -> &str {
        match &self.refusal {
            _ if !self.answers.is_empty() => "done",
            Some(refusal) => &refusal.reason,
            None => "lost",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
    pub(crate) message: T,
}

#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
    pub(crate) reason: String,
    /// The reasons that `CHECKOUT_INCOMPLETE` lists.
    pub(crate) violations: Vec<String>,
    /// The version that `VERSION_MISMATCH` tells.
    pub(crate) current_version: Option<i64>,
}

enum Reply<T> {
    Answered(Answer<T>),
    Refused(Refused),
    Lost,
}

/// Connections of one caller to both replicas.
pub(crate) struct Post {
    pub(crate) replicas: [Channel; 2],
    pub(crate) clock: Arc<Clock>,
}

impl Post {
    /// Sends a request, first to the replica with this index.
    pub(crate) async fn send<T, F>(
        &self,
        way: Way,
        replica: usize,
        call: impl Fn(Channel) -> F,
    ) -> Sent<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut sent = Sent {
            invoked: self.clock.now(),
            sends: 0,
            answers: Vec::new(),
            refusal: None,
        };
        if way == Way::Twice {
            let (one, other) = join!(self.try_once(0, &call), self.try_once(1, &call));
            sent.note(one);
            sent.note(other);
        }
        while sent.answers.is_empty() && sent.refusal.is_none() {
            if sent.sends > 0 {
                if way == Way::Once {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(sent.sends < MOST_SENDS, "nobody answers");
            let next = usize::try_from(sent.sends).unwrap();
            sent.note(self.try_once((replica + next) % 2, &call).await);
        }
        sent
    }

    async fn try_once<T, F>(&self, replica: usize, call: &impl Fn(Channel) -> F) -> Reply<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let invoked = self.clock.now();
        let result = timeout(PATIENCE, call(self.replicas[replica].clone())).await;
        let returned = self.clock.now();
        match result.expect("it hangs") {
            Ok(response) => Reply::Answered(Answer {
                invoked,
                returned,
                message: response.into_inner(),
            }),
            Err(status) => refusal(&status, invoked, returned).map_or(Reply::Lost, Reply::Refused),
        }
    }
}

impl<T> Sent<T> {
    fn note(&mut self, reply: Reply<T>) {
        self.sends += 1;
        match reply {
            Reply::Answered(answer) => self.answers.push(answer),
            Reply::Refused(refusal) => self.refusal = Some(refusal),
            Reply::Lost => {}
        }
    }
}

/// What the service said; none when it was not heard, or cannot know itself whether it was done.
fn refusal(status: &Status, invoked: u64, returned: u64) -> Option<Refused> {
    let Some(info) = status.get_details_error_info() else {
        let by_connection = status.source().is_some();
        assert!(
            by_connection,
            "neither the service nor the connection said {status:?}"
        );
        return None;
    };
    assert_ne!(status.code(), Code::Internal, "{status:?}");
    match status.code() {
        Code::Unavailable => {
            assert_eq!(info.reason, "DATABASE_UNAVAILABLE");
            assert!(status.get_details_retry_info().is_some(), "{status:?}");
            None
        }
        Code::DeadlineExceeded => None,
        _ => Some(Refused {
            violations: violations(status),
            invoked,
            returned,
            current_version: info
                .metadata
                .get("current_version")
                .map(|it| it.parse().unwrap()),
            reason: info.reason,
        }),
    }
}

/// That it is not known what came of a call.
#[track_caller]
pub(crate) fn assert_lost(status: &Status) {
    assert!(refusal(status, 0, 0).is_none(), "{status:?}");
}

fn violations(status: &Status) -> Vec<String> {
    let failure = status.get_details_precondition_failure();
    let violations = failure.into_iter().flat_map(|failure| failure.violations);
    violations.map(|violation| violation.r#type).collect()
}
