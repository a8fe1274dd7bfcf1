//! `meetingcast serve`: everything put together, and taken down in order.

use super::{
    admission::{Admission, load::LoadMonitor},
    auth::{Auth, OpenNetwork, check_listen},
    conference::{outputs::egress::EgressOutputs, runner::ConferenceParts},
    directory::Directory,
    error::ControlError,
    events::{Events, news::News},
    figures,
    http::{
        self, hls,
        server::{
            ConnectionLimits, serve,
            tls::{self, CertificateError, CertificateFiles},
        },
        state::{AppState, Conferences, Readiness, SdpReaders, Trickle},
    },
    offer,
    signal::Switchboard,
    store::redb::RedbStore,
    supervisor::WorkerLauncher,
    trickle,
    webhooks::Webhooks,
};
use crate::{
    config::{Config, ServerConfig, pictures},
    egress::{hls::HlsLibrary, recording::RecordingLibrary},
    telemetry::{self, TelemetryError},
};
use axum::Router;
use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;

/// How often the metrics' histograms are folded; the library advises every few seconds.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// What the command line adds to the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeOptions {
    /// Open mode may listen beyond loopback.
    pub allow_open_network: bool,
}

/// Why the server did not run, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    OpenNetwork(#[from] OpenNetwork),
    #[error("{listen} is in use by another program; end it, or choose another address with --listen")]
    PortInUse { listen: SocketAddr },
    #[error("listening on {listen} failed")]
    Listen {
        listen: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("server.tls cannot be used")]
    Certificate(#[source] CertificateError),
    #[error("making the data directory {} failed", dir.display())]
    DataDir {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("installing the handler of signals failed")]
    Signals(#[source] io::Error),
    #[error("building the server failed")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the shutdown was not done within {0} s; what was left has been cut")]
    ShutdownTimeout(u32),
}

/// What [`build`] makes.
struct Parts {
    directory: Directory,
    /// HLS.
    media: Router,
    sdp: SdpReaders,
    recordings: RecordingLibrary,
}

/// The conferences, HLS and the SDP parsers: the one place that knows how they are made.
async fn build(config: &Arc<Config>, load: LoadMonitor, events: Events) -> Result<Parts, ServeError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| ServeError::Build(error);
    let dir = config.server.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || RedbStore::open(&dir)).await;
    let store = opened.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))?;
    let program = std::env::current_exe().map_err(|error| failed(error.into()))?;
    let launcher =
        WorkerLauncher::processes(program, &config.worker).map_err(|error| failed(error.into()))?;
    let library = HlsLibrary::new();
    let recordings = RecordingLibrary::open(&config.recording, &config.server.data_dir)
        .map_err(|error| failed(error.into()))?;
    let told = events.clone();
    recordings.observe(move |recording, store| {
        told.publish(&recording.conference, &News::Recording { recording: recording.clone(), store });
    });
    // Before any cast: what it records must not be taken for a former run's.
    recordings.recover().await.map_err(|error| failed(error.into()))?;
    let outputs = Arc::new(EgressOutputs::new(config.clone(), library.clone(), recordings.clone()));
    let pictures = Arc::new(pictures::load(&config.pictures, &config.limits));
    let parts = ConferenceParts { config: config.clone(), launcher, outputs, load, events, pictures };
    let directory = Directory::start(parts, Arc::new(store)).await.map_err(|error| failed(error.into()))?;
    Ok(Parts {
        directory,
        media: hls::router(library),
        sdp: SdpReaders {
            offer: |sdp| Ok(offer::parse(sdp)?),
            subscriber: |sdp, video| Ok(offer::parse_subscriber(sdp, video)?),
            trickle: read_trickle,
        },
        recordings,
    })
}

fn read_trickle(fragment: &str) -> Result<Trickle, ControlError> {
    let read = trickle::parse(fragment).map_err(|error| ControlError::SdpInvalid(error.to_string()))?;
    Ok(Trickle { candidates: read.candidates, ufrag: read.ufrag })
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// [`ServeError`]: before the first request, or when the drain took too long.
pub async fn run(config: Config, options: ServeOptions) -> Result<(), ServeError> {
    check_listen(config.auth.mode, config.server.listen, options.allow_open_network)?;
    if let Some(listen) = config.rtmp.listen {
        check_listen(config.auth.mode, listen, options.allow_open_network)?;
    }
    let listener = bind(config.server.listen).await?;
    let bound = listener.local_addr().unwrap_or(config.server.listen);
    let dir = &config.server.data_dir;
    std::fs::create_dir_all(dir).map_err(|source| ServeError::DataDir { dir: dir.clone(), source })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let metrics = telemetry::init_metrics()?;
    let upkeep = metrics.clone();
    let upkeep = tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            upkeep.run_upkeep();
        }
    });

    let (tls, reloader) = match certificate(&config.server).await? {
        Some((tls, reloader)) => (Some(tls), Some(tokio::spawn(reloader.run()))),
        None => (None, None),
    };
    let config = Arc::new(config);
    let admission = Admission::new(config.limits.max_load);
    figures::describe();
    let base_url: Arc<str> = base_url(&config.server, bound).into();
    let webhooks = Webhooks::start(&config.webhooks).map_err(|error| ServeError::Build(Box::new(error)))?;
    let events = Events::new(base_url.clone(), webhooks.clone(), config.limits.max_event_streams);
    let parts = build(&config, admission.monitor().clone(), events.clone()).await?;
    let directory = Arc::new(parts.directory);
    let readiness = Readiness::default();
    let conferences: Arc<dyn Conferences> = directory.clone();
    let closing = CancellationToken::new();
    let signal = Switchboard::start(conferences.clone(), &config, closing.clone());
    tokio::spawn(admission.clone().watch(closing.clone()));
    let state = AppState {
        admission,
        conferences,
        signal,
        auth: Auth::new(&config.auth),
        base_url,
        sdp: parts.sdp,
        recordings: parts.recordings,
        events: events.clone(),
        metrics,
        readiness: readiness.clone(),
        config: Arc::clone(&config),
    };
    let limits = ConnectionLimits::new(config.limits.max_connections);
    let mut server = tokio::spawn(serve(
        listener,
        tls,
        http::app(state, parts.media),
        limits,
        closing.clone().cancelled_owned(),
    ));
    tracing::info!("listening on {}://{bound}", scheme(&config.server));

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down: no new conferences, casts end");
    readiness.begin_drain();
    let limit = config.server.shutdown_timeout_s;
    let deadline = Instant::now() + Duration::from_secs(limit.into());
    // The API answers while casts end, so that clients can see them end; then it closes too.
    let drain = async {
        directory.drain().await;
        // All is told by now. Readers' streams end behind it, and what webhooks have not taken gets a last chance.
        events.close();
        webhooks.drain(webhooks_deadline(Instant::now(), deadline)).await;
        closing.cancel();
        // A panic in `serve` is in the log; there is nothing left to wait for.
        let _ = (&mut server).await;
    };
    let in_time = tokio::select! {
        drained = tokio::time::timeout_at(deadline.into(), drain) => drained.is_ok(),
        // Who asks twice is in a hurry.
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    upkeep.abort();
    if let Some(reloader) = reloader {
        reloader.abort();
    }
    if !in_time {
        server.abort();
        return Err(ServeError::ShutdownTimeout(limit));
    }
    tracing::info!("shut down");
    Ok(())
}

/// A receiver that does not answer leaves half of the time that is left to the rest of the shutdown.
fn webhooks_deadline(now: Instant, deadline: Instant) -> Instant {
    now + deadline.saturating_duration_since(now) / 2
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(listen).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse { listen },
        _ => ServeError::Listen { listen, source },
    })
}

/// What stands before `/hls/…`: as configured, or where we listen.
fn base_url(server: &ServerConfig, bound: SocketAddr) -> String {
    if server.public_url.is_empty() {
        format!("{}://{bound}", scheme(server))
    } else {
        server.public_url.clone()
    }
}

fn scheme(server: &ServerConfig) -> &'static str {
    if server.tls.is_on() { "https" } else { "http" }
}

/// The certificate of `[server.tls]`, if there is one.
async fn certificate(
    server: &ServerConfig,
) -> Result<Option<(Arc<rustls::ServerConfig>, tls::Reloader)>, ServeError> {
    if !server.tls.is_on() {
        return Ok(None);
    }
    let files = CertificateFiles { cert: (&server.tls.cert).into(), key: (&server.tls.key).into() };
    tls::load(files).await.map(Some).map_err(ServeError::Certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_told_as_such() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = taken.local_addr().unwrap();
        let error = bind(listen).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{listen} is in use by another program; end it, or choose another address with --listen")
        );
    }

    #[test]
    fn urls_begin_as_the_operator_says_or_where_we_listen() {
        let bound = "127.0.0.1:4711".parse().unwrap();
        let mut server = ServerConfig::default();
        assert_eq!(base_url(&server, bound), "http://127.0.0.1:4711");
        server.tls.cert = "cert.pem".to_owned();
        assert_eq!(base_url(&server, bound), "https://127.0.0.1:4711");
        server.public_url = "https://cast.example".to_owned();
        assert_eq!(base_url(&server, bound), "https://cast.example");
    }
}
