//! Workers as child processes.
//!
//! All are spawned from one thread that lives as long as the server: the kernel's parent-death
//! signal, which every worker asks for, fires when the *thread* that spawned it ends, and a thread of
//! the async runtime's pool may end at any time.

use super::{SpawnWorker, SpawnedWorker, WorkerProcess, lines};
use crate::ids::ConferenceId;
use futures::{FutureExt, future::BoxFuture};
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc as std_mpsc,
};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    sync::oneshot,
};

/// Settings no worker needs, by the start of their name: it must not know secrets.
const SECRET_SETTINGS: &str = "MEETINGCAST__AUTH__";

/// Spawns `program worker --conference <id>`.
#[derive(Debug)]
pub struct ProcessSpawner {
    program: PathBuf,
    thread: std_mpsc::Sender<Order>,
}

/// One spawn. The thread answers each before it takes the next, so what waits is bounded by the
/// conferences that wait for their worker.
struct Order {
    command: Command,
    runtime: tokio::runtime::Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

impl ProcessSpawner {
    /// Starts the spawning thread, which ends with this value.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn start(program: PathBuf) -> io::Result<Self> {
        let (thread, orders) = std_mpsc::channel::<Order>();
        std::thread::Builder::new().name("worker-spawner".to_owned()).spawn(move || {
            while let Ok(Order { mut command, runtime, answer }) = orders.recv() {
                let _entered = runtime.enter();
                // A child that nobody waits for any more is killed as it is dropped.
                let _ = answer.send(command.spawn());
            }
        })?;
        Ok(Self { program, thread })
    }
}

impl SpawnWorker for ProcessSpawner {
    fn spawn(&self, conference: &ConferenceId) -> BoxFuture<'static, io::Result<SpawnedWorker>> {
        let (answer, reply) = oneshot::channel();
        let ordered = prepare(&self.program, conference).and_then(|(command, stream)| {
            let order = Order { command, runtime: tokio::runtime::Handle::current(), answer };
            self.thread.send(order).map_err(|_| io::Error::other("the spawning thread is gone"))?;
            Ok(stream)
        });
        let conference = conference.clone();
        async move {
            let stream = ordered?;
            let mut child =
                reply.await.map_err(|_| io::Error::other("the spawning thread did not answer"))??;
            let pid = child.id();
            if let Some(stdout) = child.stdout.take() {
                tokio::spawn(lines::log(stdout, conference.clone(), pid));
            }
            if let Some(stderr) = child.stderr.take() {
                tokio::spawn(lines::log(stderr, conference, pid));
            }
            Ok(SpawnedWorker { stream: Box::new(stream), process: Box::new(ChildProcess(child)) })
        }
        .boxed()
    }
}

/// The command, and our end of the socket whose other end is the child's standard input.
fn prepare(program: &Path, conference: &ConferenceId) -> io::Result<(Command, UnixStream)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(program);
    command
        .args(["worker", "--conference", conference.as_str()])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal goes to the whole foreground group; the server drains first, so its
        // workers must not hear it.
        .process_group(0)
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().to_ascii_uppercase().starts_with(SECRET_SETTINGS) {
            command.env_remove(name);
        }
    }
    Ok((command, UnixStream::from_std(ours)?))
}

struct ChildProcess(Child);

impl WorkerProcess for ChildProcess {
    fn id(&self) -> Option<u32> {
        self.0.id()
    }

    fn kill(&mut self) {
        if let Err(error) = self.0.start_kill() {
            tracing::debug!(%error, "worker has exited before it could be killed");
        }
    }

    fn wait(&mut self) -> BoxFuture<'_, String> {
        async move {
            match self.0.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => format!("its exit status could not be read ({error})"),
            }
        }
        .boxed()
    }
}
