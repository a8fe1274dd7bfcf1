//! Where and with what it was measured.

use std::process::Command;

/// The first line that a program prints.
fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("?").trim().to_owned()
}

/// Prints processor, cores, kernel, versions and the date.
pub fn print() {
    gst::init().expect("GStreamer");
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (ffmpeg, kernel) = (first_line("ffmpeg", &["-version"]), first_line("uname", &["-sr"]));
    println!(
        "- {}: {} × {}, {kernel}; load {} at the start",
        first_line("date", &["-u", "+%Y-%m-%d"]),
        std::thread::available_parallelism().map_or(0, usize::from),
        model.map_or("a processor without a name", |(_, model)| model),
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or("?"),
    );
    println!(
        "- MeetingCast {}, {}, {}, {}",
        env!("CARGO_PKG_VERSION"),
        gst::version_string(),
        ffmpeg.split(" Copyright").next().unwrap_or(&ffmpeg),
        first_line("sh", &["-c", "/usr/sbin/nginx -v 2>&1"]),
    );
}
