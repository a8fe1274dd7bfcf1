//! What an RTMP player may send: whatever it is, the session answers, fails or waits; it never panics, and
//! it answers the same however the bytes are cut.
//!
//! Input: one byte for the size of the pieces, one byte whose lowest bit puts a proper handshake before the
//! rest and whose second lets players in, then the player's bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meetingcast::egress::rtmp::player::session::{
    PlayerEvent, PlayerOutput, PlayerSession, PlayerStage, Refusal,
};
use std::time::Instant;

/// One version byte and two packets.
const HANDSHAKE: usize = 1 + 2 * 1536;

/// Answers behind the handshake (which is random), events, and where the session ended.
fn replies(input: &[u8], piece: usize, admit: bool) -> (Vec<u8>, Vec<PlayerEvent>, PlayerStage) {
    let now = Instant::now();
    let mut session = PlayerSession::new(now);
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    for part in input.chunks(piece) {
        let failed = session.handle_input(part, now).is_err();
        while let Some(output) = session.poll_output() {
            match output {
                PlayerOutput::Transmit(part) => bytes.extend_from_slice(&part),
                PlayerOutput::Event(event) => events.push(event),
            }
        }
        if failed {
            break;
        }
    }
    // Answers depend on when they are given, so they come last.
    if session.stage() == PlayerStage::Asked {
        let answered =
            if admit { session.accept(now) } else { session.refuse(Refusal::NotFound, now) };
        answered.expect("a status has some hundred bytes");
    }
    (bytes.split_off(bytes.len().min(HANDSHAKE)), events, session.stage())
}

fuzz_target!(|data: &[u8]| {
    let [piece, mode, player @ ..] = data else { return };
    let mut input = Vec::new();
    if mode & 1 == 1 {
        input.push(3);
        input.resize(HANDSHAKE, 0);
    }
    input.extend_from_slice(player);
    let admit = mode & 2 == 2;
    let cut = replies(&input, usize::from(*piece).max(1), admit);
    let whole = replies(&input, input.len().max(1), admit);
    assert_eq!(cut, whole);
});
