//! Clips that are to be the slate: looked at by the worker before the overlay names them.

use super::{ConferenceState, Now, judging::Judging, working::Expected};
use crate::{
    control::{conference::ask::Ticket, error::ControlError, overlay::OverlayPatch},
    ids::RequestId,
    ipc::{
        ReplyError, ReplyOk, WorkerCommand,
        file::{FileFault, FileSpec},
    },
    media_dir::MediaName,
};
use std::time::Duration;

/// Who may wait for that; one takes tenths of a second.
const MAX_WAITING: usize = 8;

/// Changes of the overlay that wait for a look at their clips.
pub(super) type Clips = Judging<Check>;

/// A change of the overlay with a clip that the worker has not judged.
#[derive(Debug)]
pub(super) struct Check {
    clip: MediaName,
    patch: OverlayPatch,
}

impl ConferenceState {
    /// Where the worker finds a clip; nowhere, where this server has no folder of media files.
    pub(super) fn clip_spec(&self, name: &MediaName) -> Option<FileSpec> {
        let dir = &self.config.media.dir;
        let name = name.to_string();
        let spec = FileSpec { dir: dir.into(), name, repeat: true, from_ms: 0, paused: false };
        (!dir.is_empty()).then_some(spec)
    }

    /// A change that is taken when its clip was looked at. What is changed meanwhile stays changed.
    pub(super) fn check_clip(&mut self, now: Now, ticket: Ticket, clip: MediaName, patch: OverlayPatch) {
        if self.config.media.dir.is_empty() {
            return self.refuse(ticket, ControlError::MediaDisabled);
        }
        if self.clips.len() >= MAX_WAITING {
            return self.refuse(ticket, ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        self.clips.wait(now, ticket, Check { clip, patch });
    }

    /// Lets the worker look at the next clip.
    pub(super) fn drive_clips(&mut self) {
        if self.worker.is_ready()
            && let Some(file) = self.clips.next().and_then(|check| self.clip_spec(&check.clip))
        {
            let request = self.worker.expect(Expected::Clip);
            self.clips.tell(request);
            self.command(WorkerCommand::CheckClip { request, file });
        }
    }

    pub(super) fn clip_reply(&mut self, now: Now, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        let Some((ticket, Check { clip, patch })) = self.clips.judged(request) else { return };
        match result {
            Ok(ReplyOk::ClipChecked) => self.take_overlay(now, ticket, patch),
            Err(ReplyError::ClipInvalid { fault: FileFault::NotFound }) => {
                self.refuse(ticket, ControlError::ClipNotFound(clip));
            }
            Err(ReplyError::ClipInvalid { fault: FileFault::Unsupported { detail } }) => {
                self.refuse(ticket, ControlError::ClipUnsupported { name: clip, detail });
            }
            Ok(_) | Err(_) => self.refuse(ticket, ControlError::Internal),
        }
    }
}
