//! The worker: one child process per conference, all of its GStreamer. Knows sources, scenes and
//! numbers; never a user.
//!
//! Start at [`controller`] (commands in, events out). A publisher is an [`ingest`], what it delivers a
//! [`source`]; the [`program`] makes one picture and one sound of all sources, the [`encoder`] frames of
//! both; or it passes one source's [`coded`] pictures through. A [`forward`] sends a publisher's packets to a
//! subscriber as they come, or the program's, which a [`broadcast`] makes. A media [`file`] is a source too.

pub mod broadcast;
pub mod coded;
pub mod controller;
pub mod elements;
pub mod encoder;
pub mod file;
pub mod forward;
pub mod ingest;
pub mod level;
pub mod pipeline;
pub mod pipeline_file;
pub mod program;
pub mod rtp;
pub mod source;
pub mod timeline;

use crate::ipc::{WorkerCommand, WorkerEvent, link};
use anyhow::Context;
use controller::{Controller, Finish};
use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    time::Duration,
};
use tokio::sync::mpsc;

/// Events under way to control: half a minute of a program's frames would be 2,600; control reads at once,
/// so a backlog of seconds means that it does not, and frames are left out rather than kept.
const OUTBOX: usize = 512;
/// Commands under way to the controller.
const INBOX: usize = 64;
/// What the teardown of GStreamer may take at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// The body of `meetingcast worker`: serves the control process at the other end of stdin, which is a
/// Unix socket. Returns when control says so or is gone.
///
/// # Errors
/// No socket on stdin, no GStreamer, or a pipeline that cannot be taken down.
pub fn run() -> anyhow::Result<()> {
    // Whatever happens to the parent: no worker outlives it, not even a frozen one.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("asking for a signal when the parent dies")?;
    gst::init().context("initialising GStreamer")?;
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context("taking the socket on stdin")?;
    let socket = UnixStream::from(stdin);
    socket.set_nonblocking(true).context("setting up the socket on stdin")?;
    // One thread: what is to be done here is to pass small messages on. With more of them each message woke two, and
    // a third to look whether there was more: a third of what this runtime cost.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the async runtime")?;
    let finish = runtime.block_on(serve(socket))?;
    runtime.shutdown_timeout(FAREWELL);
    match finish {
        Finish::Orderly => Ok(()),
        Finish::Broken => anyhow::bail!("a pipeline is frozen; the worker gives up"),
    }
}

async fn serve(socket: UnixStream) -> anyhow::Result<Finish> {
    let socket = tokio::net::UnixStream::from_std(socket).context("using the socket on stdin")?;
    let (mut commands, mut events) = link::split::<WorkerCommand, WorkerEvent>(socket);
    let setup = match commands.recv().await.context("reading the first command")? {
        Some(WorkerCommand::Configure(setup)) => setup,
        Some(other) => anyhow::bail!("the first command is not Configure but {other:?}"),
        None => return Ok(Finish::Orderly),
    };
    let (out, mut outbox) = mpsc::channel(OUTBOX);
    let ready = WorkerEvent::Ready { pid: std::process::id(), gstreamer: gst::version_string().to_string() };
    events.send(&ready).await.context("saying ready")?;
    let writer = tokio::spawn(async move {
        while let Some(event) = outbox.recv().await {
            if events.send(&event).await.is_err() {
                return;
            }
        }
    });
    let (command_in, inbox) = mpsc::channel(INBOX);
    let reader = tokio::spawn(async move {
        loop {
            match commands.recv().await {
                Ok(Some(command)) => {
                    if command_in.send(command).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "unreadable command");
                    return;
                }
            }
        }
    });
    let finish = Controller::new(setup, out).run(inbox).await;
    reader.abort();
    // Ends when the last sender is gone: streaming threads that are still stopping hold some.
    let _ = tokio::time::timeout(FAREWELL, writer).await;
    Ok(finish)
}
