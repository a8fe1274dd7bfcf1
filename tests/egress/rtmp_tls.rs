//! `rtmps://`: whom we trust, and what an operator reads when we do not.

use crate::{
    push::{Encoder, Push, impatient, numbers, patient, patiently, second, times, video},
    rogue::{Rogue, Script, Then},
    tls_front::{Authority, Identity, TlsFront},
};
use meetingcast::{
    config::RtmpConfig,
    demo::rtmp_sink::{RtmpSink, TagKind},
    egress::output::OutputState,
};
use tokio::net::TcpListener;

/// What an output that trusts `authority` says about a server with `identity`, called `localhost`.
async fn complaint(authority: &Authority, identity: Identity) -> String {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority.write(dir.path()).to_str().unwrap().to_owned();
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let front = TlsFront::start(sink.local_addr(), identity, usize::MAX).await;
    let url = format!("rtmps://localhost:{}/live/s3cretkey", front.address.port());
    let mut push = Push::to(&url, RtmpConfig { extra_ca_file: ca, ..patient() });
    let error = push.retried().await.last_error.unwrap();
    push.publisher.stop().await;
    assert_eq!(sink.publishers(), (0, 0), "nothing was said to a server we do not trust");
    error
}

#[tokio::test]
async fn a_stream_goes_through_tls_with_the_servers_name() {
    let (authority, dir) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let ca = authority.write(dir.path()).to_str().unwrap().to_owned();
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let front = TlsFront::start(sink.local_addr(), authority.issue("localhost"), usize::MAX).await;
    let url = format!("rtmps://localhost:{}/live/key", front.address.port());
    let mut push = Push::to(&url, RtmpConfig { extra_ca_file: ca, ..patient() });
    push.keyframe_asked().await;
    second(&push.hub, 0, 1);
    // A frame that needs many TLS records.
    push.hub.push(video(1000, true, vec![2; 300_000]));
    patiently(sink.wait_for(|tags| times(tags, TagKind::Video).len() == 26)).await;
    assert_eq!(sink.tags().last().unwrap().body.len(), 300_005);
    let status = push.publisher.stop().await;
    assert_eq!((status.state, status.retries, status.last_error), (OutputState::Stopped, 0, None));
    assert_eq!(front.names(), [Some("localhost".to_owned())]);
    patiently(async {
        while sink.publishers() != (1, 1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_can_have_a_certificate() {
    let (authority, dir) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let ca = authority.write(dir.path()).to_str().unwrap().to_owned();
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let front = TlsFront::start(sink.local_addr(), authority.issue("127.0.0.1"), usize::MAX).await;
    let mut push = Push::to(
        &format!("rtmps://{}/live/key", front.address),
        RtmpConfig { extra_ca_file: ca, ..patient() },
    );
    let _encoder = Encoder::start(&mut push);
    patiently(sink.wait_for(|tags| numbers(tags).len() >= 5)).await;
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer() {
    let error = complaint(&Authority::new("ours"), Authority::new("theirs").issue("localhost")).await;
    assert_eq!(
        error,
        "the certificate of localhost is not accepted: its issuer is not known here; if it is your own, name its \
         certificate in rtmp.extra_ca_file"
    );
}

#[tokio::test]
async fn a_certificate_of_an_issuer_that_changed_its_key() {
    let error = complaint(&Authority::new("ours"), Authority::new("ours").issue("localhost")).await;
    assert!(error.ends_with("has your own CA changed its key?"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let authority = Authority::new("ours");
    let error = complaint(&authority, authority.issue("other.example")).await;
    assert_eq!(error, "the certificate of localhost is not accepted: it was issued for another name");
}

#[tokio::test]
async fn a_certificate_that_has_expired() {
    let authority = Authority::new("ours");
    let error = complaint(&authority, authority.issue_expired("localhost")).await;
    assert_eq!(error, "the certificate of localhost is not accepted: it has expired");
}

#[tokio::test]
async fn the_systems_roots_do_not_know_us() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let front =
        TlsFront::start(sink.local_addr(), Authority::new("ours").issue("localhost"), usize::MAX).await;
    let mut push = Push::to(&format!("rtmps://localhost:{}/live/key", front.address.port()), patient());
    let error = push.retried().await.last_error.unwrap();
    // The other sentence: a system without any.
    assert!(
        error.contains("its issuer is not known here") || error.contains("install ca-certificates"),
        "{error}"
    );
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_server_that_is_silent_in_the_tls_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut push = Push::to(&format!("rtmps://127.0.0.1:{port}/live/key"), impatient());
    let error = push.retried().await.last_error.unwrap();
    assert_eq!(error, format!("TLS with 127.0.0.1 port {port} took longer than 300 ms"));
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_server_without_tls() {
    let plain =
        Script { handshake: false, say: b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), then: Then::Read };
    let rogue = Rogue::start(move |_| plain.clone()).await;
    let port = rogue.address.port();
    let mut push = Push::to(&format!("rtmps://127.0.0.1:{port}/live/key"), patient());
    let error = push.retried().await.last_error.unwrap();
    assert_eq!(error, format!("127.0.0.1 port {port} does not speak TLS: is it an rtmp:// server?"));
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_server_behind_tls_that_takes_no_more_data() {
    let (authority, dir) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let ca = authority.write(dir.path()).to_str().unwrap().to_owned();
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let front = TlsFront::start(sink.local_addr(), authority.issue("127.0.0.1"), 20_000).await;
    let config = RtmpConfig { extra_ca_file: ca, stall_timeout_ms: 500, ..patient() };
    let mut push = Push::to(&format!("rtmps://{}/live/key", front.address), config);
    push.keyframe_asked().await;
    for n in 0..150 {
        push.hub.push(video(n * 20, n % 10 == 0, vec![0; 100_000]));
    }
    let error = push.until(|status| status.state == OutputState::Retrying).await.last_error.unwrap();
    assert!(error == "the server has taken no data for 500 ms" || error.contains("timed out"), "{error}");
    push.publisher.stop().await;
}
