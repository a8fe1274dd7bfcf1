//! `outputs`: where the program goes.

use crate::{
    control::{
        cast::{OutputKind, OutputSpec, OutputView},
        error::ControlError,
    },
    egress::{output::OutputState, rtmp::url::RtmpUrl},
    ids::OutputId,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// An output to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputBody {
    /// Unique within the cast; `rtmp-1`, `rtmp-2` …, or the type's own name when absent.
    id: Option<String>,
    /// `rtmp`, `hls`, `recording` or `rtmp_play` (players pull it from `play.rtmp`; one per cast).
    #[serde(rename = "type")]
    #[schema(example = "rtmp")]
    kind: String,
    /// With `rtmp`: `rtmp[s]://[user:password@]host[:port]/app/key`. User name and password are sent when
    /// the server asks for them (`authmod=adobe` or `llnw`).
    #[schema(example = "rtmps://a.example/live/key")]
    url: Option<String>,
    /// With `rtmp`, where there is one: used while `url` is down. The output goes back to `url` at a
    /// keyframe, when that answers again.
    #[schema(example = "rtmps://b.example/live/key")]
    backup_url: Option<String>,
    /// With `hls`: segments go out in parts (low-latency HLS); the server's setting when absent.
    low_latency: Option<bool>,
}

impl OutputBody {
    /// An output of `kind` with nothing else said.
    pub fn of_kind(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    fn into_kind(self, at: &str, allowed_hosts: &[String]) -> Result<OutputKind, ControlError> {
        if self.low_latency.is_some() && matches!(self.kind.as_str(), "rtmp" | "recording" | "rtmp_play") {
            return Err(ControlError::invalid(
                &format!("{at}low_latency"),
                format!("an output of type {} has no low_latency", self.kind),
            ));
        }
        match self.kind.as_str() {
            "rtmp" => {
                let url = self.url.ok_or_else(|| {
                    ControlError::invalid(&format!("{at}url"), "an output of type rtmp needs url")
                })?;
                let url = rtmp(&url, allowed_hosts)?;
                let backup = self.backup_url.map(|backup| rtmp(&backup, allowed_hosts)).transpose()?;
                if backup.as_ref().is_some_and(|backup| backup.is_same_stream(&url)) {
                    let why = "backup_url is the same as url".to_owned();
                    return Err(ControlError::OutputUrlInvalid(why));
                }
                Ok(OutputKind::Rtmp { url, backup })
            }
            "hls" | "recording" | "rtmp_play" if self.url.is_some() || self.backup_url.is_some() => {
                let name = if self.url.is_some() { "url" } else { "backup_url" };
                let why = format!("an output of type {} has no {name}", self.kind);
                Err(ControlError::invalid(&format!("{at}{name}"), why))
            }
            "hls" => Ok(OutputKind::Hls { low_latency: self.low_latency }),
            "recording" => Ok(OutputKind::Recording),
            "rtmp_play" => Ok(OutputKind::RtmpPlay),
            _ => Err(ControlError::invalid(
                &format!("{at}type"),
                format!("{at}type has a value that is not allowed; allowed: rtmp, hls, recording, rtmp_play"),
            )),
        }
    }
}

fn rtmp(text: &str, allowed_hosts: &[String]) -> Result<RtmpUrl, ControlError> {
    let url = RtmpUrl::parse(text).map_err(|error| ControlError::OutputUrlInvalid(error.to_string()))?;
    let host = url.host();
    if !allowed_hosts.is_empty() && !allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
        return Err(ControlError::OutputUrlForbidden(host.to_owned()));
    }
    Ok(url)
}

/// The outputs of a start.
///
/// # Errors
/// `invalid_request`, `invalid_id`, `output_exists`, `output_url_invalid`, `output_url_forbidden`,
/// `too_many_outputs`, `not_implemented`.
pub fn into_outputs(
    bodies: Vec<OutputBody>,
    max: usize,
    allowed_hosts: &[String],
) -> Result<Vec<OutputSpec>, ControlError> {
    if bodies.is_empty() {
        return Err(ControlError::invalid("outputs", "outputs is empty; leave it out for the default ones"));
    }
    if bodies.len() > max {
        return Err(ControlError::TooManyOutputs { max });
    }
    // The ids that are named come first, so that a generated one never takes a name away.
    let mut taken = HashSet::new();
    for body in &bodies {
        if let Some(id) = &body.id {
            let id: OutputId = id.parse()?;
            if !taken.insert(id.clone()) {
                return Err(ControlError::OutputExists(id));
            }
        }
    }
    let mut outputs: Vec<OutputSpec> = Vec::with_capacity(bodies.len());
    for (index, mut body) in bodies.into_iter().enumerate() {
        let id = body.id.take();
        let kind = body.into_kind(&format!("outputs[{index}]."), allowed_hosts)?;
        if outputs.iter().any(|other| kind.excludes(&other.kind)) {
            let why = format!("a cast has one output of type {} at most", kind.name());
            return Err(ControlError::invalid(&format!("outputs[{index}].type"), why));
        }
        let id = match id {
            Some(id) => id.parse()?,
            None => free_id(&kind, &taken)?,
        };
        taken.insert(id.clone());
        let same = outputs.iter().find(|other: &&OutputSpec| kind.shares_stream_with(&other.kind));
        if let Some(other) = same {
            return Err(ControlError::OutputUrlTaken(other.id.clone()));
        }
        outputs.push(OutputSpec { id, kind });
    }
    Ok(outputs)
}

/// One output for a cast that has `existing` ones.
///
/// # Errors
/// As [`into_outputs`].
pub fn into_output(
    mut body: OutputBody,
    existing: &[OutputView],
    allowed_hosts: &[String],
) -> Result<OutputSpec, ControlError> {
    let taken: HashSet<OutputId> = existing.iter().map(|output| output.id.clone()).collect();
    let named = body.id.take().map(|id| id.parse::<OutputId>()).transpose()?;
    let kind = body.into_kind("", allowed_hosts)?;
    let id = match named {
        Some(id) => id,
        None => free_id(&kind, &taken)?,
    };
    if taken.contains(&id) {
        return Err(ControlError::OutputExists(id));
    }
    Ok(OutputSpec { id, kind })
}

fn free_id(kind: &OutputKind, taken: &HashSet<OutputId>) -> Result<OutputId, ControlError> {
    match kind {
        OutputKind::Hls { .. } | OutputKind::Recording | OutputKind::RtmpPlay => {
            let id: OutputId = kind.name().parse()?;
            if taken.contains(&id) { Err(ControlError::OutputExists(id)) } else { Ok(id) }
        }
        OutputKind::Rtmp { .. } => {
            // One more candidate than there are names taken: one of them is free.
            for number in 1..=taken.len() + 1 {
                let id: OutputId = format!("rtmp-{number}").parse()?;
                if !taken.contains(&id) {
                    return Ok(id);
                }
            }
            Err(ControlError::Internal)
        }
    }
}

/// An output of a cast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutputJson {
    /// Unique within the cast.
    pub id: String,
    /// `rtmp`, `hls`, `recording` or `rtmp_play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it goes; the stream key is `****`.
    pub url: Option<String>,
    /// Used while `url` is down; the stream key is `****`.
    pub backup_url: Option<String>,
    /// It goes, or last went, to `backup_url`.
    pub on_backup: bool,
    /// `connecting`, `live`, `retrying`, `failed` or `stopped`.
    #[schema(example = "live")]
    pub state: &'static str,
    /// Since when it is in `state`.
    #[schema(format = DateTime)]
    pub since: String,
    /// Connections lost or refused since the start.
    pub retries: u64,
    /// Media bytes handed to the network (`rtmp_play`: of all players together) or stored.
    pub bytes_sent: u64,
    /// Frames left out since the peer was too slow.
    pub frames_dropped: u64,
    /// Media that waits for a slow peer now, milliseconds (`rtmp`).
    pub queued_ms: u64,
    /// The same in bytes.
    pub queued_bytes: u64,
    /// A sentence.
    pub last_error: Option<String>,
}

impl From<&OutputView> for OutputJson {
    fn from(output: &OutputView) -> Self {
        let status = &output.status;
        Self {
            id: output.id.to_string(),
            kind: output.kind.to_owned(),
            url: output.url.clone(),
            backup_url: output.backup_url.clone(),
            on_backup: status.on_backup,
            state: match status.state {
                OutputState::Connecting => "connecting",
                OutputState::Live => "live",
                OutputState::Retrying => "retrying",
                OutputState::Failed => "failed",
                OutputState::Stopped => "stopped",
            },
            since: status.since.to_string(),
            retries: status.retries,
            bytes_sent: status.bytes_sent,
            frames_dropped: status.frames_dropped,
            queued_ms: status.queued_ms,
            queued_bytes: status.queued_bytes,
            last_error: status.last_error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(text: &str) -> Result<Vec<OutputSpec>, ControlError> {
        into_outputs(serde_json::from_str(text).unwrap(), 4, &[])
    }

    fn code(text: &str) -> &'static str {
        outputs(text).unwrap_err().code_and_status().0
    }

    #[test]
    fn absent_ids_are_made_and_never_take_a_named_one() {
        let made = outputs(
            r#"[{"type":"rtmp","url":"rtmp://h/a/k"},{"id":"rtmp-1","type":"rtmp","url":"rtmp://h/a/k2"},
                {"type":"rtmp","url":"rtmp://h/a/k3"},{"type":"hls"}]"#,
        )
        .unwrap();
        let ids: Vec<_> = made.iter().map(|output| output.id.as_str()).collect();
        assert_eq!(ids, ["rtmp-2", "rtmp-1", "rtmp-3", "hls"]);
    }

    #[test]
    fn low_latency_is_the_servers_setting_unless_said() {
        for (text, low_latency) in [
            (r#"[{"type":"hls"}]"#, None),
            (r#"[{"type":"hls","low_latency":false}]"#, Some(false)),
            (r#"[{"type":"hls","low_latency":true}]"#, Some(true)),
        ] {
            assert_eq!(outputs(text).unwrap()[0].kind, OutputKind::Hls { low_latency }, "{text}");
        }
    }

    #[test]
    fn every_bad_list_has_its_code() {
        for (text, expected) in [
            ("[]", "invalid_request"),
            (r#"[{"type":"dash"}]"#, "invalid_request"),
            (r#"[{"type":"rtmp"}]"#, "invalid_request"),
            (r#"[{"type":"hls","url":"rtmp://h/a/k"}]"#, "invalid_request"),
            (r#"[{"type":"rtmp","url":"rtmp://h/a/k","low_latency":true}]"#, "invalid_request"),
            (r#"[{"type":"hls"},{"id":"b","type":"hls"}]"#, "invalid_request"),
            (r#"[{"id":"a/b","type":"hls"}]"#, "invalid_id"),
            (r#"[{"id":"a","type":"hls"},{"id":"a","type":"rtmp","url":"rtmp://h/a/k"}]"#, "output_exists"),
            (r#"[{"type":"rtmp","url":"http://h/a/k"}]"#, "output_url_invalid"),
            (r#"[{"type":"rtmp","url":"hush"}]"#, "output_url_invalid"),
            (r#"[{"type":"rtmp","url":"rtmp://user@h/a/k"}]"#, "output_url_invalid"),
            (r#"[{"type":"rtmp","url":"rtmp://h/a/k","backup_url":"h"}]"#, "output_url_invalid"),
            (
                r#"[{"type":"rtmp","url":"rtmp://h/a/k","backup_url":"rtmps://u:p@h:1935/a/k"}]"#,
                "output_url_invalid",
            ),
            (r#"[{"type":"rtmp","backup_url":"rtmp://h/a/k"}]"#, "invalid_request"),
            (r#"[{"type":"hls","backup_url":"rtmp://h/a/k"}]"#, "invalid_request"),
            (
                r#"[{"type":"rtmp","url":"rtmp://h/a/k"},{"type":"rtmp","url":"rtmp://H:1935/a/k"}]"#,
                "output_exists",
            ),
            (
                r#"[{"type":"rtmp","url":"rtmp://h/a/k"},{"type":"rtmp","url":"rtmp://i/a/k","backup_url":"rtmp://h/a/k"}]"#,
                "output_exists",
            ),
            (r#"[{"type":"recording","url":"rtmp://h/a/k"}]"#, "invalid_request"),
            (r#"[{"type":"recording"},{"id":"b","type":"recording"}]"#, "invalid_request"),
            (r#"[{"type":"rtmp_play","low_latency":true}]"#, "invalid_request"),
            (r#"[{"type":"rtmp_play"},{"id":"b","type":"rtmp_play"}]"#, "invalid_request"),
            (r#"[{"type":"x"},{"type":"x"},{"type":"x"},{"type":"x"},{"type":"x"}]"#, "too_many_outputs"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }

    #[test]
    fn the_operators_hosts_are_the_only_ones() {
        let push = |url: &str| {
            let body = vec![OutputBody { url: Some(url.to_owned()), ..OutputBody::of_kind("rtmp") }];
            into_outputs(body, 4, &["a.example".to_owned()])
        };
        assert!(push("rtmp://A.example/live/key").is_ok());
        let backup = OutputBody {
            url: Some("rtmp://a.example/live/key".to_owned()),
            backup_url: Some("rtmp://b.example/live/hush".to_owned()),
            ..OutputBody::of_kind("rtmp")
        };
        assert_eq!(
            into_outputs(vec![backup], 4, &["a.example".to_owned()]),
            Err(ControlError::OutputUrlForbidden("b.example".to_owned()))
        );
        assert_eq!(
            push("rtmp://b.example/live/hush"),
            Err(ControlError::OutputUrlForbidden("b.example".to_owned()))
        );
    }

    #[test]
    fn no_error_repeats_a_url() {
        for url in ["http://h/a/hush", "rtmp://h/hush", "hush", "rtmps://h/a/hush", "rtmp://u:hush@/a"] {
            let body = vec![OutputBody { url: Some(url.to_owned()), ..OutputBody::of_kind("rtmp") }];
            if let Err(error) = into_outputs(body, 4, &[]) {
                assert!(!error.to_string().contains("hush"), "{error}");
            }
        }
    }
}
