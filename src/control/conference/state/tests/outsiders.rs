//! Somebody outside who knows the conference from its news alone.

use super::{
    super::{presence::receivable, *},
    bench::News,
};
use crate::{
    control::{
        cast::{CastState, CueState},
        overlay::{Overlay, PictureView},
    },
    egress::output::OutputState,
    ids::ParticipantId,
};
use std::collections::BTreeSet;

/// What they know.
#[derive(Debug, Default)]
pub struct Outsiders {
    people: BTreeMap<ParticipantId, BTreeSet<String>>,
    cast: Option<CastState>,
    outputs: BTreeMap<String, OutputState>,
    restarts: u32,
    cues: usize,
    overlay: Overlay,
    pictures: Vec<PictureView>,
    ended: bool,
}

impl Outsiders {
    /// Makes sense of one piece of news.
    pub fn hear(&mut self, news: News) {
        assert!(!self.ended, "{news:?} after the end");
        match news {
            News::ConferenceCreated { .. } => panic!("told by the task"),
            News::ConferenceEnded { .. } => {
                assert!(self.people.is_empty(), "{:?} are still in", self.people);
                assert!(!matches!(self.cast, Some(CastState::Starting | CastState::Live)), "{:?}", self.cast);
                self.ended = true;
            }
            News::ParticipantConnected(view) => {
                assert!(self.people.insert(view.id, BTreeSet::new()).is_none());
            }
            News::ParticipantDisconnected { participant, .. } => {
                assert_eq!(self.people.remove(&participant), Some(BTreeSet::new()), "{participant}");
            }
            News::StreamAdded { participant, stream } => {
                assert!(self.people.get_mut(&participant).unwrap().insert(stream.name.to_string()));
            }
            News::StreamRemoved { participant, stream } => {
                assert!(self.people.get_mut(&participant).unwrap().remove(stream.name.as_str()));
            }
            News::CastStarting(cast) => {
                assert!(!matches!(self.cast, Some(CastState::Starting | CastState::Live)), "{:?}", self.cast);
                self.cast = Some(CastState::Starting);
                let states = cast.outputs.iter().map(|output| (output.id.to_string(), output.status.state));
                self.outputs = states.collect();
            }
            News::CastStarted(_) => {
                assert_eq!(self.cast.replace(CastState::Live), Some(CastState::Starting));
            }
            News::CastStopped(cast) | News::CastFailed(cast) => {
                assert!(matches!(self.cast, Some(CastState::Starting | CastState::Live)), "{:?}", self.cast);
                self.cast = Some(cast.state);
            }
            News::CastSwitched(_)
            | News::CastSpeaker { .. }
            | News::CastSourceState { .. }
            | News::CastEncoderChanged { .. } => {
                assert_eq!(self.cast, Some(CastState::Live));
            }
            News::OutputAdded(output) => {
                assert!(self.outputs.insert(output.id.to_string(), output.status.state).is_none());
            }
            News::OutputChanged(output) => {
                assert!(self.outputs.insert(output.id.to_string(), output.status.state).is_some());
            }
            News::OutputRemoved(output) => assert!(self.outputs.remove(output.id.as_str()).is_some()),
            News::WorkerRestarted { restarts } => {
                assert!(restarts > self.restarts);
                self.restarts = restarts;
            }
            News::CastCues { count } => self.cues = count,
            // What is on the air was taken in a cast.
            News::CastCue(cue) if cue.state == CueState::On => assert_eq!(self.cast, Some(CastState::Live)),
            News::CastCue(_) => assert!(self.cues > 0),
            News::CastOverlay(view) => {
                assert_ne!(self.overlay, view.overlay, "that is known");
                self.overlay = view.overlay;
            }
            News::ConferencePictures(pictures) => self.pictures = pictures,
            News::Load { .. } | News::Recording { .. } => {}
        }
    }

    /// Whether what they know is what is. After an input of media this may wait for the next one of another kind.
    pub fn check(&self, state: &ConferenceState) {
        let streams = |one| receivable(one).into_iter().map(|(_, stream)| stream.name.to_string()).collect();
        let people: BTreeMap<_, _> =
            state.roster.present().map(|one| (one.id.clone(), streams(one))).collect();
        assert_eq!(self.people, people);
        assert_eq!(self.restarts, state.worker.restarts());
        let is = state.cast.as_ref().map(CastRun::state);
        match is {
            Some(CastState::Stopping) => {
                assert!(matches!(self.cast, Some(CastState::Starting | CastState::Live)))
            }
            is => assert_eq!(self.cast, is),
        }
        let outputs = state.cast.iter().flat_map(CastRun::output_views);
        let outputs: BTreeMap<_, _> =
            outputs.map(|(_, view)| (view.id.to_string(), view.status.state)).collect();
        assert_eq!(self.outputs, outputs);
        assert_eq!(self.overlay, *state.overlay.announced());
        // Who changed it and waits still is not the only one who does not know; at the end nobody is told.
        if !state.overlay.is_awaited() && !state.is_ending() {
            assert_eq!(self.overlay, *state.overlay.overlay());
        }
        assert_eq!(self.pictures, state.pictures.views());
    }

    /// They were told of the end.
    pub fn know_the_end(&self) -> bool {
        self.ended
    }
}
