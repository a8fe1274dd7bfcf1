//! Which coded picture goes on the program next, pure: cuts at keyframes, stalls, returns.
//!
//! The rules:
//!
//! 1. Pictures go on in the order in which they came, each at its own time. Coded pictures refer to each other, so
//!    none of a source on the program is left out, however late it comes.
//! 2. Who comes on comes on with an IDR. Until a switch's new source has one whose turn it is, the old one stays;
//!    at that IDR picture and sound change.
//! 3. Time on the program rises strictly. A picture whose time is not after the last one's (a sender that reorders
//!    its pictures, a clock that was set back) is put [`STEP`] after it: decoding order is kept and nothing is
//!    lost, only its place is off.
//! 4. A source without pictures for `hold` is replaced by a still, and comes back with an IDR. Who is muted, or
//!    is not there at all when the program begins, is replaced at once; who sends then and has no keyframe
//!    yet is waited for a little longer.

use super::line::{CodedLine, Unit};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{PictureSpec, ReplyError, SceneSpec},
    units::MediaTime,
    worker::program::director::{Look, Manner, Pending, Verdict},
};
use std::time::Duration;

/// Between two pictures at least: what the coarsest clock on the way out (RTMP, milliseconds) can tell apart.
pub const STEP: Duration = Duration::from_millis(1);
/// A longer hole between two pictures is a break for some receivers (HLS with parts), which go on with the next
/// keyframe only; so one is asked for.
const HOLE: Duration = Duration::from_millis(400);

/// A source that sends is waited for so long beyond the hold: its ingest asks it for a keyframe once a second at
/// most, and one may just have been asked for.
const FIRST_KEYFRAME: Duration = Duration::from_millis(1500);

/// The stretch of the sources' time that a tick covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: MediaTime,
    pub until: MediaTime,
}

/// The sources' pictures.
pub trait Lines<P> {
    /// Those of one source; `None` when nobody feeds it.
    fn line(&mut self, source: SourceId) -> Option<&mut CodedLine<P>>;
    /// Whose turn came before `until` is forgotten, except of these sources.
    fn skip_others(&mut self, until: MediaTime, except: [Option<SourceId>; 2]);
}

/// What a tick puts on the program, in this order; times are the sources'.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<P> {
    /// From here on this scene is heard.
    Scene { at: MediaTime, scene: SceneSpec },
    /// A picture of the source on the program. `at` is its time, put right by rule 3.
    Picture { at: MediaTime, source: SourceId, unit: Unit<P> },
    /// The still goes on, or begins.
    Still { at: MediaTime },
    /// A switch ended; where it succeeded, the new source is on since `at`.
    Answer { at: MediaTime, verdict: Verdict },
}

/// What the last picture was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Showing {
    /// None, since.
    Nothing(MediaTime),
    Source(SourceId),
    Still,
}

/// Decides what goes on.
#[derive(Debug)]
pub struct Cutter {
    scene: SceneSpec,
    pending: Option<Pending>,
    showing: Showing,
    hold: Duration,
    /// Time of the last picture, of whatever kind.
    last: Option<MediaTime>,
    /// Time of the last picture of the source on the program.
    seen: MediaTime,
    /// The scene's sound is to be taken at the next tick.
    changed: bool,
    /// There was a hole before a picture that was no IDR.
    hole: bool,
}

/// Whose pictures a scene shows: of nobody who is muted.
pub fn wanted(scene: &SceneSpec) -> Option<SourceId> {
    match &scene.picture {
        PictureSpec::Full(tile) if !tile.video_muted => tile.source,
        _ => None,
    }
}

impl Cutter {
    /// A program that begins with `scene` at `start` (of the sources' time).
    pub fn new(scene: SceneSpec, hold: Duration, start: MediaTime) -> Self {
        Self {
            scene,
            pending: None,
            showing: Showing::Nothing(start),
            hold,
            last: None,
            seen: start,
            changed: true,
            hole: false,
        }
    }

    /// What is on the program.
    pub fn scene(&self) -> &SceneSpec {
        &self.scene
    }

    /// As [`Director::compose`](crate::worker::program::director::Director::compose).
    pub fn compose(
        &mut self,
        request: RequestId,
        scene: SceneSpec,
        wait_ready: bool,
        now: MediaTime,
        patience: Duration,
    ) -> Option<Verdict> {
        if !wait_ready {
            self.scene = scene;
            self.changed = true;
            return Some(Verdict { request, outcome: Ok(Duration::ZERO) });
        }
        let manner = Manner::default();
        let pending = Pending { request, scene, manner, since: now, deadline: now + patience };
        self.pending.replace(pending).map(Pending::superseded)
    }

    /// Something the scene's sound stands on changed.
    pub fn touch(&mut self) {
        self.changed = true;
    }

    /// Whom a switch waits for, or who is to come back: a keyframe of theirs helps.
    pub fn awaited(&self) -> impl Iterator<Item = SourceId> {
        let coming = self.pending.as_ref().and_then(|pending| wanted(&pending.scene));
        let back = wanted(&self.scene).filter(|source| self.showing != Showing::Source(*source));
        coming.into_iter().chain(back.filter(|back| Some(*back) != coming))
    }

    /// The source whose pictures are on the program.
    pub fn on_air(&self) -> Option<SourceId> {
        match self.showing {
            Showing::Source(source) => Some(source),
            Showing::Nothing(_) | Showing::Still => None,
        }
    }

    /// True once after a hole in the pictures on the program.
    pub fn take_hole(&mut self) -> bool {
        std::mem::take(&mut self.hole)
    }

    /// The still will probably be needed: half of the time until then is over.
    pub fn expects_still(&self, at: MediaTime) -> bool {
        match self.showing {
            Showing::Still => true,
            Showing::Source(_) => at.since(self.seen) > self.hold / 2,
            Showing::Nothing(since) => at.since(since) > self.hold / 2,
        }
    }

    /// The program stops: a waiting switch is answered.
    pub fn stop(self) -> Option<Verdict> {
        self.pending.map(Pending::stopped)
    }

    /// The tick at `now`, which covers `window`.
    pub fn tick<P>(
        &mut self,
        window: Window,
        now: MediaTime,
        look: impl Fn(SourceId) -> Look,
        lines: &mut impl Lines<P>,
    ) -> Vec<Step<P>> {
        let mut steps = Vec::new();
        if std::mem::take(&mut self.changed) {
            steps.push(Step::Scene { at: window.from, scene: self.scene.clone() });
        }
        let end = self.judge(window, now, &look, lines);
        self.go_on(end.as_ref().map_or(window.until, |end| end.at), lines, &mut steps);
        if let Some(End { request, at, outcome }) = end {
            let at = self.placed(at);
            let outcome = outcome.map(|(scene, took)| {
                self.scene = scene;
                // Sound from before the window is out already.
                steps.push(Step::Scene { at: at.max(window.from), scene: self.scene.clone() });
                took
            });
            steps.push(Step::Answer { at, verdict: Verdict { request, outcome } });
            self.go_on(window.until, lines, &mut steps);
        }
        if self.on_air().is_some_and(|shown| wanted(&self.scene) != Some(shown)) {
            // Its pictures are left out from here on: it comes back with an IDR only.
            self.showing = Showing::Nothing(self.seen);
        }
        if self.is_overdue(window.from, &look) {
            self.showing = Showing::Still;
            if self.last.is_none_or(|last| window.from > last) {
                self.last = Some(window.from);
                steps.push(Step::Still { at: window.from });
            }
        }
        let coming = self.pending.as_ref().and_then(|pending| wanted(&pending.scene));
        lines.skip_others(window.until, [wanted(&self.scene), coming]);
        steps
    }

    /// Whether the waiting switch ends in this window, and how.
    fn judge<P>(
        &mut self,
        window: Window,
        now: MediaTime,
        look: &impl Fn(SourceId) -> Look,
        lines: &mut impl Lines<P>,
    ) -> Option<End> {
        let pending = self.pending.as_ref()?;
        let ready = match wanted(&pending.scene) {
            // Nobody's picture is waited for, or the one that is there already.
            None => Ok(window.from),
            Some(source) if self.showing == Showing::Source(source) => Ok(window.from),
            Some(source) => {
                let idr = lines.line(source).and_then(|line| {
                    line.skip_to_idr(window.until);
                    line.due(window.until).map(|unit| unit.pts)
                });
                match idr {
                    Some(at) => Ok(at),
                    None if !look(source).flows() => Err(ReplyError::MediaNotReady { which: source }),
                    None if now >= pending.deadline => Err(ReplyError::Timeout),
                    None => return None,
                }
            }
        };
        let Pending { request, scene, since, .. } = self.pending.take()?;
        Some(match ready {
            Ok(at) => End { request, at, outcome: Ok((scene, now.since(since))) },
            Err(error) => End { request, at: window.until, outcome: Err(error) },
        })
    }

    /// Puts on what the scene's source has until then.
    fn go_on<P>(&mut self, until: MediaTime, lines: &mut impl Lines<P>, steps: &mut Vec<Step<P>>) {
        let Some(source) = wanted(&self.scene) else { return };
        let Some(line) = lines.line(source) else { return };
        while let Some(unit) = line.take_due(until) {
            let continues = self.showing == Showing::Source(source);
            if !continues && !unit.idr {
                continue;
            }
            let at = self.placed(unit.pts);
            self.hole |= !unit.idr && self.last.is_some_and(|last| at.since(last) > HOLE);
            self.showing = Showing::Source(source);
            (self.last, self.seen) = (Some(at), at);
            steps.push(Step::Picture { at, source, unit });
        }
    }

    /// Rule 3.
    fn placed(&self, at: MediaTime) -> MediaTime {
        self.last.map_or(at, |last| at.max(last + STEP))
    }

    /// Rule 4.
    fn is_overdue(&self, at: MediaTime, look: &impl Fn(SourceId) -> Look) -> bool {
        let Some(source) = wanted(&self.scene) else { return true };
        match self.showing {
            Showing::Still => true,
            Showing::Source(_) => at.since(self.seen) > self.hold,
            Showing::Nothing(since) => {
                let patience = if look(source).flows() { FIRST_KEYFRAME } else { Duration::ZERO };
                look(source) == Look::Absent || at.since(since) > self.hold + patience
            }
        }
    }
}

/// How a switch ends.
struct End {
    request: RequestId,
    /// Time of the keyframe that the new source comes on with; where it does not come, the window's end.
    at: MediaTime,
    outcome: Result<(SceneSpec, Duration), ReplyError>,
}

#[cfg(test)]
mod tests;
