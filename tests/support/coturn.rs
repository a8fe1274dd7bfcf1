//! A coturn of our own: somebody else's TURN server, which shares a secret with us and takes no other users.
//! Own address, own directory, own process; ended by its id.

use crate::server::{Helper, wait_for};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

/// An address of its own: what comes from there has been relayed.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 79, 0, 1);
/// Generous: the machine may be busy building something else.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The server; ends with the value.
pub struct Coturn {
    process: Helper,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Coturn {
    /// Starts it; returns when it listens, by UDP and TCP.
    pub fn start(secret: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((ADDRESS, 0)).unwrap().local_addr().unwrap().port();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let config = format!(
            "listening-ip={ADDRESS}\nrelay-ip={ADDRESS}\nlistening-port={port}\nrealm=meetingcast.test\n\
             use-auth-secret\nstatic-auth-secret={secret}\n\
             no-cli\nno-tls\nno-dtls\nallow-loopback-peers\n\
             log-file=stdout\nsimple-log\nverbose\npidfile={}\nuserdb={}\n",
            path("pid"),
            path("db")
        );
        std::fs::write(path("turnserver.conf"), config).unwrap();
        let mut command = Command::new("turnserver");
        command.args(["-c", &path("turnserver.conf")]);
        let mut process = Helper::start(command);
        wait_for("coturn to listen", START_LIMIT, || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "apt install coturn: {ended:?}\n{}", process.said());
            TcpStream::connect((ADDRESS, port)).ok()
        });
        Self { process, port, _directory: directory }
    }

    /// As `webrtc.turn_servers` takes it, for a server that shares the secret.
    pub fn turn(&self) -> String {
        format!("turn:{ADDRESS}:{}", self.port)
    }

    /// As a browser's statistics have it.
    pub fn address(&self) -> serde_json::Value {
        ADDRESS.to_string().into()
    }

    /// How many allocations were made, and for whom, by its log.
    pub fn allocations(&self) -> Vec<String> {
        let said = self.process.said();
        let lines = said.lines().filter(|line| line.contains("ALLOCATE processed, success"));
        lines.map(str::to_owned).collect()
    }
}
