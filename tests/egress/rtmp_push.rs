//! RTMP push against our own sink, against servers that misbehave, against nginx and against ffmpeg.
//!
//! We do not use `rml_rtmp`'s client session, for its faults. Each has a test here or beside the code it
//! would be in, so that none comes back:
//!
//! | fault of `rml_rtmp` 0.8.0 | test |
//! |---|---|
//! | 1. acknowledgements carry bytes since the last one, not the total | `session::acknowledgements_carry_the_running_total` |
//! | 2. a command with fewer than three values panics | `oddities_a_publisher_lives_with`, `session::a_live_stream_ends_only_by_what_concerns_it` |
//! | 3. an unknown user control event loses everything read with it | `session::an_unknown_event_loses_nothing_beside_it` |
//! | 4. AMF0 long strings, dates and typed objects are errors | `session::an_answer_may_hold_any_amf0_value` |
//! | 5. `onMetaData` is no ECMA array and has wall-clock time | `session::media_starts_with_metadata_headers_and_a_keyframe` |
//! | 6. no `releaseStream`, `FCPublish`, `FCUnpublish` | `session::commands_go_in_the_order_every_ingest_knows` |
//! | 7. `connect` lacks `type`, `swfUrl` and everything newer | `session::commands_go_in_the_order_every_ingest_knows` |
//! | 8. a refusal of `publish` has no description | `a_first_no_is_final_and_quotes_the_server_without_the_key` |
//! | 9. no user name and password | `rtmp_auth` |
//! | 10. time that goes back becomes a step of 49 days | `session::time_that_goes_back_is_held` |
//! | 11. an empty frame writes nothing, one beyond 16 MiB fails | `session::an_empty_frame_is_left_out_and_a_huge_one_is_an_error` |
//! | 12. interleaved messages of a server break the reader | `session::interleaved_messages_are_put_together` |
//! | 13. media from the server is an error | `session::a_live_stream_ends_only_by_what_concerns_it` |
//! | 14. no way to push by it | every test here |

use crate::{
    flv_frames::{Clip, clip},
    nginx::Nginx,
    push::{
        Push, audio, configs, impatient, kinds, patient, patiently, second, strictly_rising, times, video,
    },
    rogue::{Pen, Rogue, Script, Then},
};
use meetingcast::{
    config::RtmpConfig,
    demo::rtmp_sink::{RtmpSink, TagKind},
    egress::{hub::Hub, output::OutputState, rtmp::amf0::Value},
    ids::Incarnation,
    units::MediaTime,
};
use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

#[tokio::test]
async fn frames_arrive_in_order_with_headers_once_and_time_from_zero() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let mut push = Push::to(&format!("rtmp://{}/live/key", sink.local_addr()), patient());
    push.keyframe_asked().await;
    push.hub.push(audio(99_990, vec![9; 9]));
    push.hub.push(video(99_995, false, vec![9; 9]));
    second(&push.hub, 100_000, 1);
    // The same parameters again, as from a new worker: no header.
    push.hub.discontinuity(Incarnation(1));
    for config in configs(1) {
        push.hub.set_config(config);
    }
    push.hub.push(video(101_500, false, vec![9; 9]));
    second(&push.hub, 102_000, 2);
    push.hub.set_config(configs(7)[0].clone());
    second(&push.hub, 103_000, 3);
    patiently(sink.wait_for(|tags| tags.iter().filter(|tag| tag.kind == TagKind::Audio).count() == 75)).await;
    let status = push.publisher.stop().await;
    assert_eq!(status.state, OutputState::Stopped);
    assert_eq!((status.retries, status.frames_dropped, status.last_error), (0, 0, None));
    assert!(status.bytes_sent > 75 * 2000);

    let tags = sink.tags();
    let start =
        [TagKind::Metadata, TagKind::VideoHeader, TagKind::AudioHeader, TagKind::Video, TagKind::Audio];
    assert_eq!(kinds(&tags)[..5], start);
    let headers: Vec<_> = tags.iter().filter(|tag| tag.kind == TagKind::VideoHeader).collect();
    assert_eq!(headers.iter().map(|tag| tag.timestamp_ms).collect::<Vec<_>>(), [0, 3000]);
    assert_eq!(headers[1].body[5..], [1, 0x42, 0xC0, 7]);
    assert_eq!(times(&tags, TagKind::AudioHeader), [0]);
    assert_eq!(times(&tags, TagKind::Metadata).len(), 1);
    let expected: Vec<u32> =
        [0, 2000, 3000].iter().flat_map(|at| (0..25).map(move |n| at + n * 40)).collect();
    assert_eq!(times(&tags, TagKind::Video), expected);
    let expected: Vec<u32> = expected.iter().map(|ms| ms + 7).collect();
    assert_eq!(times(&tags, TagKind::Audio), expected);
    let pictures: Vec<_> = tags.iter().filter(|tag| tag.kind == TagKind::Video).collect();
    assert!(pictures.iter().enumerate().all(|(n, tag)| tag.is_keyframe() == (n % 25 == 0)));
    assert!(pictures.iter().enumerate().all(|(n, tag)| tag.body[5..] == [n as u8 / 25 + 1; 2000]));
    patiently(async {
        while sink.publishers() != (1, 1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    sink.shutdown().await;
}

#[tokio::test]
async fn the_end_of_the_cast_ends_the_stream_after_what_is_queued() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let mut push = Push::to(&format!("rtmp://{}/live/key", sink.local_addr()), patient());
    push.keyframe_asked().await;
    second(&push.hub, 0, 1);
    push.hub.end();
    push.until(|status| status.state == OutputState::Stopped).await;
    patiently(sink.wait_for(|tags| times(tags, TagKind::Audio).len() == 25)).await;
    let mut late = Push::from(push.hub.clone(), &format!("rtmp://{}/live/key", sink.local_addr()), patient());
    late.until(|status| status.state == OutputState::Stopped).await;
    sink.shutdown().await;
}

#[tokio::test]
async fn after_a_reconnect_the_stream_starts_afresh() {
    // An address of its own: nobody else can take the port while the sink is away.
    let sink = RtmpSink::bind("127.77.0.1:0").await.unwrap();
    let address = sink.local_addr();
    let mut push = Push::to(&format!("rtmp://{address}/live/key"), patient());
    push.keyframe_asked().await;
    second(&push.hub, 0, 1);
    patiently(sink.wait_for(|tags| times(tags, TagKind::Video).len() == 25)).await;
    sink.shutdown().await;
    let status = push.until(|status| status.state == OutputState::Retrying).await;
    assert!(status.last_error.unwrap().contains("during the stream"));
    second(&push.hub, 60_000, 2);

    let sink = RtmpSink::bind(address).await.unwrap();
    push.live().await;
    push.keyframe_asked().await;
    push.hub.push(video(99_960, false, vec![3; 9]));
    second(&push.hub, 100_000, 4);
    patiently(sink.wait_for(|tags| times(tags, TagKind::Audio).len() == 25)).await;
    let tags = sink.tags();
    let start = [TagKind::Metadata, TagKind::VideoHeader, TagKind::AudioHeader, TagKind::Video];
    assert_eq!(kinds(&tags)[..4], start);
    assert!(tags[3].is_keyframe());
    assert_eq!(tags[3].timestamp_ms, 0);
    assert!(tags[3..].iter().all(|tag| tag.body.last() == Some(&4)), "nothing stale");
    push.publisher.stop().await;
    sink.shutdown().await;
}

#[tokio::test]
async fn a_keyframe_is_asked_for_until_it_comes() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let mut push = Push::to(&format!("rtmp://{}/live/key", sink.local_addr()), patient());
    push.keyframe_asked().await;
    push.keyframe_asked().await;
    push.keyframe_asked().await;
    second(&push.hub, 0, 1);
    patiently(sink.wait_for(|tags| times(tags, TagKind::Video).len() == 25)).await;
    while push.keyframes.try_recv().is_ok() {}
    assert!(timeout(Duration::from_millis(1500), push.keyframes.recv()).await.is_err());
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_port_nobody_listens_on() {
    let port = TcpListener::bind("127.77.0.2:0").await.unwrap().local_addr().unwrap().port();
    let mut push = Push::to(&format!("rtmp://127.77.0.2:{port}/live/key"), patient());
    let error = push.retried().await.last_error.unwrap();
    assert!(error.starts_with(&format!("cannot connect to 127.77.0.2 port {port}: ")), "{error}");
    let status = push.publisher.stop().await;
    assert_eq!(status.state, OutputState::Stopped);
}

#[tokio::test]
async fn a_host_that_does_not_exist() {
    let mut push = Push::to("rtmp://nohost.invalid/live/key", impatient());
    let error = push.until(|status| status.retries >= 1).await.last_error.unwrap();
    assert!(error.contains("the address of nohost.invalid"), "{error}");
    push.publisher.stop().await;
}

/// What a rogue makes of an output that was never live.
async fn against(script: Script, config: RtmpConfig) -> String {
    let rogue = Rogue::start(move |_| script.clone()).await;
    let mut push = Push::to(&rogue.url(), config);
    let status = push.retried().await;
    assert!(rogue.connections() >= 2);
    assert_eq!(push.publisher.stop().await.state, OutputState::Stopped);
    status.last_error.unwrap()
}

#[tokio::test]
async fn servers_that_say_nothing() {
    let mute = Script { handshake: false, say: Vec::new(), then: Then::Freeze };
    assert_eq!(
        against(mute, impatient()).await,
        "the RTMP handshake took longer than 300 ms: the server does not answer"
    );
    let error = against(Pen::new().script(Then::Read), impatient()).await;
    assert_eq!(error, "the RTMP connect took longer than 300 ms: the server does not answer");
    let error = against(Pen::new().connected().script(Then::Read), impatient()).await;
    assert_eq!(error, "the RTMP publish took longer than 300 ms: the server does not answer");
    let error = against(Pen::new().connected().created().script(Then::Freeze), impatient()).await;
    assert_eq!(error, "the RTMP publish took longer than 300 ms: the server does not answer");
}

#[tokio::test]
async fn servers_that_hang_up() {
    // With our bytes unread the kernel resets the connection instead of closing it.
    let hang_up = Script { handshake: false, say: Vec::new(), then: Then::Close };
    let error = against(hang_up, patient()).await;
    assert!(error.contains("during the RTMP handshake"), "{error}");
    let error = against(Pen::new().script(Then::ResetAfter(100)), patient()).await;
    assert!(error.contains("broke during the RTMP connect: Connection reset"), "{error}");
    let error = against(Pen::new().connected().created().script(Then::Close), patient()).await;
    assert!(error.contains("during the RTMP publish"), "{error}");
}

#[tokio::test]
async fn servers_that_talk_nonsense() {
    let http =
        Script { handshake: false, say: b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), then: Then::Read };
    assert!(
        against(http, patient()).await.starts_with("the RTMP handshake went wrong: the handshake failed")
    );
    let garbage = Script { handshake: true, say: vec![0xA5; 5000], then: Then::Read };
    assert_eq!(
        against(garbage, patient()).await,
        "the RTMP connect went wrong: the server's bytes are not RTMP: \
         a chunk refers to a chunk stream that never had a full header"
    );
    let error = against(Pen::new().connected().message(1, vec![0; 4]).script(Then::Read), patient()).await;
    assert!(error.ends_with("the chunk size is set to 0"), "{error}");
    let huge =
        Script { handshake: true, say: vec![3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0], then: Then::Read };
    let error = against(huge, patient()).await;
    assert!(error.contains("a message of 16777215 bytes is announced"), "{error}");
}

#[tokio::test]
async fn oddities_a_publisher_lives_with() {
    let odd = Pen::new()
        .chunk_size(0x7FFF_FFFF)
        .message(20, Vec::new())
        .command(&[Value::string("onBWDone")])
        .command(&[Value::Null])
        .message(4, vec![0, 26, 0])
        .message(6, vec![0, 0])
        .message(22, vec![1; 3000])
        .published();
    let odd = odd.script(Then::Read);
    let rogue = Rogue::start(move |_| odd.clone()).await;
    let mut push = Push::to(&rogue.url(), patient());
    push.live().await;
    assert_eq!(push.publisher.status().retries, 0);
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_server_that_writes_one_byte_at_a_time() {
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let server = sink.local_addr();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live/key", proxy.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (client, _) = proxy.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
        let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        while let Ok(byte) = from_server.read_u8().await {
            to_client.write_all(&[byte]).await.unwrap();
        }
        up.abort();
    });
    let mut push = Push::to(&url, patient());
    push.keyframe_asked().await;
    second(&push.hub, 0, 1);
    patiently(sink.wait_for(|tags| times(tags, TagKind::Audio).len() == 25)).await;
    assert_eq!(push.publisher.status().retries, 0);
    push.publisher.stop().await;
    task.abort();
}

#[tokio::test]
async fn a_connection_reset_in_mid_stream() {
    let rogue = Rogue::start(|_| Pen::new().published().script(Then::ResetAfter(30_000))).await;
    let mut push = Push::to(&rogue.url(), patient());
    // An encoder answers every request for a keyframe.
    let (hub, (_, unused)) = (push.hub.clone(), mpsc::unbounded_channel());
    let mut asked = std::mem::replace(&mut push.keyframes, unused);
    let encoder = tokio::spawn(async move {
        for round in 0.. {
            if asked.recv().await.is_some() {
                second(&hub, round * 1000, 1);
            }
        }
    });
    let error = push.until(|status| status.retries >= 2).await.last_error.unwrap();
    assert!(error.contains("during the stream"), "{error}");
    push.live().await;
    push.publisher.stop().await;
    encoder.abort();
}

#[tokio::test]
async fn a_server_that_takes_no_more_data() {
    let rogue = Rogue::start(|_| Pen::new().published().script(Then::Freeze)).await;
    let config = RtmpConfig { stall_timeout_ms: 500, ..patient() };
    let mut push = Push::to(&rogue.url(), config);
    push.keyframe_asked().await;
    // More than the socket buffers of both ends hold; the rest waits in the hub's queue or is lost.
    for n in 0..150 {
        push.hub.push(video(n * 20, n % 10 == 0, vec![0; 100_000]));
    }
    let status = push.until(|status| status.state == OutputState::Retrying).await;
    let error = status.last_error.unwrap();
    // Either we notice or the kernel does, whose patience is the same.
    assert!(error == "the server has taken no data for 500 ms" || error.contains("timed out"), "{error}");
    assert!(status.frames_dropped > 0);
    push.publisher.stop().await;
}

#[tokio::test]
async fn stopping_is_quick_whatever_the_server_does() {
    let rogue = Rogue::start(|_| Pen::new().published().script(Then::Freeze)).await;
    let mut push = Push::to(&rogue.url(), patient());
    push.keyframe_asked().await;
    for n in 0..100 {
        push.hub.push(video(n * 20, n % 10 == 0, vec![0; 100_000]));
    }
    let status = timeout(Duration::from_secs(2), push.publisher.stop()).await.expect("within two seconds");
    assert_eq!(status.state, OutputState::Stopped);
}

#[tokio::test]
async fn a_first_no_is_final_and_quotes_the_server_without_the_key() {
    let words = "live/s3cretkey is taken";
    let no = Pen::new().connected().created().status("error", "NetStream.Publish.BadName", words);
    let script = no.script(Then::Read);
    let rogue = Rogue::start(move |_| script.clone()).await;
    let mut push = Push::to(&rogue.url(), patient());
    let status = push.until(|status| status.state == OutputState::Failed).await;
    assert_eq!(
        status.last_error.as_deref(),
        Some("the server refused the RTMP publish: live/**** is taken (NetStream.Publish.BadName)")
    );
    assert_eq!(rogue.connections(), 1);
    assert_eq!(push.publisher.stop().await.state, OutputState::Failed);
}

#[tokio::test]
async fn a_no_after_a_live_time_is_tried_again() {
    let rogue = Rogue::start(|number| match number {
        0 => Pen::new().published().script(Then::ResetAfter(10)),
        1 | 2 => {
            let taken = Pen::new().connected().created();
            taken.status("error", "NetStream.Publish.BadName", "Already publishing").script(Then::Read)
        }
        _ => Pen::new().published().script(Then::Read),
    })
    .await;
    let mut push = Push::to(&rogue.url(), patient());
    let status = push.until(|status| status.retries >= 3 && status.state == OutputState::Live).await;
    assert!(status.last_error.unwrap().contains("Already publishing"));
    assert_eq!(rogue.connections(), 4);
    push.publisher.stop().await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let rogue = Rogue::start(|number| match number {
        0 => Pen::new().published().script(Then::ResetAfter(10)),
        _ => Pen::new()
            .connected()
            .created()
            .status("error", "NetStream.Publish.BadName", "s3cretkey?t0ken=v4lue5")
            .script(Then::Read),
    })
    .await;
    let url = format!("rtmp://us3r:passw0rd@{}/live/s3cretkey?t0ken=v4lue5", rogue.address);
    let mut push = Push::to(&url, patient());
    push.until(|status| status.retries >= 3).await;
    push.publisher.stop().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("rtmp output live") && text.contains("rtmp output lost"), "{text}");
    for secret in ["us3r", "passw0rd", "s3cretkey", "v4lue5"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Pushes the clip in real time until dropped.
fn play(clip: Arc<Clip>, hub: Hub) -> tokio::task::JoinHandle<()> {
    for config in &clip.configs {
        hub.set_config(config.clone());
    }
    tokio::spawn(async move {
        let start = tokio::time::Instant::now();
        for frame in clip.endless(MediaTime::from_millis(777_000)) {
            let since = frame.dts.since(MediaTime::from_millis(777_000));
            tokio::time::sleep_until(start + since).await;
            hub.push(frame);
        }
    })
}

async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    patiently(command.output()).await.unwrap()
}

/// Plays three seconds from the server and looks at every packet.
async fn watch(nginx: &Nginx, key: &str, file: &Path) {
    let file = file.to_str().unwrap();
    let pull = ["-nostdin", "-y", "-v", "error", "-i", &nginx.url(key), "-t", "3", "-c", "copy", file];
    let pulled = run("ffmpeg", &pull).await;
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    let entries =
        "stream=codec_type,codec_name,width,height,sample_rate:packet=codec_type,dts_time,pts_time,flags";
    let probe = run("ffprobe", &["-v", "error", "-show_entries", entries, "-of", "json", file]).await;
    let report: serde_json::Value = serde_json::from_slice(&probe.stdout).unwrap();
    let stream = |kind: &str| {
        let streams = report["streams"].as_array().unwrap();
        streams.iter().find(|stream| stream["codec_type"] == kind).cloned().unwrap_or_default()
    };
    assert_eq!(stream("video")["codec_name"], "h264");
    assert_eq!(
        (stream("video")["width"].as_u64(), stream("video")["height"].as_u64()),
        (Some(320), Some(180))
    );
    assert_eq!(stream("audio")["codec_name"], "aac");
    assert_eq!(stream("audio")["sample_rate"], "48000");
    let packets = report["packets"].as_array().unwrap();
    let of = |kind: &'static str| packets.iter().filter(move |packet| packet["codec_type"] == kind);
    let ms = |packet: &serde_json::Value, name: &str| {
        (packet[name].as_str().unwrap().parse::<f64>().unwrap() * 1000.0).round() as i64
    };
    for (kind, least, step) in [("video", 60, 50), ("audio", 100, 40)] {
        let times: Vec<i64> = of(kind).map(|packet| ms(packet, "dts_time")).collect();
        assert!(times.len() >= least, "{kind}: {} packets", times.len());
        // Every frame is there: no step is longer than a frame and a bit.
        assert!(times.windows(2).all(|pair| (1..=step).contains(&(pair[1] - pair[0]))), "{kind}: {times:?}");
    }
    assert!(of("video").next().unwrap()["flags"].as_str().unwrap().starts_with('K'));
    assert!(
        of("video").any(|packet| ms(packet, "pts_time") > ms(packet, "dts_time")),
        "B-frames are in order"
    );
    let decoded = run("ffmpeg", &["-nostdin", "-v", "error", "-i", file, "-f", "null", "-"]).await;
    assert_eq!(String::from_utf8_lossy(&decoded.stderr), "", "every frame decodes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_takes_the_stream_and_plays_it_on() {
    let mut nginx = Nginx::start();
    let clip = Arc::new(clip(nginx.file("").as_path(), 4));
    let hub = Hub::new();
    let player = play(clip, hub.clone());
    let mut push = Push::from(hub.clone(), &nginx.url("alice?token=x"), patient());
    push.live().await;
    watch(&nginx, "alice", &nginx.file("first.flv")).await;

    // Somebody else wants the same name.
    let mut second = Push::from(hub, &nginx.url("alice"), patient());
    let refused = second.until(|status| status.state == OutputState::Failed).await;
    assert_eq!(
        refused.last_error.as_deref(),
        Some("the server refused the RTMP publish: Already publishing (NetStream.Publish.BadName)")
    );

    nginx.stop();
    push.until(|status| status.state == OutputState::Retrying).await;
    nginx.restart();
    push.live().await;
    watch(&nginx, "alice", &nginx.file("second.flv")).await;
    assert_eq!(push.publisher.status().frames_dropped, 0);
    assert_eq!(push.publisher.stop().await.state, OutputState::Stopped);
    player.abort();

    let log = std::fs::read_to_string(nginx.file("error.log")).unwrap();
    assert!(log.contains("deleteStream"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sink_writes_can_be_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Arc::new(clip(dir.path(), 2));
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let hub = Hub::new();
    let player = play(clip, hub.clone());
    let push = Push::from(hub, &format!("rtmp://{}/live/key", sink.local_addr()), patient());
    patiently(sink.wait_for(|tags| times(tags, TagKind::Video).len() >= 60)).await;
    push.publisher.stop().await;
    player.abort();
    let file = dir.path().join("sink.flv");
    sink.write_flv(&file).await.unwrap();
    assert!(strictly_rising(&times(&sink.tags(), TagKind::Video)));
    assert!(strictly_rising(&times(&sink.tags(), TagKind::Audio)));
    let decoded = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i", file.to_str().unwrap(), "-f", "null", "-"])
        .output()
        .unwrap();
    assert_eq!((decoded.status.success(), String::from_utf8_lossy(&decoded.stderr).as_ref()), (true, ""));
    sink.shutdown().await;
}

/// ffmpeg's own RTMP server, which takes one publisher and writes a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_takes_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.79.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("rtmp://127.79.0.1:{port}/live/key");
    let file = dir.path().join("taken.flv");
    let mut ffmpeg = tokio::process::Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-y", "-v", "error", "-listen", "1", "-i", &url, "-c", "copy"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let ffmpeg = ffmpeg.spawn().unwrap();
    let hub = Hub::new();
    let player = play(Arc::new(clip(dir.path(), 4)), hub.clone());
    let mut push = Push::from(hub, &url, patient());
    push.live().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let status = push.publisher.stop().await;
    player.abort();
    assert_eq!((status.state, status.frames_dropped), (OutputState::Stopped, 0));
    let taken = patiently(ffmpeg.wait_with_output()).await.unwrap();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let file = file.to_str().unwrap();
    let count = [
        "-v",
        "error",
        "-count_packets",
        "-show_entries",
        "stream=codec_name,nb_read_packets",
        "-of",
        "csv=p=0",
        file,
    ];
    let probe = String::from_utf8(run("ffprobe", &count).await.stdout).unwrap();
    for (codec, least) in [("h264", 50), ("aac", 100)] {
        let line =
            probe.lines().find_map(|line| line.strip_prefix(codec)).unwrap_or_else(|| panic!("{probe}"));
        let packets: u32 = line.trim_matches(',').parse().unwrap();
        assert!(packets >= least, "{probe}");
    }
    let decoded = run("ffmpeg", &["-nostdin", "-v", "error", "-i", file, "-f", "null", "-"]).await;
    assert_eq!(String::from_utf8_lossy(&decoded.stderr), "", "every frame decodes");
}

#[tokio::test]
async fn an_idr_is_asked_for_when_a_slow_peer_cost_a_gop() {
    let pause = Then::FreezeFor(Duration::from_secs(3));
    let rogue = Rogue::start(move |_| Pen::new().published().script(pause)).await;
    let mut push = Push::to(&rogue.url(), RtmpConfig { max_queue_bytes: 400_000, ..patient() });
    push.keyframe_asked().await;
    // More than the kernel takes; then the queue fills and loses the rest of the GOP.
    let mut number = 0;
    for _ in 0..200 {
        push.hub.push(video(number * 20, number == 0, vec![0; 50_000]));
        number += 1;
        // The publisher may hand the kernel what that takes.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let status = push.publisher.status();
    assert!(status.queued_bytes > 100_000 && status.queued_ms >= 40, "{status:?}");
    // The session has its keyframe: whoever asks now asks for the dropped ones.
    push.keyframe_asked().await;
    push.hub.push(video(number * 20, true, vec![1; 1000]));
    while push.keyframes.try_recv().is_ok() {}
    assert!(timeout(Duration::from_millis(1500), push.keyframes.recv()).await.is_err(), "it has come");
    let status = push.publisher.stop().await;
    assert!(status.frames_dropped > 0 && status.retries == 0, "{status:?}");
}
