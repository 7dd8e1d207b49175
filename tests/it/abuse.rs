//! Clients that mean harm, or behave as if they did, each against a process of the program: meanwhile everybody else is
//! answered, and the process takes no more memory than it should.
//!
//! `cargo test --test it abuse -- --nocapture --test-threads=1` prints what each of them costs a well-behaved client.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use cartwright::rpc::pb::{
    CreateCartRequest, ListProductsRequest, cart_service_client::CartServiceClient,
    catalog_service_client::CatalogServiceClient,
};
use tokio::task::spawn_blocking;
use tonic::{Code, transport::Channel};

use crate::harness::{
    PATIENCE,
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, RST_STREAM, call,
        frame, header,
    },
    server::{Binary, connect},
};

/// Most memory that the process may take under any of this, in bytes, in a debug build.
const MEMORY: u64 = 320 * 1024 * 1024;
/// Connections or streams at a time.
const MANY: usize = 10_000;
/// Files that this process needs besides.
const OTHER_FILES: usize = 2_000;
const LIST_PRODUCTS: &str = "cartwright.v1.CatalogService/ListProducts";
const CREATE_CART: &str = "cartwright.v1.CartService/CreateCart";
/// Calls of the well-behaved client before the abuse, and after it while it is held on to.
const CALLS: usize = 200;
/// `ENHANCE_YOUR_CALM`.
const CALM: u32 = 11;

/// Lets `attack` loose on a server. What it answers is held on to while the server is looked at again.
async fn survives<T: Send + 'static>(
    name: &str,
    attack: impl FnOnce(SocketAddr) -> T + Send + 'static,
) {
    let options = ["serve", "--demo-store", "--max-connections=11000"];
    let mut server = Binary::start(&options, &[]);
    let mut client = Client::new(server.channel());
    let mut quiet = client.calls(CALLS).await;

    let address = server.address();
    let attacking = spawn_blocking(move || attack(address));
    let mut under = Vec::new();
    while !attacking.is_finished() {
        under.extend(client.calls(1).await);
    }
    let held = attacking.await.unwrap();
    under.extend(client.calls(CALLS).await);
    // Also whoever comes only now.
    Client::new(connect(address)).calls(1).await;
    let memory = server.most_memory();
    drop(held);

    println!(
        "{name}: {} MB; a call takes {:?}, 99 of 100 up to {:?}; before {:?} and {:?}",
        memory / 1_000_000,
        quantile(&mut under, 50),
        quantile(&mut under, 99),
        quantile(&mut quiet, 50),
        quantile(&mut quiet, 99),
    );
    assert!(memory < MEMORY, "{name}: {memory} bytes");
    server.kill();
    let (_, log) = server.wait();
    for wrong in ["internal error", "panicked", " ERROR "] {
        assert!(!log.contains(wrong), "{name}: {log}");
    }
}

/// One that only wants to be served.
struct Client(CatalogServiceClient<Channel>);

impl Client {
    fn new(channel: Channel) -> Self {
        Self(CatalogServiceClient::new(channel))
    }

    /// So many calls, each of which is answered. How long they took.
    async fn calls(&mut self, number: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        for _ in 0..number {
            let request = ListProductsRequest {
                page_size: 1,
                ..ListProductsRequest::default()
            };
            let began = Instant::now();
            let answer = tokio::time::timeout(PATIENCE, self.0.list_products(request)).await;
            answer.expect("an answer in time").unwrap();
            took.push(began.elapsed());
        }
        took
    }
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// As many connections as this process may have open, up to [`MANY`].
fn connections() -> usize {
    let limit = Command::new("sh").args(["-c", "ulimit -n"]).output();
    let limit = String::from_utf8(limit.unwrap().stdout).unwrap();
    let limit = limit.trim().parse().unwrap_or(usize::MAX);
    let many = MANY.min(limit.saturating_sub(OTHER_FILES));
    assert!(
        many > 0,
        "{limit} open files are too few: raise `ulimit -n`"
    );
    many
}

/// Whether the server has closed by now, or does within [`PATIENCE`].
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = [0; 1024];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_make_no_call_are_closed() {
    survives("idle connections", |address| {
        let many = connections();
        let idle: Vec<_> = (0..many)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for stream in [&idle[0], &idle[many - 1]] {
            assert!(is_closed(stream), "one of {many} connections is still open");
        }
        idle
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_that_do_not_arrive_the_oldest_give_way() {
    survives("open streams", |address| {
        let block = call(LIST_PRODUCTS, &[]);
        let open = |_| {
            let mut frames = Frames::connect(address, 65_535);
            let opened: Vec<_> = (0..1_000_u32)
                .flat_map(|stream| frame(HEADERS, END_HEADERS, 2 * stream + 1, &block))
                .collect();
            frames.send(&opened).unwrap();
            frames
        };
        let mut open: Vec<_> = (0..MANY / 1_000).map(open).collect();
        loop {
            let (kind, stream, _) = open[0].receive().expect("the connection is left open");
            if (kind, stream) == (HEADERS, 1) {
                return open;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_that_stop_before_their_end_take_no_memory_for_long() {
    survives("large requests", |address| {
        let block = call(CREATE_CART, &[]);
        let piece = vec![0; 16 * 1024];
        (0..40)
            .map(|_| {
                let mut frames = Frames::connect(address, 65_535);
                for stream in (1..200).step_by(2) {
                    let mut sent = frame(HEADERS, END_HEADERS, stream, &block);
                    // Less than the window of a call.
                    for _ in 0..3 {
                        sent.extend(frame(DATA, 0, stream, &piece));
                    }
                    // Until it has read that.
                    sent.extend(frame(PING, 0, 0, &[0; 8]));
                    frames.send(&sent).unwrap();
                    while frames.receive().unwrap().0 != PING {}
                }
                frames
            })
            .collect::<Vec<_>>()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_64_mib_is_refused() {
    survives("a message of 64 MiB", |address| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(async {
            let mut carts = CartServiceClient::new(connect(address));
            let status = carts
                .create_cart(CreateCartRequest {
                    email: "x".repeat(64 * 1024 * 1024),
                    ..CreateCartRequest::default()
                })
                .await
                .unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_bodies_that_trickle_in_are_waited_for_only_so_long() {
    survives("slow loris", |address| {
        let head = format!("POST /{LIST_PRODUCTS} HTTP/1.1\r\nHost: shop\r\n");
        let body = "Content-Type: application/grpc-web+proto\r\ngrpc-timeout: 5S\r\nContent-Length: 1000\r\n\r\n";
        let begin = |text: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            stream
        };
        let mut slow: Vec<_> = (0..250)
            .flat_map(|_| [begin(&head), begin(&format!("{head}{body}"))])
            .collect();
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(500));
            for stream in &mut slow {
                stream.write_all(b"x").unwrap();
            }
        }
        for stream in &slow {
            assert!(is_closed(stream));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_headers_end_the_call_or_the_connection() {
    survives("header flood", |address| {
        let many = [("x-flood", "0123456789abcdef")].repeat(1_000);
        let block = call(LIST_PRODUCTS, &many);
        for _ in 0..20 {
            let mut frames = Frames::connect(address, 65_535);
            for stream in (1..200).step_by(2) {
                let (first, rest) = block.split_at(16_000);
                let mut sent = frame(HEADERS, END_STREAM, stream, first);
                let chunks: Vec<_> = rest.chunks(16_000).collect();
                for (index, chunk) in chunks.iter().enumerate() {
                    let flags = if index + 1 == chunks.len() {
                        END_HEADERS
                    } else {
                        0
                    };
                    sent.extend(frame(CONTINUATION, flags, stream, chunk));
                }
                if frames.send(&sent).is_err() {
                    break;
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_close_the_connection() {
    survives("CONTINUATION flood", |address| {
        let mut frames = Frames::connect(address, 65_535);
        frames
            .send(&frame(HEADERS, 0, 1, &call(LIST_PRODUCTS, &[])))
            .unwrap();
        let more = frame(CONTINUATION, 0, 1, &header(&("x-flood", "0123456789")));
        let some = more.repeat(1_000);
        let closed = (0..1_000).any(|_| frames.send(&some).is_err());
        assert!(closed || frames.is_closed());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_close_the_connection() {
    survives("rapid resets", |address| {
        let block = call(LIST_PRODUCTS, &[]);
        for _ in 0..10 {
            let mut frames = Frames::connect(address, 65_535);
            for stream in (1..20_000).step_by(2) {
                let mut sent = frame(HEADERS, END_HEADERS, stream, &block);
                sent.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
                if frames.send(&sent).is_err() {
                    break;
                }
            }
            let told = frames.farewell();
            assert!(told.is_none_or(|reason| reason == CALM), "{told:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_without_end_are_held_back() {
    survives("pings", |address| {
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(10_000);
        let mut frames = Frames::connect(address, 65_535);
        // Answers are not read, so that one day it reads no more.
        let held_back = (0..1_000).any(|_| frames.send(&pings).is_err());
        assert!(held_back);
        frames
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_take_no_places() {
    survives("slow readers", |address| {
        let block = call(LIST_PRODUCTS, &[]);
        (0..4)
            .map(|_| {
                let mut frames = Frames::connect(address, 0);
                for stream in (1..2_000).step_by(2) {
                    let mut sent = frame(HEADERS, END_HEADERS, stream, &block);
                    sent.extend(frame(DATA, END_STREAM, stream, &[0; 5]));
                    frames.send(&sent).unwrap();
                    // The answer is ready, and its bytes may not be sent.
                    while frames
                        .receive()
                        .is_some_and(|(kind, at, _)| (kind, at) != (HEADERS, stream))
                    {
                    }
                }
                frames
            })
            .collect::<Vec<_>>()
    })
    .await;
}
