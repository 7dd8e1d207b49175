//! Metrics: what other modules measure by OpenTelemetry's global meter, exported at an interval.

use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};

use super::Error;

/// Exports to the collector at `endpoint`, each minute unless `OTEL_METRIC_EXPORT_INTERVAL` says otherwise. Without one
/// nothing is measured.
pub(super) fn meter_provider(
    endpoint: Option<&str>,
    resource: Resource,
) -> Result<SdkMeterProvider, Error> {
    let provider = SdkMeterProvider::builder().with_resource(resource);
    let Some(endpoint) = endpoint else {
        return Ok(provider.build());
    };
    let exporter = MetricExporter::builder().with_tonic();
    let exporter = exporter.with_endpoint(endpoint).build()?;
    Ok(provider.with_periodic_exporter(exporter).build())
}
