//! The task that watches one worker from spawn to reaping.

use super::{SpawnWorker, SpawnedWorker, WorkerEnd, WorkerProcess, WorkerSignal};
use crate::{
    ids::ConferenceId,
    ipc::{
        WorkerCommand, WorkerEvent, WorkerSetup,
        link::{LinkReader, LinkWriter},
    },
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// From the command `Shutdown`, or the end of the link, to SIGKILL.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// Everything the task needs.
pub(super) struct WorkerWatch {
    pub conference: ConferenceId,
    pub setup: WorkerSetup,
    pub spawner: Arc<dyn SpawnWorker>,
    pub commands: mpsc::Receiver<WorkerCommand>,
    pub signals: mpsc::Sender<WorkerSignal>,
    pub kill: CancellationToken,
    pub closing: CancellationToken,
    pub launch_timeout: Duration,
    pub heartbeat_timeout: Duration,
}

/// Stops the writing task with the watch, however that ends.
struct Writing(AbortHandle);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl WorkerWatch {
    /// Runs until the worker is reaped; the last signal is `Gone`.
    pub async fn run(self) {
        let signals = self.signals.clone();
        let end = self.live().await;
        match &end {
            WorkerEnd::ShutDown => tracing::info!("worker shut down"),
            WorkerEnd::Spawn(source) | WorkerEnd::Protocol(source) => {
                tracing::error!(error = %end, cause = %source, "worker gone");
            }
            _ => tracing::warn!(error = %end, "worker gone"),
        }
        // The conference may be gone as well; then nobody needs to know.
        let _ = signals.send(WorkerSignal::Gone(end)).await;
    }

    async fn live(self) -> WorkerEnd {
        let launch_deadline = Instant::now() + self.launch_timeout;
        let spawned = timeout_at(launch_deadline, self.spawner.spawn(&self.conference)).await;
        let SpawnedWorker { stream, mut process } = match spawned {
            Ok(Ok(spawned)) => spawned,
            Ok(Err(error)) => return WorkerEnd::Spawn(error),
            Err(_) => return WorkerEnd::LaunchTimeout(self.launch_timeout),
        };
        let pid = process.id();
        tracing::Span::current().record("worker", pid.unwrap_or_default());
        tracing::info!("worker spawned");
        let (read, write) = tokio::io::split(stream);
        // Writing has its own task: were it done between two reads, both ends could wait for the
        // other to read.
        let _writing = Writing(
            tokio::spawn(write_commands(LinkWriter::new(write), self.setup, self.commands)).abort_handle(),
        );
        let mut link = Link {
            events: LinkReader::new(read),
            signals: self.signals,
            kill: self.kill,
            closing: self.closing,
            ready: false,
            deadline: launch_deadline,
            launch_timeout: self.launch_timeout,
            heartbeat_timeout: self.heartbeat_timeout,
        };
        let leave = link.pump().await;
        let exit = leave_alone_or_kill(process.as_mut(), &leave, &link.kill).await;
        match leave {
            Leave::Closed => WorkerEnd::Exited { exit },
            Leave::Shut { .. } => WorkerEnd::ShutDown,
            Leave::Kill(end) => end,
        }
    }
}

/// Why reading stopped.
enum Leave {
    /// The worker closed its end; it is about to exit by itself.
    Closed,
    /// The shutdown that was asked for went through, or its time is over; the process may live until
    /// then.
    Shut { until: Instant },
    /// It must not live on.
    Kill(WorkerEnd),
}

/// The reading side, with its deadlines.
struct Link<R> {
    events: LinkReader<WorkerEvent, R>,
    signals: mpsc::Sender<WorkerSignal>,
    kill: CancellationToken,
    closing: CancellationToken,
    ready: bool,
    deadline: Instant,
    launch_timeout: Duration,
    heartbeat_timeout: Duration,
}

impl<R: AsyncRead + Unpin> Link<R> {
    async fn pump(&mut self) -> Leave {
        let mut closing = false;
        loop {
            tokio::select! {
                // 1. a kill beats everything; 2. a shutdown beats what the worker says; 3. an event
                // that is there counts as heard, however late we come to read it; 4. silence.
                biased;
                () = self.kill.cancelled() => return Leave::Kill(WorkerEnd::Killed),
                () = self.closing.cancelled(), if !closing => {
                    closing = true;
                    self.deadline = Instant::now() + EXIT_GRACE;
                }
                event = self.events.recv() => match event {
                    Ok(Some(event)) => {
                        if let Some(leave) = self.pass_on(event, closing).await {
                            return leave;
                        }
                    }
                    Ok(None) if closing => return Leave::Shut { until: self.deadline },
                    Ok(None) => return Leave::Closed,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return Leave::Kill(WorkerEnd::Protocol(error));
                    }
                    // A reset is how a dying process' socket may end as well.
                    Err(_) => return Leave::Closed,
                },
                () = sleep_until(self.deadline) => {
                    return if closing {
                        Leave::Shut { until: self.deadline }
                    } else if self.ready {
                        Leave::Kill(WorkerEnd::Silent(self.heartbeat_timeout))
                    } else {
                        Leave::Kill(WorkerEnd::LaunchTimeout(self.launch_timeout))
                    };
                }
            }
        }
    }

    async fn pass_on(&mut self, event: WorkerEvent, closing: bool) -> Option<Leave> {
        if !self.ready {
            let WorkerEvent::Ready { gstreamer, .. } = &event else {
                let error = io::Error::new(io::ErrorKind::InvalidData, "an event before Ready");
                return Some(Leave::Kill(WorkerEnd::Protocol(error)));
            };
            tracing::info!(gstreamer, "worker ready");
            self.ready = true;
        }
        tokio::select! {
            biased;
            () = self.kill.cancelled() => return Some(Leave::Kill(WorkerEnd::Killed)),
            // Without a listener (the conference is gone) events are read and thrown away, so that
            // the worker can end in order.
            _ = self.signals.send(WorkerSignal::Event(event)) => {}
        }
        if !closing {
            self.deadline = Instant::now() + self.heartbeat_timeout;
        }
        None
    }
}

async fn leave_alone_or_kill(
    process: &mut dyn WorkerProcess,
    leave: &Leave,
    kill: &CancellationToken,
) -> String {
    let until = match leave {
        Leave::Closed => Some(Instant::now() + EXIT_GRACE),
        Leave::Shut { until } => Some(*until),
        Leave::Kill(_) => None,
    };
    if let Some(until) = until {
        let exit = tokio::select! {
            exit = timeout_at(until, process.wait()) => exit.ok(),
            () = kill.cancelled() => None,
        };
        if let Some(exit) = exit {
            return exit;
        }
    }
    process.kill();
    process.wait().await
}

async fn write_commands<W: AsyncWrite + Unpin>(
    mut link: LinkWriter<WorkerCommand, W>,
    setup: WorkerSetup,
    mut commands: mpsc::Receiver<WorkerCommand>,
) {
    let mut result = link.send(&WorkerCommand::Configure(setup)).await;
    while result.is_ok() {
        let Some(command) = commands.recv().await else {
            result = link.send(&WorkerCommand::Shutdown).await;
            break;
        };
        result = link.send(&command).await;
    }
    if let Err(error) = result {
        // The reading side sees the same end and reports it.
        tracing::debug!(%error, "worker takes no more commands");
    }
    // The socket stays open until the worker closes it: the halves share it.
}
