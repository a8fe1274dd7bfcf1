//! The RTMP server that players connect to: one for all casts, bound when the first of them is played.

use super::{connection::Player, feed::Feed, output::RtmpPlay, request::APP};
use crate::{
    config::RtmpConfig,
    egress::hub::{Hub, QueueLimits},
    ids::ConferenceId,
};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// Whether the holder of a token (if any) may play a conference. Must not block.
pub type PlayCheck = Arc<dyn Fn(&ConferenceId, Option<&str>) -> bool + Send + Sync>;

/// Connections that have not asked to play yet, beside those that play.
const MAX_WAITING: usize = 64;
/// After a failed accept (no descriptors left, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be played.
#[derive(Debug, thiserror::Error)]
pub enum RtmpPlayError {
    #[error("RTMP play is switched off on this server (rtmp.listen = \"\")")]
    Off,
    #[error("{0} is in use by another program, so RTMP play cannot listen there; end it, or set rtmp.listen")]
    PortInUse(SocketAddr),
    #[error("RTMP play cannot listen on {listen} ({source})")]
    Listen {
        listen: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// The server. Cheap to clone; listens until the last clone and the last output are gone.
#[derive(Clone)]
pub struct RtmpPlayServer {
    inner: Arc<Inner>,
}

struct Inner {
    config: RtmpConfig,
    host: Option<String>,
    shared: Arc<Shared>,
    bound: Mutex<Option<Bound>>,
}

/// What each connection knows.
pub(super) struct Shared {
    pub(super) registry: Registry,
    pub(super) check: PlayCheck,
    /// A permit for each player.
    pub(super) players: Arc<Semaphore>,
    /// Deadline of the handshake, of `connect` and of `play`.
    pub(super) stage: Duration,
    /// Longest time in which a player takes no byte.
    pub(super) stall: Duration,
}

struct Bound {
    address: SocketAddr,
    _end: DropGuard,
}

/// What is played, by conference.
#[derive(Clone, Default)]
pub(super) struct Registry(Arc<Mutex<HashMap<ConferenceId, Arc<Feed>>>>);

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConferenceId, Arc<Feed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, conference: &ConferenceId, feed: Arc<Feed>) {
        self.lock().insert(conference.clone(), feed);
    }

    pub(super) fn get(&self, conference: &ConferenceId) -> Option<Arc<Feed>> {
        self.lock().get(conference).cloned()
    }

    /// Unless it has been replaced.
    pub(super) fn remove(&self, conference: &ConferenceId, feed: &Arc<Feed>) {
        let mut feeds = self.lock();
        if feeds.get(conference).is_some_and(|known| Arc::ptr_eq(known, feed)) {
            feeds.remove(conference);
        }
    }
}

impl RtmpPlayServer {
    /// Listens nowhere yet. `host` stands in play URLs instead of the address we listen on.
    pub fn new(config: RtmpConfig, host: Option<String>, check: PlayCheck) -> Self {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let shared = Shared {
            registry: Registry::default(),
            check,
            players: Arc::new(Semaphore::new(config.max_players)),
            stage: ms(config.stage_timeout_ms),
            stall: ms(config.stall_timeout_ms),
        };
        Self { inner: Arc::new(Inner { config, host, shared: Arc::new(shared), bound: Mutex::new(None) }) }
    }

    /// Has `hub` played as `conference`; an older stream of it is replaced. Listens from the first call on.
    ///
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When it is switched off, or cannot listen.
    pub fn play(&self, hub: &Hub, conference: ConferenceId) -> Result<RtmpPlay, RtmpPlayError> {
        let address = self.bind()?;
        let url = match &self.inner.host {
            Some(host) => format!("rtmp://{host}:{}/{APP}/{conference}", address.port()),
            None => format!("rtmp://{address}/{APP}/{conference}"),
        };
        let limits = QueueLimits {
            bytes: self.inner.config.max_queue_bytes,
            span: Duration::from_millis(self.inner.config.max_queue_ms.into()),
        };
        let registry = self.inner.shared.registry.clone();
        Ok(RtmpPlay::spawn(self, registry, hub, conference, limits, url))
    }

    fn bind(&self) -> Result<SocketAddr, RtmpPlayError> {
        let mut bound = self.inner.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = &*bound {
            return Ok(bound.address);
        }
        let listen = self.inner.config.listen.ok_or(RtmpPlayError::Off)?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => RtmpPlayError::PortInUse(listen),
            _ => RtmpPlayError::Listen { listen, source },
        };
        let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let end = CancellationToken::new();
        let (shared, cancelled) = (self.inner.shared.clone(), end.clone().cancelled_owned());
        let connections = self.inner.config.max_players.saturating_add(MAX_WAITING);
        tokio::spawn(async move {
            tokio::select! { () = cancelled => {} () = accept(listener, shared, connections) => {} }
        });
        tracing::info!("listening on rtmp://{address}");
        *bound = Some(Bound { address, _end: end.drop_guard() });
        Ok(address)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, connections: usize) {
    let permits = Arc::new(Semaphore::new(connections));
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                // Too many that do not even play: closed at once.
                let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
                let player = Player::new(socket, shared.clone());
                let span = tracing::info_span!("rtmp_player", %peer);
                tokio::spawn(
                    async move {
                        player.run().await;
                        drop(permit);
                    }
                    .instrument(span),
                );
            }
            Err(error) => {
                tracing::warn!(%error, "an rtmp connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
