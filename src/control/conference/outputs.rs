//! What a conference needs of an output, whatever carries it.
//!
//! The server's factory is [`egress::EgressOutputs`]; tests bring their own.

pub mod egress;

use crate::{
    control::cast::OutputKind,
    egress::{hub::Hub, output::OutputStatus},
    ids::{ConferenceId, OutputId},
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::{fmt, sync::Arc};

/// Makes outputs.
pub trait OutputFactory: Send + Sync + 'static {
    /// Starts an output. Must not wait: it subscribes to `order.hub` before it returns, so that it
    /// misses no frame, and does everything else in its own task.
    ///
    /// # Errors
    /// A sentence for the client, without anything internal or secret.
    fn create(&self, order: OutputOrder) -> Result<Box<dyn OutputHandle>, String>;
}

/// An output to make.
#[derive(Clone)]
pub struct OutputOrder {
    pub conference: ConferenceId,
    pub id: OutputId,
    pub kind: OutputKind,
    /// Where the program comes from. Times in it count from the cast's own zero.
    pub hub: Hub,
    /// What the cast's zero is by the wall clock (HLS: `EXT-X-PROGRAM-DATE-TIME`).
    pub epoch: Timestamp,
    /// Asks for an IDR.
    pub keyframe: KeyframeRequest,
}

/// Asks the program for an IDR soon; never waits, may be called at any rate. Cheap to clone.
#[derive(Clone)]
pub struct KeyframeRequest(Arc<dyn Fn() + Send + Sync>);

impl KeyframeRequest {
    /// Calls `ask` on each request.
    pub fn new(ask: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks.
    pub fn ask(&self) {
        (self.0)();
    }
}

impl fmt::Debug for KeyframeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyframeRequest")
    }
}

/// A running output. Dropping it ends it at once, without a clean end towards its peer.
pub trait OutputHandle: Send + Sync + 'static {
    /// Its figures now.
    fn status(&self) -> OutputStatus;
    /// Done when a client can play it; false if it ended before that. Outputs that the start of a cast
    /// does not wait for (RTMP) are never asked.
    fn playable(&self) -> BoxFuture<'static, bool>;
    /// Ends it cleanly: what is queued in the hub before `End` is delivered first. Resolves with the
    /// final figures. May be dropped when it takes too long.
    fn stop(self: Box<Self>) -> BoxFuture<'static, OutputStatus>;
}
