//! What stands in for pictures that are not there: a card or a picture, coded once as a GOP that is repeated as long as it is
//! needed. It costs x264 a fraction of a second when it is needed first, and nothing after that.

use crate::worker::{
    coded::{CodedFormat, CodedPicture, is_idr},
    pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
    program::{
        card::{self, CardError, CardSpec},
        frame::Frame,
        overlay::{SlatePicture, artist},
    },
};
use gst::prelude::*;
use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender, sync_channel},
};

/// x264 codes a still 4K picture in some ten milliseconds; one that takes longer than this is stuck.
const DEADLINE: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// Stills asked for and not there yet: one as a rule, two when the size changes meanwhile.
const REQUESTS: usize = 4;

/// What a still looks like, and how it is repeated.
#[derive(Debug, Clone)]
pub struct StillSpec {
    /// Its size is the still's; its colour is behind the picture.
    pub card: CardSpec,
    /// Instead of the card, if it can be drawn.
    pub picture: Option<SlatePicture>,
    /// Frames a second.
    pub fps: u32,
    /// Pictures from IDR to IDR.
    pub gop: u32,
}

impl PartialEq for StillSpec {
    /// Pictures are the same when their numbers are: their bytes are not looked at.
    fn eq(&self, other: &Self) -> bool {
        let picture = |one: &Self| one.picture.as_ref().map(|slate| (slate.picture, slate.fit));
        self.is_like(other) && picture(self) == picture(other)
    }
}

impl StillSpec {
    /// The same but for its picture: better than nothing until that is coded.
    fn is_like(&self, other: &Self) -> bool {
        (&self.card, self.fps, self.gop) == (&other.card, other.fps, other.gop)
    }

    fn draw(&self) -> Result<Frame, CardError> {
        if let Some(SlatePicture { file, fit, .. }) = &self.picture {
            let size = (self.card.width, self.card.height);
            match artist::whole(file, size, *fit, self.card.colour) {
                Ok(frame) => return Ok(frame),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the slate's picture not drawn");
                }
            }
        }
        card::draw(&self.card)
    }
}

/// A still's GOP.
#[derive(Debug, Clone)]
struct Clip(Vec<CodedPicture>);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    #[error("drawing a still")]
    Draw(#[from] CardError),
    #[error("building the still pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the still pipeline")]
    Run(#[from] gst::StateChangeError),
    #[error("giving the still pipeline its format")]
    Format(#[source] gst::glib::BoolError),
    #[error("giving the still pipeline its picture")]
    Push(#[source] gst::FlowError),
    #[error("the still pipeline coded nothing in time")]
    Empty,
}

impl Clip {
    /// Codes it; takes some hundred milliseconds. Not for a streaming or async thread.
    fn code(spec: &StillSpec) -> Result<Self, StillError> {
        let frame = spec.draw()?;
        let file = PipelineFile::of(Role::Still)?;
        let pipeline = file.pipeline(&[("keyframe_frames", ParamValue::Int(spec.gop.into()))])?;
        let source: gst_app::AppSrc = file.typed(&pipeline, "in")?;
        let mut caps = frame.info().to_caps().map_err(StillError::Format)?;
        caps.make_mut().set("framerate", gst::Fraction::new(spec.fps as i32, 1));
        source.set_caps(Some(&caps));
        let out: gst_app::AppSink = file.typed(&pipeline, "out")?;
        let coded = pipeline
            .set_state(gst::State::Playing)
            .map_err(StillError::from)
            .and_then(|_| Self::run(spec, frame.buffer(), &source, &out));
        let stopped = pipeline.set_state(gst::State::Null);
        let coded = coded?;
        stopped?;
        Ok(coded)
    }

    fn run(
        spec: &StillSpec,
        picture: &gst::Buffer,
        source: &gst_app::AppSrc,
        out: &gst_app::AppSink,
    ) -> Result<Self, StillError> {
        for n in 0..u64::from(spec.gop) {
            // The same pixels behind a header of its own.
            let mut buffer = picture.copy();
            if let Some(header) = buffer.get_mut() {
                header.set_pts(gst::ClockTime::from_nseconds(n * 1_000_000_000 / u64::from(spec.fps.max(1))));
                header.set_dts(gst::ClockTime::NONE);
            }
            source.push_buffer(buffer).map_err(StillError::Push)?;
        }
        source.end_of_stream().map_err(StillError::Push)?;
        let mut format = None;
        let mut pictures = Vec::with_capacity(spec.gop as usize);
        while pictures.len() < spec.gop as usize {
            let sample = out.try_pull_sample(DEADLINE).ok_or(StillError::Empty)?;
            if format.is_none() {
                let caps = sample.caps().ok_or(StillError::Empty)?;
                format = Some(Arc::new(CodedFormat::of_caps(caps).ok_or(StillError::Empty)?));
            }
            let data = sample.buffer_owned().ok_or(StillError::Empty)?;
            let idr = data.map_readable().is_ok_and(|map| is_idr(&map));
            let format = format.clone().ok_or(StillError::Empty)?;
            pictures.push(CodedPicture { idr, format, data });
        }
        Ok(Self(pictures))
    }
}

/// The still of the present size and text, coded in the background.
pub struct Stills {
    ready: Option<(StillSpec, Clip)>,
    asked: Option<StillSpec>,
    requests: SyncSender<StillSpec>,
    coded: Receiver<(StillSpec, Clip)>,
    /// The picture that comes next.
    next: usize,
}

impl Default for Stills {
    fn default() -> Self {
        let (requests, inbox) = sync_channel::<StillSpec>(REQUESTS);
        let (done, coded) = sync_channel(REQUESTS);
        std::thread::spawn(move || {
            while let Ok(spec) = inbox.recv() {
                match Clip::code(&spec) {
                    Ok(clip) => {
                        if done.send((spec, clip)).is_err() {
                            return;
                        }
                    }
                    Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "still not coded"),
                }
            }
        });
        Self { ready: None, asked: None, requests, coded, next: 0 }
    }
}

impl Stills {
    /// It will be needed.
    pub fn prepare(&mut self, spec: &StillSpec) {
        while let Ok(coded) = self.coded.try_recv() {
            self.ready = Some(coded);
            self.next = 0;
        }
        let is_ready = self.ready.as_ref().is_some_and(|(ready, _)| ready == spec);
        if !is_ready && self.asked.as_ref() != Some(spec) && self.requests.try_send(spec.clone()).is_ok() {
            self.asked = Some(spec.clone());
        }
    }

    /// The still's next picture; none until it is coded.
    pub fn next(&mut self, spec: &StillSpec) -> Option<CodedPicture> {
        self.prepare(spec);
        let (_, Clip(pictures)) = self.ready.as_ref().filter(|(ready, _)| ready.is_like(spec))?;
        let picture = pictures.get(self.next % pictures.len().max(1))?.clone();
        self.next += 1;
        Some(picture)
    }

    /// Other pictures are on the program: it will begin anew.
    pub fn rest(&mut self) {
        self.next = 0;
    }

    /// So long one goes without an IDR.
    pub fn gop(keyframe_ms: u32, fps: u32) -> u32 {
        (u64::from(keyframe_ms) * u64::from(fps) / 1000).max(1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::PictureId,
        ipc::overlay::{PictureFile, PictureKind},
        layout::Fit,
    };
    use bytes::Bytes;

    fn spec(width: u32) -> StillSpec {
        let card = CardSpec { width, height: 180, colour: 0x204060, text: "room".to_owned() };
        StillSpec { card, picture: None, fps: 30, gop: 15 }
    }

    #[test]
    fn a_still_is_a_gop_of_its_size() {
        gst::init().unwrap();
        let Clip(pictures) = Clip::code(&spec(320)).unwrap();
        let idrs: Vec<bool> = pictures.iter().map(|picture| picture.idr).collect();
        assert_eq!((idrs.len(), idrs.iter().position(|idr| *idr)), (15, Some(0)));
        assert!(idrs[1..].iter().all(|idr| !idr));
        let format = &pictures[0].format;
        assert_eq!((format.width, format.height, format.avcc[0]), (320, 180, 1));
        // Constrained baseline (H.264 A.2.1.1).
        assert_eq!((format.avcc[1], format.avcc[2] & 0x40), (66, 0x40));
        assert!(pictures[1..].iter().all(|picture| picture.data.size() < 200), "nothing moves");
    }

    #[test]
    fn it_is_coded_in_the_background_and_begins_with_its_keyframe() {
        gst::init().unwrap();
        let mut stills = Stills::default();
        stills.prepare(&spec(320));
        let (coded, clip) = stills.coded.recv().unwrap();
        assert_eq!(coded, spec(320));
        stills.ready = Some((coded, clip));
        let idrs: Vec<bool> = (0..31).map(|_| stills.next(&spec(320)).unwrap().idr).collect();
        let at: Vec<usize> = (0..31).filter(|n| idrs[*n]).collect();
        assert_eq!(at, [0, 15, 30]);
        stills.rest();
        assert!(stills.next(&spec(320)).unwrap().idr);
        assert!(stills.next(&spec(160)).is_none(), "another size has to be coded first");
    }

    #[test]
    fn a_picture_takes_the_place_of_its_card() {
        gst::init().unwrap();
        let file = |data: &'static str| {
            let data = Bytes::from_static(data.as_bytes());
            Arc::new(PictureFile { kind: PictureKind::Svg, data })
        };
        let of = |number, data| {
            let picture = SlatePicture { picture: PictureId(number), fit: Fit::Cover, file: file(data) };
            StillSpec { picture: Some(picture), ..spec(320) }
        };
        let red = "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='2'><rect width='4' height='2' fill='#f00'/></svg>";
        let drawn = of(1, red).draw().unwrap();
        assert_eq!(drawn.luma(), Frame::plain(320, 180, 0x00ff_0000).luma());
        let card = spec(320).draw().unwrap();
        assert_eq!(of(2, "no picture").draw().unwrap().luma(), card.luma(), "the card stands in");
        // What is on goes on until it is coded.
        let mut stills = Stills::default();
        stills.prepare(&spec(320));
        stills.ready = Some(stills.coded.recv().unwrap());
        assert!(stills.next(&of(1, red)).unwrap().idr);
        assert_ne!(of(1, red), of(2, red));
        assert_eq!(of(1, red), of(1, "the same by its number"));
    }
}
