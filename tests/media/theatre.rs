//! A worker with a program that shows the slate, a folder of clips, and what is seen and heard of that program.

use crate::{
    counting_clip::{self, FPS, counting_clip},
    flv_file,
    worker_process::{WorkerProcess, small_program},
};
use meetingcast::{
    ids::SourceId,
    ipc::{
        PictureSpec, ReplyError, ReplyOk, SceneSpec, SoundSpec, TileSpec, WorkerCommand, WorkerEvent,
        file::{FileAction, FileReport, FileSpec},
    },
    media::Track,
    units::MediaTime,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub const H264: &str = "-c:v libx264 -preset veryfast -g 45 -bf 2 -crf 18 -c:a aac -b:a 128k";

/// What a program showed, frame by frame.
pub struct Seen {
    /// The number on each frame, from the clip; `None`: another picture.
    pub numbers: Vec<Option<u64>>,
    /// Whether its lower half is white.
    pub flashes: Vec<bool>,
    /// The frame's number and the sample's: of the first of each run of samples that are loud.
    pub beeps: Vec<f64>,
    /// How bright each frame is: near its upper edge, and left of its middle.
    pub luma: Vec<[f64; 2]>,
    pub path: PathBuf,
}

/// Decodes it; the program is 320x180, and dark where there is no clip.
pub fn look(path: &Path, sound_behind: f64) -> Seen {
    let raw = |arguments: &[&str]| {
        let out =
            Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(arguments).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let pictures =
        raw(&["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let (mut numbers, mut flashes, mut luma) = (Vec::new(), Vec::new(), Vec::new());
    for picture in pictures.chunks_exact(320 * 180) {
        let mean = |x: u32, y: u32, w: u32, h: u32| {
            let rows =
                (y..y + h).flat_map(|row| &picture[(row * 320 + x) as usize..(row * 320 + x + w) as usize]);
            rows.map(|value| f64::from(*value)).sum::<f64>() / f64::from(w * h)
        };
        let read = counting_clip::read(mean);
        numbers.push(read.map(|(number, _)| number));
        flashes.push(read.is_some_and(|(_, flash)| flash));
        luma.push([mean(40, 4, 240, 8), mean(20, 60, 60, 40)]);
    }
    let sound = raw(&["-map", "0:a:0", "-f", "f32le", "-ac", "1", "-ar", "48000", "-"]);
    let samples: Vec<f32> =
        sound.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let mut beeps = Vec::new();
    let mut quiet = 4800;
    for (index, sample) in samples.iter().enumerate() {
        if sample.abs() > 0.15 {
            if quiet >= 4800 {
                beeps.push(index as f64 / 48_000.0 + sound_behind);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    Seen { numbers, flashes, beeps, luma, path: path.to_owned() }
}

impl Seen {
    /// The frames from the first to the last that show the clip.
    pub fn shown(&self) -> Vec<Option<u64>> {
        let first = self.numbers.iter().position(Option::is_some).expect("the clip");
        let last = self.numbers.iter().rposition(Option::is_some).unwrap_or(first);
        self.numbers[first..=last].to_vec()
    }

    /// How far beeps are behind their flashes, milliseconds: of each flash of a single frame.
    pub fn offsets(&self) -> Vec<f64> {
        let starts = (1..self.flashes.len()).filter(|n| self.flashes[*n] && !self.flashes[n - 1]);
        let off = |frame: usize| {
            let at = frame as f64 / FPS as f64;
            let nearest = self.beeps.iter().map(|beep| beep - at).min_by(|a, b| a.abs().total_cmp(&b.abs()));
            nearest.unwrap_or(f64::INFINITY) * 1000.0
        };
        starts.map(off).collect()
    }
}

pub fn shows(source: SourceId) -> SceneSpec {
    let tile = TileSpec { source: Some(source), label: "file".to_owned(), video_muted: false };
    SceneSpec { picture: PictureSpec::Full(tile), sound: vec![SoundSpec { source, gain: 1.0 }] }
}

pub fn slate() -> SceneSpec {
    SceneSpec { picture: PictureSpec::Slate, sound: Vec::new() }
}

/// A worker with a program that shows the slate, and a folder of clips.
pub struct Theatre {
    pub worker: WorkerProcess,
    pub dir: tempfile::TempDir,
    opened: u32,
}

impl Theatre {
    pub async fn open() -> Self {
        let mut worker = WorkerProcess::start().await;
        let mut program = small_program();
        program.slate.colour = 0x00_70_70_70;
        program.encoding.video_kbps = 1500;
        let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
        assert_eq!(started, Ok(ReplyOk::ProgramStarted));
        Self { worker, dir: tempfile::tempdir().unwrap(), opened: 0 }
    }

    pub async fn play(
        &mut self,
        spec: FileSpec,
        after: Option<SceneSpec>,
    ) -> (SourceId, Result<ReplyOk, ReplyError>) {
        self.opened += 1;
        let source = SourceId::of_file(self.opened);
        self.worker.commands.send(&WorkerCommand::OpenFile { source, file: spec }).await.unwrap();
        if let Some(scene) = after {
            self.worker.commands.send(&WorkerCommand::AfterFile { source, scene }).await.unwrap();
        }
        (source, self.worker.switch(shows(source), 3000).await)
    }

    pub fn spec(&self, name: &str) -> FileSpec {
        FileSpec {
            dir: self.dir.path().to_owned(),
            name: name.to_owned(),
            repeat: false,
            from_ms: 0,
            paused: false,
        }
    }

    pub fn clip(&self, name: &str, seconds: u32, coders: &str) -> FileSpec {
        counting_clip(&self.dir.path().join(name), seconds, coders);
        self.spec(name)
    }

    pub async fn ended(&mut self, source: SourceId) -> MediaTime {
        let end = |worker: &WorkerProcess| {
            worker.others.iter().find_map(|event| match event {
                WorkerEvent::FileEnded { source: which, pts } if *which == source => Some(*pts),
                _ => None,
            })
        };
        self.worker.until("the file's end", |worker| end(worker).is_some()).await;
        end(&self.worker).unwrap()
    }

    pub async fn frames(&mut self, count: usize) {
        let until = self.worker.track(Track::Video).len() + count;
        self.worker.until("frames", |worker| worker.track(Track::Video).len() >= until).await;
    }

    pub async fn control(&mut self, source: SourceId, action: FileAction) -> Result<FileReport, ReplyError> {
        let moved = self.worker.ask(|request| WorkerCommand::ControlFile { request, source, action }).await;
        moved.map(|moved| match moved {
            ReplyOk::FileMoved(report) => report,
            other => panic!("{other:?}"),
        })
    }

    pub async fn stop(mut self, name: &str) -> (Seen, u64) {
        self.frames(15).await;
        self.worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();
        let path = self.dir.path().join(format!("{name}.flv"));
        flv_file::write(&path, &self.worker.configs, &self.worker.frames);
        if let Ok(keep) = std::env::var("KEEP_MEDIA") {
            std::fs::create_dir_all(&keep).unwrap();
            std::fs::copy(&path, Path::new(&keep).join(format!("{name}.flv"))).unwrap();
        }
        let [first, sound] = [Track::Video, Track::Audio].map(|track| self.worker.track(track)[0].pts.0);
        // A program that begins on a busy machine loses some of its first sound; what decodes it does not see the gap.
        let sounds = self.worker.track(Track::Audio);
        let whole = (sounds.len() - 1) as f64 * 1024.0 / 48_000.0;
        let lost = (sounds[sounds.len() - 1].pts.0 - sound) as f64 / 1e9 - whole;
        let sound_behind = (sound as f64 - first as f64) / 1e9 + lost;
        (tokio::task::spawn_blocking(move || look(&path, sound_behind)).await.unwrap(), first)
    }
}

pub fn frame_of(pts: MediaTime, first: u64) -> usize {
    (((pts.0 - first) * FPS + 500_000_000) / 1_000_000_000) as usize
}
