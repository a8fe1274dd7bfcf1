//! TLS and HTTP/2 on real sockets: both versions, what is bounded, and certificates that change.

use super::{
    captured_log,
    harness::Api,
    https_client::{HttpsClient, connect, shown},
    tls_front::{Authority, Identity},
};
use axum::http::StatusCode;
use meetingcast::control::http::server::{
    ConnectionLimits, serve,
    tls::{CertificateFiles, load},
};
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// What a browser offers.
const BOTH: &[&str] = &["h2", "http/1.1"];
const WINDOW: u32 = 65_535;

struct Server {
    address: SocketAddr,
    authority: Authority,
    root: CertificateDer<'static>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    reloading: JoinHandle<()>,
    folder: tempfile::TempDir,
}

fn write(folder: &Path, identity: &Identity) -> CertificateFiles {
    let files = CertificateFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.cert, &identity.cert_pem).unwrap();
    std::fs::write(&files.key, &identity.key_pem).unwrap();
    files
}

impl Server {
    async fn start(change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        let (authority, folder) = (Authority::new("test"), tempfile::tempdir().unwrap());
        let (tls, reloader) = load(write(folder.path(), &authority.issue("localhost"))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut limits = ConnectionLimits::new(64);
        change(&mut limits);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, Some(tls), Api::open().app, limits, async move {
            let _ = stopped.await;
        }));
        let (root, reloading) = (authority.certificate(), tokio::spawn(reloader.run()));
        Self { address, authority, root, stop, task, reloading, folder }
    }

    async fn http2(&self, window: u32) -> HttpsClient {
        HttpsClient::http2(connect(self.address, &self.root, BOTH).await.unwrap(), window).await
    }

    /// The certificate of a new handshake.
    async fn shown(&self) -> Vec<u8> {
        shown(&connect(self.address, &self.root, BOTH).await.unwrap())
    }

    async fn shows(&self, what: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let began = Instant::now();
        loop {
            let shown = self.shown().await;
            if what(&shown) {
                return shown;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the certificate was not reloaded");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn clients_get_the_version_they_prefer() {
    let server = Server::start(|_| {}).await;
    let mut two = server.http2(WINDOW).await;
    for alpn in [&["http/1.1"][..], &[]] {
        let mut one = HttpsClient::http1(connect(server.address, &server.root, alpn).await.unwrap()).await;
        for client in [&mut one, &mut two] {
            let (status, text) = client.get("/healthz").await;
            assert_eq!(status, StatusCode::OK);
            assert!(text.contains("\"status\":\"ok\""), "{text}");
        }
    }
    let long = two.ask_with("/healthz", &[("x-long", &"a".repeat(40_000))]).await.unwrap();
    assert_eq!(long.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(two.get("/healthz").await.0, StatusCode::OK, "the others of the connection go on");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let server = Server::start(|limits| limits.tls_timeout = Duration::from_millis(100)).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    // The end comes from the server; a test that hangs here has found the fault.
    assert_eq!(slow.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_http2_connection_without_requests_ends_and_a_busy_one_does_not() {
    let server = Server::start(|limits| {
        (limits.header_timeout, limits.write_stall) =
            (Duration::from_millis(1500), Duration::from_millis(300));
    })
    .await;
    // Speaks TLS, and then not a word of HTTP/2.
    let mut mute = connect(server.address, &server.root, BOTH).await.unwrap();
    let idle = server.http2(WINDOW).await;
    // Asks, and takes nothing of the answer.
    let mut stalled = server.http2(0).await;
    let answer = stalled.ask("/openapi.json").await.unwrap().unwrap();
    let mut busy = server.http2(WINDOW).await;
    let began = Instant::now();
    // At least twice as long as a connection without requests has.
    while began.elapsed() < Duration::from_secs(3)
        || !(idle.connection.is_finished() && stalled.connection.is_finished())
    {
        assert!(began.elapsed() < Duration::from_secs(20), "the two do not end");
        assert_eq!(busy.get("/healthz").await.0, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A reset or the end: it is closed. What comes before that are the server's settings.
    let _ = tokio::time::timeout(Duration::from_secs(5), mute.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(!busy.connection.is_finished());
    drop(answer);
}

#[tokio::test]
async fn a_shutdown_ends_http2_connections_even_with_an_answer_that_nobody_takes() {
    let server = Server::start(|limits| limits.write_stall = Duration::from_millis(300)).await;
    let mut idle = server.http2(WINDOW).await;
    assert_eq!(idle.get("/healthz").await.0, StatusCode::OK);
    let mut stalled = server.http2(0).await;
    let answer = stalled.ask("/openapi.json").await.unwrap().unwrap();
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), server.task).await.expect("the server to end").unwrap();
    idle.connection.await.unwrap().expect("a clean end");
    drop(answer);
}

#[tokio::test]
async fn a_changed_certificate_is_for_new_connections_and_a_broken_one_for_nobody() {
    captured_log::install();
    let server = Server::start(|_| {}).await;
    let mut old = server.http2(WINDOW).await;
    let first = server.shown().await;
    write(server.folder.path(), &server.authority.issue("localhost"));
    let second = server.shows(|shown| shown != first).await;

    // A key of somebody else's certificate: the two that fit go on, and it is told of once.
    let key = server.folder.path().join("key.pem");
    std::fs::write(&key, server.authority.issue("localhost").key_pem).unwrap();
    let warnings = || {
        let log = captured_log::text();
        let ours = |line: &&str| {
            line.contains("the new certificate cannot be used") && line.contains(key.to_str().unwrap())
        };
        log.lines().filter(ours).count()
    };
    let began = Instant::now();
    while warnings() == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "no word of the broken certificate");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.shown().await, second);
    // Three more looks at the same files.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!((warnings(), server.shown().await), (1, second.clone()));

    write(server.folder.path(), &server.authority.issue("localhost"));
    server.shows(|shown| shown != second && shown != first).await;
    assert_eq!(old.get("/healthz").await.0, StatusCode::OK, "the oldest connection still stands");
    server.reloading.abort();
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said() {
    let (authority, folder) = (Authority::new("test"), tempfile::tempdir().unwrap());
    let good = write(folder.path(), &authority.issue("localhost"));
    let said = |files: &CertificateFiles| files.read().unwrap_err().to_string();
    let name = |name: &str| folder.path().join(name);
    let show = |name: &str| folder.path().join(name).display().to_string();
    assert!(good.read().is_ok());
    let gone = CertificateFiles { cert: name("gone.pem"), ..good.clone() };
    assert!(said(&gone).starts_with(&format!("reading {} failed: No such file", show("gone.pem"))));
    let swapped = CertificateFiles { cert: good.key.clone(), key: good.cert.clone() };
    assert_eq!(said(&swapped), format!("{} holds no PEM certificate", show("key.pem")));
    let no_key = CertificateFiles { key: good.cert.clone(), ..good.clone() };
    assert_eq!(
        said(&no_key),
        format!(
            "{} holds no PEM private key (PKCS #8, PKCS #1 or SEC 1, without a passphrase)",
            show("cert.pem")
        )
    );
    std::fs::write(name("other.pem"), authority.issue("localhost").key_pem).unwrap();
    let other = CertificateFiles { key: name("other.pem"), ..good.clone() };
    assert_eq!(
        said(&other),
        format!("the key in {} is not that of the certificate in {}", show("other.pem"), show("cert.pem"))
    );
    std::fs::write(name("long.pem"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let long = CertificateFiles { cert: name("long.pem"), ..good.clone() };
    assert_eq!(said(&long), format!("{} is longer than 1 MiB", show("long.pem")));
    std::fs::write(name("torn.pem"), "-----BEGIN CERTIFICATE-----\nMIIB\n").unwrap();
    let torn = CertificateFiles { cert: name("torn.pem"), ..good };
    assert!(said(&torn).starts_with(&format!("{} is damaged: ", show("torn.pem"))), "{}", said(&torn));
}
