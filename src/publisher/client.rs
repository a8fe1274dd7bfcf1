//! The publisher: speaks WHIP, keeps one peer connection, and publishes again when told to.

use super::{
    options::{CheckedOptions, InvalidOptions, PublishOptions},
    peer::{Peer, PeerError, PeerEvent},
    source::{FrameClock, monotonic_ns},
    stats::{Counters, PublisherStats},
    whip::{self, WhipError, WhipSession},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A blocking step that takes longer than the sum of its own deadlines hangs inside GStreamer.
const FROZEN: Duration = Duration::from_secs(40);
/// ICE and DTLS must be through within.
const CONNECT: Duration = Duration::from_secs(10);
/// ICE may lose its path for so long and find another.
const DISCONNECTED: Duration = Duration::from_secs(3);
/// Distance of looks at what comes in.
const LOOK: Duration = Duration::from_millis(500);
/// Nothing came in for so long: the server is asked whether it knows the session.
const ASK: Duration = Duration::from_millis(1500);
/// A server that sends feedback all the time (transport-cc: ten times a second and more) is lost
/// after such a silence,
const SILENT_FEEDBACK: Duration = Duration::from_secs(4);
/// one that only sends receiver reports (RFC 3550 §6.2: every 5 s ± 50 %) after a longer one.
const SILENT_REPORTS: Duration = Duration::from_secs(20);
/// Feedback "all the time": so many packets a second.
const FEEDBACK_RATE: u64 = 4;
/// First and longest wait before publishing again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// A session that lasted so long starts the waits from the first again.
const HEALTHY: Duration = Duration::from_secs(10);

/// Why a publisher ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    #[error("making the peer connection")]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Whip(#[from] WhipError),
    #[error("the server could not be reached by ICE and DTLS within {} s", CONNECT.as_secs())]
    Connect,
    #[error("the connection to the server was lost: {reason}")]
    Lost { reason: String },
    #[error("{what} hangs")]
    Frozen { what: &'static str },
}

impl PublishError {
    /// Publishing again will not help.
    fn is_final(&self) -> bool {
        match self {
            Self::Options(_) | Self::Frozen { .. } => true,
            Self::Whip(error) => error.is_final(),
            Self::Peer(error) => !matches!(error, PeerError::Timeout { .. } | PeerError::Refused { .. }),
            Self::Connect | Self::Lost { .. } => false,
        }
    }

    /// The error and its causes, for one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// A running publisher. Dropping it ends it in the background; [`Publisher::stop`] waits.
#[derive(Debug)]
pub struct Publisher {
    stop: DropGuard,
    task: JoinHandle<Result<(), PublishError>>,
    counters: Arc<Counters>,
    connected: watch::Receiver<bool>,
    clock: FrameClock,
}

impl Publisher {
    /// Checks the options and starts to publish. To be called within a tokio runtime.
    pub fn start(options: PublishOptions) -> Result<Self, PublishError> {
        let checked = options.check()?;
        let clock =
            FrameClock { epoch_ns: options.epoch_ns.unwrap_or_else(monotonic_ns), rate: options.rate };
        let counters = Arc::new(Counters::default());
        let stop = CancellationToken::new();
        let (sender, connected) = watch::channel(false);
        let runner = PublisherRunner {
            options: Arc::new(options),
            checked: Arc::new(checked),
            clock,
            counters: counters.clone(),
            connected: sender,
            stop: stop.clone(),
            end: None,
        };
        let task = tokio::spawn(runner.run());
        Ok(Self { stop: stop.drop_guard(), task, counters, connected, clock })
    }

    /// The numbers now.
    pub fn stats(&self) -> PublisherStats {
        self.counters.snapshot()
    }

    /// When which frame is captured.
    pub const fn clock(&self) -> FrameClock {
        self.clock
    }

    /// Waits until media flows; `false` when the publisher ended before that.
    pub async fn connected(&mut self) -> bool {
        self.connected.wait_for(|connected| *connected).await.is_ok()
    }

    /// Waits until the publisher has ended by itself. To be called once.
    pub async fn ended(&mut self) -> Result<(), PublishError> {
        joined((&mut self.task).await)
    }

    /// Hangs up, and waits until the server knows and the pipeline is gone.
    pub async fn stop(self) -> Result<(), PublishError> {
        self.stop.disarm().cancel();
        joined(self.task.await)
    }
}

fn joined(result: Result<Result<(), PublishError>, tokio::task::JoinError>) -> Result<(), PublishError> {
    result.unwrap_or(Err(PublishError::Frozen { what: "the publisher's task" }))
}

/// Publishes until told to stop, by SIGINT or SIGTERM too; for the command line.
pub async fn run(options: PublishOptions) -> Result<(), PublishError> {
    let name = options.name.clone();
    let mut publisher = Publisher::start(options)?;
    let FrameClock { epoch_ns, rate } = publisher.clock();
    println!(
        "{name}: frame n is captured at {epoch_ns} ns + n/{} s (CLOCK_MONOTONIC); frame 0 and a beep at 0 s",
        rate.0
    );
    let told = tokio::select! {
        ended = publisher.ended() => return ended,
        told = told_to_stop() => told,
    };
    tracing::info!(participant = name, "stopping on {told}");
    publisher.stop().await
}

async fn told_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    let term = async {
        match terminate.as_mut() {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "SIGINT",
        _ = term => "SIGTERM",
    }
}

/// Why a session ended without a fault.
enum Ended {
    Stopped,
    TimeUp,
}

struct PublisherRunner {
    options: Arc<PublishOptions>,
    checked: Arc<CheckedOptions>,
    clock: FrameClock,
    counters: Arc<Counters>,
    connected: watch::Sender<bool>,
    stop: CancellationToken,
    /// Set at the first connection when the options say for how long.
    end: Option<Instant>,
}

impl PublisherRunner {
    async fn run(mut self) -> Result<(), PublishError> {
        let mut wait = BACKOFF.0;
        loop {
            let began = Instant::now();
            let result = self.session().await;
            self.connected.send_replace(false);
            let error = match result {
                Ok(Ended::Stopped | Ended::TimeUp) => return Ok(()),
                Err(error) => error,
            };
            let text = error.chain();
            self.counters.fail(text.clone());
            if !self.options.reconnect || error.is_final() {
                return Err(error);
            }
            if began.elapsed() > HEALTHY {
                wait = BACKOFF.0;
            }
            tracing::warn!(participant = self.options.name, error = text, "publishing again in {wait:?}");
            // Told to stop beats everything; the end of the time beats another session.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                () = sleep_to(self.end) => return Ok(()),
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// One session from the offer to the hang-up. What was opened is closed, however it ends.
    async fn session(&mut self) -> Result<Ended, PublishError> {
        let (events, mut inbox) = mpsc::channel(16);
        let (options, checked) = (self.options.clone(), self.checked.clone());
        let (epoch_ns, counters) = (self.clock.epoch_ns, self.counters.clone());
        let opened = blocking("opening the peer connection", move || {
            Peer::open(&options, &checked, epoch_ns, &counters, events)
        });
        let (peer, offer) = opened.await??;
        let peer = Arc::new(peer);
        let result = self.negotiated(&peer, offer, &mut inbox).await;
        self.counters.close_gate();
        // The last one to let go of the peer stops it, which blocks.
        let closed = blocking("closing the peer connection", move || drop(peer)).await;
        result.and_then(|ended| closed.map(|()| ended))
    }

    async fn negotiated(
        &mut self,
        peer: &Arc<Peer>,
        offer: String,
        inbox: &mut mpsc::Receiver<PeerEvent>,
    ) -> Result<Ended, PublishError> {
        if self.stop.is_cancelled() {
            return Ok(Ended::Stopped);
        }
        let (endpoint, token) = (self.checked.whip.clone(), self.options.token.clone());
        let offered = blocking("the offer", move || whip::offer(&endpoint, token, &offer));
        let (session, answer) = offered.await??;
        let result = self.answered(peer, answer, &session, inbox).await;
        let ending = session.clone();
        let ended = blocking("hanging up", move || ending.end()).await?;
        match (&result, ended) {
            // Without a fault before it, a failed hang-up is one.
            (Ok(_), Err(error)) => Err(error.into()),
            _ => result,
        }
    }

    async fn answered(
        &mut self,
        peer: &Arc<Peer>,
        answer: String,
        session: &WhipSession,
        inbox: &mut mpsc::Receiver<PeerEvent>,
    ) -> Result<Ended, PublishError> {
        let answering = peer.clone();
        blocking("taking the answer", move || answering.answer(&answer)).await??;
        let connecting = timeout(CONNECT, connection(inbox));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(Ended::Stopped),
            connected = connecting => connected.map_err(|_| PublishError::Connect)??,
        }
        let live = peer.clone();
        blocking("beginning to send", move || live.go_live()).await?;
        self.connected.send_replace(true);
        tracing::info!(participant = self.options.name, "publishing");
        if let Some(seconds) = self.options.seconds {
            self.end.get_or_insert_with(|| Instant::now() + Duration::from_secs(seconds));
        }
        self.live(peer, session, inbox).await
    }

    /// Watches a connected session until it ends.
    async fn live(
        &self,
        peer: &Peer,
        session: &WhipSession,
        inbox: &mut mpsc::Receiver<PeerEvent>,
    ) -> Result<Ended, PublishError> {
        let lost = |reason: &str| PublishError::Lost { reason: reason.to_owned() };
        let began = Instant::now();
        let mut disconnected: Option<Instant> = None;
        let mut asked: Option<Instant> = None;
        loop {
            // Told to stop beats the end of the time, which beats news of trouble.
            let event = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Ended::Stopped),
                () = sleep_to(self.end) => return Ok(Ended::TimeUp),
                event = inbox.recv() => event,
                () = sleep_to(disconnected.map(|since| since + DISCONNECTED)) => {
                    return Err(lost("no path to it for 3 s"));
                }
                () = sleep(LOOK) => {
                    let (silent, packets) = peer.incoming();
                    if silent > silence_limit(packets, began.elapsed().saturating_sub(silent)) {
                        return Err(lost("nothing came from it"));
                    }
                    if silent > ASK && asked.is_none_or(|at| at.elapsed() > ASK) {
                        asked = Some(Instant::now());
                        let asking = session.clone();
                        if blocking("asking for the session", move || asking.is_known()).await? == Some(false) {
                            return Err(lost("it does not know the session any more"));
                        }
                    }
                    continue;
                }
            };
            match event {
                Some(PeerEvent::Connected) => disconnected = None,
                Some(PeerEvent::Disconnected) => disconnected = disconnected.or(Some(Instant::now())),
                Some(PeerEvent::Closed) | None => return Err(lost("it closed the connection")),
                Some(PeerEvent::Failed(reason)) => return Err(lost(&reason)),
            }
        }
    }
}

/// How long the other end may be silent, after it sent so many packets in so much time.
fn silence_limit(packets: u64, within: Duration) -> Duration {
    let talkative = packets > FEEDBACK_RATE * within.as_secs().max(1);
    if talkative { SILENT_FEEDBACK } else { SILENT_REPORTS }
}

/// Waits for the connection to stand.
async fn connection(inbox: &mut mpsc::Receiver<PeerEvent>) -> Result<(), PublishError> {
    loop {
        let reason = match inbox.recv().await {
            Some(PeerEvent::Connected) => return Ok(()),
            Some(PeerEvent::Disconnected) => continue,
            Some(PeerEvent::Closed) | None => "it was refused by ICE or DTLS".to_owned(),
            Some(PeerEvent::Failed(reason)) => reason,
        };
        return Err(PublishError::Lost { reason });
    }
}

/// Never, without a time.
async fn sleep_to(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Runs what blocks where that is allowed. A hang is left behind: there is no way to end it.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    step: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    match timeout(FROZEN, tokio::task::spawn_blocking(step)).await {
        Ok(Ok(value)) => Ok(value),
        // A panic was printed where it happened.
        Ok(Err(_)) | Err(_) => Err(PublishError::Frozen { what }),
    }
}

#[cfg(test)]
mod tests;
