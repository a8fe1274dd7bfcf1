//! The session against a scripted server: what goes out, byte by byte, and what garbage does.

use super::*;
use crate::{
    egress::rtmp::{amf0, chunk_reader::ChunkReader, link::*},
    media::{AudioConfig, Track, VideoConfig},
    units::MediaTime,
};
use proptest::prelude::*;
use rml_rtmp::{chunk_io::ChunkSerializer, messages::MessagePayload, time::RtmpTimestamp};

/// Handshake of the original specification: version 3, then two packets of 1536 bytes.
const PACKET: usize = 1536;

/// What a server writes, and what it reads from us.
struct Server {
    out: ChunkSerializer,
    input: ChunkReader,
}

impl Server {
    fn new() -> Self {
        Self { out: ChunkSerializer::new(), input: ChunkReader::new(1 << 24) }
    }

    fn message(&mut self, kind: u8, stream: u32, data: Vec<u8>) -> Vec<u8> {
        let message = MessagePayload {
            timestamp: RtmpTimestamp::new(0),
            type_id: kind,
            message_stream_id: stream,
            data: data.into(),
        };
        self.out.serialize(&message, false, false).unwrap().bytes
    }

    fn command(&mut self, values: &[Value]) -> Vec<u8> {
        self.message(COMMAND_AMF0, 0, amf0::write_all(values))
    }

    fn result(&mut self, transaction: f64, value: Value) -> Vec<u8> {
        self.command(&[Value::string("_result"), Value::Number(transaction), Value::Null, value])
    }

    fn status(&mut self, level: &str, code: &str, description: &str) -> Vec<u8> {
        let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
        let info = Value::Object(vec![
            property("level", level),
            property("code", code),
            property("description", description),
        ]);
        self.command(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, info])
    }

    /// What the client's bytes say.
    fn read(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.input.feed(bytes);
        let mut messages = Vec::new();
        while let Some(message) = self.input.next_message().unwrap() {
            if message.kind == SET_CHUNK_SIZE {
                let size = u32::from_be_bytes(message.payload[..4].try_into().unwrap());
                self.input.set_chunk_size(size).unwrap();
            }
            messages.push(message);
        }
        messages
    }
}

fn hello() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.resize(1 + 2 * PACKET, 7);
    bytes
}

fn url() -> RtmpUrl {
    RtmpUrl::parse("rtmp://h.example/live/s3cret?token=abcdef").unwrap()
}

fn session() -> Session {
    Session::new(&url(), Instant::now()).unwrap()
}

/// Everything the session wants to say now: bytes, events.
fn drain(session: &mut Session) -> (Vec<u8>, Vec<Event>) {
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = session.poll_output() {
        match output {
            Output::Transmit(part) => bytes.extend_from_slice(&part),
            Output::Event(event) => events.push(event),
        }
    }
    (bytes, events)
}

fn commands(messages: &[Message]) -> Vec<Vec<Value>> {
    let command = |message: &&Message| message.kind == COMMAND_AMF0;
    messages.iter().filter(command).map(|message| amf0::read_all(&message.payload)).collect()
}

fn names(messages: &[Message]) -> Vec<String> {
    commands(messages).iter().map(|values| values[0].as_str().unwrap().to_owned()).collect()
}

/// A session that has got to `Live`, and the server's end.
fn live() -> (Session, Server) {
    let (mut session, mut server) = (session(), Server::new());
    session.handle_input(&hello(), Instant::now()).unwrap();
    let (bytes, _) = drain(&mut session);
    server.read(&bytes[1 + 2 * PACKET..]);
    for answer in [
        server.result(CONNECT, Value::Null),
        server.result(CREATE_STREAM, Value::Number(1.0)),
        server.status("status", "NetStream.Publish.Start", "go"),
    ] {
        session.handle_input(&answer, Instant::now()).unwrap();
    }
    let (bytes, events) = drain(&mut session);
    server.read(&bytes);
    assert_eq!((session.stage(), events), (Stage::Live, vec![Event::Published]));
    (session, server)
}

fn video_config(last: u8) -> TrackConfig {
    TrackConfig::Video(VideoConfig {
        avcc: vec![1, 66, last].into(),
        width: 640,
        height: 360,
        fps: 30,
        kbps: 900,
    })
}

fn audio_config() -> TrackConfig {
    TrackConfig::Audio(AudioConfig {
        asc: vec![0x11, 0x90].into(),
        sample_rate: 48_000,
        channels: 2,
        kbps: 128,
    })
}

fn frame(track: Track, ms: u64, keyframe: bool, data: Vec<u8>) -> EncodedFrame {
    let at = MediaTime::from_millis(ms);
    EncodedFrame { track, pts: at, dts: at, duration: MediaTime::ZERO, keyframe, data: data.into() }
}

#[test]
fn commands_go_in_the_order_every_ingest_knows() {
    let (mut session, mut server) = (session(), Server::new());
    assert_eq!(session.stage(), Stage::Handshake);
    session.handle_input(&hello(), Instant::now()).unwrap();
    assert_eq!(session.stage(), Stage::Connect);
    let (bytes, _) = drain(&mut session);
    assert_eq!(bytes[0], 3);
    // Our answer repeats the server's packet.
    assert_eq!(bytes[1 + PACKET..1 + 2 * PACKET], [7; PACKET]);
    let connect = &commands(&server.read(&bytes[1 + 2 * PACKET..]))[0];
    assert_eq!(connect[..2], [Value::string("connect"), Value::Number(1.0)]);
    assert_eq!(connect[2].get("app"), Some(&Value::string("live")));
    assert_eq!(connect[2].get("tcUrl"), Some(&Value::string("rtmp://h.example/live")));
    assert_eq!(connect[2].get("type"), Some(&Value::string("nonprivate")));

    session.handle_input(&server.result(CONNECT, Value::Null), Instant::now()).unwrap();
    assert_eq!(session.stage(), Stage::Publish);
    let (bytes, _) = drain(&mut session);
    let messages = server.read(&bytes);
    assert!(messages.iter().any(|m| m.kind == SET_CHUNK_SIZE && m.payload[..] == CHUNK_SIZE.to_be_bytes()));
    assert_eq!(names(&messages), ["releaseStream", "FCPublish", "createStream"]);

    // Servers that do not know releaseStream say so; that is no refusal.
    let shrug = [Value::string("_error"), Value::Number(RELEASE_STREAM), Value::Null, Value::string("what?")];
    session.handle_input(&server.command(&shrug), Instant::now()).unwrap();
    session.handle_input(&server.result(CREATE_STREAM, Value::Number(9.0)), Instant::now()).unwrap();
    let (bytes, events) = drain(&mut session);
    assert_eq!(events, []);
    let messages = server.read(&bytes);
    assert_eq!(messages[0].stream, 9);
    let key = Value::string("s3cret?token=abcdef");
    assert_eq!(
        commands(&messages)[0],
        [Value::string("publish"), Value::Number(PUBLISH), Value::Null, key.clone(), Value::string("live")]
    );

    session.handle_input(&server.status("status", "NetStream.Publish.Start", ""), Instant::now()).unwrap();
    assert_eq!(session.stage(), Stage::Live);
    session.finish(Instant::now()).unwrap();
    let (bytes, events) = drain(&mut session);
    assert_eq!(events, [Event::Published]);
    let end = commands(&server.read(&bytes));
    assert_eq!(end[0], [Value::string("FCUnpublish"), Value::Number(FC_UNPUBLISH), Value::Null, key]);
    assert_eq!(
        end[1],
        [Value::string("deleteStream"), Value::Number(DELETE_STREAM), Value::Null, Value::Number(9.0)]
    );
    assert_eq!(session.stage(), Stage::Closed);
}

#[test]
fn media_starts_with_metadata_headers_and_a_keyframe() {
    let (mut session, mut server) = live();
    session.send_frame(&frame(Track::Video, 0, true, vec![1])).unwrap();
    assert!(drain(&mut session).0.is_empty(), "no parameters yet");
    session.send_config(&video_config(30));
    session.send_config(&audio_config());
    assert!(session.awaits_keyframe());
    session.send_frame(&frame(Track::Audio, 5000, true, vec![1])).unwrap();
    session.send_frame(&frame(Track::Video, 5010, false, vec![2])).unwrap();
    session.send_frame(&frame(Track::Video, 5043, true, vec![3; 10_000])).unwrap();
    session.send_frame(&frame(Track::Audio, 5064, true, vec![4])).unwrap();
    session.send_config(&video_config(30));
    session.send_frame(&frame(Track::Video, 5076, false, vec![5])).unwrap();
    assert!(!session.awaits_keyframe());
    let messages = server.read(&drain(&mut session).0);
    let summary: Vec<_> = messages.iter().map(|m| (m.kind, m.timestamp, m.stream, m.payload.len())).collect();
    assert_eq!(summary[1..], [(9, 0, 1, 8), (8, 0, 1, 4), (9, 0, 1, 10_005), (8, 21, 1, 3), (9, 33, 1, 6)]);
    assert_eq!((messages[0].kind, messages[0].timestamp), (DATA_AMF0, 0));
    let metadata = amf0::read_all(&messages[0].payload);
    assert_eq!(metadata[..2], [Value::string("@setDataFrame"), Value::string("onMetaData")]);
    assert!(matches!(metadata[2], Value::EcmaArray(_)));
    assert_eq!(metadata[2].get("audiosamplerate"), Some(&Value::Number(48_000.0)));
    assert_eq!(messages[3].payload[..6], [0x17, 1, 0, 0, 0, 3]);
}

#[test]
fn headers_are_sent_again_only_when_their_bytes_change() {
    let (mut session, mut server) = live();
    session.send_config(&video_config(30));
    session.send_config(&audio_config());
    session.send_frame(&frame(Track::Video, 0, true, vec![1])).unwrap();
    server.read(&drain(&mut session).0);
    session.discontinuity();
    session.send_config(&video_config(30));
    session.send_frame(&frame(Track::Video, 40, false, vec![1])).unwrap();
    session.send_frame(&frame(Track::Video, 80, true, vec![1])).unwrap();
    session.send_config(&video_config(31));
    session.send_frame(&frame(Track::Video, 120, false, vec![1])).unwrap();
    session.send_frame(&frame(Track::Video, 160, true, vec![1])).unwrap();
    let messages = server.read(&drain(&mut session).0);
    let summary: Vec<_> = messages.iter().map(|m| (m.kind, m.timestamp, m.payload.len())).collect();
    // A new encoder with the same parameters brings no header; other parameters do, at a keyframe.
    assert_eq!(summary, [(9, 80, 6), (9, 160, 8), (9, 160, 6)]);
    assert_eq!(messages[1].payload[5..], [1, 66, 31]);
}

#[test]
fn refusals_carry_the_servers_words_without_the_key() {
    let refused = |answer: &dyn Fn(&mut Server) -> Vec<u8>, steps: usize| {
        let (mut session, mut server) = (session(), Server::new());
        session.handle_input(&hello(), Instant::now()).unwrap();
        for (transaction, value) in
            [(CONNECT, Value::Null), (CREATE_STREAM, Value::Number(1.0))].into_iter().take(steps)
        {
            session.handle_input(&server.result(transaction, value), Instant::now()).unwrap();
        }
        session.handle_input(&answer(&mut server), Instant::now()).unwrap();
        assert_eq!(session.stage(), Stage::Closed);
        drain(&mut session).1
    };
    let info = Value::Object(vec![
        ("code".to_owned(), Value::string("NetConnection.Connect.Rejected")),
        ("description".to_owned(), Value::string("no app for s3cret")),
    ]);
    let error = |id: f64| [Value::string("_error"), Value::Number(id), Value::Null, info.clone()];
    let expected = [Event::Rejected {
        code: "NetConnection.Connect.Rejected".to_owned(),
        description: "no app for ****".to_owned(),
    }];
    assert_eq!(refused(&|server| server.command(&error(CONNECT)), 0), expected);
    assert_eq!(refused(&|server| server.command(&error(CREATE_STREAM)), 1), expected);
    // Some servers answer `publish` with transaction 0.
    assert_eq!(refused(&|server| server.command(&error(0.0)), 2), expected);
    let taken =
        refused(&|server| server.status("error", "NetStream.Publish.BadName", "Already publishing"), 2);
    let expected = Event::Rejected {
        code: "NetStream.Publish.BadName".to_owned(),
        description: "Already publishing".to_owned(),
    };
    assert_eq!(taken, [expected]);
}

#[test]
fn a_live_stream_ends_only_by_what_concerns_it() {
    let (mut session, mut server) = live();
    let noise = [
        server.status("error", "NetStream.Record.Failed", "disk full"),
        server.status("status", "NetStream.Publish.Idle", ""),
        server.command(&[Value::string("onBWDone")]),
        server.command(&[Value::string("_result")]),
        server.command(&[]),
        server.command(&[Value::Null, Value::Null]),
        server.message(USER_CONTROL, 0, vec![0, 26, 1]),
        server.message(USER_CONTROL, 0, vec![0]),
        server.message(USER_CONTROL, 0, vec![0, 6, 1]),
        server.message(99, 5, vec![1, 2, 3]),
        server.message(DATA_AMF0, 1, vec![0x0C]),
        server.message(WINDOW_ACK_SIZE, 0, vec![0, 0, 0, 0]),
        server.message(9, 1, vec![0x17]),
    ];
    noise.iter().for_each(|bytes| session.handle_input(bytes, Instant::now()).unwrap());
    assert_eq!((session.stage(), drain(&mut session)), (Stage::Live, (vec![], vec![])));
    let end = server.status("status", "NetStream.Unpublish.Success", "bye");
    session.handle_input(&end, Instant::now()).unwrap();
    let expected =
        Event::Ended { code: "NetStream.Unpublish.Success".to_owned(), description: "bye".to_owned() };
    assert_eq!((session.stage(), drain(&mut session).1), (Stage::Closed, vec![expected]));
}

#[test]
fn a_reconnect_request_leaves_the_stream_running() {
    let (mut session, mut server) = live();
    let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
    let info = Value::Object(vec![
        property("code", "NetConnection.Connect.ReconnectRequest"),
        property("level", "status"),
        property("tcUrl", "rtmp://b.example/live"),
        property("description", "maintenance"),
    ]);
    let ask = server.command(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, info]);
    session.handle_input(&ask, Instant::now()).unwrap();
    let bare = server.status("status", "NetConnection.Connect.ReconnectRequest", "");
    session.handle_input(&bare, Instant::now()).unwrap();
    let expected = [
        Event::ReconnectRequested {
            tc_url: Some(Redacted::new("rtmp://b.example/live".to_owned())),
            description: "maintenance".to_owned(),
        },
        Event::ReconnectRequested { tc_url: None, description: String::new() },
    ];
    assert_eq!((session.stage(), drain(&mut session).1), (Stage::Live, expected.to_vec()));
}

#[test]
fn a_query_stands_behind_the_application() {
    let mut server = Server::new();
    let mut session = session().authenticated(Some(Redacted::new("authmod=adobe&user=joe".to_owned())));
    session.handle_input(&hello(), Instant::now()).unwrap();
    let (bytes, _) = drain(&mut session);
    let connect = &commands(&server.read(&bytes[1 + 2 * PACKET..]))[0];
    assert_eq!(connect[2].get("app"), Some(&Value::string("live?authmod=adobe&user=joe")));
    assert_eq!(connect[2].get("tcUrl"), Some(&Value::string("rtmp://h.example/live?authmod=adobe&user=joe")));
    let info = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed";
    let info = Value::Object(vec![("description".to_owned(), Value::string(info))]);
    let no = [Value::string("_error"), Value::Number(CONNECT), Value::Null, info];
    session.handle_input(&server.command(&no), Instant::now()).unwrap();
    assert_eq!(drain(&mut session).1, [Event::Authentication(Demand::Denied)]);
    assert_eq!(session.stage(), Stage::Closed);
}

#[test]
fn a_question_publishes_nothing() {
    let mut server = Server::new();
    let mut session = session().only_connect();
    session.handle_input(&hello(), Instant::now()).unwrap();
    let (bytes, _) = drain(&mut session);
    server.read(&bytes[1 + 2 * PACKET..]);
    session.handle_input(&server.result(CONNECT, Value::Null), Instant::now()).unwrap();
    assert_eq!(drain(&mut session), (vec![], vec![Event::Connected]));
    assert_eq!(session.stage(), Stage::Closed);
}

#[test]
fn acknowledgements_carry_the_running_total() {
    let (mut session, mut server) = live();
    let start = session.link.consumed();
    let mut window = server.message(WINDOW_ACK_SIZE, 0, 100u32.to_be_bytes().to_vec());
    session.handle_input(&window, Instant::now()).unwrap();
    // The first total passes 100 at once; then every 100 bytes and more.
    let mut sent = start + window.len() as u64;
    let mut expected = vec![sent];
    for _ in 0..20 {
        window = server.message(99, 0, vec![0; 58]);
        session.handle_input(&window, Instant::now()).unwrap();
        sent += window.len() as u64;
        if sent - expected.last().unwrap() >= 100 {
            expected.push(sent);
        }
    }
    let totals: Vec<_> = server
        .read(&drain(&mut session).0)
        .iter()
        .filter(|message| message.kind == ACKNOWLEDGEMENT)
        .map(|message| u64::from(u32::from_be_bytes(message.payload[..4].try_into().unwrap())))
        .collect();
    assert_eq!(totals, expected);
    assert!(totals.len() >= 10);
}

#[test]
fn pings_are_answered_and_bandwidth_once() {
    let (mut session, mut server) = live();
    let ping = server.message(USER_CONTROL, 0, vec![0, 6, 1, 2, 3, 4]);
    session.handle_input(&ping, Instant::now()).unwrap();
    let bandwidth = server.message(SET_PEER_BANDWIDTH, 0, vec![0, 0, 0x10, 0, 2]);
    session.handle_input(&bandwidth, Instant::now()).unwrap();
    session.handle_input(&bandwidth, Instant::now()).unwrap();
    let replies = server.read(&drain(&mut session).0);
    let replies: Vec<_> = replies.iter().map(|m| (m.kind, m.payload.to_vec())).collect();
    assert_eq!(replies, [(USER_CONTROL, vec![0, 7, 1, 2, 3, 4]), (WINDOW_ACK_SIZE, vec![0, 0, 0x10, 0])]);
}

#[test]
fn broken_framing_ends_the_session() {
    for bad in [
        vec![0xC3],                                             // a continuation of nothing
        vec![2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0],     // 16 MiB announced
        vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0],   // chunk size 0
        vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 255, 0, 0, 0], // chunk size with the top bit
    ] {
        let (mut session, _) = live();
        assert!(matches!(session.handle_input(&bad, Instant::now()), Err(SessionError::Chunk(_))));
        assert_eq!(session.stage(), Stage::Closed);
        session.handle_input(&bad, Instant::now()).unwrap();
    }
    let mut session = session();
    let error = session.handle_input(b"HTTP/1.1 400 Bad Request", Instant::now());
    assert!(matches!(error, Err(SessionError::Handshake(_))));
}

#[test]
fn a_stream_id_must_be_one() {
    for id in
        [Value::Null, Value::Number(0.0), Value::Number(-1.0), Value::Number(f64::NAN), Value::Number(1e10)]
    {
        let (mut session, mut server) = (session(), Server::new());
        session.handle_input(&hello(), Instant::now()).unwrap();
        session.handle_input(&server.result(CONNECT, Value::Null), Instant::now()).unwrap();
        let answer = session.handle_input(&server.result(CREATE_STREAM, id), Instant::now());
        assert!(matches!(answer, Err(SessionError::NoStreamId)));
    }
}

/// What a server may send in the course of a session, sensible or not.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let step = prop_oneof![Just(0u8), Just(1), Just(2), Just(3), Just(4), Just(5), Just(6), Just(7), Just(8)];
    (prop::collection::vec((step, any::<u32>()), 0..30)).prop_map(|steps| {
        let mut server = Server::new();
        let mut bytes = hello();
        for (step, number) in steps {
            bytes.extend(match step {
                0 => server.result(CONNECT, Value::Null),
                1 => server.result(CREATE_STREAM, Value::Number(1.0)),
                2 => server.status("status", "NetStream.Publish.Start", "go"),
                3 => server.message(USER_CONTROL, 0, [&[0, 6][..], &number.to_be_bytes()].concat()),
                4 => server.message(WINDOW_ACK_SIZE, 0, (number % 500).to_be_bytes().to_vec()),
                5 => server.message(SET_PEER_BANDWIDTH, 0, number.to_be_bytes().to_vec()),
                6 => server.message(99, number % 7, vec![0; (number % 3000) as usize + 1]),
                7 => server.command(&[Value::string("onBWDone")]),
                _ => server.out.set_max_chunk_size(number % 5000 + 1, RtmpTimestamp::new(0)).unwrap().bytes,
            });
        }
        bytes
    })
}

/// Replies and events to `bytes` handed over in pieces; our random first packet is left out.
fn replies(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> (Vec<u8>, Vec<Event>, Stage) {
    let mut session = session();
    drain(&mut session);
    let (mut out, mut events, mut rest) = (Vec::new(), Vec::new(), bytes);
    for piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        if session.handle_input(now, Instant::now()).is_err() || rest.is_empty() {
            break;
        }
        let (more, happened) = drain(&mut session);
        out.extend(more);
        events.extend(happened);
    }
    let (more, happened) = drain(&mut session);
    out.extend(more);
    events.extend(happened);
    (out, events, session.stage())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replies_do_not_depend_on_how_bytes_arrive(bytes in traffic(), cuts in prop::collection::vec(1usize..2000, 40)) {
        let whole = replies(&bytes, std::iter::once(bytes.len()));
        prop_assert_eq!(&replies(&bytes, std::iter::repeat(1)), &whole);
        prop_assert_eq!(&replies(&bytes, cuts.into_iter().cycle()), &whole);
    }

    #[test]
    fn garbage_never_panics(
        prefix in traffic(), garbage in prop::collection::vec(any::<u8>(), 0..3000), keep in any::<prop::sample::Index>(),
        piece in 1usize..500,
    ) {
        let mut bytes = prefix;
        bytes.truncate(keep.index(bytes.len() + 1));
        bytes.extend(garbage);
        replies(&bytes, std::iter::repeat(piece));
    }

    #[test]
    fn flipped_bytes_never_panic(bytes in traffic(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = bytes;
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        replies(&bytes, std::iter::repeat(97));
    }
}

#[test]
fn an_unknown_event_loses_nothing_beside_it() {
    let (mut session, mut server) = live();
    let swf_verify = server.message(USER_CONTROL, 0, vec![0, 26, 1, 2]);
    let ping = server.message(USER_CONTROL, 0, vec![0, 6, 1, 2, 3, 4]);
    session.handle_input(&[swf_verify, ping].concat(), Instant::now()).unwrap();
    let replies = server.read(&drain(&mut session).0);
    assert_eq!(replies[0].payload[..], [0, 7, 1, 2, 3, 4]);
}

#[test]
fn an_answer_may_hold_any_amf0_value() {
    let long = [&[0x0C, 0, 1, 0x11, 0x70][..], &vec![b'x'; 70_000]].concat();
    let date = vec![0x0B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let typed = vec![0x10, 0, 1, b'T', 0, 1, b'a', 0x05, 0, 0, 9];
    for value in [date, typed, vec![0x0D], vec![0x0C, 0, 0, 0, 1, b'x'], long] {
        let (mut session, mut server) = (session(), Server::new());
        session.handle_input(&hello(), Instant::now()).unwrap();
        let mut answer = amf0::write_all(&[Value::string("_result"), Value::Number(CONNECT)]);
        let fits = answer.len() + value.len() <= MAX_SERVER_MESSAGE;
        answer.extend(value);
        let result = session.handle_input(&server.message(COMMAND_AMF0, 0, answer), Instant::now());
        // Only what is beyond all measure ends the session.
        assert_eq!((result.is_ok(), session.stage() == Stage::Publish), (fits, fits));
    }
}

#[test]
fn time_that_goes_back_is_held() {
    let (mut session, mut server) = live();
    session.send_config(&video_config(30));
    for ms in [1000, 1040, 1034, 1041, 1080] {
        session.send_frame(&frame(Track::Video, ms, true, vec![1])).unwrap();
    }
    let messages = server.read(&drain(&mut session).0);
    let times: Vec<_> =
        messages.iter().filter(|m| m.kind == 9 && m.payload[1] == 1).map(|m| m.timestamp).collect();
    assert_eq!(times, [0, 40, 41, 42, 80]);
}

#[test]
fn an_empty_frame_is_left_out_and_a_huge_one_is_an_error() {
    let (mut session, mut server) = live();
    session.send_config(&video_config(30));
    session.send_frame(&frame(Track::Video, 0, true, vec![])).unwrap();
    assert!(drain(&mut session).0.is_empty());
    session.send_frame(&frame(Track::Video, 0, true, vec![1])).unwrap();
    assert!(!server.read(&drain(&mut session).0).is_empty());
    let huge = frame(Track::Video, 40, true, vec![0; 1 << 24]);
    assert!(matches!(session.send_frame(&huge), Err(SessionError::Write(_))));
}

#[test]
fn interleaved_messages_are_put_together() {
    let (mut session, _) = live();
    // Chunks of 128 bytes: a long message on stream 6, a ping on stream 2 in its midst.
    let unknown = [&[6, 0, 0, 0, 0, 0, 200, 99, 0, 0, 0, 0][..], &[1; 128]].concat();
    let ping = vec![2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 1, 2, 3, 4];
    let rest = [&[0xC6][..], &[1; 72]].concat();
    session.handle_input(&[unknown, ping.clone(), rest, ping].concat(), Instant::now()).unwrap();
    let (bytes, _) = drain(&mut session);
    assert_eq!(bytes.windows(6).filter(|bytes| *bytes == [0, 7, 1, 2, 3, 4]).count(), 2);
    assert_eq!(session.stage(), Stage::Live);
}
