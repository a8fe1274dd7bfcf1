use super::*;
use crate::ipc::{SoundSpec, TileSpec};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TICK: u64 = 33;
const HOLD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
const A: SourceId = SourceId(1);
const B: SourceId = SourceId(2);

/// A picture knows its source and its number since the last IDR: what a decoder needs to have.
type Picture = (SourceId, u32);

#[derive(Default)]
struct Fake(BTreeMap<SourceId, CodedLine<Picture>>);

impl Lines<Picture> for Fake {
    fn line(&mut self, source: SourceId) -> Option<&mut CodedLine<Picture>> {
        self.0.get_mut(&source)
    }

    fn skip_others(&mut self, until: MediaTime, except: [Option<SourceId>; 2]) {
        for (source, line) in &mut self.0 {
            if !except.contains(&Some(*source)) {
                line.skip(until);
            }
        }
    }
}

impl Fake {
    fn give(&mut self, source: SourceId, ms: u64, number: u32) {
        let pts = MediaTime::from_millis(ms);
        self.0.entry(source).or_default().push(Unit { pts, idr: number == 0, picture: (source, number) });
    }
}

fn scene(source: SourceId) -> SceneSpec {
    let tile = TileSpec { source: Some(source), label: "x".to_owned(), video_muted: false };
    SceneSpec { picture: PictureSpec::Full(tile), sound: vec![SoundSpec { source, gain: 1.0 }] }
}

fn muted(source: SourceId) -> SceneSpec {
    let tile = TileSpec { source: Some(source), label: "x".to_owned(), video_muted: true };
    SceneSpec { picture: PictureSpec::Full(tile), sound: Vec::new() }
}

fn flowing(_: SourceId) -> Look {
    present(Some(5))
}

fn present(age_ms: Option<u64>) -> Look {
    Look::Present {
        has_video: true,
        rtp_age_ms: age_ms,
        came_age_ms: age_ms,
        picture_age_ms: age_ms,
        sound_age_ms: None,
    }
}

fn window(tick: u64) -> Window {
    Window { from: MediaTime::from_millis(tick * TICK), until: MediaTime::from_millis((tick + 1) * TICK) }
}

fn tick(cutter: &mut Cutter, n: u64, lines: &mut Fake) -> Vec<Step<Picture>> {
    cutter.tick(window(n), window(n).from, flowing, lines)
}

/// A cutter on whose program A is, up to number 10 at 363 ms.
fn on_air() -> (Cutter, Fake) {
    let (mut cutter, mut lines) = (Cutter::new(scene(A), HOLD, MediaTime::ZERO), Fake::default());
    lines.give(B, 1, 0);
    for n in 0..=10 {
        lines.give(A, n * TICK + 3, n as u32);
        let steps = tick(&mut cutter, n, &mut lines);
        assert!(
            matches!(&steps[steps.len() - 1], Step::Picture { at, unit, .. } if *at == unit.pts),
            "{steps:?}"
        );
    }
    assert_eq!(cutter.on_air(), Some(A));
    (cutter, lines)
}

fn pictures(steps: &[Step<Picture>]) -> Vec<(u64, Picture)> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Picture { at, unit, .. } => Some((at.as_millis(), unit.picture)),
            _ => None,
        })
        .collect()
}

fn answer(steps: &[Step<Picture>]) -> Option<(u64, Result<Duration, ReplyError>)> {
    steps.iter().find_map(|step| match step {
        Step::Answer { at, verdict } => Some((at.as_millis(), verdict.outcome.clone())),
        _ => None,
    })
}

#[test]
fn the_old_one_stays_until_the_new_ones_keyframe_and_sound_goes_with_it() {
    let (mut cutter, mut lines) = on_air();
    assert_eq!(cutter.compose(RequestId(1), scene(B), true, window(11).from, PATIENCE), None);
    lines.give(A, 366, 11);
    lines.give(B, 370, 7);
    let steps = tick(&mut cutter, 11, &mut lines);
    assert_eq!((pictures(&steps), answer(&steps)), (vec![(366, (A, 11))], None));
    assert_eq!(cutter.awaited().collect::<Vec<_>>(), [B]);
    // In one window: A, then B's keyframe, then nothing of A any more.
    for (source, ms, number) in [(A, 397, 12), (B, 398, 8), (B, 410, 0), (A, 412, 13), (B, 425, 1)] {
        lines.give(source, ms, number);
    }
    let steps = tick(&mut cutter, 12, &mut lines);
    assert_eq!(pictures(&steps), [(397, (A, 12)), (410, (B, 0)), (425, (B, 1))]);
    assert_eq!(answer(&steps), Some((410, Ok(Duration::from_millis(33)))));
    let heard: Vec<_> = steps.iter().filter(|step| matches!(step, Step::Scene { .. })).collect();
    assert_eq!(heard, [&Step::Scene { at: MediaTime::from_millis(410), scene: scene(B) }]);
    assert_eq!((cutter.scene(), cutter.on_air()), (&scene(B), Some(B)));
    lines.give(A, 430, 14);
    assert_eq!(pictures(&tick(&mut cutter, 13, &mut lines)), []);
}

#[test]
fn a_keyframe_that_comes_late_cuts_now_and_its_sound_with_what_is_not_out_yet() {
    let (mut cutter, mut lines) = on_air();
    cutter.compose(RequestId(1), scene(B), true, window(11).from, PATIENCE);
    // Before the last picture of A: put a step after it.
    lines.give(B, 300, 0);
    lines.give(B, 340, 1);
    let steps = tick(&mut cutter, 11, &mut lines);
    assert_eq!(pictures(&steps), [(334, (B, 0)), (340, (B, 1))]);
    assert!(steps.contains(&Step::Scene { at: window(11).from, scene: scene(B) }), "{steps:?}");
    assert_eq!(answer(&steps).map(|(at, _)| at), Some(334));
}

#[test]
fn without_a_keyframe_the_switch_times_out_and_nothing_has_changed() {
    let (mut cutter, mut lines) = on_air();
    cutter.compose(RequestId(1), scene(B), true, window(11).from, Duration::from_millis(100));
    let mut ends = Vec::new();
    for n in 11..20 {
        lines.give(A, n * TICK + 3, n as u32);
        lines.give(B, n * TICK + 5, n as u32);
        let steps = tick(&mut cutter, n, &mut lines);
        assert_eq!(pictures(&steps).len(), 1, "{steps:?}");
        ends.extend(answer(&steps).map(|(_, outcome)| (n, outcome)));
    }
    assert_eq!(ends, [(15, Err(ReplyError::Timeout))]);
    assert_eq!(cutter.scene(), &scene(A));
}

#[test]
fn who_sends_nothing_is_refused_at_once_and_a_newer_switch_wins() {
    let (mut cutter, mut lines) = on_air();
    cutter.compose(RequestId(1), scene(B), true, window(11).from, PATIENCE);
    let old = cutter.compose(RequestId(2), scene(B), true, window(11).from, PATIENCE).unwrap();
    assert_eq!((old.request, old.outcome), (RequestId(1), Err(ReplyError::Superseded)));
    let steps = cutter.tick(window(11), window(11).from, |_| Look::Absent, &mut lines);
    assert_eq!(answer(&steps).unwrap().1, Err(ReplyError::MediaNotReady { which: B }));
}

#[test]
fn a_switch_to_whom_is_on_changes_only_the_sound() {
    let (mut cutter, mut lines) = on_air();
    let mut mix = scene(A);
    mix.sound.push(SoundSpec { source: B, gain: 1.0 });
    cutter.compose(RequestId(1), mix.clone(), true, window(11).from, PATIENCE);
    lines.give(A, 366, 11);
    let steps = tick(&mut cutter, 11, &mut lines);
    assert_eq!((pictures(&steps), answer(&steps).unwrap().0), (vec![(366, (A, 11))], 363));
    assert!(steps.contains(&Step::Scene { at: window(11).from, scene: mix }));
}

#[test]
fn a_stall_is_held_then_stilled_and_ends_with_a_keyframe() {
    let (mut cutter, mut lines) = on_air();
    let mut stills = Vec::new();
    for n in 11..60 {
        let steps = tick(&mut cutter, n, &mut lines);
        stills.extend(steps.iter().filter(|s| matches!(s, Step::Still { .. })).map(|_| n));
    }
    // The last picture was of 333 ms.
    assert_eq!((stills[0], stills.len() as u64), (1334_u64.div_ceil(TICK), 60 - 1334_u64.div_ceil(TICK)));
    assert_eq!(cutter.awaited().collect::<Vec<_>>(), [A]);
    // He is back, but nobody could decode it.
    lines.give(A, 60 * TICK + 3, 11);
    let steps = tick(&mut cutter, 60, &mut lines);
    assert_eq!(steps, [Step::Still { at: window(60).from }]);
    lines.give(A, 61 * TICK + 3, 0);
    let steps = tick(&mut cutter, 61, &mut lines);
    assert_eq!(pictures(&steps), [(61 * TICK + 3, (A, 0))]);
    assert_eq!(cutter.on_air(), Some(A));
}

#[test]
fn who_is_muted_goes_at_once_and_comes_back_with_a_keyframe() {
    let (mut cutter, mut lines) = on_air();
    cutter.compose(RequestId(1), muted(A), false, window(11).from, PATIENCE);
    lines.give(A, 366, 11);
    let steps = tick(&mut cutter, 11, &mut lines);
    assert_eq!(pictures(&steps), []);
    assert!(steps.contains(&Step::Still { at: window(11).from }));
    cutter.compose(RequestId(2), scene(A), false, window(12).from, PATIENCE);
    lines.give(A, 397, 12);
    assert_eq!(pictures(&tick(&mut cutter, 12, &mut lines)), []);
    lines.give(A, 430, 0);
    assert_eq!(pictures(&tick(&mut cutter, 13, &mut lines)), [(430, (A, 0))]);
}

#[test]
fn a_program_whose_source_is_not_there_begins_with_the_still() {
    let (mut cutter, mut lines) = (Cutter::new(scene(A), HOLD, MediaTime::ZERO), Fake::default());
    let steps = cutter.tick(window(0), MediaTime::ZERO, |_| Look::Absent, &mut lines);
    assert!(steps.contains(&Step::Still { at: MediaTime::ZERO }), "{steps:?}");
    // Who sends has a keyframe on the way; who is there and sends nothing has not.
    let silent = |_| present(None);
    let first_still = |look: &dyn Fn(SourceId) -> Look| {
        let mut present = Cutter::new(scene(A), HOLD, MediaTime::ZERO);
        (0..200).find(|n| {
            let steps = present.tick(window(*n), window(*n).from, look, &mut Fake::default());
            steps.iter().any(|step: &Step<Picture>| matches!(step, Step::Still { .. }))
        })
    };
    assert_eq!(first_still(&flowing), Some(2501_u64.div_ceil(TICK)));
    assert_eq!(first_still(&silent), Some(1001_u64.div_ceil(TICK)));
}

#[test]
fn reordered_pictures_keep_their_order_and_lose_their_place() {
    let (mut cutter, mut lines) = on_air();
    for (ms, number) in [(390, 11), (370, 12), (380, 13), (395, 14)] {
        lines.give(A, ms, number);
    }
    let steps = [tick(&mut cutter, 11, &mut lines), tick(&mut cutter, 12, &mut lines)].concat();
    assert_eq!(pictures(&steps), [(390, (A, 11)), (391, (A, 12)), (392, (A, 13)), (395, (A, 14))]);
}

#[test]
fn a_hole_is_told_once() {
    let (mut cutter, mut lines) = on_air();
    assert!(!cutter.take_hole());
    lines.give(A, 800, 11);
    for n in 11..26 {
        tick(&mut cutter, n, &mut lines);
    }
    assert!(cutter.take_hole() && !cutter.take_hole());
}

/// What happens in a tick of the property.
#[derive(Debug, Clone)]
enum Event {
    /// Pictures that came: source, how late (ms), IDR.
    Came(Vec<(bool, u64, bool)>),
    Switch(bool),
    Mute(bool),
    Unmute(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let came = prop::collection::vec((any::<bool>(), 0u64..120, prop::bool::weighted(0.2)), 0..4);
    let event = prop_oneof![
        20 => came.prop_map(Event::Came),
        1 => any::<bool>().prop_map(Event::Switch),
        1 => any::<bool>().prop_map(Event::Mute),
        1 => any::<bool>().prop_map(Event::Unmute),
    ];
    prop::collection::vec(event, 1..200)
}

proptest! {
    /// Whatever comes: time rises strictly, every picture can be decoded with what was on the program before it
    /// (it is an IDR, or the one before it of its source was the last on the program), sound changes with the
    /// picture or when nothing of it is out, and every switch is answered once.
    #[test]
    fn the_program_can_always_be_decoded(events in events()) {
        let mut cutter = Cutter::new(scene(A), HOLD, MediaTime::ZERO);
        let mut lines = Fake::default();
        let mut numbers = BTreeMap::from([(A, 0u32), (B, 0u32)]);
        let mut newest = BTreeMap::from([(A, 0u64), (B, 0u64)]);
        let (mut last, mut shown): (Option<MediaTime>, Option<Picture>) = (None, None);
        let (mut asked, mut answered) = (0u64, 0u64);
        for (n, event) in events.into_iter().enumerate() {
            let n = n as u64 + 5;
            let who = |first: bool| if first { A } else { B };
            match event {
                Event::Came(pictures) => for (first, late, idr) in pictures {
                    let source = who(first);
                    let number = numbers.entry(source).or_default();
                    *number = if idr || *number == 0 { 0 } else { *number };
                    let at = newest.entry(source).or_default();
                    *at = (*at + 1).max((n * TICK + 100).saturating_sub(late));
                    lines.give(source, *at, *number);
                    *number += 1;
                },
                Event::Switch(first) => {
                    asked += 1;
                    let old = cutter.compose(RequestId(asked), scene(who(first)), true, window(n).from, HOLD);
                    answered += u64::from(old.is_some());
                }
                Event::Mute(first) => {
                    cutter.compose(RequestId(0), muted(who(first)), false, window(n).from, HOLD);
                }
                Event::Unmute(first) => {
                    cutter.compose(RequestId(0), scene(who(first)), false, window(n).from, HOLD);
                }
            }
            let mut heard = window(n).from;
            for step in tick(&mut cutter, n, &mut lines) {
                match step {
                    Step::Picture { at, unit, source } => {
                        prop_assert!(last.is_none_or(|last| at > last));
                        prop_assert!(at < window(n).until + STEP * 400);
                        prop_assert_eq!(source, unit.picture.0);
                        let follows = shown.is_some_and(|(s, number)| (s, number + 1) == unit.picture);
                        prop_assert!(unit.idr || follows, "{:?} after {shown:?}", unit.picture);
                        (last, shown) = (Some(at), Some(unit.picture));
                    }
                    Step::Still { at } => {
                        prop_assert!(last.is_none_or(|last| at > last));
                        (last, shown) = (Some(at), None);
                    }
                    Step::Scene { at, .. } => {
                        prop_assert!(at >= heard);
                        heard = at;
                    }
                    Step::Answer { at, verdict } => {
                        answered += 1;
                        prop_assert!(verdict.outcome.is_err() || at >= last.unwrap_or_default());
                    }
                }
            }
        }
        prop_assert_eq!(asked, answered + u64::from(cutter.stop().is_some()));
    }
}
