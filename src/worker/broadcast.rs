//! Broadcast: the program as RTP, for those who watch it by WebRTC. It runs while there are such.
//!
//! [`Broadcast`] is the handle, [`BroadcastRunner`] the task that owns the pipeline. It takes what the encoder
//! makes anyway ([`ProgramFeed`]), so that a listener costs packets and no encoding but that of Opus; each
//! listener is a [`forward`](super::forward) of these packets, as of a publisher's.

use crate::{
    ids::SessionId,
    worker::{
        encoder::feed::{self, FedFrame, ProgramFeed},
        forward::relay::{self, PacketRelay, RelayedMedium},
        ingest::keyframes::{self, KeyframeThrottle},
        pipeline::{PipelineError, PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
        program::minus::MixMinus,
        timeline::Timeline,
    },
};
use gst::prelude::*;
use std::{ops::RangeInclusive, sync::Arc, time::Duration};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::Instant,
};

/// Requests under way; a keyframe that is asked for twice is one.
const MAILBOX: usize = 64;
/// An IDR is a burst for everybody who receives the program, by whatever way: those who lost a packet wait so
/// long for it at most.
const KEYFRAME_INTERVAL: Duration = Duration::from_secs(1);
/// What libopus takes for two channels, kbit/s.
const OPUS_KBPS: RangeInclusive<u32> = 6..=510;

/// Why there is no broadcast.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastError {
    #[error("building the broadcast")]
    Build(#[from] PipelineFileError),
    #[error("running the broadcast")]
    Run(#[from] PipelineError),
}

/// What a broadcast tells the controller.
#[derive(Debug)]
pub enum BroadcastEvent {
    /// A listener cannot go on without an IDR of the program.
    WantsKeyframe,
    /// It cannot go on. `of`: whose it is, unless it is everybody's.
    Failed { of: Option<SessionId>, detail: String },
    /// The pipeline cannot be taken down: the worker is of no use any more.
    Frozen,
}

/// The handle. Dropping the last one ends the broadcast.
#[derive(Debug, Clone)]
pub struct Broadcast {
    mailbox: mpsc::Sender<KeyframeWanted>,
    packets: PacketRelay,
}

/// The one thing that can be asked.
#[derive(Debug)]
struct KeyframeWanted;

/// Of a listener who is not to hear everything.
#[derive(Debug, Clone)]
pub struct Own {
    pub session: SessionId,
    pub sound: Arc<MixMinus>,
}

/// The task behind a [`Broadcast`].
struct BroadcastRunner {
    running: RunningPipeline,
    video: gst_app::AppSrc,
    audio: gst_app::AppSrc,
    feed: ProgramFeed,
    own: Option<Own>,
    inbox: mpsc::Receiver<KeyframeWanted>,
    pipeline_events: mpsc::Receiver<PipelineEvent>,
    events: mpsc::Sender<BroadcastEvent>,
}

impl Broadcast {
    /// Starts one. `audio_kbps` is the program's, kept within what Opus can have. With `own` it is one listener's, with
    /// the program's pictures and that sound.
    ///
    /// # Errors
    /// [`BroadcastError`].
    pub async fn start(
        feed: ProgramFeed,
        own: Option<Own>,
        audio_kbps: u32,
        timeline: &Timeline,
        events: mpsc::Sender<BroadcastEvent>,
    ) -> Result<Self, BroadcastError> {
        let file = PipelineFile::of(Role::Broadcast)?;
        let kbps = audio_kbps.clamp(*OPUS_KBPS.start(), *OPUS_KBPS.end());
        let pipeline = file.pipeline(&[("audio_bps", ParamValue::Int(i64::from(kbps) * 1000))])?;
        let video: gst_app::AppSrc = file.typed(&pipeline, "video-in")?;
        let audio: gst_app::AppSrc = file.typed(&pipeline, "audio-in")?;
        audio.set_caps(Some(&feed::sound_caps()));
        let packets = PacketRelay::default();
        for (medium, payloader) in [(RelayedMedium::Video, "video-pay"), (RelayedMedium::Audio, "audio-pay")]
        {
            let Some(pad) = file.element(&pipeline, payloader)?.static_pad("src") else { continue };
            let packets = packets.clone();
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
                packets.pass(Some(medium), info);
                gst::PadProbeReturn::Ok
            });
        }
        let (events_in, pipeline_events) = mpsc::channel(8);
        let running =
            RunningPipeline::start(pipeline, "broadcast".to_owned(), timeline, events_in, |event| event)
                .await?;
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let runner = BroadcastRunner { running, video, audio, feed, own, inbox, pipeline_events, events };
        tokio::spawn(runner.run());
        Ok(Self { mailbox, packets })
    }

    /// A keyframe would help.
    pub fn request_keyframe(&self) {
        let _ = self.mailbox.try_send(KeyframeWanted);
    }

    /// The packets.
    pub const fn packets(&self) -> &PacketRelay {
        &self.packets
    }
}

impl BroadcastRunner {
    async fn run(mut self) {
        let failed = self.serve().await;
        let event = match (self.running.stop().await, failed) {
            (Err(_), _) => BroadcastEvent::Frozen,
            (Ok(()), Some(detail)) => BroadcastEvent::Failed { of: self.own.map(|own| own.session), detail },
            (Ok(()), None) => return,
        };
        let _ = self.events.send(event).await;
    }

    /// Until nobody needs it; then `None`.
    async fn serve(&mut self) -> Option<String> {
        let mut frames = self.feed.listen();
        let mut own_sound = self.own.as_ref().map(|own| own.sound.feed.listen());
        let mut keyframes = KeyframeThrottle::default();
        loop {
            tokio::select! {
                request = self.inbox.recv() => match request {
                    None => return None,
                    Some(KeyframeWanted) => keyframes.want(KEYFRAME_INTERVAL, Instant::now()),
                },
                () = keyframes::due(keyframes.due()) => {
                    keyframes.asked(Instant::now());
                    let _ = self.events.try_send(BroadcastEvent::WantsKeyframe);
                }
                frame = frames.recv() => match frame {
                    Ok(frame) => {
                        if own_sound.is_none() || frame.medium == RelayedMedium::Video {
                            self.push(&frame);
                        }
                    }
                    // Frames are missing: whoever listens needs an IDR.
                    Err(RecvError::Lagged(_)) => keyframes.want(KEYFRAME_INTERVAL, Instant::now()),
                    // Cannot be, while this task holds the feed.
                    Err(RecvError::Closed) => return None,
                },
                frame = relay::next(&mut own_sound) => match frame {
                    Ok(frame) => self.push(&frame),
                    // Sound that is missing is missing.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                Some(event) = self.pipeline_events.recv() => match event {
                    PipelineEvent::Error { element, detail } => return Some(format!("{element}: {detail}")),
                    PipelineEvent::Eos => {}
                },
            }
        }
    }

    fn push(&self, FedFrame { medium, frame }: &FedFrame) {
        // Never waits: a full queue drops its oldest. Refused only while the pipeline goes down, and then the
        // bus says why.
        let _ = match medium {
            RelayedMedium::Video => self.video.push_sample(frame),
            RelayedMedium::Audio => match frame.buffer_owned() {
                Some(samples) => self.audio.push_buffer(samples),
                None => return,
            },
        };
    }
}
