//! What holds where the file is silent. A test keeps config/meetingcast.toml equal to it.

use super::{
    CastConfig, ConferenceConfig, EncodingConfig, HlsConfig, LimitsConfig, LogConfig, LogFormat,
    ProgramConfig, RecordingConfig, RtmpConfig, ServerConfig, Standby, SwitchingConfig, TlsConfig,
    WebrtcConfig, WorkerConfig,
};
use crate::{media::EncoderChoice, redacted::Redacted};
use std::net::SocketAddr;

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            data_dir: "./data".into(),
            shutdown_timeout_s: 10,
            tls: TlsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 262_144,
            max_sdp_bytes: 65_536,
            request_timeout_s: 30,
            max_conferences: 100,
            max_participants: 16,
            max_subscribers: 100,
            max_picture_bytes: 2 * 1024 * 1024,
            max_pictures: 16,
            max_outputs: 8,
            max_clients: 1000,
            max_event_streams: 100,
            max_connections: 2048,
            max_load: 0.9,
        }
    }
}

impl Default for WebrtcConfig {
    fn default() -> Self {
        Self {
            udp_port_min: 0,
            udp_port_max: 0,
            public_ip: None,
            stun_server: String::new(),
            turn_servers: Vec::new(),
            turn_secret: Redacted::new(String::new()),
            turn_ttl_s: 86_400,
            inactivity_timeout_s: 15,
            jitter_ms: 100,
        }
    }
}

impl Default for ConferenceConfig {
    fn default() -> Self {
        Self { empty_timeout_s: 30 }
    }
}

impl Default for CastConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            default_outputs: vec!["hls".to_owned()],
            idle_timeout_s: 300,
            start_timeout_ms: 15_000,
            allowed_output_hosts: Vec::new(),
        }
    }
}

impl Default for EncodingConfig {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            fps: 30,
            video_kbps: 2500,
            audio_kbps: 128,
            keyframe_ms: 2000,
            loudness_lufs: 0,
            encoder: EncoderChoice::Auto,
            preset: "veryfast".to_owned(),
            filler: false,
            renditions: Vec::new(),
        }
    }
}

impl Default for ProgramConfig {
    fn default() -> Self {
        Self { background: "#101820".to_owned(), stall_hold_ms: 1000, animate_ms: 0 }
    }
}

impl Default for SwitchingConfig {
    fn default() -> Self {
        Self { standby: Standby::Hot, hot_max: 4, switch_timeout_ms: 3000, standby_height: 360 }
    }
}

impl Default for RtmpConfig {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 1935))),
            max_players: 100,
            extra_ca_file: String::new(),
            stage_timeout_ms: 5000,
            stall_timeout_ms: 10_000,
            backoff_min_ms: 500,
            backoff_max_ms: 30_000,
            backoff_reset_s: 60,
            give_up_after_s: 0,
            max_queue_ms: 5000,
            max_queue_bytes: 8 * 1024 * 1024,
        }
    }
}

impl Default for HlsConfig {
    fn default() -> Self {
        Self { segment_ms: 2000, window_s: 60, keep_s: 60, low_latency: true, part_ms: 500, audio_only: true }
    }
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            store: String::new(),
            max_age_s: 0,
            max_total_bytes: 0,
            s3_endpoint: String::new(),
            s3_region: "us-east-1".to_owned(),
            s3_access_key_id: String::new(),
            s3_secret_access_key: Redacted::new(String::new()),
            s3_allow_http: false,
        }
    }
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            launch_timeout_ms: 10_000,
            heartbeat_ms: 250,
            heartbeat_timeout_ms: 2000,
            backoff_min_ms: 500,
            backoff_max_ms: 10_000,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}
