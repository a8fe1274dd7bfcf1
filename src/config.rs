//! The configuration: `config/meetingcast.toml` is its manual, and a test keeps the two equal.
//!
//! Sources, later ones win: built-in defaults, the file, `MEETINGCAST__SECTION__KEY` in the
//! environment. An unknown key, a wrong type or a bad value is an error that names the key and what
//! is allowed; nothing falls back silently.

pub mod check;
mod defaults;
pub mod encoding;
mod forms;
pub mod ice;
pub mod layouts;
pub mod load;
pub mod media;
pub mod pictures;
pub mod recording;
pub mod webhooks;

use crate::{media::EncoderChoice, redacted::Redacted};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// Everything an operator can set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub auth: AuthConfig,
    pub limits: LimitsConfig,
    pub webrtc: WebrtcConfig,
    pub conference: ConferenceConfig,
    pub cast: CastConfig,
    pub encoding: EncodingConfig,
    pub program: ProgramConfig,
    pub layouts: layouts::LayoutsConfig,
    pub pictures: pictures::PicturesConfig,
    pub media: media::MediaConfig,
    pub switching: SwitchingConfig,
    pub rtmp: RtmpConfig,
    pub hls: HlsConfig,
    pub recording: RecordingConfig,
    pub webhooks: webhooks::WebhooksConfig,
    pub worker: WorkerConfig,
    pub log: LogConfig,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Where the HTTP API, WHIP and HLS listen.
    pub listen: SocketAddr,
    /// What stands before `/hls/…` in play URLs; empty = `http://<listen>`, with TLS `https://<listen>`.
    pub public_url: String,
    /// Everything that is kept on disk.
    pub data_dir: PathBuf,
    /// How long a drain may take after SIGTERM, seconds.
    pub shutdown_timeout_s: u32,
    pub tls: TlsConfig,
}

/// `[server.tls]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file: the server's certificate, and its issuers' behind it; empty = plain HTTP.
    pub cert: String,
    /// PEM file: the certificate's private key; set with it.
    pub key: String,
}

impl TlsConfig {
    /// Whether clients come by TLS.
    pub fn is_on(&self) -> bool {
        !self.cert.is_empty()
    }
}

/// `[auth]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    pub mode: AuthMode,
    /// `[[auth.keys]]`, at least one in token mode.
    pub keys: Vec<AuthKey>,
}

/// Who may do what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// Everybody, everything; loopback only unless `--allow-open-network`.
    #[default]
    Open,
    /// Whoever holds a token.
    Token,
}

/// One `[[auth.keys]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthKey {
    /// Named by a token's `kid`.
    pub id: String,
    /// HS256 secret, at least 32 bytes.
    #[serde(with = "forms::secret_text")]
    pub secret: Redacted<String>,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Longest request body, bytes.
    pub max_body_bytes: usize,
    /// Longest SDP offer, bytes.
    pub max_sdp_bytes: usize,
    /// A request must have been answered within, seconds (HLS and long calls have their own).
    pub request_timeout_s: u32,
    /// Conferences at once.
    pub max_conferences: usize,
    /// Participants in a conference.
    pub max_participants: usize,
    /// Subscribers (WHEP) of a conference at once; more are answered `too_many_subscribers`.
    pub max_subscribers: usize,
    /// Longest picture that can be uploaded or stand in `[pictures]`, bytes.
    pub max_picture_bytes: usize,
    /// Pictures of a conference's own.
    pub max_pictures: usize,
    /// Outputs of a cast.
    pub max_outputs: usize,
    /// Signalling WebSockets at once; more are answered `too_many_clients`.
    pub max_clients: usize,
    /// Readers of `GET /v1/events` at once; more are answered `too_many_event_streams`.
    pub max_event_streams: usize,
    /// TCP connections to the HTTP port at once; more are answered 503.
    pub max_connections: usize,
    /// Part of the machine's cores that control and its workers may use, 0 to 1; what would need more is answered
    /// `overloaded`. 0 = no limit.
    pub max_load: f64,
}

/// `[webrtc]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebrtcConfig {
    /// First UDP port for media; 0 = any.
    pub udp_port_min: u16,
    /// Last UDP port for media; 0 = any.
    pub udp_port_max: u16,
    /// Our address as seen from outside (1:1 NAT); empty = the host's own.
    #[serde(with = "forms::optional_ip")]
    pub public_ip: Option<IpAddr>,
    /// `stun:host:port`; empty = none.
    pub stun_server: String,
    /// `turn:user:password@host:port`, or `turn:host:port` with `turn_secret`.
    pub turn_servers: Vec<String>,
    /// Shared with TURN servers that stand without user and password; empty = none does.
    #[serde(with = "forms::optional_secret_text")]
    pub turn_secret: Redacted<String>,
    /// Credentials made with `turn_secret` hold for, seconds.
    pub turn_ttl_s: u32,
    /// A publisher whose RTP stops for so long is ended, seconds.
    pub inactivity_timeout_s: u32,
    /// Longest wait for a missing packet, milliseconds; adds to the delay.
    pub jitter_ms: u32,
}

/// `[conference]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConferenceConfig {
    /// An empty conference goes away after, seconds (unless a cast runs).
    pub empty_timeout_s: u32,
}

/// `[cast]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CastConfig {
    /// The operator's switch: false refuses every start with `cast_disabled`.
    pub enabled: bool,
    /// Outputs of a start that names none; only `hls` can stand here, others need a URL.
    pub default_outputs: Vec<String>,
    /// Nobody in the conference for so long: the cast stops, seconds.
    pub idle_timeout_s: u32,
    /// `start` answers when the URLs are playable, or fails after, milliseconds.
    pub start_timeout_ms: u32,
    /// Hosts (or IP addresses) that RTMP may push to; empty = any. Others: `output_url_forbidden`.
    pub allowed_output_hosts: Vec<String>,
}

/// `[encoding]`: defaults for `encoding` of a start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncodingConfig {
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub video_kbps: u32,
    pub audio_kbps: u32,
    pub keyframe_ms: u32,
    /// What the sound is brought towards, LUFS; 0: it stays as it is.
    pub loudness_lufs: i32,
    /// Which encoder makes the H.264.
    pub encoder: EncoderChoice,
    /// x264 preset, `ultrafast` … `medium`.
    pub preset: String,
    /// Strict CBR with filler.
    pub filler: bool,
    /// Smaller sizes, for HLS.
    pub renditions: Vec<encoding::RenditionNumbers>,
}

/// `[program]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProgramConfig {
    /// The slate's colour, `#rrggbb`.
    pub background: String,
    /// A stalled source's last frame stays for, milliseconds.
    pub stall_hold_ms: u32,
    /// Tiles take so long to their new places when somebody comes or goes, milliseconds; 0: none.
    pub animate_ms: u32,
}

/// `[switching]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwitchingConfig {
    /// Whether those who are not seen stay decoded.
    pub standby: Standby,
    /// With `hot`: so many of them do.
    pub hot_max: u32,
    /// A switch that is not on the program within is given up, milliseconds.
    pub switch_timeout_ms: u32,
    /// What senders that take hints are asked for while nobody sees them, pixels of height: it can be on the air
    /// at once, and grows to its tile's size within a second. 0 = as they like.
    pub standby_height: u32,
}

/// How those who are not on the program are kept while a composed one runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standby {
    /// Some stay decoded, those most likely next: a switch to them takes a frame.
    #[default]
    Hot,
    /// None is decoded: a switch waits for a keyframe.
    Cold,
}

impl SwitchingConfig {
    /// How many that nobody sees are decoded.
    pub const fn hot(&self) -> u32 {
        match self.standby {
            Standby::Hot => self.hot_max,
            Standby::Cold => 0,
        }
    }
}

/// `[rtmp]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RtmpConfig {
    /// Where players of an `rtmp_play` output connect; `None` (`""`) = such outputs are refused. Bound
    /// when the first is made.
    #[serde(with = "forms::optional_listen")]
    pub listen: Option<SocketAddr>,
    /// Players at once, of all casts.
    pub max_players: usize,
    /// PEM certificates trusted for `rtmps://` beside the system's; empty = none.
    pub extra_ca_file: String,
    /// Deadline of each stage (resolve, TCP, TLS, handshake, connect, publish), milliseconds.
    pub stage_timeout_ms: u32,
    /// No byte taken by the peer for so long: the connection is left and tried again, milliseconds.
    pub stall_timeout_ms: u32,
    /// First wait before a reconnect, milliseconds.
    pub backoff_min_ms: u32,
    /// Longest wait before a reconnect, milliseconds.
    pub backoff_max_ms: u32,
    /// Healthy for so long: the wait starts from the first again, seconds.
    pub backoff_reset_s: u32,
    /// Not live for so long: the output fails and is not tried again, seconds; 0 = never.
    pub give_up_after_s: u32,
    /// Media queued for a slow peer at most, milliseconds.
    pub max_queue_ms: u32,
    /// Media queued for a slow peer at most, bytes.
    pub max_queue_bytes: usize,
}

/// `[hls]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HlsConfig {
    /// Shortest segment, milliseconds; a segment ends at the first IDR after it.
    pub segment_ms: u32,
    /// How far back the playlist reaches, seconds; never fewer than 6 segments.
    pub window_s: u32,
    /// A stopped cast's playlist and segments stay for, seconds.
    pub keep_s: u32,
    /// Segments go out in parts (low-latency HLS), unless an output says otherwise.
    pub low_latency: bool,
    /// Longest part, milliseconds; `PART-TARGET` is the whole number of frames that fits into it.
    pub part_ms: u32,
    /// The sound alone as a rendition of its own, in casts with smaller renditions.
    pub audio_only: bool,
}

/// `[recording]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Where recordings are kept: a folder, `file:///…`, or `s3://bucket/prefix`; empty = `recordings` in
    /// `server.data_dir`.
    pub store: String,
    /// Finished recordings are deleted after, seconds; 0 = never.
    pub max_age_s: u64,
    /// The oldest finished recordings are deleted when all have more bytes; 0 = no limit.
    pub max_total_bytes: u64,
    /// The S3-compatible service's URL; empty = AWS.
    pub s3_endpoint: String,
    pub s3_region: String,
    /// Empty, as the secret: the machine's own role.
    pub s3_access_key_id: String,
    #[serde(with = "forms::optional_secret_text")]
    pub s3_secret_access_key: Redacted<String>,
    /// `s3_endpoint` may be `http://`: for tests and trusted networks.
    pub s3_allow_http: bool,
}

/// `[worker]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// A worker must be ready within, milliseconds.
    pub launch_timeout_ms: u32,
    /// Distance of heartbeats, milliseconds.
    pub heartbeat_ms: u32,
    /// A worker silent for so long is killed, milliseconds.
    pub heartbeat_timeout_ms: u32,
    /// First wait before a replacement after a second quick failure, milliseconds.
    pub backoff_min_ms: u32,
    /// Longest wait before a replacement, milliseconds.
    pub backoff_max_ms: u32,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `tracing` filter, for example `info` or `meetingcast=debug`.
    pub filter: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}
