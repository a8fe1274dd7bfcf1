//! Logs and metrics: installed once, by the binary.

use crate::config::{LogConfig, LogFormat};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError, util::TryInitError};

/// Upper bounds of the histograms of times, seconds: from a read of memory to the longest start.
const SECONDS_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 10.0, 30.0];

/// Logs or metrics could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log.filter is not a tracing filter")]
    Filter(#[source] ParseError),
    #[error("installing the log failed")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("installing the metrics failed")]
    Metrics(#[source] BuildError),
}

/// Writes log lines to standard error from now on, as `[log]` says.
///
/// # Errors
/// A bad filter, or a second call in one process.
pub fn init_log(config: &LogConfig) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = EnvFilter::try_new(&config.filter).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed: Result<(), TryInitError> = match config.format {
        LogFormat::Text => {
            lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    installed.map_err(|error| TelemetryError::Log(error.into()))
}

/// A builder with our histograms; [`init_metrics`] installs it, tests take a recorder of their own.
///
/// # Errors
/// Never with these buckets; the library checks that they are not empty.
pub fn metrics_builder() -> Result<PrometheusBuilder, TelemetryError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .map_err(TelemetryError::Metrics)
}

/// Counts from now on; the handle renders what `/metrics` shows. Its `run_upkeep` must be called
/// now and then (`control::serve` does), or histograms grow with every sample.
///
/// # Errors
/// A second call in one process.
pub fn init_metrics() -> Result<PrometheusHandle, TelemetryError> {
    metrics_builder()?.install_recorder().map_err(TelemetryError::Metrics)
}
