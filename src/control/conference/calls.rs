//! Calls between two clients: invite → ringing → accepted → connected → closed. Pure: time comes in with
//! every input, what is to be told comes out of [`Calls::poll_event`], to both ends in the same order, so
//! that both see the same states whatever they said at the same time.

use crate::ids::{CallId, ParticipantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

#[cfg(test)]
mod tests;

/// An invitation that nobody answers ends.
pub const RING_TIMEOUT: Duration = Duration::from_secs(30);

/// A call that was accepted must carry media within: two rounds of ICE with its timeouts.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Calls of one client at once: a mesh of five, beyond which a conference is cheaper for everybody.
pub const MAX_CALLS: usize = 4;

/// How media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallMode {
    /// From browser to browser.
    P2p,
    /// Through a private conference of this server, which can be cast.
    Relay,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    Ringing,
    Accepted,
    Connected,
    Closed,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The callee does not want it.
    Refused,
    /// The caller took it back before it was answered.
    Canceled,
    /// The callee has as many calls as it takes.
    Busy,
    /// Nobody answered, or no media came up.
    Timeout,
    /// The callee is not signed in.
    Offline,
    /// One end's connection was lost for good.
    Lost,
    /// One end hung up.
    Hangup,
}

/// What the two ends are told.
#[derive(Debug, Clone, PartialEq)]
pub enum CallEvent {
    /// For the callee only.
    Incoming { to: ParticipantId, call: CallId, from: ParticipantId, mode: CallMode, user_data: Value },
    /// For both ends, except that a callee who was never rung hears nothing.
    State {
        to: Vec<ParticipantId>,
        call: CallId,
        state: CallState,
        /// Who did it; nobody when time did.
        by: Option<ParticipantId>,
        reason: Option<CloseReason>,
        mode: CallMode,
    },
}

/// Why something about a call could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("there is no such call, or it is over")]
    NotFound,
    #[error("the call is not so far: it is accepted first")]
    NotReady,
    #[error("only the one who was called can accept or refuse")]
    NotCallee,
    #[error("nobody can call themselves")]
    Oneself,
    #[error("a client may have {MAX_CALLS} calls at once")]
    TooMany,
}

/// Who is called, and how many calls they take.
#[derive(Debug, Clone, PartialEq)]
pub struct Invite {
    pub caller: ParticipantId,
    pub callee: ParticipantId,
    pub mode: CallMode,
    pub user_data: Value,
    /// Calls the callee takes at once; `None`: it is not signed in.
    pub takes: Option<usize>,
}

#[derive(Debug)]
struct Call {
    caller: ParticipantId,
    callee: ParticipantId,
    mode: CallMode,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ringing { until: Instant },
    Accepted { until: Instant, caller: bool, callee: bool },
    Connected,
}

impl Phase {
    const fn state(self) -> CallState {
        match self {
            Self::Ringing { .. } => CallState::Ringing,
            Self::Accepted { .. } => CallState::Accepted,
            Self::Connected => CallState::Connected,
        }
    }

    const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Ringing { until } | Self::Accepted { until, .. } => Some(until),
            Self::Connected => None,
        }
    }
}

impl Call {
    fn has(&self, who: &ParticipantId) -> bool {
        self.caller == *who || self.callee == *who
    }

    /// What both ends are told; with a reason it is over.
    fn event(&self, id: &CallId, by: Option<&ParticipantId>, reason: Option<CloseReason>) -> CallEvent {
        CallEvent::State {
            to: vec![self.caller.clone(), self.callee.clone()],
            call: id.clone(),
            state: reason.map_or(self.phase.state(), |_| CallState::Closed),
            by: by.cloned(),
            reason,
            mode: self.mode,
        }
    }
}

/// All calls that are not over.
#[derive(Debug, Default)]
pub struct Calls {
    calls: BTreeMap<CallId, Call>,
    events: VecDeque<CallEvent>,
}

impl Calls {
    /// The next thing to tell. Poll until `None` after every other call.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.events.pop_front()
    }

    /// When [`Self::tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.calls.values().filter_map(|call| call.phase.deadline()).min()
    }

    /// How far a call is; `Closed` when there is none.
    pub fn state(&self, id: &CallId) -> CallState {
        self.calls.get(id).map_or(CallState::Closed, |call| call.phase.state())
    }

    /// Calls. The answer is the call's id: `fresh`, or that of the call the two have already, whoever
    /// began it. A callee that is not there or takes no more ends the call at once.
    ///
    /// # Errors
    /// [`CallError::Oneself`], [`CallError::TooMany`].
    pub fn invite(&mut self, now: Instant, fresh: CallId, invite: Invite) -> Result<CallId, CallError> {
        let Invite { caller, callee, mode, user_data, takes } = invite;
        if caller == callee {
            return Err(CallError::Oneself);
        }
        if let Some((id, _)) = self.calls.iter().find(|(_, call)| call.has(&caller) && call.has(&callee)) {
            return Ok(id.clone());
        }
        if self.of(&caller) >= MAX_CALLS {
            return Err(CallError::TooMany);
        }
        let refused = match takes {
            None => Some(CloseReason::Offline),
            Some(takes) if self.of(&callee) >= takes.min(MAX_CALLS) => Some(CloseReason::Busy),
            Some(_) => None,
        };
        if let Some(reason) = refused {
            let (state, reason, by) = (CallState::Closed, Some(reason), Some(callee));
            self.events.push_back(CallEvent::State {
                to: vec![caller],
                call: fresh.clone(),
                state,
                by,
                reason,
                mode,
            });
            return Ok(fresh);
        }
        self.events.push_back(CallEvent::Incoming {
            to: callee.clone(),
            call: fresh.clone(),
            from: caller.clone(),
            mode,
            user_data,
        });
        let phase = Phase::Ringing { until: now + RING_TIMEOUT };
        let by = caller.clone();
        self.calls.insert(fresh.clone(), Call { caller, callee, mode, phase });
        self.told(&fresh, Some(&by));
        Ok(fresh)
    }

    /// The callee takes it. Again is no error.
    ///
    /// # Errors
    /// [`CallError::NotFound`], [`CallError::NotCallee`].
    pub fn accept(&mut self, now: Instant, id: &CallId, who: &ParticipantId) -> Result<(), CallError> {
        let call = self.found(id, who)?;
        if call.callee != *who {
            return Err(CallError::NotCallee);
        }
        if matches!(call.phase, Phase::Ringing { .. }) {
            call.phase = Phase::Accepted { until: now + CONNECT_TIMEOUT, caller: false, callee: false };
            self.told(id, Some(who));
        }
        Ok(())
    }

    /// One end's media is up; with the other's the call is connected.
    ///
    /// # Errors
    /// [`CallError::NotFound`], [`CallError::NotReady`].
    pub fn connected(&mut self, id: &CallId, who: &ParticipantId) -> Result<(), CallError> {
        let call = self.found(id, who)?;
        let is_caller = call.caller == *who;
        match &mut call.phase {
            Phase::Ringing { .. } => return Err(CallError::NotReady),
            Phase::Connected => return Ok(()),
            Phase::Accepted { caller, callee, .. } => {
                *(if is_caller { &mut *caller } else { &mut *callee }) = true;
                if !(*caller && *callee) {
                    return Ok(());
                }
            }
        }
        call.phase = Phase::Connected;
        self.told(id, None);
        Ok(())
    }

    /// One end ends it: `canceled` by the caller and `refused` by the callee while it rings, else
    /// `hangup`.
    ///
    /// # Errors
    /// [`CallError::NotFound`].
    pub fn close(&mut self, id: &CallId, who: &ParticipantId) -> Result<(), CallError> {
        let call = self.found(id, who)?;
        let reason = match call.phase {
            Phase::Ringing { .. } if call.caller == *who => CloseReason::Canceled,
            Phase::Ringing { .. } => CloseReason::Refused,
            Phase::Accepted { .. } | Phase::Connected => CloseReason::Hangup,
        };
        let id = id.clone();
        self.end(&id, Some(who), reason);
        Ok(())
    }

    /// The callee does not want it; later it is a hang-up.
    ///
    /// # Errors
    /// [`CallError::NotFound`], [`CallError::NotCallee`].
    pub fn refuse(&mut self, id: &CallId, who: &ParticipantId) -> Result<(), CallError> {
        if self.found(id, who)?.callee != *who {
            return Err(CallError::NotCallee);
        }
        self.close(id, who)
    }

    /// To whom a description or candidate goes.
    ///
    /// # Errors
    /// [`CallError::NotFound`], also for a relayed call; [`CallError::NotReady`].
    pub fn other_end(&self, id: &CallId, who: &ParticipantId) -> Result<&ParticipantId, CallError> {
        let call = self.calls.get(id).filter(|call| call.has(who)).ok_or(CallError::NotFound)?;
        match (call.mode, call.phase) {
            (CallMode::Relay, _) => Err(CallError::NotFound),
            (CallMode::P2p, Phase::Ringing { .. }) => Err(CallError::NotReady),
            (CallMode::P2p, _) => Ok(if call.caller == *who { &call.callee } else { &call.caller }),
        }
    }

    /// A client is gone for good: its calls are over.
    pub fn lost(&mut self, who: &ParticipantId) {
        let of_them: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| call.has(who)).map(|(id, _)| id.clone()).collect();
        for id in of_them {
            self.end(&id, Some(who), CloseReason::Lost);
        }
    }

    /// Ends what has waited too long.
    pub fn tick(&mut self, now: Instant) {
        let due = |call: &Call| call.phase.deadline().is_some_and(|until| until <= now);
        let late: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| due(call)).map(|(id, _)| id.clone()).collect();
        for id in late {
            self.end(&id, None, CloseReason::Timeout);
        }
    }

    fn of(&self, who: &ParticipantId) -> usize {
        self.calls.values().filter(|call| call.has(who)).count()
    }

    fn found(&mut self, id: &CallId, who: &ParticipantId) -> Result<&mut Call, CallError> {
        // Another's call is told from no call by nobody.
        self.calls.get_mut(id).filter(|call| call.has(who)).ok_or(CallError::NotFound)
    }

    fn end(&mut self, id: &CallId, by: Option<&ParticipantId>, reason: CloseReason) {
        if let Some(call) = self.calls.remove(id) {
            self.events.push_back(call.event(id, by, Some(reason)));
        }
    }

    fn told(&mut self, id: &CallId, by: Option<&ParticipantId>) {
        if let Some(call) = self.calls.get(id) {
            self.events.push_back(call.event(id, by, None));
        }
    }
}
