//! Asks a server whether it takes `connect`, without publishing anything.

use super::{
    super::{
        auth::Demand,
        session::{Event, Output, Session},
        url::RtmpUrl,
    },
    dial::{Limits, dial},
    tls::Tls,
};
use crate::redacted::Redacted;
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// Connections for one answer: nameless, named, with a proof.
pub(super) const MAX_CONNECTIONS: usize = 3;
const READ_BUFFER: usize = 4096;

/// Whether the server behind `url` is there and takes `connect`.
pub(super) async fn works(url: RtmpUrl, limits: Limits, mut tls: Tls) -> bool {
    let mut query = None;
    for _ in 0..MAX_CONNECTIONS {
        match ask(&url, limits, &mut tls, query.take()).await {
            Some(Event::Connected) => return true,
            Some(Event::Authentication(demand)) => query = answer(&url, &demand),
            _ => return false,
        }
        if query.is_none() {
            return false;
        }
    }
    false
}

/// The query that meets a demand, if the URL has what it takes.
pub(super) fn answer(url: &RtmpUrl, demand: &Demand) -> Option<Redacted<String>> {
    let credentials = url.credentials()?;
    match demand {
        Demand::Name(scheme) => Some(credentials.name(*scheme)),
        Demand::Proof(challenge) => Some(credentials.prove(challenge, url.app(), rand::random())),
        Demand::Denied => None,
    }
}

/// One connection's first event; `None` when it ends without.
async fn ask(url: &RtmpUrl, limits: Limits, tls: &mut Tls, query: Option<Redacted<String>>) -> Option<Event> {
    let mut stream = dial(url, limits, tls).await.ok()?;
    let mut session = Session::new(url, Instant::now()).ok()?.authenticated(query).only_connect();
    let mut input = vec![0; READ_BUFFER];
    let talk = async {
        loop {
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Transmit(bytes) => stream.write_all(&bytes).await.ok()?,
                    Output::Event(event) => return Some(event),
                }
            }
            stream.flush().await.ok()?;
            let length = stream.read(&mut input).await.ok().filter(|length| *length > 0)?;
            if session.handle_input(&input[..length], Instant::now()).is_err() {
                return None;
            }
        }
    };
    // Handshake and connect are two stages.
    let event = timeout(limits.stage * 2, talk).await.ok()?;
    let _ = timeout(limits.stage, stream.shutdown()).await;
    event
}
