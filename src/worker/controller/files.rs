//! Media files in the controller: opened, played, closed.

use super::{Controller, Finish};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{
        ReplyError, ReplyOk, SceneSpec, WorkerEvent,
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
use tokio::sync::mpsc;

/// Files that are open at once: the one that is shown, one that it fades from, and those that are about to be. Each has a
/// decoder and some pictures. The slate's clips come on top, two at most: the one that is seen and the one that is chosen.
const MAX_FILES: usize = 4;

/// A file that is open.
pub(super) struct OpenFile {
    file: PlayedFile,
    meter: Arc<FileMeter>,
}

impl Controller {
    pub(super) async fn open_file(&mut self, source: SourceId, spec: FileSpec) -> Result<(), Finish> {
        if self.files.keys().filter(|source| !source.is_clip()).count() >= MAX_FILES {
            let detail = "too many files are open at once".to_owned();
            self.tell(WorkerEvent::FileFailed { source, fault: FileFault::Unsupported { detail } }).await;
            return Ok(());
        }
        let meter = Arc::new(FileMeter::new(spec.from_ms, spec.paused));
        let repeat = spec.repeat;
        self.ask_file(source, FileRequest::Add { meter: meter.clone(), repeat })?;
        self.hold_file(source, spec, meter, false);
        Ok(())
    }

    fn hold_file(&mut self, source: SourceId, spec: FileSpec, meter: Arc<FileMeter>, silent: bool) {
        let setup = FileSetup { source, spec, timeline: self.timeline.clone(), silent };
        let file = PlayedFile::open(setup, self.file_events_in.clone());
        self.files.insert(source, OpenFile { file, meter });
    }

    /// Opens a file and closes it again, while everything else goes on. Control asks for one after the other.
    pub(super) fn check_clip(&self, request: RequestId, spec: FileSpec) {
        let (events_in, mut events) = mpsc::channel(4);
        let setup =
            FileSetup { source: SourceId::of_clip(0), spec, timeline: self.timeline.clone(), silent: true };
        let (source, file) = (setup.source, PlayedFile::open(setup, events_in));
        let (out, to_controller) = (self.out.clone(), self.file_events_in.clone());
        tokio::spawn(async move {
            let result = match events.recv().await.map(|(_, event)| event) {
                Some(FileEvent::Failed(fault)) => Err(ReplyError::ClipInvalid { fault }),
                Some(FileEvent::Opened { .. }) => Ok(ReplyOk::ClipChecked),
                Some(FileEvent::Frozen) => {
                    let _ = to_controller.send((source, FileEvent::Frozen)).await;
                    return;
                }
                Some(FileEvent::Sought { .. }) | None => {
                    Err(ReplyError::Internal { detail: "the file was not opened".to_owned() })
                }
            };
            drop(file);
            // Refused only when control is gone.
            let _ = out.send(WorkerEvent::Reply { request, result }).await;
            while let Some((_, event)) = events.recv().await {
                if matches!(event, FileEvent::Frozen) {
                    let _ = to_controller.send((source, event)).await;
                }
            }
        });
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
            FileEvent::Failed(fault) if source.is_clip() => {
                tracing::warn!(error = %fault, "the slate's clip is not played");
                self.ask_file(source, FileRequest::Failed)?;
            }
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
            FileWish::Open { spec, meter } => self.hold_file(source, spec, meter, true),
            FileWish::Seek { to } => {
                if let Some(open) = self.files.get(&source) {
                    open.file.seek(to);
                }
            }
            FileWish::Ended { pts } => self.tell(WorkerEvent::FileEnded { source, pts }).await,
            FileWish::Close => drop(self.files.remove(&source)),
        }
    }

    /// Where the files stand that control knows of.
    pub(super) fn report_files(&self) {
        for (source, open) in self.files.iter().filter(|(source, _)| !source.is_clip()) {
            // As with the heartbeat itself.
            let _ = self.out.try_send(WorkerEvent::File(open.meter.report(*source)));
        }
    }

    fn ask_file(&self, source: SourceId, request: FileRequest) -> Result<(), Finish> {
        self.ask(MixerRequest::File { source, request })
    }
}
