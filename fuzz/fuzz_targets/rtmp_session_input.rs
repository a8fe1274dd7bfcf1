//! What an RTMP server may send: whatever it is, the session answers, fails or waits; it never panics,
//! and it answers the same however the bytes are cut.
//!
//! Input: one byte for the size of the pieces, one byte whose lowest bit puts a proper handshake
//! before the rest, then the server's bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meetingcast::egress::rtmp::{
    session::{Event, Output, Session, Stage},
    url::RtmpUrl,
};
use std::time::Instant;

/// Answers and events after the first packet (which is random), and where the session ended.
fn replies(url: &RtmpUrl, input: &[u8], piece: usize) -> (Vec<u8>, Vec<Event>, Stage) {
    let now = Instant::now();
    let mut session = Session::new(url, now).expect("a session begins without any input");
    session.poll_output();
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    for part in input.chunks(piece) {
        let failed = session.handle_input(part, now).is_err();
        while let Some(output) = session.poll_output() {
            match output {
                Output::Transmit(part) => bytes.extend_from_slice(&part),
                Output::Event(event) => events.push(event),
            }
        }
        if failed {
            break;
        }
    }
    (bytes, events, session.stage())
}

fuzz_target!(|data: &[u8]| {
    let [piece, mode, server @ ..] = data else { return };
    let url = RtmpUrl::parse("rtmp://host/app/key").expect("a fixed URL");
    let mut input = Vec::new();
    if mode & 1 == 1 {
        input.push(3);
        input.resize(1 + 2 * 1536, 0);
    }
    input.extend_from_slice(server);
    let cut = replies(&url, &input, usize::from(*piece).max(1));
    let whole = replies(&url, &input, input.len().max(1));
    assert_eq!(cut, whole);
});
