//! Pictures that are looked at before control keeps them.

use super::{Controller, chain};
use crate::{
    ids::RequestId,
    ipc::{ReplyError, ReplyOk, WorkerEvent, overlay::PictureFile},
    worker::program::overlay::picture::{PictureError, decode},
};

impl Controller {
    /// Decodes a picture on a thread of its own, while everything else goes on.
    pub(super) fn check_picture(&self, request: RequestId, file: PictureFile) {
        let out = self.out.clone();
        tokio::spawn(async move {
            let result = match tokio::task::spawn_blocking(move || decode(&file)).await {
                Ok(Ok(image)) => Ok(ReplyOk::PictureChecked { width: image.width(), height: image.height() }),
                Ok(Err(error @ (PictureError::Undecodable(_) | PictureError::TooLarge))) => {
                    Err(ReplyError::PictureInvalid { detail: error.to_string() })
                }
                Ok(Err(error)) => Err(ReplyError::Internal { detail: chain(&error) }),
                Err(panic) => Err(ReplyError::Internal { detail: panic.to_string() }),
            };
            // Refused only when control is gone.
            let _ = out.send(WorkerEvent::Reply { request, result }).await;
        });
    }
}
