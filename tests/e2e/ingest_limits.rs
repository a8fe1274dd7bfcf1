//! What a publisher is held to: his media must flow, his ports are ours, his candidates may come later, his
//! certificate is the one he named, and his SDP is one.

use crate::{
    film::tile,
    sdp::{fragment, send, without_candidates},
    server::{figure, load, one_at_a_time, wait_for},
    stage::{ROOM, Stage},
};
use meetingcast::publisher::{
    options::PublishOptions,
    palette::Colour,
    pattern,
    peer::{Peer, PeerEvent},
    stats::Counters,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    net::UdpSocket,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A peer connection without the client that looks after it: offer and answer can be tampered with.
struct RawPeer {
    peer: Peer,
    offer: String,
    events: mpsc::Receiver<PeerEvent>,
}

/// What WHIP answered.
struct Created {
    location: String,
    etag: String,
    answer: String,
}

impl RawPeer {
    fn open(options: &PublishOptions) -> Self {
        let (events_in, events) = mpsc::channel(16);
        let checked = options.check().unwrap();
        let (peer, offer) =
            Peer::open(options, &checked, 0, &Arc::new(Counters::default()), events_in).unwrap();
        Self { peer, offer, events }
    }

    /// Whether it connects within `limit`.
    fn connects(&mut self, limit: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < limit {
            match self.events.try_recv() {
                Ok(PeerEvent::Connected) => return true,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        false
    }
}

fn offer(stage: &Stage, participant: &str, sdp: &str) -> Created {
    let url = stage.server.whip(ROOM, participant);
    let (status, headers, answer) =
        send(&stage.server, "POST", &url, &[("content-type", "application/sdp")], sdp.as_bytes());
    assert_eq!(status, 201, "{answer}");
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    Created { location: header("location"), etag: header("etag"), answer }
}

/// The candidate lines of an SDP: address and port.
fn candidates(sdp: &str) -> Vec<(String, u16)> {
    let lines = sdp.lines().filter(|line| line.starts_with("a=candidate:"));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            (fields[4].to_owned(), fields[5].parse().unwrap())
        })
        .collect()
}

/// The UDP ports that a process has bound, from /proc.
fn udp_ports(pid: u32) -> BTreeSet<u16> {
    let sockets: BTreeSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|fd| {
            let target = std::fs::read_link(fd.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut ports = BTreeSet::new();
    for table in ["udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // local_address (hexadecimal, port after the colon) and inode (proc(5)).
            if sockets.contains(fields[9]) {
                let port = fields[1].rsplit(':').next().unwrap();
                ports.insert(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

/// So many UDP ports in a row that nobody has now, below the range that the system gives away itself.
fn free_ports(count: u16) -> (u16, u16) {
    let free = |port: u16| UdpSocket::bind(("0.0.0.0", port)).is_ok();
    let first = (20_000..30_000).step_by(50).find(|first| (*first..first + count).all(free)).unwrap();
    (first, first + count - 1)
}

#[test]
fn a_publisher_whose_media_stops_is_ended() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[("WEBRTC__INACTIVITY_TIMEOUT_S", "3")]);
    // It sends sound only, and stops with the connection kept up: STUN and RTCP go on.
    let mut options = stage.options(0, "ann");
    options.video = false;
    let mut ann = RawPeer::open(&options);
    let created = offer(&stage, "ann", &ann.offer);
    ann.peer.answer(&created.answer).unwrap();
    assert!(ann.connects(Duration::from_secs(10)), "{}", load());
    ann.peer.go_live();
    // Longer than the time a silent one has.
    std::thread::sleep(Duration::from_millis(4500));
    assert_eq!(stage.present(), ["ann"], "whoever sends stays");
    ann.peer.pause();
    let stopped = Instant::now();
    wait_for("the silent one to be ended", Duration::from_secs(10), || {
        stage.present().is_empty().then_some(())
    });
    let after = stopped.elapsed();
    figure(&format!("inactivity_timeout_s = 3: ended after {:.1} s", after.as_secs_f64()));
    // It is looked for every half second; and a little for the machine.
    assert!((2.8..5.0).contains(&after.as_secs_f64()), "after {after:?} ({})", load());
    let (status, ..) = send(&stage.server, "GET", &created.location, &[], b"");
    assert_eq!(status, 404);
}

#[test]
fn media_ports_and_the_public_address_are_the_configured_ones() {
    let _turn = one_at_a_time();
    let (first, last) = free_ports(40);
    let (min, max) = (first.to_string(), last.to_string());
    let stage = Stage::set(&[
        ("WEBRTC__UDP_PORT_MIN", &min),
        ("WEBRTC__UDP_PORT_MAX", &max),
        ("WEBRTC__PUBLIC_IP", "203.0.113.9"),
    ]);
    let range = first..=last;
    let mut ann = RawPeer::open(&stage.options(0, "ann"));
    let created = offer(&stage, "ann", &ann.offer);
    let announced = candidates(&created.answer);
    assert!(!announced.is_empty(), "{}", created.answer);
    assert!(announced.iter().all(|(_, port)| range.contains(port)), "{announced:?} outside of {range:?}");
    let v4: Vec<_> = announced.iter().filter(|(address, _)| !address.contains(':')).collect();
    assert!(!v4.is_empty() && v4.iter().all(|(address, _)| address == "203.0.113.9"), "{announced:?}");
    let bound = udp_ports(stage.worker());
    assert!(
        !bound.is_empty() && bound.iter().all(|port| range.contains(port)),
        "{bound:?} outside of {range:?}"
    );
    // Nobody is at that address here; ours is among the offer's, so that we find the publisher.
    ann.peer.answer(&created.answer).unwrap();
    assert!(ann.connects(Duration::from_secs(10)), "{}", load());
    ann.peer.go_live();
    stage.seen("ann");
}

#[test]
fn candidates_may_come_by_patch_alone() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let mut ann = RawPeer::open(&stage.options(0, "ann"));
    let created = offer(&stage, "ann", &without_candidates(&ann.offer));
    // Our own candidates are kept from the publisher: nothing but what the PATCH says can connect the two.
    ann.peer.answer(&without_candidates(&created.answer)).unwrap();
    assert!(!ann.connects(Duration::from_secs(1)), "connected without any candidate");

    let fragment = fragment(&ann.offer);
    let headers = [("content-type", "application/trickle-ice-sdpfrag"), ("if-match", created.etag.as_str())];
    let (status, _, text) = send(&stage.server, "PATCH", &created.location, &headers, fragment.as_bytes());
    assert_eq!((status, text.as_str()), (204, ""));
    assert!(ann.connects(Duration::from_secs(10)), "{}", load());
    ann.peer.go_live();
    stage.seen("ann");
}

#[test]
fn a_certificate_other_than_the_offered_one_ends_the_session() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let ann = stage.join(stage.options(0, "ann"));
    stage.seen("ann");
    let worker = stage.worker();
    let take = stage.start(json!({"layout": "grid"}), 640, 360);

    let mut eve = RawPeer::open(&stage.options(5, "eve"));
    let line = eve.offer.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let (head, digit) = line.split_at(line.len() - 1);
    let forged = format!("{head}{}", if digit == "0" { "1" } else { "0" });
    let created = offer(&stage, "eve", &eve.offer.replace(line, &forged));
    eve.peer.answer(&created.answer).unwrap();
    // To her, ICE and DTLS look well.
    if eve.connects(Duration::from_secs(3)) {
        eve.peer.go_live();
    }
    wait_for("the impostor to be ended", Duration::from_secs(12), || {
        let eve = stage.server.call("GET", &format!("/v1/conferences/{ROOM}/participants/eve"), None);
        let stream = &eve.body["streams"][0];
        assert!(stream["connected"] != true && stream["width"].is_null(), "{}", eve.body);
        (eve.status == 404).then_some(())
    });
    let (status, ..) = send(&stage.server, "GET", &created.location, &[], b"");
    assert_eq!((status, stage.present()), (404, vec!["ann".to_owned()]));
    std::thread::sleep(Duration::from_millis(300));

    let (_, film) = stage.cut(take, "forged");
    assert_eq!(stage.worker(), worker);
    film.cadence_is_unbroken(Duration::from_nanos(33_333_333));
    // Wherever her tile was, her colour never was in it.
    let halves = meetingcast::layout::grid(2, 640, 360);
    let mut two = 0;
    film.each(|time, picture| {
        let seen = pattern::read(picture, tile(halves[1])).unwrap().colour;
        assert_ne!(seen, Some(Colour::of(5)), "eve at {} ms", time / 1_000_000);
        let first = pattern::read(picture, tile(halves[0])).unwrap();
        two += u32::from(first.colour == Some(Colour::of(0)) && first.counter.is_some());
    });
    assert!(two > 0, "her tile was never there: nothing was shown by this");
    stage.leave(ann);
}

#[test]
fn what_is_no_offer_is_refused_and_harms_nobody() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let ann = stage.join(stage.options(0, "ann"));
    stage.seen("ann");
    let worker = stage.worker();
    let eve = RawPeer::open(&stage.options(5, "eve"));
    let good = &eve.offer;
    let cut = |at: usize| good.as_bytes()[..at].to_vec();
    let mut tries: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), Vec::new()),
        ("text".into(), b"hello".to_vec()),
        ("zeros".into(), vec![0; 5000]),
        ("no UTF-8".into(), vec![0xff; 5000]),
        ("too long".into(), format!("{good}{}", "a=x\r\n".repeat(20_000)).into_bytes()),
        ("a long line".into(), format!("{good}a={}\r\n", "x".repeat(60_000)).into_bytes()),
        (
            "many m-lines".into(),
            format!("{good}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(500)).into_bytes(),
        ),
        ("no fingerprint".into(), good.replace("a=fingerprint", "a=finger").into_bytes()),
        ("no ICE".into(), good.replace("a=ice-pwd", "a=ice-p").into_bytes()),
    ];
    tries.extend((1..8).map(|n| (format!("{n} eighths"), cut(good.len() * n / 8))));
    for (what, body) in &tries {
        let url = stage.server.whip(ROOM, "eve");
        let (status, _, text) =
            send(&stage.server, "POST", &url, &[("content-type", "application/sdp")], body);
        // What was cut may be a whole offer still, or one whose codecs were cut off.
        let cut = what.ends_with("eighths")
            && (status == 201 || status == 406 && text.contains("codec_unsupported"));
        assert!(cut || status == 422 && text.contains("sdp_invalid"), "{what}: {status} {text}");
    }
    assert_eq!(stage.worker(), worker, "{}", stage.server.process.said());
    assert_eq!(stage.server.call("GET", &format!("/v1/conferences/{ROOM}"), None).body["worker_restarts"], 0);
    assert!(stage.is_connected("ann"));
    stage.leave(ann);
}
