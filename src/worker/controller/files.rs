//! Media files in the controller: opened, played, closed.

use super::{Controller, Finish};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{
        SceneSpec, WorkerEvent,
        file::{FileAction, FileFault, FileSpec},
    },
    worker::{
        file::{FileEvent, FileSetup, PlayedFile},
        program::{
            mixer::{FileWish, MixerRequest},
            projector::{FileMeter, FileRequest},
        },
    },
};
use std::sync::Arc;

/// Files that are open at once: the one that is shown, one that it fades from, and those that are about to be. Each has a
/// decoder and some pictures.
const MAX_FILES: usize = 4;

/// A file that is open.
pub(super) struct OpenFile {
    file: PlayedFile,
    meter: Arc<FileMeter>,
}

impl Controller {
    pub(super) async fn open_file(&mut self, source: SourceId, spec: FileSpec) -> Result<(), Finish> {
        if self.files.len() >= MAX_FILES {
            let detail = "too many files are open at once".to_owned();
            self.tell(WorkerEvent::FileFailed { source, fault: FileFault::Unsupported { detail } }).await;
            return Ok(());
        }
        let meter = Arc::new(FileMeter::new(spec.from_ms, spec.paused));
        let repeat = spec.repeat;
        self.ask_file(source, FileRequest::Add { meter: meter.clone(), repeat })?;
        let setup = FileSetup { source, spec, timeline: self.timeline.clone() };
        let file = PlayedFile::open(setup, self.file_events_in.clone());
        self.files.insert(source, OpenFile { file, meter });
        Ok(())
    }

    pub(super) fn after_file(&self, source: SourceId, scene: SceneSpec) -> Result<(), Finish> {
        self.ask_file(source, FileRequest::After { scene: Box::new(scene) })
    }

    pub(super) fn control_file(
        &self,
        request: RequestId,
        source: SourceId,
        action: FileAction,
    ) -> Result<(), Finish> {
        self.ask_file(source, FileRequest::Control { request, action })
    }

    pub(super) async fn on_file(&mut self, source: SourceId, event: FileEvent) -> Result<(), Finish> {
        match event {
            FileEvent::Frozen => {
                tracing::error!(%source, "a media file's pipeline is frozen");
                return Err(Finish::Broken);
            }
            // It was closed meanwhile.
            _ if !self.files.contains_key(&source) => {}
            FileEvent::Opened { sinks, duration_ms } => {
                self.ask_file(source, FileRequest::Opened { sinks, duration_ms })?;
            }
            FileEvent::Sought { well } => self.ask_file(source, FileRequest::Sought { well })?,
            FileEvent::Failed(fault) => {
                // Before the answer of a switch that waited for it.
                self.tell(WorkerEvent::FileFailed { source, fault }).await;
                self.ask_file(source, FileRequest::Failed)?;
            }
        }
        Ok(())
    }

    pub(super) async fn on_file_wish(&mut self, source: SourceId, wish: FileWish) {
        match wish {
            FileWish::Seek { to } => {
                if let Some(open) = self.files.get(&source) {
                    open.file.seek(to);
                }
            }
            FileWish::Ended { pts } => self.tell(WorkerEvent::FileEnded { source, pts }).await,
            FileWish::Close => drop(self.files.remove(&source)),
        }
    }

    /// Where the files stand.
    pub(super) fn report_files(&self) {
        for (source, open) in &self.files {
            // As with the heartbeat itself.
            let _ = self.out.try_send(WorkerEvent::File(open.meter.report(*source)));
        }
    }

    fn ask_file(&self, source: SourceId, request: FileRequest) -> Result<(), Finish> {
        self.ask(MixerRequest::File { source, request })
    }
}
