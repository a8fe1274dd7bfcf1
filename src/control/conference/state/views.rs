//! The state as clients see it.

use super::{ConferenceState, Now, casting, casting::OutputRecord};
use crate::{
    control::{
        cast::{AudioChoice, CastState, CastView, OutputKind, OutputView, Source, SourceState},
        conference::{ConferenceView, scene},
    },
    egress::rtmp::url::RtmpUrl,
    ids::SourceId,
    ipc::{LevelReport, ProgramMode, ProgramReport},
};
use std::time::Duration;

/// A source whose last frame is older stalls (contract, "Behaviour").
const STALLED_AFTER_MS: u32 = 1000;

impl OutputRecord {
    pub(super) fn view(&self) -> OutputView {
        let (url, backup_url) = match &self.spec.kind {
            OutputKind::Rtmp { url, backup } => {
                (Some(url.redacted()), backup.as_ref().map(RtmpUrl::redacted))
            }
            OutputKind::Hls { .. } | OutputKind::Recording | OutputKind::RtmpPlay => (None, None),
        };
        let kind = self.spec.kind.name();
        OutputView { id: self.spec.id.clone(), kind, url, backup_url, status: self.status.clone() }
    }
}

impl ConferenceState {
    /// The conference now.
    pub fn view(&self, now: Now) -> ConferenceView {
        ConferenceView {
            id: self.id.clone(),
            settings: self.settings.clone(),
            created_at: self.created_at,
            participants: self.roster.present().map(|one| one.view(self.worker.sources())).collect(),
            cast: self.cast_view(now),
            worker_restarts: self.worker.restarts(),
        }
    }

    /// The latest cast now.
    pub fn cast_view(&self, now: Now) -> CastView {
        let Some(run) = &self.cast else {
            return CastView {
                conference: self.id.clone(),
                state: CastState::Idle,
                source: None,
                source_state: SourceState::Absent,
                file: None,
                source_age_ms: None,
                audio: AudioChoice::default(),
                speaker: None,
                started_at: None,
                stopped_at: None,
                encoding: None,
                outputs: Vec::new(),
                shed: Vec::new(),
                program: ProgramReport::default(),
                decoders: 0,
                levels: LevelReport::default(),
                error: None,
            };
        };
        let (source_state, source_age_ms) = self.source_state(now, &run.source);
        let running = self.worker.report(now).filter(|_| run.is_active());
        let present = running.map(|(report, _)| report.program).unwrap_or_default();
        let sources = running.map_or(&[][..], |(report, _)| &report.sources);
        let decoded = sources.iter().filter(|source| source.video.is_some_and(|video| video.decoded));
        CastView {
            conference: self.id.clone(),
            state: run.state(),
            source: Some(run.source.clone()),
            source_state,
            file: if run.is_active() { run.file_view(now) } else { None },
            source_age_ms,
            audio: run.audio,
            speaker: self.speaker_on_air(),
            started_at: Some(run.started_at),
            stopped_at: run.stopped_at,
            encoding: Some(run.encoding.clone()),
            outputs: run.outputs.iter().map(OutputRecord::view).collect(),
            shed: self.shed(),
            program: casting::add(run.earlier, present),
            decoders: decoded.count(),
            levels: if run.is_active() { self.speaking.last().clone() } else { LevelReport::default() },
            error: run.error.clone(),
        }
    }

    /// Whether what was chosen delivers. A layout does as soon as one of its tiles does.
    pub(super) fn source_state(&self, now: Now, source: &Source) -> (SourceState, Option<u32>) {
        let sources: Vec<SourceId> = match source {
            Source::Slate => return (SourceState::Live, None),
            Source::File(_) => {
                let broken = self.cast.as_ref().is_some_and(casting::CastRun::has_broken_file);
                return (if broken { SourceState::Stalled } else { SourceState::Live }, None);
            }
            Source::Participant { participant, stream } => {
                let found = self.roster.participant(participant).ok();
                let stream = found.and_then(|found| found.stream(stream));
                stream
                    .filter(|stream| stream.session().is_some())
                    .map(|stream| stream.source)
                    .into_iter()
                    .collect()
            }
            Source::Follow { .. } | Source::Speaker { .. } => {
                let first = scene::on_picture(source, &self.roster).into_iter().next();
                first.and_then(|focus| self.shown_source(focus)).into_iter().collect()
            }
            Source::Screen { .. } | Source::Arranged { .. } => {
                let scene = scene::scene(source, AudioChoice::Source, &self.roster);
                scene.picture.tiles().into_iter().filter_map(|tile| tile.source).collect()
            }
            Source::Grid { .. } => scene::on_picture(source, &self.roster)
                .into_iter()
                .filter_map(|participant| self.shown_source(participant))
                .collect(),
        };
        let age = sources.iter().filter_map(|source| self.age_ms(now, *source)).min();
        // What he publishes by now may be of a codec that cannot pass through: then the slate is on.
        let shown = !self.is_passing_through() || self.check_mode(ProgramMode::Passthrough, source).is_ok();
        let state = match age {
            _ if sources.is_empty() => SourceState::Absent,
            Some(age) if age <= STALLED_AFTER_MS && shown => SourceState::Live,
            _ => SourceState::Stalled,
        };
        (state, age)
    }

    fn shown_source(&self, participant: &crate::ids::ParticipantId) -> Option<SourceId> {
        let stream = self.roster.participant(participant).ok()?.main_stream()?;
        stream.session().map(|_| stream.source)
    }

    /// Since the source's last picture; its last sound where it has no picture.
    fn age_ms(&self, now: Now, source: SourceId) -> Option<u32> {
        let (report, since) = self.worker.report(now)?;
        let found = report.sources.iter().find(|found| found.source == source)?;
        let age = found.video.map(|video| video.age_ms).or(found.audio_age_ms)?;
        let since: u32 = Duration::as_millis(&since).try_into().unwrap_or(u32::MAX);
        Some(age.saturating_add(since))
    }
}
