//! The conference's pictures: taken when a worker could decode them, kept until they are deleted.

use super::{ConferenceState, Now, working::Expected};
use crate::{
    control::{
        conference::ask::{Reply, Ticket},
        error::ControlError,
        overlay::{PicturePut, PictureView, ServerPictures},
    },
    ids::{PictureId, PictureName, RequestId},
    ipc::{ReplyError, ReplyOk, WorkerCommand, overlay::PictureFile},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// A worker that has to be launched for it takes seconds on a busy machine, and a picture that does not end five more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A picture that an overlay may name.
#[derive(Debug)]
struct Picture {
    id: PictureId,
    file: PictureFile,
    size: Option<(u32, u32)>,
    server: bool,
}

/// An upload that the worker has not judged.
#[derive(Debug)]
struct Upload {
    ticket: Ticket,
    deadline: Instant,
    name: PictureName,
    file: PictureFile,
}

/// The pictures, and those that are about to be.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    kept: BTreeMap<PictureName, Picture>,
    /// One after the other: the first is with the worker, if it has been told.
    uploads: VecDeque<Upload>,
    judging: Option<RequestId>,
    next: u32,
}

impl Pictures {
    /// With the server's own in it.
    pub(super) fn stock(&mut self, server: &ServerPictures) {
        for (name, file) in server {
            let id = self.fresh();
            self.kept.insert(name.clone(), Picture { id, file: file.clone(), size: None, server: true });
        }
    }

    fn fresh(&mut self) -> PictureId {
        self.next += 1;
        PictureId(self.next)
    }

    /// The worker's name of a picture.
    pub(super) fn id(&self, name: &PictureName) -> Option<PictureId> {
        self.kept.get(name).map(|picture| picture.id)
    }

    /// What the worker needs of it.
    pub(super) fn file(&self, id: PictureId) -> Option<PictureFile> {
        self.kept.values().find(|picture| picture.id == id).map(|picture| picture.file.clone())
    }

    /// Uploads wait for a worker.
    pub(super) fn is_waiting(&self) -> bool {
        !self.uploads.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.uploads.iter().map(|upload| upload.deadline).min()
    }

    /// Conferences' own ones, and those that may become such.
    fn uploaded(&self, but: &PictureName) -> usize {
        let kept = self.kept.iter().filter(|(name, picture)| !picture.server && *name != but).count();
        kept + self.uploads.iter().filter(|upload| upload.name != *but).count()
    }

    fn view(name: &PictureName, picture: &Picture) -> PictureView {
        let Picture { file, size, server, .. } = picture;
        let (name, bytes) = (name.clone(), file.data.len());
        PictureView { name, kind: file.kind, bytes, size: *size, server: *server }
    }
}

impl ConferenceState {
    pub(super) fn list_pictures(&mut self, ticket: Ticket) {
        let views = self.pictures.kept.iter().map(|(name, picture)| Pictures::view(name, picture)).collect();
        self.answer(ticket, Ok(Reply::Pictures(views)));
    }

    pub(super) fn put_picture(&mut self, now: Now, ticket: Ticket, name: PictureName, file: PictureFile) {
        let max = self.config.limits.max_pictures;
        if self.pictures.kept.get(&name).is_some_and(|picture| picture.server) {
            return self.refuse(ticket, ControlError::PictureIsServers(name));
        }
        if self.pictures.uploaded(&name) >= max {
            return self.refuse(ticket, ControlError::TooManyPictures { max });
        }
        if self.pictures.uploads.len() >= max {
            return self.refuse(ticket, ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        self.pictures.uploads.push_back(Upload { ticket, deadline: now.at + PATIENCE, name, file });
    }

    pub(super) fn remove_picture(&mut self, ticket: Ticket, name: &PictureName) {
        let Some(picture) = self.pictures.kept.get(name) else {
            return self.refuse(ticket, ControlError::PictureNotFound(name.clone()));
        };
        if picture.server {
            return self.refuse(ticket, ControlError::PictureIsServers(name.clone()));
        }
        if self.overlay.overlay().pictures().any(|used| used == name) {
            return self.refuse(ticket, ControlError::PictureInUse(name.clone()));
        }
        self.pictures.kept.remove(name);
        self.answer(ticket, Ok(Reply::Done));
    }

    /// Lets the worker judge the next upload.
    pub(super) fn drive_pictures(&mut self, now: Now) {
        if self.pictures.uploads.front().is_some_and(|upload| upload.deadline <= now.at) {
            // What the worker says of it later is nobody's.
            self.pictures.judging = None;
        }
        let (late, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.pictures.uploads).into_iter().partition(|one| one.deadline <= now.at);
        self.pictures.uploads = rest;
        for upload in late {
            self.refuse(upload.ticket, ControlError::WorkerUnavailable);
        }
        if self.pictures.judging.is_none()
            && self.worker.is_ready()
            && let Some(upload) = self.pictures.uploads.front()
        {
            let file = upload.file.clone();
            let request = self.worker.expect(Expected::Picture);
            self.pictures.judging = Some(request);
            self.command(WorkerCommand::CheckPicture { request, file });
        }
    }

    pub(super) fn picture_reply(&mut self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        if self.pictures.judging.take_if(|judging| *judging == request).is_none() {
            return;
        }
        let Some(Upload { ticket, name, file, .. }) = self.pictures.uploads.pop_front() else { return };
        let answer = match result {
            Ok(ReplyOk::PictureChecked { width, height }) => {
                let picture =
                    Picture { id: self.pictures.fresh(), file, size: Some((width, height)), server: false };
                let view = Pictures::view(&name, &picture);
                let created = self.pictures.kept.insert(name, picture).is_none();
                Ok(Reply::Picture(PicturePut { picture: view, created }))
            }
            Err(ReplyError::PictureInvalid { detail }) => Err(ControlError::PictureInvalid(detail)),
            Ok(_) | Err(_) => Err(ControlError::Internal),
        };
        self.answer(ticket, answer);
    }

    /// The worker is gone. Whose picture it had may be why: it is not given to the next one.
    pub(super) fn lose_pictures(&mut self) {
        if self.pictures.judging.take().is_some()
            && let Some(upload) = self.pictures.uploads.pop_front()
        {
            self.refuse(upload.ticket, ControlError::WorkerUnavailable);
        }
    }

    /// The conference ends.
    pub(super) fn abandon_pictures(&mut self, why: &ControlError) {
        self.pictures.judging = None;
        for upload in std::mem::take(&mut self.pictures.uploads) {
            self.refuse(upload.ticket, why.clone());
        }
    }
}
