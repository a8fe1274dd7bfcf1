//! The remote store of finished recordings: an S3-compatible service behind `object_store`.

use crate::config::{RecordingConfig, recording::RecordingStore};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig,
    WriteMultipart,
    aws::AmazonS3Builder,
    path::{Path as Key, PathPart},
};
use std::{fmt, io, ops::Range, path::Path, sync::Arc, time::Duration};
use tokio::io::AsyncReadExt;

/// Size of an upload's parts; two are on their way at a time. S3 asks for 5 MiB at least.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// S3 takes 10000 parts of an object; larger files get larger parts.
const MAX_PARTS: u64 = 9000;
/// A request that gets no answer for so long is given up: a part at 1 Mbit/s takes 67 s.
const PATIENCE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(5);
/// How long a single request is tried again by `object_store`; the library's own tries go on for ever.
const RETRY: Duration = Duration::from_secs(10);

/// Where finished recordings go. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    name: Arc<str>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("the settings of recording.store cannot be used")]
    Settings(#[source] object_store::Error),
    #[error("the recordings' store did not do it")]
    Store(#[from] object_store::Error),
    #[error("the recording's file cannot be read")]
    File(#[from] io::Error),
    #[error("the store has {found} of the recording's {expected} bytes")]
    Short { found: u64, expected: u64 },
}

impl RemoteError {
    /// A sentence without a URL in it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Settings(error) | Self::Store(error) => match error {
                object_store::Error::NotFound { .. } => {
                    "the recordings' store has no such bucket or file".to_owned()
                }
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => {
                    "the recordings' store refuses our key".to_owned()
                }
                _ => "the recordings' store does not answer as it should".to_owned(),
            },
            Self::File(error) => super::output::sentence("the recording cannot be read", error),
            Self::Short { .. } => self.to_string(),
        }
    }
}

impl Remote {
    /// The store that the configuration names, if it is a remote one.
    ///
    /// # Errors
    /// When the settings contradict each other.
    pub fn from_config(config: &RecordingConfig) -> Result<Option<Self>, RemoteError> {
        let RecordingStore::S3 { bucket, prefix } = config.place() else { return Ok(None) };
        // reqwest takes the process's provider; it is there already when this is not the first store.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let options = ClientOptions::new()
            .with_allow_http(config.s3_allow_http)
            .with_connect_timeout(CONNECT)
            // A download lasts as long as its reader wants.
            .with_timeout_disabled()
            .with_read_timeout(PATIENCE);
        let retry = RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() },
            max_retries: 5,
            retry_timeout: RETRY,
        };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(retry)
            .with_bucket_name(&bucket)
            .with_region(&config.s3_region)
            .with_allow_http(config.s3_allow_http);
        if !config.s3_endpoint.is_empty() {
            builder = builder.with_endpoint(config.s3_endpoint.trim_end_matches('/'));
        }
        if !config.s3_access_key_id.is_empty() {
            builder = builder
                .with_access_key_id(&config.s3_access_key_id)
                .with_secret_access_key(config.s3_secret_access_key.expose());
        }
        let store = builder.build().map_err(RemoteError::Settings)?;
        Ok(Some(Self::new(Arc::new(store), &prefix, &config.store)))
    }

    /// Any store; `name` is what the API calls it.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, name: &str) -> Self {
        Self { store, prefix: Key::from(prefix), name: name.into() }
    }

    /// As in `recording.store`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn key(&self, parts: [&str; 3]) -> Key {
        self.prefix.parts().chain(parts.iter().map(|part| PathPart::from(*part))).collect()
    }

    /// Copies a local file there, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be read or the store does not take it.
    pub async fn upload(&self, file: &Path, to: [&str; 3]) -> Result<(), RemoteError> {
        let key = self.key(to);
        let mut file = tokio::fs::File::open(file).await?;
        let length = file.metadata().await?.len();
        if length <= PART_BYTES {
            let mut bytes = Vec::with_capacity(length as usize);
            file.read_to_end(&mut bytes).await?;
            self.store.put(&key, bytes.into()).await?;
        } else {
            let part = PART_BYTES.max(length.div_ceil(MAX_PARTS)) as usize;
            let upload = self.store.put_multipart(&key).await?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
            if let Err(error) = copy(&mut file, &mut upload, part).await {
                // What it holds costs money until it is gone; a store that is away keeps it.
                let _ = upload.abort().await;
                return Err(error);
            }
            upload.finish().await?;
        }
        let found = self.store.head(&key).await?.size;
        if found == length { Ok(()) } else { Err(RemoteError::Short { found, expected: length }) }
    }

    /// Some bytes of a file there.
    ///
    /// # Errors
    /// When the store does not give them.
    pub async fn read(
        &self,
        from: [&str; 3],
        range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, RemoteError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&self.key(from), options).await?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    /// Removes a file there; one that is not there is fine.
    ///
    /// # Errors
    /// When the store does not do it.
    pub async fn delete(&self, what: [&str; 3]) -> Result<(), RemoteError> {
        match self.store.delete(&self.key(what)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn copy(
    file: &mut tokio::fs::File,
    upload: &mut WriteMultipart,
    part: usize,
) -> Result<(), RemoteError> {
    loop {
        upload.wait_for_capacity(2).await?;
        let mut bytes = bytes::BytesMut::with_capacity(part);
        while bytes.len() < part && file.read_buf(&mut bytes).await? > 0 {}
        if bytes.is_empty() {
            return Ok(());
        }
        upload.put(bytes.freeze());
    }
}
