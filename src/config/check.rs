//! What types cannot say: ranges and relations. Every fault is a sentence that names the key and what
//! is allowed; a secret's value is never in it.

use super::{
    AuthMode, Config,
    encoding::{Numbers, PRESETS},
    ice::{StunServer, TurnServer},
    layouts, pictures,
    recording::RecordingStore,
};
use crate::{control::http::server::tls::CertificateFiles, egress::rtmp::publisher::read_ca_file};
use std::{collections::HashSet, ops::RangeInclusive, time::Duration};
use tracing_subscriber::EnvFilter;

/// RFC 7518 §3.2: an HS256 key has at least the size of the hash.
const MIN_SECRET_BYTES: usize = 32;
/// A watchdog that allows fewer missed heartbeats would kill workers for a scheduler's hiccup.
const MIN_MISSED_HEARTBEATS: u32 = 4;
/// A hundred years: longest age of a recording.
const MAX_AGE_S: u64 = 100 * 366 * 86_400;
/// A day: longest of all times that are counted in seconds.
pub(super) const DAY_S: u32 = 86_400;

impl Config {
    /// Everything that is wrong, one sentence each; empty when the server can start with it.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Faults(Vec::new());
        self.check_server(&mut faults);
        self.check_auth(&mut faults);
        self.check_limits(&mut faults);
        self.check_webrtc(&mut faults);
        self.check_cast(&mut faults);
        self.check_encoding(&mut faults);
        faults.0.extend(layouts::faults(&self.layouts));
        faults.0.extend(pictures::faults(&self.pictures, &self.limits));
        self.media.check(&mut faults);
        self.check_egress(&mut faults);
        self.check_recording(&mut faults);
        self.webhooks.check(&mut faults);
        self.check_worker(&mut faults);
        faults.0
    }

    fn check_server(&self, faults: &mut Faults) {
        let url = &self.server.public_url;
        let good = url.is_empty()
            || url::Url::parse(url).is_ok_and(|parsed| {
                matches!(parsed.scheme(), "http" | "https")
                    && parsed.host().is_some()
                    && parsed.username().is_empty()
                    && parsed.password().is_none()
                    && parsed.query().is_none()
                    && parsed.fragment().is_none()
                    && !url.ends_with('/')
            });
        if !good {
            faults.add(
                "server.public_url",
                "is not usable",
                "\"\" or http(s)://host[:port][/path] without a slash at the end, a query or a password",
            );
        }
        if self.server.data_dir.as_os_str().is_empty() {
            faults.add("server.data_dir", "is empty", "a directory");
        }
        faults.range("server.shutdown_timeout_s", self.server.shutdown_timeout_s, 1..=300, "s");
        self.check_tls(faults);
        if EnvFilter::try_new(&self.log.filter).is_err() {
            faults.add(
                "log.filter",
                &format!("= {:?} is not allowed", self.log.filter),
                "a tracing filter such as \"info\" or \"warn,meetingcast=debug\"",
            );
        }
    }

    fn check_tls(&self, faults: &mut Faults) {
        let tls = &self.server.tls;
        let allowed = "\"\" for both server.tls.cert and server.tls.key, or a PEM file for each";
        match (tls.cert.as_str(), tls.key.as_str()) {
            ("", "") => {}
            ("", _) => faults.add("server.tls.cert", "is empty, but server.tls.key is not", allowed),
            (_, "") => faults.add("server.tls.key", "is empty, but server.tls.cert is not", allowed),
            (cert, key) => {
                if let Err(error) = (CertificateFiles { cert: cert.into(), key: key.into() }).read() {
                    faults.add("server.tls", &format!("cannot be used ({error})"), allowed);
                }
            }
        }
    }

    fn check_auth(&self, faults: &mut Faults) {
        if self.auth.mode == AuthMode::Token && self.auth.keys.is_empty() {
            faults.add("auth.keys", "is empty", "at least one [[auth.keys]] when auth.mode = \"token\"");
        }
        let mut ids = HashSet::new();
        for (index, key) in self.auth.keys.iter().enumerate() {
            let name = |field: &str| format!("auth.keys[{index}].{field}");
            let id_ok = (1..=128).contains(&key.id.len()) && key.id.bytes().all(|b| b.is_ascii_graphic());
            if !id_ok {
                faults.add(
                    &name("id"),
                    "is not allowed",
                    "1 to 128 printable ASCII characters without spaces",
                );
            }
            if !ids.insert(&key.id) {
                faults.add(&name("id"), "stands twice", "ids that differ");
            }
            if key.secret.expose().len() < MIN_SECRET_BYTES {
                faults.add(&name("secret"), "is too short", "at least 32 bytes");
            }
        }
    }

    fn check_limits(&self, faults: &mut Faults) {
        let limits = &self.limits;
        faults.range("limits.max_body_bytes", limits.max_body_bytes, 1024..=16 * 1024 * 1024, "bytes");
        faults.range("limits.max_sdp_bytes", limits.max_sdp_bytes, 1024..=1024 * 1024, "bytes");
        faults.range("limits.request_timeout_s", limits.request_timeout_s, 1..=300, "s");
        faults.range("limits.max_conferences", limits.max_conferences, 1..=10_000, "conferences");
        faults.range("limits.max_participants", limits.max_participants, 1..=100, "participants");
        faults.range("limits.max_subscribers", limits.max_subscribers, 0..=1000, "subscribers");
        // A link to a worker takes messages of 16 MiB.
        faults.range("limits.max_picture_bytes", limits.max_picture_bytes, 1024..=8 * 1024 * 1024, "bytes");
        faults.range("limits.max_pictures", limits.max_pictures, 0..=100, "pictures");
        faults.range("limits.max_outputs", limits.max_outputs, 1..=64, "outputs");
        faults.range("limits.max_clients", limits.max_clients, 1..=100_000, "clients");
        faults.range("limits.max_event_streams", limits.max_event_streams, 0..=10_000, "readers");
        faults.range("limits.max_connections", limits.max_connections, 16..=100_000, "connections");
        faults.range("limits.max_load", limits.max_load, 0.0..=1.0, "of the cores");
        let timeout_ms = limits.request_timeout_s.saturating_mul(1000);
        for (key, value) in [
            ("cast.start_timeout_ms", self.cast.start_timeout_ms),
            ("switching.switch_timeout_ms", self.switching.switch_timeout_ms),
            ("worker.launch_timeout_ms", self.worker.launch_timeout_ms),
        ] {
            if value >= timeout_ms {
                faults.add(
                    "limits.request_timeout_s",
                    &format!("= {} is not longer than {key} = {value}", limits.request_timeout_s),
                    "more, so that a request's own deadline answers first",
                );
            }
        }
    }

    fn check_webrtc(&self, faults: &mut Faults) {
        let webrtc = &self.webrtc;
        let (min, max) = (webrtc.udp_port_min, webrtc.udp_port_max);
        if min > max || (min == 0) != (max == 0) {
            faults.add(
                "webrtc.udp_port_min",
                &format!("= {min} and webrtc.udp_port_max = {max} are not allowed together"),
                "both 0, or 1 to 65535 with min not above max",
            );
        }
        if !webrtc.stun_server.is_empty() && StunServer::parse(&webrtc.stun_server).is_none() {
            faults.add("webrtc.stun_server", "is not usable", "\"\" or stun:host:port");
        }
        for (index, turn) in webrtc.turn_servers.iter().enumerate() {
            let server = TurnServer::parse(turn);
            let secret = !webrtc.turn_secret.expose().is_empty();
            if server.as_ref().is_some_and(|server| server.credentials.is_none()) && !secret {
                faults.add(
                    &format!("webrtc.turn_servers[{index}]"),
                    "has no user and password, and webrtc.turn_secret is not set",
                    "turn:user:password@host:port, or turn:host:port with webrtc.turn_secret",
                );
            }
            if server.is_none() {
                faults.add(
                    &format!("webrtc.turn_servers[{index}]"),
                    "is not usable",
                    "turn:user:password@host:port or turns:user:password@host:port, without user:password@ when \
                     webrtc.turn_secret is set",
                );
            }
        }
        faults.range("webrtc.turn_ttl_s", webrtc.turn_ttl_s, 60..=604_800, "s");
        faults.range("webrtc.inactivity_timeout_s", webrtc.inactivity_timeout_s, 2..=600, "s");
        faults.range("webrtc.jitter_ms", webrtc.jitter_ms, 0..=2000, "ms");
        faults.range("conference.empty_timeout_s", self.conference.empty_timeout_s, 1..=DAY_S, "s");
    }

    fn check_cast(&self, faults: &mut Faults) {
        let cast = &self.cast;
        if cast.default_outputs.len() != 1 || cast.default_outputs.iter().any(|kind| kind != "hls") {
            faults.add(
                "cast.default_outputs",
                &format!("= {:?} is not allowed", cast.default_outputs),
                "[\"hls\"]; an RTMP output needs a URL, which only a start can name",
            );
        }
        faults.range("cast.idle_timeout_s", cast.idle_timeout_s, 1..=DAY_S, "s");
        faults.range("cast.start_timeout_ms", cast.start_timeout_ms, 1000..=120_000, "ms");
        for (index, host) in cast.allowed_output_hosts.iter().enumerate() {
            if host.is_empty() || host.contains(['/', ' ', '@', '*']) {
                faults.add(
                    &format!("cast.allowed_output_hosts[{index}]"),
                    "is not usable",
                    "a host name or an IP address, without scheme, port or path",
                );
            }
        }
        faults.range("switching.switch_timeout_ms", self.switching.switch_timeout_ms, 100..=60_000, "ms");
        faults.range("switching.hot_max", self.switching.hot_max, 0..=16, "sources");
        if self.switching.standby_height != 0 {
            faults.range(
                "switching.standby_height",
                self.switching.standby_height,
                90..=2160,
                "pixels, or 0",
            );
        }
        let colour = self.program.background.strip_prefix('#');
        if !colour.is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            faults.add("program.background", "is not a colour", "#rrggbb, six hexadecimal digits");
        }
        faults.range("program.stall_hold_ms", self.program.stall_hold_ms, 0..=60_000, "ms");
        if self.program.animate_ms != 0 {
            faults.range("program.animate_ms", self.program.animate_ms, 100..=2000, "ms, or 0");
        }
    }

    fn check_encoding(&self, faults: &mut Faults) {
        let encoding = &self.encoding;
        let numbers = Numbers {
            width: encoding.width,
            height: encoding.height,
            fps: encoding.fps,
            video_kbps: encoding.video_kbps,
            audio_kbps: encoding.audio_kbps,
            keyframe_ms: encoding.keyframe_ms,
            loudness_lufs: encoding.loudness_lufs,
        };
        for fault in numbers.faults().into_iter().chain(numbers.rendition_faults(&encoding.renditions)) {
            faults.0.push(format!("encoding.{fault}"));
        }
        if !PRESETS.contains(&encoding.preset.as_str()) {
            faults.add(
                "encoding.preset",
                &format!("= {:?} is not allowed", encoding.preset),
                &PRESETS.join(", "),
            );
        }
    }

    fn check_egress(&self, faults: &mut Faults) {
        let rtmp = &self.rtmp;
        faults.range("rtmp.max_players", rtmp.max_players, 1..=10_000, "players");
        faults.range("rtmp.stage_timeout_ms", rtmp.stage_timeout_ms, 100..=60_000, "ms");
        faults.range("rtmp.stall_timeout_ms", rtmp.stall_timeout_ms, 500..=120_000, "ms");
        faults.range("rtmp.backoff_min_ms", rtmp.backoff_min_ms, 50..=60_000, "ms");
        faults.range("rtmp.backoff_max_ms", rtmp.backoff_max_ms, 50..=600_000, "ms");
        faults.ordered(
            ("rtmp.backoff_min_ms", rtmp.backoff_min_ms),
            ("rtmp.backoff_max_ms", rtmp.backoff_max_ms),
        );
        faults.range("rtmp.backoff_reset_s", rtmp.backoff_reset_s, 1..=DAY_S, "s");
        faults.range("rtmp.give_up_after_s", rtmp.give_up_after_s, 0..=DAY_S, "s");
        let file = &rtmp.extra_ca_file;
        if !file.is_empty()
            && let Err(error) = read_ca_file(file.as_ref())
        {
            faults.add(
                "rtmp.extra_ca_file",
                &format!("= {file:?} cannot be used ({error})"),
                "\"\" or a file of PEM certificates",
            );
        }
        faults.range("rtmp.max_queue_ms", rtmp.max_queue_ms, 500..=60_000, "ms");
        faults.range("rtmp.max_queue_bytes", rtmp.max_queue_bytes, 65_536..=1 << 30, "bytes");
        let hls = &self.hls;
        faults.range("hls.segment_ms", hls.segment_ms, 500..=10_000, "ms");
        faults.range("hls.window_s", hls.window_s, 3..=DAY_S, "s");
        faults.range("hls.keep_s", hls.keep_s, 0..=DAY_S, "s");
        faults.range("hls.part_ms", hls.part_ms, 200..=hls.segment_ms.clamp(200, 5000), "ms");
    }

    fn check_recording(&self, faults: &mut Faults) {
        let recording = &self.recording;
        if RecordingStore::parse(&recording.store).is_none() {
            faults.add(
                "recording.store",
                &format!("= {:?} is not usable", recording.store),
                "\"\", a folder, file:///folder or s3://bucket/prefix",
            );
        }
        faults.range("recording.max_age_s", recording.max_age_s, 0..=MAX_AGE_S, "s");
        // A TOML number has 63 bits.
        faults.range("recording.max_total_bytes", recording.max_total_bytes, 0..=i64::MAX as u64, "bytes");
        let endpoint = &recording.s3_endpoint;
        let good = endpoint.is_empty()
            || url::Url::parse(endpoint).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.host().is_some()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
        if !good {
            faults.add(
                "recording.s3_endpoint",
                "is not usable",
                "\"\" or http(s)://host[:port], without a password",
            );
        } else if endpoint.starts_with("http://") && !recording.s3_allow_http {
            faults.add(
                "recording.s3_endpoint",
                "is not encrypted",
                "https://, or http:// with recording.s3_allow_http = true",
            );
        }
        let region = &recording.s3_region;
        if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            faults.add(
                "recording.s3_region",
                &format!("= {region:?} is not a region"),
                "a name such as \"us-east-1\"",
            );
        }
        if recording.s3_access_key_id.is_empty() != recording.s3_secret_access_key.expose().is_empty() {
            faults.add(
                "recording.s3_access_key_id",
                "and recording.s3_secret_access_key are not both there",
                "both, or neither",
            );
        }
    }

    fn check_worker(&self, faults: &mut Faults) {
        let worker = &self.worker;
        faults.range("worker.launch_timeout_ms", worker.launch_timeout_ms, 500..=120_000, "ms");
        faults.range("worker.heartbeat_ms", worker.heartbeat_ms, 50..=10_000, "ms");
        faults.range("worker.heartbeat_timeout_ms", worker.heartbeat_timeout_ms, 200..=60_000, "ms");
        let least = worker.heartbeat_ms.saturating_mul(MIN_MISSED_HEARTBEATS);
        if worker.heartbeat_timeout_ms < least {
            faults.add(
                "worker.heartbeat_timeout_ms",
                &format!("= {} is too short", worker.heartbeat_timeout_ms),
                &format!("at least 4 times worker.heartbeat_ms, which is {least} ms"),
            );
        }
        faults.range("worker.backoff_min_ms", worker.backoff_min_ms, 50..=60_000, "ms");
        faults.range("worker.backoff_max_ms", worker.backoff_max_ms, 50..=600_000, "ms");
        faults.ordered(
            ("worker.backoff_min_ms", worker.backoff_min_ms),
            ("worker.backoff_max_ms", worker.backoff_max_ms),
        );
    }

    /// `limits.request_timeout_s`.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.limits.request_timeout_s.into())
    }
}

/// The sentences.
pub(super) struct Faults(Vec<String>);

impl Faults {
    pub(super) fn add(&mut self, key: &str, what: &str, allowed: &str) {
        self.0.push(format!("{key} {what}; allowed: {allowed}"));
    }

    pub(super) fn range<T: PartialOrd + std::fmt::Display>(
        &mut self,
        key: &str,
        value: T,
        range: RangeInclusive<T>,
        unit: &str,
    ) {
        if !range.contains(&value) {
            let allowed = format!("{} to {} {unit}", range.start(), range.end());
            self.add(key, &format!("= {value} is not allowed"), &allowed);
        }
    }

    pub(super) fn ordered(&mut self, (least, min): (&str, u32), (most, max): (&str, u32)) {
        if min > max {
            self.add(most, &format!("= {max} is not allowed"), &format!("at least {least}, which is {min}"));
        }
    }
}

#[cfg(test)]
mod tests;
