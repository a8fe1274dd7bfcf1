//! The conference's overlay: kept here, told to each worker, answered when it is on the program.

use super::{Audience, ConferenceState, Effect, Now, working::Expected};
use crate::{
    control::{
        conference::{
            ask::{Reply, Ticket},
            presence::ConferenceEvent,
        },
        error::ControlError,
        events::news::News,
        overlay::{Overlay, OverlayPatch, OverlayView},
    },
    ids::{PictureId, PictureName, RequestId},
    ipc::{ReplyError, ReplyOk, WorkerCommand, overlay::OverlaySpec},
    units::MediaTime,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// A worker draws a change in tenths of a second. Beyond this the change is answered all the same: it is kept, and on the
/// program as soon as it is drawn.
const PATIENCE: Duration = Duration::from_secs(3);
/// Who may wait for changes; beyond, the conference is being flooded.
const MAX_WAITING: usize = 64;

/// The overlay, and what the present worker knows of it.
#[derive(Debug, Default)]
pub(super) struct OverlayLife {
    overlay: Overlay,
    /// As it was stored last.
    stored: Overlay,
    /// As everybody knows it.
    announced: Overlay,
    /// The last change that was answered, until it is announced.
    settled: Option<OverlayView>,
    /// So many changes were taken, and up to which one they are settled: one that is answered later than a newer one is
    /// nothing that anybody has to hear of.
    taken: u64,
    settled_up_to: u64,
    /// What the present worker was told last; `None`: nothing, so that it draws nothing.
    told: Option<OverlaySpec>,
    /// Pictures that the present worker has.
    sent: BTreeSet<PictureId>,
    waiting: Vec<Waiting>,
}

/// A change that is to be answered.
#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    /// The how manyth change it is.
    number: u64,
    deadline: Instant,
    /// What the change made of it.
    overlay: Overlay,
    /// What the worker was told with it.
    request: Option<RequestId>,
}

impl OverlayLife {
    /// As it was kept over a restart of the server.
    pub(super) fn restored(overlay: Overlay) -> Self {
        Self { stored: overlay.clone(), announced: overlay.clone(), overlay, ..Self::default() }
    }

    /// The pictures that the present worker has.
    pub(super) const fn sent(&self) -> &BTreeSet<PictureId> {
        &self.sent
    }

    #[cfg(test)]
    pub(super) const fn announced(&self) -> &Overlay {
        &self.announced
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    /// Somebody waits for an answer.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The overlay as it is to be.
    pub(super) const fn overlay(&self) -> &Overlay {
        &self.overlay
    }
}

impl ConferenceState {
    pub(super) fn read_overlay(&mut self, ticket: Ticket) {
        let view = OverlayView { overlay: self.overlay.overlay.clone(), program_pts: None };
        self.answer(ticket, Ok(Reply::Overlay(Box::new(view))));
    }

    /// What names a picture that is not there, by a restart with another configuration, goes.
    pub(super) fn drop_missing_pictures(&mut self) {
        let known = |name: &PictureName| self.pictures.id(name).map(|_| name.clone());
        // A clip that is gone is not missed: the card shows in its place.
        let overlay = self.overlay.overlay.renamed(known, |clip| Some(clip.clone()));
        for missing in self.overlay.overlay.pictures().filter(|name| self.pictures.id(name).is_none()) {
            tracing::warn!(conference = %self.id, picture = %missing, "an overlay is kept without a picture that is gone");
        }
        self.overlay.announced.clone_from(&overlay);
        self.overlay.overlay = overlay;
    }

    pub(super) fn patch_overlay(&mut self, now: Now, ticket: Ticket, patch: OverlayPatch) {
        if let Err(error) = self.check_overlay(&patch) {
            return self.refuse(ticket, error);
        }
        match patch.clip().cloned() {
            Some(clip) => self.check_clip(now, ticket, clip, patch),
            None => self.take_overlay(now, ticket, patch),
        }
    }

    /// Whether the change can be, but for its clip.
    fn check_overlay(&self, patch: &OverlayPatch) -> Result<(), ControlError> {
        if self.is_passing_through() && !patch.suits_passthrough() {
            return Err(ControlError::OverlayUnavailable);
        }
        let changed = patch.clone().applied(&self.overlay.overlay);
        match changed.pictures().find(|name| self.pictures.id(name).is_none()) {
            Some(missing) => Err(ControlError::PictureNotFound(missing.clone())),
            None => Ok(()),
        }
    }

    /// Takes a change; what it stands on may have changed since it was asked for.
    pub(super) fn take_overlay(&mut self, now: Now, ticket: Ticket, patch: OverlayPatch) {
        if let Err(error) = self.check_overlay(&patch) {
            return self.refuse(ticket, error);
        }
        if self.overlay.waiting.len() >= MAX_WAITING {
            return self.refuse(ticket, ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        let changed = patch.applied(&self.overlay.overlay);
        self.overlay.overlay = changed.clone();
        // Answered in `drive_overlay`, at once where no program runs.
        let deadline = now.at + PATIENCE;
        self.overlay.taken += 1;
        let number = self.overlay.taken;
        self.overlay.waiting.push(Waiting { ticket, number, deadline, overlay: changed, request: None });
        // Before the answer, which says that it is stored.
        self.store_overlay();
    }

    /// What a restart of the server is to find.
    pub(super) fn store_overlay(&mut self) {
        if self.kept && self.overlay.stored != self.overlay.overlay {
            self.overlay.stored.clone_from(&self.overlay.overlay);
            self.out.push(Effect::StoreOverlay(Box::new(self.overlay.overlay.clone())));
        }
    }

    /// Tells everybody of a change, when who made it is answered.
    pub(super) fn announce_overlay(&mut self) {
        let Some(view) = self.overlay.settled.take() else { return };
        if self.overlay.announced != view.overlay {
            self.overlay.announced.clone_from(&view.overlay);
            self.announce(News::CastOverlay(view.clone()));
            self.tell(Audience::Everybody, ConferenceEvent::Overlay(Box::new(view)));
        }
    }

    /// Brings the worker's overlay to what it is to be, and answers whoever need not wait.
    pub(super) fn drive_overlay(&mut self, now: Now) {
        let runs = self.program_is_on() && !self.is_passing_through();
        let over = |waiting: &mut Waiting| !runs || waiting.deadline <= now.at;
        let answered: Vec<Waiting> = self.overlay.waiting.extract_if(.., over).collect();
        for waiting in answered {
            self.answer_change(waiting, None);
        }
        if !self.worker.is_ready() {
            return;
        }
        let spec =
            self.overlay.overlay.renamed(|name| self.pictures.drawable(name), |clip| self.clip_spec(clip));
        let fresh = self.overlay.waiting.iter().any(|waiting| waiting.request.is_none());
        if !fresh && *self.overlay.told.as_ref().unwrap_or(&OverlaySpec::default()) == spec {
            return;
        }
        let used: BTreeSet<PictureId> = spec.pictures().copied().collect();
        let sent = std::mem::replace(&mut self.overlay.sent, used.clone());
        for picture in used.difference(&sent) {
            if let Some(file) = self.pictures.file(*picture) {
                self.command(WorkerCommand::AddPicture { picture: *picture, file });
            }
        }
        let request = self.worker.expect(Expected::Overlay);
        for waiting in &mut self.overlay.waiting {
            waiting.request.get_or_insert(request);
        }
        self.overlay.told = Some(spec.clone());
        self.command(WorkerCommand::SetOverlay { request, overlay: spec });
        for picture in sent.difference(&used) {
            self.command(WorkerCommand::RemovePicture { picture: *picture });
        }
    }

    pub(super) fn overlay_reply(&mut self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        let pts = match result {
            Ok(ReplyOk::Overlaid { pts }) => pts,
            // It is kept all the same, and the next worker is told.
            Ok(_) | Err(_) => None,
        };
        let of = |waiting: &mut Waiting| waiting.request == Some(request);
        let answered: Vec<Waiting> = self.overlay.waiting.extract_if(.., of).collect();
        for waiting in answered {
            self.answer_change(waiting, pts);
        }
    }

    /// The worker is gone; the next one is told anew. What was changed is kept.
    pub(super) fn lose_overlay(&mut self) {
        self.overlay.told = None;
        self.overlay.sent.clear();
        for waiting in std::mem::take(&mut self.overlay.waiting) {
            self.answer_change(waiting, None);
        }
    }

    /// The conference ends.
    pub(super) fn abandon_overlay(&mut self, why: &ControlError) {
        for waiting in std::mem::take(&mut self.overlay.waiting) {
            self.refuse(waiting.ticket, why.clone());
        }
    }

    fn answer_change(&mut self, Waiting { ticket, number, overlay, .. }: Waiting, pts: Option<MediaTime>) {
        let program_pts = pts.and_then(|pts| Some(self.cast.as_ref()?.timeline.relative(pts)));
        let view = OverlayView { overlay, program_pts };
        if number > self.overlay.settled_up_to {
            self.overlay.settled_up_to = number;
            self.overlay.settled = Some(view.clone());
        }
        self.answer(ticket, Ok(Reply::Overlay(Box::new(view))));
    }
}
