//! Clips that are to be the slate: looked at by the worker before the overlay names them.

use super::{ConferenceState, Now, working::Expected};
use crate::{
    control::{conference::ask::Ticket, error::ControlError, overlay::OverlayPatch},
    ids::RequestId,
    ipc::{
        ReplyError, ReplyOk, WorkerCommand,
        file::{FileFault, FileSpec},
    },
    media_dir::MediaName,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A worker that has to be launched for it takes seconds on a busy machine, and a file that does not open eight.
const PATIENCE: Duration = Duration::from_secs(20);
/// Who may wait for that; one takes tenths of a second.
const MAX_WAITING: usize = 8;

/// A change of the overlay with a clip that the worker has not judged.
#[derive(Debug)]
struct Check {
    ticket: Ticket,
    deadline: Instant,
    clip: MediaName,
    patch: OverlayPatch,
}

/// Changes that wait for a look at their clips.
#[derive(Debug, Default)]
pub(super) struct Clips {
    /// One after the other: the first is with the worker, if it has been told.
    checks: VecDeque<Check>,
    judging: Option<RequestId>,
}

impl Clips {
    /// Somebody waits for a worker.
    pub(super) fn is_waiting(&self) -> bool {
        !self.checks.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.checks.iter().map(|check| check.deadline).min()
    }
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
        if self.clips.checks.len() >= MAX_WAITING {
            return self.refuse(ticket, ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        self.clips.checks.push_back(Check { ticket, deadline: now.at + PATIENCE, clip, patch });
    }

    /// Lets the worker look at the next clip.
    pub(super) fn drive_clips(&mut self, now: Now) {
        if self.clips.checks.front().is_some_and(|check| check.deadline <= now.at) {
            // What the worker says of it later is nobody's.
            self.clips.judging = None;
        }
        let (late, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.clips.checks).into_iter().partition(|one| one.deadline <= now.at);
        self.clips.checks = rest;
        for check in late {
            self.refuse(check.ticket, ControlError::WorkerUnavailable);
        }
        if self.clips.judging.is_none()
            && self.worker.is_ready()
            && let Some(file) = self.clips.checks.front().and_then(|check| self.clip_spec(&check.clip))
        {
            let request = self.worker.expect(Expected::Clip);
            self.clips.judging = Some(request);
            self.command(WorkerCommand::CheckClip { request, file });
        }
    }

    pub(super) fn clip_reply(&mut self, now: Now, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        if self.clips.judging.take_if(|judging| *judging == request).is_none() {
            return;
        }
        let Some(Check { ticket, clip, patch, .. }) = self.clips.checks.pop_front() else { return };
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

    /// The worker is gone. Whose clip it had may be why: it is not given to the next one.
    pub(super) fn lose_clips(&mut self) {
        if self.clips.judging.take().is_some()
            && let Some(check) = self.clips.checks.pop_front()
        {
            self.refuse(check.ticket, ControlError::WorkerUnavailable);
        }
    }

    /// The conference ends.
    pub(super) fn abandon_clips(&mut self, why: &ControlError) {
        self.clips.judging = None;
        for check in std::mem::take(&mut self.clips.checks) {
            self.refuse(check.ticket, why.clone());
        }
    }
}
