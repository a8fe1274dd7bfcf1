//! TLS around the socket: SNI, the system's roots and the operator's own.

use super::failure::Failure;
use crate::egress::rtmp::url::RtmpUrl;
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// Makes TLS connections. The certificates are read when the first one is wanted.
pub(super) struct Tls {
    extra_ca_file: Option<PathBuf>,
    connector: Option<TlsConnector>,
}

impl Tls {
    /// `extra_ca_file`: PEM certificates trusted beside the system's; empty for none.
    pub(super) fn new(extra_ca_file: &str) -> Self {
        let extra_ca_file = (!extra_ca_file.is_empty()).then(|| extra_ca_file.into());
        Self { extra_ca_file, connector: None }
    }

    /// The TLS handshake, within `limit`.
    pub(super) async fn connect(
        &mut self,
        url: &RtmpUrl,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let host = url.host().to_owned();
        let connector = self.connector().await?;
        let name = ServerName::try_from(host.clone()).map_err(|_| Failure::Certificate {
            host: host.clone(),
            problem: "its name cannot be one".into(),
        })?;
        match timeout(limit, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) => Err(explain(host, url.port(), source)),
            Err(_) => Err(Failure::TlsTimeout { host, port: url.port(), limit }),
        }
    }

    async fn connector(&mut self) -> Result<TlsConnector, Failure> {
        if let Some(connector) = &self.connector {
            return Ok(connector.clone());
        }
        let file = self.extra_ca_file.clone();
        let roots = tokio::task::spawn_blocking(move || roots(file)).await;
        // A panic while reading: nothing is trusted then.
        let roots = roots.unwrap_or_else(|error| Err(Failure::Roots(io::Error::other(error))))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Roots(io::Error::other(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        self.connector = Some(connector.clone());
        Ok(connector)
    }
}

/// Reads PEM certificates that are trusted.
///
/// # Errors
/// A sentence, when the file cannot be read or holds no certificate.
pub(crate) fn read_ca_file(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, io::Error> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(io::Error::other)?.collect();
    let certificates = certificates.map_err(io::Error::other)?;
    if certificates.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no PEM certificate"));
    }
    Ok(certificates)
}

fn roots(extra: Option<PathBuf>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = extra {
        for certificate in read_ca_file(&path).map_err(|source| Failure::ExtraCa { path, source })? {
            roots.add(certificate).map_err(|error| Failure::Roots(io::Error::other(error)))?;
        }
    }
    if roots.is_empty() {
        let why = "the system has none: install ca-certificates or set rtmp.extra_ca_file";
        return Err(Failure::Roots(io::Error::new(io::ErrorKind::NotFound, why)));
    }
    Ok(roots)
}

/// What went wrong in a handshake, for people.
fn explain(host: String, port: u16, source: io::Error) -> Failure {
    let cause = source.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let certificate = |problem: String| Failure::Certificate { host: host.clone(), problem };
    match cause {
        Some(rustls::Error::InvalidCertificate(error)) => certificate(match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "it has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; is the clock of this machine right?".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its issuer is not known here; if it is your own, name its certificate in rtmp.extra_ca_file"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it was issued for another name".to_owned()
            }
            // An issuer of that name is trusted, with another key.
            CertificateError::BadSignature => {
                "its signature is not that of the issuer known here; has your own CA changed its key?"
                    .to_owned()
            }
            CertificateError::Revoked => "it was revoked".to_owned(),
            other => other.to_string(),
        }),
        Some(rustls::Error::InvalidMessage(_)) => Failure::NotTls { host, port },
        _ => Failure::Tls { host, port, source },
    }
}
