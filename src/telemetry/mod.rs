//! Logs, traces and metrics. Spans and metrics go to an OpenTelemetry collector when one is configured; log lines go
//! to standard error, each with the trace and span it belongs to.
//!
//! The two are filtered apart: every span of level `INFO` is traced, those that sea-orm makes of SQL statements
//! included, while logs have the filter that is configured and tell events only.

mod logs;
mod metrics;

use std::{
    io,
    panic::{self, PanicHookInfo},
    time::Duration,
};

use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, ParseError, Targets, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    registry,
};

pub use self::logs::LogFormat;

/// What is logged, unless set otherwise.
pub const DEFAULT_LOG_FILTER: &str = "info,opentelemetry=warn,sqlx=warn";

/// Longest wait for the last spans to reach the collector.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where logs, traces and metrics go, and which.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Name of this service among others.
    pub service_name: String,
    /// URL of the collector that takes OTLP over gRPC, `http://collector:4317`; none to export nothing.
    pub otlp_endpoint: Option<String>,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// What is logged: directives as of `tracing_subscriber::EnvFilter`, such as [`DEFAULT_LOG_FILTER`].
    pub log_filter: String,
}

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is malformed.
    #[error("the log filter is malformed")]
    Filter(#[from] ParseError),
    /// The collector's URL is malformed.
    #[error("the OTLP endpoint cannot be used")]
    Endpoint(#[from] ExporterBuildError),
    /// Someone else was first.
    #[error("telemetry is set up already")]
    Installed(#[from] SetGlobalDefaultError),
}

/// The telemetry of this process, to be shut down when all else is done.
#[must_use = "spans that are not flushed are lost"]
pub struct Telemetry {
    tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
}

/// Sets up logs, traces and metrics for the whole process, and how panics are told. Has to be called in a tokio runtime, in which they are
/// exported.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, Error> {
    let tracer_provider = tracer_provider(config)?;
    let subscriber = subscriber(config, &tracer_provider, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)?;
    let meter_provider =
        metrics::meter_provider(config.otlp_endpoint.as_deref(), resource(config))?;
    opentelemetry::global::set_meter_provider(meter_provider.clone());
    panic::set_hook(Box::new(tell_of_panic));
    Ok(Telemetry {
        tracer_provider,
        meter_provider,
    })
}

impl Telemetry {
    /// Exports what is left, for five seconds at most. What happens later is logged, but not traced.
    pub async fn shutdown(self) {
        let (traces, metrics) = (self.tracer_provider, self.meter_provider);
        let (spans, measured) = tokio::join!(
            tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_TIMEOUT)),
            tokio::task::spawn_blocking(move || metrics.shutdown_with_timeout(FLUSH_TIMEOUT)),
        );
        for (what, flushed) in [("spans", spans), ("metrics", measured)] {
            match flushed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the last {what} were not exported"),
                Err(error) => tracing::warn!(%error, "the last {what} were not exported"),
            }
        }
    }
}

/// Logs where a panic was. A text that was put together may have in it what callers sent, as that of a slice of a string has
/// the string, so only one that is part of the program is told.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.payload().downcast_ref::<&'static str>().copied();
    let place = panic.location().map(ToString::to_string);
    tracing::error!(what, place, "panicked");
}

/// What every span and metric says of this process.
fn resource(config: &TelemetryConfig) -> Resource {
    Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Makes spans and exports them in batches. The sampler and the sizes of batches are OpenTelemetry's defaults, so
/// follow the caller's decision and else trace all, and are set by its standard environment variables,
/// `OTEL_TRACES_SAMPLER` and so on. Without a collector spans are not recorded, and yet have ids for the logs.
pub fn tracer_provider(config: &TelemetryConfig) -> Result<SdkTracerProvider, Error> {
    let provider = SdkTracerProvider::builder().with_resource(resource(config));
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok(provider.with_sampler(Sampler::AlwaysOff).build());
    };
    let exporter = SpanExporter::builder().with_tonic();
    let exporter = exporter.with_endpoint(endpoint).build()?;
    Ok(provider.with_batch_exporter(exporter).build())
}

/// Takes in spans and events: spans go to the provider, events as log lines to the writer.
pub fn subscriber<W>(
    config: &TelemetryConfig,
    provider: &SdkTracerProvider,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        // Attributes that cost on every span and tell a reader of traces little.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        // sqlx tells each statement once more, as an event.
        .with_filter(Targets::new().with_default(LevelFilter::INFO).with_target("sqlx", LevelFilter::WARN));
    // Spans are no part of a log line, so need not be formatted for it.
    let events = filter_fn(|metadata| !metadata.is_span()).with_max_level_hint(LevelFilter::TRACE);
    let logs = tracing_subscriber::fmt::layer()
        .event_format(config.log_format)
        .with_writer(writer)
        .with_filter(EnvFilter::try_new(&config.log_filter)?.and(events));
    Ok(registry().with(spans).with(logs))
}

/// The span of the caller, as the W3C headers `traceparent` and `tracestate` tell it; an empty context without them.
/// Set it as the parent of a span before that is first entered.
#[must_use]
pub fn parent_context(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

/// Tells whoever is called the span in which the calling code runs, by the W3C headers.
pub fn inject(headers: &mut HeaderMap) {
    let mut headers = HeadersMut(headers);
    Context::map_current(|context| {
        TraceContextPropagator::new().inject_context(context, &mut headers);
    });
}

/// The same as the value of `traceparent`; empty outside of any trace.
#[must_use]
pub fn traceparent() -> String {
    let mut headers = HeaderMap::new();
    inject(&mut headers);
    let value = headers.get("traceparent");
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Trace and span in which the calling code runs, if any.
#[must_use]
pub fn current_span() -> Option<SpanContext> {
    let span = Context::map_current(|context| context.span().span_context().clone());
    span.is_valid().then_some(span)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<http::HeaderName>(), value.parse()) {
            self.0.insert(name, value);
        }
    }
}
