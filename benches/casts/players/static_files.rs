//! An nginx that serves one file, as it does best: sendfile, kept connections, no log.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// An address of its own: nobody else takes the port between the search for it and the start.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 3);

/// A running server. Killed with the value.
pub struct StaticFiles {
    pub address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl StaticFiles {
    /// Serves `body` as `path`.
    pub fn start(path: &str, body: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind((ADDRESS, 0)).and_then(|socket| socket.local_addr());
        let address = SocketAddr::from((ADDRESS, port.expect("a port").port()));
        let file = folder.path().join("html").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).expect("a directory");
        std::fs::write(&file, body).expect("a file");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {name};\n"))
            .collect();
        // One process, so that its CPU time is in one place: asked by a generator on the same two cores, a second
        // worker gets nothing to run on.
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\nworker_rlimit_nofile 10000;\n\
             events {{ worker_connections 8000; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
             open_file_cache max=100;\ndefault_type video/mp4;\n{temporary}\
             server {{ listen {address} backlog=4096; root html; }} }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("a file");
        let process = Command::new("/usr/sbin/nginx")
            .args(["-p", folder.path().to_str().expect("text"), "-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let server = Self { address, process, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for StaticFiles {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
