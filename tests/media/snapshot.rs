//! A still of the program is a JPEG of what it shows now.

use crate::{
    turn::one_at_a_time,
    worker_process::{WorkerProcess, small_program},
};
use meetingcast::ipc::{ReplyError, ReplyOk, WorkerCommand};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_still_shows_the_program() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let early = worker.ask(|request| WorkerCommand::Snapshot { request }).await;
    assert!(matches!(early, Err(ReplyError::WrongState { .. })), "{early:?}");
    let started =
        worker.ask(|request| WorkerCommand::StartProgram { request, program: small_program() }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    let directory = tempfile::tempdir().unwrap();
    for n in 0..2 {
        let still = worker.ask(|request| WorkerCommand::Snapshot { request }).await;
        let Ok(ReplyOk::Snapshot { jpeg }) = still else { panic!("{still:?}") };
        let path = directory.path().join(format!("still-{n}.jpg"));
        std::fs::write(&path, &jpeg).unwrap();
        if let Ok(keep) = std::env::var("KEEP_MEDIA") {
            std::fs::copy(&path, std::path::Path::new(&keep).join("still.jpg")).unwrap();
        }
        // The corner of the slate, as ffmpeg decodes it: its colour is 0x204060.
        let decoded = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&path)
            .args(["-vf", "crop=16:16:0:0,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()
            .unwrap();
        let near = |seen: u8, wanted: u8| seen.abs_diff(wanted) <= 6;
        let [red, green, blue] = decoded.stdout[..] else { panic!("{decoded:?}") };
        assert!(near(red, 0x20) && near(green, 0x40) && near(blue, 0x60), "{red:02x}{green:02x}{blue:02x}");
        let size = Command::new("ffprobe")
            .args(["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&size.stdout).trim(), "mjpeg,320,180");
    }
}
