//! nginx with docs/nginx-cache.conf before an origin of ours: the file as it stands, with this test's places.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const CONFIG: &str = include_str!("../../docs/nginx-cache.conf");
/// An address of its own: nobody else takes the port between the search for it and the start.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 2);

/// A running proxy, by TLS. Killed with the value.
pub struct NginxCache {
    pub address: SocketAddr,
    process: Child,
    folder: tempfile::TempDir,
}

impl NginxCache {
    /// Before `origin`, with this certificate and key (PEM).
    pub fn start(origin: SocketAddr, cert: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((ADDRESS, 0)).unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from((ADDRESS, port));
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
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {name};\n"))
            .collect();
        write(
            "nginx.conf",
            &format!(
                "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log info;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{ access_log off;\n{temporary}include site.conf; }}\n"
            ),
        );
        let process = Command::new("/usr/sbin/nginx")
            .args(["-p", folder.path().to_str().unwrap(), "-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("apt install nginx-light");
        let cache = Self { address, process, folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "nginx does not listen:\n{}", cache.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        cache
    }

    /// What it has to say.
    pub fn log(&self) -> String {
        read(self.folder.path())
    }
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("error.log")).unwrap_or_default()
}

impl Drop for NginxCache {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
