//! No text makes the SDP offer's or the trickle fragment's parser panic, and what is accepted means the
//! same when its written form is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meetingcast::control::{offer, trickle};

fuzz_target!(|text: &str| {
    if let Ok(offer) = offer::parse(text) {
        assert_eq!(offer::parse(&offer.sdp).as_ref(), Ok(&offer));
    }
    let _ = trickle::parse(text);
});
