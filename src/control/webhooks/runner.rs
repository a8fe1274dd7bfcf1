//! The task behind an endpoint: it sends what the state decides and tells it what came of it.

use super::{
    Endpoint,
    attempts::Attempt,
    client::Sent,
    delivery::{Input, Output, Sending, Verdict},
};
use crate::control::figures;
use futures::FutureExt;
use jiff::Timestamp;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};
use tokio::{task::JoinSet, time::sleep_until};

/// The actor.
pub struct EndpointRunner {
    endpoint: Arc<Endpoint>,
    /// As many as the state's `concurrency`.
    attempts: JoinSet<(Sending, Sent)>,
}

impl EndpointRunner {
    /// For `endpoint`, whose only runner it is.
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, attempts: JoinSet::new() }
    }

    /// Lives as long as the server.
    pub async fn run(mut self) {
        loop {
            let deadline = self.step();
            tokio::select! {
                () = self.endpoint.wake.notified() => {}
                Some(done) = self.attempts.join_next() => match done {
                    Ok((sending, sent)) => self.answered(&sending, sent),
                    Err(error) => tracing::error!(endpoint = %self.endpoint.id, %error, "a webhook's task failed"),
                },
                () = async {
                    match deadline {
                        Some(deadline) => sleep_until(deadline.into()).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        }
    }

    /// Begins what is due; answers when to look again.
    fn step(&mut self) -> Option<Instant> {
        let mut sendings = Vec::new();
        let (deadline, idle, queued) = {
            let mut desk = self.endpoint.desk();
            desk.state.handle(Input::Tick, Instant::now());
            while let Some(output) = desk.state.poll_output() {
                match output {
                    Output::Send(sending) => sendings.push(sending),
                    // Taken by `answered`, in the same lock as its input.
                    Output::Settled { .. } => {}
                }
            }
            (desk.state.next_deadline(), desk.state.is_idle(), desk.state.counters().queued)
        };
        figures::webhooks_queued(self.endpoint.id.as_str(), queued);
        for sending in sendings {
            self.send(sending);
        }
        if idle {
            self.endpoint.idle.notify_waiters();
        }
        deadline
    }

    fn send(&mut self, sending: Sending) {
        let endpoint = self.endpoint.clone();
        self.attempts.spawn(async move {
            let sending_it = endpoint.send(&sending.event.id, sending.event.body.clone());
            // Whatever goes wrong in it, the lane goes on.
            let sent = AssertUnwindSafe(sending_it).catch_unwind().await;
            let sent = sent.unwrap_or_else(|_| Sent::failed("something went wrong on our side"));
            (sending, sent)
        });
    }

    fn answered(&mut self, sending: &Sending, sent: Sent) {
        let endpoint = self.endpoint.clone();
        let (outcome, roll) = (sent.outcome(), rand::random::<f64>());
        let mut more = Vec::new();
        let (lost_before, lost) = {
            let mut desk = endpoint.desk();
            let before = desk.state.counters().lost;
            desk.state.handle(Input::Answered { attempt: sending.attempt, outcome, roll }, Instant::now());
            while let Some(output) = desk.state.poll_output() {
                match output {
                    Output::Send(sending) => more.push(sending),
                    Output::Settled { verdict, .. } => {
                        let attempt = attempt(&endpoint, sending, &sent, verdict);
                        tell(&attempt);
                        desk.log.push(attempt);
                    }
                }
            }
            (before, desk.state.counters().lost)
        };
        endpoint.tell_lost(lost_before, lost);
        for sending in more {
            self.send(sending);
        }
    }
}

fn attempt(endpoint: &Endpoint, sending: &Sending, sent: &Sent, verdict: Verdict) -> Attempt {
    let event = &sending.event;
    let next_attempt_at = match verdict {
        Verdict::Retry { after } => Timestamp::now().checked_add(after).ok(),
        _ => None,
    };
    Attempt {
        endpoint: endpoint.id.clone(),
        url: endpoint.shown.clone(),
        event: event.id.clone(),
        kind: event.kind,
        conference: event.conference.clone(),
        sequence: event.sequence,
        number: sending.number,
        at: sent.at,
        took: sent.took,
        result: sent.result.clone(),
        verdict,
        next_attempt_at,
    }
}

/// A failure is worth a line, the first and the last of an event a louder one.
fn tell(attempt: &Attempt) {
    let Attempt { endpoint, conference, event, kind, number, .. } = attempt;
    let status = attempt.result.as_ref().ok().copied();
    let reason = attempt.result.as_ref().err().map_or("it was refused", String::as_str);
    figures::webhook_attempted(endpoint.as_str(), attempt.verdict);
    match attempt.verdict {
        Verdict::Delivered => {
            tracing::debug!(%endpoint, %conference, %event, %kind, number, "webhook delivered");
        }
        Verdict::Retry { after } if *number == 1 => tracing::warn!(
            %endpoint, %conference, %event, %kind, status, reason, wait_ms = after.as_millis() as u64,
            "webhook not delivered, it is tried again"
        ),
        Verdict::Retry { after } => tracing::debug!(
            %endpoint, %conference, %event, %kind, number, status, reason, wait_ms = after.as_millis() as u64,
            "webhook not delivered, it is tried again"
        ),
        Verdict::GivenUp => {
            tracing::warn!(%endpoint, %conference, %event, %kind, number, status, reason, "webhook given up");
        }
        Verdict::Disabled => tracing::error!(
            %endpoint, status, "webhook endpoint is gone and gets nothing more until a test of it succeeds"
        ),
    }
}
