//! Forward: one pipeline and one webrtcbin per subscriber of a publisher, which sends the publisher's RTP on as
//! it came; or of the program, whose RTP a [`broadcast`](super::broadcast) makes.
//!
//! [`Forward`] is the handle, [`ForwardRunner`] the task that owns the pipeline. The packets come by the
//! publisher's [`relay`]; what is changed in them is the pure [`packet`].

pub mod packet;
pub mod relay;
pub mod sender;

use crate::{
    ids::SessionId,
    ipc::{Candidate, ForwardOf, IngestOffer, Mutes, SessionEndReason, WebrtcSetup},
    worker::{
        broadcast::Broadcast,
        ingest::{
            Ingest, IngestError, IngestEvent,
            peer::{self, Peer, PeerEvent, Verdict},
        },
        pipeline::{self, RunningPipeline},
        pipeline_file::{PipelineFile, Role},
        timeline::Timeline,
    },
};
use relay::{PacketRelay, RelayedMedium, RelayedPacket};
use sender::Sender;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{broadcast, mpsc};

/// Requests and events under way for one subscriber.
const MAILBOX: usize = 64;
/// How often a subscriber is looked at for inactivity.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// A picture that waits for its first keyframe asks anew so often: the first request may be lost.
const KEYFRAME_PATIENCE: u32 = 2;

/// A subscriber.
pub struct ForwardSetup {
    pub session: SessionId,
    pub of: ForwardOf,
    pub offer: IngestOffer,
    pub webrtc: WebrtcSetup,
    pub timeline: Timeline,
    pub mutes: Mutes,
    pub origin: Origin,
}

/// Where a subscriber's packets come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A publisher, and its packets.
    Publisher(Ingest, PacketRelay),
    Program(Broadcast),
}

impl Origin {
    fn request_keyframe(&self) {
        match self {
            Self::Publisher(ingest, _) => ingest.request_keyframe(),
            Self::Program(broadcast) => broadcast.request_keyframe(),
        }
    }

    fn listen(&self) -> broadcast::Receiver<RelayedPacket> {
        match self {
            Self::Publisher(_, packets) => packets.listen(),
            Self::Program(broadcast) => broadcast.packets().listen(),
        }
    }
}

#[derive(Debug)]
enum ForwardRequest {
    Candidates(Vec<Candidate>),
    Mute(Mutes),
    Close,
}

/// The handle. Dropping it closes the forward.
#[derive(Debug, Clone)]
pub struct Forward {
    mailbox: mpsc::Sender<ForwardRequest>,
}

impl Forward {
    /// Begins to let a subscriber in; how it goes is told by `events`, [`IngestEvent::Opened`] first.
    pub fn open(setup: ForwardSetup, events: mpsc::Sender<(SessionId, IngestEvent)>) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let heard_at = Arc::new(AtomicU64::new(setup.timeline.now().0));
        let mutes = setup.mutes;
        tokio::spawn(ForwardRunner { setup, inbox, events, mutes, heard_at }.run());
        Self { mailbox }
    }

    /// Trickled candidates; left out when the peer sends more than it can be worth.
    pub fn add_candidates(&self, candidates: Vec<Candidate>) {
        let _ = self.mailbox.try_send(ForwardRequest::Candidates(candidates));
    }

    /// What is kept from the subscriber from now on. False if that could not be told: then it must be closed,
    /// since a mute may not be lost.
    pub fn mute(&self, mutes: Mutes) -> bool {
        self.mailbox.try_send(ForwardRequest::Mute(mutes)).is_ok()
    }

    /// Hang up.
    pub fn close(&self) {
        let _ = self.mailbox.try_send(ForwardRequest::Close);
    }
}

/// The task behind a [`Forward`].
struct ForwardRunner {
    setup: ForwardSetup,
    inbox: mpsc::Receiver<ForwardRequest>,
    events: mpsc::Sender<(SessionId, IngestEvent)>,
    mutes: Mutes,
    /// When a packet of the subscriber came in last.
    heard_at: Arc<AtomicU64>,
}

impl ForwardRunner {
    async fn run(mut self) {
        let (peer_events_in, mut peer_events) = mpsc::channel(MAILBOX);
        match self.open(peer_events_in).await {
            Err(error) => self.tell(IngestEvent::Opened(Err(error))).await,
            Ok((running, peer, senders, answer)) => {
                self.tell(IngestEvent::Opened(Ok(answer))).await;
                let ended = self.watch(&peer, senders, &mut peer_events).await;
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
    ) -> Result<(RunningPipeline, Peer, Vec<Sender>, String), IngestError> {
        let ForwardSetup { offer, webrtc, timeline, of, .. } = &self.setup;
        let file = PipelineFile::of(Role::Forward)?;
        let pipeline = file.pipeline(&[])?;
        let webrtcbin = file.element(&pipeline, "peer")?;
        peer::configure_transport(&webrtcbin, webrtc);
        let bell = Arc::default();
        let (senders, transceivers) = sender::senders(&pipeline, &webrtcbin, offer, &bell)?;
        let peer = Peer::new(webrtcbin, transceivers, bell, events.clone());
        let name = match of {
            ForwardOf::Source(source) => format!("forward {source}"),
            ForwardOf::Program => "forward program".to_owned(),
        };
        let running = RunningPipeline::start(pipeline, name, timeline, events, PeerEvent::Pipeline).await?;
        match peer.negotiate(offer, webrtc).await {
            Ok(answer) => {
                self.listen_to_network(running.pipeline());
                Ok((running, peer, senders, answer))
            }
            Err(error) => {
                drop(peer);
                running.stop().await?;
                Err(error)
            }
        }
    }

    /// Notes when packets come in, which tells whether the subscriber is still there.
    fn listen_to_network(&self, pipeline: &gst::Pipeline) {
        let (heard_at, timeline) = (self.heard_at.clone(), self.setup.timeline.clone());
        pipeline::on_packets_in(pipeline, move || {
            heard_at.store(timeline.now().0, Relaxed);
            gst::PadProbeReturn::Ok
        });
    }

    /// Serves an open subscription until it ends; `None` when it was asked to.
    async fn watch(
        &mut self,
        peer: &Peer,
        mut senders: Vec<Sender>,
        events: &mut mpsc::Receiver<PeerEvent>,
    ) -> Option<SessionEndReason> {
        let patience = u64::from(self.setup.webrtc.inactivity_ms) * 1_000_000;
        let mut watch = tokio::time::interval(WATCH_INTERVAL);
        let mut packets = None;
        let mut sent_since_watch = false;
        let mut ticks = 0;
        loop {
            tokio::select! {
                request = self.inbox.recv() => match request {
                    None | Some(ForwardRequest::Close) => return None,
                    Some(ForwardRequest::Candidates(candidates)) => peer.add_candidates(&candidates),
                    Some(ForwardRequest::Mute(mutes)) => {
                        let shown = self.mutes.video && !mutes.video;
                        self.mutes = mutes;
                        if shown {
                            self.setup.origin.request_keyframe();
                        }
                    }
                },
                () = peer.wants_keyframe() => self.setup.origin.request_keyframe(),
                packet = relay::next(&mut packets) => match packet {
                    Ok(packet) => sent_since_watch |= self.send(&mut senders, &packet),
                    // Left behind: the gap is a loss to the subscriber, who asks for a keyframe.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Some(SessionEndReason::SourceGone),
                },
                Some(event) = events.recv() => {
                    match peer.judge(event, &self.setup.offer.fingerprint_sha256, packets.is_some()) {
                        Verdict::Nothing => {}
                        Verdict::Trusted => {
                            packets = Some(self.setup.origin.listen());
                            self.setup.origin.request_keyframe();
                            self.tell(IngestEvent::Connected).await;
                        }
                        Verdict::Ended(reason) => return Some(reason),
                    }
                }
                _ = watch.tick() => {
                    ticks += 1;
                    let now = self.setup.timeline.now();
                    let connected = packets.is_some();
                    // Whom we send nothing has nothing to report about: silence is no sign of anything then.
                    if connected && !std::mem::take(&mut sent_since_watch) {
                        self.heard_at.store(now.0, Relaxed);
                    }
                    if now.0.saturating_sub(self.heard_at.load(Relaxed)) >= patience {
                        return Some(SessionEndReason::Inactive);
                    }
                    let waits = !self.mutes.video && senders.iter().any(Sender::awaits_keyframe);
                    if connected && waits && ticks % KEYFRAME_PATIENCE == 0 {
                        self.setup.origin.request_keyframe();
                    }
                }
            }
        }
    }

    fn send(&self, senders: &mut [Sender], (medium, packet): &RelayedPacket) -> bool {
        let Some(sender) = senders.iter_mut().find(|sender| sender.medium == *medium) else { return false };
        let muted = match medium {
            RelayedMedium::Audio => self.mutes.audio,
            RelayedMedium::Video => self.mutes.video,
        };
        if muted {
            sender.skip();
            return false;
        }
        sender.send(packet)
    }
}
