//! The session against a scripted player.

use super::*;
use crate::{
    egress::rtmp::{chunk_reader::ChunkReader, link::*},
    media::{AudioConfig, Track, VideoConfig},
    units::MediaTime,
};
use proptest::prelude::*;

/// Handshake of the original specification: version 3, then two packets of 1536 bytes.
const PACKET: usize = 1536;

/// What a player writes, and what it reads from us.
struct Player {
    out: Link,
    input: ChunkReader,
    session: PlayerSession,
    now: Instant,
    shaken: usize,
}

#[derive(Debug, PartialEq)]
enum Heard {
    Command(Vec<Value>),
    Message(Message),
    Event(PlayerEvent),
}

impl Heard {
    fn code(&self) -> &str {
        let Self::Command(values) = self else { return "" };
        values.iter().find_map(|value| value.get("code")).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Player {
    fn new() -> Self {
        let now = Instant::now();
        let session = PlayerSession::new(now);
        Self { out: Link::new(1 << 20), input: ChunkReader::new(1 << 24), session, now, shaken: 0 }
    }

    fn connected() -> Self {
        let mut player = Self::new();
        player.say(&hello());
        let connect = player.connect("live");
        player.say(&connect);
        player
    }

    fn playing() -> Self {
        let mut player = Self::connected();
        player.call("createStream", 2.0, vec![]);
        player.call("play", 3.0, vec![Value::string("room"), Value::Number(-2.0)]);
        player.session.accept(player.now).unwrap();
        player.hear();
        player
    }

    fn command(&mut self, name: &str, transaction: f64, more: Vec<Value>) -> Vec<u8> {
        let mut values = vec![Value::string(name), Value::Number(transaction)];
        values.extend(more);
        self.out.write(COMMAND_AMF0, 0, 0, amf0::write_all(&values).into()).unwrap().to_vec()
    }

    fn connect(&mut self, app: &str) -> Vec<u8> {
        let object = Value::Object(vec![
            ("app".to_owned(), Value::string(app)),
            ("tcUrl".to_owned(), Value::string("rtmp://h/live?token=s3cret")),
        ]);
        self.command("connect", 1.0, vec![object])
    }

    fn call(&mut self, name: &str, transaction: f64, arguments: Vec<Value>) -> Vec<Heard> {
        let mut more = vec![Value::Null];
        more.extend(arguments);
        let bytes = self.command(name, transaction, more);
        self.say(&bytes)
    }

    fn say(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.session.handle_input(bytes, self.now).unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                PlayerOutput::Event(event) => heard.push(Heard::Event(event)),
                PlayerOutput::Transmit(bytes) => {
                    let handshake = (1 + 2 * PACKET - self.shaken).min(bytes.len());
                    self.shaken += handshake;
                    self.input.feed(&bytes[handshake..]);
                }
            }
            while let Some(message) = self.input.next_message().unwrap() {
                if message.kind == SET_CHUNK_SIZE {
                    self.input.set_chunk_size(number(&message.payload).unwrap()).unwrap();
                }
                heard.push(match command_values(&message) {
                    Some(values) => Heard::Command(values),
                    None => Heard::Message(message),
                });
            }
        }
        heard
    }
}

fn hello() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.resize(1 + 2 * PACKET, 7);
    bytes
}

fn frame(track: Track, ms: u64, keyframe: bool) -> EncodedFrame {
    let at = MediaTime::from_millis(ms);
    let data = vec![u8::from(keyframe); 5000].into();
    EncodedFrame { track, pts: at, dts: at, duration: MediaTime::ZERO, keyframe, data }
}

fn configs() -> [TrackConfig; 2] {
    [
        TrackConfig::Video(VideoConfig {
            avcc: vec![1, 2, 3].into(),
            width: 640,
            height: 360,
            fps: 30,
            kbps: 9,
        }),
        TrackConfig::Audio(AudioConfig {
            asc: vec![0x11, 0x90].into(),
            sample_rate: 48_000,
            channels: 2,
            kbps: 96,
        }),
    ]
}

fn codes(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(Heard::code).filter(|code| !code.is_empty()).collect()
}

#[test]
fn a_player_gets_the_answers_of_adobes_server() {
    let mut player = Player::new();
    player.say(&hello());
    let connect = player.connect("live");
    let heard = player.say(&connect);
    let kinds: Vec<u8> = heard
        .iter()
        .map(|one| match one {
            Heard::Message(message) => message.kind,
            _ => 0,
        })
        .collect();
    assert_eq!(kinds, [WINDOW_ACK_SIZE, SET_PEER_BANDWIDTH, SET_CHUNK_SIZE, 0]);
    assert_eq!(heard[3].code(), "NetConnection.Connect.Success");

    let heard = player.call("createStream", 2.0, vec![]);
    let stream = vec![Value::string("_result"), Value::Number(2.0), Value::Null, Value::Number(1.0)];
    assert_eq!(heard, [Heard::Command(stream)]);
    let heard = player.call("getStreamLength", 3.0, vec![Value::string("room")]);
    let length = vec![Value::string("_result"), Value::Number(3.0), Value::Null, Value::Number(0.0)];
    assert_eq!(heard, [Heard::Command(length)]);
    assert_eq!(player.call("_checkbw", 4.0, vec![]).len(), 1);
    assert_eq!(codes(&player.call("nobodyKnowsThis", 5.0, vec![])), ["NetConnection.Call.Failed"]);
    assert_eq!(player.call("nobodyKnowsThis", 0.0, vec![]), []);

    let heard = player.call("play", 6.0, vec![Value::string("room"), Value::Number(-2000.0)]);
    let [Heard::Event(PlayerEvent::Play(request))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(request.stream, "room");
    assert_eq!(request.token.as_ref().map(|token| token.expose().as_str()), Some("s3cret"));
    assert!(!format!("{heard:?}").contains("s3cret"));
    player.session.accept(player.now).unwrap();
    let heard = player.hear();
    let Heard::Message(begin) = &heard[0] else { panic!("{heard:?}") };
    assert_eq!((begin.kind, &begin.payload[..]), (USER_CONTROL, &[0, 0, 0, 0, 0, 1][..]));
    assert_eq!(codes(&heard), ["NetStream.Play.Reset", "NetStream.Play.Start"]);
    let Heard::Message(access) = &heard[3] else { panic!("{heard:?}") };
    assert_eq!(amf0::read_all(&access.payload)[0], Value::string("|RtmpSampleAccess"));
    let Heard::Message(start) = &heard[4] else { panic!("{heard:?}") };
    let start = amf0::read_all(&start.payload);
    assert_eq!(start[0], Value::string("onStatus"));
    assert_eq!(start[1].get("code"), Some(&Value::string("NetStream.Data.Start")));
}

#[test]
fn play2_names_its_stream_in_an_object() {
    let mut player = Player::connected();
    player.call("createStream", 2.0, vec![]);
    let names = [("oldStreamName", "x"), ("streamName", "room"), ("transition", "switch")];
    let what = names.map(|(name, text)| (name.to_owned(), Value::string(text)));
    let heard = player.call("play2", 3.0, vec![Value::Object(what.into())]);
    let [Heard::Event(PlayerEvent::Play(request))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(request.stream, "room");
}

#[test]
fn media_begins_with_metadata_headers_and_a_keyframe_at_zero() {
    let mut player = Player::playing();
    configs().iter().for_each(|config| player.session.send_config(config));
    for one in [
        frame(Track::Video, 4900, false),
        frame(Track::Audio, 4990, true),
        frame(Track::Video, 5000, true),
        frame(Track::Audio, 5010, true),
        frame(Track::Video, 5033, false),
    ] {
        player.session.send_frame(&one).unwrap();
    }
    let heard = player.hear();
    let messages: Vec<_> = heard
        .iter()
        .map(|one| match one {
            Heard::Message(message) => (message.kind, message.timestamp, message.payload.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    let metadata = messages[0].2;
    assert_eq!(
        messages,
        [(DATA_AMF0, 0, metadata), (9, 0, 8), (8, 0, 4), (9, 0, 5005), (8, 10, 5002), (9, 33, 5005)]
    );
    let Heard::Message(message) = &heard[0] else { panic!("{heard:?}") };
    assert_eq!(amf0::read_all(&message.payload)[0], Value::string("onMetaData"));
}

#[test]
fn another_workers_frames_go_on_at_a_keyframe_in_the_same_time() {
    let mut player = Player::playing();
    configs().iter().for_each(|config| player.session.send_config(config));
    player.session.send_frame(&frame(Track::Video, 1000, true)).unwrap();
    player.hear();
    player.session.discontinuity();
    player.session.send_frame(&frame(Track::Video, 2000, false)).unwrap();
    assert_eq!(player.hear(), []);
    player.session.send_frame(&frame(Track::Video, 2500, true)).unwrap();
    let heard = player.hear();
    let [Heard::Message(message)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(message.timestamp, 1500);
}

#[test]
fn a_publisher_is_shown_the_door() {
    let mut player = Player::connected();
    player.call("releaseStream", 2.0, vec![Value::string("room")]);
    player.call("FCPublish", 3.0, vec![Value::string("room")]);
    player.call("createStream", 4.0, vec![]);
    let heard = player.call("publish", 5.0, vec![Value::string("room"), Value::string("live")]);
    assert_eq!(codes(&heard), ["NetStream.Publish.BadName"]);
    assert_eq!(heard.last(), Some(&Heard::Event(PlayerEvent::PublisherRefused)));
    assert_eq!(player.session.stage(), PlayerStage::Closed);
}

#[test]
fn refusals_close_and_name_why() {
    for (why, code) in [
        (Refusal::NotFound, "NetStream.Play.StreamNotFound"),
        (Refusal::NotAllowed, "NetStream.Play.Failed"),
        (Refusal::Full, "NetStream.Play.Failed"),
    ] {
        let mut player = Player::connected();
        player.call("play", 3.0, vec![Value::string("room")]);
        player.session.refuse(why, player.now).unwrap();
        assert_eq!(codes(&player.hear()), [code]);
        assert_eq!(player.session.stage(), PlayerStage::Closed);
    }
    let mut player = Player::new();
    player.say(&hello());
    let connect = player.connect("vod");
    assert_eq!(codes(&player.say(&connect)), ["NetConnection.Connect.InvalidApp"]);
    assert_eq!(player.session.stage(), PlayerStage::Closed);
}

#[test]
fn a_pause_stops_media_and_what_follows_begins_at_a_keyframe() {
    let mut player = Player::playing();
    configs().iter().for_each(|config| player.session.send_config(config));
    player.session.send_frame(&frame(Track::Video, 0, true)).unwrap();
    player.hear();
    let heard = player.call("pause", 0.0, vec![Value::Boolean(true), Value::Number(0.0)]);
    assert_eq!(codes(&heard), ["NetStream.Pause.Notify"]);
    player.session.send_frame(&frame(Track::Video, 1000, true)).unwrap();
    assert_eq!(player.hear(), []);
    let heard = player.call("pause", 0.0, vec![Value::Boolean(false), Value::Number(0.0)]);
    assert_eq!(codes(&heard), ["NetStream.Unpause.Notify"]);
    player.session.send_frame(&frame(Track::Video, 1033, false)).unwrap();
    assert_eq!(player.hear(), []);
    player.session.send_frame(&frame(Track::Video, 2000, true)).unwrap();
    assert_eq!(player.hear().len(), 1);
}

#[test]
fn a_player_may_leave_and_ask_again() {
    let mut player = Player::playing();
    assert_eq!(player.call("closeStream", 0.0, vec![]), [Heard::Event(PlayerEvent::Left)]);
    assert_eq!(player.session.stage(), PlayerStage::Idle);
    let heard = player.call("play", 0.0, vec![Value::string("other?token=own")]);
    let [Heard::Event(PlayerEvent::Play(request))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(request.stream, "other");
    // While the answer is due, a second question is passed over.
    assert_eq!(player.call("play", 0.0, vec![Value::string("third")]), []);
    assert_eq!(player.call("deleteStream", 0.0, vec![Value::Number(1.0)]).len(), 1);
}

#[test]
fn the_end_is_told_both_ways() {
    let mut player = Player::playing();
    player.session.end(player.now).unwrap();
    let heard = player.hear();
    assert_eq!(codes(&heard), ["NetStream.Play.UnpublishNotify"]);
    let Some(Heard::Message(eof)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((eof.kind, &eof.payload[..]), (USER_CONTROL, &[0, 1, 0, 0, 0, 1][..]));
    assert_eq!(player.session.stage(), PlayerStage::Closed);
}

#[test]
fn pings_are_answered_and_set_buffer_length_is_not() {
    let mut player = Player::playing();
    let ping = player.out.user_control(PING_REQUEST, &[1, 2, 3, 4]).unwrap();
    let heard = player.say(&ping);
    let [Heard::Message(pong)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(pong.payload[..], [0, 7, 1, 2, 3, 4]);
    let buffer = player.out.user_control(3, &[0, 0, 0, 1, 0, 0, 11, 184]).unwrap();
    assert_eq!(player.say(&buffer), []);
}

#[test]
fn cut_off_commands_are_passed_over() {
    let mut player = Player::connected();
    for name in
        ["play", "pause", "createStream", "deleteStream", "closeStream", "FCSubscribe", "connect", "x"]
    {
        let whole = amf0::write_all(&[Value::string(name), Value::Number(1.0), Value::Null]);
        for end in 0..whole.len() {
            // An empty message cannot be written.
            let cut = whole[..end.max(1)].to_vec();
            let bytes = player.out.write(COMMAND_AMF0, 0, 0, cut.into()).unwrap();
            player.say(&bytes);
        }
    }
}

/// What a session says behind its (random) handshake, and where it ended.
fn replies(input: &[u8], piece: usize) -> (Vec<u8>, Vec<PlayerEvent>, PlayerStage) {
    let now = Instant::now();
    let mut session = PlayerSession::new(now);
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    for part in input.chunks(piece) {
        let failed = session.handle_input(part, now).is_err();
        while let Some(output) = session.poll_output() {
            match output {
                PlayerOutput::Transmit(part) => bytes.extend_from_slice(&part),
                PlayerOutput::Event(event) => events.push(event),
            }
        }
        if failed {
            break;
        }
    }
    (bytes.split_off(bytes.len().min(1 + 2 * PACKET)), events, session.stage())
}

fn dialogue() -> Vec<u8> {
    let mut player = Player::new();
    let mut bytes = hello();
    bytes.extend(player.connect("live"));
    bytes.extend(player.command("createStream", 2.0, vec![Value::Null]));
    bytes.extend(player.command("play", 3.0, vec![Value::Null, Value::string("room")]));
    bytes
}

#[test]
fn byte_by_byte_is_the_same() {
    let bytes = dialogue();
    let whole = replies(&bytes, bytes.len());
    assert_eq!(whole.2, PlayerStage::Asked);
    assert_eq!(replies(&bytes, 1), whole);
}

proptest! {
    #[test]
    fn garbage_never_panics_and_cuts_do_not_matter(
        shake in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1usize..60,
    ) {
        let mut input = if shake { hello() } else { Vec::new() };
        input.extend(&bytes);
        prop_assert_eq!(replies(&input, piece), replies(&input, input.len().max(1)));
    }

    #[test]
    fn a_damaged_dialogue_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), piece in 1usize..200) {
        let mut input = dialogue();
        let behind = 1 + 2 * PACKET;
        let place = behind + at.index(input.len() - behind);
        input[place] = byte;
        prop_assert_eq!(replies(&input, piece), replies(&input, input.len()));
    }
}
