//! Reads `GET /v1/events` as a browser's `EventSource` does.

use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// Whatever is waited for comes at once; a test that waits so long has found a fault.
const LIMIT: Duration = Duration::from_secs(30);

/// An event as it stands in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub event: String,
    pub id: Option<String>,
    pub data: Value,
}

/// A stream.
pub struct EventReader {
    body: BodyDataStream,
    text: String,
}

impl EventReader {
    pub fn new(body: Body) -> Self {
        Self { body: body.into_data_stream(), text: String::new() }
    }

    /// The next event; `None` at the end. Comments and empty blocks (`retry`) are passed over.
    pub async fn next(&mut self) -> Option<Read> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(read) = parse(&block) {
                    return Some(read);
                }
            }
            let chunk = tokio::time::timeout(LIMIT, self.body.next()).await.expect("an event in time")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// Reads up to the first event of a type, that one included.
    pub async fn until(&mut self, kind: &str) -> Vec<Read> {
        let mut all = Vec::new();
        while all.last().is_none_or(|last: &Read| last.event != kind) {
            all.push(self.next().await.unwrap_or_else(|| panic!("no {kind} after {all:#?}")));
        }
        all
    }
}

fn parse(block: &str) -> Option<Read> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|value| value.trim_start())
    };
    let data = serde_json::from_str(field("data")?).unwrap();
    Some(Read { event: field("event").unwrap().to_owned(), id: field("id").map(str::to_owned), data })
}
