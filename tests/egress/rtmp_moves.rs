//! Where an output goes when its server is away or asks it to leave.

use crate::{
    push::{Encoder, Push, hub, numbers, patient, patiently},
    rogue::{Pen, Rogue, Then},
};
use meetingcast::{
    config::RtmpConfig,
    demo::rtmp_sink::{ReceivedTag, RtmpSink, TagKind},
    egress::{
        output::OutputState,
        rtmp::{publisher::Destination, url::RtmpUrl},
    },
};
use std::net::SocketAddr;
use tokio::net::TcpListener;

fn url(address: SocketAddr) -> RtmpUrl {
    RtmpUrl::parse(&format!("rtmp://{address}/live/s3cretkey")).unwrap()
}

/// An address nobody else takes, where nobody listens yet.
async fn free(host: &str) -> SocketAddr {
    TcpListener::bind((host, 0)).await.unwrap().local_addr().unwrap()
}

fn first_picture(tags: &[ReceivedTag]) -> &ReceivedTag {
    tags.iter().find(|tag| tag.kind == TagKind::Video).unwrap()
}

#[tokio::test]
async fn the_backup_is_used_while_the_first_is_down_and_left_without_a_lost_frame() {
    let first = free("127.77.0.5").await;
    let backup_sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let to = Destination {
        url: url(first),
        backup: Some(url(backup_sink.local_addr())),
        allowed_hosts: Vec::new(),
    };
    let mut push = Push::towards(hub(), to, patient());
    let _encoder = Encoder::start(&mut push);
    let status = push.until(|status| status.state == OutputState::Live).await;
    assert!(status.on_backup);
    assert_eq!(status.retries, 1, "the backup is tried at once");
    patiently(backup_sink.wait_for(|tags| numbers(tags).len() >= 20)).await;

    let first_sink = RtmpSink::bind(first).await.unwrap();
    patiently(first_sink.wait_for(|tags| numbers(tags).len() >= 60)).await;
    let status = push.publisher.status();
    assert_eq!((status.state, status.on_backup, status.retries), (OutputState::Live, false, 1));
    assert!(first_picture(&first_sink.tags()).is_keyframe());
    let (before, after) = (numbers(&backup_sink.tags()), numbers(&first_sink.tags()));
    assert_eq!(*before.last().unwrap() + 1, after[0], "no picture is lost and none comes twice");
    assert!(after.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{after:?}");
    patiently(async {
        while backup_sink.publishers() != (1, 1) {
            tokio::task::yield_now().await;
        }
    })
    .await;

    // And the other way round, when the first breaks.
    first_sink.shutdown().await;
    let status = push.until(|status| status.state == OutputState::Live && status.on_backup).await;
    assert_eq!(status.retries, 2);
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_first_that_refuses_and_a_backup_that_works() {
    let no = Pen::new().connected().created().status("error", "NetStream.Publish.Denied", "no such key");
    let script = no.script(Then::Read);
    let rogue = Rogue::start(move |_| script.clone()).await;
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let to = Destination {
        url: url(rogue.address),
        backup: Some(url(sink.local_addr())),
        allowed_hosts: Vec::new(),
    };
    let mut push = Push::towards(hub(), to, patient());
    let _encoder = Encoder::start(&mut push);
    let status = push.until(|status| status.state == OutputState::Live).await;
    assert!(status.on_backup && status.last_error.unwrap().contains("no such key"));
    patiently(sink.wait_for(|tags| numbers(tags).len() >= 30)).await;
    assert_eq!(rogue.connections(), 1, "whoever refused it is not asked again");
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_reconnect_request_is_followed_at_a_keyframe() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let tc_url = format!("rtmp://{}/live", sink.local_addr());
    let rogue =
        Rogue::start(move |_| Pen::new().published().reconnect_request(&tc_url).script(Then::Read)).await;
    let mut push = Push::towards(hub(), url(rogue.address), patient());
    let _encoder = Encoder::start(&mut push);
    patiently(sink.wait_for(|tags| numbers(tags).len() >= 30)).await;
    let tags = sink.tags();
    let header = [TagKind::Metadata, TagKind::VideoHeader, TagKind::AudioHeader, TagKind::Video];
    assert_eq!(crate::push::kinds(&tags)[..4], header);
    assert!(first_picture(&tags).is_keyframe());
    assert_eq!(first_picture(&tags).timestamp_ms, 0);
    let status = push.publisher.status();
    assert_eq!((status.state, status.retries, status.last_error), (OutputState::Live, 0, None));
    let said: Vec<_> =
        rogue.commands(0).iter().map(|command| command[0].as_str().unwrap().to_owned()).collect();
    assert!(said.ends_with(&["FCUnpublish".to_owned(), "deleteStream".to_owned()]), "{said:?}");
    assert_eq!(rogue.connections(), 1);
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_reconnect_request_without_a_place_comes_back() {
    let rogue = Rogue::start(|number| match number {
        0 => Pen::new().published().reconnect_request("").script(Then::Read),
        _ => Pen::new().published().script(Then::Read),
    })
    .await;
    let mut push = Push::towards(hub(), url(rogue.address), patient());
    let _encoder = Encoder::start(&mut push);
    patiently(async {
        while rogue.connections() < 2 || push.publisher.status().state != OutputState::Live {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(push.publisher.status().retries, 0);
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_reconnect_request_to_a_host_that_is_not_allowed_is_not_followed() {
    let sink = RtmpSink::bind("127.77.0.6:0").await.unwrap();
    let tc_url = format!("rtmp://{}/live", sink.local_addr());
    let rogue =
        Rogue::start(move |_| Pen::new().published().reconnect_request(&tc_url).script(Then::Read)).await;
    let to =
        Destination { url: url(rogue.address), backup: None, allowed_hosts: vec!["127.0.0.1".to_owned()] };
    let mut push = Push::towards(hub(), to, patient());
    let _encoder = Encoder::start(&mut push);
    patiently(async {
        while rogue.connections() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(sink.publishers(), (0, 0));
    push.publisher.stop().await;
}

#[tokio::test]
async fn an_output_is_given_up_when_that_is_wanted() {
    let nobody = free("127.77.0.7").await;
    let mut push = Push::towards(hub(), url(nobody), RtmpConfig { give_up_after_s: 1, ..patient() });
    let status = push.until(|status| status.state == OutputState::Failed).await;
    let error = status.last_error.unwrap();
    assert!(error.starts_with("given up after 1 s: cannot connect to 127.77.0.7 port"), "{error}");
    assert!(status.retries >= 2);
}
