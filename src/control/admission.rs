//! Whether there is room for more work: what is asked for is estimated ([`cost`]), what runs is measured
//! ([`usage`]), and what would not fit is refused before it harms what is on the air.

pub mod cost;
pub mod load;
pub mod shedding;
mod state;
mod usage;

use super::{cast::StartCast, error::ControlError, figures};
use crate::config::Config;
use cost::Cores;
use load::LoadMonitor;
use shedding::{Load, Shedding, Step};
use state::{AdmissionState, Change, PromiseId, Refused};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use usage::CpuMeter;

/// How often the CPU that we use is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// Who was refused may try again after so long: what was let in is measured by then.
pub const RETRY_AFTER: Duration = state::SETTLE;

/// Lets work in, or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission {
    state: Arc<Mutex<AdmissionState>>,
    tell: watch::Sender<Load>,
    monitor: LoadMonitor,
}

impl Admission {
    /// Up to that part of the machine's cores (`limits.max_load`); 0: everything is let in.
    pub fn new(max_load: f64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let allowed = (max_load > 0.0).then_some(Cores(max_load * cores as f64));
        let (tell, monitor) = LoadMonitor::new();
        Self { state: Arc::new(Mutex::new(AdmissionState::new(allowed))), tell, monitor }
    }

    /// How conferences hear of the load.
    pub const fn monitor(&self) -> &LoadMonitor {
        &self.monitor
    }

    /// Takes that much more on, if what is then asked for is [kept](Admitted::keep).
    ///
    /// # Errors
    /// `overloaded`: it would be more than is allowed.
    pub fn admit(&self, cost: Cores) -> Result<Admitted, ControlError> {
        let promise = self.state().admit(Instant::now(), cost).map_err(overloaded)?;
        Ok(Admitted { admission: self.clone(), promise: Some(promise) })
    }

    /// For what costs little and can be done without.
    ///
    /// # Errors
    /// `overloaded`: more is used than is allowed.
    pub fn admit_trifle(&self) -> Result<(), ControlError> {
        if self.state().is_pressed() { Err(overloaded(Refused)) } else { Ok(()) }
    }

    /// Whether a cast would be refused, however small.
    pub fn is_full(&self) -> bool {
        self.state().is_full(Instant::now())
    }

    /// Measures until `closing`. Without it only what was let in of late counts.
    pub async fn watch(self, closing: CancellationToken) {
        let (mut meter, mut shedding) = (CpuMeter::default(), Shedding::default());
        let mut interval = tokio::time::interval(MEASURE_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = interval.tick() => {}
            }
            // Files of /proc, but some for each thread and worker: not on the runtime's own threads.
            let measured = tokio::task::spawn_blocking(move || {
                let used = meter.measure(Instant::now());
                (meter, used)
            });
            // A panic, or the runtime goes down.
            let Ok((returned, used)) = measured.await else { return };
            meter = returned;
            let Some(used) = used else { continue };
            figures::cpu_used(used.0);
            let now = Instant::now();
            // Not as the match's subject: the lock would be held through it.
            let change = self.state().measured(now, used);
            match change {
                Some(Change::Pressed { used, allowed }) => {
                    figures::overloaded(true);
                    tracing::warn!(
                        "more is used than limits.max_load allows ({:.2} of {:.2} cores): snapshots, new viewers, \
                         publishers and casts are refused",
                        used.0,
                        allowed.0
                    );
                }
                Some(Change::Relieved) => {
                    figures::overloaded(false);
                    tracing::info!("no more is used than limits.max_load allows");
                }
                None => {}
            }
            self.shed(now, &mut shedding);
        }
    }

    /// Has casts cost less while there is no room, and tells conferences how it is.
    fn shed(&self, now: Instant, shedding: &mut Shedding) {
        let (part, pressed) = {
            let state = self.state();
            (state.part(), state.is_pressed())
        };
        let Some(part) = part else { return };
        let depth = self.monitor.depth();
        let step = shedding.measured(now, part, pressed, depth);
        let load = Load { pressed, steps: shedding.steps() };
        match step {
            Some(Step::Shed) => {
                tracing::warn!("smaller renditions get fewer pictures: step {} of {depth}", load.steps);
            }
            Some(Step::Restored) => {
                tracing::info!("smaller renditions get more pictures again: step {} of {depth}", load.steps);
            }
            None => {}
        }
        figures::shed(load.steps);
        self.tell.send_if_modified(|told| std::mem::replace(told, load) != load);
    }

    fn state(&self) -> MutexGuard<'_, AdmissionState> {
        // Nothing in it can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for a cast's room where it is known how many are in: in its conference.
#[derive(Debug)]
pub struct CastRoom {
    admission: Admission,
    config: Arc<Config>,
}

impl CastRoom {
    pub const fn new(admission: Admission, config: Arc<Config>) -> Self {
        Self { admission, config }
    }

    /// Takes the cast on in a conference of so many people.
    ///
    /// # Errors
    /// As [`Admission::admit`].
    pub fn ask(&self, start: &StartCast, people: usize) -> Result<Admitted, ControlError> {
        let decoders = cost::decoders(&start.source, people, self.config.switching.hot() as usize);
        self.admission.admit(cost::cast(&start.encoding, &self.config.encoding.preset, decoders))
    }
}

/// Room that is held for a request. Given back when dropped.
#[derive(Debug)]
#[must_use = "the room is given back when this is dropped"]
pub struct Admitted {
    admission: Admission,
    promise: Option<PromiseId>,
}

impl Admitted {
    /// The request succeeded: from now on the room is used.
    pub fn keep(mut self) {
        self.promise = None;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(promise) = self.promise {
            self.admission.state().release(promise);
        }
    }
}

fn overloaded(Refused: Refused) -> ControlError {
    figures::refused();
    ControlError::Overloaded { retry_after: RETRY_AFTER }
}
