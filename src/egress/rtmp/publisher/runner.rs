//! The task behind a publisher: one connection after the other, the hub's queue always drained.

use super::{
    super::{
        session::{Event, Output, Session, Stage},
        url::RtmpUrl,
    },
    dial::dial,
    failure::Failure,
    state::{Next, RtmpPublisherState},
};
use crate::{
    config::RtmpConfig,
    egress::{
        hub::{HubItem, HubReader},
        output::OutputStatus,
    },
    media::{Track, TrackConfig},
};
use bytes::{Buf, Bytes};
use jiff::Timestamp;
use std::{collections::VecDeque, future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout_at},
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
/// A clean end must be over within two seconds: so long for what is still to be sent …
const FLUSH_LIMIT: Duration = Duration::from_millis(1000);
/// … and so long for the server to hang up. Closing earlier, with its answers unread, would reset the
/// connection and might destroy our last words on their way.
const LINGER_LIMIT: Duration = Duration::from_millis(300);

/// How a connection ended.
enum Ending {
    /// As asked, or since the cast ended.
    Clean,
    Lost(Failure),
}

/// The latest parameters, for the next connection.
#[derive(Default)]
struct Configs {
    video: Option<Arc<TrackConfig>>,
    audio: Option<Arc<TrackConfig>>,
}

impl Configs {
    fn note(&mut self, config: Arc<TrackConfig>) {
        match config.track() {
            Track::Video => self.video = Some(config),
            Track::Audio => self.audio = Some(config),
        }
    }

    fn all(&self) -> impl Iterator<Item = &TrackConfig> {
        [&self.video, &self.audio].into_iter().flatten().map(Arc::as_ref)
    }
}

pub(super) struct RtmpPublisherRunner<K> {
    url: RtmpUrl,
    stage_limit: Duration,
    stall_limit: Duration,
    keyframe: K,
    reader: HubReader,
    configs: Configs,
    state: RtmpPublisherState,
    status: watch::Sender<OutputStatus>,
    stop: CancellationToken,
}

impl<K: Fn() + Send + Sync> RtmpPublisherRunner<K> {
    pub(super) fn new(
        url: RtmpUrl,
        config: RtmpConfig,
        keyframe: K,
        reader: HubReader,
        status: watch::Sender<OutputStatus>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            url,
            stage_limit: Duration::from_millis(config.stage_timeout_ms.into()),
            stall_limit: Duration::from_millis(config.stall_timeout_ms.into()),
            keyframe,
            reader,
            configs: Configs::default(),
            state: RtmpPublisherState::new(&config, Timestamp::now()),
            status,
            stop,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let failure = match self.attempt().await {
                Ending::Clean => break,
                Ending::Lost(failure) => failure,
            };
            let next =
                self.state.lost(failure.loss(), now().into_std(), Timestamp::now(), rand::random::<f64>());
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

    async fn attempt(&mut self) -> Ending {
        let dialling = dial(&self.url, self.stage_limit, self.stall_limit);
        match draining(&mut self.reader, &mut self.configs, &self.stop, dialling).await {
            None => Ending::Clean,
            Some(Err(failure)) => Ending::Lost(failure),
            Some(Ok(stream)) => self.publish(stream).await,
        }
    }

    /// One connection, from the handshake to its end. Any byte stream will do: TLS goes around it.
    async fn publish<S: AsyncRead + AsyncWrite>(&mut self, stream: S) -> Ending {
        let mut session = match Session::new(&self.url, now().into_std()) {
            Ok(session) => session,
            Err(source) => return Ending::Lost(Failure::Protocol { stage: Stage::Handshake, source }),
        };
        self.configs.all().for_each(|config| session.send_config(config));
        let (mut rx, mut tx) = tokio::io::split(stream);
        let mut out = SendQueue::default();
        let mut input = vec![0; READ_BUFFER];
        let mut taken_at = now();
        let mut ask_keyframe_at = now();

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
                        // What was queued while we were away is stale.
                        self.reader.restart_at_keyframe();
                        (self.keyframe)();
                        ask_keyframe_at = now() + KEYFRAME_RETRY;
                        self.state.published(now().into_std(), Timestamp::now());
                        self.show();
                        tracing::info!("rtmp output live");
                    }
                    Output::Event(Event::Rejected { code, description }) => {
                        let stage = session.reached();
                        return Ending::Lost(Failure::Refused { stage, code, description });
                    }
                    Output::Event(Event::Ended { code, description }) => {
                        return Ending::Lost(Failure::Ended { code, description });
                    }
                    Output::Event(Event::Acknowledged(_)) => {}
                }
            }
            let stage = session.stage();
            let live = stage == Stage::Live;
            let deadline = match live {
                true => (!out.is_empty()).then(|| taken_at + self.stall_limit),
                false => Some(Instant::from_std(session.stage_since()) + self.stage_limit),
            };
            let keyframe_at = session.awaits_keyframe().then_some(ask_keyframe_at);

            // In this order: an end is wanted at once; bytes leave before new ones come; the server is
            // heard before the hub, since it decides whether frames make sense.
            tokio::select! { biased;
                () = self.stop.cancelled() => return self.finish(session, rx, tx, out).await,
                () = at(deadline) => return Ending::Lost(match live {
                    true => Failure::Stalled { limit: self.stall_limit },
                    false => Failure::StageTimeout { stage, limit: self.stage_limit },
                }),
                () = at(keyframe_at) => {
                    (self.keyframe)();
                    ask_keyframe_at = now() + KEYFRAME_RETRY;
                }
                written = tx.write(out.front()), if !out.is_empty() => match written {
                    Ok(0) => return Ending::Lost(Failure::Closed { stage }),
                    Ok(length) => {
                        out.advance(length);
                        taken_at = now();
                        if live {
                            self.count(length as u64);
                        }
                    }
                    Err(source) => return Ending::Lost(broken(stage, source, self.stall_limit)),
                },
                read = rx.read(&mut input), if out.bytes < REPLY_LIMIT => match read {
                    Ok(0) => return Ending::Lost(Failure::Closed { stage }),
                    Ok(length) => {
                        if let Err(source) = session.handle_input(&input[..length], now().into_std()) {
                            return Ending::Lost(Failure::Protocol { stage: session.reached(), source });
                        }
                    }
                    Err(source) => return Ending::Lost(broken(stage, source, self.stall_limit)),
                },
                item = self.reader.recv(), if !live || out.bytes < HIGH_WATER => match item {
                    HubItem::Config(config) => {
                        session.send_config(&config);
                        self.configs.note(config);
                    }
                    HubItem::Frame(frame) => {
                        if let Err(source) = session.send_frame(&frame) {
                            return Ending::Lost(Failure::Protocol { stage, source });
                        }
                    }
                    HubItem::Discontinuity(_) => session.discontinuity(),
                    HubItem::End => return self.finish(session, rx, tx, out).await,
                },
            }
        }
    }

    /// Sends what is on its way and the goodbye. However that goes, the end is a clean one.
    async fn finish<S: AsyncRead + AsyncWrite>(
        &mut self,
        mut session: Session,
        mut rx: ReadHalf<S>,
        mut tx: WriteHalf<S>,
        mut out: SendQueue,
    ) -> Ending {
        let said_goodbye = session.stage() >= Stage::Publish;
        if let Err(error) = session.finish(now().into_std()) {
            tracing::debug!(%error, "cannot write the end of the stream");
        }
        while let Some(output) = session.poll_output() {
            if let Output::Transmit(bytes) = output {
                out.push(bytes);
            }
        }
        if !said_goodbye {
            return Ending::Clean;
        }
        let flush = async {
            while !out.is_empty() {
                let length = tx.write(out.front()).await?;
                if length == 0 {
                    break;
                }
                out.advance(length);
            }
            tx.shutdown().await
        };
        match timeout_at(now() + FLUSH_LIMIT, flush).await {
            Ok(Ok(())) => {
                let mut rest = [0; 1024];
                let hang_up = async { while rx.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
                // Late or not: the goodbye is out.
                let _ = timeout_at(now() + LINGER_LIMIT, hang_up).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "the connection broke at the end of the stream"),
            Err(_) => tracing::debug!("the server did not take the end of the stream"),
        }
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

/// Does `work` while the hub's queue is emptied, so that it never fills with media nobody will want.
/// `None`: stop was asked for, or the cast ended.
async fn draining<T>(
    reader: &mut HubReader,
    configs: &mut Configs,
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! { biased;
            () = stop.cancelled() => return None,
            done = &mut work => return Some(done),
            item = reader.recv() => match item {
                HubItem::Config(config) => configs.note(config),
                HubItem::Frame(_) | HubItem::Discontinuity(_) => {}
                HubItem::End => return None,
            },
        }
    }
}

/// Bytes on their way to the socket.
#[derive(Default)]
struct SendQueue {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl SendQueue {
    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    fn front(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    /// `length` bytes of the front part are gone.
    fn advance(&mut self, length: usize) {
        if let Some(part) = self.parts.front_mut() {
            let length = length.min(part.len());
            part.advance(length);
            self.bytes -= length;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}

/// The kernel gives up on a silent server after the same time as we do (`TCP_USER_TIMEOUT`); whoever is
/// first, it is the same failure.
fn broken(stage: Stage, source: std::io::Error, stall_limit: Duration) -> Failure {
    match source.kind() {
        std::io::ErrorKind::TimedOut if stage == Stage::Live => Failure::Stalled { limit: stall_limit },
        _ => Failure::Broken { stage, source },
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
