//! A hundred low-latency players, behind nginx with docs/nginx-cache.conf and without: what they cost the origin.

use crate::{
    hls_http::{Site, push_frames},
    hls_low_latency::{MEDIA, live},
    https_client::{HttpsClient, connect, text},
    nginx_cache::NginxCache,
    tls_front::Authority,
};
use axum::{Router, extract::Request, http::StatusCode, middleware, response::Response};
use hyper::body::Incoming;
use meetingcast::control::http::server::{
    ConnectionLimits, serve,
    tls::{CertificateFiles, load},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinHandle},
    time::Instant,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

const PLAYERS: usize = 100;
/// How long each watches.
const WATCHED: Duration = Duration::from_secs(10);
/// The frames that [`live`] has pushed already.
const BEGUN: u64 = 210;

/// Requests by kind.
type Counts = BTreeMap<&'static str, usize>;

fn kind(path: &str, query: Option<&str>) -> &'static str {
    match path.rsplit('/').next().unwrap_or_default() {
        "index.m3u8" => "multivariant",
        "media.m3u8" if query.is_some_and(|query| query.contains("_HLS_msn")) => "reload",
        "media.m3u8" => "playlist",
        name if name.starts_with("part-") => "part",
        name if name.starts_with("init-") => "init",
        _ => "other",
    }
}

/// The origin, which counts; by TLS when `files` are given.
struct Origin {
    address: SocketAddr,
    counts: Arc<Mutex<Counts>>,
    task: AbortHandle,
}

impl Origin {
    async fn start(app: Router, files: Option<CertificateFiles>) -> Self {
        let counts = Arc::new(Mutex::new(Counts::new()));
        let count = counts.clone();
        let app = app.layer(middleware::from_fn(move |request: Request, next: middleware::Next| {
            let kind = kind(request.uri().path(), request.uri().query());
            *count.lock().unwrap().entry(kind).or_default() += 1;
            next.run(request)
        }));
        let tls = match files {
            Some(files) => Some(load(files).await.unwrap().0),
            None => None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ConnectionLimits::new(PLAYERS * 2);
        let task = tokio::spawn(serve(listener, tls, app, limits, std::future::pending())).abort_handle();
        Self { address, counts, task }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a player saw.
#[derive(Default)]
struct Watched {
    /// When each part was there, by its name.
    parts: BTreeMap<String, Instant>,
    /// Hinted parts that turned out not to come.
    hints_in_vain: usize,
    errors: Vec<String>,
}

async fn answered(
    what: &str,
    asked: JoinHandle<hyper::Result<Response<Incoming>>>,
    watched: &mut Watched,
) -> Option<(StatusCode, String)> {
    match asked.await.unwrap() {
        Ok(answer) => {
            let status = answer.status();
            let text = text(answer).await;
            if status != StatusCode::OK && !(status == StatusCode::NOT_FOUND && what.contains("part-")) {
                watched.errors.push(format!("{what}: {status} {text}"));
            }
            Some((status, text))
        }
        Err(error) => {
            watched.errors.push(format!("{what}: {error}"));
            None
        }
    }
}

/// What comes after the end of a playlist: number of the segment, number of the part, the hinted part's name.
fn next(playlist: &str) -> Option<(u64, usize, String)> {
    let (_, hint) = playlist.rsplit_once("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"")?;
    let name = hint.split('"').next()?;
    let (msn, part) = name.strip_prefix("part-")?.strip_suffix(".m4s")?.split_once('.')?;
    Some((msn.parse().ok()?, part.parse().ok()?, name.to_owned()))
}

/// A player: one connection, the hinted part and the next playlist asked for together, again and again.
async fn watch(address: SocketAddr, root: CertificateDer<'static>) -> Watched {
    let mut watched = Watched::default();
    let stream = connect(address, &root, &["h2", "http/1.1"]).await.unwrap();
    let mut client = HttpsClient::http2(stream, 1 << 20).await;
    let until = Instant::now() + WATCHED;
    let asked = client.ask("/hls/room/index.m3u8");
    answered("index.m3u8", asked, &mut watched).await;
    let asked = client.ask(MEDIA);
    let Some((_, mut playlist)) = answered(MEDIA, asked, &mut watched).await else { return watched };
    let map = playlist.split_once("#EXT-X-MAP:URI=\"").and_then(|(_, rest)| rest.split('"').next());
    let asked = client.ask(&format!("/hls/room/video/{}", map.unwrap_or_default()));
    answered("initialisation segment", asked, &mut watched).await;
    while Instant::now() < until {
        let Some((msn, part, name)) = next(&playlist) else {
            watched.errors.push(format!("no hint in {playlist}"));
            return watched;
        };
        let reload = format!("{MEDIA}?_HLS_msn={msn}&_HLS_part={part}");
        let hinted = client.ask(&format!("/hls/room/video/{name}"));
        let asked = client.ask(&reload);
        match answered(&name, hinted, &mut watched).await {
            Some((StatusCode::OK, _)) => _ = watched.parts.insert(name, Instant::now()),
            _ => watched.hints_in_vain += 1,
        }
        match answered(&reload, asked, &mut watched).await {
            Some((_, text)) => playlist = text,
            None => return watched,
        }
    }
    watched
}

/// Films go on at their own pace for as long as this is awaited.
async fn film(site: &Site) {
    let began = Instant::now();
    let mut pushed = BEGUN;
    loop {
        tokio::time::sleep(Duration::from_millis(33)).await;
        let due = BEGUN + began.elapsed().as_millis() as u64 * 30 / 1000;
        if due > pushed {
            push_frames(&site.hub, pushed..due);
            pushed = due;
        }
    }
}

struct Outcome {
    counts: Counts,
    /// By how much parts came later than to the first of the players, milliseconds, in order.
    late_ms: Vec<u128>,
}

impl Outcome {
    fn total(&self) -> usize {
        self.counts.values().sum()
    }

    fn late(&self, part: f64) -> u128 {
        self.late_ms[((self.late_ms.len() - 1) as f64 * part) as usize]
    }
}

async fn run(players: usize, behind_nginx: bool) -> Outcome {
    let (site, _) = live().await;
    let (authority, folder) = (Authority::new("test"), tempfile::tempdir().unwrap());
    let identity = authority.issue("localhost");
    let files = CertificateFiles { cert: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    std::fs::write(&files.cert, &identity.cert_pem).unwrap();
    std::fs::write(&files.key, &identity.key_pem).unwrap();
    let origin = Origin::start(site.app.clone(), (!behind_nginx).then_some(files)).await;
    let nginx =
        behind_nginx.then(|| NginxCache::start(origin.address, &identity.cert_pem, &identity.key_pem));
    let address = nginx.as_ref().map_or(origin.address, |nginx| nginx.address);
    let playing: Vec<_> =
        (0..players).map(|_| tokio::spawn(watch(address, authority.certificate()))).collect();
    let mut firsts: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    let all = async {
        for player in playing {
            let watched = player.await.unwrap();
            let log = nginx.as_ref().map(NginxCache::log).unwrap_or_default();
            assert!(watched.errors.is_empty(), "{:?}\n{log}", watched.errors);
            assert!(
                watched.parts.len() >= 15,
                "{} parts, {} in vain",
                watched.parts.len(),
                watched.hints_in_vain
            );
            for (name, at) in watched.parts {
                firsts.entry(name).or_default().push(at);
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = film(&site) => {}
    }
    let mut late_ms = Vec::new();
    for times in firsts.values() {
        let first = times.iter().min().unwrap();
        late_ms.extend(times.iter().map(|at| at.duration_since(*first).as_millis()));
    }
    late_ms.sort_unstable();
    let counts = origin.counts.lock().unwrap().clone();
    Outcome { counts, late_ms }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_hundred_players_cost_the_origin_what_one_does() {
    let one = run(1, true).await;
    let hundred = run(PLAYERS, true).await;
    let ratio = hundred.total() as f64 / one.total() as f64;
    println!(
        "origin requests behind nginx: one player {:?}, {PLAYERS} players {:?}: {ratio:.2} times; parts later than \
         the first player's: p50 {} ms, p95 {} ms",
        one.counts,
        hundred.counts,
        hundred.late(0.5),
        hundred.late(0.95)
    );
    assert!(ratio <= 1.5, "{:?} against {:?}", hundred.counts, one.counts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_players_without_a_cache_are_answered_all_at_once() {
    let hundred = run(PLAYERS, false).await;
    println!(
        "{PLAYERS} players on the server itself: {:?}; parts later than the first player's: p50 {} ms, p95 {} ms",
        hundred.counts,
        hundred.late(0.5),
        hundred.late(0.95)
    );
}
