//! The program's start and end in the controller.

use super::{Controller, Finish, Program, chain, watch::ProgramWatch};
use crate::{
    ids::RequestId,
    ipc::{ForwardOf, ProgramMode, ProgramSpec, ReplyError, ReplyOk, SessionEndReason, WorkerEvent},
    media::{EncoderChoice, EncoderKind},
    worker::{
        encoder::{
            Encoder, EncoderError, EncoderEvent, HardwareTrials, Part, PassthroughEncoder, feed::ProgramFeed,
        },
        pipeline::PipelineEvent,
        program::{
            canvas::Canvas,
            card::{self, CardSpec},
            mixer::{MixerRequest, StartProgram},
            passthrough::StartPassthrough,
        },
    },
};
use std::time::Duration;
use tokio::sync::oneshot;

/// What the mixer's last frame may take: fifteen frames at 30 a second, as many as it leaves behind before it gives up
/// pictures, and a quarter of what control waits for the program's end.
const LAST_FRAME: Duration = Duration::from_millis(500);

/// What the program's frames come out of.
#[derive(Debug)]
pub(super) enum ProgramEncoder {
    Composing(Box<Encoder>),
    Passing(PassthroughEncoder),
}

impl ProgramEncoder {
    /// What goes out, for those who send it on themselves.
    pub(super) fn feed(&self) -> &ProgramFeed {
        match self {
            Self::Composing(encoder) => encoder.feed(),
            Self::Passing(encoder) => encoder.feed(),
        }
    }

    /// Frames that were lost on the way to control.
    pub(super) fn link_drops(&self) -> u64 {
        match self {
            Self::Composing(encoder) => encoder.link_drops(),
            Self::Passing(encoder) => encoder.link_drops(),
        }
    }

    /// Pictures that came out so far.
    pub(super) fn video_frames(&self) -> u64 {
        match self {
            Self::Composing(encoder) => encoder.video_frames(),
            Self::Passing(encoder) => encoder.video_frames(),
        }
    }

    /// As [`Encoder::pace_renditions`]; pictures that pass through have no renditions.
    pub(super) fn pace_renditions(&self, every: &[u8]) {
        if let Self::Composing(encoder) = self {
            encoder.pace_renditions(every);
        }
    }

    /// What makes the pictures; none where they pass through.
    pub(super) fn kind(&self) -> Option<EncoderKind> {
        match self {
            Self::Composing(encoder) => Some(encoder.kind()),
            Self::Passing(_) => None,
        }
    }

    /// As [`Encoder::finish`].
    pub(super) async fn finish(self) -> Result<(), EncoderError> {
        match self {
            Self::Composing(encoder) => encoder.finish().await,
            Self::Passing(encoder) => encoder.finish().await,
        }
    }
}

fn internal(error: &dyn std::error::Error) -> ReplyError {
    ReplyError::Internal { detail: chain(error) }
}

impl Controller {
    pub(super) async fn start_program(
        &mut self,
        request: RequestId,
        spec: ProgramSpec,
    ) -> Result<(), ReplyError> {
        if self.program.is_some() {
            return Err(ReplyError::WrongState { detail: "a program runs".to_owned() });
        }
        match spec.mode {
            ProgramMode::Compose => self.start_composing(request, spec).await,
            ProgramMode::Passthrough => self.start_passing(request, spec).await,
        }
    }

    async fn start_composing(&mut self, request: RequestId, spec: ProgramSpec) -> Result<(), ReplyError> {
        let encoding = &spec.encoding;
        let (width, height, colour) = (encoding.width, encoding.height, spec.slate.colour);
        let canvas = Canvas::new(width, height, colour).map_err(|error| internal(&error))?;
        let text = spec.slate.text.clone();
        let slate =
            tokio::task::spawn_blocking(move || card::draw(&CardSpec { width, height, colour, text }))
                .await
                .map_err(|error| internal(&error))?
                .map_err(|error| internal(&error))?;
        let failed = self.encoder_events_in.clone();
        let works = match encoding.encoder {
            EncoderChoice::Auto => self.trials.get_or_insert_with(HardwareTrials::begin).working().await,
            EncoderChoice::X264 | EncoderChoice::Openh264 => Vec::new(),
        };
        let (timeline, out, selection) = (&self.timeline, self.out.clone(), &mut self.selection);
        let encoder = Encoder::start(encoding, canvas.info(), timeline, out, failed, selection, works)
            .await
            .map_err(|error| internal(&error))?;
        let input = encoder.input();
        self.program = Some(self.begun(
            request,
            ProgramEncoder::Composing(Box::new(encoder)),
            None,
            encoding.audio_kbps,
        ));
        self.mixer
            .ask(MixerRequest::Start(Box::new(StartProgram { spec, input, canvas, slate })))
            .map_err(|error| internal(&error))
    }

    async fn start_passing(&mut self, request: RequestId, spec: ProgramSpec) -> Result<(), ReplyError> {
        let failed = self.encoder_events_in.clone();
        let (encoder, input) =
            PassthroughEncoder::start(&spec.encoding, &self.timeline, self.out.clone(), failed)
                .await
                .map_err(|error| internal(&error))?;
        let hold = Duration::from_millis(spec.stall_hold_ms.into());
        self.program =
            Some(self.begun(request, ProgramEncoder::Passing(encoder), Some(hold), spec.encoding.audio_kbps));
        self.mixer
            .ask(MixerRequest::Pass(Box::new(StartPassthrough { spec, input })))
            .map_err(|error| internal(&error))
    }

    fn begun(
        &mut self,
        request: RequestId,
        encoder: ProgramEncoder,
        passing: Option<Duration>,
        audio_kbps: u32,
    ) -> Program {
        let now = self.timeline.now();
        self.encoder_report = (encoder.kind(), 0);
        Program {
            encoder,
            broadcast: None,
            audio_kbps,
            starting: Some(request),
            watch: ProgramWatch::new(passing, now),
        }
    }

    pub(super) async fn on_encoder(&mut self, told: EncoderEvent) -> Result<(), Finish> {
        let EncoderEvent { part, event: PipelineEvent::Error { element, detail } } = told else {
            return Ok(());
        };
        let detail = format!("{element}: {detail}");
        match &self.program {
            Some(Program { encoder: ProgramEncoder::Composing(encoder), .. }) if encoder.makes(part) => {
                if let Err(detail) = self.fall_back(detail).await? {
                    self.tell(WorkerEvent::ProgramFailed { detail }).await;
                }
            }
            // Of an encoder that has been replaced.
            Some(_) if matches!(part, Part::Pictures { .. }) => {}
            Some(_) => self.tell(WorkerEvent::ProgramFailed { detail }).await,
            None => {}
        }
        Ok(())
    }

    /// The program's pictures get another encoder. The inner error is what to say when there is none.
    pub(super) async fn fall_back(&mut self, detail: String) -> Result<Result<(), String>, Finish> {
        let Some(program) = &mut self.program else { return Ok(Ok(())) };
        let ProgramEncoder::Composing(encoder) = &mut program.encoder else { return Ok(Err(detail)) };
        let failed = encoder.kind().element();
        tracing::warn!(encoder = failed, error = detail, "the program's encoder failed");
        match encoder.fall_back(&mut self.selection).await {
            Ok(input) => {
                program.watch.encoder_replaced();
                self.encoder_report = (program.encoder.kind(), self.encoder_report.1 + 1);
                self.ask(MixerRequest::Encode(Box::new(input)))?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(format!("{detail}; {}", chain(&error)))),
        }
    }

    /// Ends the program in the mixer. The streams may end only after its last frame: between the picture and the sound of
    /// one, the sound would be cut a frame short.
    pub(super) async fn stop_mixer(&self) -> Result<(), Finish> {
        let (done, stopped) = oneshot::channel();
        self.ask(MixerRequest::Stop { done })?;
        if tokio::time::timeout(LAST_FRAME, stopped).await.is_err() {
            tracing::warn!("the mixer did not end its program in time");
        }
        Ok(())
    }

    pub(super) async fn stop_program(&mut self, request: RequestId) -> Result<(), Finish> {
        let result = match self.program.take() {
            None => Err(ReplyError::WrongState { detail: "no program runs".to_owned() }),
            Some(program) => {
                self.stop_mixer().await?;
                self.end_forwards(SessionEndReason::SourceGone, |one| one.of == ForwardOf::Program).await;
                if let Some(starting) = program.starting {
                    let detail = "the program was stopped".to_owned();
                    self.reply(starting, Err(ReplyError::WrongState { detail })).await;
                }
                match program.encoder.finish().await {
                    Ok(()) => Ok(ReplyOk::ProgramStopped),
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "the encoder is frozen");
                        return Err(Finish::Broken);
                    }
                }
            }
        };
        self.reply(request, result).await;
        Ok(())
    }
}
