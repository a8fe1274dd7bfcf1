//! What every handler has.

use crate::{
    config::Config,
    control::{
        admission::Admission,
        auth::Auth,
        conference::{Conference, ConferenceSettings, ConferenceView},
        directory::Directory,
        error::ControlError,
        events::Events,
        signal::Switchboard,
    },
    egress::recording::RecordingLibrary,
    ids::{ConferenceId, SessionId},
    ipc::{Candidate, IngestOffer, VideoCodec},
};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The conferences.
    pub conferences: Arc<dyn Conferences>,
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// The check of tokens.
    pub auth: Auth,
    /// How SDP is read.
    pub sdp: SdpReaders,
    /// The recordings.
    pub recordings: RecordingLibrary,
    /// What happens in conferences, and who is told.
    pub events: Events,
    /// Who is signed in by signalling.
    pub signal: Switchboard,
    /// What stands before `/hls/…` in URLs: `server.public_url`, or `http://` (with TLS
    /// `https://`) and the address that was really bound. Without a slash at the end.
    pub base_url: Arc<str>,
    /// `/metrics`.
    pub metrics: PrometheusHandle,
    /// Whether there is room for more work.
    pub admission: Admission,
    /// `/readyz`.
    pub readiness: Readiness,
}

/// The [`Directory`], as the handlers see it: they are tested without its actor behind them.
pub trait Conferences: Send + Sync + 'static {
    /// See [`Directory::find`].
    fn find<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>>;
    /// See [`Directory::find_or_create`].
    fn find_or_create<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>>;
    /// See [`Directory::put`].
    fn put<'a>(
        &'a self,
        id: &'a ConferenceId,
        settings: ConferenceSettings,
    ) -> BoxFuture<'a, Result<(bool, ConferenceView), ControlError>>;
    /// See [`Directory::list`].
    fn list(&self) -> BoxFuture<'_, Vec<Conference>>;
    /// See [`Directory::by_session`].
    fn by_session<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Conference, ControlError>>;
    /// See [`Directory::end`].
    fn end<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>>;
    /// See [`Directory::stored`].
    fn stored<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>>;
}

impl Conferences for Directory {
    fn find<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        Box::pin(self.find(id))
    }
    fn find_or_create<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        Box::pin(self.find_or_create(id))
    }
    fn put<'a>(
        &'a self,
        id: &'a ConferenceId,
        settings: ConferenceSettings,
    ) -> BoxFuture<'a, Result<(bool, ConferenceView), ControlError>> {
        Box::pin(self.put(id, settings))
    }
    fn list(&self) -> BoxFuture<'_, Vec<Conference>> {
        Box::pin(self.list())
    }
    fn by_session<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        Box::pin(self.by_session(id))
    }
    fn end<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(self.end(id))
    }
    fn stored<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(self.stored(id))
    }
}

/// How SDP is read: the parsers of control, or a test's.
#[derive(Clone, Copy)]
pub struct SdpReaders {
    /// An offer: `sdp_invalid`, `codec_unsupported` (406).
    pub offer: fn(&str) -> Result<IngestOffer, ControlError>,
    /// A subscriber's offer, for a publisher of that video: the same errors.
    pub subscriber: fn(&str, VideoCodec) -> Result<IngestOffer, ControlError>,
    /// The body of a trickle `PATCH` (RFC 8840 §9): `sdp_invalid`.
    pub trickle: fn(&str) -> Result<Trickle, ControlError>,
}

/// What a trickle `PATCH` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trickle {
    /// New candidates; may be empty (end-of-candidates only).
    pub candidates: Vec<Candidate>,
    /// `a=ice-ufrag`, where the fragment names it: another than the offer's asks for an ICE restart.
    pub ufrag: Option<String>,
}

/// Whether new work is taken; said by `/readyz`.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on `/readyz` says 503: a load balancer sends nobody new.
    pub fn begin_drain(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the server drains.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
