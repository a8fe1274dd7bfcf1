//! GStreamer's SDP parser and webrtcbin take every offer that `control::offer` writes.
//!
//! webrtcbin is driven here as in a worker: remote description in, answer out. An assertion of its
//! would end this test process, and that is the point.

use gst::prelude::*;
use meetingcast::{control::offer, ipc::IngestOffer};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

/// Far longer than webrtcbin needs for a description; a test that gets here has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// What real clients offer, by the name of the file.
fn fixtures() -> Vec<(String, String)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/offers");
    let mut texts: Vec<(String, String)> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| {
            (path.file_stem().unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    texts.sort();
    assert!(texts.len() >= 9, "fixtures are missing");
    texts
}

/// The fixtures, and fixtures with such changes as lead to other forms of the written SDP.
fn offers() -> Vec<(String, IngestOffer)> {
    let changes = [
        ("tag is the second m-line", "BUNDLE 0 1", "BUNDLE 1 0"),
        ("client is the DTLS client", "a=setup:actpass", "a=setup:active"),
        ("VP8", "H264/90000", "VP9/90000"),
        ("no SSRCs", "a=ssrc:", "a=x-ssrc:"),
        ("no mid extension", "hdrext:sdes:mid", "hdrext:sdes:x"),
        ("no profile", "profile-level-id=", "x="),
        ("odd mid", "a=mid:1", "a=mid:{|}~`!#$%&'*+"),
        ("odd SSRC", "a=ssrc:389696549", "a=ssrc:4294967295"),
    ];
    let mut all = Vec::new();
    for (name, text) in fixtures() {
        for (change, from, to) in changes {
            let mut changed = text.replace(from, to);
            if change == "odd mid" {
                changed = changed.replace("BUNDLE 0 1", "BUNDLE 0 {|}~`!#$%&'*+");
            }
            if changed != text
                && let Ok(offer) = offer::parse(&changed)
            {
                all.push((format!("{name}, {change}"), offer));
            }
        }
        let offer = offer::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        all.push((name, offer));
    }
    assert!(all.len() > 30, "most changes were refused: {}", all.len());
    all
}

#[test]
fn gstreamers_parser_reads_the_written_sdp_as_it_was_meant() {
    gst::init().unwrap();
    for (name, offer) in offers() {
        let message = gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes()).unwrap();
        let m_lines: Vec<_> = message.medias().collect();
        assert_eq!(
            m_lines.len(),
            usize::from(offer.audio.is_some()) + usize::from(offer.video.is_some()),
            "{name}"
        );
        if let Some(video) = &offer.video {
            let media = m_lines[video.mline as usize];
            assert_eq!(media.media(), Some("video"), "{name}");
            assert_eq!(media.format(0), Some(video.payload_type.to_string().as_str()), "{name}");
            let caps = media.caps_from_media(i32::from(video.payload_type)).unwrap();
            let encoding = caps.structure(0).unwrap().get::<String>("encoding-name").unwrap();
            assert_eq!(encoding, format!("{:?}", video.codec).to_uppercase(), "{name}");
        }
        if let Some(audio) = &offer.audio {
            let media = m_lines[audio.mline as usize];
            let caps = media.caps_from_media(i32::from(audio.payload_type)).unwrap();
            assert_eq!(caps.structure(0).unwrap().get::<String>("encoding-name").unwrap(), "OPUS", "{name}");
        }
    }
}

/// What webrtcbin answers to `offer`.
fn answer_to(offer: &IngestOffer) -> Result<String, String> {
    let pipeline = gst::Pipeline::new();
    let webrtc = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .build()
        .map_err(|error| error.to_string())?;
    pipeline.add(&webrtc).map_err(|error| error.to_string())?;
    pipeline.set_state(gst::State::Playing).map_err(|error| error.to_string())?;
    let answer = negotiate(&webrtc, offer);
    let _ = pipeline.set_state(gst::State::Null);
    answer
}

fn negotiate(webrtc: &gst::Element, offer: &IngestOffer) -> Result<String, String> {
    let message =
        gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes()).map_err(|error| error.to_string())?;
    let description = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, message);
    ask(|promise| webrtc.emit_by_name::<()>("set-remote-description", &[&description, promise]))?;
    let reply =
        ask(|promise| webrtc.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]))?
            .ok_or("no answer")?;
    let answer = reply
        .get::<gst_webrtc::WebRTCSessionDescription>("answer")
        .map_err(|error| format!("{error}: {reply}"))?;
    ask(|promise| webrtc.emit_by_name::<()>("set-local-description", &[&answer, promise]))?;
    answer.sdp().as_text().map_err(|error| error.to_string())
}

/// Emits with a promise and waits for its reply.
fn ask(emit: impl FnOnce(&gst::Promise)) -> Result<Option<gst::Structure>, String> {
    let (reply_in, reply_out) = std::sync::mpsc::channel();
    let promise = gst::Promise::with_change_func(move |reply| {
        let _ = reply_in.send(match reply {
            Ok(reply) => Ok(reply.map(|structure| structure.to_owned())),
            Err(error) => Err(format!("{error:?}")),
        });
    });
    emit(&promise);
    let reply = reply_out.recv_timeout(DEADLINE).map_err(|error| error.to_string())??;
    match &reply {
        Some(structure) if structure.has_field("error") => Err(structure.to_string()),
        _ => Ok(reply),
    }
}

#[test]
fn webrtcbin_answers_every_written_offer_with_one_receiving_transport() {
    let _turn = crate::turn::one_at_a_time();
    gst::init().unwrap();
    for (name, offer) in offers() {
        let answer = answer_to(&offer).unwrap_or_else(|error| panic!("{name}: {error}\n{}", offer.sdp));
        let count = |start: &str| answer.lines().filter(|line| line.starts_with(start)).count();
        let m_lines = offer.sdp.matches("m=").count();
        assert_eq!(count("m="), m_lines, "{name}: {answer}");
        assert_eq!(count("a=recvonly"), m_lines, "{name}: {answer}");
        assert_eq!(count("a=group:BUNDLE"), 1, "{name}: {answer}");
        assert_eq!(count("m=audio 0 ") + count("m=video 0 "), 0, "{name}: refused in part: {answer}");
        for pt in offer.video.iter().map(|v| v.payload_type).chain(offer.audio.iter().map(|a| a.payload_type))
        {
            assert!(answer.contains(&format!("a=rtpmap:{pt} ")), "{name}: {pt} is not in {answer}");
        }
    }
}

#[test]
fn an_offer_of_webrtcbin_itself_is_accepted() {
    gst::init().unwrap();
    let pipeline = gst::Pipeline::new();
    let webrtc = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .build()
        .unwrap();
    pipeline.add(&webrtc).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    for caps in [
        "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
        "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,\
         profile-level-id=(string)42c01f",
    ] {
        let caps: gst::Caps = caps.parse().unwrap();
        webrtc.emit_by_name::<gst_webrtc::WebRTCRTPTransceiver>(
            "add-transceiver",
            &[&gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly, &caps],
        );
    }
    let reply = ask(|promise| webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, promise]));
    let offer = reply.unwrap().unwrap().get::<gst_webrtc::WebRTCSessionDescription>("offer").unwrap();
    let text = offer.sdp().as_text().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();

    let offer = offer::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(offer.audio.unwrap().payload_type, 97);
    assert_eq!(offer.video.unwrap().payload_type, 96);
}

/// A sequence of numbers that is the same in every run (xorshift64).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// One to eight lines removed, exchanged, taken from another client, or with a character changed.
fn damage(texts: &[(String, String)], sequence: &mut Sequence) -> String {
    let lines_of = |index: usize| texts[index].1.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut lines = lines_of(sequence.below(texts.len()));
    for _ in 0..=sequence.below(8) {
        let at = sequence.below(lines.len());
        match sequence.below(5) {
            0 => drop(lines.remove(at)),
            1 => {
                let others = lines_of(sequence.below(texts.len()));
                lines.insert(at, others[sequence.below(others.len())].clone());
            }
            2 => {
                let other = sequence.below(lines.len());
                lines.swap(at, other);
            }
            _ => {
                let mut characters: Vec<char> = lines[at].chars().collect();
                let place = sequence.below(characters.len());
                characters[place] = char::from(b' ' + sequence.below(95) as u8);
                lines[at] = characters.into_iter().collect();
            }
        }
    }
    lines.join("\r\n")
}

/// Whatever our reader lets through of damaged offers, webrtcbin answers.
#[test]
fn webrtcbin_answers_damaged_offers_that_were_accepted() {
    let _turn = crate::turn::one_at_a_time();
    gst::init().unwrap();
    let texts = fixtures();
    let mut sequence = Sequence(88_172_645_463_325_252);
    let mut accepted = BTreeSet::new();
    for _ in 0..3000 {
        if let Ok(offer) = offer::parse(&damage(&texts, &mut sequence))
            && accepted.insert(offer.sdp.clone())
        {
            answer_to(&offer).unwrap_or_else(|error| panic!("{error}\n{}", offer.sdp));
        }
    }
    assert!(accepted.len() > 150, "only {} were accepted", accepted.len());
}
