//! A process of nginx with a configuration and a directory of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Generous: the machine may be busy building something else.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running nginx. Killed with the value: its connections break.
pub struct NginxProcess(Child);

impl NginxProcess {
    /// Starts it in `folder`, which holds `nginx.conf`; returns when it listens on `address`. It must log to `error.log`.
    pub fn start(folder: &Path, address: SocketAddr) -> Self {
        let process = Command::new("/usr/sbin/nginx")
            .args(["-p", folder.to_str().unwrap(), "-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("apt install nginx-light libnginx-mod-rtmp");
        let nginx = Self(process);
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen:\n{}", log(folder));
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    /// Its process id.
    #[allow(dead_code, reason = "the bench asks for it, the tests do not")]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for NginxProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A free port of an address that only one kind of server uses: nobody else takes it between the search and the start.
pub fn free_port(address: Ipv4Addr) -> SocketAddr {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}

/// What it has to say.
pub fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("error.log")).unwrap_or_default()
}

/// Of the http block: nothing is written outside of the folder.
#[allow(dead_code, reason = "not every configuration has an http block")]
pub fn temporary_paths() -> String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {name};\n"))
        .collect()
}
