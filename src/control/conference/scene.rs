//! From what an operator chose to what the worker composes.
//!
//! A stream keeps its number, so a scene may name one that does not deliver now: the worker shows the
//! slate or the name in its place, and the picture comes back by itself.

use super::roster::{Participant, Roster};
use crate::{
    control::{
        cast::{Arrangement, AudioChoice, Focus, Source, Who},
        error::ControlError,
    },
    ids::{ParticipantId, StreamName},
    ipc::{CustomTile, PictureSpec, SceneSpec, SoundSpec, TileSpec},
    layout::{Corner, Fraction},
};

/// Tiles of a grid, and participants of a speaker layout, at most.
pub const MAX_TILES: usize = 16;

/// A camera's part of the frame beside a shared screen.
const CAMERA_SIZE: Fraction = Fraction::percent(25);

/// Whether `source` can be shown: whom it names is in. Media need not be there. On a layout with places of its own
/// nobody needs to be in: a place shows the name of who is not (yet).
pub fn check(source: &Source, roster: &Roster) -> Result<(), ControlError> {
    match source {
        Source::Participant { participant, stream } => {
            let found = roster.participant(participant)?.stream(stream);
            found.map(|_| ()).ok_or_else(|| ControlError::StreamNotFound {
                participant: participant.clone(),
                stream: stream.clone(),
            })
        }
        Source::Grid { participants: Some(participants) } => {
            if participants.is_empty() || participants.len() > MAX_TILES {
                let detail = format!("a grid shows 1 to {MAX_TILES} participants");
                return Err(ControlError::invalid("source.participants", detail));
            }
            for (index, participant) in participants.iter().enumerate() {
                roster.participant(participant)?;
                if participants[..index].contains(participant) {
                    let detail = format!("participant {participant} is named twice");
                    return Err(ControlError::invalid("source.participants", detail));
                }
            }
            Ok(())
        }
        Source::Screen { participant } => roster.participant(participant).map(|_| ()),
        Source::Follow { .. }
        | Source::Grid { participants: None }
        | Source::Speaker { .. }
        | Source::Arranged { .. }
        | Source::File(_)
        | Source::Slate => Ok(()),
    }
}

/// The scene for `source` with those who are in.
pub fn scene(source: &Source, audio: AudioChoice, roster: &Roster) -> SceneSpec {
    let picture = match source {
        Source::Participant { participant, stream } => {
            let found = roster.participant(participant).ok();
            PictureSpec::Full(TileSpec {
                source: roster.source(participant, stream),
                label: label(found, participant),
                video_muted: found.is_some_and(|found| found.video_muted),
            })
        }
        Source::Grid { .. } => match on_picture(source, roster) {
            shown if shown.is_empty() => PictureSpec::Slate,
            shown => PictureSpec::Grid(shown.into_iter().map(|id| tile(id, roster)).collect()),
        },
        Source::Follow { .. } => match roster.speaker() {
            Some(speaker) => PictureSpec::Full(tile(speaker, roster)),
            None => PictureSpec::Slate,
        },
        Source::Speaker { .. } => {
            let mut shown = on_picture(source, roster).into_iter().map(|id| tile(id, roster));
            match shown.next() {
                Some(focus) => PictureSpec::Speaker { focus, others: shown.collect() },
                None => PictureSpec::Slate,
            }
        }
        Source::Screen { participant } => screen(participant, roster),
        Source::Arranged { arrangement, participants, .. } => {
            arranged(arrangement, &slots(arrangement, participants.as_deref(), roster), roster)
        }
        // Who plays it is the cast's business.
        Source::File(file) => {
            PictureSpec::Full(TileSpec { source: None, label: file.name.to_string(), video_muted: false })
        }
        Source::Slate => PictureSpec::Slate,
    };
    SceneSpec { picture, sound: sound(source, audio, roster) }
}

/// Whom the picture shows, in order.
pub fn on_picture<'a>(source: &'a Source, roster: &'a Roster) -> Vec<&'a ParticipantId> {
    let everybody = || roster.publishers().map(|participant| &participant.id);
    match source {
        Source::Participant { participant, .. } => vec![participant],
        Source::Grid { participants: Some(participants) } => participants.iter().take(MAX_TILES).collect(),
        Source::Grid { participants: None } => everybody().take(MAX_TILES).collect(),
        Source::Follow { .. } => roster.speaker().into_iter().collect(),
        Source::Speaker { focus } => {
            let focus = match focus {
                Focus::Participant(participant) => Some(participant),
                Focus::ActiveSpeaker { .. } => roster.speaker(),
            };
            focus.into_iter().chain(everybody().filter(|id| Some(*id) != focus)).take(MAX_TILES).collect()
        }
        Source::Screen { participant } => vec![participant],
        Source::Arranged { arrangement, participants, .. } => {
            arrangement.named().chain(slots(arrangement, participants.as_deref(), roster)).collect()
        }
        Source::File(_) | Source::Slate => Vec::new(),
    }
}

/// Who fills a layout's slots, in order.
fn slots<'a>(
    arrangement: &Arrangement,
    participants: Option<&'a [ParticipantId]>,
    roster: &'a Roster,
) -> Vec<&'a ParticipantId> {
    let count = arrangement.slots();
    match participants {
        Some(participants) => participants.iter().take(count).collect(),
        None => {
            let everybody = roster.publishers().map(|participant| &participant.id);
            everybody.filter(|id| arrangement.named().all(|named| named != *id)).take(count).collect()
        }
    }
}

/// A shared screen with its camera in a corner.
fn screen(participant: &ParticipantId, roster: &Roster) -> PictureSpec {
    let screen = StreamName::screen();
    let found = roster.participant(participant).ok();
    let main = found.and_then(Participant::main_stream);
    match found.and_then(|found| found.stream(&screen)) {
        Some(shared) if main.is_some_and(|main| main.source != shared.source) => PictureSpec::Pip {
            focus: stream_tile(participant, Some(&screen), roster),
            inset: tile(participant, roster),
            corner: Corner::BottomRight,
            size: CAMERA_SIZE,
        },
        _ => PictureSpec::Full(tile(participant, roster)),
    }
}

/// The picture of an arrangement whose slots are filled so. A place for which there is nobody is not there.
fn arranged(arrangement: &Arrangement, slots: &[&ParticipantId], roster: &Roster) -> PictureSpec {
    let pair = |[one, two]: [&ParticipantId; 2]| [tile(one, roster), tile(two, roster)];
    match (arrangement, slots) {
        (Arrangement::Pip { .. } | Arrangement::SideBySide { .. }, []) => PictureSpec::Slate,
        (Arrangement::Pip { .. } | Arrangement::SideBySide { .. }, [alone]) => {
            PictureSpec::Grid(vec![tile(alone, roster)])
        }
        (Arrangement::Pip { corner, size }, [one, two, ..]) => {
            let [focus, inset] = pair([one, two]);
            PictureSpec::Pip { focus, inset, corner: *corner, size: *size }
        }
        (Arrangement::SideBySide { fit }, [one, two, ..]) => {
            PictureSpec::SideBySide { pair: pair([one, two]), fit: *fit }
        }
        (Arrangement::Custom(tiles), _) => {
            let mut order: Vec<_> = tiles.iter().collect();
            // Stable: among equals the later one stays above.
            order.sort_by_key(|tile| tile.z);
            let placed = order.into_iter().filter_map(|tile| {
                let who = match &tile.who {
                    Who::Participant(participant) => participant,
                    Who::Slot { index, .. } => slots.get(*index).copied()?,
                };
                let shown = stream_tile(who, tile.stream.as_ref(), roster);
                Some(CustomTile { tile: shown, area: tile.area, fit: tile.fit, edge: tile.edge })
            });
            PictureSpec::Custom(placed.collect())
        }
    }
}

/// A certain stream's tile, or that of the stream that stands for him.
fn stream_tile(id: &ParticipantId, stream: Option<&StreamName>, roster: &Roster) -> TileSpec {
    let Some(stream) = stream else { return tile(id, roster) };
    let found = roster.participant(id).ok();
    TileSpec {
        source: found.and_then(|found| found.stream(stream)).map(|stream| stream.source),
        ..tile(id, roster)
    }
}

fn tile(id: &ParticipantId, roster: &Roster) -> TileSpec {
    let found = roster.participant(id).ok();
    TileSpec {
        source: found.and_then(Participant::main_stream).map(|stream| stream.source),
        label: label(found, id),
        video_muted: found.is_some_and(|found| found.video_muted),
    }
}

fn label(found: Option<&Participant>, id: &ParticipantId) -> String {
    found.map_or(id.as_str(), Participant::label).to_owned()
}

/// All sound of whoever is heard, from whichever of his streams: who shows his screen speaks into his
/// camera's microphone.
fn sound(source: &Source, audio: AudioChoice, roster: &Roster) -> Vec<SoundSpec> {
    let shown = on_picture(source, roster);
    let heard = |participant: &&Participant| match audio {
        AudioChoice::Mix => true,
        // Whoever may come on by speaking: else the words that bring them on would be lost.
        AudioChoice::Source if source.follows().is_some() => true,
        AudioChoice::Source => shown.contains(&&participant.id),
    };
    roster
        .present()
        .filter(heard)
        .filter(|participant| !participant.audio_muted)
        .flat_map(|participant| {
            let gain = linear(participant.gain_db);
            let audible = participant.streams.iter().filter(|stream| stream.audio);
            audible.map(move |stream| SoundSpec { source: stream.source, gain })
        })
        .collect()
}

/// Decibels to a factor of the amplitude.
fn linear(db: f32) -> f32 {
    10_f32.powf(db / 20.0)
}
