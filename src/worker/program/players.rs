//! All sources as the program plays them: what was decoded, moved on tick by tick.

use super::{
    director::Look,
    frame::Frame,
    minus::Minuses,
    passthrough::{
        cutter::Lines,
        line::{CodedLine, Unit},
    },
    picture::PictureLine,
    projector::{Projector, Told},
    scene::Sight,
    sound::{self, Move, Voice},
    standby::Candidate,
};
use crate::{
    ids::{SessionId, SourceId},
    ipc::SceneSpec,
    units::{Dbov, FrameRate, MediaTime},
    worker::{
        coded::CodedPicture,
        source::{Demand, SourceFeed},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// A source that left is forgotten when its last picture is older, nanoseconds: longer than any picture
/// is held.
const FORGET_NS: u64 = 10_000_000_000;
/// A source is not worth a decoder when no picture came for so long, or none since it joined, milliseconds: more
/// than the slowest shared screens leave between two.
const IDLE_MS: u64 = 5000;
/// Whose keyframe is waited for is asked for it again after so long, be it for a decoder, for a switch or for the rhythm
/// of pictures that pass through. Longer than a keyframe's way there and back over a long distance (0.3 s); an ingest
/// lets one request a second through.
pub const KEYFRAME_PATIENCE: Duration = Duration::from_millis(500);

/// One source.
#[derive(Default)]
struct Player {
    /// `None`: nobody feeds it (any more).
    feed: Option<SourceFeed>,
    /// Since when.
    joined: MediaTime,
    /// When it was last asked for a keyframe.
    asked: Option<MediaTime>,
    picture: PictureLine<Frame>,
    /// While a program passes pictures through.
    coded: CodedLine<CodedPicture>,
    /// The tick brought a new picture.
    moved: bool,
    voice: Voice,
    /// A media file, which no session feeds.
    file: Option<Projector>,
    /// How loud the scene has it.
    level: f32,
}

/// The sources.
#[derive(Default)]
pub struct Players(BTreeMap<SourceId, Player>);

impl Players {
    /// A session begins to feed a source, or takes it over.
    pub fn add(&mut self, source: SourceId, feed: SourceFeed, now: MediaTime) {
        let player = self.0.entry(source).or_default();
        player.feed = Some(feed);
        player.joined = now;
        player.asked = None;
        player.coded.change_hands();
    }

    /// A session feeds its source no more; ignored when another one has taken over.
    pub fn remove(&mut self, source: SourceId, session: &SessionId) {
        if let Some(player) = self.0.get_mut(&source)
            && player.feed.as_ref().is_some_and(|feed| feed.session == *session)
        {
            player.feed = None;
        }
    }

    /// Fetches what was decoded and moves every source on to `due`.
    pub fn advance(&mut self, due: MediaTime, rate: FrameRate) {
        let period = rate.frame_duration().as_nanos() as u64;
        self.0.retain(|_, player| {
            player.fetch();
            if let Some(file) = &mut player.file {
                file.advance(due.0, period, &mut player.picture, &mut player.voice);
            }
            player.moved = player.picture.advance(due.0, period);
            let recent = |pts: u64| due.0.saturating_sub(pts) < FORGET_NS;
            player.feed.is_some()
                || player.file.is_some()
                || player.picture.current().is_some_and(|shown| recent(shown.pts))
        });
    }

    /// What a switch must know of a source, as its decoded pictures have been moved on to `due`. A picture counts
    /// when its turn has come: before that there would be nothing to show.
    pub fn look(&self, source: SourceId, now: MediaTime, due: MediaTime) -> Look {
        self.0.get(&source).map_or(Look::Absent, |player| {
            // Of this session: what another one left is shown a while longer, and is not waited for.
            let shown = player.picture.current().filter(|_| player.has_come(now));
            player.look(now, shown.map(|shown| due.0.saturating_sub(shown.taken_at) / 1_000_000))
        })
    }

    /// What is known of all sources whose pictures pass through, as they are now.
    pub fn looks(&self, now: MediaTime) -> impl Fn(SourceId) -> Look + use<> {
        let look = |player: &Player| {
            let came = player.feed.as_ref().and_then(|feed| feed.meter.picture_age_ms(now));
            player.look(now, came)
        };
        let looks: BTreeMap<SourceId, Look> =
            self.0.iter().map(|(source, player)| (*source, look(player))).collect();
        move |source| looks.get(&source).copied().unwrap_or(Look::Absent)
    }

    /// Who can be decoded: pictures come, or he has just joined.
    pub fn candidates(&self, now: MediaTime) -> Vec<Candidate> {
        let able = |player: &Player| {
            player.feed.as_ref().is_some_and(|feed| {
                let came = feed.meter.picture_age_ms(now);
                let quiet = came.unwrap_or(now.since(player.joined).as_millis() as u64);
                feed.meter.has_video() && quiet <= IDLE_MS
            })
        };
        let able = self.0.iter().filter(|(_, player)| able(player));
        able.map(|(source, player)| Candidate { source: *source, joined: player.joined }).collect()
    }

    /// From now on this is taken of each source's pictures.
    pub fn set_demand(&mut self, demand: impl Fn(SourceId) -> Demand) {
        for (source, player) in &mut self.0 {
            player.set_demand(demand(*source));
        }
    }

    /// Whose keyframe is to be asked for, of those who are decoded as soon as one comes and of the `awaited`.
    pub fn pleas(&mut self, awaited: &[SourceId], now: MediaTime) -> Vec<SourceId> {
        let wanting = self.0.iter_mut().filter(|(source, player)| {
            let waits = |feed: &SourceFeed| {
                awaited.contains(source) || feed.meter.demand() == Demand::Decoded && feed.meter.is_starved()
            };
            player.feed.as_ref().is_some_and(waits)
                && player.asked.is_none_or(|asked| now.since(asked) >= KEYFRAME_PATIENCE)
        });
        let ask = |(source, player): (&SourceId, &mut Player)| {
            player.asked = Some(now);
            *source
        };
        wanting.map(ask).collect()
    }

    /// A program that passes pictures through begins: what is left from one before is not its.
    pub fn forget_coded(&mut self) {
        for player in self.0.values_mut() {
            player.fetch();
            player.coded = CodedLine::default();
        }
    }

    /// Time of a source's last coded keyframe.
    pub fn newest_idr(&self, source: SourceId) -> Option<MediaTime> {
        self.0.get(&source)?.coded.newest_idr()
    }

    /// Coded pictures that found no place, since the last time this was asked.
    pub fn take_lost_coded(&mut self) -> u64 {
        self.0.values_mut().map(|player| player.coded.take_lost()).sum()
    }

    /// What a tile can show of a source; a picture older than `hold` nanoseconds is none.
    pub fn sight(&self, source: SourceId, due: MediaTime, hold: u64) -> Sight {
        let Some(player) = self.0.get(&source) else { return Sight::Gone };
        if let Some(file) = &player.file {
            // It may stand still, and its pictures may be far apart.
            return match player.picture.current() {
                Some(shown) => Sight::Seen(shown.frame.width(), shown.frame.height()),
                None if file.has_pictures() => Sight::Stalled,
                None => Sight::SoundOnly,
            };
        }
        match (player.picture.current(), &player.feed) {
            (Some(shown), _) if due.0.saturating_sub(shown.pts) <= hold => {
                Sight::Seen(shown.frame.width(), shown.frame.height())
            }
            (_, None) => Sight::Gone,
            (_, Some(feed)) if !feed.meter.has_video() => Sight::SoundOnly,
            (_, Some(_)) => Sight::Stalled,
        }
    }

    /// The picture on show.
    pub fn frame(&self, source: SourceId) -> Option<&Frame> {
        Some(&self.0.get(&source)?.picture.current()?.frame)
    }

    /// There is a picture, and the last tick brought no new one.
    pub fn repeats(&self, source: SourceId) -> bool {
        let repeats =
            |player: &Player| player.picture.current().is_some() && !player.moved && player.file.is_none();
        self.0.get(&source).is_some_and(repeats)
    }

    /// Who is heard from now on, and how loud.
    pub fn set_gains(&mut self, scene: &SceneSpec, how: Move) {
        for (source, player) in &mut self.0 {
            let gain = scene.sound.iter().find(|spec| spec.source == *source).map_or(0.0, |spec| spec.gain);
            player.level = gain;
            let silent = player.file.as_ref().is_some_and(Projector::is_silent);
            player.voice.gain.set(if silent { 0.0 } else { gain }, how);
        }
    }

    /// Mixes the sound from sample `from` on into `out`; earlier samples are forgotten. Peaks are not held.
    pub fn mix(&mut self, from: i64, out: &mut [f32], minuses: &mut Minuses) {
        out.fill(0.0);
        minuses.begin(out.len());
        for (source, player) in &mut self.0 {
            minuses.mix(*source, out, |out| player.voice.add_to(from, out));
        }
    }

    /// Moves the sound on to sample `until` without making any.
    pub fn skip_sound(&mut self, until: i64) {
        for player in self.0.values_mut() {
            player.voice.add_to(until, &mut [0.0; sound::CHANNELS]);
        }
    }
}

/// Media files among them.
impl Players {
    /// A file is being opened.
    pub fn add_file(&mut self, source: SourceId, file: Projector) {
        self.0.insert(source, Player { file: Some(file), ..Player::default() });
    }

    /// A file.
    pub fn file(&mut self, source: SourceId) -> Option<&mut Projector> {
        self.0.get_mut(&source)?.file.as_mut()
    }

    /// The same, to look at.
    pub fn look_up_file(&self, source: SourceId) -> Option<&Projector> {
        self.0.get(&source)?.file.as_ref()
    }

    /// The tick of every file; `on` says which are on the program.
    pub fn tick_files(
        &mut self,
        due: MediaTime,
        rate: FrameRate,
        on: impl Fn(SourceId) -> bool,
    ) -> Vec<(SourceId, Told)> {
        let times = (due.0, rate.frame_duration().as_nanos() as u64);
        let tick = |(source, player): (&SourceId, &mut Player)| {
            let Player { file: Some(file), level, picture, voice, .. } = player else { return None };
            Some((*source, file.tick(times, on(*source), *level, picture, voice)))
        };
        self.0.iter_mut().filter_map(tick).collect()
    }

    /// Notes which of them some scene has.
    pub fn use_files(&mut self, kept: impl Fn(SourceId) -> bool) {
        for (source, player) in &mut self.0 {
            if let Some(file) = player.file.as_mut().filter(|_| kept(*source)) {
                file.use_it();
            }
        }
    }

    /// Closes the files that are of no use any more.
    pub fn close_files(
        &mut self,
        of_no_use: impl Fn(SourceId, &Projector) -> bool,
    ) -> Vec<(SourceId, Projector)> {
        let mut closed = Vec::new();
        for (source, player) in &mut self.0 {
            if let Some(file) = player.file.take_if(|file| of_no_use(*source, file)) {
                player.picture.clear();
                closed.push((*source, file));
            }
        }
        closed
    }
}

impl Lines<CodedPicture> for Players {
    fn line(&mut self, source: SourceId) -> Option<&mut CodedLine<CodedPicture>> {
        self.0.get_mut(&source).map(|player| &mut player.coded)
    }

    fn skip_others(&mut self, until: MediaTime, except: [Option<SourceId>; 2]) {
        for (source, player) in &mut self.0 {
            if !except.contains(&Some(*source)) {
                player.coded.skip(until);
            }
        }
    }
}

impl Player {
    fn look(&self, now: MediaTime, picture_age_ms: Option<u64>) -> Look {
        if let Some(file) = &self.file {
            return look_at_file(file);
        }
        let Some(feed) = &self.feed else { return Look::Absent };
        Look::Present {
            has_video: feed.meter.has_video(),
            rtp_age_ms: feed.meter.rtp_age_ms(now),
            came_age_ms: feed.meter.picture_age_ms(now),
            picture_age_ms,
            sound_age_ms: feed.meter.sound_age_ms(now),
        }
    }

    fn has_come(&self, now: MediaTime) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.meter.picture_age_ms(now).is_some())
    }

    /// What was decoded before a rest is not shown after it.
    fn set_demand(&mut self, demand: Demand) {
        let Some(feed) = &self.feed else { return };
        let before = feed.meter.demand();
        if before == demand {
            return;
        }
        feed.meter.set_demand(demand);
        if before == Demand::Decoded {
            self.picture.clear();
        } else if demand == Demand::Decoded {
            self.asked = None;
        }
    }

    fn fetch(&mut self) {
        let Some(feed) = &self.feed else { return };
        let rests = feed.meter.demand() != Demand::Decoded;
        while let Ok((pts, frame)) = feed.pictures.try_recv() {
            // One was under way when the decoder's rest began.
            if !rests {
                self.picture.push(pts.0, frame);
            }
        }
        while let Ok((pts, picture)) = feed.coded.try_recv() {
            self.coded.push(Unit { pts, idr: picture.idr, picture });
        }
        while let Ok((pts, chunk)) = feed.chunks.try_recv() {
            if let Ok(bytes) = chunk.map_readable() {
                let samples = samples(&bytes);
                feed.meter.heard_level(Dbov::of(&samples));
                self.voice.line.push(sound::sample_at(pts.0), &samples);
            }
        }
    }
}

/// A file delivers when it can begin.
fn look_at_file(file: &Projector) -> Look {
    let (coming, ready) = (file.is_coming().then_some(0), file.is_ready().then_some(0));
    Look::Present {
        has_video: file.has_pictures(),
        rtp_age_ms: coming,
        came_age_ms: coming,
        picture_age_ms: ready,
        sound_age_ms: ready,
    }
}

pub(super) fn samples(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
