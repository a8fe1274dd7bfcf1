//! Low-latency HLS over the HTTP routes, in virtual time: what is held, for how long, and what ends it.

use crate::hls_http::{Site, push_frames};
use axum::http::StatusCode;
use meetingcast::{
    config::HlsConfig,
    control::http::server::{ConnectionLimits, serve},
    egress::hls::HlsOutput,
};
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

pub const MEDIA: &str = "/hls/room/video/media.m3u8";

/// Seven seconds of a stream: three segments, and of the one after them the first part. Returns its number.
pub async fn live() -> (Site, u64) {
    let site = Site::live().await;
    let last = site.segment_names().await.pop().unwrap();
    let number = last.rsplit_once("seg-").unwrap().1.strip_suffix(".m4s").unwrap();
    let msn = number.parse::<u64>().unwrap() + 1;
    let edge = || site.library.find(&"room".parse().unwrap()).unwrap().edge("video").unwrap();
    let first =
        edge().wait_for(|edge| (edge.playlist.next_msn, edge.playlist.parts) == (msn, 1)).await.is_ok();
    assert!(first, "the open segment's first part");
    (site, msn)
}

pub fn waiting(site: &Site) -> usize {
    site.library.find(&"room".parse().unwrap()).unwrap().waiting()
}

pub async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not within ten seconds: {what}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_held_until_its_part_is_there_and_all_get_the_same() {
    let (site, msn) = live().await;
    let plain = site.get(MEDIA, &[]).await.text();
    assert!(plain.contains("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.500000,"), "{plain}");
    assert!(plain.contains("#EXT-X-PART-INF:PART-TARGET=0.500000\n"), "{plain}");
    assert!(plain.ends_with(&format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-{msn}.1.m4s\"\n")), "{plain}");

    let path = format!("{MEDIA}?_HLS_msn={msn}&_HLS_part=1");
    let asked: Vec<_> = (0..50).map(|_| site.ask(&path)).collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(asked.iter().all(|asked| !asked.is_finished()));
    assert_eq!(waiting(&site), 50);
    push_frames(&site.hub, 210..212);
    let mut tags = Vec::new();
    for asked in asked {
        let reply = asked.await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        assert!(reply.text().contains(&format!("URI=\"part-{msn}.1.m4s\"\n")), "{}", reply.text());
        assert_eq!(reply.header("cache-control"), "public, max-age=12");
        tags.push(reply.header("etag").to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 1, "rendered once");
    // What is there already is answered at once: no time goes by.
    let before = Instant::now();
    for there in
        [format!("_HLS_msn={msn}&_HLS_part=1"), format!("_HLS_msn={}", msn - 1), "_HLS_msn=0".to_owned()]
    {
        assert_eq!(site.get(&format!("{MEDIA}?{there}"), &[]).await.status, StatusCode::OK);
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_hinted_part_is_sent_when_it_is_complete_and_parts_make_the_segment() {
    let (site, msn) = live().await;
    let part = |number: u64| format!("/hls/room/video/part-{msn}.{number}.m4s");
    assert_eq!(site.get(&part(2), &[]).await.code(), "segment_not_found", "only the next one is hinted at");
    let hinted = site.ask(&part(1));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!hinted.is_finished());
    let segment = site.ask(&format!("{MEDIA}?_HLS_msn={msn}"));
    push_frames(&site.hub, 210..242);
    let hinted = hinted.await.unwrap();
    assert_eq!(hinted.header("content-type"), "video/iso.segment");
    assert!(hinted.header("cache-control").contains("immutable"));
    assert!(segment.await.unwrap().text().contains(&format!("\nseg-{msn}.m4s\n")));

    let mut parts = Vec::new();
    for number in 0..4 {
        parts.extend_from_slice(&site.get(&part(number), &[]).await.body);
    }
    assert_eq!(parts, site.get(&format!("/hls/room/video/seg-{msn}.m4s"), &[]).await.body);
    assert_eq!(site.get(&part(1), &[]).await.body, hinted.body);
    let range = site.get(&part(1), &[("range", "bytes=4-7")]).await;
    assert_eq!((range.status, &range.body[..]), (StatusCode::PARTIAL_CONTENT, &b"moof"[..]));
    // A part past the segment's end is that of the next segment.
    let past = site.get(&format!("{MEDIA}?_HLS_msn={}&_HLS_part=9", msn - 1), &[]).await;
    assert_eq!(past.status, StatusCode::OK);
    assert_eq!(site.get(&part(4), &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn directives_that_make_no_sense_are_400_and_the_past_due_503() {
    let (site, msn) = live().await;
    let before = Instant::now();
    for query in [
        "_HLS_part=0".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_msn=".to_owned(),
        format!("_HLS_msn={msn}&_HLS_part=-1"),
        format!("_HLS_msn={}", msn + 2),
        format!("_HLS_msn={msn}&_HLS_part=7"),
        format!("_HLS_msn={msn}&_HLS_msn={msn}"),
    ] {
        let reply = site.get(&format!("{MEDIA}?{query}"), &[]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::BAD_REQUEST, "invalid_request"),
            "{query}"
        );
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    assert_eq!(before.elapsed(), Duration::ZERO);

    // Three target durations of two seconds.
    for (path, code) in [
        (format!("{MEDIA}?_HLS_msn={msn}&_HLS_part=1"), "playlist_not_ready"),
        (format!("/hls/room/video/part-{msn}.1.m4s"), "part_not_ready"),
    ] {
        let before = Instant::now();
        let reply = site.get(&path, &[]).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, code));
        assert!(before.elapsed().abs_diff(Duration::from_secs(6)) < Duration::from_millis(10));
    }
    assert_eq!(waiting(&site), 0);
}

#[tokio::test(start_paused = true)]
async fn held_requests_end_with_the_cast() {
    let (site, msn) = live().await;
    let playlist = site.ask(&format!("{MEDIA}?_HLS_msn={}", msn + 1));
    let never = site.ask(&format!("/hls/room/video/part-{msn}.1.m4s"));
    until("both to be held", || waiting(&site) == 2).await;
    let before = Instant::now();
    // A shutdown ends casts the same way. What was not complete becomes the last part.
    site.output.stop().await;
    let playlist = playlist.await.unwrap();
    assert!(playlist.text().ends_with("#EXT-X-ENDLIST\n") && !playlist.text().contains("PRELOAD-HINT"));
    assert_eq!(playlist.header("cache-control"), "no-cache");
    assert_eq!(never.await.unwrap().status, StatusCode::OK);
    // After the end directives mean nothing.
    let after = site.get(&format!("{MEDIA}?_HLS_msn={}&_HLS_part=x", msn + 9), &[]).await;
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn held_requests_end_when_another_cast_takes_the_place() {
    let (site, msn) = live().await;
    let held = site.ask(&format!("{MEDIA}?_HLS_msn={msn}&_HLS_part=1"));
    until("it to be held", || waiting(&site) == 1).await;
    let before = Instant::now();
    let (hub, room) = (meetingcast::egress::hub::Hub::new(), "room".parse().unwrap());
    let (folder, library) = (site.folder.path().to_owned(), site.library.clone());
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    let _second = HlsOutput::spawn(&hub, room, epoch, HlsConfig::default(), folder, library);
    assert_eq!(held.await.unwrap().header("cache-control"), "no-cache");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_held_request_ends_with_its_client() {
    let (site, msn) = live().await;
    let held = site.ask(&format!("{MEDIA}?_HLS_msn={msn}&_HLS_part=1"));
    until("it to be held", || waiting(&site) == 1).await;
    held.abort();
    until("it to be gone", || waiting(&site) == 0).await;

    // The same over a connection that is closed.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, None, site.app.clone(), ConnectionLimits::new(10), std::future::pending());
    let server = tokio::spawn(server);
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {MEDIA}?_HLS_msn={msn}&_HLS_part=1 HTTP/1.1\r\nhost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    until("it to be held", || waiting(&site) == 1).await;
    drop(client);
    until("it to be gone", || waiting(&site) == 0).await;
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_delta_update_leaves_out_what_is_old() {
    let (site, msn) = live().await;
    let early = site.get(&format!("{MEDIA}?_HLS_skip=YES"), &[]).await;
    assert_eq!(early.text(), site.get(MEDIA, &[]).await.text(), "nothing is old yet");
    let last = site.ask(&format!("{MEDIA}?_HLS_msn={}&_HLS_part=0&_HLS_skip=YES", msn + 1));
    push_frames(&site.hub, 210..257);
    assert!(last.await.unwrap().text().contains(&format!("part-{}.0.m4s", msn + 1)));
    for n in 4..14 {
        push_frames(&site.hub, n * 60 + 17..(n + 1) * 60 + 17);
        // The playlist must not run away from what may be asked for.
        let next = format!("{MEDIA}?_HLS_msn={}&_HLS_part=0", msn + n - 2);
        assert_eq!(site.get(&next, &[]).await.status, StatusCode::OK);
    }
    let full = site.get(MEDIA, &[]).await;
    let delta = site.get(&format!("{MEDIA}?_HLS_skip=YES"), &[]).await;
    assert_ne!(full.header("etag"), delta.header("etag"));
    let (full, delta) = (full.text(), delta.text());
    let (_, rest) = delta.split_once("#EXT-X-SKIP:SKIPPED-SEGMENTS=").expect(&delta);
    let (skipped, rest) = rest.split_once('\n').unwrap();
    let skipped: usize = skipped.parse().unwrap();
    let segments = |text: &str| text.lines().filter(|line| line.starts_with("seg-")).count();
    assert!(skipped > 0);
    assert_eq!(segments(&full), skipped + segments(rest));
    // Twelve seconds at least are left, and what is left is the same.
    assert!(segments(rest) >= 6, "{delta}");
    let (map, rest) = rest.split_once('\n').unwrap();
    assert!(map.starts_with("#EXT-X-MAP:") && full.ends_with(rest), "{delta}");
}

#[tokio::test(start_paused = true)]
async fn without_low_latency_the_same_segments_are_listed_and_nothing_is_held() {
    let low = Site::live().await;
    let plain = Site::live_with(HlsConfig { low_latency: false, ..HlsConfig::default() }).await;
    let lines = |text: &str| -> Vec<String> {
        let of_both = |line: &&str| line.starts_with("#EXTINF") || line.starts_with("#EXT-X-TARGETDURATION");
        text.lines().filter(of_both).map(str::to_owned).collect()
    };
    let text = plain.get(MEDIA, &[]).await.text();
    assert_eq!(lines(&text), lines(&low.get(MEDIA, &[]).await.text()));
    assert!(!text.contains("PART") && !text.contains("SERVER-CONTROL"), "{text}");
    let before = Instant::now();
    let asked = plain.get(&format!("{MEDIA}?_HLS_msn=99999999999&_HLS_part=0&_HLS_skip=YES"), &[]).await;
    assert_eq!((asked.status, asked.text()), (StatusCode::OK, text));
    assert_eq!(before.elapsed(), Duration::ZERO);
    let name = plain.segment_names().await.pop().unwrap();
    let part = name.replace("seg-", "part-").replace(".m4s", ".0.m4s");
    assert_eq!(plain.get(&part, &[]).await.status, StatusCode::NOT_FOUND);
}
