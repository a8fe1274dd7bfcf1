//! `meetingcast serve` as a child of the demo, on a free port.

use serde_json::Value;
use std::{io, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// It listens within.
const START_DEADLINE: Duration = Duration::from_secs(15);
/// A drain may take as long as the default `server.shutdown_timeout_s`, and a little.
const STOP_DEADLINE: Duration = Duration::from_secs(12);
/// A start of a cast is the longest call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What comes before the address in the server's log.
const LISTENING: &str = "listening on ";

/// Why there is no server, or not the answer that was expected.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("starting the server's process")]
    Spawn(#[source] io::Error),
    #[error("the server ended before it listened: {said}")]
    Ended { said: String },
    #[error("the server did not listen within {} s", START_DEADLINE.as_secs())]
    Slow,
    #[error("calling {method} {path}")]
    Call { method: &'static str, path: String, source: Box<ureq::Error> },
    #[error("{method} {path} was answered with {status}: {detail}")]
    Refused { method: &'static str, path: String, status: u16, detail: String },
    #[error("the task of a call panicked")]
    Panicked,
    #[error("the server did not end in order")]
    Stop,
}

/// A running server. Killed when dropped.
pub struct ServerProcess {
    child: Child,
    base: String,
    agent: ureq::Agent,
}

impl ServerProcess {
    /// Starts it with the defaults, and waits until it listens.
    pub async fn start(data: &Path) -> Result<Self, ServerError> {
        let program = std::env::current_exe().map_err(ServerError::Spawn)?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("MEETINGCAST__SERVER__DATA_DIR", data)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(ServerError::Spawn)?;
        let base = match child.stderr.take() {
            Some(log) => tokio::time::timeout(START_DEADLINE, listening(log))
                .await
                .map_err(|_| ServerError::Slow)??,
            None => return Err(ServerError::Slow),
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(CALL_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self { child, base, agent })
    }

    /// `http://host:port`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A call whose answer must be a success.
    pub async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ServerError> {
        let (agent, url, path) = (self.agent.clone(), format!("{}{path}", self.base), path.to_owned());
        let task = tokio::task::spawn_blocking(move || {
            let call = |source| ServerError::Call { method, path: path.clone(), source: Box::new(source) };
            let request = ureq::http::Request::builder().method(method).uri(url);
            let mut response = match body {
                Some(body) => request
                    .header("content-type", "application/json")
                    .body(body.to_string())
                    .map_err(|error| call(error.into()))
                    .and_then(|request| agent.run(request).map_err(call))?,
                None => request
                    .body(())
                    .map_err(|error| call(error.into()))
                    .and_then(|request| agent.run(request).map_err(call))?,
            };
            let status = response.status().as_u16();
            let text = response.body_mut().read_to_string().map_err(call)?;
            let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            if (200..300).contains(&status) {
                return Ok(body);
            }
            let detail = body["detail"].as_str().unwrap_or(&text).to_owned();
            Err(ServerError::Refused { method, path, status, detail })
        });
        task.await.map_err(|_| ServerError::Panicked)?
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        let pid = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
        let pid = pid.ok_or(ServerError::Stop)?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|_| ServerError::Stop)?;
        match tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(ServerError::Stop),
        }
    }
}

/// Passes the server's log on to our own stderr, and tells where it listens.
async fn listening(log: tokio::process::ChildStderr) -> Result<String, ServerError> {
    let mut lines = BufReader::new(log).lines();
    let mut said = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, rest)) = line.split_once(LISTENING) {
            let base = rest.split_whitespace().next().unwrap_or_default().to_owned();
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    eprintln!("{line}");
                }
            });
            return Ok(base);
        }
        said = line;
    }
    Err(ServerError::Ended { said })
}
