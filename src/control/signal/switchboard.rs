//! Who is signed in, and whose calls there are. One actor: the handle [`Switchboard`], the task
//! [`runner::SwitchboardRunner`], the mailbox [`SwitchboardRequest`], and the pure
//! [`state::SwitchboardState`].

pub mod runner;
pub mod state;

use self::{
    runner::SwitchboardRunner,
    state::{SignIn, SocketId},
};
use super::{message::Request, queue::SignalQueue};
use crate::{
    config::Config,
    control::{error::ControlError, http::state::Conferences},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Messages that wait for the actor, which takes each in microseconds; a socket waits for a place.
const MAILBOX: usize = 1024;

/// What a socket tells.
#[derive(Debug)]
pub enum SwitchboardRequest {
    SignIn { sign_in: SignIn, queue: SignalQueue },
    Said { socket: SocketId, request: Request },
    Gone { socket: SocketId },
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Switchboard {
    mailbox: mpsc::Sender<SwitchboardRequest>,
    places: Arc<Semaphore>,
    max_clients: usize,
    next_socket: Arc<AtomicU64>,
    closing: CancellationToken,
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchboard").finish_non_exhaustive()
    }
}

/// A WebSocket's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    pub socket: SocketId,
    _permit: OwnedSemaphorePermit,
}

impl Switchboard {
    /// Starts the actor. `closing` closes all sockets.
    pub fn start(
        conferences: Arc<dyn Conferences>,
        config: &Arc<Config>,
        closing: CancellationToken,
    ) -> Self {
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        tokio::spawn(SwitchboardRunner::new(conferences, config, requests).run());
        let max_clients = config.limits.max_clients;
        Self {
            mailbox,
            places: Arc::new(Semaphore::new(max_clients)),
            max_clients,
            next_socket: Arc::default(),
            closing,
        }
    }

    /// A place for one more WebSocket.
    ///
    /// # Errors
    /// `too_many_clients`, `shutting_down`.
    pub fn place(&self) -> Result<Place, ControlError> {
        if self.closing.is_cancelled() {
            return Err(ControlError::ShuttingDown);
        }
        let permit = self.places.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ControlError::TooManyClients { max: self.max_clients })?;
        let socket = SocketId(self.next_socket.fetch_add(1, Ordering::Relaxed));
        Ok(Place { socket, _permit: permit })
    }

    /// Cancelled when the server ends.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Waits for a place in the mailbox: only the socket that tells waits. The actor lives as long as a
    /// handle does, so nothing is lost.
    pub async fn tell(&self, request: SwitchboardRequest) {
        let _ = self.mailbox.send(request).await;
    }
}
