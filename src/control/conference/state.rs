//! What a conference decides: pure transitions from inputs to effects, without task, clock or socket.
//!
//! Each input changes the state and then [`ConferenceState::settle`] compares what is with what
//! should be (a cast runs but no program does, somebody waits but no worker runs, the scene differs
//! from the one shown …) and emits what closes the gap. So a step lost with a worker is taken again
//! with the next one, without a special case.

mod announcing;
mod casting;
mod clips;
mod effect;
mod emptiness;
mod forwarding;
mod input;
mod judging;
mod load;
mod overlay;
mod pictures;
mod presence;
mod publishing;
mod quality;
mod snapshots;
mod speaking;
mod views;
mod working;

#[cfg(test)]
mod tests;

pub use self::{
    effect::{Effect, OutputKey},
    input::{Input, Now},
    presence::Audience,
};

use self::{
    announcing::Announced, casting::CastRun, clips::Clips, emptiness::Emptiness, forwarding::Forwards,
    overlay::OverlayLife, pictures::Pictures, presence::Told, publishing::Publishing, snapshots::Snapshots,
    speaking::Speaking, working::WorkerLife,
};
use super::{
    ConferenceSettings,
    ask::{Ask, Reply, Ticket},
    presence::ConferenceEvent,
    quality::Hints,
    roster::Roster,
    rundown::Rundown,
};
use crate::{
    config::Config,
    control::{
        admission::shedding::Load,
        error::ControlError,
        events::news::EndReason,
        overlay::{KeptPicture, Overlay, ServerPictures},
    },
    ids::ConferenceId,
    ipc::{SlateSpec, WorkerCommand, WorkerEvent},
};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// What the directory adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Participants who are in.
    pub participants: usize,
    /// A cast is starting, live or stopping.
    pub casting: bool,
    /// Its smaller renditions, while it does.
    pub renditions: usize,
    /// Replacements of the worker.
    pub worker_restarts: u32,
}

/// A conference.
#[derive(Debug)]
pub struct ConferenceState {
    id: ConferenceId,
    config: Arc<Config>,
    slate_colour: u32,
    settings: ConferenceSettings,
    /// Somebody set it up: it does not go away by being empty.
    kept: bool,
    created_at: Timestamp,
    roster: Roster,
    publishing: BTreeMap<u64, Publishing>,
    forwards: Forwards,
    worker: WorkerLife,
    cast: Option<CastRun>,
    rundown: Rundown,
    /// Its revision that was stored.
    stored_cues: u64,
    /// When something with a time of its own is to be looked at.
    lane_due: Option<Instant>,
    snapshots: Snapshots,
    speaking: Speaking,
    overlay: OverlayLife,
    pictures: Pictures,
    clips: Clips,
    told: Told,
    announced: Announced,
    hints: Hints,
    load: Load,
    emptiness: Emptiness,
    /// The cast is live and nobody is in, since.
    deserted_since: Option<Instant>,
    /// It is ending; these wait for that.
    ending: Option<Vec<Ticket>>,
    /// Why, unless nobody was in for too long.
    end_reason: Option<EndReason>,
    finished: bool,
    next_serial: u64,
    out: Vec<Effect>,
}

/// How a conference begins.
#[derive(Debug, Clone)]
pub struct Founding {
    pub id: ConferenceId,
    pub settings: ConferenceSettings,
    /// Somebody set it up, it stays until it is deleted.
    pub kept: bool,
    /// It was kept over a restart of the server.
    pub restored: bool,
    pub created_at: Timestamp,
    /// 0xRRGGBB.
    pub slate_colour: u32,
    /// As it was kept.
    pub rundown: Rundown,
    pub overlay: Overlay,
    pub pictures: Vec<KeptPicture>,
}

impl ConferenceState {
    /// An empty conference.
    pub fn new(founding: Founding, config: Arc<Config>, now: Now) -> Self {
        Self {
            id: founding.id,
            config,
            slate_colour: founding.slate_colour,
            settings: founding.settings,
            kept: founding.kept,
            created_at: founding.created_at,
            roster: Roster::default(),
            publishing: BTreeMap::new(),
            forwards: Forwards::default(),
            worker: WorkerLife::default(),
            cast: None,
            stored_cues: founding.rundown.revision(),
            lane_due: None,
            snapshots: Snapshots::default(),
            speaking: Speaking::default(),
            overlay: OverlayLife::restored(founding.overlay),
            pictures: Pictures::restored(founding.pictures),
            clips: Clips::default(),
            told: Told::default(),
            announced: Announced::with_rundown(&founding.rundown, now),
            rundown: founding.rundown,
            hints: Hints::default(),
            load: Load::default(),
            emptiness: Emptiness::Since(now.at),
            deserted_since: None,
            ending: None,
            end_reason: None,
            finished: false,
            next_serial: 0,
            out: Vec::new(),
        }
    }

    /// With pictures of the server's, which its overlay may name.
    pub fn with_pictures(mut self, server: &ServerPictures) -> Self {
        self.pictures.stock(server);
        self.drop_missing_pictures();
        self
    }

    /// Takes one input; tells what is to be done about it.
    pub fn apply(&mut self, now: Now, input: Input) -> Vec<Effect> {
        match input {
            Input::Ask { ticket, ask } => self.ask(now, ticket, ask),
            Input::Worker(event) => {
                let settled = matches!(
                    event,
                    WorkerEvent::Frame(_)
                        | WorkerEvent::Config(_)
                        | WorkerEvent::RenditionFrame { .. }
                        | WorkerEvent::RenditionConfig { .. }
                );
                self.worker_event(now, event);
                if settled {
                    // Many a second, and none of the state that is settled below depends on it.
                    return std::mem::take(&mut self.out);
                }
            }
            Input::WorkerGone => {
                self.blame_pictures(now);
                self.worker_gone(now);
            }
            Input::OutputCreated { key, result } => self.output_created(now, key, result),
            Input::OutputPlayable { key, playable } => self.output_playable(key, playable),
            Input::OutputStopped { key, status } => self.output_stopped(key, status),
            Input::KeyframeWanted => self.keyframe_wanted(),
            Input::Load(load) => self.load_changed(load),
            Input::Tick => {}
        }
        self.settle(now);
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let empty = match self.emptiness {
            Emptiness::Since(since) => Some(since + self.empty_timeout()),
            Emptiness::Occupied | Emptiness::Resting => None,
        };
        let deserted = self.deserted_since.map(|since| since + self.idle_timeout());
        [
            empty,
            deserted,
            self.roster.next_expiry(),
            self.publishing_deadline(),
            self.forwards.next_deadline(),
            self.worker_deadline(),
            self.cast.as_ref().and_then(CastRun::next_deadline),
            self.lane_due,
            self.snapshots.next_deadline(),
            self.overlay.next_deadline(),
            self.pictures.uploads.next_deadline(),
            self.clips.next_deadline(),
            self.hints.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the directory adds up.
    pub fn figures(&self) -> Figures {
        Figures {
            participants: self.roster.present().count(),
            casting: self.cast.as_ref().is_some_and(CastRun::is_active),
            renditions: self.active_cast().map_or(0, |run| run.encoding.renditions.len()),
            worker_restarts: self.worker.restarts(),
        }
    }

    /// It takes no more requests: its end is on the way.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    fn ask(&mut self, now: Now, ticket: Ticket, ask: Ask) {
        if self.ending.is_some() {
            if let Ask::Join(join) = &ask
                && !self.finished
            {
                self.out.push(Effect::Unseat(join.seat));
            }
            match (ask, &mut self.ending) {
                (Ask::End, Some(tickets)) if !self.finished => tickets.push(ticket),
                _ => self.refuse(ticket, ControlError::ConferenceNotFound(self.id.clone())),
            }
            return;
        }
        match ask {
            Ask::View => self.answer(ticket, Ok(Reply::Conference(Box::new(self.view(now))))),
            Ask::Update(settings) => {
                self.settings = settings;
                self.kept = true;
                // Before the answer: what it had before it was kept is kept with it.
                self.store_cues(now);
                self.store_overlay();
                self.store_pictures();
                self.answer(ticket, Ok(Reply::Conference(Box::new(self.view(now)))));
            }
            Ask::Participant(id) => self.answer_participant(ticket, &id, Ok(())),
            Ask::PatchParticipant { participant, patch } => {
                let patched = self.roster.patch(&participant, patch);
                self.mute_forwards(&participant);
                self.answer_participant(ticket, &participant, patched);
            }
            Ask::RemoveParticipant(id) => self.remove_participant(ticket, &id),
            Ask::Publish { publish, session } => self.publish(now, ticket, publish, session),
            Ask::Subscribe { subscribe, session } => self.subscribe(now, ticket, &subscribe, session),
            Ask::Join(join) => self.join(now, ticket, join),
            Ask::Leave { participant, seat, why } => self.leave(ticket, &participant, seat, why),
            Ask::Trickle { session, candidates } => self.trickle(ticket, session, candidates),
            Ask::HangUp(session) => self.hang_up(ticket, session),
            Ask::Cast => self.answer(ticket, Ok(Reply::Cast(Box::new(self.cast_view(now))))),
            Ask::StartCast(start) => self.start_cast(now, ticket, start),
            Ask::Switch(switch) => self.switch(now, ticket, switch),
            Ask::Cues => self.answer_cues(now, ticket),
            Ask::PutCues(cues) => self.put_cues(now, ticket, cues),
            Ask::NextCue => self.next_cue(now, ticket),
            Ask::GoCue(cue) => self.go_cue(now, ticket, &cue),
            Ask::ControlFile(action) => self.control_file(now, ticket, action),
            Ask::Snapshot => self.snapshot(now, ticket),
            Ask::Levels { seat, on } => self.listen_to_levels(ticket, seat, on),
            Ask::Overlay => self.read_overlay(ticket),
            Ask::PatchOverlay(patch) => self.patch_overlay(now, ticket, patch),
            Ask::Pictures => self.list_pictures(ticket),
            Ask::PutPicture { name, file } => self.put_picture(now, ticket, name, file),
            Ask::RemovePicture(name) => self.remove_picture(ticket, &name),
            Ask::StopCast => self.stop_cast(ticket),
            Ask::AddOutput(spec) => self.add_output(now, ticket, spec),
            Ask::RemoveOutput(id) => self.remove_output(ticket, &id),
            Ask::End => self.end(ticket, EndReason::Deleted),
            Ask::Shutdown => self.end(ticket, EndReason::Shutdown),
        }
    }

    fn end(&mut self, ticket: Ticket, reason: EndReason) {
        self.end_reason = Some(reason);
        self.ending = Some(vec![ticket]);
        let gone = ControlError::ConferenceNotFound(self.id.clone());
        self.abandon_all(&gone);
        self.abandon_forwards(&gone);
        self.abandon_overlay(&gone);
        self.abandon_judging(&gone);
        self.stop_for_the_end();
    }

    fn settle(&mut self, now: Now) {
        if self.finished {
            return;
        }
        self.roster.expire(now.at);
        self.expire_publishing(now);
        self.expire_forwards(now);
        self.expire_cast(now);
        self.staff(now);
        self.open_ingests();
        self.drive_left_out();
        self.follow_speaker(now);
        self.expire_judging(now);
        self.drive_pictures();
        self.drive_clips();
        self.drive_overlay(now);
        self.drive_program(now);
        self.note_drawing(now);
        self.pace_levels();
        self.pace_renditions();
        self.drive_phase(now);
        self.mind_emptiness(now);
        self.mind_cues(now);
        // Before those inside: that forgets why somebody went.
        self.announce_changes(now);
        self.tell_changes(now);
        self.tell_quality(now);
        if self.ending.is_some() && !self.cast.as_ref().is_some_and(CastRun::is_active) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        self.tell(Audience::Everybody, ConferenceEvent::Ended { removed: false });
        self.announce_end();
        for session in self.roster.sessions() {
            self.out.push(Effect::SessionClosed(session.clone()));
        }
        self.lose_forwards();
        self.roster = Roster::default();
        self.out.push(Effect::Finish { answer: self.ending.take().unwrap_or_default() });
        self.ending = Some(Vec::new());
    }

    fn slate(&self) -> SlateSpec {
        let text = self.settings.name.clone().unwrap_or_else(|| self.id.to_string());
        SlateSpec { colour: self.slate_colour, text }
    }

    fn answer(&mut self, ticket: Ticket, result: Result<Reply, ControlError>) {
        self.out.push(Effect::Answer { ticket, result });
    }

    fn refuse(&mut self, ticket: Ticket, error: ControlError) {
        self.answer(ticket, Err(error));
    }

    fn command(&mut self, command: WorkerCommand) {
        self.out.push(Effect::Command(command));
    }

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }
}
