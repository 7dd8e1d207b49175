//! TLS by rustls. Its files are looked at again and again, so that certificates are renewed without a restart.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::{net::TcpStream, sync::watch, task::spawn_blocking, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
        server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
    server::TlsStream,
};
use tokio_util::sync::CancellationToken;

use super::{
    ClientCertificate,
    identities::{self, Identities, IdentityError, Known},
    peer,
};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// What may be spoken inside.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files that TLS is set up by, all but the last in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and the one that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificates by which those of clients have to be signed. None asks for no certificate.
    pub client_ca: Option<PathBuf>,
    /// Who the clients are, in YAML. None knows nobody.
    pub client_identities: Option<PathBuf>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not PEM")]
    Pem { path: PathBuf, source: pem::Error },
    #[error("no certificate is in {0}")]
    NoCertificate(PathBuf),
    #[error("certificate and key cannot be used together")]
    Certificate(#[source] rustls::Error),
    #[error("the certificates of {path} cannot be trusted")]
    ClientCa {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("the certificates of clients cannot be checked")]
    Verifier(#[from] VerifierBuilderError),
    #[error("{path} cannot be used")]
    Identities {
        path: PathBuf,
        source: IdentityError,
    },
    #[error("the files were not read")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What the files say by now.
#[derive(Debug, Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    server: watch::Sender<Arc<ServerConfig>>,
    known: watch::Sender<Known>,
    digest: [u8; 32],
}

/// What is in the files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    client_identities: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files for the first time.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = Contents::read(&files)?;
        let (server, known) = contents.parse(&files)?;
        Ok(Self {
            digest: contents.digest(),
            files: Arc::new(files),
            server: watch::Sender::new(Arc::new(server)),
            known: watch::Sender::new(known),
        })
    }

    /// Who clients are by their certificates. Follows the file.
    #[must_use]
    pub fn identities(&self) -> Identities {
        Identities::new(self.known.subscribe())
    }

    /// Takes over what changes in the files, until `ending`. What cannot be used is told in the log, and changes nothing.
    pub async fn follow(self, ending: CancellationToken) {
        let mut seen = self.digest;
        let mut told = String::new();
        while let Some(()) = ending.run_until_cancelled(sleep(INTERVAL)).await {
            match self.take_over(&mut seen).await {
                Ok(false) => told.clear(),
                Ok(true) => {
                    tracing::info!("the files of TLS have changed: taken over");
                    told.clear();
                }
                // What cannot be read is the same each time.
                Err(error) if error.to_string() == told => {}
                Err(error) => {
                    told = error.to_string();
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(
                        error,
                        "the files of TLS cannot be used: going on with the old ones"
                    );
                }
            }
        }
    }

    /// Whether there is something new, which from now on counts for new connections, and of identities for new calls.
    async fn take_over(&self, seen: &mut [u8; 32]) -> Result<bool, TlsError> {
        let files = Arc::clone(&self.files);
        let contents = spawn_blocking(move || Contents::read(&files)).await??;
        let digest = contents.digest();
        if digest == *seen {
            return Ok(false);
        }
        *seen = digest;
        let (server, known) = contents.parse(&self.files)?;
        self.server.send_replace(Arc::new(server));
        self.known.send_replace(known);
        Ok(true)
    }

    /// Agrees with a client upon TLS. Answers what it has shown of itself, too.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, ClientCertificate)> {
        let server = Arc::clone(&self.server.borrow());
        let stream = TlsAcceptor::from(server).accept(stream).await?;
        let (_, session) = stream.get_ref();
        let certificate = match session.peer_certificates() {
            Some([own, ..]) => ClientCertificate::Shown {
                identities: peer::identities_of(own),
            },
            _ if self.files.client_ca.is_some() => ClientCertificate::Missing,
            _ => ClientCertificate::NotAsked,
        };
        Ok((stream, certificate))
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read_some = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: read_some(&files.client_ca)?,
            client_identities: read_some(&files.client_identities)?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let optional = [&self.client_ca, &self.client_identities].map(Option::as_deref);
        let [ca, identities] = optional.map(Option::unwrap_or_default);
        let mut digest = Sha256::new();
        for part in [&self.certificate, &self.key, ca, identities] {
            digest.update(Sha256::digest(part));
        }
        digest.finalize().into()
    }

    fn parse(&self, files: &TlsFiles) -> Result<(ServerConfig, Known), TlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = match (&self.client_ca, &files.client_ca) {
            (Some(pem), Some(path)) => client_verifier(pem, path, &provider)?,
            _ => WebPkiClientVerifier::no_client_auth(),
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| TlsError::Pem {
            path: files.key.clone(),
            source,
        })?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Certificate)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate, &files.certificate)?, key)
            .map_err(TlsError::Certificate)?;
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();

        let known =
            match (&self.client_identities, &files.client_identities) {
                (Some(yaml), Some(path)) => identities::parse(&String::from_utf8_lossy(yaml))
                    .map_err(|source| TlsError::Identities {
                        path: path.clone(),
                        source,
                    })?,
                _ => Known::default(),
            };
        Ok((server, known))
    }
}

/// Checks certificates of clients by these. One that shows none gets in, as it may ask for health; its calls are refused.
fn client_verifier(
    pem: &[u8],
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, path)? {
        let added = roots.add(certificate);
        added.map_err(|source| TlsError::ClientCa {
            path: path.to_owned(),
            source,
        })?;
    }
    let provider = Arc::clone(provider);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    Ok(verifier.allow_unauthenticated().build()?)
}

/// At least one.
fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|source| TlsError::Pem {
        path: path.to_owned(),
        source,
    })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    /// Puts a certificate of localhost and its key into the files. Answers the key.
    fn renew(files: &TlsFiles) -> String {
        let issued = generate_simple_self_signed(["localhost".to_owned()]);
        let CertifiedKey { cert, signing_key } = issued.unwrap();
        fs::write(&files.certificate, cert.pem()).unwrap();
        fs::write(&files.key, signing_key.serialize_pem()).unwrap();
        signing_key.serialize_pem()
    }

    #[tokio::test]
    async fn files_that_cannot_be_used_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("certificate"),
            key: folder.path().join("key"),
            client_ca: None,
            client_identities: None,
        };
        let old_key = renew(&files);
        let tls = Tls::load(files.clone()).unwrap();
        let server = || Arc::clone(&tls.server.borrow());
        let mut seen = tls.digest;
        let old = server();
        assert!(!tls.take_over(&mut seen).await.unwrap());

        let new_key = renew(&files);
        fs::write(&files.key, &old_key).unwrap();
        let error = tls.take_over(&mut seen).await.unwrap_err();
        assert!(matches!(error, TlsError::Certificate(_)), "{error:?}");
        // That is told once.
        assert!(!tls.take_over(&mut seen).await.unwrap());
        fs::remove_file(&files.key).unwrap();
        let error = tls.take_over(&mut seen).await.unwrap_err();
        assert!(matches!(error, TlsError::Read { .. }), "{error:?}");
        assert!(Arc::ptr_eq(&old, &server()));

        fs::write(&files.key, &new_key).unwrap();
        assert!(tls.take_over(&mut seen).await.unwrap());
        assert!(!Arc::ptr_eq(&old, &server()));
    }
}
