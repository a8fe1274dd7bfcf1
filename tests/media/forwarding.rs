//! A subscriber sees and hears one publisher, as it comes.

use crate::{
    direct_publisher::DirectPublisher,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns},
};
use meetingcast::{
    control::offer,
    ids::{SessionId, SourceId},
    ipc::{self, ForwardOf, Mutes, ReplyError, ReplyOk, SessionEndReason, WorkerCommand, WorkerEvent},
    publisher::{options::VideoCodec, palette::Colour, subscriber::Subscriber},
};
use std::time::Duration;

pub async fn subscribe(
    worker: &mut WorkerProcess,
    of: ForwardOf,
    codec: VideoCodec,
) -> (Subscriber, SessionId) {
    subscribe_without(worker, of, codec, Vec::new()).await
}

/// Without the sound of some sources.
pub async fn subscribe_without(
    worker: &mut WorkerProcess,
    of: ForwardOf,
    codec: VideoCodec,
    without: Vec<SourceId>,
) -> (Subscriber, SessionId) {
    let (subscriber, sdp) =
        tokio::task::spawn_blocking(move || Subscriber::open(codec).unwrap()).await.unwrap();
    let video = match codec {
        VideoCodec::H264 => ipc::VideoCodec::H264,
        VideoCodec::Vp8 => ipc::VideoCodec::Vp8,
    };
    let offer = offer::parse_subscriber(&sdp, video).unwrap();
    let session = SessionId::generate_subscriber();
    let (id, mutes) = (session.clone(), Mutes::default());
    let opened = worker
        .ask(|request| WorkerCommand::OpenForward { request, session: id, of, without, offer, mutes })
        .await;
    let Ok(ReplyOk::ForwardOpened { answer }) = opened else { panic!("not opened: {opened:?}") };
    let subscriber = tokio::task::spawn_blocking(move || {
        subscriber.answer(&answer).unwrap();
        let took = subscriber.first_picture().unwrap();
        println!("first picture after {} ms", took.as_millis());
        assert!(took < Duration::from_millis(2000), "{took:?}");
        subscriber
    })
    .await
    .unwrap();
    (subscriber, session)
}

pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(1200)).await;
}

async fn watch(codec: VideoCodec) {
    let mut worker = WorkerProcess::start().await;
    let publisher = DirectPublisher::join(&mut worker, 2, codec, monotonic_ns()).await;
    let (first, session) = subscribe(&mut worker, ForwardOf::Source(SourceId(2)), codec).await;
    a_while().await;
    let (late, _) = subscribe(&mut worker, ForwardOf::Source(SourceId(2)), codec).await;
    a_while().await;
    for subscriber in [&first, &late] {
        let (frames, reading) = subscriber.seen();
        assert!(frames > 20, "{frames} frames");
        let reading = reading.unwrap();
        assert_eq!(reading.colour, Some(Colour::of(2)));
        assert!(reading.counter.is_some());
        assert!(subscriber.heard().windows.iter().any(|window| window.loudest() == Some(2)));
    }

    let mute =
        |audio, video| WorkerCommand::MuteForwards { source: SourceId(2), mutes: Mutes { audio, video } };
    worker.commands.send(&mute(true, true)).await.unwrap();
    a_while().await;
    let (before, _) = (first.seen().0, first.heard());
    a_while().await;
    assert_eq!(first.seen().0, before, "a muted picture is not sent");
    assert!(first.heard().windows.iter().all(|window| window.loudest().is_none()));
    worker.commands.send(&mute(false, false)).await.unwrap();
    a_while().await;
    a_while().await;
    assert!(first.seen().0 > before + 15);
    assert!(first.heard().windows.iter().any(|window| window.loudest() == Some(2)));

    // The publisher goes: so do its subscribers.
    let gone = publisher.session.clone();
    worker.commands.send(&WorkerCommand::CloseIngest { session: gone }).await.unwrap();
    let ended = WorkerEvent::SessionEnded { session, reason: SessionEndReason::SourceGone };
    worker.until("the subscriber's end", |worker| worker.others.contains(&ended)).await;
    publisher.vanish().await;
    tokio::task::spawn_blocking(move || drop((first, late))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_see_and_hear_a_publisher_of_h264() {
    let _turn = one_at_a_time();
    watch(VideoCodec::H264).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_see_and_hear_a_publisher_of_vp8() {
    let _turn = one_at_a_time();
    watch(VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_forwarded_who_sends_nothing() {
    let mut worker = WorkerProcess::start().await;
    let (subscriber, sdp) =
        tokio::task::spawn_blocking(|| Subscriber::open(VideoCodec::H264).unwrap()).await.unwrap();
    let offer = offer::parse_subscriber(&sdp, ipc::VideoCodec::H264).unwrap();
    let (session, source, mutes) = (SessionId::generate_subscriber(), SourceId(9), Mutes::default());
    let of = ForwardOf::Source(source);
    let opened = worker
        .ask(|request| WorkerCommand::OpenForward { request, session, of, without: Vec::new(), offer, mutes })
        .await;
    assert_eq!(opened, Err(ReplyError::MediaNotReady { which: source }));
    tokio::task::spawn_blocking(move || drop(subscriber)).await.unwrap();
}
