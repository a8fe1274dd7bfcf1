//! A browser's sender gets what it needs from our answer and feedback: rate, retransmissions, keyframe
//! requests.

use crate::server::{Helper, Server, browser, figure, load, one_at_a_time, signal_pid, wait_for};
use serde_json::Value;
use std::time::{Duration, Instant};

const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// As long as a worker may be frozen here before control takes it for dead.
const HEARTBEAT_TIMEOUT_MS: &str = "10000";
/// A loss that retransmissions mend, which a machine with nothing else to do may manage, needs no keyframe; of so many
/// losses one is not mended.
const LOSSES: usize = 3;
/// A sender takes packets that come late for a path that is full, and then gives more only little by little: of so many
/// one begins while the machine has time for it. One that is told nothing of what arrived never comes beyond its first
/// 300 kbit/s.
const SENDERS: usize = 3;

#[test]
fn a_browser_that_offers_every_codec_is_answered_with_h264_and_reaches_two_megabits() {
    reaches_two_megabits("any", "H264", "h264");
}

#[test]
fn a_browser_that_offers_vp8_reaches_two_megabits() {
    reaches_two_megabits("vp8", "VP8", "vp8");
}

/// 720p of a picture that no encoder can predict, on loopback; `--expect-kbps` judges. Twenty frames a second: where Chromium has no time to
/// draw and encode as many as it announced, it sends less than it may.
fn reaches_two_megabits(offered: &str, encoding: &str, listed: &str) {
    let _turn = one_at_a_time();
    let server = Server::start_with(&[("WORKER__HEARTBEAT_TIMEOUT_MS", HEARTBEAT_TIMEOUT_MS)]);
    let mut tried = Vec::new();
    let (mut sender, fast) = loop {
        let mut sender = send(&server, offered, encoding);
        let listed_as = server.ok("GET", "/v1/conferences/room/participants/chrome", None);
        assert_eq!(listed_as["streams"][0]["video_codec"], listed, "{listed_as}");
        match two_megabits(&mut sender) {
            Some(fast) => break (sender, fast),
            None => tried.push(stats(&sender)),
        }
        assert!(tried.len() < SENDERS, "not 2 Mbit/s in time ({}): {tried:?}", load());
    };
    // (Starting outputs and switching need no keyframe of the sender: every source is always decoded.)
    let before = stats(&sender).pop().unwrap();
    let mended = (0..LOSSES).find(|_| {
        lose_packets(&server);
        soon(Duration::from_secs(5), || {
            let now = stats(&sender).pop().unwrap();
            let more = |key: &str| now[key].as_u64() > before[key].as_u64();
            more("pliCount") && more("nackCount") && more("keyFramesEncoded")
        })
    });
    let last = stats(&sender).pop().unwrap();
    assert!(
        mended.is_some(),
        "no keyframe was asked for and sent after a loss: {before}, then {last} ({})",
        load()
    );
    sender.close_stdin();

    let events = sender.succeed(Duration::from_secs(40));
    let ended = events.iter().rev().find(|event| event["event"] == "ended").unwrap();
    let end = events.iter().rev().find(|event| event["event"] == "stats").unwrap();
    figure(&format!(
        "{listed}: 2 Mbit/s after {} ms, best {} kbit/s, {} PLI, {} NACK, {} retransmitted, sender {} ({})",
        fast["at_ms"],
        ended["best_kbps"],
        end["pliCount"],
        end["nackCount"],
        end["retransmittedPackets"],
        tried.len() + 1,
        load()
    ));
    assert_eq!((fast["width"].as_u64(), fast["height"].as_u64()), (Some(1280), Some(720)), "{fast}");
    assert!(fast["codec"].as_str().unwrap().eq_ignore_ascii_case(&format!("video/{encoding}")), "{fast}");
}

/// A browser that is connected and seen.
fn send(server: &Server, offered: &str, encoding: &str) -> Helper {
    let whip = server.whip("room", "chrome");
    let arguments = ["--whip", &whip, "--codec", offered, "--busy", "--fps", "20", "--seconds", "60"];
    let expected = ["--expect-kbps", "2000", "--expect-within", "8"];
    let mut sender = browser("publish.mjs", &[&arguments[..], &expected[..]].concat());
    let answered = sender.event("answered", Duration::from_secs(40));
    check_answer(answered["sdp"].as_str().unwrap(), encoding);
    server.wait_for_picture("room", "chrome");
    sender
}

/// The first second with so much in it; none if the sender ended since it did not come in time.
fn two_megabits(sender: &mut Helper) -> Option<Value> {
    wait_for("2 Mbit/s or a sender's end", Duration::from_secs(30), || {
        let reached = sender.events().into_iter().find(|event| event["event"] == "reached");
        (reached.is_some() || sender.child.try_wait().unwrap().is_some()).then_some(reached)
    })
}

fn stats(sender: &Helper) -> Vec<Value> {
    sender.events().into_iter().filter(|event| event["event"] == "stats").collect()
}

/// Whether something is so before `limit`.
fn soon(limit: Duration, is: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < limit {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A frozen worker's socket overflows: what comes then is lost, and mostly more than retransmissions can mend.
fn lose_packets(server: &Server) {
    let worker = server.worker("room").unwrap();
    signal_pid(worker, rustix::process::Signal::STOP);
    std::thread::sleep(Duration::from_millis(1500));
    signal_pid(worker, rustix::process::Signal::CONT);
}

/// What a browser needs to read in the answer: one codec with its RTX, and every kind of feedback we use.
fn check_answer(sdp: &str, encoding: &str) {
    let video = sdp.split("\r\nm=").find(|section| section.starts_with("video ")).expect("a video section");
    let lines: Vec<&str> = video.lines().collect();
    let has = |line: String| assert!(lines.contains(&line.as_str()), "no {line} in {sdp}");
    let formats: Vec<&str> = lines[0].split(' ').skip(3).collect();
    let [main, rtx] = formats[..] else { panic!("one codec and its RTX, not {formats:?}: {sdp}") };
    has(format!("a=rtpmap:{main} {encoding}/90000"));
    assert!(
        lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("a=rtpmap:{rtx} rtx/90000"))),
        "{sdp}"
    );
    has(format!("a=fmtp:{rtx} apt={main}"));
    for feedback in ["nack", "nack pli", "transport-cc"] {
        has(format!("a=rtcp-fb:{main} {feedback}"));
    }
    let profile =
        lines.iter().any(|line| line.starts_with("a=fmtp:") && line.contains(";profile-level-id=42e0"));
    assert!(profile || encoding != "H264", "no profile in {sdp}");
    let extension = |line: &&str| line.starts_with("a=extmap:") && line.ends_with(TRANSPORT_CC);
    assert!(lines.iter().any(extension), "no transport-cc extension in {sdp}");
    has("a=recvonly".to_owned());
}
