//! A low-latency HLS client that fetches each part as soon as it may, and notes when it came.

use crate::capture_clock::CaptureClock;
use meetingcast::publisher::recording::Recording;
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Longer than the server holds a request: three target durations.
const PATIENCE: Duration = Duration::from_secs(15);

/// A part that came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Seconds, as the playlist says.
    pub duration: f64,
    pub at: Instant,
}

/// What was fetched.
pub struct Followed {
    /// All parts one after the other behind the init segment.
    pub file: PathBuf,
    pub parts: Vec<Arrival>,
    /// Playlists that were asked for.
    pub reloads: usize,
}

impl Followed {
    /// How long after its capture the newest frame of each part had come, milliseconds; of those that could be read.
    /// `recording` is what is in the file.
    pub fn delays_ms(&self, recording: &Recording, clock: &CaptureClock, frame: Duration) -> Vec<f64> {
        let mut frames = recording.video.iter();
        let newest = |part: &Arrival| {
            let count = (part.duration / frame.as_secs_f64()).round() as usize;
            let counter = frames.by_ref().take(count).last()?.reading(0)?.counter?;
            Some(clock.delay_ms(counter, part.at))
        };
        self.parts.iter().filter_map(newest).collect()
    }
}

/// A client at work in a thread of its own.
pub struct PartFollower {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Followed>,
}

impl PartFollower {
    /// Follows one rendition's media playlist from its next whole segment on.
    pub fn start(media: &str, directory: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, media, file) = (stop.clone(), media.to_owned(), directory.join("parts.mp4"));
        let thread = std::thread::spawn(move || Client::new(&media, file).follow(&asked));
        Self { stop, thread }
    }

    /// Ends after the part that is waited for.
    pub fn finish(self) -> Followed {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("the follower found nothing wrong")
    }
}

struct Client {
    agent: ureq::Agent,
    base: String,
    file: PathBuf,
    out: File,
}

/// `part-7.2.m4s` → `(7, 2)`.
fn numbers(name: &str) -> Option<(u64, usize)> {
    let (msn, part) = name.strip_prefix("part-")?.strip_suffix(".m4s")?.split_once('.')?;
    Some((msn.parse().ok()?, part.parse().ok()?))
}

/// The value of a quoted or plain attribute of a tag.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name}="))?;
    Some(rest.split(',').next()?.trim_matches('"'))
}

impl Client {
    fn new(media: &str, file: PathBuf) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let base = media.strip_suffix("media.m3u8").expect("a media playlist's URL").to_owned();
        let out = File::create(&file).unwrap();
        Self { agent, base, file, out }
    }

    fn get(&self, name: &str) -> Vec<u8> {
        let url = format!("{}{name}", self.base);
        let mut response = self.agent.get(&url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
        response.body_mut().read_to_vec().unwrap()
    }

    fn playlist(&self, directives: &str) -> String {
        String::from_utf8(self.get(&format!("media.m3u8{directives}"))).unwrap()
    }

    fn follow(mut self, stop: &AtomicBool) -> Followed {
        let playlist = self.playlist("");
        let map = playlist.lines().find_map(|line| attribute(line, "#EXT-X-MAP:URI")).unwrap();
        self.out.write_all(&self.get(map)).unwrap();
        let hint = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT"))?;
            numbers(attribute(line, "URI")?)
        };
        let mut next = (hint(&playlist).expect("a live playlist").0 + 1, 0);
        let (mut parts, mut reloads) = (Vec::new(), 0);
        while !stop.load(Relaxed) {
            let (msn, part) = next;
            let playlist = self.playlist(&format!("?_HLS_msn={msn}&_HLS_part={part}"));
            reloads += 1;
            assert!(!playlist.contains("#EXT-X-ENDLIST"), "the stream ended under its follower");
            for line in playlist.lines().filter(|line| line.starts_with("#EXT-X-PART:")) {
                let name = attribute(line, "URI").unwrap();
                let number = numbers(name).unwrap();
                if number < next {
                    continue;
                }
                let expected = [next, (next.0 + 1, 0)];
                assert!(expected.contains(&number), "{number:?} instead of {next:?}");
                let bytes = self.get(name);
                let duration = attribute(line, "DURATION").unwrap().parse().unwrap();
                parts.push(Arrival { duration, at: Instant::now() });
                self.out.write_all(&bytes).unwrap();
                next = (number.0, number.1 + 1);
            }
        }
        Followed { file: self.file, parts, reloads }
    }
}
