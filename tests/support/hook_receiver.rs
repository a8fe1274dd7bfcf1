//! A receiver of webhooks that checks what it gets, and answers as it is told.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch};

/// The secret, and its bytes.
pub const SECRET: &str = "whsec_aHVzaC13ZWJob29rLTAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"hush-webhook-0123456789abcdef";
/// Whatever is waited for comes at once; a test that waits so long has found a fault.
const LIMIT: Duration = Duration::from_secs(30);

/// One delivery whose signature is right.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `webhook-id`.
    pub id: String,
    pub event: Value,
    /// What it was answered.
    pub status: u16,
}

/// The receiver.
#[derive(Clone)]
pub struct HookReceiver {
    pub url: String,
    seen: Arc<watch::Sender<Vec<Delivery>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl HookReceiver {
    /// Answers 204, unless said.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:hush@{}/hooks?token=hush", listener.local_addr().unwrap());
        let seen = Arc::new(watch::Sender::new(Vec::new()));
        let receiver = Self { url, seen, answers: Arc::default() };
        let app = Router::new().route("/hooks", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// The next deliveries are answered so; then 204.
    pub fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// All so far, refused ones too.
    pub fn seen(&self) -> Vec<Delivery> {
        self.seen.borrow().clone()
    }

    /// Waits for a delivery that was taken.
    pub async fn taken(&self, which: impl Fn(&Value) -> bool) -> Value {
        let mut seen = self.seen.subscribe();
        let find =
            |all: &Vec<Delivery>| all.iter().find(|one| one.status == 204 && which(&one.event)).cloned();
        let found = tokio::time::timeout(LIMIT, seen.wait_for(|all| find(all).is_some())).await;
        match found {
            Ok(Ok(all)) => find(&all).unwrap().event,
            _ => panic!("it did not come; {:#?} did", self.kinds()),
        }
    }

    /// The types of those that were taken, in order.
    pub fn kinds(&self) -> Vec<String> {
        let taken = self.seen().into_iter().filter(|one| one.status == 204);
        taken.map(|one| one.event["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(receiver): State<HookReceiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let age = jiff::Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
    if header("webhook-signature") != signature || age.abs() > 30 {
        return StatusCode::UNAUTHORIZED;
    }
    assert_eq!(header("content-type"), "application/json");
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["id"], id);
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(204);
    receiver.seen.send_modify(|seen| seen.push(Delivery { id, event, status }));
    StatusCode::from_u16(status).unwrap()
}
