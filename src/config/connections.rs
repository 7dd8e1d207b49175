//! Options of who is let in, and how.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};

use super::seconds_to_day;
use crate::serve::TlsFiles;

/// Whether callers have to say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// All but health and reflection is only for those who are known.
    Required,
    /// Everybody may do everything.
    Off,
}

/// Why an address is not listened at. The messages tell the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exposed {
    /// Everybody could do everything.
    #[error(
        "others can reach {0}, so say who may call: --authentication required (CARTWRIGHT_AUTHENTICATION), or off for everybody"
    )]
    Authentication(SocketAddr),
    /// Everybody on the way could read and change everything.
    #[error(
        "others can reach {0}, so set --tls-certificate and --tls-key (CARTWRIGHT_TLS_CERTIFICATE, CARTWRIGHT_TLS_KEY), \
        or --plaintext (CARTWRIGHT_PLAINTEXT) where something before it speaks TLS"
    )]
    Plaintext(SocketAddr),
}

/// Who is let in, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Connections {
    /// Whether callers have to say who they are; off lets everybody do everything, and is the default where only this machine
    /// can call. Elsewhere it has to be given
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_AUTHENTICATION",
        value_name = "WHETHER"
    )]
    #[arg(value_parser = authentication())]
    pub authentication: Option<Authentication>,

    /// Serve without TLS also where other machines can call
    #[arg(long, global = true, env = "CARTWRIGHT_PLAINTEXT", value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with = "tls_certificate")]
    pub plaintext: bool,

    /// Certificate to serve TLS with, in PEM, and those between it and its authority; looked at again every few seconds
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_TLS_CERTIFICATE",
        value_name = "FILE"
    )]
    #[arg(requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, in PEM; looked at again, too
    #[arg(long, global = true, env = "CARTWRIGHT_TLS_KEY", value_name = "FILE")]
    #[arg(requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// Authorities, in PEM, by which clients must show a certificate for all but health; looked at again, too
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_TLS_CLIENT_CA",
        value_name = "FILE"
    )]
    #[arg(requires = "tls_certificate")]
    pub tls_client_ca: Option<PathBuf>,

    /// What clients may do by their certificates: a list of identity, scopes and channels in YAML; looked at again, too
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_TLS_CLIENT_IDENTITIES",
        value_name = "FILE"
    )]
    #[arg(requires = "tls_client_ca")]
    pub tls_client_identities: Option<PathBuf>,

    /// Connections at a time, 1 to 1000000; one more is closed at once
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_MAX_CONNECTIONS",
        value_name = "NUMBER"
    )]
    #[arg(default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// How long a connection stays open without a call in progress, 1s to 24h
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_IDLE_TIMEOUT",
        value_name = "TIME"
    )]
    #[arg(default_value = "5m", value_parser = seconds_to_day)]
    pub idle_timeout: Duration,
}

impl Connections {
    /// Whether callers have to say who they are.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        self.authentication.unwrap_or(Authentication::Off)
    }

    /// The files of TLS, if it is to be served.
    #[must_use]
    pub fn tls_files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
            client_ca: self.tls_client_ca.clone(),
            client_identities: self.tls_client_identities.clone(),
        })
    }

    /// Refuses addresses that others can reach, unless it was said who may call, and how they are kept from being listened to.
    pub fn check_exposure(&self, listen: SocketAddr) -> Result<(), Exposed> {
        if listen.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if self.authentication.is_none() {
            return Err(Exposed::Authentication(listen));
        }
        if self.tls_certificate.is_none() && !self.plaintext {
            return Err(Exposed::Plaintext(listen));
        }
        Ok(())
    }
}

fn authentication() -> impl TypedValueParser<Value = Authentication> {
    PossibleValuesParser::new(["required", "off"]).map(|name| match name.as_str() {
        "off" => Authentication::Off,
        _ => Authentication::Required,
    })
}
