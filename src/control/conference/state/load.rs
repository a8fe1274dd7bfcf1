//! What a conference does while the server has no room, and how its clients hear of it.

use super::{Audience, ConferenceState, casting::CastRun};
use crate::{
    control::{
        admission::shedding::Load,
        cast::{Rendition, ShedRendition},
        conference::presence::{ConferenceEvent, SeatId},
        events::news::News,
    },
    ipc::WorkerCommand,
};

impl ConferenceState {
    pub(super) fn active_cast(&self) -> Option<&CastRun> {
        self.cast.as_ref().filter(|run| run.is_active())
    }

    pub(super) fn load_changed(&mut self, load: Load) {
        let before = (self.load.pressed, self.wanted_paces());
        let worse = load.pressed && !self.load.pressed || load.steps > self.load.steps;
        self.load = load;
        if before != (load.pressed, self.wanted_paces()) {
            let event = self.load_event(worse);
            self.tell(Audience::Everybody, event);
            let (snapshots, renditions) = (!self.load.pressed, self.shed());
            self.announce(News::Load { worse, snapshots, renditions });
        }
    }

    /// Who comes while something is shed hears it.
    pub(super) fn tell_load(&mut self, seat: SeatId) {
        if self.load != Load::default() {
            let event = self.load_event(true);
            self.tell(Audience::One(seat), event);
        }
    }

    fn load_event(&self, worse: bool) -> ConferenceEvent {
        ConferenceEvent::Load { worse, snapshots: !self.load.pressed, renditions: self.shed() }
    }

    fn wanted_paces(&self) -> Vec<u8> {
        self.active_cast().map_or_else(Vec::new, |run| self.load.paces(run.encoding.renditions.len()))
    }

    /// The renditions that have fewer pictures than the program.
    pub(super) fn shed(&self) -> Vec<ShedRendition> {
        let Some(run) = self.active_cast() else { return Vec::new() };
        let names = Rendition::names(&run.encoding.renditions);
        let paced = names.into_iter().zip(self.wanted_paces());
        let shed = paced.filter(|(_, every)| *every > 1);
        shed.map(|(name, every)| ShedRendition { name, fps: f64::from(run.encoding.fps) / f64::from(every) })
            .collect()
    }

    /// Tells the worker how many pictures each rendition gets, where it does not know.
    pub(super) fn pace_renditions(&mut self) {
        let every = self.wanted_paces();
        let on = self.program_is_on();
        let Some(run) = self.cast.as_mut().filter(|run| on && run.needs_worker() && run.paced != every)
        else {
            return;
        };
        run.paced.clone_from(&every);
        self.command(WorkerCommand::PaceRenditions { every });
    }
}
