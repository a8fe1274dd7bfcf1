//! One `POST`, and what came of it.

use super::{delivery::Outcome, sign::SigningKey};
use crate::ids::EventId;
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{StatusCode, header, redirect::Policy};
use std::time::{Duration, Instant};
use url::Url;

/// Of an answer's body so much is read, so that the connection can be used again; a longer one is cut off.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Part of an attempt's time for TCP and TLS, at most.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends to all endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(reqwest::Client);

/// The HTTP client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("making the webhooks' HTTP client failed")]
pub struct ClientError(#[source] reqwest::Error);

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `webhook-timestamp`.
    pub at: Timestamp,
    pub took: Duration,
    /// The status, or a sentence without URL.
    pub result: Result<u16, String>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
}

impl Sent {
    /// It did not even get so far.
    pub(super) fn failed(why: &str) -> Self {
        Self { at: Timestamp::now(), took: Duration::ZERO, result: Err(why.to_owned()), retry_after: None }
    }

    /// The receiver took it.
    pub fn is_delivered(&self) -> bool {
        matches!(self.result, Ok(200..=299))
    }

    /// What it means for the queue.
    pub fn outcome(&self) -> Outcome {
        match self.result {
            Ok(200..=299) => Outcome::Delivered,
            Ok(410) => Outcome::Gone,
            _ => Outcome::Failed { retry_after: self.retry_after },
        }
    }
}

impl Client {
    /// `timeout` bounds an attempt from connecting to the answer's end.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(timeout: Duration) -> Result<Self, ClientError> {
        // reqwest takes the process's provider; it is there already when recordings have a remote store.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("meetingcast/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(CONNECT.min(timeout))
            // An endpoint is where the operator says; nobody else sends us on.
            .redirect(Policy::none());
        client.build().map(Self).map_err(ClientError)
    }

    /// Sends an event once.
    pub(super) async fn send(&self, url: &Url, key: &SigningKey, id: &EventId, body: Bytes) -> Sent {
        let (at, began) = (Timestamp::now(), Instant::now());
        let timestamp = at.as_second();
        let signature = key.sign(id.as_str(), timestamp, &body);
        let request = self
            .0
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        let (result, retry_after) = match request.send().await {
            Ok(answer) => {
                let (status, retry_after) = (answer.status(), retry_after(&answer));
                read_away(answer).await;
                (Ok(status.as_u16()), retry_after)
            }
            Err(error) => (Err(sentence(&error)), None),
        };
        Sent { at, took: began.elapsed(), result, retry_after }
    }
}

/// The status counts; what follows is nobody's business, nor is how it ends.
async fn read_away(mut answer: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > MAX_ANSWER_BYTES {
            return;
        }
    }
}

/// In seconds only; a date would need the receiver's clock.
fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    let asks = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let value = answer.headers().get(header::RETRY_AFTER).filter(|_| asks)?;
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// The library's texts may hold the URL.
fn sentence(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "there was no answer in time"
    } else if error.is_connect() {
        "no connection could be made"
    } else {
        "the connection broke before the answer"
    };
    what.to_owned()
}
