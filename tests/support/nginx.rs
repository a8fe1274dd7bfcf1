//! An nginx of our own with libnginx-mod-rtmp: somebody else's ingest server to push to and play from.
//! Own directory, own port, own process; ended by its id.

use crate::nginx_process::{NginxProcess, free_port};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
/// An address of its own: nobody else on this machine can take the port while the server is stopped.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 1);

/// A server that can be stopped and started again on the same port.
pub struct Nginx {
    dir: tempfile::TempDir,
    address: SocketAddr,
    process: Option<NginxProcess>,
}

impl Nginx {
    /// Starts a server with one application, `live`. It tells players when a publisher ends, so that they do too.
    pub fn start() -> Self {
        assert!(std::path::Path::new(MODULE).exists(), "apt install nginx-light libnginx-mod-rtmp");
        let dir = tempfile::tempdir().unwrap();
        let address = free_port(ADDRESS);
        let config = format!(
            "load_module {MODULE};\n\
             daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log info;\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen {address}; chunk_size 4096;\n\
               application live {{ live on; record off; publish_notify on; }} }} }}\n"
        );
        std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let mut nginx = Self { dir, address, process: None };
        nginx.restart();
        nginx
    }

    /// Where to push and play: `rtmp://…/live/key`.
    pub fn url(&self, key: &str) -> String {
        format!("rtmp://{}/live/{key}", self.address)
    }

    /// A path in the server's own directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Kills the server: its connections break.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts the server again after [`Nginx::stop`]; returns when it listens.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        self.process = Some(NginxProcess::start(self.dir.path(), self.address));
    }
}
