//! The publisher against a small WHIP server with a real webrtcbin in the same process.

use super::*;
use crate::publisher::{
    options::VideoCodec,
    palette::Colour,
    planes::PictureSize,
    recording::{Layout, Recorder, Recording},
    viewer::SharedRecorder,
};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use gst::prelude::*;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};
use std::{
    collections::BTreeMap,
    sync::{Mutex, mpsc::sync_channel},
};

const SIZE: PictureSize = PictureSize { width: 320, height: 180 };

/// Receives whoever is published to it.
#[derive(Clone, Default)]
struct Server {
    sessions: Arc<Mutex<BTreeMap<usize, Receiver>>>,
    ended: Arc<Mutex<Vec<usize>>>,
}

struct Receiver {
    pipeline: gst::Pipeline,
    recorder: SharedRecorder,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

impl Receiver {
    /// Blocks until the answer is complete.
    fn open(offer: &str) -> (Self, String) {
        let pipeline = gst::parse::launch("webrtcbin name=peer bundle-policy=max-bundle latency=50 fakesink");
        let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
        let clock = gst::SystemClock::obtain();
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(clock.time());
        let peer = pipeline.by_name("peer").unwrap();
        let recorder = SharedRecorder(Arc::new(Mutex::new(Recorder::new(Layout::Single(SIZE)))));
        let (weak, sink) = (pipeline.downgrade(), recorder.clone());
        peer.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src) else {
                return;
            };
            let decode = gst::ElementFactory::make("decodebin").build().unwrap();
            let (weak, sink) = (weak.clone(), sink.clone());
            decode.connect_pad_added(move |_, pad| {
                if let Some(pipeline) = weak.upgrade() {
                    sink.attach(&pipeline, pad).unwrap();
                }
            });
            pipeline.add(&decode).unwrap();
            decode.sync_state_with_parent().unwrap();
            pad.link(&decode.static_pad("sink").unwrap()).unwrap();
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let offer = gst_sdp::SDPMessage::parse_buffer(offer.as_bytes()).unwrap();
        let offer = WebRTCSessionDescription::new(WebRTCSDPType::Offer, offer);
        ask(|promise| peer.emit_by_name::<()>("set-remote-description", &[&offer, promise]));
        let reply = ask(|promise| {
            peer.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]);
        });
        let answer = reply.unwrap().get::<WebRTCSessionDescription>("answer").unwrap();
        ask(|promise| peer.emit_by_name::<()>("set-local-description", &[&answer, promise]));
        while peer.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state")
            != gst_webrtc::WebRTCICEGatheringState::Complete
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let local = peer.property::<WebRTCSessionDescription>("local-description");
        (Self { pipeline, recorder }, local.sdp().as_text().unwrap())
    }

    fn recording(&self) -> Recording {
        let recorder = Recorder::new(Layout::Single(SIZE));
        std::mem::replace(&mut *self.recorder.lock(), recorder).finish()
    }
}

fn ask(request: impl FnOnce(&gst::Promise)) -> Option<gst::Structure> {
    let (sender, receiver) = sync_channel(1);
    let promise = gst::Promise::with_change_func(move |reply| {
        sender.send(reply.unwrap().map(|reply| reply.to_owned())).unwrap();
    });
    request(&promise);
    receiver.recv_timeout(Duration::from_secs(10)).unwrap()
}

impl Server {
    /// Listens; gives the endpoint's URL.
    async fn start(&self) -> String {
        gst::init().unwrap();
        let app = Router::new()
            .route("/whip", post(Self::offered))
            .route("/sessions/{id}", axum::routing::get(Self::asked).delete(Self::deleted))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whip", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn offered(
        State(server): State<Self>,
        offer: String,
    ) -> (StatusCode, [(&'static str, String); 1], String) {
        let (receiver, answer) = tokio::task::spawn_blocking(move || Receiver::open(&offer)).await.unwrap();
        let mut sessions = server.sessions.lock().unwrap();
        let id = sessions.len() + server.ended.lock().unwrap().len();
        sessions.insert(id, receiver);
        (StatusCode::CREATED, [("location", format!("/sessions/{id}"))], answer)
    }

    async fn asked(State(server): State<Self>, Path(id): Path<usize>) -> StatusCode {
        let known = server.sessions.lock().unwrap().contains_key(&id);
        if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
    }

    async fn deleted(State(server): State<Self>, Path(id): Path<usize>) -> StatusCode {
        if server.end(id).await.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND }
    }

    /// Ends a session as a dying worker would: without a word.
    async fn end(&self, id: usize) -> Option<Recording> {
        let receiver = self.sessions.lock().unwrap().remove(&id)?;
        self.ended.lock().unwrap().push(id);
        tokio::task::spawn_blocking(move || Some(receiver.recording())).await.unwrap()
    }

    /// Waits until a session has taken so many frames and samples.
    async fn received(&self, id: usize, frames: usize, samples: u64) {
        let enough = || {
            let sessions = self.sessions.lock().unwrap();
            let taken = sessions.get(&id).map(|receiver| receiver.recorder.lock().taken());
            taken.is_some_and(|taken| taken.0 >= frames && taken.1 >= samples)
        };
        let all = async {
            while !enough() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(60), all).await.expect("the server receives the media within a minute");
    }
}

fn options(number: usize, whip: &str, codec: VideoCodec) -> PublishOptions {
    let mut options = PublishOptions::participant(number, whip);
    (options.size, options.video_kbps, options.codec) = (SIZE, crate::units::Kbps(400), codec);
    options
}

/// Picture and sound arrive as they were made: numbers, colour, tone, and in step.
async fn arrives(number: usize, codec: VideoCodec) {
    let server = Server::default();
    let url = server.start().await;
    let mut publisher = Publisher::start(options(number, &url, codec)).unwrap();
    assert!(publisher.connected().await, "{:?}", publisher.stats());
    server.received(0, 90, 3 * 48_000).await;
    let clock = publisher.clock();
    let base_ns = server.sessions.lock().unwrap()[&0].pipeline.base_time().unwrap().nseconds();
    let recording = server.sessions.lock().unwrap()[&0].recording();
    let stats = publisher.stats();
    publisher.stop().await.unwrap();
    assert_eq!(*server.ended.lock().unwrap(), [0], "the session was hung up");
    let report = recording.report(0, clock.rate.frame_duration());
    println!("{codec}\n{report}\n{stats:?}");
    assert_eq!((report.cadence.unreadable, report.cadence.nobody, report.cadence.backwards), (0, 0, 0));
    assert!(report.switches.is_empty());
    let offset = report.av_offset_ns().expect("a flash and a beep in three seconds");
    assert!(offset.abs() < 40_000_000, "{report}");
    let mut delays = Vec::new();
    for sample in &recording.video {
        let reading = sample.reading(0).unwrap();
        assert_eq!(reading.colour, Some(Colour::of(number)));
        let captured = clock.capture_ns(u64::from(reading.counter.unwrap()));
        delays.push((base_ns + sample.pts_ns) as i64 - captured as i64);
    }
    delays.sort_unstable();
    // By its timestamps, the server's picture is never older than the jitter buffer and never newer than real.
    let median = delays[delays.len() / 2];
    println!("capture to timestamp at the server: median {:.1} ms", median as f64 / 1e6);
    assert!((-5_000_000..1_000_000_000).contains(&median), "{median}");
    let tones =
        recording.audio.heard.windows.iter().filter(|window| window.loudest() == Some(number)).count();
    assert!(tones * 10 > recording.audio.heard.windows.len() * 8, "{tones} windows with the tone");
    assert!(stats.frames_sent >= 90 && stats.connected && stats.sessions == 1, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h264_and_opus_arrive_as_they_were_made() {
    arrives(5, VideoCodec::H264).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vp8_and_opus_arrive_as_they_were_made() {
    arrives(8, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_session_is_published_again_and_the_counter_goes_on() {
    let server = Server::default();
    let url = server.start().await;
    let mut options = options(2, &url, VideoCodec::H264);
    options.reconnect = true;
    let mut publisher = Publisher::start(options).unwrap();
    assert!(publisher.connected().await);
    server.received(0, 15, 0).await;
    let before = server.end(0).await.unwrap();
    server.received(1, 15, 0).await;
    let stats = publisher.stats();
    assert_eq!(stats.sessions, 2, "{stats:?}");
    assert!(stats.last_error.is_some_and(|error| error.starts_with("the connection to the server was lost")));
    publisher.stop().await.unwrap();
    assert_eq!(*server.ended.lock().unwrap(), [0, 1]);
    let last = before.video.last().unwrap().reading(0).unwrap().counter.unwrap();
    assert!(last < 30 * 600, "counted from the start of the publisher");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_reconnect_a_lost_session_is_a_failure() {
    let server = Server::default();
    let url = server.start().await;
    let mut options = options(2, &url, VideoCodec::H264);
    options.video = false;
    let mut publisher = Publisher::start(options).unwrap();
    assert!(publisher.connected().await);
    server.received(0, 0, 4800).await;
    server.end(0).await.unwrap();
    let error = timeout(Duration::from_secs(60), publisher.ended()).await.unwrap().unwrap_err();
    assert!(matches!(error, PublishError::Lost { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_ends_by_itself_when_its_time_is_up() {
    let server = Server::default();
    let url = server.start().await;
    let mut options = options(2, &url, VideoCodec::H264);
    (options.video, options.seconds) = (false, Some(1));
    run(options).await.unwrap();
    assert_eq!(*server.ended.lock().unwrap(), [0]);
}

#[tokio::test]
async fn a_refused_publisher_fails_with_a_sentence_even_when_it_may_reconnect() {
    let app = Router::new().route("/whip", post(|| async { (StatusCode::FORBIDDEN, "no") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut options = options(0, &url, VideoCodec::H264);
    (options.reconnect, options.video) = (true, false);
    let error = Publisher::start(options).unwrap().ended().await.unwrap_err();
    assert_eq!(error.chain(), "the WHIP endpoint refused the offer with 403: no");
}

#[test]
fn how_long_silence_is_borne_depends_on_how_much_came_before() {
    assert_eq!(silence_limit(200, Duration::from_secs(10)), SILENT_FEEDBACK);
    assert_eq!(silence_limit(6, Duration::from_secs(30)), SILENT_REPORTS);
    assert_eq!(silence_limit(0, Duration::ZERO), SILENT_REPORTS);
}
