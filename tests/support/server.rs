//! A real `meetingcast serve`, spoken to over HTTP, and what belongs to it: publishers, browser tools.

pub use crate::turn::one_at_a_time;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Polls until `done` gives something; panics with `what` after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(began.elapsed() < limit, "waited {limit:?} for {what} ({})", load());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How busy the machine is, for a message: a check that fails on an overloaded machine should say so.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("load {} on {cores} cores", text.split(' ').next().unwrap_or("?"))
}

/// A child process that is killed with the value, and whose lines are kept.
pub struct Helper {
    pub child: Child,
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Helper {
    /// Starts it; stdout and stderr are collected line by line, stdin is a pipe.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let err: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        for pipe in [out, err] {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push(line);
                }
            });
        }
        Self { child, lines }
    }

    /// Everything it said so far.
    pub fn said(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Its JSON lines so far.
    pub fn events(&self) -> Vec<Value> {
        self.lines.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a JSON line with this `event`.
    pub fn event(&mut self, name: &str, limit: Duration) -> Value {
        wait_for(&format!("event {name}"), limit, || {
            let found = self.events().into_iter().find(|event| event["event"] == name);
            let ended = found.is_none() && self.child.try_wait().unwrap().is_some();
            assert!(!ended, "ended before {name}: {}", self.said());
            found
        })
    }

    /// Waits for its end, which must be a success.
    pub fn succeed(mut self, limit: Duration) -> Vec<Value> {
        let status = wait_for("a helper's end", limit, || self.child.try_wait().unwrap());
        // The readers have the last lines a moment after the exit.
        std::thread::sleep(Duration::from_millis(50));
        assert!(status.success(), "{status}: {}", self.said());
        self.events()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        signal_pid(self.child.id(), signal);
    }

    /// Closes its stdin: for tools that run until then.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    /// A test that fails says what the server complained of meanwhile.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.process.said();
            let grave = said.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
            eprintln!("the server's complaints:");
            grave.take(40).for_each(|line| eprintln!("{}", line.chars().take(400).collect::<String>()));
        }
    }
}

/// Sends a signal to any process.
pub fn signal_pid(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// `meetingcast serve` on a free port with a data directory of its own.
pub struct Server {
    pub process: Helper,
    pub base: String,
    /// Goes away with the server.
    _data: tempfile::TempDir,
    agent: ureq::Agent,
}

impl Server {
    /// With the defaults.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With settings from the environment: `("RTMP__BACKOFF_MIN_MS", "100")`.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_meetingcast")), &[], settings)
    }

    /// The same of another program, with more in its environment.
    pub fn start_program(program: &Path, environment: &[(&str, String)], settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env("MEETINGCAST__SERVER__DATA_DIR", data.path());
        for (key, value) in settings {
            command.env(format!("MEETINGCAST__{key}"), value);
        }
        let mut process = Helper::start(command);
        let base = wait_for("the server to listen", Duration::from_secs(20), || {
            assert!(process.child.try_wait().unwrap().is_none(), "serve ended: {}", process.said());
            let said = process.said();
            let (_, rest) = said.split_once("listening on ")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            // Certificates here are the tests' own; whether they are checked is not this client's matter.
            .tls_config(ureq::tls::TlsConfig::builder().disable_verification(true).build())
            .build()
            .into();
        Self { process, base, _data: data, agent }
    }

    /// A request with a JSON body, or none.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let response = match body {
            Some(body) => {
                let request =
                    request.header("content-type", "application/json").body(body.to_string()).unwrap();
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response =
            response.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.process.said()));
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().unwrap();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// A request that must succeed.
    pub fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.call(method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}\n{}", self.process.said());
        answer.body
    }

    /// The Cast object.
    pub fn cast(&self, conference: &str) -> Value {
        self.ok("GET", &format!("/v1/conferences/{conference}/cast"), None)
    }

    /// Waits until a participant's picture is decoded.
    pub fn wait_for_picture(&self, conference: &str, participant: &str) {
        let path = format!("/v1/conferences/{conference}/participants/{participant}");
        wait_for(&format!("the picture of {participant}"), Duration::from_secs(20), || {
            let answer = self.call("GET", &path, None);
            let width = answer.body["streams"][0]["width"].as_u64();
            width.filter(|width| *width > 0)
        });
    }

    /// The WHIP URL of a participant.
    pub fn whip(&self, conference: &str, participant: &str) -> String {
        format!("{}/v1/conferences/{conference}/whip?participant={participant}", self.base)
    }

    /// A figure of `/metrics`, by its name with its labels.
    #[allow(dead_code, reason = "each test binary has its own copy of this module")]
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.call("GET", "/metrics", None).body;
        let lines = metrics.as_str().unwrap().lines();
        let value = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).next();
        value.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    /// The process ids of this server's workers, with their conference.
    pub fn workers(&self) -> Vec<(u32, String)> {
        let mut workers = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let read = |what: &str| std::fs::read_to_string(entry.path().join(what)).unwrap_or_default();
            let parent = format!("PPid:\t{}\n", self.process.child.id());
            let command = read("cmdline");
            let mut words = command.split('\0').skip(1);
            if read("status").contains(&parent) && words.next() == Some("worker") {
                workers.push((pid, words.nth(1).unwrap_or_default().to_owned()));
            }
        }
        workers
    }

    /// The worker of a conference.
    pub fn worker(&self, conference: &str) -> Option<u32> {
        self.workers().into_iter().find(|(_, of)| of == conference).map(|(pid, _)| pid)
    }
}

/// `meetingcast publish` with more arguments.
pub fn publish(whip: &str, arguments: &[&str]) -> Helper {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meetingcast"));
    command.args(["publish", "--whip", whip]).args(arguments);
    Helper::start(command)
}

/// A browser tool of tests/web.
pub fn browser(tool: &str, arguments: &[&str]) -> Helper {
    let mut command = Command::new("node");
    command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/web").join(tool)).args(arguments);
    Helper::start(command)
}

/// What `ffprobe` prints as JSON.
pub fn ffprobe(input: &str, arguments: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(input)
        .output()
        .expect("ffprobe is installed");
    assert!(output.status.success(), "ffprobe {input}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes to a file for people to look at when `KEEP_MEDIA` names a directory.
pub fn keep(path: &Path) {
    if let Some(directory) = std::env::var_os("KEEP_MEDIA") {
        let _ = std::fs::create_dir_all(&directory);
        let name = path.file_name().unwrap_or_default();
        let _ = std::fs::copy(path, Path::new(&directory).join(name));
    }
}

/// Flushes what a test prints, so that figures stand in order.
pub fn figure(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}
