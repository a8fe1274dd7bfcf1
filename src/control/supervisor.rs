//! Launches and watches worker processes: one for each conference that needs one.
//!
//! [`WorkerLauncher::launch`] returns at once with a [`Worker`]: commands go in, signals come out, and
//! the last signal is always [`WorkerSignal::Gone`], sent after the process is reaped. A worker that
//! is not ready in time, falls silent or breaks the protocol is killed, not repaired.

pub mod lines;
pub mod process;
mod watch;

use crate::{
    config::WorkerConfig,
    ids::ConferenceId,
    ipc::{WorkerCommand, WorkerEvent, WorkerSetup},
};
use futures::future::BoxFuture;
use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// Commands queued for a worker. A worker that leaves so many unread is stuck.
const COMMAND_QUEUE: usize = 256;
/// Events read ahead of the conference. Beyond, the socket fills, and the worker drops frames and
/// counts them (`link_drops`); nothing piles up here.
const EVENT_QUEUE: usize = 32;

/// The byte stream between control and a worker.
pub trait WorkerStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> WorkerStream for T {}

/// Makes workers: child processes in the server, tasks in tests.
pub trait SpawnWorker: Send + Sync + 'static {
    /// Starts a worker for `conference`, which waits for its first command.
    fn spawn(&self, conference: &ConferenceId) -> BoxFuture<'static, io::Result<SpawnedWorker>>;
}

/// A worker that was started.
pub struct SpawnedWorker {
    /// Our end of its link.
    pub stream: Box<dyn WorkerStream>,
    /// What runs it.
    pub process: Box<dyn WorkerProcess>,
}

/// What runs a worker.
pub trait WorkerProcess: Send {
    /// Its process id, where it is a process.
    fn id(&self) -> Option<u32>;
    /// Ends it at once (SIGKILL).
    fn kill(&mut self);
    /// Waits for its end and reaps it; tells how it ended.
    fn wait(&mut self) -> BoxFuture<'_, String>;
}

/// What a worker tells its conference.
#[derive(Debug)]
pub enum WorkerSignal {
    /// As the worker said it.
    Event(WorkerEvent),
    /// It is gone and reaped; nothing follows.
    Gone(WorkerEnd),
}

/// Why a worker is gone.
#[derive(Debug, thiserror::Error)]
pub enum WorkerEnd {
    /// The process did not come into being.
    #[error("spawn of the worker failed")]
    Spawn(#[source] io::Error),
    /// Not ready within `worker.launch_timeout_ms`; killed.
    #[error("the worker was not ready within {} ms", .0.as_millis())]
    LaunchTimeout(Duration),
    /// No event for `worker.heartbeat_timeout_ms`; killed.
    #[error("the worker was silent for {} ms", .0.as_millis())]
    Silent(Duration),
    /// It sent what nobody can read, or something else before `Ready`; killed.
    #[error("the worker broke the link's protocol")]
    Protocol(#[source] io::Error),
    /// It ended, or closed its link and was killed.
    #[error("the worker ended: {exit}")]
    Exited {
        /// How the process ended.
        exit: String,
    },
    /// It was killed on the conference's demand.
    #[error("the worker was killed on demand")]
    Killed,
    /// It was shut down on the conference's demand.
    #[error("the worker was shut down")]
    ShutDown,
}

/// Launches workers. Cheap to clone.
#[derive(Clone)]
pub struct WorkerLauncher {
    spawner: Arc<dyn SpawnWorker>,
    launch_timeout: Duration,
    heartbeat_timeout: Duration,
}

impl fmt::Debug for WorkerLauncher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerLauncher").finish_non_exhaustive()
    }
}

impl WorkerLauncher {
    /// Workers are processes of `program worker --conference <id>`; normally `program` is the running
    /// executable itself.
    ///
    /// # Errors
    /// The thread that spawns them could not be started.
    pub fn processes(program: PathBuf, config: &WorkerConfig) -> io::Result<Self> {
        Ok(Self::new(Arc::new(process::ProcessSpawner::start(program)?), config))
    }

    /// Workers are whatever `spawner` makes.
    pub fn new(spawner: Arc<dyn SpawnWorker>, config: &WorkerConfig) -> Self {
        Self {
            spawner,
            launch_timeout: Duration::from_millis(config.launch_timeout_ms.into()),
            heartbeat_timeout: Duration::from_millis(config.heartbeat_timeout_ms.into()),
        }
    }

    /// Starts a worker and configures it. Returns at once; the first event is `Ready`, or the first
    /// signal is `Gone`.
    pub fn launch(&self, conference: &ConferenceId, setup: WorkerSetup) -> Worker {
        let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
        let (event_queue, events) = mpsc::channel(EVENT_QUEUE);
        let kill = CancellationToken::new();
        let closing = CancellationToken::new();
        let watch = watch::WorkerWatch {
            conference: conference.clone(),
            setup,
            spawner: self.spawner.clone(),
            commands: command_queue,
            signals: event_queue,
            kill: kill.clone(),
            closing: closing.clone(),
            launch_timeout: self.launch_timeout,
            heartbeat_timeout: self.heartbeat_timeout,
        };
        // A child of the conference's span, which names the conference.
        let span = tracing::info_span!("worker", worker = tracing::field::Empty);
        tokio::spawn(watch.run().instrument(span));
        Worker { commands, events, kill, closing: closing.drop_guard() }
    }
}

/// A worker, as its conference holds it. Dropping it shuts the worker down in order, in the
/// background.
#[derive(Debug)]
pub struct Worker {
    commands: mpsc::Sender<WorkerCommand>,
    events: mpsc::Receiver<WorkerSignal>,
    kill: CancellationToken,
    closing: DropGuard,
}

/// A command had no room: the worker does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker does not read its commands")]
pub struct WorkerStuck;

impl Worker {
    /// Queues a command; never waits. A worker that is gone takes none, and its `Gone` is on the way.
    ///
    /// # Errors
    /// The queue is full.
    pub fn send(&self, command: WorkerCommand) -> Result<(), WorkerStuck> {
        match self.commands.try_send(command) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(WorkerStuck),
        }
    }

    /// The next signal; pends for ever after `Gone`. Cancel-safe.
    pub async fn recv(&mut self) -> WorkerSignal {
        match self.events.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// Ends it at once; it is reaped in the background.
    pub fn kill(self) {
        self.kill.cancel();
    }

    /// Shuts it down in order and returns when it is reaped: after two seconds at most it is killed.
    pub async fn stop(self) {
        let Self { commands, mut events, closing, .. } = self;
        drop((commands, closing));
        while events.recv().await.is_some() {}
    }
}
