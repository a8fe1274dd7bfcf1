//! What is sent to an endpoint when: a plain state machine, without clock, task or socket.
//!
//! Each conference is a lane of its own. The rules:
//!
//! 1. A lane's next event is sent when the one before was delivered or given up, never earlier.
//! 2. At most `concurrency` lanes are on their way at once; lanes that are due take turns.
//! 3. After a failure the lane waits, longer with each one, with jitter, and no shorter than the receiver asks.
//! 4. An event that is older than `give_up` when an attempt fails is given up. Each gets one attempt at least.
//! 5. At most `queue` events wait. What comes beyond is lost and counted; in its place in the lane stands one
//!    `events.lost`, which itself is bounded by `queue` for all lanes together.
//! 6. An endpoint that says it is gone gets nothing more.
//! 7. In a drain nothing waits and nothing is tried twice: a lane whose attempt fails is lost with all that it
//!    has.

use crate::{
    config::webhooks::WebhooksConfig,
    control::{events::Event, http::wire::event},
    ids::{ConferenceId, EventId},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

#[cfg(test)]
mod tests;

/// Doublings of the pause beyond which it is at its longest whatever the settings (a day is 2^17 s).
const MAX_DOUBLINGS: u32 = 30;

/// The bounds of [`DeliveryState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// Events that wait.
    pub queue: usize,
    /// Attempts at once.
    pub concurrency: usize,
    pub give_up: Duration,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
}

impl DeliveryLimits {
    /// As configured.
    pub fn of(config: &WebhooksConfig) -> Self {
        Self {
            queue: config.queue_events,
            concurrency: config.concurrency,
            give_up: Duration::from_secs(config.give_up_s.into()),
            backoff_min: Duration::from_millis(config.backoff_min_ms.into()),
            backoff_max: Duration::from_millis(config.backoff_max_ms.into()),
        }
    }
}

/// Names an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// What happens to an endpoint's queue.
#[derive(Debug)]
pub enum Input {
    /// Something to deliver.
    Event(Arc<Event>),
    /// What came of [`Output::Send`]. `roll`: 0 to 1, by chance.
    Answered { attempt: AttemptId, outcome: Outcome, roll: f64 },
    /// It takes events again.
    Enable,
    /// The server ends.
    Drain,
    /// [`DeliveryState::next_deadline`] has come.
    Tick,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx.
    Delivered,
    /// Another status, or none.
    Failed { retry_after: Option<Duration> },
    /// 410: the endpoint wants nothing any more.
    Gone,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this; answered by one [`Input::Answered`].
    Send(Sending),
    /// What an answered attempt led to.
    Settled { attempt: AttemptId, verdict: Verdict },
}

/// An attempt to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    pub attempt: AttemptId,
    pub event: Arc<Event>,
    /// 1 for the first of this event.
    pub number: u32,
}

/// What an attempt led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// It is tried again after.
    Retry {
        after: Duration,
    },
    /// It was too old to be tried again, or the server ends.
    GivenUp,
    /// The endpoint is gone.
    Disabled,
}

/// An endpoint's figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub disabled: bool,
    /// Events that wait or are on their way.
    pub queued: usize,
    pub delivered: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    pub given_up: u64,
    /// The rest: the queue was full, the endpoint gone, or the server at its end.
    pub lost: u64,
}

/// The queue of one endpoint.
#[derive(Debug)]
pub struct DeliveryState {
    limits: DeliveryLimits,
    /// Each has an item at least.
    lanes: BTreeMap<ConferenceId, Lane>,
    /// Lanes that may send, in turn.
    due: VecDeque<ConferenceId>,
    /// Lanes that wait, by when.
    waiting: BTreeSet<(Instant, ConferenceId)>,
    /// Without a lane: it went with the others when the endpoint said that it is gone.
    in_flight: BTreeMap<AttemptId, Option<ConferenceId>>,
    next_attempt: u64,
    /// Items that stand for lost events, whether [`Item::Lost`] or an event already. They are in no counter.
    gaps: usize,
    counters: Counters,
    draining: bool,
    /// Events that were given up or lost before the drain.
    missing_before: u64,
    out: VecDeque<Output>,
}

#[derive(Debug)]
struct Lane {
    items: VecDeque<Item>,
    /// Attempts of the first item.
    attempts: u32,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug)]
enum Item {
    Event {
        event: Arc<Event>,
        since: Instant,
        gap: bool,
    },
    /// Not yet an event, so that it can still grow.
    Lost {
        id: EventId,
        count: u64,
        first: u64,
        last: u64,
        since: Instant,
    },
}

impl DeliveryState {
    /// An empty queue.
    pub fn new(limits: DeliveryLimits) -> Self {
        Self {
            limits,
            lanes: BTreeMap::new(),
            due: VecDeque::new(),
            waiting: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            next_attempt: 0,
            gaps: 0,
            counters: Counters::default(),
            draining: false,
            missing_before: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes one input; [`Self::poll_output`] tells what is to be done about it.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Event(event) => self.enqueue(event, now),
            Input::Answered { attempt, outcome, roll } => self.answered(attempt, outcome, roll, now),
            Input::Enable => self.counters.disabled = false,
            Input::Drain => {
                self.draining = true;
                self.missing_before = self.missing();
                self.due.extend(std::mem::take(&mut self.waiting).into_iter().map(|(_, lane)| lane));
            }
            Input::Tick => {}
        }
        while let Some((at, _)) = self.waiting.first()
            && *at <= now
        {
            self.due.extend(self.waiting.pop_first().map(|(_, lane)| lane));
        }
        self.send_due();
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Nothing waits and nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.in_flight.is_empty()
    }

    /// The figures.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Events that wait, and in a drain those that were given up or lost in it.
    pub fn undelivered(&self) -> usize {
        let in_drain = if self.draining { self.missing() - self.missing_before } else { 0 };
        self.counters.queued.saturating_add(usize::try_from(in_drain).unwrap_or(usize::MAX))
    }

    fn missing(&self) -> u64 {
        self.counters.given_up + self.counters.lost
    }

    fn enqueue(&mut self, event: Arc<Event>, now: Instant) {
        if self.counters.disabled {
            self.counters.lost += 1;
            return;
        }
        if self.counters.queued >= self.limits.queue {
            self.counters.lost += 1;
            self.note_gap(&event, now);
            return;
        }
        self.counters.queued += 1;
        let conference = event.conference.clone();
        self.push(&conference, Item::Event { event, since: now, gap: false });
    }

    fn note_gap(&mut self, event: &Event, now: Instant) {
        let behind = self.lanes.get_mut(&event.conference).and_then(|lane| lane.items.back_mut());
        if let Some(Item::Lost { count, last, .. }) = behind {
            *count += 1;
            *last = event.sequence;
        } else if self.gaps < self.limits.queue {
            self.gaps += 1;
            let (id, sequence) = (event.id.clone(), event.sequence);
            let gap = Item::Lost { id, count: 1, first: sequence, last: sequence, since: now };
            self.push(&event.conference, gap);
        }
    }

    fn push(&mut self, conference: &ConferenceId, item: Item) {
        match self.lanes.get_mut(conference) {
            Some(lane) => lane.items.push_back(item),
            None => {
                let lane = Lane { items: VecDeque::from([item]), attempts: 0, failures: 0 };
                self.lanes.insert(conference.clone(), lane);
                self.due.push_back(conference.clone());
            }
        }
    }

    fn send_due(&mut self) {
        while self.in_flight.len() < self.limits.concurrency
            && let Some(conference) = self.due.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&conference) else { continue };
            let Some(first) = lane.items.front_mut() else { continue };
            if let Item::Lost { id, count, first: from, last, since } = first {
                // From now on it says what it says: a gap that goes on is another one.
                let event = event::lost(id.clone(), &conference, *count, (*from, *last));
                *first = Item::Event { event: Arc::new(event), since: *since, gap: true };
            }
            let Item::Event { event, .. } = first else { continue };
            lane.attempts += 1;
            let attempt = AttemptId(self.next_attempt);
            self.next_attempt += 1;
            let sending = Sending { attempt, event: event.clone(), number: lane.attempts };
            self.in_flight.insert(attempt, Some(conference));
            self.out.push_back(Output::Send(sending));
        }
    }

    fn answered(&mut self, attempt: AttemptId, outcome: Outcome, roll: f64, now: Instant) {
        let Some(lane) = self.in_flight.remove(&attempt) else { return };
        self.counters.failed_attempts += u64::from(outcome != Outcome::Delivered);
        let verdict = match (outcome, lane) {
            (Outcome::Delivered, Some(conference)) => {
                self.finish_first(&conference);
                Verdict::Delivered
            }
            // It got through, though it was counted as lost with its lane.
            (Outcome::Delivered, None) => Verdict::Delivered,
            (Outcome::Gone, _) => {
                self.disable();
                Verdict::Disabled
            }
            (Outcome::Failed { retry_after }, Some(conference)) => {
                self.failed(conference, retry_after, roll, now)
            }
            (Outcome::Failed { .. }, None) => Verdict::Disabled,
        };
        self.out.push_back(Output::Settled { attempt, verdict });
    }

    /// The lane's first event is done with; the next one is due.
    fn finish_first(&mut self, conference: &ConferenceId) {
        let Some(lane) = self.lanes.get_mut(conference) else { return };
        let done = lane.items.pop_front();
        (lane.attempts, lane.failures) = (0, 0);
        self.counters.delivered += self.leave_queue(done);
        let Some(lane) = self.lanes.get_mut(conference) else { return };
        if lane.items.is_empty() {
            self.lanes.remove(conference);
        } else {
            self.due.push_back(conference.clone());
        }
    }

    fn failed(
        &mut self,
        conference: ConferenceId,
        retry_after: Option<Duration>,
        roll: f64,
        now: Instant,
    ) -> Verdict {
        if self.draining {
            let first = self.lanes.get_mut(&conference).and_then(|lane| lane.items.pop_front());
            self.counters.given_up += self.leave_queue(first);
            self.lose_lane(&conference);
            return Verdict::GivenUp;
        }
        let Some(lane) = self.lanes.get_mut(&conference) else { return Verdict::Disabled };
        lane.failures += 1;
        let after = pause(&self.limits, lane.failures, retry_after, roll);
        let old = match lane.items.front() {
            Some(Item::Event { since, .. }) => now.saturating_duration_since(*since) >= self.limits.give_up,
            _ => false,
        };
        if old {
            lane.attempts = 0;
            let given_up = lane.items.pop_front();
            self.counters.given_up += self.leave_queue(given_up);
        }
        if self.lanes.get(&conference).is_none_or(|lane| lane.items.is_empty()) {
            self.lanes.remove(&conference);
        } else {
            self.waiting.insert((now + after, conference));
        }
        if old { Verdict::GivenUp } else { Verdict::Retry { after } }
    }

    fn disable(&mut self) {
        self.counters.disabled = true;
        let all: Vec<_> = self.lanes.keys().cloned().collect();
        for conference in all {
            self.lose_lane(&conference);
        }
        self.due.clear();
        self.waiting.clear();
        self.in_flight.values_mut().for_each(|lane| *lane = None);
    }

    /// A lane goes, with all that is in it.
    fn lose_lane(&mut self, conference: &ConferenceId) {
        let lane = self.lanes.remove(conference);
        for item in lane.into_iter().flat_map(|lane| lane.items) {
            self.counters.lost += self.leave_queue(Some(item));
        }
    }

    /// An item is done with; how many events it is.
    fn leave_queue(&mut self, item: Option<Item>) -> u64 {
        match item {
            Some(Item::Event { gap: false, .. }) => {
                self.counters.queued -= 1;
                1
            }
            // What it stands for is counted as lost already.
            Some(Item::Event { gap: true, .. } | Item::Lost { .. }) => {
                self.gaps -= 1;
                0
            }
            None => 0,
        }
    }
}

/// How long a lane waits after so many failures in a row: from half the pause to the whole, by chance, so that
/// receivers that come back are not met by everybody at once.
fn pause(limits: &DeliveryLimits, failures: u32, retry_after: Option<Duration>, roll: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
    let whole = limits.backoff_min.saturating_mul(1 << doublings).min(limits.backoff_max);
    let chosen = whole.mul_f64(0.5 + roll.clamp(0.0, 1.0) / 2.0);
    chosen.max(retry_after.unwrap_or_default().min(limits.backoff_max))
}
