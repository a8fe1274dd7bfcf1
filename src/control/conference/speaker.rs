//! Who speaks: pure, from levels. Decides whom a program shows that follows the active speaker.
//!
//! Somebody speaks whose sound stands out of their own background noise. Whoever is on stays on for `hold` at least, and
//! until they pause while somebody else speaks, or somebody else is much louder for a while: two who talk at once do
//! not make the picture jump. Who is muted or sends nothing is not among those who are heard, and loses their place at
//! once.

use crate::{ids::ParticipantId, units::Dbov};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Sound below is nobody's voice, however quiet the room.
const THRESHOLD: f32 = -55.0;
/// A voice stands out of its room's noise by so much, decibels.
const ABOVE_NOISE: f32 = 10.0;
/// More than this above the noise is as good: a voice close to its microphone does not beat another for that.
const ABOVE_MOST: f32 = 30.0;
/// Where the noise is thought to be at first: a quiet room.
const NOISE_AT_FIRST: f32 = -70.0;
/// How fast the noise is thought to rise, decibels a second. A voice that makes no pause for ten seconds is taken for noise;
/// a fan that is switched on is a voice for as long.
const NOISE_RISES: f32 = 2.0;
/// How fast it falls to what is heard in a pause: most of the way within this time.
const NOISE_FALLS: f32 = 0.1;
/// Over which time speech is weighed, seconds.
const WEIGHED_OVER: f32 = 0.5;
/// The weight from which on it is speech and not a cough: a third of a second of a clear voice.
const SPEECH: f32 = 10.0;
/// Who is on has paused when nothing was heard of them for so long.
const PAUSE: Duration = Duration::from_millis(500);
/// Who talks over somebody takes their place when they weigh so much more, decibels, …
const OUTWEIGHS: f32 = 9.0;
/// … for so long.
const OUTWEIGHS_FOR: Duration = Duration::from_secs(1);
/// A look that comes later than this counts as one that came then.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// One participant's sound.
#[derive(Debug, Clone)]
struct Voice {
    noise: f32,
    /// Decibels above the noise, weighed over a while.
    weight: f32,
    spoke_at: Option<Instant>,
    heard_at: Instant,
}

impl Voice {
    fn new(now: Instant) -> Self {
        Self { noise: NOISE_AT_FIRST, weight: 0.0, spoke_at: None, heard_at: now }
    }

    fn hear(&mut self, level: Dbov, now: Instant) {
        let seconds = now.saturating_duration_since(self.heard_at).min(LONGEST_STEP).as_secs_f32();
        self.heard_at = now;
        let level = f32::from(level.get());
        let above = level - self.noise;
        self.noise += if above < 0.0 {
            above * (1.0 - (-seconds / NOISE_FALLS).exp())
        } else {
            above.min(NOISE_RISES * seconds)
        };
        let speaks = level > THRESHOLD && above > ABOVE_NOISE;
        if speaks {
            self.spoke_at = Some(now);
        }
        let heard = if speaks { above.min(ABOVE_MOST) } else { 0.0 };
        self.weight += (heard - self.weight) * (1.0 - (-seconds / WEIGHED_OVER).exp());
    }

    fn speaks(&self) -> bool {
        self.weight >= SPEECH
    }

    fn pauses(&self, now: Instant) -> bool {
        self.spoke_at.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE)
    }
}

/// Who speaks, and since when.
#[derive(Debug, Default)]
pub struct ActiveSpeaker {
    voices: BTreeMap<ParticipantId, Voice>,
    current: Option<(ParticipantId, Instant)>,
    /// Who outweighs them, since.
    challenger: Option<(ParticipantId, Instant)>,
}

impl ActiveSpeaker {
    /// Who it is; `None` while nobody can be.
    pub fn current(&self) -> Option<&ParticipantId> {
        self.current.as_ref().map(|(who, _)| who)
    }

    /// Whoever it is did not come on: it is who was before, as from now.
    pub fn go_back(&mut self, now: Instant, before: Option<ParticipantId>) {
        self.current = before.map(|who| (who, now));
        self.challenger = None;
    }

    /// Takes how loud everybody was who may be chosen, in order of preference where nobody speaks. To be called several
    /// times a second.
    pub fn hear<'a>(
        &mut self,
        now: Instant,
        heard: impl Iterator<Item = (&'a ParticipantId, Dbov)>,
        hold: Duration,
    ) {
        let mut first = None;
        let mut present = BTreeMap::new();
        for (who, level) in heard {
            first.get_or_insert(who);
            let mut voice = self.voices.remove(who).unwrap_or_else(|| Voice::new(now));
            voice.hear(level, now);
            present.insert(who.clone(), voice);
        }
        self.voices = present;
        let loudest = self
            .voices
            .iter()
            .filter(|(who, voice)| voice.speaks() && self.current() != Some(who))
            .max_by(|(_, a), (_, b)| a.weight.total_cmp(&b.weight));
        let loudest = loudest.map(|(who, voice)| (who.clone(), voice.weight));

        let on = self.current.as_ref().and_then(|(who, since)| Some((self.voices.get(who)?, *since)));
        let Some((voice, since)) = on else {
            // Nobody is on, or who was can be no longer: somebody has to be.
            let next = loudest.map(|(who, _)| who).or_else(|| first.cloned());
            self.current = next.map(|who| (who, now));
            self.challenger = None;
            return;
        };
        let Some((who, weight)) = loudest else {
            self.challenger = None;
            return;
        };
        let outweighs = match &self.challenger {
            _ if weight < voice.weight + OUTWEIGHS => None,
            Some((known, since)) if *known == who => Some(*since),
            _ => Some(now),
        };
        let has_long = outweighs.is_some_and(|since| now.saturating_duration_since(since) >= OUTWEIGHS_FOR);
        let is_held = now.saturating_duration_since(since) < hold;
        if !is_held && (voice.pauses(now) || has_long) {
            self.current = Some((who, now));
            self.challenger = None;
        } else {
            self.challenger = outweighs.map(|since| (who, since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOLD: Duration = Duration::from_millis(1500);
    const STEP: Duration = Duration::from_millis(100);
    const PEOPLE: [&str; 3] = ["ann", "bob", "cid"];

    struct Room {
        speaker: ActiveSpeaker,
        people: Vec<ParticipantId>,
        now: Instant,
        /// Who came on, and when after the beginning.
        changes: Vec<(String, Duration)>,
        begin: Instant,
    }

    impl Room {
        fn new() -> Self {
            let now = Instant::now();
            let people = PEOPLE.iter().map(|name| name.parse().unwrap()).collect();
            Self { speaker: ActiveSpeaker::default(), people, now, changes: Vec::new(), begin: now }
        }

        /// One step; who has no level cannot be chosen.
        fn step(&mut self, levels: &[Option<i16>]) {
            self.now += STEP;
            let before = self.speaker.current().cloned();
            let heard = self.people.iter().zip(levels);
            let heard =
                heard.filter_map(|(who, level)| Some((who, Dbov::below(u8::try_from(-(*level)?).ok()?))));
            self.speaker.hear(self.now, heard, HOLD);
            let after = self.speaker.current();
            if after != before.as_ref() {
                let name = after.map_or_else(String::new, ToString::to_string);
                self.changes.push((name, self.now - self.begin));
            }
        }

        fn run(&mut self, time: Duration, levels: &[Option<i16>]) {
            (0..time.as_millis() / STEP.as_millis()).for_each(|_| self.step(levels));
        }

        fn on(&self) -> &str {
            self.speaker.current().map_or("", ParticipantId::as_str)
        }
    }

    const QUIET: Option<i16> = Some(-75);
    const VOICE: Option<i16> = Some(-25);

    #[test]
    fn the_next_to_speak_comes_on_when_the_last_one_pauses() {
        let mut room = Room::new();
        room.run(HOLD * 2, &[QUIET, QUIET, QUIET]);
        assert_eq!(room.on(), "ann", "somebody has to be on");
        room.run(Duration::from_secs(1), &[QUIET, VOICE, QUIET]);
        assert_eq!(room.on(), "bob");
        room.run(Duration::from_secs(3), &[QUIET, VOICE, QUIET]);
        room.run(Duration::from_secs(3), &[QUIET, QUIET, QUIET]);
        assert_eq!(room.on(), "bob", "nobody speaks: it stays as it is");
        let begin = room.now - room.begin;
        room.run(Duration::from_secs(2), &[QUIET, QUIET, VOICE]);
        let (who, at) = room.changes.last().unwrap();
        assert_eq!(who, "cid");
        assert!(*at - begin <= Duration::from_millis(500), "{:?}", *at - begin);
    }

    #[test]
    fn a_cough_and_a_fan_are_no_speech() {
        let mut room = Room::new();
        room.run(HOLD * 2, &[QUIET, QUIET, QUIET]);
        room.run(Duration::from_millis(200), &[QUIET, VOICE, QUIET]);
        room.run(Duration::from_secs(2), &[QUIET, QUIET, QUIET]);
        assert_eq!(room.on(), "ann");
        // It hums at -40 from the beginning on, and is taken for a voice until it is known.
        let mut room = Room::new();
        room.run(Duration::from_secs(20), &[QUIET, Some(-40), QUIET]);
        room.run(Duration::from_secs(3), &[VOICE, Some(-40), QUIET]);
        assert_eq!(room.on(), "ann");
        room.run(Duration::from_secs(5), &[QUIET, Some(-40), QUIET]);
        assert_eq!(room.on(), "ann");
    }

    #[test]
    fn who_talks_over_another_needs_to_be_much_louder_for_a_while() {
        let mut room = Room::new();
        room.run(HOLD, &[QUIET, QUIET, QUIET]);
        room.run(Duration::from_secs(4), &[Some(-50), Some(-48), QUIET]);
        assert_eq!(room.on(), "ann");
        room.run(Duration::from_millis(800), &[Some(-50), Some(-25), QUIET]);
        assert_eq!(room.on(), "ann");
        room.run(Duration::from_millis(1200), &[Some(-50), Some(-25), QUIET]);
        assert_eq!(room.on(), "bob");
    }

    #[test]
    fn who_cannot_be_shown_loses_the_place_at_once() {
        let mut room = Room::new();
        room.run(Duration::from_secs(3), &[VOICE, QUIET, QUIET]);
        room.step(&[None, QUIET, QUIET]);
        assert_eq!(room.on(), "bob", "muted; the next in order, for nobody speaks");
        room.step(&[None, None, None]);
        assert_eq!(room.on(), "");
        room.step(&[None, None, QUIET]);
        assert_eq!(room.on(), "cid");
    }

    fn trace() -> impl Strategy<Value = Vec<Vec<Option<i16>>>> {
        // Runs of steps with the same levels: absent, silent, murmuring, speaking, loud.
        let level = prop_oneof![
            1 => Just(None),
            4 => Just(Some(-80)),
            2 => (-60i16..-40).prop_map(Some),
            4 => (-40i16..0).prop_map(Some),
        ];
        let run = (prop::collection::vec(level, 3), 1usize..30);
        prop::collection::vec(run, 1..40).prop_map(|runs| {
            runs.into_iter().flat_map(|(levels, steps)| std::iter::repeat_n(levels, steps)).collect()
        })
    }

    proptest! {
        #[test]
        fn it_is_always_somebody_who_can_be_and_never_flaps(trace in trace()) {
            let mut room = Room::new();
            let mut since: Option<Instant> = None;
            for levels in trace {
                let before = room.on().to_owned();
                room.step(&levels);
                let able = |name: &str| {
                    PEOPLE.iter().zip(&levels).any(|(who, level)| *who == name && level.is_some())
                };
                prop_assert!(able(room.on()) || room.on().is_empty() && levels.iter().all(Option::is_none));
                if room.on() != before {
                    if able(&before) {
                        // By choice: not before its time is over.
                        prop_assert!(since.is_none_or(|since| room.now - since >= HOLD));
                    }
                    since = Some(room.now);
                }
            }
        }

        #[test]
        fn two_who_talk_at_once_do_not_change_places(
            noise in prop::collection::vec((-5i16..=5, -5i16..=5), 600),
        ) {
            let mut room = Room::new();
            room.run(HOLD * 2, &[VOICE, QUIET, QUIET]);
            for (n, (a, b)) in noise.into_iter().enumerate() {
                // Both breathe once a second.
                let voice = |moment: usize, loud: i16| if n % 10 == moment { QUIET } else { Some(-25 + loud) };
                room.step(&[voice(0, a), voice(5, b), QUIET]);
            }
            prop_assert_eq!(room.changes.len(), 1, "{:?}", room.changes);
        }

        #[test]
        fn who_alone_speaks_is_on_soon(before in trace(), who in 0usize..3, level in -40i16..-10) {
            let mut room = Room::new();
            before.iter().for_each(|levels| room.step(levels));
            // Pauses between words, as in speech: the noise is known again.
            room.run(Duration::from_secs(1), &[QUIET; 3]);
            let mut levels = [QUIET; 3];
            levels[who] = Some(level);
            room.run(HOLD + Duration::from_millis(1000), &levels);
            prop_assert_eq!(room.on(), PEOPLE[who]);
        }
    }
}
