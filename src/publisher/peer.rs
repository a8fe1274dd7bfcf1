//! One peer connection: the pipeline from the drawn picture to the network. Everything here blocks,
//! with a deadline; callers keep it off the threads that run tasks.

use super::{
    clip::{Clip, ClipError, ClipPlayer, Track},
    options::{CheckedOptions, PublishOptions, VideoCodec},
    roles::PublisherRole,
    source::{Camera, Microphone, Source, monotonic_ns, picture_caps, sound_caps, system_clock},
    stats::Counters,
};
use crate::worker::{
    pipeline::on_packets_in,
    pipeline_file::{ParamValue, PipelineFileError},
};
use gst::{glib, prelude::*};
use gst_webrtc::{
    WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCSDPType, WebRTCSessionDescription,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc::Sender;

/// webrtcbin must have answered a request, an encoder given its first packet, within.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Gathering host candidates takes milliseconds; a STUN server that does not answer takes longer.
const GATHER_TIMEOUT: Duration = Duration::from_secs(10);
/// Distance of looks at a property.
const POLL: Duration = Duration::from_millis(5);

/// Keyframes at least so often, milliseconds.
const KEYFRAME_MS: u32 = 2000;

/// Why a peer connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("initialising GStreamer")]
    Init(#[source] glib::Error),
    #[error("GStreamer's system clock does not show CLOCK_MONOTONIC")]
    Clock,
    #[error("building the publisher's pipeline")]
    Pipeline(#[from] PipelineFileError),
    #[error("linking the {what} to the peer connection")]
    Link { what: &'static str },
    #[error("starting the publisher's pipeline")]
    Start,
    #[error("taking the file")]
    Clip(#[from] ClipError),
    #[error("starting the publisher's source")]
    Source(#[source] std::io::Error),
    #[error("{what} did not happen within {} s", within.as_secs())]
    Timeout { what: &'static str, within: Duration },
    #[error("the peer connection refused {what}: {reason}")]
    Refused { what: &'static str, reason: String },
    #[error("the answer is no SDP")]
    Answer,
}

/// What the peer connection reports while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerEvent {
    /// Media flows.
    Connected,
    /// The other end cannot be reached just now; may come back.
    Disconnected,
    /// It is over.
    Closed,
    /// An element failed.
    Failed(String),
}

/// A running peer connection. Dropping it stops it, which blocks.
pub struct Peer {
    pipeline: gst::Pipeline,
    peer: gst::Element,
    video_encoder: Option<gst::Element>,
    source: Option<Source>,
    clip: Option<ClipPlayer>,
    counters: Arc<Counters>,
    /// CLOCK_MONOTONIC of the last packet that came in, and how many there were.
    last_in_ns: Arc<AtomicU64>,
    packets_in: Arc<AtomicU64>,
}

impl Peer {
    /// Builds the pipeline, starts it, and gives its offer with all candidates.
    pub fn open(
        options: &PublishOptions,
        checked: &CheckedOptions,
        epoch_ns: u64,
        counters: &Arc<Counters>,
        events: Sender<PeerEvent>,
    ) -> Result<(Self, String), PeerError> {
        gst::init().map_err(PeerError::Init)?;
        let clock = system_clock().ok_or(PeerError::Clock)?;
        let file = PublisherRole::Peer.load()?;
        let pipeline = file.pipeline(&[])?;
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(gst::ClockTime::from_nseconds(epoch_ns));
        let peer = file.element(&pipeline, "peer")?;
        stamp_captures(&peer)?;
        leave_routers_alone(&peer);
        counters.close_gate();
        let mut this = Self {
            pipeline,
            peer,
            video_encoder: None,
            source: None,
            clip: None,
            counters: counters.clone(),
            last_in_ns: Arc::new(AtomicU64::new(monotonic_ns())),
            packets_in: Arc::new(AtomicU64::new(0)),
        };
        this.report(events);
        if let Some(path) = &options.file {
            this.play_file(path, options, epoch_ns)?;
            let offer = gather(&this.peer)?;
            return Ok((this, offer));
        }
        let mut pads = Vec::new();
        let mut microphone = None;
        let mut camera = None;
        if options.audio {
            let (out, pad) = this.add_sound(options)?;
            out.set_caps(Some(&sound_caps()));
            microphone = Some(Microphone { out, tone: options.tone });
            pads.push(pad);
        }
        if options.video {
            let (out, pad) = this.add_picture(options)?;
            out.set_caps(Some(&picture_caps(&checked.pattern)));
            camera = Some(Camera { out, pattern: checked.pattern.clone() });
            pads.push(pad);
        }
        this.pipeline.set_state(gst::State::Playing).map_err(|_| PeerError::Start)?;
        let source = Source::spawn(camera, microphone, epoch_ns, counters.frames_skipped.clone());
        this.source = Some(source.map_err(PeerError::Source)?);
        first_packets(&pads)?;
        let offer = gather(&this.peer)?;
        Ok((this, offer))
    }

    /// Sends a file's streams instead of drawn ones.
    fn play_file(&mut self, path: &Path, options: &PublishOptions, epoch_ns: u64) -> Result<(), PeerError> {
        let clip = Clip::read(path)?;
        let mut pads = Vec::new();
        let mut outs = [None, None];
        if let Some(track) = clip.sound.as_ref().filter(|_| options.audio) {
            let file = PublisherRole::SendOpus.load()?;
            let bin = file.bin(&[])?;
            pads.push(self.link(&bin, "sound", false)?);
            let counters = self.counters.clone();
            self.gate(&file.element(&bin, "rtp")?, "sound", move || counters.pass_sound())?;
            outs[0] = Some(clip_input(&file.typed(&bin, "in")?, track));
        }
        if let Some((track, codec)) = clip.picture.as_ref().and_then(|track| Some((track, track.codec()?)))
            && options.video
        {
            let file = match codec {
                VideoCodec::H264 => PublisherRole::SendH264.load()?,
                VideoCodec::Vp8 => PublisherRole::SendVp8.load()?,
            };
            let bin = file.bin(&[])?;
            let rtp = file.element(&bin, "rtp")?;
            if let Some(id) = track.profile_level_id().filter(|_| codec == VideoCodec::H264) {
                let mut caps = rtp.property::<gst::Caps>("caps");
                caps.make_mut().set("profile-level-id", id);
                rtp.set_property("caps", caps);
            }
            let input: gst_app::AppSrc = file.typed(&bin, "in")?;
            self.count_frames(input.upcast_ref())?;
            pads.push(self.link(&bin, "picture", true)?);
            let counters = self.counters.clone();
            self.gate(&rtp, "picture", move || counters.pass_picture())?;
            outs[1] = Some(clip_input(&input, track));
        }
        self.pipeline.set_state(gst::State::Playing).map_err(|_| PeerError::Start)?;
        let [sound, picture] = outs;
        let player = ClipPlayer::spawn(clip, picture, sound, epoch_ns);
        self.clip = Some(player.map_err(PeerError::Source)?);
        first_packets(&pads)
    }

    /// Takes the server's answer; the connection is made from then on.
    pub fn answer(&self, sdp: &str) -> Result<(), PeerError> {
        take_answer(&self.peer, sdp)
    }

    /// Lets media through, beginning with a keyframe, and starts to watch what comes back. To be
    /// called when connected.
    pub fn go_live(&self) {
        self.last_in_ns.store(monotonic_ns(), Ordering::Relaxed);
        self.watch_incoming();
        self.counters.open_gate();
        if let Some(pad) = self.video_encoder.as_ref().and_then(|encoder| encoder.static_pad("src")) {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            pad.send_event(event);
        }
    }

    /// Lets no media through any more while the connection stays up; [`Self::go_live`] goes on.
    pub fn pause(&self) {
        self.counters.close_gate();
    }

    /// Has `handle` called with each coded picture (H.264: an access unit with start codes), on the encoder's
    /// thread: for who compares what arrives with what was sent.
    pub fn on_coded_picture(&self, handle: impl Fn(&[u8]) + Send + Sync + 'static) {
        let Some(pad) = self.video_encoder.as_ref().and_then(|encoder| encoder.static_pad("src")) else {
            return;
        };
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(map) = info.buffer().and_then(|buffer| buffer.map_readable().ok()) {
                handle(&map);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// For how long nothing came from the other end (no STUN, no RTCP), and how many packets came
    /// in all.
    pub fn incoming(&self) -> (Duration, u64) {
        let last = self.last_in_ns.load(Ordering::Relaxed);
        let silent = Duration::from_nanos(monotonic_ns().saturating_sub(last));
        (silent, self.packets_in.load(Ordering::Relaxed))
    }

    fn report(&self, events: Sender<PeerEvent>) {
        // The channel is bounded; a full one holds an end of the session already, and so does a closed one.
        let states = events.clone();
        self.peer.connect_notify(Some("connection-state"), move |peer, _| {
            let event = match peer.property::<WebRTCPeerConnectionState>("connection-state") {
                WebRTCPeerConnectionState::Connected => PeerEvent::Connected,
                WebRTCPeerConnectionState::Disconnected => PeerEvent::Disconnected,
                WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed => PeerEvent::Closed,
                _ => return,
            };
            let _ = states.try_send(event);
        });
        if let Some(bus) = self.pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    let element = error.src().map_or_else(|| "pipeline".into(), |src| src.name());
                    let _ = events.try_send(PeerEvent::Failed(format!("{element}: {}", error.error())));
                }
                // Nobody else reads this bus: nothing may pile up on it.
                gst::BusSyncReply::Drop
            });
        }
    }

    fn add_sound(&self, options: &PublishOptions) -> Result<(gst_app::AppSrc, gst::Pad), PeerError> {
        let file = PublisherRole::Opus.load()?;
        let bin = file.bin(&[("bps", ParamValue::Int(options.audio_kbps.bits_per_second() as i64))])?;
        let pad = self.link(&bin, "sound", false)?;
        let counters = self.counters.clone();
        self.gate(&file.element(&bin, "rtp")?, "sound", move || counters.pass_sound())?;
        Ok((file.typed(&bin, "in")?, pad))
    }

    fn add_picture(&mut self, options: &PublishOptions) -> Result<(gst_app::AppSrc, gst::Pad), PeerError> {
        let distance = i64::from((options.rate.0 * KEYFRAME_MS / 1000).max(1));
        let keyframes = ("keyframe_frames", ParamValue::Int(distance));
        let (file, rate) = match options.codec {
            VideoCodec::H264 => {
                (PublisherRole::H264.load()?, ("kbps", ParamValue::Int(i64::from(options.video_kbps.0))))
            }
            VideoCodec::Vp8 => {
                let bps = options.video_kbps.bits_per_second() as i64;
                (PublisherRole::Vp8.load()?, ("bps", ParamValue::Int(bps)))
            }
        };
        let bin = file.bin(&[keyframes, rate])?;
        let encoder = file.element(&bin, "encoder")?;
        let rtp = file.element(&bin, "rtp")?;
        if options.codec == VideoCodec::H264 {
            let mut caps = rtp.property::<gst::Caps>("caps");
            caps.make_mut().set("profile-level-id", profile_level_id(options));
            rtp.set_property("caps", caps);
        }
        self.count_frames(&encoder)?;
        let pad = self.link(&bin, "picture", true)?;
        let counters = self.counters.clone();
        self.gate(&rtp, "picture", move || counters.pass_picture())?;
        self.video_encoder = Some(encoder);
        Ok((file.typed(&bin, "in")?, pad))
    }

    /// Adds a branch and gives the pad its RTP leaves it by.
    fn link(&self, bin: &gst::Bin, what: &'static str, retransmit: bool) -> Result<gst::Pad, PeerError> {
        let linked = || {
            self.pipeline.add(bin).ok()?;
            let src = bin.static_pad("src")?;
            let sink = self.peer.request_pad_simple("sink_%u")?;
            src.link(&sink).ok()?;
            let transceiver = sink.property::<gst_webrtc::WebRTCRTPTransceiver>("transceiver");
            transceiver.set_property("direction", gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly);
            // Offers RTX (RFC 4588), and keeps sent packets for it.
            transceiver.set_property("do-nack", retransmit);
            Some(src)
        };
        linked().ok_or(PeerError::Link { what })
    }

    /// Drops packets until the connection stands: webrtcbin would hold them up, and the first
    /// thing the server saw would be old. Events (caps) pass.
    fn gate(
        &self,
        element: &gst::Element,
        what: &'static str,
        pass: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<(), PeerError> {
        let pad = element.static_pad("sink").ok_or(PeerError::Link { what })?;
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        // Handled, not Drop: the binding (0.25) has freed the buffer by then and leaves GStreamer only
        // a null pointer to free, which it complains about.
        let verdict = move || if pass() { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled };
        pad.add_probe(mask, move |_, _| verdict());
        Ok(())
    }

    fn count_frames(&self, encoder: &gst::Element) -> Result<(), PeerError> {
        let pad = encoder.static_pad("src").ok_or(PeerError::Link { what: "picture" })?;
        let counters = self.counters.clone();
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_UPSTREAM;
        pad.add_probe(mask, move |_, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                    counters.count_frame(keyframe, buffer.size() as u64);
                }
                Some(gst::PadProbeData::Event(event)) if gst_video::ForceKeyUnitEvent::is(event) => {
                    counters.keyframe_requests.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Counts packets from the network, which tells whether the other end is still there.
    fn watch_incoming(&self) {
        let (last, packets) = (self.last_in_ns.clone(), self.packets_in.clone());
        on_packets_in(&self.pipeline, move || {
            last.store(monotonic_ns(), Ordering::Relaxed);
            packets.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.counters.close_gate();
        self.source = None;
        self.clip = None;
        // Messages hold references to elements; none may be left when the pipeline goes.
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(true);
        }
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(pipeline = "publisher", "the pipeline does not stop cleanly");
        }
    }
}

/// The payloaders' caps hold what the offer says of the encoders (profile-level-id, …).
fn first_packets(pads: &[gst::Pad]) -> Result<(), PeerError> {
    until("the encoders' first packet", STEP_TIMEOUT, || pads.iter().all(|pad| pad.current_caps().is_some()))
}

fn clip_input(input: &gst_app::AppSrc, track: &Track) -> gst_app::AppSrc {
    input.set_caps(Some(&track.caps));
    input.clone()
}

/// Sender reports shall map RTP time to the time of capture, as a browser's do. By default rtpbin
/// takes the time of sending, and a receiver that syncs by it keeps the encoders' different delays
/// (27 ms between Opus and x264) between sound and picture for ever.
fn stamp_captures(peer: &gst::Element) -> Result<(), PeerError> {
    let rtp = peer.downcast_ref::<gst::Bin>().and_then(|peer| peer.by_name("rtpbin"));
    let rtp = rtp.ok_or(PeerError::Link { what: "sender reports" })?;
    rtp.set_property("rtcp-sync-send-time", false);
    Ok(())
}

/// No UPnP: a client that sends needs no mapped port, and several on one machine quarrel about UPnP's.
fn leave_routers_alone(peer: &gst::Element) {
    let agent = peer.property::<gst::Object>("ice-agent").property::<Option<glib::Object>>("agent");
    if let Some(agent) = agent.filter(|agent| agent.find_property("upnp").is_some()) {
        agent.set_property("upnp", false);
    }
}

/// Constrained baseline at the level browsers offer, 3.1 (up to 720p30), or the next one of 4 and 5.2
/// that takes the picture (H.264 table A-1: macroblocks a second).
fn profile_level_id(options: &PublishOptions) -> &'static str {
    let macroblocks = options.size.width.div_ceil(16) * options.size.height.div_ceil(16);
    match macroblocks * options.rate.0 as usize {
        0..=108_000 => "42e01f",
        108_001..=245_760 => "42e028",
        _ => "42e034",
    }
}

/// Waits until `done`, looking now and then.
pub(super) fn until(what: &'static str, within: Duration, done: impl Fn() -> bool) -> Result<(), PeerError> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > within {
            return Err(PeerError::Timeout { what, within });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// A peer connection's offer, once it has all candidates.
pub(super) fn gather(peer: &gst::Element) -> Result<String, PeerError> {
    let reply = ask("an offer", |promise| {
        peer.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, promise]);
    })?;
    let offer = reply.and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok());
    let refused = |what| PeerError::Refused { what, reason: "it gave none".to_owned() };
    let offer = offer.ok_or_else(|| refused("an offer"))?;
    ask("its own offer", |promise| {
        peer.emit_by_name::<()>("set-local-description", &[&offer, promise]);
    })?;
    until("gathering candidates", GATHER_TIMEOUT, || {
        let state = peer.property::<WebRTCICEGatheringState>("ice-gathering-state");
        state == WebRTCICEGatheringState::Complete
    })?;
    let local = peer.property::<Option<WebRTCSessionDescription>>("local-description");
    let text = local.and_then(|local| local.sdp().as_text().ok());
    text.ok_or_else(|| refused("its local description"))
}

/// Takes the server's answer.
pub(super) fn take_answer(peer: &gst::Element, sdp: &str) -> Result<(), PeerError> {
    let sdp = gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes()).map_err(|_| PeerError::Answer)?;
    let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
    ask("the answer", |promise| {
        peer.emit_by_name::<()>("set-remote-description", &[&answer, promise]);
    })?;
    Ok(())
}

/// Asks webrtcbin something and waits for its reply.
fn ask(what: &'static str, request: impl FnOnce(&gst::Promise)) -> Result<Option<gst::Structure>, PeerError> {
    let (sender, receiver) = sync_channel(1);
    let promise = gst::Promise::with_change_func(move |reply| {
        // Nobody waits any more: then nobody wants to know.
        let _ = sender.try_send(reply.map(|reply| reply.map(|reply| reply.to_owned())));
    });
    request(&promise);
    let refused = |reason: String| PeerError::Refused { what, reason };
    match receiver.recv_timeout(STEP_TIMEOUT) {
        Ok(Ok(Some(reply))) if reply.has_field("error") => Err(refused(
            reply
                .get::<glib::Error>("error")
                .map_or_else(|error| error.to_string(), |error| error.to_string()),
        )),
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(refused(format!("{error:?}"))),
        Err(_) => Err(PeerError::Timeout { what, within: STEP_TIMEOUT }),
    }
}

#[cfg(test)]
mod tests;
