//! The conference's pictures: taken when a worker could decode them, kept until they are deleted.

mod blame;

use self::blame::Drawing;
use super::{Audience, ConferenceState, Effect, Now, judging::Judging, working::Expected};
use crate::{
    control::{
        conference::{
            ask::{Reply, Ticket},
            presence::ConferenceEvent,
        },
        error::ControlError,
        events::news::News,
        overlay::{KeptPicture, PicturePut, PictureView, ServerPictures},
    },
    ids::{PictureId, PictureName, RequestId},
    ipc::{ReplyError, ReplyOk, WorkerCommand, overlay::PictureFile},
};
use std::{collections::BTreeMap, time::Duration};

/// A picture that an overlay may name.
#[derive(Debug)]
struct Picture {
    id: PictureId,
    file: PictureFile,
    size: Option<(u32, u32)>,
    server: bool,
    /// So many workers in a row died while they drew it.
    deaths: u8,
}

/// An upload that the worker has not judged.
#[derive(Debug)]
pub(super) struct Upload {
    name: PictureName,
    file: PictureFile,
}

/// The pictures, and those that are about to be.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    kept: BTreeMap<PictureName, Picture>,
    pub(super) uploads: Judging<Upload>,
    drawing: Drawing,
    next: u32,
    /// So often something was put or removed.
    revision: u64,
    /// The revision that was stored, and the one that everybody knows.
    stored: u64,
    announced: u64,
}

impl Pictures {
    /// As they were kept over a restart of the server: a worker could decode each of them.
    pub(super) fn restored(kept: Vec<KeptPicture>) -> Self {
        let mut pictures = Self::default();
        for KeptPicture { name, file, size } in kept {
            let id = pictures.fresh();
            pictures.kept.insert(name, Picture { id, file, size: Some(size), server: false, deaths: 0 });
        }
        pictures
    }

    /// With the server's own in it. One that was uploaded under such a name before the configuration had it gives way.
    pub(super) fn stock(&mut self, server: &ServerPictures) {
        for (name, file) in server {
            let id = self.fresh();
            let picture = Picture { id, file: file.clone(), size: None, server: true, deaths: 0 };
            if self.kept.insert(name.clone(), picture).is_some() {
                tracing::warn!(picture = %name, "an uploaded picture gives way to one of the configuration");
            }
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

    /// Conferences' own ones, and those that may become such.
    fn uploaded(&self, but: &PictureName) -> usize {
        let kept = self.kept.iter().filter(|(name, picture)| !picture.server && *name != but).count();
        kept + self.uploads.subjects().filter(|upload| upload.name != *but).count()
    }

    fn view(name: &PictureName, picture: &Picture) -> PictureView {
        let Picture { file, size, server, .. } = picture;
        let (name, bytes) = (name.clone(), file.data.len());
        PictureView { name, kind: file.kind, bytes, size: *size, server: *server }
    }

    pub(super) fn views(&self) -> Vec<PictureView> {
        self.kept.iter().map(|(name, picture)| Self::view(name, picture)).collect()
    }

    /// The conference's own.
    fn own(&self) -> Vec<KeptPicture> {
        let own = self.kept.iter().filter_map(|(name, picture)| {
            let Picture { file, size, server: false, .. } = picture else { return None };
            Some(KeptPicture { name: name.clone(), file: file.clone(), size: (*size)? })
        });
        own.collect()
    }
}

impl ConferenceState {
    pub(super) fn list_pictures(&mut self, ticket: Ticket) {
        self.answer(ticket, Ok(Reply::Pictures(self.pictures.views())));
    }

    /// What a restart of the server is to find.
    pub(super) fn store_pictures(&mut self) {
        let revision = self.pictures.revision;
        if self.kept && std::mem::replace(&mut self.pictures.stored, revision) != revision {
            self.out.push(Effect::StorePictures(self.pictures.own()));
        }
    }

    /// Tells everybody which there are, when these are others.
    pub(super) fn announce_pictures(&mut self) {
        let revision = self.pictures.revision;
        if std::mem::replace(&mut self.pictures.announced, revision) != revision {
            let views = self.pictures.views();
            self.announce(News::ConferencePictures(views.clone()));
            self.tell(Audience::Everybody, ConferenceEvent::Pictures(views));
        }
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
        self.pictures.uploads.wait(now, ticket, Upload { name, file });
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
        self.pictures.revision += 1;
        // Before the answer, which says that it is gone from the disk.
        self.store_pictures();
        self.answer(ticket, Ok(Reply::Done));
    }

    /// Lets the worker judge the next upload.
    pub(super) fn drive_pictures(&mut self) {
        if self.worker.is_ready()
            && let Some(upload) = self.pictures.uploads.next()
        {
            let file = upload.file.clone();
            let request = self.worker.expect(Expected::Picture);
            self.pictures.uploads.tell(request);
            self.command(WorkerCommand::CheckPicture { request, file });
        }
    }

    pub(super) fn picture_reply(&mut self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        let Some((ticket, Upload { name, file })) = self.pictures.uploads.judged(request) else { return };
        let answer = match result {
            Ok(ReplyOk::PictureChecked { width, height }) => {
                let (id, size) = (self.pictures.fresh(), Some((width, height)));
                let picture = Picture { id, file, size, server: false, deaths: 0 };
                let view = Pictures::view(&name, &picture);
                let created = self.pictures.kept.insert(name, picture).is_none();
                self.pictures.revision += 1;
                // Before the answer, which says that it is stored.
                self.store_pictures();
                Ok(Reply::Picture(PicturePut { picture: view, created }))
            }
            Err(ReplyError::PictureInvalid { detail }) => Err(ControlError::PictureInvalid(detail)),
            Ok(_) | Err(_) => Err(ControlError::Internal),
        };
        self.answer(ticket, answer);
    }
}
