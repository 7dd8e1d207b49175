//! Certificates, and clients that show them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Issues certificates that those trust who trust its own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// For a name or, with a colon, a URI.
    pub(crate) fn issue(&self, identity: &str) -> Issued {
        self.sign(&Self::params(identity))
    }

    /// One that was good until years ago.
    pub(crate) fn issue_expired(&self, identity: &str) -> Issued {
        let mut params = Self::params(identity);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn params(identity: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let identity_text = identity.try_into().unwrap();
        params.subject_alt_names.push(if identity.contains(':') {
            SanType::URI(identity_text)
        } else {
            SanType::DnsName(identity_text)
        });
        params
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// The files that a server is told of.
pub(crate) struct Files(TempDir);

impl Files {
    /// With a certificate for localhost.
    pub(crate) fn new(authority: &Authority) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew(authority);
        files
    }

    /// Another certificate for localhost.
    pub(crate) fn renew(&self, authority: &Authority) {
        let issued = authority.issue("localhost");
        self.write("certificate", &issued.certificate);
        self.write("key", &issued.key);
    }

    /// Puts a file in the place of an older one, at once.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let fresh = self.path("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::join(self.0.path(), name)
    }

    /// The options for these, each an option's name and a file's.
    pub(crate) fn options(&self, options: &[(&str, &str)]) -> Vec<String> {
        let own = [("tls-certificate", "certificate"), ("tls-key", "key")];
        let all = own.iter().chain(options);
        all.map(|(option, name)| format!("--{option}={}", self.path(name).display()))
            .collect()
    }
}

/// A connection to a server that `authority` vouches for, which shows a certificate or none.
pub(crate) async fn connect(
    address: SocketAddr,
    authority: &Authority,
    shown: Option<&Issued>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .domain_name("localhost");
    if let Some(Issued { certificate, key }) = shown {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}"))?;
    endpoint.tls_config(tls)?.connect().await
}
