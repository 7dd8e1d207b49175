//! Spans reach the collector as parts of the caller's trace, and log lines tell which trace they belong to.

use std::{
    fmt, io,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cartwright::{
    domain::{
        shipping::{Place, RateRequest},
        store::Store,
    },
    quotes::{self, Background, Freshness, Quotes, Wanted},
    telemetry::{Error, LogFormat, TelemetryConfig, parent_context, subscriber, tracer_provider},
};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tracing::{Instrument as _, Span, info_span, subscriber::DefaultGuard};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::harness::{
    PATIENCE,
    otlp::{OtlpReceiver, the, tree},
    shop::{currency, id, now},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines that this file logged.
    fn lines(&self) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines()
            .filter(|line| line.contains(module_path!()))
            .map(Into::into)
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config(otlp_endpoint: Option<&str>, log_format: LogFormat) -> TelemetryConfig {
    TelemetryConfig {
        service_name: "cartwright-test".into(),
        otlp_endpoint: otlp_endpoint.map(Into::into),
        log_format,
        log_filter: "warn".into(),
    }
}

/// What `telemetry::init` does for the process, for this thread.
fn install(config: &TelemetryConfig) -> (SdkTracerProvider, Log, DefaultGuard) {
    let provider = tracer_provider(config).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = subscriber(config, &provider, move || writer.clone()).unwrap();
    (provider, log, tracing::subscriber::set_default(subscriber))
}

/// A span under the caller's, which is sampled or not.
fn request_span(sampled: bool) -> Span {
    let flags = if sampled { "01" } else { "00" };
    let mut headers = http::HeaderMap::new();
    headers.insert(
        "traceparent",
        format!("00-{TRACE}-{CALLER}-{flags}").parse().unwrap(),
    );
    let span = info_span!("request");
    span.set_parent(parent_context(&headers)).unwrap();
    span
}

async fn flush(provider: SdkTracerProvider) {
    tokio::task::spawn_blocking(move || provider.shutdown())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_exported_under_the_callers() {
    let collector = OtlpReceiver::start().await;
    let (provider, _, _guard) = install(&config(Some(collector.endpoint()), LogFormat::Text));
    let store = Store::empty(currency("USD"));
    let request = RateRequest {
        currency: currency("USD"),
        origin: None,
        destination: Place::default(),
        customer_group_ids: Vec::new(),
        items: Vec::new(),
    };
    let wanted = Wanted {
        request: Some(request),
        option_id: None,
    };
    let settings = quotes::Settings {
        ttl: Duration::from_mins(10),
        timeout: Duration::from_secs(5),
        redis_url: None,
        replica: id(1),
    };
    let quotes = Quotes::new(&settings, Background::default()).unwrap();
    for sampled in [true, false] {
        let quote = quotes.quote(&store, wanted.clone(), Freshness::Recent, now());
        quote.instrument(request_span(sampled)).await.unwrap();
    }
    flush(provider).await;

    let spans = collector
        .spans_of_trace(TRACE, |spans| {
            spans.iter().any(|span| span.name == "request")
        })
        .await;
    assert_eq!(
        tree(&spans),
        "request\n  quotes.rate\n",
        "the sampled one only"
    );
    let request = the(&spans, "request");
    assert_eq!(
        (request.parent_id.as_str(), request.service.as_str()),
        (CALLER, "cartwright-test")
    );
    assert!(!the(&spans, "quotes.rate").failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_tell_their_trace_whether_it_is_exported_or_not() {
    let collector = OtlpReceiver::start().await;
    for endpoint in [Some(collector.endpoint()), None] {
        let (_provider, log, _guard) = install(&config(endpoint, LogFormat::Json));
        let cause: &(dyn std::error::Error + 'static) = &io::Error::other(Unpaid);
        tracing::warn!(answer = 42, "outside");
        request_span(false).in_scope(|| {
            tracing::info!("not of interest");
            tracing::error!(error = cause, retry = false, "in\na {}", "trace");
        });

        let lines: Vec<Value> = log
            .lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [outside, inside] = lines.as_slice() else {
            panic!("two lines, not {lines:#?}")
        };
        let time = outside["timestamp"].as_str().unwrap();
        assert!(
            chrono::DateTime::parse_from_rfc3339(time).is_ok() && time.ends_with('Z'),
            "{time}"
        );
        let expected = json!({
            "timestamp": time, "level": "WARN", "target": module_path!(), "message": "outside",
            "fields": { "answer": 42 },
        });
        assert_eq!(*outside, expected);
        let expected = json!({
            "timestamp": inside["timestamp"], "level": "ERROR", "target": module_path!(), "message": "in\na trace",
            "trace_id": TRACE, "span_id": inside["span_id"],
            "fields": { "error": "unpaid: too little", "retry": false },
        });
        assert_eq!(*inside, expected);
        assert_eq!(inside["span_id"].as_str().unwrap().len(), 16);
        assert_ne!(inside["span_id"], CALLER);
    }
}

#[tokio::test]
async fn text_lines_are_for_people() {
    let (_provider, log, _guard) = install(&config(None, LogFormat::Text));
    request_span(true).in_scope(|| tracing::warn!(code = "SAVE20", "the coupon is used up"));
    let [line] = &log.lines()[..] else {
        panic!("one line, not {:?}", log.lines())
    };
    let (_, line) = line.split_once(' ').unwrap();
    let begin = format!(
        " WARN {}: the coupon is used up code=\"SAVE20\" trace_id={TRACE} span_id=",
        module_path!()
    );
    assert!(line.starts_with(&begin), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_holds_up_nothing() {
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let (provider, _, _guard) = install(&config(Some(&endpoint), LogFormat::Text));
    let start = Instant::now();
    drop(request_span(true));
    assert!(start.elapsed() < PATIENCE);
    let shutdown = move || provider.shutdown_with_timeout(Duration::from_secs(1));
    tokio::task::spawn_blocking(shutdown)
        .await
        .unwrap()
        .unwrap_err();
    assert!(start.elapsed() < PATIENCE);
}

#[tokio::test]
async fn what_is_malformed_is_told() {
    let mut malformed = config(None, LogFormat::Text);
    malformed.log_filter = "cartwright=loud".into();
    let provider = tracer_provider(&malformed).unwrap();
    assert!(matches!(
        subscriber(&malformed, &provider, io::sink),
        Err(Error::Filter(_))
    ));
    let malformed = config(Some("not a url"), LogFormat::Text);
    assert!(matches!(
        tracer_provider(&malformed),
        Err(Error::Endpoint(_))
    ));

    let mut headers = http::HeaderMap::new();
    assert!(!parent_context(&headers).has_active_span());
    headers.insert("traceparent", "00-nonsense".parse().unwrap());
    assert!(!parent_context(&headers).has_active_span());
}

/// An error with a cause.
#[derive(Debug)]
struct Unpaid;

impl fmt::Display for Unpaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unpaid")
    }
}

impl std::error::Error for Unpaid {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&TooLittle)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("too little")]
struct TooLittle;
