//! A collector of OpenTelemetry spans and metrics: what is exported over OTLP/gRPC, as a program under test really sent
//! it.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    trace::v1::{Span as ProtoSpan, status::StatusCode},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, async_trait, transport::Server};

use super::PATIENCE;

/// A span as it was exported. Ids are lower-case hexadecimal, values of attributes as text.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace_id: String,
    pub(crate) id: String,
    /// Empty for the root of a trace.
    pub(crate) parent_id: String,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) failed: bool,
    start: u64,
}

impl Span {
    /// The value of an attribute; empty when it has none.
    pub(crate) fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// The last value that was exported of a metric with one set of attributes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) metric: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The value of a counter or gauge; the number of values in a histogram.
    pub(crate) value: f64,
}

/// A collector on a free loopback port.
pub(crate) struct OtlpReceiver {
    endpoint: String,
    spans: watch::Receiver<Vec<Span>>,
    points: watch::Receiver<Vec<Point>>,
    texts: Texts,
    server: JoinHandle<()>,
}

/// Everything that was exported, for people.
#[derive(Debug, Clone, Default)]
struct Texts(Arc<Mutex<String>>);

impl Texts {
    fn add(&self, exported: &impl fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{exported:?}").unwrap();
    }
}

impl OtlpReceiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let texts = Texts::default();
        let (sender, spans) = watch::channel(Vec::new());
        let traces = TraceServiceServer::new(Traces(sender, texts.clone()));
        let (sender, points) = watch::channel(Vec::new());
        let metrics = MetricsServiceServer::new(Metrics(sender, texts.clone()));
        let server = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            Server::builder()
                .add_service(traces)
                .add_service(metrics)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Self {
            endpoint,
            spans,
            points,
            texts,
            server,
        }
    }

    /// Waits until the last value of a metric with at least these attributes is one that is wanted.
    pub(crate) async fn metric(
        &self,
        metric: &str,
        attributes: &[(&str, &str)],
        wanted: impl Fn(f64) -> bool,
    ) {
        let is_it = |point: &Point| {
            let has = |(key, value): &(&str, &str)| {
                point.attributes.get(*key).is_some_and(|it| it == value)
            };
            point.metric == metric && attributes.iter().all(has) && wanted(point.value)
        };
        let mut all = self.points.clone();
        let there = all.wait_for(|points| points.iter().any(is_it));
        if let Err(late) = timeout(PATIENCE, there).await {
            let got = self.points.borrow().clone();
            panic!("{late} waiting for {metric} {attributes:?}; there are:\n{got:#?}")
        }
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// All that has come, as a text with every name and value in it.
    pub(crate) fn texts(&self) -> String {
        self.texts.0.lock().unwrap().clone()
    }

    /// All spans that have come, of every trace.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }

    /// The spans of a trace, in the order in which they began, once there are those that `wait_until` waits for.
    pub(crate) async fn spans_of_trace(
        &self,
        trace_id: &str,
        wait_until: impl Fn(&[Span]) -> bool,
    ) -> Vec<Span> {
        let mut all = self.spans.clone();
        let there = all.wait_for(|spans| wait_until(&of_trace(spans, trace_id)));
        match timeout(PATIENCE, there).await {
            Ok(spans) => of_trace(&spans.unwrap(), trace_id),
            Err(late) => {
                let got = tree(&of_trace(&self.spans.borrow(), trace_id));
                panic!("{late} waiting for spans; of trace {trace_id} there are:\n{got}")
            }
        }
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn of_trace(spans: &[Span], trace_id: &str) -> Vec<Span> {
    let mut found: Vec<Span> = spans
        .iter()
        .filter(|span| span.trace_id == trace_id)
        .cloned()
        .collect();
    found.sort_by_key(|span| span.start);
    found
}

/// The spans begun directly under `parent`.
pub(crate) fn children_of<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    spans
        .iter()
        .filter(|span| span.parent_id == parent.id)
        .collect()
}

/// The only span of this name.
pub(crate) fn the<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let [span] = found.as_slice() else {
        panic!("{} spans are named {name}:\n{}", found.len(), tree(spans))
    };
    span
}

/// The names of the spans, each indented below its parent. Spans whose parent is elsewhere come first in line.
pub(crate) fn tree(spans: &[Span]) -> String {
    let mut text = String::new();
    let known = |id: &str| spans.iter().any(|span| span.id == id);
    for root in spans.iter().filter(|span| !known(&span.parent_id)) {
        branch(spans, root, 0, &mut text);
    }
    text
}

fn branch(spans: &[Span], span: &Span, depth: usize, text: &mut String) {
    writeln!(text, "{:indent$}{}", "", span.name, indent = depth * 2).unwrap();
    for child in children_of(spans, span) {
        branch(spans, child, depth + 1, text);
    }
}

struct Metrics(watch::Sender<Vec<Point>>, Texts);

#[async_trait]
impl MetricsService for Metrics {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = request.into_inner();
        self.1.add(&request);
        let resources = request.resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        let metrics = scopes.flat_map(|scope| scope.metrics);
        let received: Vec<Point> = metrics.flat_map(points).collect();
        self.0.send_modify(|points| {
            for point in received {
                let same = |old: &Point| {
                    (&old.metric, &old.attributes) == (&point.metric, &point.attributes)
                };
                points.retain(|old| !same(old));
                points.push(point);
            }
        });
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn points(metric: Metric) -> Vec<Point> {
    let number = |value| match value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        Some(number_data_point::Value::AsInt(value)) => f64::from(i32::try_from(value).unwrap()),
        None => f64::NAN,
    };
    let values: Vec<(Vec<KeyValue>, f64)> = match metric.data {
        Some(Data::Gauge(gauge)) => {
            let points = gauge.data_points.into_iter();
            points
                .map(|point| (point.attributes, number(point.value)))
                .collect()
        }
        Some(Data::Sum(sum)) => {
            let points = sum.data_points.into_iter();
            points
                .map(|point| (point.attributes, number(point.value)))
                .collect()
        }
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.into_iter();
            let count = |count| f64::from(u32::try_from(count).unwrap());
            points
                .map(|point| (point.attributes, count(point.count)))
                .collect()
        }
        other => panic!("a metric of another kind: {other:?}"),
    };
    let named = values.into_iter();
    named
        .map(|(given, value)| Point {
            metric: metric.name.clone(),
            attributes: attributes(given),
            value,
        })
        .collect()
}

struct Traces(watch::Sender<Vec<Span>>, Texts);

#[async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        self.1.add(&request);
        let mut received = Vec::new();
        for resource_spans in request.resource_spans {
            let resource = attributes(resource_spans.resource.unwrap_or_default().attributes);
            let service = resource.get("service.name").cloned().unwrap_or_default();
            let spans = resource_spans
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            received.extend(spans.map(|span| convert(span, service.clone())));
        }
        self.0.send_modify(|spans| spans.append(&mut received));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn convert(span: ProtoSpan, service: String) -> Span {
    Span {
        service,
        trace_id: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        name: span.name,
        attributes: attributes(span.attributes),
        failed: span
            .status
            .is_some_and(|status| status.code() == StatusCode::Error),
        start: span.start_time_unix_nano,
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |pair: KeyValue| match pair.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => (pair.key, text),
        Some(Value::BoolValue(value)) => (pair.key, value.to_string()),
        Some(Value::IntValue(value)) => (pair.key, value.to_string()),
        Some(Value::DoubleValue(value)) => (pair.key, value.to_string()),
        other => (pair.key, format!("{other:?}")),
    };
    pairs.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
