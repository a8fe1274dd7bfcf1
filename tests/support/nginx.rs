//! An nginx of our own with libnginx-mod-rtmp: somebody else's ingest server to push to and play from.
//! Own directory, own port, own process; ended by its id.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
/// An address of its own: nobody else on this machine can take the port while the server is stopped.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 1);
/// Generous: the machine may be busy building something else.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A server that can be stopped and started again on the same port.
pub struct Nginx {
    dir: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Nginx {
    /// Starts a server with one application, `live`. It tells players when a publisher ends, so that they do too.
    pub fn start() -> Self {
        assert!(std::path::Path::new(MODULE).exists(), "apt install nginx-light libnginx-mod-rtmp");
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((ADDRESS, 0)).unwrap().local_addr().unwrap().port();
        let config = format!(
            "load_module {MODULE};\n\
             daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log info;\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen {ADDRESS}:{port}; chunk_size 4096;\n\
               application live {{ live on; record off; publish_notify on; }} }} }}\n"
        );
        std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let mut nginx = Self { dir, port, process: None };
        nginx.restart();
        nginx
    }

    /// Where to push and play: `rtmp://…/live/key`.
    pub fn url(&self, key: &str) -> String {
        format!("rtmp://{ADDRESS}:{}/live/{key}", self.port)
    }

    /// A path in the server's own directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Kills the server: its connections break.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server again after [`Nginx::stop`]; returns when it listens.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        let dir = self.dir.path().to_str().unwrap();
        let process = Command::new("/usr/sbin/nginx")
            .args(["-p", dir, "-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("apt install nginx-light libnginx-mod-rtmp");
        self.process = Some(process);
        let deadline = Instant::now() + START_LIMIT;
        let address = SocketAddr::from((ADDRESS, self.port));
        while TcpStream::connect(address).is_err() {
            let log = std::fs::read_to_string(self.file("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not listen:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.stop();
    }
}
