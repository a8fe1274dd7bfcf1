//! On a real socket: heads that do not come, connections too many, and a clean end.

use super::harness::Api;
use meetingcast::control::http::server::{ConnectionLimits, serve};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(change: impl FnOnce(&mut ConnectionLimits)) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut limits = ConnectionLimits::new(64);
    change(&mut limits);
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, None, Api::open().app, limits, async move {
        let _ = stopped.await;
    }));
    Server { address, stop, task }
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_over_tcp_is_answered() {
    let server = start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = read_all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("{\"status\":\"ok\""), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = start(|limits| limits.header_timeout = Duration::from_millis(50)).await;
    for head in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The end comes from the server; a test that hangs here has found the fault.
        let answer = read_all(stream).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_too_long_is_refused() {
    let server = start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(70_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_connection_too_many_is_answered_503() {
    let server = start(|limits| limits.max_connections = 1).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // It is in when it has been answered.
    first.read_u8().await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    let answer = read_all(second).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn a_shutdown_answers_what_is_in_flight_and_closes_what_is_idle() {
    let server = start(|_| {}).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/conferences/room/cast/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nContent-Length: 23\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut proceed = [0; 25];
    busy.read_exact(&mut proceed).await.unwrap();
    assert_eq!(&proceed, b"HTTP/1.1 100 Continue\r\n\r\n");

    server.stop.send(()).unwrap();
    read_all(idle).await;
    busy.write_all(b"{\"participant\":\"alice\"}").await.unwrap();
    let answer = read_all(busy).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
