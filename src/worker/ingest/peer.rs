//! webrtcbin: how it is set up, how it negotiates, what it says.

use super::{IngestError, IngestSetup, answer, certificate};
use crate::{
    ipc::{Candidate, IngestOffer, SessionEndReason, WebrtcSetup},
    worker::pipeline::PipelineEvent,
};
use gst::{glib, prelude::*};
use gst_webrtc::{
    WebRTCDTLSTransport, WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCRTPTransceiver,
    WebRTCSDPType, WebRTCSessionDescription,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

mod reception;

use reception::{link_branches, transceivers};

/// Each step of the negotiation is local work of milliseconds.
const STEP_DEADLINE: Duration = Duration::from_secs(5);
/// Gathering waits for STUN and TURN servers; what is there by then has to do.
const GATHERING_DEADLINE: Duration = Duration::from_secs(3);

/// How often the sender hears how its packets arrived; libwebrtc's own range is 50 to 250 ms. By default
/// 1.22 speaks at the end of each frame: a first keyframe that takes seconds at the rate senders start with
/// would then keep the sender at that rate for those seconds.
const FEEDBACK_INTERVAL: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// What the session is told it carries, bits a second; a twentieth of it is RTCP's (RFC 3550, 6.2), and one early
/// report may go in each interval that follows from it (RFC 4585, 3.5.2). Left to itself 1.22 counts on 64 kbit/s,
/// congestion feedback takes every turn and a request for a keyframe waited up to 720 ms; with this, where the
/// interval is some 40 ms, at most 8 ms. More than is needed is not sent: without anything to say reports stay 5 s
/// apart.
const SESSION_BANDWIDTH: f64 = 4_000_000.0;

/// What a peer connection says.
#[derive(Debug)]
pub enum PeerEvent {
    /// The DTLS transport's state changed: the certificate may be known now.
    SecurityChanged,
    /// Failed or closed.
    Disconnected,
    /// From the bus.
    Pipeline(PipelineEvent),
}

/// What a [`PeerEvent`] means to whom the peer was promised.
#[derive(Debug)]
pub enum Verdict {
    Nothing,
    /// The connection is up, and the certificate is the offered one.
    Trusted,
    Ended(SessionEndReason),
}

/// One peer connection: it receives a publisher, or sends to a subscriber.
#[derive(Debug)]
pub struct Peer {
    webrtcbin: gst::Element,
    /// [`WebRTCRTPTransceiver`]s, as the base class: only that one's binding may cross threads.
    transceivers: Vec<gst::Object>,
    gathered: watch::Receiver<bool>,
    /// A branch cannot go on without a keyframe.
    keyframe: Arc<Notify>,
    events: mpsc::Sender<PeerEvent>,
    handlers: Mutex<Vec<(gst::Object, glib::SignalHandlerId)>>,
}

impl Peer {
    /// Sets webrtcbin up for the offer: transport, one transceiver per m-line, and the branches its streams
    /// go to.
    pub fn prepare(
        pipeline: &gst::Pipeline,
        webrtcbin: gst::Element,
        setup: &IngestSetup,
        events: mpsc::Sender<PeerEvent>,
    ) -> Result<Self, IngestError> {
        configure_transport(&webrtcbin, &setup.webrtc);
        let transceivers = transceivers(&webrtcbin, &setup.offer);
        let peer = Self::new(webrtcbin, transceivers, Arc::default(), events);
        link_branches(pipeline, &peer.webrtcbin, setup, &peer.keyframe)?;
        Ok(peer)
    }

    /// A webrtcbin that has its transceivers and what belongs to them; `keyframe` is rung by these.
    pub fn new(
        webrtcbin: gst::Element,
        transceivers: Vec<gst::Object>,
        keyframe: Arc<Notify>,
        events: mpsc::Sender<PeerEvent>,
    ) -> Self {
        let (gathered_in, gathered) = watch::channel(false);
        webrtcbin.connect_notify(Some("ice-gathering-state"), move |webrtcbin, _| {
            let state = webrtcbin.property::<WebRTCICEGatheringState>("ice-gathering-state");
            gathered_in.send_replace(state == WebRTCICEGatheringState::Complete);
        });
        let state_events = events.clone();
        webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            let state = webrtcbin.property::<WebRTCPeerConnectionState>("connection-state");
            if matches!(state, WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed) {
                let _ = state_events.try_send(PeerEvent::Disconnected);
            }
        });
        Self { webrtcbin, transceivers, gathered, keyframe, events, handlers: Mutex::new(Vec::new()) }
    }

    /// What an event means to the one who offered a certificate with this fingerprint, and who is, or is not
    /// yet, `trusted`.
    pub fn judge(&self, event: PeerEvent, fingerprint_sha256: &[u8; 32], trusted: bool) -> Verdict {
        match event {
            PeerEvent::SecurityChanged if !trusted => match self.certificate_digest() {
                None => Verdict::Nothing,
                Some(digest) if digest == *fingerprint_sha256 => Verdict::Trusted,
                Some(_) => Verdict::Ended(SessionEndReason::FingerprintMismatch),
            },
            PeerEvent::SecurityChanged => Verdict::Nothing,
            PeerEvent::Disconnected | PeerEvent::Pipeline(PipelineEvent::Eos) => {
                Verdict::Ended(SessionEndReason::Disconnected)
            }
            PeerEvent::Pipeline(PipelineEvent::Error { element, detail }) => {
                Verdict::Ended(SessionEndReason::PipelineError { detail: format!("{element}: {detail}") })
            }
        }
    }

    /// Offer in, answer out, with all our candidates.
    pub async fn negotiate(&self, offer: &IngestOffer, webrtc: &WebrtcSetup) -> Result<String, IngestError> {
        let begun = {
            let sdp = gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes())
                .map_err(|error| IngestError::Offer(error.to_string()))?;
            let remote = WebRTCSessionDescription::new(WebRTCSDPType::Offer, sdp);
            self.begin("set-remote-description", Some(&remote))
        };
        begun.done().await?;
        let reply = self.begin("create-answer", None).done().await?;
        let begun = {
            let local = reply
                .and_then(|reply| reply.get::<WebRTCSessionDescription>("answer").ok())
                .ok_or(IngestError::Negotiate { step: "create-answer", detail: "no answer".to_owned() })?;
            self.begin("set-local-description", Some(&local))
        };
        begun.done().await?;
        self.time_feedback(offer);
        self.watch_security();

        let mut gathered = self.gathered.clone();
        if tokio::time::timeout(GATHERING_DEADLINE, gathered.wait_for(|done| *done)).await.is_err() {
            tracing::warn!("gathering candidates took too long; the answer holds those found so far");
        }
        let local: Option<WebRTCSessionDescription> = self.webrtcbin.property("local-description");
        let text = local
            .and_then(|local| local.sdp().as_text().ok())
            .ok_or(IngestError::Negotiate { step: "describe itself", detail: "no description".to_owned() })?;
        if text.contains("m=video 0 ") || text.contains("m=audio 0 ") {
            let detail = "a medium of the offer was rejected".to_owned();
            return Err(IngestError::Negotiate { step: "accept the offer", detail });
        }
        Ok(answer::announce(&answer::name_profile(&text, &offer.sdp), webrtc.public_ip))
    }

    /// Has congestion feedback sent by time and requests for keyframes at once. The sessions are there once the
    /// descriptions are.
    fn time_feedback(&self, offer: &IngestOffer) {
        let Some(rtpbin) = rtpbin(&self.webrtcbin) else { return };
        let mlines =
            [offer.video.as_ref().map(|video| video.mline), offer.audio.as_ref().map(|audio| audio.mline)];
        for mline in mlines.into_iter().flatten() {
            let session = rtpbin.emit_by_name::<Option<glib::Object>>("get-internal-session", &[&mline]);
            let Some(session) = session else { continue };
            session.set_property("bandwidth", SESSION_BANDWIDTH);
            if session.find_property("twcc-feedback-interval").is_some() {
                session.set_property("twcc-feedback-interval", FEEDBACK_INTERVAL.nseconds());
            }
        }
    }

    /// Begins a step of the negotiation. (Descriptions cannot cross threads, so none is held while waiting.)
    fn begin(&self, step: &'static str, description: Option<&WebRTCSessionDescription>) -> Begun {
        let (done, reply) = oneshot::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let reply = match reply {
                Ok(Some(reply)) => match reply.get::<glib::Error>("error") {
                    Ok(error) => Err(error.to_string()),
                    Err(_) => Ok(Some(reply.to_owned())),
                },
                Ok(None) => Ok(None),
                Err(error) => Err(format!("{error:?}")),
            };
            let _ = done.send(reply);
        });
        match description {
            Some(description) => self.webrtcbin.emit_by_name::<()>(step, &[description, &promise]),
            None => self.webrtcbin.emit_by_name::<()>(step, &[&None::<gst::Structure>, &promise]),
        }
        Begun { step, reply }
    }

    /// The one DTLS transport of the bundle.
    fn transport(&self) -> Option<WebRTCDTLSTransport> {
        let receiver = self.transceivers.first()?.downcast_ref::<WebRTCRTPTransceiver>()?.receiver()?;
        receiver.property::<Option<WebRTCDTLSTransport>>("transport")
    }

    fn watch_security(&self) {
        let Some(transport) = self.transport() else { return };
        let events = self.events.clone();
        let handler = transport.connect_notify(Some("state"), move |transport, _| {
            let closed = matches!(
                transport.state(),
                gst_webrtc::WebRTCDTLSTransportState::Closed | gst_webrtc::WebRTCDTLSTransportState::Failed
            );
            let event = if closed { PeerEvent::Disconnected } else { PeerEvent::SecurityChanged };
            let _ = events.try_send(event);
        });
        if let (Ok(mut handlers), Ok(transport)) =
            (self.handlers.lock(), transport.dynamic_cast::<gst::Object>())
        {
            handlers.push((transport, handler));
        }
    }

    /// SHA-256 of the peer's certificate, once the DTLS handshake is done.
    pub fn certificate_digest(&self) -> Option<[u8; 32]> {
        let transport = self.transport()?;
        if transport.state() != gst_webrtc::WebRTCDTLSTransportState::Connected {
            return None;
        }
        certificate::sha256_of_pem(&transport.property::<Option<String>>("remote-certificate")?)
    }

    /// Trickled candidates.
    pub fn add_candidates(&self, candidates: &[Candidate]) {
        for Candidate { mline, candidate } in candidates {
            self.webrtcbin.emit_by_name::<()>("add-ice-candidate", &[mline, candidate]);
        }
    }

    /// Waits until a branch cannot go on without a keyframe: packets were lost for good.
    pub async fn wants_keyframe(&self) {
        self.keyframe.notified().await;
    }

    /// Asks the publisher for a keyframe (PLI).
    pub fn request_keyframe(&self) {
        for pad in self.webrtcbin.src_pads() {
            pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Ok(mut handlers) = self.handlers.lock() {
            for (object, handler) in handlers.drain(..) {
                object.disconnect(handler);
            }
        }
    }
}

/// A step of the negotiation under way.
struct Begun {
    step: &'static str,
    reply: oneshot::Receiver<Result<Option<gst::Structure>, String>>,
}

impl Begun {
    async fn done(self) -> Result<Option<gst::Structure>, IngestError> {
        let Self { step, reply } = self;
        match tokio::time::timeout(STEP_DEADLINE, reply).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(detail))) => Err(IngestError::Negotiate { step, detail }),
            Ok(Err(_)) => Err(IngestError::Negotiate { step, detail: "no reply".to_owned() }),
            Err(_) => Err(IngestError::TimedOut { step }),
        }
    }
}

/// Ports, ICE servers and what of libnice is not wanted.
pub fn configure_transport(webrtcbin: &gst::Element, webrtc: &WebrtcSetup) {
    if let Some(stun) = &webrtc.stun_server {
        webrtcbin.set_property("stun-server", stun);
    }
    for turn in &webrtc.turn_servers {
        webrtcbin.emit_by_name::<bool>("add-turn-server", &[turn]);
    }
    let ice = webrtcbin.property::<gst::Object>("ice-agent");
    let (first, last) = webrtc.udp_ports;
    if last > 0 {
        ice.set_property("min-rtp-port", u32::from(first));
        ice.set_property("max-rtp-port", u32::from(last));
    }
    // TCP candidates would listen on more ports, and no publisher needs them. UPnP would listen on port 1900
    // and two more outside of the configured range, and ask routers for mappings nobody ordered.
    let agent = ice.property::<Option<glib::Object>>("agent");
    for unwanted in ["ice-tcp", "upnp"] {
        if let Some(agent) = agent.as_ref().filter(|agent| agent.find_property(unwanted).is_some()) {
            agent.set_property(unwanted, false);
        }
    }
    let Some(rtpbin) = rtpbin(webrtcbin) else { return };
    // Our own map RTP time to the time of capture. By default it is the time of sending, and a subscriber keeps
    // the different delays of picture and sound on their way through us.
    rtpbin.set_property("rtcp-sync-send-time", false);
    // Sender reports further off than a second were ignored by default before 1.26: never right.
    if rtpbin.find_property("max-rtcp-rtp-time-diff").is_some() {
        rtpbin.set_property("max-rtcp-rtp-time-diff", -1i32);
    }
}

fn rtpbin(webrtcbin: &gst::Element) -> Option<gst::Element> {
    webrtcbin.downcast_ref::<gst::Bin>()?.by_name("rtpbin")
}
