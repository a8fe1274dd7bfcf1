//! The signalling WebSocket over a real socket, with real conferences behind it and workers that are tasks.

use super::harness::{self, Server, camera, publish, start, start_with};
use axum::Router;
use futures::{SinkExt, StreamExt};
use meetingcast::{
    config::{AuthKey, AuthMode, Config},
    control::{
        admission::{Admission, shedding::Load},
        auth::{Auth, Grant, NewToken, Scope, mint},
        cast::{Cue, CueTime, Rendition, Transition},
        conference::ConferenceRequest,
        error::ControlError,
        http::{
            app,
            server::{ConnectionLimits, serve},
            state::{AppState, Readiness, SdpReaders},
        },
        overlay::OverlayPatch,
        signal::Switchboard,
        store::memory::MemoryStore,
    },
    egress::recording::RecordingLibrary,
    ids::PictureName,
    ipc::{
        WorkerCommand,
        overlay::{PictureFile, PictureKind, TitlePosition, TitleSpec},
    },
    redacted::Redacted,
    telemetry,
};
use serde_json::{Value, json};
use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;

/// Whatever is waited for comes at once; a test that waits so long has found a fault.
const LIMIT: Duration = Duration::from_secs(20);

struct Signalling {
    server: Server,
    address: SocketAddr,
    closing: CancellationToken,
}

impl Signalling {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let server = Server::with(config.clone(), Arc::new(MemoryStore::default())).await;
        let (config, closing) = (Arc::new(config), CancellationToken::new());
        let conferences = Arc::new(server.directory.clone());
        let state = AppState {
            signal: Switchboard::start(conferences.clone(), &config, closing.clone()),
            conferences,
            admission: Admission::new(config.limits.max_load),
            auth: Auth::new(&config.auth),
            recordings: RecordingLibrary::open(&config.recording, &config.server.data_dir).unwrap(),
            events: server.events.clone(),
            base_url: "http://cast.example".into(),
            sdp: SdpReaders {
                offer: |_| Ok(harness::offer()),
                subscriber: |_, _| Ok(harness::offer()),
                trickle: |_| Err(ControlError::SdpInvalid("not here".to_owned())),
            },
            metrics: telemetry::metrics_builder().unwrap().build_recorder().handle(),
            readiness: Readiness::default(),
            config,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = closing.clone().cancelled_owned();
        tokio::spawn(serve(listener, None, app(state, Router::new()), ConnectionLimits::new(64), stop));
        Self { server, address, closing }
    }

    fn url(&self, query: &str) -> String {
        format!("ws://{}/v1/signal{query}", self.address)
    }

    /// Connected, not signed in.
    async fn connect(&self, query: &str) -> Client {
        let (socket, _) = connect_async(self.url(query)).await.unwrap();
        Client { socket, heard: VecDeque::new(), key: String::new() }
    }

    /// Signed in.
    async fn client(&self, id: &str) -> Client {
        self.hello(json!({"client": id})).await
    }

    async fn hello(&self, fields: Value) -> Client {
        let mut client = self.connect("").await;
        let mut hello = json!({"type": "hello"});
        hello.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        client.say(hello).await;
        let welcome = client.hear("welcome").await;
        client.key = welcome["session"].as_str().unwrap().to_owned();
        client
    }

    async fn refused(&self, query: &str) -> u16 {
        match connect_async(self.url(query)).await {
            Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
            other => panic!("{other:?}"),
        }
    }
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: VecDeque<Value>,
    key: String,
}

impl Client {
    async fn say(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Says it and gives the answer; what is heard before is kept.
    async fn ask(&mut self, mut message: Value) -> Value {
        message["ref"] = json!("r");
        self.say(message).await;
        self.until(|heard| heard["ref"] == "r").await
    }

    async fn join(&mut self, conference: &str) -> Value {
        let answer = self.ask(json!({"type": "join", "conference": conference, "user_data": {"n": 1}})).await;
        assert_eq!(answer["type"], "ok", "{answer}");
        self.hear("joined").await
    }

    /// The first message of that type, kept or coming; others stay.
    async fn hear(&mut self, kind: &str) -> Value {
        self.until(|heard| heard["type"] == kind).await
    }

    async fn until(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.heard.iter().position(&is) {
            return self.heard.remove(index).unwrap();
        }
        loop {
            match self.receive().await {
                Ok(heard) if is(&heard) => return heard,
                Ok(heard) => self.heard.push_back(heard),
                Err(code) => panic!("closed with {code} after {:?}", self.heard),
            }
        }
    }

    /// The next message, or the code of the close.
    async fn receive(&mut self) -> Result<Value, u16> {
        // Pings do not count: the limit is for the message.
        let until = Instant::now() + LIMIT;
        loop {
            match timeout_at(until, self.socket.next()).await.expect("something is heard") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    async fn closed(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Ok(heard) => self.heard.push_back(heard),
                Err(code) => return code,
            }
        }
    }

    /// Everything of `conference` up to the answer to a ping, by type.
    async fn news(&mut self) -> Vec<String> {
        self.say(json!({"type": "ping"})).await;
        self.hear("pong").await;
        self.heard.drain(..).map(|heard| heard["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn those_inside_see_who_comes_sends_and_goes() {
    let signalling = Signalling::start().await;
    let mut ann = signalling.client("ann").await;
    let joined = ann.join("room").await;
    assert_eq!((&joined["participants"], &joined["cast"]["state"]), (&json!([]), &json!("idle")));
    assert_eq!(ann.hear("cast.changed").await["cast"]["state"], "idle");

    let mut bob = signalling.client("bob").await;
    let joined = bob.join("room").await;
    assert_eq!(joined["participants"][0]["id"], "ann");
    assert_eq!(joined["participants"][0]["user_data"], json!({"n": 1}));
    let came = ann.hear("participant.connected").await;
    assert_eq!((&came["participant"]["id"], &came["conference"]), (&json!("bob"), &json!("room")));

    // OBS knows no signalling, and is there the same way.
    let room = signalling.server.room().await;
    let published = publish(&room, "obs").await.unwrap();
    assert_eq!(ann.hear("participant.connected").await["participant"]["id"], "obs");
    let added = bob.hear("stream.added").await;
    assert_eq!(
        (&added["participant"], &added["stream"], &added["video"]),
        (&json!("obs"), &json!("camera"), &json!(true))
    );

    start(&room, camera("obs")).await.unwrap();
    let live = bob.until(|heard| heard["cast"]["state"] == "live").await;
    assert_eq!(live["type"], "cast.changed");
    assert_eq!(live["cast"]["play"]["hls"], "http://cast.example/hls/room/index.m3u8");

    let session = published.session;
    room.ask(|answer| ConferenceRequest::HangUp { session, answer }).await.unwrap();
    assert_eq!(ann.hear("stream.removed").await["participant"], "obs");
    assert_eq!(ann.hear("participant.disconnected").await["id"], "obs");

    bob.ask(json!({"type": "leave", "conference": "room"})).await;
    let gone = ann.hear("participant.disconnected").await;
    assert_eq!((&gone["id"], &gone["reason"]), (&json!("bob"), &json!("left")));
    let answer = room
        .ask(|answer| ConferenceRequest::RemoveParticipant { participant: "ann".parse().unwrap(), answer });
    answer.await.unwrap();
    assert_eq!(ann.hear("ended").await["reason"], "removed");
}

#[tokio::test]
async fn those_inside_hear_how_the_run_down_goes() {
    let signalling = Signalling::start().await;
    let room = signalling.server.room().await;
    publish(&room, "obs").await.unwrap();
    let mut ann = signalling.client("ann").await;
    ann.join("room").await;
    let cue = |id: &str| Cue {
        id: id.parse().unwrap(),
        name: id.to_uppercase(),
        source: camera("obs"),
        audio: None,
        transition: Transition::Cut,
        when: CueTime::Manual,
    };
    let cues = vec![cue("one"), cue("two")];
    room.ask(|answer| ConferenceRequest::PutCues { cues, answer }).await.unwrap();
    assert_eq!(ann.hear("cast.cues").await["count"], 2);
    let next = ann.hear("cast.cue").await;
    assert_eq!((&next["cue"]["id"], &next["cue"]["state"]), (&json!("one"), &json!("next")));
    start(&room, camera("obs")).await.unwrap();
    let switched = room.ask(|answer| ConferenceRequest::NextCue { answer }).await.unwrap();
    let on = ann.hear("cast.cue").await;
    assert_eq!(on["cue"]["program_pts_ms"], switched.program_pts.as_millis());
    assert_eq!((&on["cue"]["name"], &on["cue"]["state"]), (&json!("ONE"), &json!("on")));
    assert_eq!(ann.hear("cast.cue").await["cue"]["id"], "two");
    room.ask(|answer| ConferenceRequest::PutCues { cues: Vec::new(), answer }).await.unwrap();
    assert_eq!(ann.hear("cast.cues").await["count"], 0);
}

#[tokio::test]
async fn those_inside_hear_of_another_overlay_and_of_pictures() {
    let signalling = Signalling::start().await;
    let room = signalling.server.room().await;
    publish(&room, "obs").await.unwrap();
    let mut ann = signalling.client("ann").await;
    ann.join("room").await;
    let name: PictureName = "logo".parse().unwrap();
    let file = PictureFile { kind: PictureKind::Png, data: vec![1, 2, 3].into() };
    let put = room.ask(|answer| ConferenceRequest::PutPicture { name: name.clone(), file, answer });
    put.await.unwrap();
    let told = ann.hear("conference.pictures").await;
    let logo = json!({
        "name": "logo", "content_type": "image/png", "bytes": 3, "width": 64, "height": 48, "server": false
    });
    assert_eq!((&told["conference"], &told["pictures"]), (&json!("room"), &json!([logo])));
    start(&room, camera("obs")).await.unwrap();
    let title = TitleSpec { text: "Hello".to_owned(), position: TitlePosition::Top };
    let patch = OverlayPatch { title: Some(Some(title)), ..OverlayPatch::default() };
    let view = room.ask(|answer| ConferenceRequest::PatchOverlay { patch, answer }).await.unwrap();
    let overlay = json!({
        "labels": false, "title": {"text": "Hello", "position": "top"}, "logo": null, "background": null,
        "clock": null, "slate": null, "program_pts_ms": view.program_pts.unwrap().as_millis(),
    });
    assert_eq!(ann.hear("cast.overlay").await["overlay"], overlay);
    room.ask(|answer| ConferenceRequest::RemovePicture { name, answer }).await.unwrap();
    assert_eq!(ann.hear("conference.pictures").await["pictures"], json!([]));
}

#[tokio::test]
async fn a_full_conference_says_so() {
    let mut config = Config::default();
    config.limits.max_participants = 1;
    let signalling = Signalling::with(config).await;
    signalling.client("ann").await.join("room").await;
    let mut bob = signalling.client("bob").await;
    let full = bob.ask(json!({"type": "join", "conference": "room"})).await;
    assert_eq!(
        (&full["type"], &full["code"], &full["status"]),
        (&json!("error"), &json!("too_many_participants"), &json!(429))
    );
    // It did him no harm.
    bob.join("hall").await;
}

#[tokio::test]
async fn a_connection_that_comes_back_has_not_been_missed_and_a_login_elsewhere_takes_over() {
    let signalling = Signalling::start().await;
    let (mut ann, mut bob) = (signalling.client("ann").await, signalling.client("bob").await);
    ann.join("room").await;
    bob.join("room").await;
    let key = bob.key.clone();
    // Without a close: as a network that is gone.
    drop(bob);
    publish(&signalling.server.room().await, "obs").await.unwrap();
    let mut bob = signalling.hello(json!({"client": "bob", "session": key})).await;
    let joined = bob.hear("joined").await;
    let there: Vec<&str> =
        joined["participants"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(there, ["ann", "obs"]);
    let news = ann.news().await;
    assert!(!news.contains(&"participant.disconnected".to_owned()), "{news:?}");

    let mut other = signalling.client("bob").await;
    assert_eq!(bob.closed().await, 4001);
    assert!(bob.heard.iter().any(|heard| heard["type"] == "conflict"), "{:?}", bob.heard);
    let gone = ann.hear("participant.disconnected").await;
    assert_eq!((&gone["id"], &gone["reason"]), (&json!("bob"), &json!("conflict")));
    other.join("room").await;
    assert_eq!(ann.hear("participant.connected").await["participant"]["id"], "bob");
}

#[tokio::test]
async fn two_call_each_other_and_what_they_send_reaches_the_other() {
    let signalling = Signalling::start().await;
    let (mut ann, mut bob) = (signalling.client("ann").await, signalling.client("bob").await);
    let invite = json!({"type": "call.invite", "to": "bob", "mode": "p2p", "user_data": "hi"});
    let made = ann.ask(invite.clone()).await;
    assert_eq!((&made["type"], &made["state"]), (&json!("ok"), &json!("ringing")));
    let call = made["call"].clone();
    let incoming = bob.hear("call.incoming").await;
    assert_eq!(
        (&incoming["call"], &incoming["from"], &incoming["user_data"]),
        (&call, &json!("ann"), &json!("hi"))
    );
    assert_eq!(ann.ask(invite).await["call"], call);
    let early = ann.ask(json!({"type": "call.signal", "call": call, "sdp": "v=0"})).await;
    assert_eq!(early["code"], "call_not_ready");

    // Somebody else finds him busy.
    let mut cyd = signalling.client("cyd").await;
    cyd.ask(json!({"type": "call.invite", "to": "bob", "mode": "p2p"})).await;
    let busy = cyd.hear("call.state").await;
    assert_eq!((&busy["state"], &busy["reason"]), (&json!("closed"), &json!("busy")));
    cyd.ask(json!({"type": "call.invite", "to": "nobody", "mode": "relay"})).await;
    assert_eq!(cyd.hear("call.state").await["reason"], "offline");

    bob.ask(json!({"type": "call.accept", "call": call})).await;
    ann.ask(json!({"type": "call.signal", "call": call, "sdp": {"type": "offer", "sdp": "v=0"}})).await;
    bob.ask(json!({"type": "call.signal", "call": call, "candidate": null})).await;
    let offer = bob.hear("call.signal").await;
    assert_eq!((&offer["from"], &offer["sdp"]["sdp"]), (&json!("ann"), &json!("v=0")));
    assert_eq!(ann.hear("call.signal").await.get("candidate"), Some(&Value::Null));
    for end in [&mut ann, &mut bob] {
        end.ask(json!({"type": "call.connected", "call": call})).await;
    }
    bob.ask(json!({"type": "call.close", "call": call})).await;
    for end in [&mut ann, &mut bob] {
        for state in ["ringing", "accepted", "connected", "closed"] {
            let told = end.hear("call.state").await;
            assert_eq!((&told["state"], &told["call"]), (&json!(state), &call));
        }
    }
    let over = ann.ask(json!({"type": "call.close", "call": call})).await;
    assert_eq!(over["code"], "call_not_found");
}

#[tokio::test]
async fn a_relayed_call_meets_in_a_conference_that_its_tokens_open() {
    let key =
        AuthKey { id: "k1".to_owned(), secret: Redacted::new("0123456789abcdef0123456789abcdef".to_owned()) };
    let mut config = Config::default();
    config.auth.mode = AuthMode::Token;
    config.auth.keys = vec![key.clone()];
    let signalling = Signalling::with(config).await;
    let token = |who: &str| {
        let token = NewToken {
            participant: who.parse().unwrap(),
            scope: Scope::One("room".parse().unwrap()),
            grants: vec![Grant::Subscribe],
            name: Some("A Name".to_owned()),
            valid_for: Duration::from_secs(600),
        };
        mint(&key, &token).unwrap().expose().clone()
    };
    assert_eq!(signalling.refused("").await, 401);
    assert_eq!(signalling.refused("?token=x").await, 401);
    let mut clients = Vec::new();
    for who in ["ann", "bob"] {
        // As a browser sends it.
        let mut request = signalling.url("").into_client_request().unwrap();
        let protocol = format!("bearer.{}", token(who));
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(&protocol).unwrap());
        let (socket, answer) = connect_async(request).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], protocol.as_str());
        let mut client = Client { socket, heard: VecDeque::new(), key: String::new() };
        let other = client.ask(json!({"type": "hello", "client": "mallory"})).await;
        assert_eq!(other["code"], "forbidden");
        client.ask(json!({"type": "hello"})).await;
        assert_eq!(client.hear("welcome").await["client"], who);
        clients.push(client);
    }
    let [ann, bob] = &mut clients[..] else { unreachable!() };
    assert_eq!(ann.ask(json!({"type": "join", "conference": "hall"})).await["code"], "forbidden");
    ann.join("room").await;
    bob.join("room").await;
    assert_eq!(ann.hear("participant.connected").await["participant"]["name"], "A Name");

    let made = ann.ask(json!({"type": "call.invite", "to": "bob", "mode": "relay"})).await;
    bob.ask(json!({"type": "call.accept", "call": made["call"]})).await;
    for (client, who) in [(ann, "ann"), (bob, "bob")] {
        let accepted = client.until(|heard| heard["state"] == "accepted").await;
        assert_eq!(accepted["conference"], format!("call-{}", made["call"].as_str().unwrap()));
        let auth = Auth::new(&signalling_auth(&key));
        let identity = auth.identify_token(accepted["token"].as_str().unwrap()).unwrap();
        assert_eq!(identity.participant, Some(who.parse().unwrap()));
        let conference = accepted["conference"].as_str().unwrap().parse().unwrap();
        identity.require_in(Grant::Publish, &conference).unwrap();
        identity.require_in(Grant::Cast, &conference).unwrap_err();
    }
}

fn signalling_auth(key: &AuthKey) -> meetingcast::config::AuthConfig {
    meetingcast::config::AuthConfig { mode: AuthMode::Token, keys: vec![key.clone()] }
}

#[tokio::test]
async fn what_a_client_says_is_bounded_and_checked() {
    let mut config = Config::default();
    config.limits.max_clients = 2;
    let signalling = Signalling::with(config).await;
    let mut early = signalling.connect("?participant=ann").await;
    let first = early.ask(json!({"type": "join", "conference": "room"})).await;
    assert_eq!((&first["code"], &first["field"]), (&json!("invalid_request"), &json!("type")));
    early.ask(json!({"type": "hello"})).await;
    assert_eq!(early.hear("welcome").await["client"], "ann");
    assert_eq!(early.ask(json!({"type": "hello"})).await["code"], "invalid_request");
    early.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(early.hear("error").await["detail"], "a message must be one JSON object");

    let mut flood = signalling.client("flood").await;
    assert_eq!(signalling.refused("").await, 429);
    for _ in 0..2000 {
        if flood.socket.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    let code = flood.closed().await;
    assert!([4003, 4004, 1006].contains(&code), "{code}");
    // Nobody else noticed.
    early.join("room").await;

    let mut long = signalling.client("long").await;
    let _ = long.socket.send(Message::text("x".repeat(200_000))).await;
    assert_ne!(long.closed().await, 1005);
    signalling.closing.cancel();
    assert_eq!(early.closed().await, 1001);
}

#[tokio::test]
async fn everybody_publishes_again_when_the_worker_was_lost() {
    let signalling = Signalling::start().await;
    let room = signalling.server.room().await;
    publish(&room, "obs").await.unwrap();
    let mut ann = signalling.client("ann").await;
    ann.join("room").await;
    signalling.server.workers.crash();
    ann.hear("worker.restarted").await;
    assert_eq!(ann.hear("stream.removed").await["participant"], "obs");
    publish(&room, "obs").await.unwrap();
    assert_eq!(ann.hear("stream.added").await["participant"], "obs");
    signalling.server.directory.end(&"room".parse().unwrap()).await.unwrap();
    assert_eq!(ann.hear("ended").await["reason"], "conference_ended");
}

#[tokio::test]
async fn clients_and_the_worker_hear_what_is_shed_and_when_it_is_restored() {
    let signalling = Signalling::start().await;
    let room = signalling.server.room().await;
    publish(&room, "obs").await.unwrap();
    start_with(&room, camera("obs"), vec![Rendition { width: 320, height: 180, video_kbps: 250 }])
        .await
        .unwrap();
    let mut ann = signalling.client("ann").await;
    assert_eq!(ann.join("room").await["cast"]["shed"], json!([]));
    let paces = || {
        let told = signalling.server.workers.told(0).into_iter();
        told.filter_map(|command| match command {
            WorkerCommand::PaceRenditions { every } => Some(every),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    let tell = |pressed, steps| signalling.server.load.send(Load { pressed, steps }).unwrap();
    tell(true, 0);
    let heard = ann.hear("load.shed").await;
    assert_eq!(
        heard,
        json!({"type": "load.shed", "conference": "room", "snapshots": false, "renditions": []})
    );
    let shed = json!([{"rendition": "180p", "fps": 10.0}]);
    tell(true, 1);
    assert_eq!(ann.hear("load.shed").await["renditions"], shed);
    assert_eq!(ann.until(|heard| heard["cast"]["shed"] == shed).await["type"], "cast.changed");
    let mut bob = signalling.client("bob").await;
    assert_eq!(bob.join("room").await["cast"]["shed"], shed);
    assert_eq!(bob.hear("load.shed").await["renditions"], shed);
    tell(false, 0);
    let heard = ann.hear("load.restored").await;
    assert_eq!((&heard["snapshots"], &heard["renditions"]), (&json!(true), &json!([])));
    // The state tells the worker before it is asked anything else.
    harness::view(&room).await;
    while paces().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(paces(), [[2], [1]]);
}

#[tokio::test]
async fn levels_are_told_to_who_asks() {
    let signalling = Signalling::start().await;
    let mut eve = signalling.client("eve").await;
    let refused = eve.ask(json!({"type": "levels", "conference": "room", "on": true})).await;
    assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid_request"), &json!("conference")));
    let refused = eve.ask(json!({"type": "levels", "conference": "room"})).await;
    assert_eq!(refused["code"], "invalid_request", "on is missing");
    eve.join("room").await;
    let room = signalling.server.room().await;
    publish(&room, "alice").await.unwrap();
    let answer = eve.ask(json!({"type": "levels", "conference": "room", "on": true})).await;
    assert_eq!(answer["type"], "ok");
    let levels = eve.hear("levels").await;
    assert_eq!(levels["inputs"], json!([{"participant": "alice", "stream": "camera", "dbov": -23}]));
    assert_eq!((&levels["program_dbov"], &levels["conference"]), (&json!(-20), &json!("room")));
}
