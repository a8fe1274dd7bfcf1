//! What is on the program and what comes next, pure: scenes, switches, their deadlines.

use super::standby::tiles;
use crate::{
    ids::{RequestId, SourceId},
    ipc::{PictureSpec, ReplyError, SceneSpec, TileSpec, TransitionSpec},
    units::MediaTime,
};
use std::time::Duration;

/// A source delivers when its last picture (or sound, without a picture) is not older: a few frames of
/// any rate from 5 fps up.
const FRESH_MS: u64 = 500;
/// A switch to tiles waits so long for pictures that come but are not decoded yet: a keyframe's way twice, should the
/// first request be lost. Then names stand in, as they do for those who have no picture.
const TILES_PATIENCE: Duration = Duration::from_secs(1);
/// A source without RTP for so long is not about to deliver: a switch to it is refused at once.
const FLOWING_MS: u64 = 1000;

/// What a source looks like at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// No session feeds it.
    Absent,
    /// A session feeds it.
    Present {
        /// Its offer has video.
        has_video: bool,
        /// Milliseconds since the last RTP packet.
        rtp_age_ms: Option<u64>,
        /// Milliseconds since a picture came, whether it is decoded or not.
        came_age_ms: Option<u64>,
        /// Milliseconds since there was a new picture that the program can show.
        picture_age_ms: Option<u64>,
        /// Milliseconds since the last decoded sound.
        sound_age_ms: Option<u64>,
    },
}

impl Look {
    pub(super) fn delivers(self) -> bool {
        let age = match self {
            Self::Absent => None,
            Self::Present { has_video: true, picture_age_ms, .. } => picture_age_ms,
            Self::Present { has_video: false, sound_age_ms, .. } => sound_age_ms,
        };
        age.is_some_and(|age| age <= FRESH_MS)
    }

    /// Pictures come, and there is none to show: its decoder waits for a keyframe, or a picture for its time.
    pub(super) fn is_coming(self) -> bool {
        matches!(self, Self::Present { came_age_ms: Some(age), .. } if age <= FRESH_MS) && !self.delivers()
    }

    pub(super) fn flows(self) -> bool {
        matches!(self, Self::Present { rtp_age_ms: Some(age), .. } if age <= FLOWING_MS)
    }
}

/// How and when a switch is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// How the new scene follows the old one.
    pub transition: TransitionSpec,
    /// Not before the frame with this time.
    pub at: Option<MediaTime>,
}

/// A scene that waits for its sources.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: RequestId,
    pub(super) scene: SceneSpec,
    pub(super) manner: Manner,
    pub(super) since: MediaTime,
    pub(super) deadline: MediaTime,
}

impl Pending {
    /// A newer switch takes its place.
    pub(super) fn superseded(self) -> Verdict {
        Verdict { request: self.request, outcome: Err(ReplyError::Superseded) }
    }

    /// The program stops before it came to anything.
    pub(super) fn stopped(self) -> Verdict {
        let detail = "the program was stopped".to_owned();
        Verdict { request: self.request, outcome: Err(ReplyError::WrongState { detail }) }
    }
}

/// How a `Compose` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which one.
    pub request: RequestId,
    /// On the program since the tick's time, after so long; or why not.
    pub outcome: Result<Duration, ReplyError>,
}

/// What became of the scene since the tick before.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Not another scene, but what it stands on: tiles re-flow, somebody came.
    Touched,
    /// Another scene.
    Cut,
    /// Another scene, which comes over the one before.
    Fade { from: Box<SceneSpec>, length: Duration },
    /// Another scene, or another flow of tiles, to which those who are in both move.
    Move { from: Box<SceneSpec>, length: Duration },
}

/// Decides what is shown.
#[derive(Debug)]
pub struct Director {
    scene: SceneSpec,
    pending: Option<Pending>,
    change: Option<Change>,
}

impl Director {
    /// Starts with `scene`, ready or not.
    pub fn new(scene: SceneSpec) -> Self {
        Self { scene, pending: None, change: Some(Change::Cut) }
    }

    /// What is on the program.
    pub fn scene(&self) -> &SceneSpec {
        &self.scene
    }

    /// A `Compose` came in at `now`. Without `wait_ready` it is taken at the next tick, and a switch that
    /// waits goes on waiting (tiles re-flow under it). The verdict is that of a switch it takes the place of.
    pub fn compose(
        &mut self,
        request: RequestId,
        scene: SceneSpec,
        wait_ready: bool,
        now: MediaTime,
        patience: Duration,
        manner: Manner,
    ) -> Option<Verdict> {
        if !wait_ready {
            // The reply to it is the tick's business all the same: `took` says from when it is on.
            let from = std::mem::replace(&mut self.scene, scene);
            match manner.transition {
                // Not within another change, which has not been seen yet.
                TransitionSpec::Move { ms: ms @ 1.. } if self.change.is_none() => {
                    let length = Duration::from_millis(ms.into());
                    self.change = Some(Change::Move { from: Box::new(from), length });
                }
                _ => self.touch(),
            }
            return Some(Verdict { request, outcome: Ok(Duration::ZERO) });
        }
        // What is to be at a certain time has not waited before.
        let since = manner.at.map_or(now, |at| at.max(now));
        let pending = Pending { request, scene, manner, since, deadline: since + patience };
        self.pending.replace(pending).map(Pending::superseded)
    }

    /// What a switch waits to put on the program.
    pub fn coming(&self) -> Option<&SceneSpec> {
        self.pending.as_ref().map(|pending| &pending.scene)
    }

    /// The sources that the waiting switch wants and that do not deliver yet: a keyframe of theirs helps.
    pub fn awaited(&self, look: impl Fn(SourceId) -> Look) -> Vec<SourceId> {
        let Some(pending) = &self.pending else { return Vec::new() };
        needed(&pending.scene.picture).into_iter().filter(|source| !look(*source).delivers()).collect()
    }

    /// Some picture of the scene on the program will be there in a moment.
    pub fn expects_more(&self, look: impl Fn(SourceId) -> Look) -> bool {
        tiles(&self.scene).any(|source| look(source).is_coming())
    }

    /// The tick at `now`, of the frame with the time `pts`: takes the waiting scene when its sources deliver.
    pub fn tick(
        &mut self,
        now: MediaTime,
        pts: MediaTime,
        look: impl Fn(SourceId) -> Look,
    ) -> Option<Verdict> {
        let pending = self.pending.as_ref().filter(|pending| pending.manner.at.is_none_or(|at| at <= pts))?;
        let missing = needed(&pending.scene.picture).into_iter().find(|source| !look(*source).delivers());
        let waits = now < pending.deadline.min(pending.since + TILES_PATIENCE);
        let outcome = match missing {
            None if waits && tiles(&pending.scene).any(|source| look(source).is_coming()) => return None,
            None => Ok(now.since(pending.since)),
            Some(which) if !look(which).flows() => Err(ReplyError::MediaNotReady { which }),
            Some(_) if now >= pending.deadline => Err(ReplyError::Timeout),
            Some(_) => return None,
        };
        let pending = self.pending.take()?;
        if outcome.is_ok() {
            let from = std::mem::replace(&mut self.scene, pending.scene);
            let (from, length) = (Box::new(from), |ms: u32| Duration::from_millis(ms.into()));
            self.change = Some(match pending.manner.transition {
                TransitionSpec::Fade { ms: ms @ 1.. } => Change::Fade { from, length: length(ms) },
                TransitionSpec::Move { ms: ms @ 1.. } => Change::Move { from, length: length(ms) },
                _ => Change::Cut,
            });
        }
        Some(Verdict { request: pending.request, outcome })
    }

    /// A file has ended: this comes after it, by a cut. A waiting switch goes on waiting.
    pub fn follow(&mut self, scene: SceneSpec) {
        self.scene = scene;
        self.change = Some(Change::Cut);
    }

    /// What the change that was not taken yet fades from.
    pub fn fades_from(&self) -> Option<&SceneSpec> {
        match &self.change {
            Some(Change::Fade { from, .. }) => Some(from),
            _ => None,
        }
    }

    /// Something the scene stands on changed: it is to be applied again.
    pub fn touch(&mut self) {
        self.change.get_or_insert(Change::Touched);
    }

    /// What changed, once.
    pub fn take_change(&mut self) -> Option<Change> {
        self.change.take()
    }

    /// The program stops: a waiting switch is answered.
    pub fn stop(self) -> Option<Verdict> {
        self.pending.map(Pending::stopped)
    }
}

/// The sources without which a switch makes no sense: the one that fills the frame. In a grid a missing
/// one is shown by name, so only those whose pictures come are waited for, and not for long.
fn needed(picture: &PictureSpec) -> Vec<SourceId> {
    let main = match picture {
        PictureSpec::Full(tile)
        | PictureSpec::Speaker { focus: tile, .. }
        | PictureSpec::Pip { focus: tile, .. } => tile,
        PictureSpec::Slate
        | PictureSpec::Grid(_)
        | PictureSpec::SideBySide { .. }
        | PictureSpec::Custom(_) => return Vec::new(),
    };
    let TileSpec { source, video_muted, .. } = main;
    source.filter(|_| !video_muted).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(source: u32) -> SceneSpec {
        SceneSpec {
            picture: PictureSpec::Full(TileSpec {
                source: Some(SourceId(source)),
                label: String::new(),
                video_muted: false,
            }),
            sound: Vec::new(),
        }
    }

    fn present(rtp: Option<u64>, picture: Option<u64>) -> Look {
        Look::Present {
            has_video: true,
            rtp_age_ms: rtp,
            came_age_ms: rtp,
            picture_age_ms: picture,
            sound_age_ms: None,
        }
    }

    const NOW: MediaTime = MediaTime::from_millis(10_000);
    const PATIENCE: Duration = Duration::from_secs(3);

    fn waiting() -> Director {
        let mut director = Director::new(full(1));
        assert_eq!(director.take_change(), Some(Change::Cut));
        assert_eq!(director.compose(RequestId(7), full(2), true, NOW, PATIENCE, Manner::default()), None);
        director
    }

    #[test]
    fn a_ready_source_is_taken_at_the_next_tick() {
        let mut director = waiting();
        let verdict = director.tick(NOW + Duration::from_millis(20), NOW, |_| present(Some(5), Some(30)));
        assert_eq!(verdict, Some(Verdict { request: RequestId(7), outcome: Ok(Duration::from_millis(20)) }));
        assert_eq!(director.scene(), &full(2));
        assert_eq!((director.take_change(), director.take_change()), (Some(Change::Cut), None));
    }

    #[test]
    fn the_old_one_stays_until_the_new_one_is_decoded() {
        let mut director = waiting();
        let flowing = |_| present(Some(5), None);
        assert_eq!(director.tick(NOW, NOW, flowing), None);
        assert_eq!(director.awaited(flowing), [SourceId(2)]);
        assert_eq!(director.scene(), &full(1));
        let verdict = director.tick(NOW + PATIENCE, NOW, flowing).unwrap();
        assert_eq!(verdict.outcome, Err(ReplyError::Timeout));
        assert_eq!(director.scene(), &full(1));
    }

    #[test]
    fn tiles_wait_for_those_whose_pictures_come_and_for_nobody_else() {
        let tile = |n| TileSpec { source: Some(SourceId(n)), label: String::new(), video_muted: false };
        let grid =
            SceneSpec { picture: PictureSpec::Grid(vec![tile(1), tile(2), tile(3)]), sound: Vec::new() };
        let waiting = || {
            let mut director = Director::new(full(1));
            director.compose(RequestId(7), grid.clone(), true, NOW, PATIENCE, Manner::default());
            director
        };
        let look = |second: Look| {
            move |source| match source {
                SourceId(1) => present(Some(5), Some(5)),
                SourceId(2) => second,
                _ => Look::Absent,
            }
        };
        let rests = present(Some(5), Some(8000));
        let mut director = waiting();
        assert_eq!(director.tick(NOW, NOW, look(rests)), None);
        assert!(director.tick(NOW, NOW, look(present(Some(5), Some(5)))).unwrap().outcome.is_ok());
        let mut director = waiting();
        assert_eq!(director.tick(NOW + Duration::from_millis(999), NOW, look(rests)), None);
        assert!(director.tick(NOW + TILES_PATIENCE, NOW, look(rests)).unwrap().outcome.is_ok());
        let silent = present(Some(2000), None);
        assert!(waiting().tick(NOW, NOW, look(silent)).unwrap().outcome.is_ok());
    }

    #[test]
    fn a_source_without_media_is_refused_at_once() {
        for look in [Look::Absent, present(None, None), present(Some(2000), Some(2000))] {
            let verdict = waiting().tick(NOW, NOW, |_| look).unwrap();
            assert_eq!(verdict.outcome, Err(ReplyError::MediaNotReady { which: SourceId(2) }), "{look:?}");
        }
    }

    #[test]
    fn sound_alone_is_enough_where_there_is_no_picture() {
        let look = Look::Present {
            has_video: false,
            rtp_age_ms: Some(1),
            came_age_ms: None,
            picture_age_ms: None,
            sound_age_ms: Some(20),
        };
        assert!(waiting().tick(NOW, NOW, |_| look).unwrap().outcome.is_ok());
    }

    #[test]
    fn the_newest_switch_wins() {
        let mut director = waiting();
        let old = director.compose(RequestId(8), full(3), true, NOW, PATIENCE, Manner::default()).unwrap();
        assert_eq!((old.request, old.outcome), (RequestId(7), Err(ReplyError::Superseded)));
        assert!(director.tick(NOW, NOW, |_| present(Some(1), Some(1))).unwrap().outcome.is_ok());
        assert_eq!(director.scene(), &full(3));
    }

    #[test]
    fn a_fade_knows_what_it_comes_over_and_outlasts_what_reflows() {
        let length = Duration::from_millis(500);
        let mut director = Director::new(full(1));
        director.take_change();
        director.compose(
            RequestId(1),
            full(2),
            true,
            NOW,
            PATIENCE,
            Manner { transition: TransitionSpec::Fade { ms: 500 }, at: None },
        );
        assert_eq!(director.take_change(), None, "not before its source is there");
        assert!(director.tick(NOW, NOW, |_| present(Some(1), Some(1))).unwrap().outcome.is_ok());
        director.touch();
        director.compose(RequestId(2), full(2), false, NOW, PATIENCE, Manner::default());
        assert_eq!(director.take_change(), Some(Change::Fade { from: Box::new(full(1)), length }));
        director.touch();
        assert_eq!(director.take_change(), Some(Change::Touched));
    }

    #[test]
    fn what_has_a_time_is_taken_at_the_first_frame_that_is_not_before() {
        let at = NOW + Duration::from_millis(1000);
        let timed = || {
            let mut director = Director::new(full(1));
            let manner = Manner { at: Some(at), ..Manner::default() };
            director.compose(RequestId(1), full(2), true, NOW, PATIENCE, manner);
            director
        };
        let (before, after) = (at - Duration::from_nanos(1), at + Duration::from_millis(20));
        let delivers = |_| present(Some(1), Some(1));
        let mut director = timed();
        assert_eq!(director.coming(), Some(&full(2)), "decoders and keyframes are ready for it");
        assert_eq!(director.tick(before, before, delivers), None);
        let verdict = director.tick(after, at, delivers).unwrap();
        assert_eq!(verdict.outcome, Ok(Duration::from_millis(20)), "so much after its time");
        // Not refused before its time, and not given up sooner than another.
        let mut director = timed();
        assert_eq!(director.tick(before, before, |_| Look::Absent), None);
        let flowing = |_| present(Some(5), None);
        assert_eq!(director.tick(NOW + PATIENCE, NOW + PATIENCE, flowing), None);
        let end = at + PATIENCE;
        assert_eq!(director.tick(end, end, flowing).unwrap().outcome, Err(ReplyError::Timeout));
        let absent = timed().tick(at, at, |_| Look::Absent).unwrap();
        assert_eq!(absent.outcome, Err(ReplyError::MediaNotReady { which: SourceId(2) }));
    }

    #[test]
    fn tiles_reflow_without_waiting() {
        let mut director = Director::new(full(1));
        let grid = SceneSpec { picture: PictureSpec::Grid(Vec::new()), sound: Vec::new() };
        let verdict =
            director.compose(RequestId(1), grid.clone(), false, NOW, PATIENCE, Manner::default()).unwrap();
        assert!(verdict.outcome.is_ok());
        assert_eq!(director.scene(), &grid);
    }
}
