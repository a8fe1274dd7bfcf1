//! Ingest: one pipeline and one webrtcbin per publisher.
//!
//! [`Ingest`] is the handle, [`IngestRunner`] the task that owns the pipeline, [`IngestRequest`] its
//! mailbox. What is sans-pipeline stands in files of its own: [`answer`] (our SDP), [`certificate`].

pub mod answer;
pub mod audio_level;
pub mod branch;
pub mod certificate;
pub mod keyframes;
pub mod peer;

use crate::{
    ids::{SessionId, SourceId},
    ipc::{Candidate, IngestOffer, SessionEndReason, WebrtcSetup},
    worker::{
        pipeline::{PipelineError, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
        source::SourceTap,
        timeline::Timeline,
    },
};
use gst::glib;
use keyframes::KeyframeThrottle;
use peer::{Peer, PeerEvent, Verdict};
use std::time::Duration;
use tokio::{sync::mpsc, time::Instant};

/// Requests and events under way for one publisher; candidates come in one batch per `PATCH`.
const MAILBOX: usize = 64;
/// How often a publisher is looked at for inactivity.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Keyframes are asked for at most this often. Each is a burst that a sender on a narrow way needs up to a
/// second for; depayloaders of GStreamer 1.22 ask with every packet until it has come, and a sender that
/// obeyed would send nothing else.
const KEYFRAME_INTERVAL: Duration = Duration::from_secs(1);
/// The same for the program, which has a patience of its own and is not to wait for an interval that somebody else
/// began: what libwebrtc takes for the shortest distance of two requests (`EncoderRtcpFeedback`).
const PROGRAM_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);

/// Why a publisher could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("building the ingest pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the ingest pipeline")]
    Run(#[from] PipelineError),
    #[error("linking the ingest pipeline")]
    Link(#[from] glib::BoolError),
    #[error("reading the offer: {0}")]
    Offer(String),
    #[error("webrtcbin did not {step}: {detail}")]
    Negotiate { step: &'static str, detail: String },
    #[error("webrtcbin did not {step} in time")]
    TimedOut { step: &'static str },
}

/// What an ingest tells the controller.
#[derive(Debug)]
pub enum IngestEvent {
    /// Our answer, or why there is none (then it is over).
    Opened(Result<String, IngestError>),
    /// ICE and DTLS are up, the certificate is the offered one.
    Connected,
    /// It ended by itself.
    Ended(SessionEndReason),
    /// The pipeline cannot be taken down: the worker is of no use any more.
    Frozen,
}

/// What can be asked of an ingest.
#[derive(Debug)]
enum IngestRequest {
    Candidates(Vec<Candidate>),
    Keyframe { interval: Duration },
    Close,
}

/// A publisher.
pub struct IngestSetup {
    pub session: SessionId,
    pub source: SourceId,
    pub offer: IngestOffer,
    pub webrtc: WebrtcSetup,
    pub timeline: Timeline,
    pub tap: SourceTap,
}

/// The handle. Dropping it closes the ingest.
#[derive(Debug, Clone)]
pub struct Ingest {
    mailbox: mpsc::Sender<IngestRequest>,
}

impl Ingest {
    /// Begins to take a publisher in; how it goes is told by `events`, [`IngestEvent::Opened`] first.
    pub fn open(setup: IngestSetup, events: mpsc::Sender<(SessionId, IngestEvent)>) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let runner = IngestRunner { setup, inbox, events };
        tokio::spawn(runner.run());
        Self { mailbox }
    }

    /// Trickled candidates; left out when the peer sends more than it can be worth.
    pub fn add_candidates(&self, candidates: Vec<Candidate>) {
        let _ = self.mailbox.try_send(IngestRequest::Candidates(candidates));
    }

    /// A keyframe would help somebody who watches.
    pub fn request_keyframe(&self) {
        let _ = self.mailbox.try_send(IngestRequest::Keyframe { interval: KEYFRAME_INTERVAL });
    }

    /// The program needs a keyframe.
    pub fn request_keyframe_for_program(&self) {
        let _ = self.mailbox.try_send(IngestRequest::Keyframe { interval: PROGRAM_KEYFRAME_INTERVAL });
    }

    /// Hang up.
    pub fn close(&self) {
        let _ = self.mailbox.try_send(IngestRequest::Close);
    }
}

/// The task behind an [`Ingest`].
struct IngestRunner {
    setup: IngestSetup,
    inbox: mpsc::Receiver<IngestRequest>,
    events: mpsc::Sender<(SessionId, IngestEvent)>,
}

impl IngestRunner {
    async fn run(mut self) {
        let (peer_events_in, mut peer_events) = mpsc::channel(MAILBOX);
        match self.open(peer_events_in).await {
            Err(error) => self.tell(IngestEvent::Opened(Err(error))).await,
            Ok((running, peer, answer)) => {
                self.tell(IngestEvent::Opened(Ok(answer))).await;
                let ended = self.watch(&peer, &mut peer_events).await;
                drop(peer);
                if running.stop().await.is_err() {
                    self.tell(IngestEvent::Frozen).await;
                } else if let Some(reason) = ended {
                    self.tell(IngestEvent::Ended(reason)).await;
                }
            }
        }
    }

    async fn tell(&self, event: IngestEvent) {
        // The controller is gone only when the process is about to be.
        let _ = self.events.send((self.setup.session.clone(), event)).await;
    }

    async fn open(
        &self,
        events: mpsc::Sender<PeerEvent>,
    ) -> Result<(RunningPipeline, Peer, String), IngestError> {
        let file = PipelineFile::of(Role::Ingest)?;
        let jitter = ParamValue::Int(self.setup.webrtc.jitter_ms.into());
        let pipeline = file.pipeline(&[("jitter", jitter)])?;
        let webrtcbin = file.element(&pipeline, "peer")?;
        let peer = Peer::prepare(&pipeline, webrtcbin, &self.setup, events.clone())?;
        let name = format!("ingest {}", self.setup.source);
        let running =
            RunningPipeline::start(pipeline, name, &self.setup.timeline, events, PeerEvent::Pipeline).await?;
        match peer.negotiate(&self.setup.offer, &self.setup.webrtc).await {
            Ok(answer) => Ok((running, peer, answer)),
            Err(error) => {
                drop(peer);
                running.stop().await?;
                Err(error)
            }
        }
    }

    /// Serves an open ingest until it ends; `None` when it was asked to.
    async fn watch(
        &mut self,
        peer: &Peer,
        events: &mut mpsc::Receiver<PeerEvent>,
    ) -> Option<SessionEndReason> {
        let opened = self.setup.timeline.now();
        let patience = u64::from(self.setup.webrtc.inactivity_ms);
        let mut watch = tokio::time::interval(WATCH_INTERVAL);
        let mut keyframes = KeyframeThrottle::default();
        let mut trusted = false;
        loop {
            tokio::select! {
                request = self.inbox.recv() => match request {
                    None | Some(IngestRequest::Close) => return None,
                    Some(IngestRequest::Candidates(candidates)) => peer.add_candidates(&candidates),
                    Some(IngestRequest::Keyframe { interval }) => keyframes.want(interval, Instant::now()),
                },
                () = peer.wants_keyframe() => keyframes.want(KEYFRAME_INTERVAL, Instant::now()),
                () = keyframes::due(keyframes.due()) => {
                    keyframes.asked(Instant::now());
                    peer.request_keyframe();
                }
                Some(event) = events.recv() => {
                    match peer.judge(event, &self.setup.offer.fingerprint_sha256, trusted) {
                        Verdict::Nothing => {}
                        Verdict::Trusted => {
                            trusted = true;
                            self.setup.tap.meter().trust();
                            keyframes.want(KEYFRAME_INTERVAL, Instant::now());
                            self.tell(IngestEvent::Connected).await;
                        }
                        Verdict::Ended(reason) => return Some(reason),
                    }
                }
                _ = watch.tick() => {
                    let now = self.setup.timeline.now();
                    let quiet = self.setup.tap.meter().rtp_age_ms(now);
                    let quiet = quiet.unwrap_or(now.since(opened).as_millis() as u64);
                    if quiet >= patience {
                        return Some(SessionEndReason::Inactive);
                    }
                }
            }
        }
    }
}
