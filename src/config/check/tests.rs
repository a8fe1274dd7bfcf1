use super::*;
use crate::{
    config::{AuthKey, Standby},
    redacted::Redacted,
};

fn faults(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = Config::default();
    change(&mut config);
    config.faults()
}

#[test]
fn the_defaults_are_good() {
    assert_eq!(Config::default().faults(), Vec::<String>::new());
}

#[test]
fn every_fault_is_one_exact_sentence() {
    type Change = fn(&mut Config);
    let table: [(Change, &str); 35] = [
        (
            |c| c.server.public_url = "https://cast.example/".into(),
            "server.public_url is not usable; allowed: \"\" or http(s)://host[:port][/path] without a \
             slash at the end, a query or a password",
        ),
        (
            |c| c.server.shutdown_timeout_s = 0,
            "server.shutdown_timeout_s = 0 is not allowed; allowed: 1 to 300 s",
        ),
        (
            |c| c.server.tls.cert = "cert.pem".into(),
            "server.tls.key is empty, but server.tls.cert is not; allowed: \"\" for both server.tls.cert and \
             server.tls.key, or a PEM file for each",
        ),
        (
            |c| c.server.tls.key = "key.pem".into(),
            "server.tls.cert is empty, but server.tls.key is not; allowed: \"\" for both server.tls.cert and \
             server.tls.key, or a PEM file for each",
        ),
        (
            |c| (c.server.tls.cert, c.server.tls.key) = ("/dev/null".into(), "/dev/null".into()),
            "server.tls cannot be used (/dev/null holds no PEM certificate); allowed: \"\" for both \
             server.tls.cert and server.tls.key, or a PEM file for each",
        ),
        (
            |c| c.log.filter = "info,=[".into(),
            "log.filter = \"info,=[\" is not allowed; allowed: a tracing filter such as \"info\" or \
             \"warn,meetingcast=debug\"",
        ),
        (
            |c| c.auth.mode = AuthMode::Token,
            "auth.keys is empty; allowed: at least one [[auth.keys]] when auth.mode = \"token\"",
        ),
        (
            |c| c.auth.keys = vec![AuthKey { id: "k".into(), secret: Redacted::new("hush".into()) }],
            "auth.keys[0].secret is too short; allowed: at least 32 bytes",
        ),
        (|c| c.limits.max_outputs = 0, "limits.max_outputs = 0 is not allowed; allowed: 1 to 64 outputs"),
        (|c| c.limits.max_load = 1.5, "limits.max_load = 1.5 is not allowed; allowed: 0 to 1 of the cores"),
        (
            |c| c.limits.request_timeout_s = 12,
            "limits.request_timeout_s = 12 is not longer than cast.start_timeout_ms = 15000; allowed: \
             more, so that a request's own deadline answers first",
        ),
        (
            |c| (c.webrtc.udp_port_min, c.webrtc.udp_port_max) = (20_000, 10_000),
            "webrtc.udp_port_min = 20000 and webrtc.udp_port_max = 10000 are not allowed together; \
             allowed: both 0, or 1 to 65535 with min not above max",
        ),
        (
            |c| c.webrtc.udp_port_max = 9,
            "webrtc.udp_port_min = 0 and webrtc.udp_port_max = 9 are not allowed together; allowed: \
             both 0, or 1 to 65535 with min not above max",
        ),
        (
            |c| c.webrtc.stun_server = "stun.example:3478".into(),
            "webrtc.stun_server is not usable; allowed: \"\" or stun:host:port",
        ),
        (
            |c| c.webrtc.turn_servers = vec!["turn:hush@t:1".into()],
            "webrtc.turn_servers[0] is not usable; allowed: turn:user:password@host:port or \
             turns:user:password@host:port, without user:password@ when webrtc.turn_secret is set",
        ),
        (
            |c| c.webrtc.turn_servers = vec!["turn:t.example:3478".into()],
            "webrtc.turn_servers[0] has no user and password, and webrtc.turn_secret is not set; allowed: \
             turn:user:password@host:port, or turn:host:port with webrtc.turn_secret",
        ),
        (
            |c| c.cast.default_outputs = vec!["rtmp".into()],
            "cast.default_outputs = [\"rtmp\"] is not allowed; allowed: [\"hls\"]; an RTMP output needs \
             a URL, which only a start can name",
        ),
        (
            |c| c.cast.allowed_output_hosts = vec!["rtmp://a".into()],
            "cast.allowed_output_hosts[0] is not usable; allowed: a host name or an IP address, without \
             scheme, port or path",
        ),
        (
            |c| c.switching.switch_timeout_ms = 50,
            "switching.switch_timeout_ms = 50 is not allowed; allowed: 100 to 60000 ms",
        ),
        (|c| c.switching.hot_max = 17, "switching.hot_max = 17 is not allowed; allowed: 0 to 16 sources"),
        (
            |c| c.switching.standby_height = 10,
            "switching.standby_height = 10 is not allowed; allowed: 90 to 2160 pixels, or 0",
        ),
        (
            |c| c.program.background = "red".into(),
            "program.background is not a colour; allowed: #rrggbb, six hexadecimal digits",
        ),
        (|c| c.encoding.fps = 4, "encoding.fps = 4 is not allowed; allowed: 5 to 60 frames a second"),
        (
            |c| c.encoding.keyframe_ms = 2010,
            "encoding.keyframe_ms = 2010 is not allowed; allowed: a whole number of frames at 30 frames \
             a second, the nearest is 2000 ms",
        ),
        (
            |c| c.encoding.preset = "placebo".into(),
            "encoding.preset = \"placebo\" is not allowed; allowed: ultrafast, superfast, veryfast, \
             faster, fast, medium",
        ),
        (
            |c| c.rtmp.backoff_max_ms = 400,
            "rtmp.backoff_max_ms = 400 is not allowed; allowed: at least rtmp.backoff_min_ms, which is 500",
        ),
        (
            |c| c.rtmp.extra_ca_file = "/dev/null".into(),
            "rtmp.extra_ca_file = \"/dev/null\" cannot be used (it holds no PEM certificate); allowed: \"\" or \
             a file of PEM certificates",
        ),
        (|c| c.hls.part_ms = 199, "hls.part_ms = 199 is not allowed; allowed: 200 to 2000 ms"),
        (|c| c.hls.window_s = 2, "hls.window_s = 2 is not allowed; allowed: 3 to 86400 s"),
        (
            |c| c.worker.heartbeat_timeout_ms = 999,
            "worker.heartbeat_timeout_ms = 999 is too short; allowed: at least 4 times \
             worker.heartbeat_ms, which is 1000 ms",
        ),
        (
            |c| c.recording.store = "gs://bucket".into(),
            "recording.store = \"gs://bucket\" is not usable; allowed: \"\", a folder, file:///folder or \
             s3://bucket/prefix",
        ),
        (
            |c| c.recording.s3_endpoint = "http://127.0.0.1:9000".into(),
            "recording.s3_endpoint is not encrypted; allowed: https://, or http:// with \
             recording.s3_allow_http = true",
        ),
        (
            |c| c.recording.s3_secret_access_key = Redacted::new("hush".into()),
            "recording.s3_access_key_id and recording.s3_secret_access_key are not both there; allowed: both, \
             or neither",
        ),
        (
            |c| c.recording.s3_region = "".into(),
            "recording.s3_region = \"\" is not a region; allowed: a name such as \"us-east-1\"",
        ),
        (|c| c.server.data_dir = "".into(), "server.data_dir is empty; allowed: a directory"),
    ];
    for (change, sentence) in table {
        assert_eq!(faults(change), [sentence]);
    }
}

#[test]
fn a_cold_standby_decodes_nobody_whatever_the_number() {
    let mut config = Config::default();
    assert_eq!(config.switching.hot(), 4);
    config.switching.standby = Standby::Cold;
    assert_eq!((config.switching.hot(), config.faults()), (0, vec![]));
}

#[test]
fn all_faults_are_told_at_once() {
    let told = faults(|c| {
        c.encoding.fps = 0;
        c.encoding.width = 7;
        c.limits.max_conferences = 0;
    });
    assert_eq!(told.len(), 3, "{told:?}");
}
