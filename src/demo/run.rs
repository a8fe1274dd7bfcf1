//! `meetingcast demo`: a server, participants made of test media, a cast to a local RTMP receiver and to
//! HLS, a switch every few seconds — and at the end a judgement on what was *received*.

use super::{
    hls_recorder::{HlsRecorder, HlsRecorderError},
    judge::{Expected, Verdict, judge},
    rtmp_sink::RtmpSink,
    server_process::{ServerError, ServerProcess},
};
use crate::publisher::{
    client::{PublishError, Publisher},
    options::PublishOptions,
    source::monotonic_ns,
    viewer::ViewError,
};
use serde_json::{Value, json};
use std::{io, path::PathBuf, time::Duration};
use tokio::time::Instant;

/// The demo's conference.
const CONFERENCE: &str = "demo";
/// Who is on the air changes this often.
const SWITCH_EVERY: Duration = Duration::from_secs(4);
/// Participants must be seen by the server within.
const JOIN_DEADLINE: Duration = Duration::from_secs(20);
/// A receiver that still waits for the end of the stream is left after.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Participants, 1 to 16.
    pub participants: usize,
    /// End by itself after, with a judgement; `None`: when told to.
    pub seconds: Option<u32>,
}

/// Why a demo did not run, or was not good.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("running the server")]
    Server(#[from] ServerError),
    #[error("publishing")]
    Publish(#[from] PublishError),
    #[error("participant {name} did not come into the conference")]
    NotSeen { name: String },
    #[error("receiving RTMP")]
    Rtmp(#[source] io::Error),
    #[error("keeping what was received")]
    Keep(#[source] io::Error),
    #[error("recording HLS")]
    Hls(#[from] HlsRecorderError),
    #[error("looking at what was received")]
    View(#[from] ViewError),
    #[error("a task of the demo panicked")]
    Panicked,
    #[error("what was received is not as it should be: {}", .0.join("; "))]
    Wrong(Vec<String>),
}

/// Runs the demo until its time is over or Ctrl-C.
///
/// # Errors
/// Something did not run, or what was received is wrong.
pub async fn run(options: DemoOptions) -> Result<(), DemoError> {
    let directory = Scratch::new().map_err(DemoError::Keep)?;
    let server = ServerProcess::start(&directory.0.join("data")).await?;
    println!("server     {}", server.base());
    let sink = RtmpSink::bind("127.0.0.1:0").await.map_err(DemoError::Rtmp)?;
    let names: Vec<String> = (0..options.participants).map(|n| format!("p{}", n + 1)).collect();
    let publishers = join(&server, &names).await?;

    let cast = format!("/v1/conferences/{CONFERENCE}/cast");
    let push = format!("rtmp://{}/live/demo", sink.local_addr());
    let outputs = json!([{"id": "hls", "type": "hls"}, {"id": "push", "type": "rtmp", "url": push}]);
    let start = json!({"participant": names[0], "outputs": outputs});
    let started = server.call("POST", &format!("{cast}/start"), Some(start)).await?;
    let hls = started["play"]["hls"].as_str().unwrap_or_default().to_owned();
    println!("play (HLS) {hls}");
    println!("pushed to  rtmp://{}/live/**** (a receiver of the demo's own)", sink.local_addr());
    println!(
        "control    curl -X POST {}{cast}/switch --json '{{\"participant\":\"{}\"}}'",
        server.base(),
        names[names.len() - 1]
    );
    let recorder = HlsRecorder::start(&hls, &directory.0)?;

    let switches = show(&server, &cast, &names, options.seconds).await?;

    let stopped = server.call("POST", &format!("{cast}/stop"), None).await?;
    let recording = tokio::task::spawn_blocking(move || recorder.finish());
    let ended = tokio::time::timeout(END_DEADLINE, sink_ended(&sink)).await;
    let hls_recording = recording.await.map_err(|_| DemoError::Panicked)??;
    for publisher in publishers {
        publisher.stop().await?;
    }
    server.stop().await?;
    if options.seconds.is_none() {
        return Ok(());
    }

    let flv = directory.0.join("rtmp.flv");
    sink.write_flv(&flv).await.map_err(DemoError::Keep)?;
    let fps = stopped["encoding"]["fps"].as_u64().unwrap_or(30) as u32;
    let expected = Expected { switches, fps };
    let verdict = tokio::task::spawn_blocking(move || -> Result<Verdict, DemoError> {
        let mut verdict = judge("RTMP", &[flv], expected)?;
        verdict.merge(judge("HLS", &hls_recording.files, expected)?);
        verdict.check(hls_recording.ended, "the HLS playlist did not end");
        verdict.check(hls_recording.missed == 0, "HLS segments were missed");
        Ok(verdict)
    })
    .await
    .map_err(|_| DemoError::Panicked)??;
    println!("\n{}", verdict.summary);
    let mut faults = verdict.faults;
    if ended.is_err() {
        faults.push("the RTMP stream did not end cleanly".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(DemoError::Wrong(faults)) }
}

async fn sink_ended(sink: &RtmpSink) {
    while sink.publishers().1 == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts the publishers, and waits until the server sees the picture of each.
async fn join(server: &ServerProcess, names: &[String]) -> Result<Vec<Publisher>, DemoError> {
    let epoch = monotonic_ns();
    let mut publishers = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let whip = format!("{}/v1/conferences/{CONFERENCE}/whip?participant={name}", server.base());
        let mut options = PublishOptions::participant(number, &whip);
        options.name = name.to_uppercase();
        options.reconnect = true;
        options.epoch_ns = Some(epoch);
        publishers.push(Publisher::start(options)?);
    }
    let deadline = Instant::now() + JOIN_DEADLINE;
    for name in names {
        let path = format!("/v1/conferences/{CONFERENCE}/participants/{name}");
        loop {
            let seen = server.call("GET", &path, None).await;
            if seen.is_ok_and(|participant| participant["streams"][0]["width"].is_u64()) {
                break;
            }
            if Instant::now() >= deadline {
                return Err(DemoError::NotSeen { name: name.clone() });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    println!("joined     {}", names.join(", "));
    Ok(publishers)
}

/// Switches around until the time is over; returns how often the picture changed.
async fn show(
    server: &ServerProcess,
    cast: &str,
    names: &[String],
    seconds: Option<u32>,
) -> Result<usize, DemoError> {
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let mut next_switch = Instant::now() + SWITCH_EVERY;
    let (mut on_air, mut switches, mut took) = (0, 0, Value::Null);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut interrupt => break,
        }
        let now = Instant::now();
        if end.is_some_and(|end| now >= end) {
            break;
        }
        // No switch just before the end: what it did could not be seen any more.
        let late = end.is_some_and(|end| now + Duration::from_secs(2) > end);
        if now >= next_switch && names.len() > 1 && !late {
            next_switch += SWITCH_EVERY;
            on_air = (on_air + 1) % names.len();
            let body = json!({"participant": names[on_air]});
            let result = server.call("POST", &format!("{cast}/switch"), Some(body)).await?;
            took = result["took_ms"].clone();
            switches += 1;
        }
        let status = server.call("GET", cast, None).await?;
        println!("{}", status_line(&status, &names[on_air], &took));
    }
    Ok(switches)
}

fn status_line(cast: &Value, on_air: &str, took: &Value) -> String {
    let outputs: Vec<String> = cast["outputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|output| {
            let kib = output["bytes_sent"].as_u64().unwrap_or(0) / 1024;
            format!(
                "{} {} {kib} KiB",
                output["id"].as_str().unwrap_or("?"),
                output["state"].as_str().unwrap_or("?")
            )
        })
        .collect();
    let took = took.as_u64().map_or(String::new(), |ms| format!(" (switched in {ms} ms)"));
    format!(
        "{:8} on air: {on_air}{took} | {} | frames {} repeated {} dropped {}",
        cast["state"].as_str().unwrap_or("?"),
        outputs.join(", "),
        cast["program"]["frames"],
        cast["program"]["repeated"],
        cast["program"]["dropped"],
    )
}

/// A directory that goes away with the demo.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("meetingcast-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
