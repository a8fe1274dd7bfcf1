//! One request, one answer, without a socket.

use super::fake::{Fake, Seen};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use meetingcast::{
    config::{AuthKey, AuthMode, Config},
    control::{
        admission::Admission,
        auth::{Auth, Grant, NewToken, Scope, mint},
        error::ControlError,
        events::Events,
        http::{
            app,
            state::{AppState, Readiness, SdpReaders, Trickle},
        },
        signal::Switchboard,
        webhooks::Webhooks,
    },
    egress::recording::RecordingLibrary,
    ipc::{Candidate, IngestOffer},
    redacted::Redacted,
    telemetry,
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// An offer that the tests' parser takes.
pub const OFFER: &str = "v=0\r\na=ice-ufrag:abcd\r\n";

/// The application and what can be seen of it.
#[derive(Clone)]
pub struct Api {
    pub app: Router,
    pub seen: Arc<Mutex<Seen>>,
    pub readiness: Readiness,
    pub recordings: RecordingLibrary,
    pub events: Events,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of a problem; that it is one is checked too.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:meetingcast:problem:{code}"));
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        (self.status.as_u16(), code.to_owned())
    }

    /// Fails unless this is the problem `code` with `status`.
    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()), "{}", self.text());
    }
}

impl Api {
    /// Open mode, the default configuration, alice in the conference `room`.
    pub fn open() -> Self {
        Self::new(Config::default())
    }

    /// Token mode with the keys of [`key`] `k1` and `k2`.
    pub fn with_tokens() -> Self {
        Self::new(token_config())
    }

    pub fn new(config: Config) -> Self {
        super::captured_log::install();
        assert_eq!(config.faults(), Vec::<String>::new());
        let fake = Fake::default().with_alice("room");
        let seen = Arc::clone(&fake.seen);
        let readiness = Readiness::default();
        let recordings = RecordingLibrary::open(&config.recording, &config.server.data_dir).unwrap();
        let conferences = Arc::new(fake);
        let webhooks = Webhooks::start(&config.webhooks).unwrap();
        let events = Events::new("http://cast.example".into(), webhooks, config.limits.max_event_streams);
        let config = Arc::new(config);
        let state = AppState {
            signal: Switchboard::start(conferences.clone(), &config, CancellationToken::new()),
            conferences,
            admission: Admission::new(config.limits.max_load),
            auth: Auth::new(&config.auth),
            recordings: recordings.clone(),
            events: events.clone(),
            base_url: "http://cast.example".into(),
            sdp: SdpReaders {
                offer: read_offer,
                subscriber: |sdp, _| read_offer(sdp),
                trickle: read_trickle,
            },
            metrics: telemetry::metrics_builder().unwrap().build_recorder().handle(),
            readiness: readiness.clone(),
            config,
        };
        Self { app: app(state, Router::new()), seen, readiness, recordings, events }
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 4 << 20).await.unwrap().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub async fn json(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call(method, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn sdp(&self, path: &str, body: &str) -> Reply {
        self.call("POST", path, &[("content-type", "application/sdp")], body).await
    }
}

pub fn token_config() -> Config {
    let mut config = Config::default();
    config.auth.mode = AuthMode::Token;
    config.auth.keys = vec![key("k1"), key("k2")];
    config
}

/// A key whose secret is a function of its id.
pub fn key(id: &str) -> AuthKey {
    AuthKey { id: id.to_owned(), secret: Redacted::new(format!("hush-{id}-0123456789abcdef0123456789")) }
}

/// A header value: the token of `participant` in `conference` (or `*`).
pub fn bearer(participant: &str, conference: &str, grants: &[Grant]) -> String {
    let scope = if conference == "*" { Scope::All } else { Scope::One(conference.parse().unwrap()) };
    let token = NewToken {
        participant: participant.parse().unwrap(),
        scope,
        grants: grants.to_vec(),
        name: Some("Alice A.".to_owned()),
        valid_for: Duration::from_secs(600),
    };
    format!("Bearer {}", mint(&key("k1"), &token).unwrap().expose())
}

fn read_offer(text: &str) -> Result<IngestOffer, ControlError> {
    if text.contains("a=rtpmap:only-av1") {
        return Err(ControlError::NoCommonCodec("the server takes H.264 and VP8".to_owned()));
    }
    if !text.starts_with("v=0\r\n") {
        return Err(ControlError::SdpInvalid("it does not begin with v=0".to_owned()));
    }
    Ok(IngestOffer { sdp: text.to_owned(), fingerprint_sha256: [7; 32], video: None, audio: None })
}

fn read_trickle(text: &str) -> Result<Trickle, ControlError> {
    let mut trickle = Trickle::default();
    for line in text.lines() {
        if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:") {
            trickle.ufrag = Some(ufrag.to_owned());
        } else if let Some(candidate) = line.strip_prefix("a=candidate:") {
            let candidate = format!("candidate:{candidate}");
            trickle.candidates.push(Candidate { mline: 0, candidate });
        } else if line != "a=end-of-candidates" {
            return Err(ControlError::SdpInvalid("a line is not known".to_owned()));
        }
    }
    Ok(trickle)
}
