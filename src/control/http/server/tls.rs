//! The server's certificate: read at the start, and again when its files change.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio_rustls::rustls::{
    self, InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A chain has a few kilobytes; what is longer is another file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// HTTP/2 in ALPN (RFC 9113 §3.2).
pub(super) const H2: &[u8] = b"h2";
/// HTTP/1.1 in ALPN (RFC 7301 §6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("reading {} failed: {source}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is longer than 1 MiB", file.display())]
    TooLong { file: PathBuf },
    #[error("{} holds no PEM certificate", file.display())]
    NoCertificate { file: PathBuf },
    #[error("{} is damaged: {detail}", file.display())]
    Damaged { file: PathBuf, detail: String },
    #[error("{} holds no PEM private key (PKCS #8, PKCS #1 or SEC 1, without a passphrase)", file.display())]
    NoKey { file: PathBuf },
    #[error("the key in {} is not that of the certificate in {}", key.display(), cert.display())]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate in {} with the key in {} cannot be used: {source}", cert.display(), key.display())]
    Unusable {
        cert: PathBuf,
        key: PathBuf,
        #[source]
        source: rustls::Error,
    },
}

/// The two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those of its issuers behind it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Reads them; the key must be that of the certificate. Blocks.
    ///
    /// # Errors
    /// [`CertificateError`], a sentence for the operator.
    pub fn read(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        let Self { cert, key } = self;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert)?).collect();
        let chain = chain
            .map_err(|error| CertificateError::Damaged { file: cert.clone(), detail: error.to_string() })?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate { file: cert.clone() });
        }
        // What is wrong with a key is not repeated: the cause may hold a piece of it.
        let private = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|_| CertificateError::NoKey { file: key.clone() })?;
        let read = CertifiedKey::from_der(chain, private, &ring::default_provider());
        read.map(Arc::new).map_err(|source| match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch { cert: cert.clone(), key: key.clone() }
            }
            source => CertificateError::Unusable { cert: cert.clone(), key: key.clone(), source },
        })
    }

    /// What tells a changed file from an unchanged one.
    fn stamp(&self) -> [Option<Stamp>; 2] {
        // Through symbolic links: certbot and Kubernetes replace those.
        let stamp = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some(Stamp {
                modified: found.modified().ok(),
                len: found.len(),
                inode: (found.dev(), found.ino()),
            })
        };
        [stamp(&self.cert), stamp(&self.key)]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: (u64, u64),
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| CertificateError::Read { file: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(CertificateError::TooLong { file: path.to_owned() });
    }
    Ok(bytes)
}

/// The certificate that new handshakes get. Connections that stand keep theirs.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Only whole values are ever put there.
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Reads the files again when they change.
pub struct Reloader {
    files: CertificateFiles,
    current: Arc<Current>,
    /// What was read or tried last.
    known: [Option<Stamp>; 2],
}

/// What a server needs for TLS, and what keeps it up to date while it runs ([`Reloader::run`]).
///
/// # Errors
/// [`CertificateError`]
pub async fn load(files: CertificateFiles) -> Result<(Arc<ServerConfig>, Reloader), CertificateError> {
    // Before the files are read: what changes in between is seen.
    let (known, read) = look(files.clone(), true).await;
    // `look` reads when it is told to; a panic while reading is none of the file's faults, yet as fatal.
    let certificate =
        read.unwrap_or_else(|| Err(CertificateError::NoCertificate { file: files.cert.clone() }))?;
    let current = Arc::new(Current(RwLock::new(certificate)));
    let unusable =
        |source| CertificateError::Unusable { cert: files.cert.clone(), key: files.key.clone(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(current.clone());
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Ok((Arc::new(config), Reloader { files, current, known }))
}

type Outcome = Result<Arc<CertifiedKey>, CertificateError>;

/// The files' stamps, and what is in them if that is wanted; away from the tasks, since disks may hang.
async fn look(files: CertificateFiles, wanted: bool) -> ([Option<Stamp>; 2], Option<Outcome>) {
    let looked = tokio::task::spawn_blocking(move || (files.stamp(), wanted.then(|| files.read()))).await;
    looked.unwrap_or(([None, None], None))
}

impl Reloader {
    /// Looks until it is dropped. A certificate that cannot be used is told of once, and the old one kept.
    pub async fn run(mut self) {
        let mut before = self.known;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (now, _) = look(self.files.clone(), false).await;
            // Two files cannot be replaced at once: they are read when both have been left alone for a while.
            if now != self.known && now == before {
                self.reload().await;
            }
            before = now;
        }
    }

    async fn reload(&mut self) {
        let (stamp, read) = look(self.files.clone(), true).await;
        self.known = stamp;
        match read {
            Some(Ok(certificate)) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
                tracing::info!(cert = %self.files.cert.display(), "certificate reloaded");
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
            }
            None => {}
        }
    }
}
