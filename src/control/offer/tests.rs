use super::{MAX_CANDIDATES, OfferError, parse, parse_subscriber};
use crate::ipc::{IngestOffer, OfferedAudio, OfferedVideo, VideoCodec};
use proptest::prelude::*;

const CHROMIUM: &str = include_str!("../../../tests/fixtures/offers/chromium.sdp");
const MAX_BUNDLE: &str = include_str!("../../../tests/fixtures/offers/chromium-max-bundle.sdp");
const SIMULCAST: &str = include_str!("../../../tests/fixtures/offers/chromium-simulcast.sdp");
const FIREFOX: &str = include_str!("../../../tests/fixtures/offers/firefox.sdp");
const OBS: &str = include_str!("../../../tests/fixtures/offers/obs.sdp");
const WHIPSINK: &str = include_str!("../../../tests/fixtures/offers/gstreamer-whipsink.sdp");
const BUNDLE_ONLY: &str = include_str!("../../../tests/fixtures/offers/bundle-only.sdp");
const AUDIO_ONLY: &str = include_str!("../../../tests/fixtures/offers/audio-only.sdp");
const VIDEO_ONLY: &str = include_str!("../../../tests/fixtures/offers/video-only.sdp");

const ALL: [(&str, &str); 9] = [
    ("chromium", CHROMIUM),
    ("max-bundle", MAX_BUNDLE),
    ("simulcast", SIMULCAST),
    ("firefox", FIREFOX),
    ("obs", OBS),
    ("whipsink", WHIPSINK),
    ("bundle-only", BUNDLE_ONLY),
    ("audio-only", AUDIO_ONLY),
    ("video-only", VIDEO_ONLY),
];

fn good(sdp: &str) -> IngestOffer {
    parse(sdp).unwrap_or_else(|error| panic!("{error}\n{sdp}"))
}

/// The lines of `sdp` that begin with one of `starts`.
fn lines<'a>(sdp: &'a str, starts: &[&str]) -> Vec<&'a str> {
    sdp.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

#[test]
fn an_offer_is_written_anew_in_one_fixed_form() {
    let offer = good(OBS);
    let fingerprint =
        "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:5C:1E:10:60:2D:0B:2E:1A:73:9F:F0:C6";
    let transport = format!(
        "a=ice-ufrag:Zm4K\na=ice-pwd:gjUyjZoH2JTkSXcMMLSXn1\na=ice-options:trickle\n\
         a=fingerprint:sha-256 {fingerprint}\na=setup:actpass\na=rtcp-mux\n"
    );
    let expected = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\na=mid:0\n{transport}a=sendonly\n\
         a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;sprop-stereo=1;stereo=1;useinbandfec=1\n\
         a=ssrc:1301345879 cname:publisher\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:1\n{transport}a=sendonly\n\
         a=rtpmap:96 H264/90000\na=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\n\
         a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n\
         a=ssrc:1301345880 cname:publisher\n"
    );
    assert_eq!(offer.sdp, expected.replace('\n', "\r\n"));
    assert_eq!(offer.fingerprint_sha256[..4], [0x4a, 0xad, 0xb9, 0xb1]);
}

#[test]
fn what_is_in_each_clients_offer_is_told() {
    let video = |codec, payload_type, rtx_payload_type, transport_cc_id, mline| {
        Some(OfferedVideo { codec, payload_type, rtx_payload_type, transport_cc_id, mline })
    };
    let audio = |payload_type, transport_cc_id, audio_level_id, mline| {
        Some(OfferedAudio { payload_type, transport_cc_id, audio_level_id, mline })
    };
    use VideoCodec::{H264, Vp8};
    for (name, sdp, expected_video, expected_audio) in [
        ("chromium", CHROMIUM, video(H264, 108, Some(109), Some(3), 1), audio(111, Some(3), Some(1), 0)),
        ("simulcast", SIMULCAST, video(H264, 108, Some(109), Some(3), 1), audio(111, Some(3), Some(1), 0)),
        // Firefox has no transport-cc feedback for Opus.
        ("firefox", FIREFOX, video(H264, 126, Some(127), Some(7), 1), audio(109, None, Some(1), 0)),
        ("obs", OBS, video(H264, 96, None, None, 1), audio(111, None, None, 0)),
        ("whipsink", WHIPSINK, video(H264, 96, Some(97), Some(1), 0), audio(98, Some(1), None, 1)),
        ("bundle-only", BUNDLE_ONLY, video(Vp8, 96, Some(97), None, 1), audio(111, None, None, 0)),
        ("audio-only", AUDIO_ONLY, None, audio(111, Some(3), Some(1), 0)),
        ("video-only", VIDEO_ONLY, video(H264, 108, Some(109), Some(3), 0), None),
    ] {
        let offer = good(sdp);
        assert_eq!(offer.video, expected_video, "{name}");
        assert_eq!(offer.audio, expected_audio, "{name}");
    }
}

#[test]
fn nothing_of_a_browsers_offer_stays_that_we_do_not_use() {
    for (name, sdp) in ALL {
        let offer = good(sdp);
        let known = [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "m=",
            "c=IN IP4 0.0.0.0",
            "a=group:BUNDLE ",
            "a=mid:",
            "a=ice-ufrag:",
            "a=ice-pwd:",
            "a=ice-options:trickle",
            "a=fingerprint:sha-256 ",
            "a=setup:",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            "a=sendonly",
            "a=extmap:",
            "a=rtpmap:",
            "a=rtcp-fb:",
            "a=fmtp:",
            "a=ssrc:",
            "a=candidate:",
        ];
        assert_eq!(lines(&offer.sdp, &known).len(), offer.sdp.lines().count(), "{name}: {}", offer.sdp);
        for gone in [
            ".local",
            "tcptype",
            "goog-remb",
            "VP9",
            "AV1",
            "rid",
            "simulcast",
            "msid",
            "sprop-parameter-sets",
        ] {
            assert!(!offer.sdp.contains(gone), "{name}: {gone}");
        }
        // Exactly one transport per m-section, none at session level.
        let m_lines = lines(&offer.sdp, &["m="]).len();
        for once in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=mid:", "a=sendonly"] {
            assert_eq!(lines(&offer.sdp, &[once]).len(), m_lines, "{name}: {once}");
        }
        let session_level = offer.sdp.split("m=").next().unwrap();
        assert_eq!(session_level.lines().count(), 5, "{name}: {session_level}");
        assert!(
            offer.sdp.ends_with("\r\n") && offer.sdp.lines().count() == offer.sdp.matches("\r\n").count()
        );
    }
}

#[test]
fn candidates_of_the_shared_transport_stand_in_the_first_m_section() {
    let first = good(FIREFOX).sdp;
    assert_eq!(
        lines(&first, &["m=", "a=candidate"]),
        [
            "m=audio 9 UDP/TLS/RTP/SAVPF 109",
            "a=candidate:0 1 udp 2122252543 192.0.2.15 37741 typ host",
            "m=video 9 UDP/TLS/RTP/SAVPF 126 127",
        ]
    );
    // The bundle's tag is the second m-line: its candidates are the ones that work.
    let second = good(&FIREFOX.replace("BUNDLE 0 1", "BUNDLE 1 0")).sdp;
    assert_eq!(
        lines(&second, &["a=candidate"]),
        ["a=candidate:0 1 udp 2122252543 192.0.2.15 42113 typ host"]
    );
}

#[test]
fn h264_is_preferred_and_vp8_is_taken_where_there_is_none() {
    let without_h264 = CHROMIUM.replace("H264/90000", "H265/90000");
    let video = good(&without_h264).video.unwrap();
    assert_eq!((video.codec, video.payload_type, video.rtx_payload_type), (VideoCodec::Vp8, 96, Some(97)));
    // Mode 0, or a profile outside Baseline, Main and High, is passed over.
    for other in ["packetization-mode=0", "packetization-mode=1;profile-level-id=f4001f;x"] {
        let odd = CHROMIUM
            .replace("packetization-mode=1;profile-level-id=42001f", other)
            .replace("packetization-mode=1;profile-level-id=42e01f", other);
        assert_eq!(good(&odd).video.unwrap().payload_type, 116, "{other}");
    }
    // Plain Baseline is taken after the others, and where there is nothing else.
    let plain = CHROMIUM.replace("=42e01f", "=42001f").replace("=4d001f", "=42001f");
    assert_eq!(good(&plain).video.unwrap().payload_type, 102);
    let unnamed = OBS.replace("profile-level-id=42e01f;", "");
    assert!(!good(&unnamed).sdp.contains("profile-level-id"));
    let case = CHROMIUM.replace("H264/90000", "h264/90000").replace("opus/48000/2", "OPUS/48000");
    assert_eq!(good(&case), good(CHROMIUM));
}

#[test]
fn the_group_and_the_transport_may_be_left_out_where_only_one_meaning_is_left() {
    let no_group = AUDIO_ONLY.replace("a=group:BUNDLE 0\r\n", "");
    assert_eq!(good(&no_group), good(AUDIO_ONLY));
    let sendrecv = CHROMIUM.replace("a=sendonly", "a=sendrecv");
    assert_eq!(good(&sendrecv), good(CHROMIUM));
    let default_direction = CHROMIUM.replace("a=sendonly\r\n", "");
    assert_eq!(good(&default_direction), good(CHROMIUM));
    assert_eq!(good(&CHROMIUM.replace("\r\n", "\n")), good(CHROMIUM));
    // The same at both levels is no contradiction.
    assert_eq!(good(&OBS.replace("a=mid:1", "a=mid:1\r\na=setup:actpass")), good(OBS));
    // Another hash beside SHA-256 is passed over.
    let two_hashes = OBS.replace("a=setup", "a=fingerprint:sha-1 4A:AD\r\na=setup");
    assert_eq!(good(&two_hashes), good(OBS));
}

#[test]
fn transport_cc_needs_both_the_extension_and_the_feedback() {
    for half in [
        CHROMIUM.replace("transport-cc\r\n", "x\r\n"),
        CHROMIUM.replace("draft-holmer-rmcat-transport-wide-cc", "x"),
    ] {
        let offer = good(&half);
        assert_eq!(offer.video.unwrap().transport_cc_id, None);
        assert_eq!(offer.audio.unwrap().transport_cc_id, None);
        assert!(!offer.sdp.contains("transport-"), "{}", offer.sdp);
    }
    let wildcard = CHROMIUM.replace("a=rtcp-fb:108 transport-cc", "a=rtcp-fb:* transport-cc");
    assert_eq!(good(&wildcard), good(CHROMIUM));
}

fn without_lines(sdp: &str, starts: &[&str]) -> String {
    sdp.lines()
        .filter(|l| !starts.iter().any(|s| l.starts_with(s)))
        .fold(String::new(), |all, l| all + l + "\r\n")
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let edit = |from: &str, to: &str| {
        assert!(CHROMIUM.contains(from), "{from}");
        CHROMIUM.replace(from, to)
    };
    let edit_obs = |from: &str, to: &str| {
        assert!(OBS.contains(from), "{from}");
        OBS.replace(from, to)
    };
    let video_of = |sdp: &str| sdp[sdp.find("m=video").unwrap()..].to_owned();
    let cases = [
        (String::new(), "the offer is empty"),
        ("\r\n \r\n".into(), "the offer is empty"),
        ("hello".into(), "it is not SDP"),
        ("v=1\r\n".into(), "it is not SDP"),
        (edit("s=-", "s=\0"), "control character"),
        (edit("s=-", &format!("s={}", "x".repeat(3000))), "longer than 2048 bytes"),
        (edit("s=-", &"a=x\r\n".repeat(2001)), "more than 2000 lines"),
        (edit("s=-", &"a=x\r\n".repeat(20_000)), "65536 are allowed"),
        ("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".into(), "there is no m-line"),
        (format!("{CHROMIUM}{}", video_of(CHROMIUM)), "several video m-lines"),
        (
            format!("{CHROMIUM}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
            "m-line of application is not allowed",
        ),
        (edit("m=video 9", "m=video 0"), "the video m-line is switched off (port 0)"),
        (edit("m=video 9", "m=video 9/2"), "several ports"),
        (edit("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"), "UDP/TLS/RTP/SAVPF is needed"),
        (edit("a=sendonly", "a=recvonly"), "does not send"),
        (edit("a=sendonly", "a=inactive"), "does not send"),
        (edit("a=sendonly", "a=sendonly\r\na=recvonly"), "several directions"),
        (edit("a=rtcp-mux\r\n", ""), "lacks a=rtcp-mux"),
        (edit("a=group:BUNDLE 0 1", "a=group:LS 0 1"), "a=group:BUNDLE with both mids is missing"),
        (edit("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), "must list the mid of every m-line once"),
        (edit("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 1"), "must list the mid of every m-line once"),
        (edit("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2"), "must list the mid of every m-line once"),
        (edit("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1\r\na=group:BUNDLE 0 1"), "several BUNDLE groups"),
        (edit("a=mid:1", "a=mid:0"), "same a=mid"),
        (edit("a=mid:1\r\n", ""), "the video m-line has no a=mid"),
        (edit("a=mid:1", "a=mid:1\r\na=mid:2"), "must have one a=mid"),
        (edit("a=mid:1", "a=mid:a b"), "must have one a=mid"),
        (without_lines(CHROMIUM, &["a=ice-ufrag"]), "a=ice-ufrag is missing"),
        (without_lines(CHROMIUM, &["a=ice-pwd"]), "a=ice-pwd is missing"),
        (edit("a=ice-ufrag:1f+n", "a=ice-ufrag:1f-n"), "a=ice-ufrag must be 4 to 256"),
        (edit("a=ice-pwd:+67j9lsK0kWg9OQn5Mt8oK85", "a=ice-pwd:secret"), "a=ice-pwd must be 22 to 256"),
        (edit_obs("a=mid:1", "a=mid:1\r\na=ice-ufrag:other"), "a=ice-ufrag has different values"),
        (without_lines(CHROMIUM, &["a=setup"]), "a=setup is missing"),
        (edit("a=setup:actpass", "a=setup:passive"), "use actpass or active"),
        (edit("a=setup:actpass", "a=setup:holdconn"), "use actpass or active"),
        (without_lines(CHROMIUM, &["a=fingerprint"]), "a=fingerprint:sha-256 is missing"),
        (edit("sha-256 12:FD", "sha-384 12:FD"), "of sha-384; one of sha-256 is needed"),
        (edit("sha-256 12:FD", "sha-256 12"), "32 pairs of hex digits"),
        (edit("sha-256 12:FD", "sha-256 12:FD:00"), "32 pairs of hex digits"),
        (edit("sha-256 12:FD", "sha-256 +2:FD"), "32 pairs of hex digits"),
        (
            edit_obs("a=mid:1", &format!("a=mid:1\r\na=fingerprint:sha-256 {}00", "00:".repeat(31))),
            "one certificate",
        ),
        (edit("opus/48000/2", "opus/16000/2"), "the audio m-line offers OPUS/16000/2, "),
        (edit("102 H264", "96 H264"), "two a=rtpmap"),
        (edit("a=fmtp:102", "a=fmtp:108"), "two a=fmtp"),
        (edit("SAVPF 96 97 102", "SAVPF 96 96 102"), "payload type 96 stands twice"),
        (edit("SAVPF 96 97 102", "SAVPF 96 128 102"), "\"128\" in an m-line is not a payload type"),
        (edit("SAVPF 96 97 102", "SAVPF 96 vp8 102"), "\"vp8\" in an m-line is not a payload type"),
        (
            edit_obs("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF 70")
                .replace(":96 ", ":70 "),
            "not a dynamic one",
        ),
        (
            edit_obs("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF 111")
                .replace(":96 ", ":111 "),
            "stands for two codecs",
        ),
        (
            edit("a=extmap:4 urn", "a=extmap:3 urn"),
            "a=extmap id 3 stands for two extensions in one m-section",
        ),
        (
            edit("a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:0 x"),
            "with an id of 1 to 255",
        ),
        (
            CHROMIUM.replacen("a=extmap:4 urn", "a=extmap:5 urn", 1).replacen(
                "a=extmap:3 http",
                "a=extmap:4 http",
                1,
            ),
            "in one bundle",
        ),
        (edit("a=ssrc:389696549", "a=ssrc:0"), "a=ssrc:0 is not a number from 1"),
        (edit("a=ssrc:389696549", "a=ssrc:-1"), "a=ssrc:-1 is not a number from 1"),
        (edit("a=ssrc:389696549", "a=ssrc:3192116536"), "SSRC 3192116536 stands in two m-sections"),
        (
            edit("a=mid:1", &(1..18).fold("a=mid:1".into(), |all, n| format!("{all}\r\na=ssrc:{n} cname:x"))),
            "more than 16 SSRCs",
        ),
        (edit("a=candidate:4179943097 1 udp", "a=candidate:4179943097"), "a candidate must have the form"),
        (
            edit(
                "a=mid:1",
                &format!(
                    "a=mid:1{}",
                    "\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host".repeat(MAX_CANDIDATES)
                ),
            ),
            "64 are allowed",
        ),
    ];
    for (sdp, sentence) in cases {
        let error = parse(&sdp).expect_err(sentence).to_string();
        assert!(error.contains(sentence), "expected {sentence:?}, got {error:?}");
        assert!(!error.contains("+67j9lsK0kWg9OQn5Mt8oK85"), "{error}");
    }
}

#[test]
fn only_unsupported_codecs_are_a_matter_of_codecs_and_name_both_sides() {
    let video = CHROMIUM.replace("H264/90000", "H265/90000").replace("VP8/90000", "VP9/90000");
    assert_eq!(
        parse(&video),
        Err(OfferError::NoCommonCodec(
            "the video m-line offers VP9/90000, RTX/90000, H265/90000, AV1/90000, RED/90000, ULPFEC/90000; allowed: \
             H264/90000 with packetization-mode=1 (Baseline, Main or High profile) and VP8/90000"
                .into()
        ))
    );
    let mode_0 = OBS.replace("packetization-mode=1", "packetization-mode=0");
    assert!(matches!(parse(&mode_0), Err(OfferError::NoCommonCodec(_))));
    let audio = AUDIO_ONLY.replace("opus/48000/2", "ISAC/16000");
    assert!(matches!(parse(&audio), Err(OfferError::NoCommonCodec(_))));
    let no_names = without_lines(OBS, &["a=rtpmap:96"]);
    let error = parse(&no_names).unwrap_err().to_string();
    assert!(error.starts_with("the video m-line offers no codec with an a=rtpmap"), "{error}");
}

#[test]
fn the_configured_limit_is_the_one_the_parser_keeps() {
    assert_eq!(crate::config::Config::default().limits.max_sdp_bytes, super::MAX_OFFER_BYTES);
}

/// The written SDP is a fixed point: whatever is accepted means the same when read again.
fn check_fixed_point(sdp: &str) {
    if let Ok(offer) = parse(sdp) {
        assert_eq!(parse(&offer.sdp).as_ref(), Ok(&offer), "{}", offer.sdp);
    }
}

#[test]
fn every_truncation_of_every_offer_is_survived() {
    for (_, sdp) in ALL {
        for length in 0..=sdp.len() {
            check_fixed_point(&sdp[..length]);
        }
    }
}

#[test]
fn every_offer_without_one_of_its_lines_is_survived() {
    for (_, sdp) in ALL {
        let lines: Vec<&str> = sdp.lines().collect();
        for left_out in 0..lines.len() {
            let mut rest = lines.clone();
            rest.remove(left_out);
            check_fixed_point(&rest.join("\r\n"));
            let mut doubled = lines.clone();
            doubled.insert(left_out, lines[left_out]);
            check_fixed_point(&doubled.join("\r\n"));
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        check_fixed_point(&text);
    }

    /// Lines of all fixtures in a wild mixture, some of them damaged.
    #[test]
    fn no_mixture_of_lines_makes_it_panic(
        picks in proptest::collection::vec((0usize..9, 0usize..260, 0usize..200, any::<Option<char>>()), 0..60),
    ) {
        let mut text = String::from("v=0\n");
        for (offer, line, at, damage) in picks {
            let lines: Vec<&str> = ALL[offer].1.lines().collect();
            let mut line: Vec<char> = lines[line % lines.len()].chars().collect();
            if let Some(c) = damage {
                let at = at % line.len();
                line[at] = c;
            }
            text.extend(line);
            text.push('\n');
        }
        check_fixed_point(&text);
    }

    /// A good offer with a few characters changed: most of these come far.
    #[test]
    fn no_small_damage_makes_it_panic(
        offer in 0usize..9,
        damages in proptest::collection::vec((any::<prop::sample::Index>(), "[ -~]"), 1..4),
    ) {
        let mut text: Vec<char> = ALL[offer].1.chars().collect();
        for (at, c) in damages {
            let at = at.index(text.len());
            text[at] = c.chars().next().unwrap_or(' ');
        }
        check_fixed_point(&text.into_iter().collect::<String>());
    }
}

#[test]
fn a_subscriber_receives_the_publishers_codec_or_nothing() {
    let sdp = CHROMIUM.replace("a=sendonly", "a=recvonly").replace("a=sendrecv", "a=recvonly");
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let offer = parse_subscriber(&sdp, codec).unwrap();
        assert_eq!(offer.video.map(|video| video.codec), Some(codec));
        assert!(offer.sdp.contains("a=recvonly\r\n") && !offer.sdp.contains("a=sendonly"));
        assert!(!offer.sdp.contains("a=extmap"), "what is forwarded has no extensions");
    }
    assert!(matches!(parse(&sdp), Err(OfferError::Invalid(_))), "a publisher sends");
    let sends = CHROMIUM.replace("a=sendrecv", "a=sendonly");
    assert!(matches!(parse_subscriber(&sends, VideoCodec::H264), Err(OfferError::Invalid(_))));
    let only_vp8 = sdp.replace("H264/90000", "H265/90000");
    let refused = parse_subscriber(&only_vp8, VideoCodec::H264);
    assert!(matches!(refused, Err(OfferError::NoCommonCodec(_))), "{refused:?}");
}
