//! What is told to those outside: after each input, what was told is compared with what is, so that nothing that
//! happens can be forgotten to be told. Only what cannot be read off the state (a switch's figures, a change of
//! the load) is told where it happens.

use super::{
    ConferenceState, Effect, Now, OutputKey,
    casting::{self, CastRun},
    presence::{Audience, receivable},
};
use crate::{
    control::{
        cast::{CastState, CueState, OutputView, SourceState},
        conference::{
            presence::{Absence, ConferenceEvent, StreamTold},
            rundown::{Clock, CueKey, Rundown},
        },
        events::news::{Departure, EndReason, News},
    },
    egress::output::OutputState,
    ids::{ParticipantId, SessionId},
    media::EncoderKind,
};
use std::collections::BTreeMap;

/// What those outside know by now.
#[derive(Debug, Default)]
pub(super) struct Announced {
    people: BTreeMap<ParticipantId, Vec<(SessionId, StreamTold)>>,
    cast: Option<AnnouncedCast>,
    cues: AnnouncedCues,
    worker_restarts: u32,
}

/// What everybody knows of the run-down, those inside as well.
#[derive(Debug, Default)]
struct AnnouncedCues {
    list: u64,
    revision: u64,
    states: BTreeMap<CueKey, CueState>,
}

#[derive(Debug)]
struct AnnouncedCast {
    /// Which cast it is.
    number: u64,
    /// `cast.started` was told.
    live: bool,
    /// `cast.stopped` or `cast.failed` was told.
    over: bool,
    source_state: SourceState,
    encoder: Option<EncoderKind>,
    outputs: BTreeMap<OutputKey, AnnouncedOutput>,
}

#[derive(Debug)]
struct AnnouncedOutput {
    view: OutputView,
    told: (OutputState, bool),
}

fn state_of(output: &OutputView) -> (OutputState, bool) {
    (output.status.state, output.status.on_backup)
}

impl Announced {
    /// Who asks for the run-down finds what has become of it before the server's restart.
    pub(super) fn with_rundown(rundown: &Rundown, now: Now) -> Self {
        let cues = rundown.cues(Clock { now, zero: None }).into_iter().map(|cue| (cue.key, cue.state));
        let (list, revision) = (rundown.lists(), rundown.revision());
        Self { cues: AnnouncedCues { list, revision, states: cues.collect() }, ..Self::default() }
    }
}

impl ConferenceState {
    pub(super) fn announce(&mut self, news: News) {
        self.out.push(Effect::Announce(Box::new(news)));
    }

    /// Tells everything that is not as it was told.
    pub(super) fn announce_changes(&mut self, now: Now) {
        self.announce_people(None);
        let restarts = self.worker.restarts();
        if self.announced.worker_restarts != restarts {
            self.announced.worker_restarts = restarts;
            self.announce(News::WorkerRestarted { restarts });
        }
        self.announce_cast(now);
        self.announce_cues(now);
        self.announce_pictures();
        self.announce_overlay();
    }

    fn announce_cues(&mut self, now: Now) {
        let revision = self.rundown.revision();
        if std::mem::replace(&mut self.announced.cues.revision, revision) == revision {
            return;
        }
        let cues = self.rundown.cues(self.clock(now));
        let list = self.rundown.lists();
        if std::mem::replace(&mut self.announced.cues.list, list) != list {
            self.announced.cues.states.clear();
            self.announce(News::CastCues { count: cues.len() });
            self.tell(Audience::Everybody, ConferenceEvent::Cues { count: cues.len() });
        }
        for cue in cues {
            let (key, state) = (cue.key, cue.state);
            let known = self.announced.cues.states.insert(key, state);
            // That it waits says the list.
            if known.unwrap_or(CueState::Waiting) != state {
                let view = self.cue_view(cue);
                self.announce(News::CastCue(view.clone()));
                self.tell(Audience::Everybody, ConferenceEvent::Cue(Box::new(view)));
            }
        }
    }

    /// The last words.
    pub(super) fn announce_end(&mut self) {
        self.announce_people(Some(Departure::ConferenceEnded));
        let reason = self.end_reason.unwrap_or(EndReason::Empty);
        self.announce(News::ConferenceEnded { reason });
    }

    /// `all_gone`: why, at the end of all.
    fn announce_people(&mut self, all_gone: Option<Departure>) {
        let fresh: BTreeMap<_, _> = match all_gone {
            Some(_) => BTreeMap::new(),
            None => self.roster.present().map(|one| (one.id.clone(), receivable(one))).collect(),
        };
        if fresh == self.announced.people {
            return;
        }
        let known = std::mem::take(&mut self.announced.people);
        for (id, streams) in &known {
            let has = fresh.get(id).map_or(&[][..], Vec::as_slice);
            for (_, stream) in streams.iter().filter(|one| !has.contains(one)) {
                self.announce(News::StreamRemoved { participant: id.clone(), stream: stream.clone() });
            }
            if !fresh.contains_key(id) {
                let absence = self.told.reason(id).unwrap_or(Absence::Left);
                let reason = all_gone.unwrap_or(Departure::Absent(absence));
                self.announce(News::ParticipantDisconnected { participant: id.clone(), reason });
            }
        }
        for (id, streams) in &fresh {
            let had = known.get(id);
            if had.is_none()
                && let Ok(participant) = self.roster.participant(id)
            {
                let view = participant.view(self.worker.sources());
                self.announce(News::ParticipantConnected(view));
            }
            let had = had.map_or(&[][..], Vec::as_slice);
            for (_, stream) in streams.iter().filter(|one| !had.contains(one)) {
                self.announce(News::StreamAdded { participant: id.clone(), stream: stream.clone() });
            }
        }
        self.announced.people = fresh;
    }

    fn announce_cast(&mut self, now: Now) {
        let Some(run) = &self.cast else { return };
        let (number, state) = (run.number, run.state());
        let known = self.announced.cast.take().filter(|known| known.number == number);
        let mut known = match known {
            Some(known) => known,
            None => {
                let view = self.cast_view(now);
                self.announce(News::CastStarting(view));
                self.begin_announcing(number)
            }
        };
        if !known.over {
            self.announce_outputs(&mut known);
            self.announce_program(now, state, &mut known);
        }
        self.announced.cast = Some(known);
    }

    fn begin_announcing(&self, number: u64) -> AnnouncedCast {
        // `cast.starting` shows its outputs.
        let outputs = self.cast.iter().flat_map(CastRun::output_views);
        let outputs = outputs.map(|(key, view)| (key, AnnouncedOutput { told: state_of(&view), view }));
        AnnouncedCast {
            number,
            live: false,
            over: false,
            source_state: SourceState::Absent,
            encoder: None,
            outputs: outputs.collect(),
        }
    }

    fn announce_outputs(&mut self, known: &mut AnnouncedCast) {
        let fresh: Vec<_> = self.cast.iter().flat_map(CastRun::output_views).collect();
        let gone: Vec<_> = known
            .outputs
            .keys()
            .filter(|key| !fresh.iter().any(|(there, _)| there == *key))
            .copied()
            .collect();
        for output in gone.iter().filter_map(|key| known.outputs.remove(key)) {
            self.announce(News::OutputRemoved(output.view));
        }
        for (key, view) in fresh {
            let told = state_of(&view);
            match known.outputs.insert(key, AnnouncedOutput { view: view.clone(), told }) {
                None => self.announce(News::OutputAdded(view)),
                Some(before) if before.told != told => self.announce(News::OutputChanged(view)),
                Some(_) => {}
            }
        }
    }

    fn announce_program(&mut self, now: Now, state: CastState, known: &mut AnnouncedCast) {
        let Some(run) = &self.cast else { return };
        let present = self.worker.report(now).map(|(report, _)| report.program).unwrap_or_default();
        let program = casting::add(run.earlier, present);
        let source = run.source.clone();
        let (source_state, age_ms) = self.source_state(now, &source);
        match state {
            CastState::Live if !known.live => {
                (known.live, known.source_state) = (true, source_state);
                let view = self.cast_view(now);
                self.announce(News::CastStarted(view));
            }
            CastState::Live if known.source_state != source_state => {
                known.source_state = source_state;
                self.announce(News::CastSourceState { source, state: source_state, age_ms });
            }
            CastState::Stopped | CastState::Failed => {
                known.over = true;
                let view = self.cast_view(now);
                let failed = state == CastState::Failed;
                self.announce(if failed { News::CastFailed(view) } else { News::CastStopped(view) });
                return;
            }
            _ => {}
        }
        if let Some(encoder) = program.encoder
            && let previous = known.encoder.replace(encoder)
            && let Some(previous) = previous.filter(|previous| *previous != encoder)
        {
            let fallbacks = program.encoder_fallbacks;
            self.announce(News::CastEncoderChanged { encoder, previous, fallbacks });
        }
    }
}
