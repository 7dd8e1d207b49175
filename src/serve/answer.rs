//! The bodies of answers, on their way to the client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Frame, SizeHint};
use hyper::body::Bytes;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

use super::{
    calls::Call,
    waiting::{Place, Waiting},
};

/// Most bytes of all answers that their clients have not taken, and most of them. Where it is too much, the connections of
/// those are closed that have waited longest.
const MAX_UNTAKEN_BYTES: usize = 256 * 1024 * 1024;
const MAX_UNTAKEN: usize = 65_536;
/// Most bytes that are handed to the connection at a time, which keeps them beyond what the client takes.
const CHUNK: usize = 16 * 1024;

/// The line of all answers that their clients have not taken.
pub(super) fn waiting() -> Waiting {
    Waiting::new(MAX_UNTAKEN, MAX_UNTAKEN_BYTES)
}

/// The body of an answer. What it has handed to the connection waits in line until it was written.
pub(super) struct Answer {
    body: Body,
    /// What is left of the piece at hand.
    rest: Bytes,
    waiting: Waiting,
    hang_up: CancellationToken,
    _call: Call,
}

impl Answer {
    /// `hang_up` closes the connection when the room is needed.
    pub(super) fn new(
        body: Body,
        waiting: Waiting,
        hang_up: CancellationToken,
        call: Call,
    ) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            waiting,
            hang_up,
            _call: call,
        }
    }

    fn next_chunk(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(CHUNK);
        Frame::data(self.rest.split_to(length))
    }
}

/// Bytes that hold a place in line for as long as anybody has a part of them.
struct Untaken {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_chunk())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let bytes = match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(bytes))) => bytes,
            Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        let place = self.waiting.enter(bytes.len(), self.hang_up.clone());
        self.rest = Bytes::from_owner(Untaken {
            bytes,
            _place: place,
        });
        Poll::Ready(Some(Ok(self.next_chunk())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}
