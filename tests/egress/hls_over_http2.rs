//! Low-latency HLS over HTTP/2: held requests share a connection with others, and end alone.

use crate::{
    hls_http::push_frames,
    hls_low_latency::{MEDIA, live, until, waiting},
    https_client::{HttpsClient, connect, text},
    tls_front::Authority,
};
use axum::http::StatusCode;
use meetingcast::control::http::server::{
    ConnectionLimits, serve,
    tls::{CertificateFiles, load},
};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

struct Front {
    client: HttpsClient,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn front(app: axum::Router) -> Front {
    let (authority, folder) = (Authority::new("test"), tempfile::tempdir().unwrap());
    let identity = authority.issue("localhost");
    let files = CertificateFiles { cert: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    std::fs::write(&files.cert, &identity.cert_pem).unwrap();
    std::fs::write(&files.key, &identity.key_pem).unwrap();
    let (tls, _) = load(files).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Some(tls), app, ConnectionLimits::new(10), async move {
        let _ = stopped.await;
    }));
    let stream = connect(address, &authority.certificate(), &["h2", "http/1.1"]).await.unwrap();
    Front { client: HttpsClient::http2(stream, 1 << 20).await, stop, server }
}

#[tokio::test]
async fn a_held_reload_holds_up_nothing_else_of_its_connection_and_ends_alone() {
    let (site, msn) = live().await;
    let Front { mut client, stop: _running, server } = front(site.app.clone()).await;
    let next = format!("{MEDIA}?_HLS_msn={msn}&_HLS_part=1");
    let held = client.ask(&next);
    let left = client.ask(&format!("/hls/room/video/part-{msn}.1.m4s"));
    until("both to be held", || waiting(&site) == 2).await;
    for path in [MEDIA, "/hls/room/index.m3u8"] {
        assert_eq!(client.get(path).await.0, StatusCode::OK);
    }
    assert!(!held.is_finished());
    // The player goes elsewhere: RST_STREAM.
    left.abort();
    until("one to be gone", || waiting(&site) == 1).await;
    push_frames(&site.hub, 210..212);
    let answer = held.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(text(answer).await.contains(&format!("URI=\"part-{msn}.1.m4s\"\n")));
    // As many as a connection may have, at once.
    let many: Vec<_> = (0..100).map(|_| client.ask(&format!("{MEDIA}?_HLS_msn={msn}"))).collect();
    until("all to be held", || waiting(&site) == 100).await;
    push_frames(&site.hub, 212..272);
    for answer in many {
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    // A connection that is lost takes all it held with it.
    let _held: Vec<_> = (0..10).map(|_| client.ask(&format!("{MEDIA}?_HLS_msn={}", msn + 2))).collect();
    until("ten to be held", || waiting(&site) == 10).await;
    client.connection.abort();
    until("all to be gone", || waiting(&site) == 0).await;
    server.abort();
}

#[tokio::test]
async fn a_shutdown_answers_what_is_held_or_cuts_it() {
    for drained in [true, false] {
        let (site, msn) = live().await;
        let Front { mut client, stop, server } = front(site.app.clone()).await;
        let held = client.ask(&format!("{MEDIA}?_HLS_msn={}", msn + 1));
        until("it to be held", || waiting(&site) == 1).await;
        stop.send(()).unwrap();
        if drained {
            // As `serve` does it: the casts end.
            site.output.stop().await;
            assert!(text(held.await.unwrap().unwrap()).await.ends_with("#EXT-X-ENDLIST\n"));
            tokio::time::timeout(Duration::from_secs(5), server).await.expect("the server to end").unwrap();
        } else {
            // The time is up.
            tokio::task::yield_now().await;
            server.abort();
            assert!(held.await.unwrap().is_err());
            until("it to be gone", || waiting(&site) == 0).await;
        }
    }
}
