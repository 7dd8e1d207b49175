//! One connection, from its first byte to its last.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::ServiceExt as _;

use super::{CallService, ClientCertificate, Peer, Shared, answer::Answer, calls::Calls};

/// How HTTP is spoken.
pub(super) type Protocols = Builder<TokioExecutor>;

/// How long a connection may take to get through TLS and begin its first call.
const FIRST_CALL: Duration = Duration::from_secs(10);
/// How long a client that was told to go may take to close.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often an idle connection is tried, and how long its peer may take: load balancers drop connections
/// without a word, and what they carried would wait for its deadline.
const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls of one connection at a time; its caller holds back what is more. Above the limit on calls in flight at its default, so
/// that one connection can carry a whole gateway with those who watch checkouts, and overload is told; not unlimited, since each
/// costs memory on a connection that is not read.
const MAX_STREAMS: u32 = 4096;
/// Most bytes of the headers of a request.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// Most bytes that a client may send ahead of what was read, of a call and of all calls of a connection. They are read as
/// they come, so this is no limit on how fast they come. h2 closes a connection on which small frames wait that would fill half
/// of its window at 256 bytes each: there has to be room for one of every call.
const CALL_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 256 * MAX_STREAMS;
/// Most bytes of an answer that lie ready for the client to take; the rest waits in the answer.
const MAX_SEND_BYTES: usize = 64 * 1024;
/// Streams that a client may reset before they were looked at, and that may be reset for errors of the client, before the
/// connection is closed for abuse.
const MAX_RAPID_RESETS: usize = 20;
const MAX_ERROR_RESETS: usize = 128;
/// How long HTTP/1 may take for the headers of a request, and what it may keep of a request or an answer.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HTTP1_BYTES: usize = 64 * 1024;

/// Both versions of HTTP, each with its limits. gRPC comes by HTTP/2, gRPC-Web by either.
pub(super) fn protocols() -> Protocols {
    let mut protocols = Builder::new(TokioExecutor::new());
    protocols
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HTTP1_BYTES);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BYTES)
        .max_pending_accept_reset_streams(MAX_RAPID_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS);
    protocols
}

/// Serves the calls of a connection until it is closed, idle, or all is to end.
pub(super) async fn serve<S: CallService>(
    stream: TcpStream,
    address: SocketAddr,
    shared: &Shared<S>,
) {
    let first_call = Instant::now() + FIRST_CALL;
    // Otherwise an answer of several packets waits for the caller's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone");
        return;
    }
    let Some(tls) = &shared.settings.tls else {
        let certificate = ClientCertificate::NotAsked;
        let peer = Peer {
            address,
            certificate,
        };
        return converse(stream, peer, first_call, shared).await;
    };
    let handshake = timeout_at(first_call, tls.accept(stream));
    match shared.stop.run_until_cancelled(handshake).await {
        Some(Ok(Ok((stream, certificate)))) => {
            let peer = Peer {
                address,
                certificate,
            };
            converse(stream, peer, first_call, shared).await;
        }
        Some(Ok(Err(error))) => tracing::debug!(%address, %error, "TLS was not agreed upon"),
        Some(Err(_)) => tracing::debug!(%address, "TLS took too long"),
        None => {}
    }
}

async fn converse<S: CallService>(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    first_call: Instant,
    shared: &Shared<S>,
) {
    let calls = Calls::default();
    let hang_up = CancellationToken::new();
    let peer = Arc::new(peer);
    let service = service_fn(|mut request: Request<Incoming>| {
        let (call, waiting, hang_up) = (calls.begin(), shared.answers.clone(), hang_up.clone());
        request.extensions_mut().insert(Arc::clone(&peer));
        let answer = shared.service.clone().oneshot(request.map(Body::new));
        async {
            let answer = answer.await?;
            Ok::<_, S::Error>(answer.map(|body| Answer::new(body, waiting, hang_up, call)))
        }
    });
    let connection = shared
        .protocols
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let tell = || {
        shared.metrics.hung_up();
        tracing::debug!(address = %peer.address, "hung up: answers were not taken");
    };

    let idle_timeout = shared.settings.idle_timeout;
    tokio::select! {
        ended = connection.as_mut() => return log(ended),
        () = hang_up.cancelled() => return tell(),
        () = shared.stop.cancelled() => {}
        () = calls.idle(first_call, idle_timeout) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection.as_mut() => log(ended),
        () = hang_up.cancelled() => tell(),
        () = calls.idle(Instant::now() + FAREWELL, FAREWELL) => {}
    }
}

/// Clients go as they like: that is nothing to warn of.
fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended before its time");
    }
}
