//! Live playlists by the rules of media-doctor, which are not ours.

use crate::{
    hls_http::{Site, push_frames},
    hls_low_latency::{MEDIA, until},
};
use axum::http::StatusCode;
use media_doctor::{Report, Severity, check_hls_playlist};
use meetingcast::config::HlsConfig;

const INDEX: &str = "/hls/room/index.m3u8";

/// The playlist at `path`, in which no error is found.
pub async fn judge(site: &Site, path: &str) -> String {
    let reply = site.get(path, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{path}");
    let text = reply.text();
    let mut report = Report::new();
    check_hls_playlist(&text, &mut report);
    let errors: Vec<_> =
        report.findings().iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{path}: {errors:?}\n{text}");
    text
}

#[tokio::test]
async fn media_doctor_finds_no_error_in_a_stream_with_or_without_low_latency() {
    for low_latency in [true, false] {
        let site = Site::live_with(HlsConfig { low_latency, ..HlsConfig::default() }).await;
        judge(&site, INDEX).await;
        let mut before = judge(&site, MEDIA).await;
        let (mut changed, mut deltas) = (0, 0);
        // 40 seconds, in steps that fall within parts, on their ends and on those of segments.
        for frame in (210..1410).step_by(10) {
            push_frames(&site.hub, frame..frame + 10);
            tokio::task::yield_now().await;
            let text = judge(&site, MEDIA).await;
            let delta = judge(&site, &format!("{MEDIA}?_HLS_skip=YES")).await;
            changed += usize::from(text != before);
            deltas += usize::from(delta.contains("#EXT-X-SKIP:"));
            before = text;
        }
        assert!(changed >= 10, "{changed} playlists");
        assert_eq!(deltas > 10, low_latency, "{deltas} delta updates");
        site.output.stop().await;
        until("the end", || {
            site.library
                .find(&"room".parse().unwrap())
                .unwrap()
                .edge("video")
                .unwrap()
                .borrow()
                .playlist
                .ended
        })
        .await;
        assert!(judge(&site, MEDIA).await.ends_with("#EXT-X-ENDLIST\n"));
    }
}

#[test]
fn media_doctor_finds_what_is_wrong() {
    let wrong = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXTINF:9.0,\nseg-1.m4s\n";
    let mut report = Report::new();
    check_hls_playlist(wrong, &mut report);
    assert!(report.findings().iter().any(|finding| finding.severity == Severity::Error));
}
