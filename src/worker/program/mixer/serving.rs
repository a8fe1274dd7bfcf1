//! What is asked of the mixer, between two frames, and what it answers.

use super::{
    super::{director::Verdict, passthrough::Passthrough, snapshot::Still},
    MixerEvent, MixerRequest, MixerRunner,
    running::Running,
};
use crate::{
    ids::RequestId,
    ipc::{ReplyError, ReplyOk},
    units::MediaTime,
};
use std::time::Duration;

impl MixerRunner {
    pub(super) fn serve(&mut self, request: MixerRequest) {
        match request {
            MixerRequest::AddSource { source, feed } => {
                self.players.add(source, feed, self.setup.timeline.now());
                // The scene may have been waiting for it: its gain is set at the next tick.
                if let Some(program) = &mut self.program {
                    program.director.touch();
                }
                if let Some(passing) = &mut self.passing {
                    passing.touch();
                }
            }
            MixerRequest::RemoveSource { source, session } => {
                self.players.remove(source, &session);
            }
            MixerRequest::Start(start) => {
                self.meter.reset();
                let info = start.canvas.info();
                self.overlay.begin(info.width(), info.height(), start.spec.slate.colour);
                self.program = Some(Running::new(*start, self.setup.timeline.now(), self.setup.delay));
            }
            MixerRequest::Pass(start) => {
                self.meter.reset();
                self.players.forget_coded();
                let now = self.setup.timeline.now();
                self.passing = Some(Passthrough::new(*start, self.setup.delay, now));
            }
            MixerRequest::Compose { request, scene, wait_ready, patience, manner } => {
                let now = self.setup.timeline.now();
                if let Some(passing) = &mut self.passing {
                    let next = passing.due();
                    if let Some(verdict) = passing.compose(request, scene, wait_ready, now, patience) {
                        self.reply(verdict, next);
                    }
                    return;
                }
                let Some(mut program) = self.program.take() else {
                    let detail = "no program runs".to_owned();
                    self.reply(Verdict { request, outcome: Err(ReplyError::WrongState { detail }) }, now);
                    return;
                };
                let next = program.time_of(program.next);
                if !wait_ready && self.is_past(&scene) {
                    self.reply(Verdict { request, outcome: Ok(Duration::ZERO) }, next);
                    self.program = Some(program);
                    return;
                }
                if let Some(verdict) =
                    program.director.compose(request, scene, wait_ready, now, patience, manner)
                {
                    // A time that was promised is kept.
                    program.begins = None;
                    self.reply(verdict, next);
                }
                // Not at the next frame only: who is cold is asked for a keyframe now.
                self.attend(&mut program, now);
                self.program = Some(program);
            }
            MixerRequest::File { source, request } => self.serve_file(source, request),
            MixerRequest::Encode(input) => {
                // A program that was stopped meanwhile needs none.
                if let Some(program) = &mut self.program {
                    let first = program.input.take_over(*input);
                    program.gop_begins = first.map_or(program.next, |pts| program.frame_at(pts));
                }
            }
            MixerRequest::Keyframe => {
                if let Some(program) = &mut self.program {
                    program.keyframe_wanted = true;
                }
                if let Some(passing) = &mut self.passing {
                    passing.want_keyframe();
                }
            }
            MixerRequest::Minus { of, without } => self.minuses.set(of, without),
            MixerRequest::Snapshot { request } => match &mut self.program {
                Some(program) => program.stills.push(request),
                None => self.still(request, None),
            },
            MixerRequest::Overlay { request, overlay } => {
                if self.overlay.set(request, overlay) {
                    self.overlaid(request, None);
                }
            }
            MixerRequest::AddPicture { picture, file } => self.overlay.keep(picture, file),
            MixerRequest::RemovePicture { picture } => self.overlay.forget(picture),
            MixerRequest::Stop { done } => {
                // Whoever asked may have stopped waiting.
                done.send(()).unwrap_or_default();
                let now = self.setup.timeline.now();
                for request in self.overlay.end() {
                    self.overlaid(request, None);
                }
                if let Some(verdict) = self.passing.take().and_then(Passthrough::stop) {
                    self.reply(verdict, now);
                }
                let Some(program) = self.program.take() else { return };
                program.stills.iter().for_each(|request| self.still(*request, None));
                self.close_files(|_, _| true);
                if let Some(verdict) = program.director.stop() {
                    self.reply(verdict, now);
                }
            }
        }
    }

    pub(super) fn reply(&self, verdict: Verdict, pts: MediaTime) {
        let result = verdict.outcome.map(|took| ReplyOk::Composed {
            pts,
            took_ms: took.as_millis().min(u128::from(u32::MAX)) as u32,
        });
        let event = MixerEvent::Reply { request: verdict.request, result };
        if self.events.try_send(event).is_err() {
            tracing::error!("a reply of the mixer was lost: the controller does not read");
        }
    }

    pub(super) fn overlaid(&self, request: RequestId, pts: Option<MediaTime>) {
        let event = MixerEvent::Reply { request, result: Ok(ReplyOk::Overlaid { pts }) };
        if self.events.try_send(event).is_err() {
            tracing::error!("a reply of the mixer was lost: the controller does not read");
        }
    }

    pub(super) fn still(&self, request: RequestId, still: Option<Still>) {
        if self.events.try_send(MixerEvent::Still { request, still }).is_err() {
            tracing::error!("a still of the program was lost: the controller does not read");
        }
    }
}
