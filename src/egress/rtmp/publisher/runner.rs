//! The task behind a publisher: one connection after the other, the hub's queue always drained.

use super::{
    super::{
        auth::Demand,
        session::{Event, Output, Session, Stage},
        url::RtmpUrl,
    },
    dial::{Limits, Wire, dial},
    drain::{Configs, draining},
    failure::Failure,
    goodbye::say_goodbye,
    probe,
    route::{Destination, Route},
    send_queue::SendQueue,
    state::{Next, RtmpPublisherState, Side},
    tls::Tls,
};
use crate::{
    config::RtmpConfig,
    egress::{
        hub::{HubItem, HubReader},
        output::OutputStatus,
    },
    media::{EncodedFrame, Track},
    redacted::Redacted,
};
use jiff::Timestamp;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, WriteHalf},
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Frames wait in the hub's queue, which knows what to drop, and not behind more than this: 0.2 s of
/// 2.5 Mbit/s.
const HIGH_WATER: usize = 64 * 1024;
/// A server that lets us answer and does not read the answers is not read any further.
const REPLY_LIMIT: usize = 256 * 1024;
const READ_BUFFER: usize = 16 * 1024;
/// Distance of keyframe requests while none arrives.
const KEYFRAME_RETRY: Duration = Duration::from_secs(1);
/// How a connection ended.
enum Ending {
    /// As asked, or since the cast ended.
    Clean,
    Lost(Failure),
    /// Ended by us at a keyframe, to go on elsewhere.
    Moved,
    /// The server wants to know who we are.
    Authentication(Demand),
}

/// A change of the connection that is planned.
struct Move {
    not_before: Instant,
    /// No keyframe came: it happens anyway.
    deadline: Instant,
}

/// A question to the first URL that is under way.
type Question = Pin<Box<dyn Future<Output = bool> + Send>>;

pub(super) struct RtmpPublisherRunner<K> {
    route: Route,
    limits: Limits,
    extra_ca_file: String,
    tls: Tls,
    /// The keyframe a planned change begins with. The frames behind it stay in the queue meanwhile.
    carried: Option<Arc<EncodedFrame>>,
    keyframe: K,
    reader: HubReader,
    configs: Configs,
    state: RtmpPublisherState,
    status: watch::Sender<OutputStatus>,
    stop: CancellationToken,
}

impl<K: Fn() + Send + Sync> RtmpPublisherRunner<K> {
    pub(super) fn new(
        destination: Destination,
        config: RtmpConfig,
        keyframe: K,
        reader: HubReader,
        status: watch::Sender<OutputStatus>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            route: Route::new(destination, Duration::from_millis(config.backoff_max_ms.into())),
            limits: Limits {
                stage: Duration::from_millis(config.stage_timeout_ms.into()),
                stall: Duration::from_millis(config.stall_timeout_ms.into()),
            },
            tls: Tls::new(&config.extra_ca_file),
            extra_ca_file: config.extra_ca_file.clone(),
            carried: None,
            keyframe,
            reader,
            configs: Configs::default(),
            state: RtmpPublisherState::new(&config, now().into_std(), Timestamp::now()),
            status,
            stop,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let failure = match self.attempt().await {
                Ending::Clean => break,
                Ending::Moved => {
                    self.state.moved(now().into_std());
                    tracing::info!("rtmp output reconnects");
                    continue;
                }
                Ending::Authentication(_) => Failure::CredentialsWrong,
                Ending::Lost(failure) => failure,
            };
            self.carried = None;
            let side = Side { has_backup: self.route.has_backup(), on_backup: self.route.on_backup() };
            let (loss, jitter) = (failure.loss(), rand::random::<f64>());
            let next = self.state.lost(loss, side, now().into_std(), Timestamp::now(), jitter);
            self.route.lost(self.state.had_lasted());
            self.show();
            let error = failure.sentence();
            match next {
                Next::GiveUp => {
                    tracing::error!(error, "rtmp output failed");
                    return;
                }
                Next::RetryAfter(wait) => {
                    tracing::warn!(error, "rtmp output lost, will try again");
                    let (reader, configs, stop) = (&mut self.reader, &mut self.configs, &self.stop);
                    if draining(reader, configs, stop, sleep(wait)).await.is_none() {
                        break;
                    }
                }
            }
        }
        self.state.stopped(Timestamp::now());
        self.show();
        tracing::info!("rtmp output stopped");
    }

    /// One URL: a connection, and more where the server asks who we are.
    async fn attempt(&mut self) -> Ending {
        let url = self.route.take();
        let (mut query, mut proved) = (None, false);
        for _ in 0..probe::MAX_CONNECTIONS {
            let dialling = dial(&url, self.limits, &mut self.tls);
            let dialled = if self.carried.is_some() {
                tokio::select! { biased;
                    () = self.stop.cancelled() => None,
                    dialled = dialling => Some(dialled),
                }
            } else {
                draining(&mut self.reader, &mut self.configs, &self.stop, dialling).await
            };
            let ending = match dialled {
                None => Ending::Clean,
                Some(Err(failure)) => Ending::Lost(failure),
                Some(Ok(stream)) => self.publish(stream, &url, query.take()).await,
            };
            let Ending::Authentication(demand) = ending else { return ending };
            if url.credentials().is_none() {
                return Ending::Lost(Failure::CredentialsMissing);
            }
            // A challenge after a proof: the proof was wrong.
            if std::mem::replace(&mut proved, matches!(demand, Demand::Proof(_))) {
                break;
            }
            query = probe::answer(&url, &demand);
            if query.is_none() {
                break;
            }
        }
        Ending::Lost(Failure::CredentialsWrong)
    }

    /// One connection, from the handshake to its end.
    async fn publish(&mut self, stream: Wire, url: &RtmpUrl, query: Option<Redacted<String>>) -> Ending {
        let mut session = match Session::new(url, now().into_std()) {
            Ok(session) => session.authenticated(query),
            Err(source) => return Ending::Lost(Failure::Protocol { stage: Stage::Handshake, source }),
        };
        let limits = self.limits;
        self.configs.all().for_each(|config| session.send_config(config));
        let (mut rx, mut tx) = tokio::io::split(stream);
        let mut out = SendQueue::default();
        let mut input = vec![0; READ_BUFFER];
        let mut taken_at = now();
        let mut ask_keyframe_at = now();
        // TLS keeps what the socket has not taken; it must be told to go on.
        let mut unflushed = false;
        let mut moving: Option<Move> = None;
        let mut ask_first_at: Option<Instant> = None;
        let mut question: Option<Question> = None;

        loop {
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Transmit(bytes) => {
                        if out.is_empty() {
                            taken_at = now();
                        }
                        out.push(bytes);
                    }
                    Output::Event(Event::Published) => {
                        match self.carried.take() {
                            // A planned change: nothing was lost, the stream goes on where it was.
                            Some(frame) => {
                                if let Err(source) = session.send_frame(&frame) {
                                    return Ending::Lost(Failure::Protocol { stage: Stage::Live, source });
                                }
                            }
                            None => {
                                // What was queued while we were away is stale.
                                self.reader.restart_at_keyframe();
                                (self.keyframe)();
                                ask_keyframe_at = now() + KEYFRAME_RETRY;
                            }
                        }
                        let on_backup = self.route.on_backup();
                        self.state.published(now().into_std(), Timestamp::now(), on_backup);
                        if on_backup && !self.state.first_refused() {
                            ask_first_at = Some(now() + self.route.question_after());
                        }
                        self.show();
                        tracing::info!(on_backup, "rtmp output live");
                    }
                    Output::Event(Event::Rejected { code, description }) => {
                        let stage = session.reached();
                        return Ending::Lost(Failure::Refused { stage, code, description });
                    }
                    Output::Event(Event::Ended { code, description }) => {
                        return Ending::Lost(Failure::Ended { code, description });
                    }
                    Output::Event(Event::Authentication(demand)) => return Ending::Authentication(demand),
                    Output::Event(Event::ReconnectRequested { tc_url, description }) => {
                        tracing::info!(description, "the server asks to reconnect");
                        let tc_url = tc_url.as_ref().map(|to| to.expose().as_str());
                        let (at, result) = self.route.asked_to_move(url, tc_url, now().into_std());
                        if let Err(error) = result {
                            tracing::warn!(%error, "the server's redirection is not followed");
                        }
                        let not_before = Instant::from_std(at);
                        moving = Some(Move { not_before, deadline: not_before + limits.stage });
                        ask_keyframe_at = not_before;
                    }
                    Output::Event(Event::Acknowledged(_) | Event::Connected) => {}
                }
            }
            let stage = session.stage();
            let live = stage == Stage::Live;
            let deadline = match live {
                true => (!out.is_empty() || unflushed).then(|| taken_at + limits.stall),
                false => Some(Instant::from_std(session.stage_since()) + limits.stage),
            };
            let wants_keyframe =
                live && (moving.is_some() || session.awaits_keyframe() || self.reader.wants_keyframe());
            let keyframe_at = wants_keyframe.then_some(ask_keyframe_at);
            // While a planned change is under way the frames wait in the hub's queue.
            let hears_hub = if live { out.bytes() < HIGH_WATER } else { self.carried.is_none() };

            // In this order: an end is wanted at once; bytes leave before new ones come; the server is
            // heard before the hub, since it decides whether frames make sense.
            tokio::select! { biased;
                () = self.stop.cancelled() => break,
                () = at(deadline) => return Ending::Lost(match live {
                    true => Failure::Stalled { limit: limits.stall },
                    false => Failure::StageTimeout { stage, limit: limits.stage },
                }),
                () = at(keyframe_at) => {
                    (self.keyframe)();
                    ask_keyframe_at = now() + KEYFRAME_RETRY;
                }
                sent = push_on(&mut tx, &out), if !out.is_empty() || unflushed => match sent {
                    Ok(Sent::Flushed) => unflushed = false,
                    Ok(Sent::Written(0)) => return Ending::Lost(Failure::Closed { stage }),
                    Ok(Sent::Written(length)) => {
                        out.advance(length);
                        taken_at = now();
                        unflushed = true;
                        if live {
                            self.count(length as u64);
                        }
                    }
                    Err(source) => return Ending::Lost(Failure::of_socket(stage, source, limits.stall)),
                },
                works = answered(&mut question), if live => {
                    question = None;
                    match works {
                        true => {
                            tracing::info!("the first url works again");
                            self.route.back_to_first();
                            moving = Some(Move { not_before: now(), deadline: now() + limits.stage });
                        }
                        false => ask_first_at = Some(now() + self.route.question_after()),
                    }
                }
                () = at(ask_first_at), if live => {
                    ask_first_at = None;
                    let (first, tls) = (self.route.first().clone(), Tls::new(&self.extra_ca_file));
                    question = Some(Box::pin(probe::works(first, limits, tls)));
                }
                read = rx.read(&mut input), if out.bytes() < REPLY_LIMIT => match read {
                    Ok(0) => return Ending::Lost(Failure::Closed { stage }),
                    Ok(length) => {
                        if let Err(source) = session.handle_input(&input[..length], now().into_std()) {
                            return Ending::Lost(Failure::Protocol { stage: session.reached(), source });
                        }
                    }
                    Err(source) => return Ending::Lost(Failure::of_socket(stage, source, limits.stall)),
                },
                item = self.reader.recv(), if hears_hub => match item {
                    HubItem::Config(config) => {
                        session.send_config(&config);
                        self.configs.note(config);
                    }
                    HubItem::Frame(frame) if moving.as_ref().is_some_and(|planned| planned.is_due(&frame)) => {
                        if is_keyframe(&frame) {
                            self.carried = Some(frame);
                        }
                        say_goodbye(session, rx, tx, out).await;
                        return Ending::Moved;
                    }
                    HubItem::Frame(frame) => {
                        if let Err(source) = session.send_frame(&frame) {
                            return Ending::Lost(Failure::Protocol { stage, source });
                        }
                    }
                    HubItem::Discontinuity(_) => session.discontinuity(),
                    HubItem::End => break,
                },
            }
        }
        say_goodbye(session, rx, tx, out).await;
        Ending::Clean
    }

    fn count(&mut self, bytes: u64) {
        self.state.count(bytes, self.reader.dropped());
        let (sent, dropped) = (self.state.status().bytes_sent, self.state.status().frames_dropped);
        self.status.send_if_modified(|status| {
            status.bytes_sent = sent;
            status.frames_dropped = dropped;
            false
        });
    }

    fn show(&mut self) {
        self.state.count(0, self.reader.dropped());
        self.status.send_replace(self.state.status().clone());
    }
}

/// What [`push_on`] did.
enum Sent {
    Written(usize),
    Flushed,
}

/// Hands bytes over, or flushes when there are none left. Cancel-safe.
async fn push_on(tx: &mut WriteHalf<Wire>, out: &SendQueue) -> std::io::Result<Sent> {
    if out.is_empty() {
        tx.flush().await.map(|()| Sent::Flushed)
    } else {
        tx.write(out.front()).await.map(Sent::Written)
    }
}

impl Move {
    /// Whether it happens before this frame.
    fn is_due(&self, frame: &EncodedFrame) -> bool {
        let now = now();
        now >= self.not_before && (is_keyframe(frame) || now >= self.deadline)
    }
}

fn is_keyframe(frame: &EncodedFrame) -> bool {
    frame.track == Track::Video && frame.keyframe
}

/// The answer to a question; never, if there is none.
async fn answered(question: &mut Option<Question>) -> bool {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

fn now() -> Instant {
    Instant::now()
}

/// Waits until `deadline`, for ever if there is none.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
