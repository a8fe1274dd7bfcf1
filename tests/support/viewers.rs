//! Many low-latency HLS viewers without eyes: each follows the playlist's hints and fetches every part.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Longer than the server holds a request: three target durations.
const PATIENCE: Duration = Duration::from_secs(20);

/// When a viewer had each part: `(msn, part)`.
pub type Arrivals = BTreeMap<(u64, usize), Instant>;

/// `count` viewers of a media playlist until `until`. Every request must be answered as it should.
pub async fn watch(media: &str, count: usize, until: Instant) -> Vec<Arrivals> {
    // reqwest makes no client without one, though none of these speaks TLS. A second call finds the first's.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut viewers = JoinSet::new();
    for _ in 0..count {
        let media = media.to_owned();
        // A client of its own each: viewers do not share connections.
        viewers.spawn(async move { Viewer::new(media).follow(until).await });
    }
    viewers.join_all().await
}

struct Viewer {
    client: reqwest::Client,
    media: String,
}

/// The next part: what the preload hint names.
fn hint(playlist: &str) -> Option<(u64, usize)> {
    let line = playlist.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT"))?;
    let name = line.split("URI=\"").nth(1)?.strip_suffix("\"")?;
    let (msn, part) = name.strip_prefix("part-")?.strip_suffix(".m4s")?.split_once('.')?;
    Some((msn.parse().ok()?, part.parse().ok()?))
}

impl Viewer {
    fn new(media: String) -> Self {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { client, media }
    }

    async fn get(&self, url: String) -> Option<bytes::Bytes> {
        let response = self.client.get(&url).send().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        // A hinted part is none when its segment ends without it.
        if response.status() == 404 && url.contains("/part-") {
            return None;
        }
        assert_eq!(response.status(), 200, "{url}");
        Some(response.bytes().await.unwrap_or_else(|error| panic!("{url}: {error}")))
    }

    async fn playlist(&self, directives: &str) -> String {
        let text = self.get(format!("{}{directives}", self.media)).await.unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    /// Asks for the hinted part and for the playlist that lists it at once, as players do.
    async fn follow(self, until: Instant) -> Arrivals {
        let mut arrivals = Arrivals::new();
        let mut next = hint(&self.playlist("").await).expect("a low-latency playlist");
        while Instant::now() < until {
            let (msn, part) = next;
            let name = self.media.replace("media.m3u8", &format!("part-{msn}.{part}.m4s"));
            let fetch = async { self.get(name).await.map(|bytes| (bytes.len(), Instant::now())) };
            let reload = format!("?_HLS_msn={msn}&_HLS_part={part}");
            let (fetched, playlist) = tokio::join!(fetch, self.playlist(&reload));
            if let Some((length, at)) = fetched {
                assert!(length > 0, "an empty part {msn}.{part}");
                arrivals.insert((msn, part), at);
            }
            match hint(&playlist) {
                Some(hinted) => next = hinted,
                None => break,
            }
        }
        arrivals
    }
}
