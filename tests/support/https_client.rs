//! A client of HTTPS as browsers are: it checks the certificate and offers HTTP versions by ALPN.

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};

/// A connection by TLS to `localhost`, who must have a certificate of this authority.
pub async fn connect(
    address: SocketAddr,
    authority: &CertificateDer<'static>,
    alpn: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Whom the server says it is: the certificate's bytes.
pub fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// One connection; requests on it are concurrent with HTTP/2.
pub struct HttpsClient {
    sender: Sender,
    /// Ends with the connection.
    pub connection: JoinHandle<hyper::Result<()>>,
}

enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

impl HttpsClient {
    /// HTTP/2 on this stream. `window`: how much of each answer it takes before it reads.
    pub async fn http2(stream: TlsStream<TcpStream>, window: u32) -> Self {
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        Self { sender: Sender::Two(sender), connection: tokio::spawn(connection) }
    }

    /// HTTP/1.1 on this stream.
    pub async fn http1(stream: TlsStream<TcpStream>) -> Self {
        assert_ne!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        Self { sender: Sender::One(sender), connection: tokio::spawn(connection) }
    }

    /// Asks without waiting for the answer.
    pub fn ask(&mut self, path: &str) -> JoinHandle<hyper::Result<Response<Incoming>>> {
        self.ask_with(path, &[])
    }

    /// [`HttpsClient::ask`] with header fields.
    pub fn ask_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> JoinHandle<hyper::Result<Response<Incoming>>> {
        let mut request = match self.sender {
            Sender::One(_) => Request::get(path).header("host", "localhost"),
            Sender::Two(_) => Request::get(format!("https://localhost{path}")),
        };
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        match &mut self.sender {
            Sender::One(sender) => tokio::spawn(sender.send_request(request)),
            Sender::Two(sender) => tokio::spawn(sender.send_request(request)),
        }
    }

    /// Status and text of the answer.
    pub async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(path).await.unwrap().unwrap();
        let status = answer.status();
        (status, text(answer).await)
    }
}

/// The answer's body; what is no text in it is replaced.
pub async fn text(answer: Response<Incoming>) -> String {
    let mut body = std::pin::pin!(answer.into_body());
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
