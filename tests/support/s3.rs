//! An S3-compatible server in the test's process: `s3s` with files behind it. It checks signatures, and can
//! be away for a while.

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use meetingcast::{config::RecordingConfig, redacted::Redacted};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::{net::TcpListener, task::JoinSet};

pub const BUCKET: &str = "recordings";
const KEY: &str = "key";
const SECRET: &str = "hush-0123456789";

/// The server; it goes away when dropped.
pub struct S3 {
    pub address: SocketAddr,
    folder: PathBuf,
    running: tokio::task::JoinHandle<()>,
}

impl S3 {
    /// On a free port, its objects under `folder`.
    pub async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        Self::listen("127.0.0.1:0".parse().unwrap(), folder.to_owned()).await
    }

    async fn listen(address: SocketAddr, folder: PathBuf) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(&folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let running = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, folder, running }
    }

    /// Nobody listens any more; what was stored stays.
    pub async fn go_away(&mut self) {
        self.running.abort();
        let _ = (&mut self.running).await;
    }

    /// Back at the same address.
    pub async fn come_back(&mut self) {
        *self = Self::listen(self.address, self.folder.clone()).await;
    }

    /// How to reach it.
    pub fn config(&self, prefix: &str) -> RecordingConfig {
        RecordingConfig {
            store: format!("s3://{BUCKET}/{prefix}"),
            s3_endpoint: format!("http://{}", self.address),
            s3_access_key_id: KEY.to_owned(),
            s3_secret_access_key: Redacted::new(SECRET.to_owned()),
            s3_allow_http: true,
            ..RecordingConfig::default()
        }
    }

    /// The objects' keys.
    pub fn objects(&self) -> Vec<String> {
        let root = self.folder.join(BUCKET);
        let (mut folders, mut found) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.running.abort();
    }
}
