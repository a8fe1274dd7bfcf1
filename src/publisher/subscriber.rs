//! A real WebRTC client that receives (WHEP): what its last picture showed and what it hears. Everything here
//! blocks, with a deadline.

use super::{
    listener::{Heard, Listener},
    options::VideoCodec,
    pattern::{self, Reading, Tile},
    peer::{PeerError, gather, take_answer, until},
    planes::{Picture, PictureSize, Plane},
    source::monotonic_ns,
    tone::RATE,
};
use crate::worker::{
    pipeline,
    pipeline_file::{ParamValue, PipelineFile, Role},
    timeline::presented_at,
};
use gst::prelude::*;
use gst_video::prelude::*;
use gst_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How long it waits for lost packets: what browsers come to where little is lost.
const JITTER_MS: i64 = 40;
/// Arrivals that are kept: ten minutes at 30 a second.
const MOST_ARRIVALS: usize = 18_000;

/// What has come in.
#[derive(Debug, Default)]
struct Received {
    frames: u64,
    reading: Option<Reading>,
    sound: Listener,
    /// Counter of each frame that could be read, and when it was decoded.
    arrivals: Vec<(u32, u64)>,
    /// Running time of the first picture of each flash, and when the last picture was one.
    flashes: Vec<u64>,
    flashing: bool,
    /// Running time of the first sample of `sound`, by the newest buffer.
    sound_began: Option<i64>,
}

/// A receiving peer connection. Dropping it stops it, which blocks.
pub struct Subscriber {
    pipeline: gst::Pipeline,
    peer: gst::Element,
    received: Arc<Mutex<Received>>,
}

impl Subscriber {
    /// Starts one that takes `codec` and Opus, and gives its offer with all candidates.
    pub fn open(codec: VideoCodec) -> Result<(Self, String), PeerError> {
        gst::init().map_err(PeerError::Init)?;
        let file = PipelineFile::of(Role::Ingest)?;
        let pipeline = file.pipeline(&[("jitter", ParamValue::Int(JITTER_MS))])?;
        let peer = file.element(&pipeline, "peer")?;
        let video = match codec {
            VideoCodec::H264 => {
                "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=102,\
                 packetization-mode=(string)1,profile-level-id=(string)42e01f,\
                 level-asymmetry-allowed=(string)1,rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
            }
            VideoCodec::Vp8 => {
                "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=103,\
                 rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
            }
        };
        let audio = "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=109";
        for caps in [video, audio] {
            let caps: gst::Caps = caps.parse().map_err(|_| PeerError::Link { what: "formats" })?;
            let _: WebRTCRTPTransceiver =
                peer.emit_by_name("add-transceiver", &[&WebRTCRTPTransceiverDirection::Recvonly, &caps]);
        }
        let this = Self { pipeline, peer, received: Arc::default() };
        this.link_streams(codec);
        this.pipeline.set_state(gst::State::Playing).map_err(|_| PeerError::Start)?;
        let offer = gather(&this.peer)?;
        Ok((this, offer))
    }

    /// Takes the server's answer; the connection is made from then on.
    pub fn answer(&self, sdp: &str) -> Result<(), PeerError> {
        take_answer(&self.peer, sdp)
    }

    /// Frames decoded so far, and what the last one showed.
    pub fn seen(&self) -> (u64, Option<Reading>) {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        (received.frames, received.reading)
    }

    /// What was heard since the last call.
    pub fn heard(&self) -> Heard {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.sound_began = None;
        std::mem::take(&mut received.sound).finish()
    }

    /// The counters of the frames that could be read, in the order they came.
    pub fn counters(&self) -> Vec<u32> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.arrivals.iter().map(|(counter, _)| *counter).collect()
    }

    /// From now on every `nth` packet from the network is lost.
    pub fn lose_every(&self, nth: u64) {
        let count = Arc::new(AtomicU64::new(0));
        pipeline::on_packets_in(&self.pipeline, move || match count.fetch_add(1, Relaxed) % nth {
            // Not Drop, for the reason in `peer`.
            0 => gst::PadProbeReturn::Handled,
            _ => gst::PadProbeReturn::Ok,
        });
    }

    /// Milliseconds from `capture_ns` of a frame's counter to its decoding here, for those that could be read.
    pub fn delays_ms(&self, capture_ns: impl Fn(u64) -> u64) -> Vec<f64> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = |(counter, at): &(u32, u64)| (*at as f64 - capture_ns((*counter).into()) as f64) / 1e6;
        received.arrivals.iter().map(delay).collect()
    }

    /// Nanoseconds from each flash to its beep, as they are presented here, since the last call of this or
    /// [`Self::heard`].
    pub fn flash_to_beep_ns(&self) -> Vec<i64> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let flashes = std::mem::take(&mut received.flashes);
        let began = received.sound_began.take();
        let Some(began) = began else { return Vec::new() };
        let heard = std::mem::take(&mut received.sound).finish();
        let beeps: Vec<i64> =
            heard.beeps.iter().map(|beep| began + (beep.onset * 1e9 / f64::from(RATE)) as i64).collect();
        let nearest = |flash: &u64| {
            let flash = i64::try_from(*flash).ok()?;
            beeps.iter().map(|beep| beep - flash).min_by_key(|distance| distance.abs())
        };
        // Flash and beep come each second: further off, its beep was not heard.
        flashes.iter().filter_map(nearest).filter(|distance| distance.abs() < 400_000_000).collect()
    }

    /// Waits until a picture was decoded; how long that took.
    pub fn first_picture(&self) -> Result<Duration, PeerError> {
        let start = Instant::now();
        until("a first picture", Duration::from_secs(10), || self.seen().0 > 0)?;
        Ok(start.elapsed())
    }

    fn link_streams(&self, codec: VideoCodec) {
        let (pipeline, received) = (self.pipeline.downgrade(), self.received.clone());
        self.peer.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade() else { return };
            let caps = pad.current_caps().or_else(|| pad.allowed_caps());
            let medium = caps.as_ref().and_then(|caps| caps.structure(0)?.get::<String>("media").ok());
            let role = match (medium.as_deref(), codec) {
                (Some("audio"), _) => Role::IngestOpus,
                (_, VideoCodec::H264) => Role::IngestH264,
                (_, VideoCodec::Vp8) => Role::IngestVp8,
            };
            if attach(&pipeline, pad, role, &received).is_none() {
                gst::element_error!(pipeline, gst::CoreError::Pad, ("a stream was not linked"));
            }
        });
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(true);
        }
        // It cannot be used afterwards in any case.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    role: Role,
    received: &Arc<Mutex<Received>>,
) -> Option<()> {
    let file = PipelineFile::of(role).ok()?;
    let bin = file.bin(&[]).ok()?;
    let out: gst_app::AppSink = file.typed(&bin, "out").ok()?;
    let received = received.clone();
    let take = move |out: &gst_app::AppSink| {
        let sample = out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        if role == Role::IngestOpus {
            hear(&mut received, &sample);
        } else {
            see(&mut received, &sample);
        }
        Ok(gst::FlowSuccess::Ok)
    };
    out.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(take).build());
    pipeline.add(&bin).ok()?;
    bin.sync_state_with_parent().ok()?;
    pad.link(&bin.static_pad("sink")?).ok()?;
    Some(())
}

/// The left one of two channels.
fn hear(received: &mut Received, sample: &gst::Sample) -> Option<()> {
    let map = sample.buffer()?.map_readable().ok()?;
    let before = received.sound.samples() as i64 * 1_000_000_000 / i64::from(RATE);
    received.sound_began = presented_at(sample).map(|at| at.0 as i64 - before);
    for frame in map.chunks_exact(8) {
        received.sound.push(&[f32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]])]);
    }
    Some(())
}

fn see(received: &mut Received, sample: &gst::Sample) {
    received.frames += 1;
    received.reading = look(sample);
    let Some(reading) = received.reading else { return };
    if let Some(counter) = reading.counter.filter(|_| received.arrivals.len() < MOST_ARRIVALS) {
        received.arrivals.push((counter, monotonic_ns()));
    }
    if let Some(at) = presented_at(sample).filter(|_| reading.flash && !received.flashing) {
        received.flashes.push(at.0);
    }
    received.flashing = reading.flash;
}

fn look(sample: &gst::Sample) -> Option<Reading> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let plane = |index: u32| {
        let stride = usize::try_from(frame.plane_stride()[index as usize]).ok()?;
        Some(Plane { data: frame.plane_data(index).ok()?, stride })
    };
    let size = PictureSize { width: frame.width() as usize, height: frame.height() as usize };
    let picture = Picture { size, y: plane(0)?, u: plane(1)?, v: plane(2)? };
    pattern::read(&picture, Tile::whole(size))
}
