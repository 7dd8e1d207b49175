//! Who is at the other end of a connection.

use std::net::SocketAddr;

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Who is at the other end of the connection that a call came by. Each request has it in its extensions, in an
/// [`Arc`](std::sync::Arc).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The client's address, or that of a proxy before it.
    pub address: SocketAddr,
    /// What it has shown of itself.
    pub certificate: ClientCertificate,
}

/// The certificate of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificate {
    /// None was asked for: there is no `--tls-client-ca`.
    NotAsked,
    /// One is demanded, and none was shown. Only health may be told.
    Missing,
    /// One that is valid.
    Shown {
        /// The URIs and then the DNS names that it is for.
        identities: Vec<String>,
    },
}

impl Peer {
    /// What the client's certificate says that it is; empty without one.
    #[must_use]
    pub fn identities(&self) -> &[String] {
        match &self.certificate {
            ClientCertificate::Shown { identities } => identities,
            ClientCertificate::NotAsked | ClientCertificate::Missing => &[],
        }
    }
}

/// The URIs and then the DNS names of the alternative names of a certificate, which was verified.
pub(super) fn identities_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let uris = certificate.valid_uri_names();
    let names = uris.chain(certificate.valid_dns_names());
    names.map(str::to_owned).collect()
}
