//! Smaller renditions and the sound alone, beside the program: what is offered, and that all go on together.

use crate::{
    hls_http::{Site, configure_picture, frame, push},
    hls_judged::judge,
};
use meetingcast::{config::HlsConfig, egress::hub::Hub, ids::Incarnation, media::Track, units::FrameRate};

const NAMES: [&str; 3] = ["video", "120p", "audio"];

/// A site with one smaller rendition, whose parameters are known.
fn site(config: HlsConfig) -> Site {
    let site = Site::start_on(Hub::with_renditions(["120p".to_owned()]), config);
    configure_picture(&site.hub.renditions()[0].hub, 120, 100);
    site
}

/// The rendition's pictures, then the program's frames: a small picture is encoded sooner.
fn push_both(site: &Site, from: u64, seconds: u64) {
    for second in from..from + seconds {
        for n in second * 30..(second + 1) * 30 {
            let (at, duration) = (FrameRate(30).frame_time(n), FrameRate(30).frame_time(1));
            site.hub.renditions()[0].hub.push(frame(Track::Video, at, duration, n % 60 == 0));
        }
        push(&site.hub, second, 1);
    }
}

async fn media(site: &Site, name: &str) -> String {
    site.get(&format!("/hls/room/{name}/media.m3u8"), &[]).await.text()
}

/// Waits until a rendition lists so many whole segments.
async fn segments(site: &Site, name: &str, count: usize) -> String {
    loop {
        let text = media(site, name).await;
        if text.matches("#EXTINF").count() >= count {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

/// What all renditions share: of the sound, every part can be played alone.
fn common(playlist: &str) -> Vec<String> {
    let lines = playlist.lines().filter(|line| !line.contains("RENDITION-REPORT"));
    lines.map(|line| line.replace(",INDEPENDENT=YES", "")).collect()
}

#[tokio::test]
async fn every_rendition_is_offered_with_its_own_rates_codecs_and_size() {
    let site = site(HlsConfig::default());
    push_both(&site, 0, 9);
    segments(&site, "audio", 4).await;
    let index = site.get("/hls/room/index.m3u8", &[]).await.text();
    let offered: Vec<(&str, &str)> = index
        .split("#EXT-X-STREAM-INF:")
        .skip(1)
        .map(|variant| variant.split_once('\n').unwrap())
        .map(|(attributes, uri)| (attributes, uri.trim()))
        .collect();
    let uris: Vec<&str> = offered.iter().map(|(_, uri)| *uri).collect();
    assert_eq!(uris, ["video/media.m3u8", "120p/media.m3u8", "audio/media.m3u8"], "{index}");
    for (attributes, wanted) in offered.iter().zip([
        "CODECS=\"avc1.4d400d,mp4a.40.2\",RESOLUTION=320x240,FRAME-RATE=30.000",
        "CODECS=\"avc1.4d400d,mp4a.40.2\",RESOLUTION=160x120,FRAME-RATE=30.000",
        "CODECS=\"mp4a.40.2\",CLOSED-CAPTIONS=NONE",
    ]) {
        assert!(attributes.0.contains(wanted), "{index}");
    }
    let rate = |attributes: &str| {
        let (_, rest) = attributes.split_once("AVERAGE-BANDWIDTH=").unwrap();
        rest.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let rates: Vec<u64> = offered.iter().map(|(attributes, _)| rate(attributes)).collect();
    assert!(rates.is_sorted_by(|a, b| a > b) && rates[2] >= 128_000, "{rates:?}");
}

#[tokio::test]
async fn all_have_the_same_segments_and_parts_and_report_on_each_other() {
    let site = site(HlsConfig::default());
    push_both(&site, 0, 9);
    // The last part of second 8 is out in all of them at once.
    let program = loop {
        let text = segments(&site, "video", 4).await;
        if text.matches("#EXT-X-PART:").count() == 9 {
            break text;
        }
        tokio::task::yield_now().await;
    };
    for name in NAMES {
        let playlist = media(&site, name).await;
        assert_eq!(common(&playlist), common(&program), "{name}");
        let (msn, part) = (program.split("PRELOAD-HINT:TYPE=PART,URI=\"part-").nth(1).unwrap())
            .split_once(".m4s")
            .and_then(|(hint, _)| hint.split_once('.'))
            .unwrap();
        assert_eq!(part, "1", "{program}");
        for other in NAMES.iter().filter(|other| **other != name) {
            let report =
                format!("#EXT-X-RENDITION-REPORT:URI=\"../{other}/media.m3u8\",LAST-MSN={msn},LAST-PART=0\n");
            assert!(playlist.contains(&report), "{name}: {playlist}");
        }
        let segment = playlist.lines().find(|line| line.starts_with("seg-")).unwrap();
        assert_eq!(site.get(&format!("/hls/room/{name}/{segment}"), &[]).await.status, 200);
        let held = format!("/hls/room/{name}/media.m3u8?_HLS_msn={msn}&_HLS_part=0");
        assert_eq!(site.get(&held, &[]).await.text(), playlist);
    }
    assert_eq!(site.get("/hls/room/720p/media.m3u8", &[]).await.status, 404);
}

#[tokio::test]
async fn a_replaced_worker_breaks_all_at_the_same_segment() {
    let site = site(HlsConfig { low_latency: false, ..HlsConfig::default() });
    push_both(&site, 0, 5);
    site.hub.discontinuity(Incarnation(1));
    // Nothing of the old worker comes after the break, nothing of the new one before it.
    push_both(&site, 6, 6);
    site.output.stop().await;
    let program = media(&site, "video").await;
    assert_eq!(program.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{program}");
    for name in NAMES {
        let playlist = media(&site, name).await;
        assert_eq!(common(&playlist), common(&program), "{name}");
        assert!(playlist.ends_with("#EXT-X-ENDLIST\n"));
    }
}

#[tokio::test]
async fn the_sound_alone_can_be_left_out() {
    let site = site(HlsConfig { audio_only: false, ..HlsConfig::default() });
    push_both(&site, 0, 5);
    segments(&site, "120p", 2).await;
    assert!(!site.get("/hls/room/index.m3u8", &[]).await.text().contains("audio/"));
    assert_eq!(site.get("/hls/room/audio/media.m3u8", &[]).await.status, 404);
}

#[tokio::test]
async fn media_doctor_finds_nothing_in_any_rendition() {
    for low_latency in [true, false] {
        // A window short enough that old segments go, long enough that a delta update skips some.
        let site = site(HlsConfig { low_latency, window_s: 30, ..HlsConfig::default() });
        for second in 0..45 {
            push_both(&site, second, 1);
            tokio::task::yield_now().await;
        }
        segments(&site, "video", 15).await;
        judge(&site, "/hls/room/index.m3u8").await;
        for name in NAMES {
            judge(&site, &format!("/hls/room/{name}/media.m3u8")).await;
            let delta = judge(&site, &format!("/hls/room/{name}/media.m3u8?_HLS_skip=YES")).await;
            assert_eq!(delta.contains("#EXT-X-SKIP"), low_latency);
        }
        site.output.stop().await;
        for name in NAMES {
            judge(&site, &format!("/hls/room/{name}/media.m3u8")).await;
        }
    }
}
