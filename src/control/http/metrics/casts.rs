//! The figures of casts and their outputs as Prometheus text. Ids hold nothing that would need escaping.

use crate::{
    control::cast::{CastState, CastView},
    egress::output::OutputState,
    ids::SourceId,
    units::Dbov,
};
use std::fmt::Write;

/// One metric: name, type, help, and its samples (labels and value).
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, i128)>,
}

impl Family {
    const fn new(name: &'static str, kind: &'static str, help: &'static str) -> Self {
        Self { name, kind, help, samples: Vec::new() }
    }
}

const fn word(state: OutputState) -> &'static str {
    match state {
        OutputState::Connecting => "connecting",
        OutputState::Live => "live",
        OutputState::Retrying => "retrying",
        OutputState::Failed => "failed",
        OutputState::Stopped => "stopped",
    }
}

/// Appends the figures of all casts that were ever started and are still known.
pub fn write(text: &mut String, casts: impl Iterator<Item = CastView>) {
    let mut frames =
        Family::new("meetingcast_program_frames_total", "counter", "program frames by what became of them");
    let mut decoders =
        Family::new("meetingcast_decoders", "gauge", "publishers whose pictures are decoded for the program");
    let mut encoders = Family::new("meetingcast_encoder", "gauge", "1 for what makes the program's pictures");
    let mut fallbacks = Family::new(
        "meetingcast_encoder_fallbacks_total",
        "counter",
        "encoders that failed, so that another took over",
    );
    let mut states = Family::new("meetingcast_output_state", "gauge", "1 for the state an output is in");
    let mut bytes = Family::new("meetingcast_output_bytes_total", "counter", "media bytes delivered");
    let mut drops =
        Family::new("meetingcast_output_frames_dropped_total", "counter", "frames left out for a slow peer");
    let mut queued =
        Family::new("meetingcast_output_queued_milliseconds", "gauge", "media that waits for a slow peer");
    let mut retries =
        Family::new("meetingcast_output_retries_total", "counter", "connections that were lost or refused");
    let mut levels = Family::new(
        "meetingcast_level_dbov",
        "gauge",
        "loudness of inputs, by the numbers of their streams, and of the program in the last second or less",
    );
    for cast in casts.filter(|cast| cast.state != CastState::Idle) {
        let conference = &cast.conference;
        let program = &cast.program;
        for (result, value) in [
            ("made", program.frames),
            ("repeated", program.repeated),
            ("dropped", program.dropped),
            ("rendition_dropped", program.rendition_dropped),
        ] {
            frames.samples.push((format!("conference=\"{conference}\",result=\"{result}\""), value.into()));
        }
        decoders.samples.push((format!("conference=\"{conference}\""), cast.decoders as i128));
        encoders.samples.extend(
            program
                .encoder
                .map(|encoder| (format!("conference=\"{conference}\",encoder=\"{}\"", encoder.name()), 1)),
        );
        fallbacks.samples.push((format!("conference=\"{conference}\""), program.encoder_fallbacks.into()));
        let level = |of: &str, level: Dbov| (format!("conference=\"{conference}\",{of}"), level.get().into());
        levels.samples.extend(cast.levels.program.map(|loud| level("of=\"program\"", loud)));
        let inputs = cast.levels.sources.iter();
        levels.samples.extend(
            inputs.map(|(SourceId(number), loud)| level(&format!("of=\"input\",source=\"{number}\""), *loud)),
        );
        for output in &cast.outputs {
            let labels =
                format!("conference=\"{conference}\",output=\"{}\",type=\"{}\"", output.id, output.kind);
            let status = &output.status;
            states.samples.push((format!("{labels},state=\"{}\"", word(status.state)), 1));
            bytes.samples.push((labels.clone(), status.bytes_sent.into()));
            drops.samples.push((labels.clone(), status.frames_dropped.into()));
            queued.samples.push((labels.clone(), status.queued_ms.into()));
            retries.samples.push((labels, status.retries.into()));
        }
    }
    let families = [frames, decoders, encoders, fallbacks, levels, states, bytes, drops, queued, retries];
    for Family { name, kind, help, samples } in families {
        // Writing to a String does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::cast::{AudioChoice, OutputView, SourceState},
        egress::output::OutputStatus,
        ipc::{LevelReport, ProgramReport},
        media::EncoderKind,
    };
    use jiff::Timestamp;

    fn cast(state: CastState) -> CastView {
        let mut status = OutputStatus::connecting(Timestamp::UNIX_EPOCH);
        status.enter(OutputState::Live, Timestamp::UNIX_EPOCH);
        status.bytes_sent = 1234;
        status.retries = 2;
        CastView {
            conference: "room:1".parse().unwrap(),
            state,
            source: None,
            source_state: SourceState::Live,
            source_age_ms: None,
            audio: AudioChoice::Source,
            speaker: None,
            started_at: None,
            stopped_at: None,
            encoding: None,
            outputs: vec![OutputView {
                id: "yt".parse().unwrap(),
                kind: "rtmp",
                url: Some("rtmp://host/app/****".to_owned()),
                backup_url: None,
                status,
            }],
            shed: Vec::new(),
            program: ProgramReport {
                frames: 60,
                repeated: 1,
                encoder: Some(EncoderKind::Openh264),
                encoder_fallbacks: 1,
                ..ProgramReport::default()
            },
            file: None,
            decoders: 3,
            levels: LevelReport {
                sources: vec![(SourceId(4), Dbov::below(23))],
                program: Some(Dbov::below(20)),
            },
            error: None,
        }
    }

    #[test]
    fn every_output_of_a_cast_has_its_figures() {
        let mut text = String::new();
        write(&mut text, [cast(CastState::Live)].into_iter());
        for line in [
            "meetingcast_program_frames_total{conference=\"room:1\",result=\"made\"} 60",
            "meetingcast_decoders{conference=\"room:1\"} 3",
            "meetingcast_encoder{conference=\"room:1\",encoder=\"openh264\"} 1",
            "meetingcast_encoder_fallbacks_total{conference=\"room:1\"} 1",
            "meetingcast_level_dbov{conference=\"room:1\",of=\"program\"} -20",
            "meetingcast_level_dbov{conference=\"room:1\",of=\"input\",source=\"4\"} -23",
            "meetingcast_output_state{conference=\"room:1\",output=\"yt\",type=\"rtmp\",state=\"live\"} 1",
            "meetingcast_output_bytes_total{conference=\"room:1\",output=\"yt\",type=\"rtmp\"} 1234",
            "meetingcast_output_retries_total{conference=\"room:1\",output=\"yt\",type=\"rtmp\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("rtmp://"));
        let mut text = String::new();
        write(&mut text, [cast(CastState::Idle)].into_iter());
        assert!(!text.contains("room:1"));
    }
}
