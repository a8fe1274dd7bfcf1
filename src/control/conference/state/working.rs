//! The worker's life as its conference sees it, and what it tells.

use super::{Audience, ConferenceState, Effect, Now, casting::CastRun};
use crate::{
    config::WorkerConfig,
    control::conference::presence::ConferenceEvent,
    ids::{Incarnation, RequestId, SessionId},
    ipc::{ProgramReport, ReplyError, ReplyOk, SourceReport, WorkerEvent, WorkerReport},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Streams lost with a worker keep their place for so long. Browsers notice a dead connection in a
/// few seconds and publish again.
pub(super) const LOST_GRACE: Duration = Duration::from_secs(10);

/// A worker that lived shorter failed quickly: the next one waits.
const QUICK_FAILURE: Duration = Duration::from_secs(10);

/// What a reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The publication of that serial.
    Ingest(u64),
    /// The subscription of that serial.
    Forward(u64),
    StartProgram,
    Switch,
    Reflow,
    File,
    Snapshot,
    Overlay,
    Picture,
    Clip,
    StopProgram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerPhase {
    /// None; the next one not before.
    Absent {
        not_before: Option<Instant>,
    },
    /// Launched, not ready.
    Starting,
    Ready,
}

/// The worker, past and present.
#[derive(Debug)]
pub(super) struct WorkerLife {
    phase: WorkerPhase,
    /// Of the next worker.
    next: Incarnation,
    launched_at: Option<Instant>,
    quick_failures: u32,
    /// The last one was lost: the next replaces it.
    lost: bool,
    restarts: u32,
    expected: BTreeMap<u64, Expected>,
    next_request: u64,
    report: Option<(WorkerReport, Instant)>,
}

impl Default for WorkerLife {
    fn default() -> Self {
        Self {
            phase: WorkerPhase::Absent { not_before: None },
            next: Incarnation(0),
            launched_at: None,
            quick_failures: 0,
            lost: false,
            restarts: 0,
            expected: BTreeMap::new(),
            next_request: 0,
            report: None,
        }
    }
}

impl WorkerLife {
    pub fn is_ready(&self) -> bool {
        self.phase == WorkerPhase::Ready
    }

    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The present worker's number.
    pub fn incarnation(&self) -> Incarnation {
        Incarnation(self.next.0.saturating_sub(1))
    }

    /// What it reports of its sources.
    pub fn sources(&self) -> &[SourceReport] {
        self.report.as_ref().map_or(&[], |(report, _)| &report.sources)
    }

    /// Its last report, and how long ago that was.
    pub fn report(&self, now: Now) -> Option<(&WorkerReport, Duration)> {
        self.report.as_ref().map(|(report, at)| (report, now.at.saturating_duration_since(*at)))
    }

    /// The program ended: its counters count no more.
    pub fn take_program(&mut self) -> ProgramReport {
        self.report.as_mut().map(|(report, _)| std::mem::take(&mut report.program)).unwrap_or_default()
    }

    /// A fresh number for a command that is answered.
    pub fn expect(&mut self, expected: Expected) -> RequestId {
        self.next_request += 1;
        self.expected.insert(self.next_request, expected);
        RequestId(self.next_request)
    }

    /// How long to wait before the next worker, after `failures` quick ones in a row: the first is
    /// replaced at once.
    fn backoff(config: &WorkerConfig, failures: u32) -> Option<Duration> {
        let doublings = failures.checked_sub(2)?;
        let ms = u64::from(config.backoff_min_ms).saturating_mul(1 << doublings.min(20));
        Some(Duration::from_millis(ms.min(config.backoff_max_ms.into())))
    }
}

impl ConferenceState {
    fn needs_worker(&self) -> bool {
        self.is_publishing()
            || self.pictures.uploads.is_waiting()
            || self.clips.is_waiting()
            || self.cast.as_ref().is_some_and(CastRun::needs_worker)
    }

    pub(super) fn worker_deadline(&self) -> Option<Instant> {
        match self.worker.phase {
            WorkerPhase::Absent { not_before } if self.needs_worker() => not_before,
            _ => None,
        }
    }

    /// Launches a worker where one is needed and may be.
    pub(super) fn staff(&mut self, now: Now) {
        let WorkerPhase::Absent { not_before } = self.worker.phase else { return };
        if !self.needs_worker() || not_before.is_some_and(|at| at > now.at) {
            return;
        }
        let incarnation = self.worker.next;
        let replacement = std::mem::take(&mut self.worker.lost);
        self.worker.phase = WorkerPhase::Starting;
        self.worker.launched_at = Some(now.at);
        self.worker.next = Incarnation(incarnation.0 + 1);
        self.worker.restarts += u32::from(replacement);
        self.out.push(Effect::LaunchWorker { incarnation, replacement });
    }

    /// Nobody needs the worker for now.
    pub(super) fn rest_worker(&mut self) {
        if !matches!(self.worker.phase, WorkerPhase::Absent { .. }) {
            self.worker.phase = WorkerPhase::Absent { not_before: None };
            self.worker.expected.clear();
            self.worker.report = None;
            self.speaking.forget_worker();
            self.lose_publishing();
            self.lose_forwards();
            self.lose_overlay();
            self.lose_judging();
            self.out.push(Effect::ShutWorker);
        }
    }

    /// Kills a worker that does not do what it must; the rest is as if it had crashed.
    pub(super) fn kill_worker(&mut self, now: Now) {
        self.out.push(Effect::KillWorker);
        self.worker_gone(now);
    }

    pub(super) fn worker_gone(&mut self, now: Now) {
        if matches!(self.worker.phase, WorkerPhase::Absent { .. }) {
            return;
        }
        let lived = self.worker.launched_at.map(|at| now.at.saturating_duration_since(at));
        self.worker.quick_failures = match lived {
            Some(lived) if lived >= QUICK_FAILURE && self.worker.is_ready() => 1,
            _ => self.worker.quick_failures + 1,
        };
        let wait = WorkerLife::backoff(&self.config.worker, self.worker.quick_failures);
        self.worker.phase = WorkerPhase::Absent { not_before: wait.map(|wait| now.at + wait) };
        self.worker.lost = true;
        self.worker.expected.clear();
        let report = self.worker.report.take();
        self.speaking.forget_worker();
        self.tell(Audience::Everybody, ConferenceEvent::WorkerRestarted);
        for session in self.roster.lose_all(now.at + LOST_GRACE) {
            self.out.push(Effect::SessionClosed(session));
        }
        self.lose_publishing();
        self.lose_forwards();
        self.lose_overlay();
        self.lose_judging();
        self.lose_program(now, report.map(|(report, _)| report.program));
    }

    pub(super) fn worker_event(&mut self, now: Now, event: WorkerEvent) {
        match event {
            WorkerEvent::Ready { .. } => {
                if self.worker.phase == WorkerPhase::Starting {
                    self.worker.phase = WorkerPhase::Ready;
                }
            }
            WorkerEvent::Reply { request, result } => self.worker_reply(now, request, result),
            WorkerEvent::SessionEnded { session, .. } => self.session_ended(session),
            WorkerEvent::SessionConnected { session } => self.roster.connected(&session),
            WorkerEvent::Config(config) => self.program_config(config),
            WorkerEvent::Frame(frame) => self.program_frame(now, frame),
            WorkerEvent::RenditionConfig { rendition, config } => self.rendition_config(rendition, config),
            WorkerEvent::RenditionFrame { rendition, frame } => self.rendition_frame(rendition, frame),
            WorkerEvent::Levels(report) => self.hear_levels(now, report),
            WorkerEvent::Heartbeat(report) => self.worker.report = Some((report, now.at)),
            WorkerEvent::File(report) => self.file_stands(now, report),
            WorkerEvent::FileEnded { source, pts } => self.file_ended(source, pts),
            WorkerEvent::FileFailed { source, fault } => self.file_failed(source, fault),
            WorkerEvent::ProgramFailed { .. } => self.kill_worker(now),
        }
    }

    fn session_ended(&mut self, session: SessionId) {
        // Nobody hung up: whoever has nothing else here is lost.
        if let Some(owner) = self.roster.publisher_of(&session) {
            self.told.lost(owner);
        }
        if self.roster.end_session(&session) || self.forwards.end(&session) {
            self.out.push(Effect::SessionClosed(session));
        }
    }

    fn worker_reply(&mut self, now: Now, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        // What is not expected was answered by a deadline, or makes no sense.
        match self.worker.expected.remove(&request.0) {
            Some(Expected::Ingest(serial)) => self.ingest_reply(serial, result),
            Some(Expected::Forward(serial)) => self.forward_reply(serial, result),
            Some(Expected::StartProgram) => self.program_started(now, result),
            Some(Expected::Switch) => self.switch_reply(now, request, result),
            Some(Expected::Reflow) => self.reflow_reply(result),
            Some(Expected::File) => self.file_reply(now, request, result),
            Some(Expected::Snapshot) => self.snapshot_reply(request, result),
            Some(Expected::Overlay) => self.overlay_reply(request, result),
            Some(Expected::Picture) => self.picture_reply(request, result),
            Some(Expected::Clip) => self.clip_reply(now, request, result),
            Some(Expected::StopProgram) => self.program_stopped(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_replacement_is_immediate_and_the_wait_is_capped() {
        let config = WorkerConfig::default();
        let wait = |failures| WorkerLife::backoff(&config, failures).map(|wait| wait.as_millis());
        assert_eq!([wait(1), wait(2), wait(3), wait(4)], [None, Some(500), Some(1000), Some(2000)]);
        assert_eq!(wait(u32::MAX), Some(10_000));
    }
}
