//! An output under test, and programmes to push.

use bytes::Bytes;
use meetingcast::{
    config::RtmpConfig,
    demo::rtmp_sink::{ReceivedTag, TagKind},
    egress::{
        hub::Hub,
        output::{OutputState, OutputStatus},
        rtmp::{
            publisher::{Destination, RtmpPublisher},
            url::RtmpUrl,
        },
    },
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
};
use std::{future::Future, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// Nothing here takes that long; it ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Impatient where a test waits for a failure.
pub fn impatient() -> RtmpConfig {
    RtmpConfig {
        stage_timeout_ms: 300,
        stall_timeout_ms: 500,
        backoff_min_ms: 10,
        backoff_max_ms: 50,
        ..RtmpConfig::default()
    }
}

/// Patient where a busy machine must not make a failure of it.
pub fn patient() -> RtmpConfig {
    RtmpConfig { stage_timeout_ms: 20_000, backoff_min_ms: 10, backoff_max_ms: 100, ..RtmpConfig::default() }
}

pub struct Push {
    pub hub: Hub,
    pub publisher: RtmpPublisher,
    pub keyframes: mpsc::UnboundedReceiver<()>,
}

impl Push {
    pub fn to(url: &str, config: RtmpConfig) -> Self {
        let hub = Hub::new();
        for config in configs(1) {
            hub.set_config(config);
        }
        Self::from(hub, url, config)
    }

    pub fn from(hub: Hub, url: &str, config: RtmpConfig) -> Self {
        let url = RtmpUrl::parse(url).unwrap();
        Self::towards(hub, url, config)
    }

    pub fn towards(hub: Hub, to: impl Into<Destination>, config: RtmpConfig) -> Self {
        let (asked, keyframes) = mpsc::unbounded_channel();
        let id = "out".parse().unwrap();
        let publisher = RtmpPublisher::spawn(&hub, to, id, config, move || {
            let _ = asked.send(());
        });
        Self { hub, publisher, keyframes }
    }

    pub async fn until(&mut self, what: impl Fn(&OutputStatus) -> bool) -> OutputStatus {
        let mut status = self.publisher.status();
        let wait = async {
            while !what(&status) {
                status = self.publisher.changed().await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("the output did not get there: {:?}", self.publisher.status());
        }
        status
    }

    /// Until the output has failed twice, and so has tried again.
    pub async fn retried(&mut self) -> OutputStatus {
        let status = self.until(|status| status.retries >= 2).await;
        assert_eq!(status.state, OutputState::Retrying);
        status
    }

    pub async fn live(&mut self) {
        self.until(|status| status.state == OutputState::Live).await;
    }

    pub async fn keyframe_asked(&mut self) {
        patiently(self.keyframes.recv()).await.unwrap();
    }
}

pub async fn patiently<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}

pub fn configs(version: u8) -> [TrackConfig; 2] {
    [
        TrackConfig::Video(VideoConfig {
            avcc: vec![1, 0x42, 0xC0, version].into(),
            width: 640,
            height: 360,
            fps: 25,
            kbps: 900,
        }),
        TrackConfig::Audio(AudioConfig {
            asc: vec![0x11, 0x90].into(),
            sample_rate: 48_000,
            channels: 2,
            kbps: 128,
        }),
    ]
}

pub fn video(ms: u64, keyframe: bool, data: impl Into<Bytes>) -> EncodedFrame {
    let at = MediaTime::from_millis(ms);
    let data = data.into();
    EncodedFrame {
        track: Track::Video,
        pts: at,
        dts: at,
        duration: MediaTime::from_millis(40),
        keyframe,
        data,
    }
}

pub fn audio(ms: u64, data: impl Into<Bytes>) -> EncodedFrame {
    EncodedFrame { track: Track::Audio, ..video(ms, true, data) }
}

/// A second of programme from `start_ms`: an IDR and 24 pictures, sound between them. `mark` is in
/// every frame.
pub fn second(hub: &Hub, start_ms: u64, mark: u8) {
    for n in 0..25 {
        hub.push(video(start_ms + n * 40, n == 0, vec![mark; 2000]));
        hub.push(audio(start_ms + n * 40 + 7, vec![mark; 100]));
    }
}

pub fn kinds(tags: &[ReceivedTag]) -> Vec<TagKind> {
    tags.iter().map(|tag| tag.kind).collect()
}

pub fn times(tags: &[ReceivedTag], kind: TagKind) -> Vec<u32> {
    tags.iter().filter(|tag| tag.kind == kind).map(|tag| tag.timestamp_ms).collect()
}

pub fn strictly_rising(times: &[u32]) -> bool {
    times.windows(2).all(|pair| pair[0] < pair[1])
}

/// A hub that knows its tracks.
pub fn hub() -> Hub {
    let hub = Hub::new();
    for config in configs(1) {
        hub.set_config(config);
    }
    hub
}

/// An encoder: 50 pictures a second, each with its number; a keyframe when one is asked for, and after
/// half a second without. Runs until dropped.
pub struct Encoder(tokio::task::JoinHandle<()>);

impl Encoder {
    pub fn start(push: &mut Push) -> Self {
        let (hub, (_, unused)) = (push.hub.clone(), mpsc::unbounded_channel());
        let mut asked = std::mem::replace(&mut push.keyframes, unused);
        Self(tokio::spawn(async move {
            let (mut pace, mut last_key) = (tokio::time::interval(Duration::from_millis(20)), None);
            for number in 0u32.. {
                pace.tick().await;
                let wanted = asked.try_recv().is_ok();
                let key = wanted || last_key.is_none_or(|last| number - last >= 25);
                last_key = if key { Some(number) } else { last_key };
                let at = u64::from(number) * 20;
                hub.push(video(at, key, [&number.to_be_bytes()[..], &[7; 500]].concat()));
                hub.push(audio(at + 3, vec![1; 50]));
            }
        }))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The numbers of an [`Encoder`]'s pictures that arrived.
pub fn numbers(tags: &[ReceivedTag]) -> Vec<u32> {
    let pictures = tags.iter().filter(|tag| tag.kind == TagKind::Video);
    pictures.map(|tag| u32::from_be_bytes(tag.body[5..9].try_into().unwrap())).collect()
}
