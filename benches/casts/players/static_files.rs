//! An nginx that serves one file, as it does best: sendfile, kept connections, no log.

use crate::nginx_process::{self, NginxProcess};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// An address of its own: nobody else takes the port between the search for it and the start.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 3);

/// A running server. Killed with the value.
pub struct StaticFiles {
    pub address: SocketAddr,
    process: NginxProcess,
    _folder: tempfile::TempDir,
}

impl StaticFiles {
    /// Serves `body` as `path`.
    pub fn start(path: &str, body: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let address = nginx_process::free_port(ADDRESS);
        let file = folder.path().join("html").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).expect("a directory");
        std::fs::write(&file, body).expect("a file");
        let temporary = nginx_process::temporary_paths();
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
        let process = NginxProcess::start(folder.path(), address);
        Self { address, process, _folder: folder }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
