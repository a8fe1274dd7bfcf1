//! nginx with docs/nginx-cache.conf before an origin of ours: the file as it stands, with this test's places.

use crate::nginx_process::{self, NginxProcess};
use std::net::{Ipv4Addr, SocketAddr};

const CONFIG: &str = include_str!("../../docs/nginx-cache.conf");
/// An address of its own: nobody else takes the port between the search for it and the start.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 2);

/// A running proxy, by TLS. Killed with the value.
pub struct NginxCache {
    pub address: SocketAddr,
    _process: NginxProcess,
    folder: tempfile::TempDir,
}

impl NginxCache {
    /// Before `origin`, with this certificate and key (PEM).
    pub fn start(origin: SocketAddr, cert: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = nginx_process::free_port(ADDRESS);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("cert.pem", cert);
        write("key.pem", key);
        let mut site = CONFIG.to_owned();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (from, to) in [
            ("server 127.0.0.1:8080;", format!("server {origin};")),
            ("/var/cache/nginx/meetingcast", path("cache")),
            ("listen 443 ssl", format!("listen {address} ssl")),
            ("/etc/ssl/cast.example.org/fullchain.pem", path("cert.pem")),
            ("/etc/ssl/cast.example.org/privkey.pem", path("key.pem")),
        ] {
            assert_eq!(
                CONFIG.matches(from).count(),
                if from.starts_with("listen") { 2 } else { 1 },
                "{from}"
            );
            site = site.replace(from, &to);
        }
        write("site.conf", &site);
        let temporary = nginx_process::temporary_paths();
        write(
            "nginx.conf",
            &format!(
                "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log info;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{ access_log off;\n{temporary}include site.conf; }}\n"
            ),
        );
        let process = NginxProcess::start(folder.path(), address);
        Self { address, _process: process, folder }
    }

    /// What it has to say.
    pub fn log(&self) -> String {
        nginx_process::log(self.folder.path())
    }
}
