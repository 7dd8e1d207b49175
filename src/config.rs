//! Every option and environment variable, parsed and checked once.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use clap::{
    CommandFactory as _, Parser, Subcommand,
    builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser as _},
    error::{ContextKind, ContextValue},
};
use secrecy::{ExposeSecret as _, SecretString};
use tracing_subscriber::EnvFilter;

use crate::{
    publish::EventFormat,
    telemetry::{LogFormat, TelemetryConfig},
};

mod connections;
mod credentials;
mod limits;
mod token;

pub use connections::{Authentication, Connections, Exposed};
pub use credentials::Credentials;
pub use limits::Limits;
pub use token::{NewToken, TokenCommand};

/// Longest time that most options take.
const DAY: Duration = Duration::from_hours(24);
/// Longest time that others take.
const YEAR: Duration = Duration::from_hours(8_760);
/// Longest time that an option takes.
const DECADE: Duration = Duration::from_hours(87_600);
/// Most characters of an id that a caller gives.
const MAX_ID_LENGTH: usize = 255;
/// Most characters of the name of a stream.
const MAX_STREAM_NAME_LENGTH: usize = 100;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "A checkout service: from cart to paid order over gRPC",
    after_help = "Options go before or after the command. One that is given goes before its environment variable.\n\
        A TIME is a whole number and a unit: ms, s, m, h or d.\n\
        Exit codes: 0 done, 1 failed, 64 options that cannot be used, 69 database out of reach."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// With which options.
    #[command(flatten)]
    pub config: Config,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve gRPC until SIGTERM or SIGINT; this is what is done without a command
    Serve,
    /// Walk through a checkout in a throw-away shop with sample data
    Demo,
    /// Bring the tables of the database up to date
    Migrate,
    /// Create or replace what a YAML file describes: settings, products and coupons
    Import {
        /// The file, such as examples/store.yaml
        file: PathBuf,
    },
    /// Erase what is known of a customer but for what taxes and accounts need: see docs/privacy.md
    EraseCustomer {
        /// The id of the customer, as carts and orders have it
        #[arg(value_parser = customer_id)]
        id: String,
    },
    /// Print a new line for the file of --session-keys
    SessionKey,
    /// Create, list or revoke API tokens, by which services of the shop prove who they are
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print who has changed what of the shop, as lines of JSON, oldest first
    Audit {
        /// From this time on, such as 2026-11-23T18:00:00Z; none: from the beginning
        #[arg(long, value_name = "TIMESTAMP")]
        since: Option<DateTime<Utc>>,
        /// At most so many entries; none: all
        #[arg(long, value_name = "NUMBER")]
        limit: Option<u64>,
    },
    /// Ask the service at the address of --listen whether it serves; exit 1 if not
    Healthcheck,
}

/// All options. Each has its environment variable.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help shows")]
pub struct Config {
    /// Where to listen; port 0 takes a free one
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_LISTEN",
        value_name = "HOST:PORT"
    )]
    #[arg(default_value = "127.0.0.1:50051", value_parser = address)]
    pub listen: String,

    /// Who is let in, and how.
    #[command(flatten)]
    pub connections: Connections,

    /// What callers are known by.
    #[command(flatten)]
    pub credentials: Credentials,

    /// Database: sqlite://PATH?mode=rwc or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    #[arg(default_value = "sqlite://cartwright.db?mode=rwc", value_parser = database_url)]
    pub database_url: SecretString,

    /// Connections to the database, 1 to 1000
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_DATABASE_MAX_CONNECTIONS",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_max_connections: u32,

    /// Redis that replicas share carriers' quotes and callers' limits in, and that events can be published to:
    /// redis://USER:PASSWORD@HOST:PORT or, for a cluster, redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT with some of its
    /// nodes; none: each keeps its own
    #[arg(
        long,
        global = true,
        env = "REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    #[arg(value_parser = redis_url)]
    pub redis_url: Option<SecretString>,

    /// How long a shipping quote of the store's own methods holds, 1s to 24h
    #[arg(long, global = true, env = "CARTWRIGHT_QUOTE_TTL", value_name = "TIME")]
    #[arg(default_value = "10m", value_parser = seconds_to_day)]
    pub quote_ttl: Duration,

    /// Longest wait for the carriers of a checkout, 100ms to 30s; those that have not answered are left out
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_QUOTE_TIMEOUT",
        value_name = "TIME"
    )]
    #[arg(default_value = "5s", value_parser = quote_timeout)]
    pub quote_timeout: Duration,

    /// Remote catalog: http:// or https:// of a gRPC server with cartwright.v1.CatalogService; none: the built-in one
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_CATALOG_URL",
        value_name = "URL"
    )]
    #[arg(value_parser = catalog_url)]
    pub catalog_url: Option<String>,

    /// How long a product of the remote catalog is used before it is asked for again, 1s to 24h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_CATALOG_TTL",
        value_name = "TIME"
    )]
    #[arg(default_value = "30s", value_parser = seconds_to_day)]
    pub catalog_ttl: Duration,

    /// Longest wait for the remote catalog, 1ms to 24h; then products are used as they were last read
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_CATALOG_TIMEOUT",
        value_name = "TIME"
    )]
    #[arg(default_value = "2s", value_parser = millis_to_day)]
    pub catalog_timeout: Duration,

    /// How long after its time a cart that has expired, was deleted or paid still tells so, 1s to 8760h; then it is purged
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_PURGE_AFTER",
        value_name = "TIME"
    )]
    #[arg(default_value = "720h", value_parser = seconds_to_year)]
    pub purge_after: Duration,

    /// How long events are kept for those who read them late, 1s to 8760h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_EVENT_RETENTION",
        value_name = "TIME"
    )]
    #[arg(default_value = "168h", value_parser = seconds_to_year)]
    pub event_retention: Duration,

    /// How long entries of the audit log are kept, 1s to 3650d
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_AUDIT_RETENTION",
        value_name = "TIME"
    )]
    #[arg(default_value = "8760h", value_parser = seconds_to_decade)]
    pub audit_retention: Duration,

    /// Stream of the Redis of --redis-url to which events are published, 1 to 100 letters, digits and .:_-; none: nowhere
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_EVENTS_REDIS_STREAM",
        value_name = "NAME"
    )]
    #[arg(requires = "redis_url", value_parser = stream_name)]
    pub events_redis_stream: Option<String>,

    /// How published events are written: as CloudEvents in JSON or Protocol Buffers
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_EVENTS_FORMAT",
        value_name = "FORMAT"
    )]
    #[arg(default_value = "json", value_parser = event_format())]
    pub events_format: EventFormat,

    /// About how many events the stream keeps, 1 to 4294967295
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_EVENTS_REDIS_MAX_LENGTH",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub events_redis_max_length: u32,

    /// How long nobody has changed a cart with an e-mail address when it is told to be abandoned, 1s to 8760h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_ABANDONED_AFTER",
        value_name = "TIME"
    )]
    #[arg(default_value = "1h", value_parser = seconds_to_year)]
    pub abandoned_after: Duration,

    /// Set up the sample shop if the database has no shop yet
    #[arg(long, global = true, env = "CARTWRIGHT_DEMO_STORE", value_parser = BoolishValueParser::new())]
    pub demo_store: bool,

    /// Calls in progress at a time, 1 to 65535; more are refused with RESOURCE_EXHAUSTED
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_MAX_IN_FLIGHT",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_in_flight: u16,

    /// How far callers may go.
    #[command(flatten)]
    pub limits: Limits,

    /// Longest time for a call, 1ms to 24h, also where the caller's deadline is later
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_REQUEST_TIMEOUT",
        value_name = "TIME"
    )]
    #[arg(default_value = "30s", value_parser = millis_to_day)]
    pub request_timeout: Duration,

    /// On SIGTERM: time to be NOT_SERVING, and yet serve, for load balancers to notice, 0s to 24h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_DRAIN_WAIT",
        value_name = "TIME"
    )]
    #[arg(default_value = "0s", value_parser = time)]
    pub drain_wait: Duration,

    /// Then: longest time for calls in progress to end, 0s to 24h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_DRAIN_TIMEOUT",
        value_name = "TIME"
    )]
    #[arg(default_value = "25s", value_parser = time)]
    pub drain_timeout: Duration,

    /// OpenTelemetry collector for traces and metrics, http://HOST:4317 (OTLP over gRPC); none: neither
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL"
    )]
    #[arg(value_parser = otlp_endpoint)]
    pub otlp_endpoint: Option<String>,

    /// Form of log lines, which go to standard error
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    #[arg(default_value = "text", value_parser = log_format())]
    pub log_format: LogFormat,

    /// What is logged: a level (off, error, warn, info, debug, trace) or directives such as
    /// warn,cartwright=debug; info if nothing is set, warn for demo
    #[arg(long, global = true, env = "CARTWRIGHT_LOG", value_name = "FILTER")]
    #[arg(value_parser = log_filter)]
    pub log: Option<String>,
}

impl Cli {
    /// Reads the command line and the environment.
    ///
    /// The error is what clap has to tell, which may also be the help or the version that was asked for.
    pub fn read() -> Result<Self, clap::Error> {
        Self::try_parse().map_err(explain)
    }
}

impl Config {
    /// How far callers may go, and where they are counted.
    #[must_use]
    pub fn limits(&self) -> crate::limits::Settings {
        crate::limits::Settings {
            token_rate: self.limits.token_rate,
            session_rate: self.limits.session_rate,
            token_calls: u32::from(self.max_in_flight).div_ceil(2),
            wrong_credentials: self.limits.wrong_credentials,
            redis_url: self.redis_url.clone(),
        }
    }

    /// The database's URL without what may be secret, for messages.
    #[must_use]
    pub fn shown_database(&self) -> String {
        without_secrets(self.database_url.expose_secret())
    }

    /// How to log and trace, with `default_log` as what is logged unless it is set.
    #[must_use]
    pub fn telemetry(&self, default_log: &str) -> TelemetryConfig {
        TelemetryConfig {
            service_name: env!("CARGO_PKG_NAME").to_owned(),
            otlp_endpoint: self.otlp_endpoint.clone(),
            log_format: self.log_format,
            log_filter: self.log.as_deref().unwrap_or(default_log).to_owned(),
        }
    }
}

/// Adds the environment variable that the value may have come from, and takes out a value that may be secret:
/// clap names the option alone, and shows every value.
fn explain(mut error: clap::Error) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    let named = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let Some(argument) = command
        .get_arguments()
        .find(|argument| Some(argument.to_string()) == named)
    else {
        return error;
    };
    if argument.is_hide_env_values_set() {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    if let Some(variable) = argument.get_env() {
        let tip = format!("it may be set by {}", variable.display()).into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Keeps scheme, host and path of a URL.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host_and_path = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host_and_path}")
        }
        None => url.to_owned(),
    }
}

fn address(value: &str) -> Result<String, String> {
    match value.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(value.to_owned())
        }
        _ => Err("expected a host and a port, such as 127.0.0.1:50051 or [::]:50051".to_owned()),
    }
}

/// Not that of guests, which is empty.
fn customer_id(value: &str) -> Result<String, String> {
    if !value.trim().is_empty() && value.chars().count() <= MAX_ID_LENGTH {
        return Ok(value.to_owned());
    }
    Err(format!("expected 1 to {MAX_ID_LENGTH} characters"))
}

fn database_url(value: &str) -> Result<SecretString, String> {
    url(value, &["postgres://", "postgresql://", "sqlite:"])
}

fn redis_url(value: &str) -> Result<SecretString, String> {
    match value.strip_prefix("redis-cluster://") {
        Some(nodes) if !is_cluster(nodes) => Err(
            "expected redis-cluster://HOST:PORT,HOST:PORT with USER:PASSWORD@ before the first host, or nothing"
                .to_owned(),
        ),
        _ => url(value, &["redis://", "redis-cluster://"]),
    }
}

/// Whether these are addresses of nodes, after credentials if there are any.
fn is_cluster(nodes: &str) -> bool {
    let addresses = nodes.rsplit_once('@').map_or(nodes, |(_, rest)| rest);
    addresses.split(',').all(|node| address(node).is_ok())
}

fn stream_name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
    let length = 1..=MAX_STREAM_NAME_LENGTH;
    if length.contains(&value.len()) && value.chars().all(allowed) {
        return Ok(value.to_owned());
    }
    Err(format!(
        "expected 1 to {MAX_STREAM_NAME_LENGTH} letters, digits and .:_-"
    ))
}

fn otlp_endpoint(value: &str) -> Result<String, String> {
    url(value, &["http://"]).map(|url| url.expose_secret().to_owned())
}

fn catalog_url(value: &str) -> Result<String, String> {
    url(value, &["http://", "https://"]).map(|url| url.expose_secret().to_owned())
}

fn url(value: &str, beginnings: &[&str]) -> Result<SecretString, String> {
    if beginnings.iter().any(|it| value.starts_with(it)) {
        return Ok(value.into());
    }
    Err(format!(
        "expected a URL that begins with {}",
        beginnings.join(" or ")
    ))
}

fn seconds_to_day(value: &str) -> Result<Duration, String> {
    time_in(Duration::from_secs(1)..=DAY, value)
}

fn seconds_to_year(value: &str) -> Result<Duration, String> {
    time_in(Duration::from_secs(1)..=YEAR, value)
}

fn seconds_to_decade(value: &str) -> Result<Duration, String> {
    time_in(Duration::from_secs(1)..=DECADE, value)
}

fn quote_timeout(value: &str) -> Result<Duration, String> {
    time_in(Duration::from_millis(100)..=Duration::from_secs(30), value)
}

fn millis_to_day(value: &str) -> Result<Duration, String> {
    time_in(Duration::from_millis(1)..=DAY, value)
}

fn time(value: &str) -> Result<Duration, String> {
    time_in(Duration::ZERO..=DAY, value)
}

/// A whole number and a unit.
fn time_in(range: RangeInclusive<Duration>, value: &str) -> Result<Duration, String> {
    let digits = value.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = value.strip_prefix(digits).unwrap_or_default();
    let number = digits.parse::<u32>().ok();
    let time = number.and_then(|number| match unit {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_mins(number.into())),
        "h" => Some(Duration::from_hours(number.into())),
        "d" => u64::from(number).checked_mul(24).map(Duration::from_hours),
        _ => None,
    });
    time.filter(|time| range.contains(time)).ok_or_else(|| {
        let most = match *range.end() {
            DAY => "24h".to_owned(),
            YEAR => "8760h".to_owned(),
            DECADE => "3650d".to_owned(),
            most => format!("{most:?}"),
        };
        let least = range.start();
        format!(
            "expected a whole number and a unit (ms, s, m, h or d), such as 30s, from {least:?} to {most}"
        )
    })
}

fn log_format() -> impl clap::builder::TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(["text", "json"]).map(|name| match name.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    })
}

fn event_format() -> impl clap::builder::TypedValueParser<Value = EventFormat> {
    PossibleValuesParser::new(["json", "protobuf"]).map(|name| match name.as_str() {
        "protobuf" => EventFormat::Protobuf,
        _ => EventFormat::Json,
    })
}

fn log_filter(value: &str) -> Result<String, String> {
    match EnvFilter::try_new(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => {
            Err("expected a level (off, error, warn, info, debug, trace) or directives such as warn,cartwright=debug"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
