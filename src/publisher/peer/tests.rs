use super::*;
use crate::publisher::planes::PictureSize;

fn offer(change: fn(&mut PublishOptions)) -> String {
    let mut options = PublishOptions::participant(2, "http://localhost/whip");
    options.size = PictureSize { width: 320, height: 180 };
    change(&mut options);
    let checked = options.check().unwrap();
    let (events, _) = tokio::sync::mpsc::channel(8);
    let (_peer, offer) =
        Peer::open(&options, &checked, monotonic_ns(), &Arc::new(Counters::default()), events).unwrap();
    offer
}

/// The attributes of the media section that begins with `m=<kind>`.
fn section<'a>(sdp: &'a str, kind: &str) -> Vec<&'a str> {
    let start = sdp.find(&format!("m={kind} ")).unwrap_or_else(|| panic!("no {kind} in\n{sdp}"));
    let rest = &sdp[start..];
    let end = rest[2..].find("\nm=").map_or(rest.len(), |end| end + 3);
    rest[..end].lines().map(str::trim_end).collect()
}

fn has(lines: &[&str], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[test]
fn the_offer_says_what_a_browser_would_say() {
    let sdp = offer(|_| ());
    println!("{sdp}");
    assert!(sdp.contains("a=group:BUNDLE"));
    let (audio, video) = (section(&sdp, "audio"), section(&sdp, "video"));
    for lines in [&audio, &video] {
        for text in [
            "a=fingerprint:sha-256 ",
            "a=setup:actpass",
            "a=rtcp-mux",
            "a=sendonly",
            "a=ice-ufrag:",
            "a=ice-pwd:",
            "a=mid:",
            "transport-wide-cc-extensions-01",
            "transport-cc",
            "a=candidate:",
        ] {
            // Candidates stand in the first section of a bundle at least.
            assert!(has(lines, text) || text == "a=candidate:" && sdp.contains(text), "no {text} in\n{sdp}");
        }
    }
    assert!(has(&audio, "a=rtpmap:111 OPUS/48000/2"), "{audio:#?}");
    assert!(has(&video, "a=rtpmap:96 H264/90000"));
    for text in [
        "packetization-mode=1",
        "profile-level-id=42e01f",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        " rtx/90000",
    ] {
        assert!(has(&video, text), "no {text} in {video:#?}");
    }
}

#[test]
fn one_kind_alone_and_vp8_can_be_offered() {
    let sdp = offer(|options| {
        options.codec = VideoCodec::Vp8;
        options.audio = false;
    });
    assert!(!sdp.contains("m=audio"));
    let video = section(&sdp, "video");
    assert!(has(&video, "a=rtpmap:97 VP8/90000") && has(&video, "a=rtcp-fb:97 nack pli"), "{video:#?}");
    let sdp = offer(|options| options.video = false);
    assert!(!sdp.contains("m=video") && has(&section(&sdp, "audio"), "a=sendonly"));
}

#[test]
fn large_pictures_are_offered_at_a_level_that_takes_them() {
    let sdp = offer(|options| {
        options.size = PictureSize { width: 1920, height: 1080 };
        options.audio = false;
    });
    assert!(sdp.contains("profile-level-id=42e028"), "{sdp}");
}

#[test]
fn an_answer_that_is_none_is_refused() {
    let mut options = PublishOptions::participant(2, "http://localhost/whip");
    options.video = false;
    let checked = options.check().unwrap();
    let (events, _) = tokio::sync::mpsc::channel(8);
    let counters = Arc::new(Counters::default());
    let (peer, _) = Peer::open(&options, &checked, monotonic_ns(), &counters, events).unwrap();
    assert!(peer.answer("hello").is_err());
}
