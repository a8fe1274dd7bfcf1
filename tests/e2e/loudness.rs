//! The program's loudness, by another's meter.

use crate::{
    server::one_at_a_time,
    stage::{ROOM, Stage},
};
use serde_json::json;
use std::{path::Path, process::Command, time::Duration};

/// Integrated loudness and true peak of a file from a second on, by ffmpeg (EBU R 128).
fn measure(path: &Path, from_s: u32) -> (f64, f64) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-ss", &from_s.to_string(), "-i"])
        .arg(path)
        .args(["-vn", "-af", "ebur128=peak=true", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, summary) = text.rsplit_once("Summary:").unwrap_or_else(|| panic!("{text}"));
    let number = |name: &str| {
        let (_, rest) = summary.split_once(name).unwrap_or_else(|| panic!("{summary}"));
        rest.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    (number("I:"), number("Peak:"))
}

#[test]
fn quiet_participants_come_to_the_target_and_peaks_stay_below_it() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[("ENCODING__LOUDNESS_LUFS", "-16")]);
    let quiet = stage.join(stage.options(0, "quiet"));
    let loud = stage.join(stage.options(1, "loud"));
    stage.seen("quiet");
    stage.seen("loud");
    stage.patch("quiet", json!({"gain_db": -8.0}));
    stage.patch("loud", json!({"gain_db": 16.0}));
    let measured = |who: &str| {
        let take = stage.start(json!({"participant": who}), 320, 180);
        let cast = stage.server.call("GET", &format!("/v1/conferences/{ROOM}/cast"), None).body;
        assert_eq!(cast["encoding"]["loudness_lufs"], -16);
        std::thread::sleep(Duration::from_secs(20));
        let (cast, path) = stage.stop(take, who);
        assert_eq!(cast["program"]["dropped"], 0, "{cast}");
        (measure(&path, 0), measure(&path, 13))
    };
    for who in ["quiet", "loud"] {
        let ((_, peak), (settled, _)) = measured(who);
        println!("{who}: {settled} LUFS from second 13 on, true peak {peak} dBFS from the beginning");
        assert!((settled + 16.0).abs() <= 1.0, "{who}: {settled} LUFS");
        // A coder adds a little to the -1 dB that samples keep to.
        assert!(peak <= 0.0, "{who}: {peak} dBFS");
    }
    stage.leave(quiet);
    stage.leave(loud);
}
