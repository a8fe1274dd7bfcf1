//! The task behind the [`Switchboard`](super::Switchboard).

use super::{
    SwitchboardRequest,
    state::{Effect, Input, SocketId, SwitchboardState},
};
use crate::{
    config::{AuthMode, Config},
    control::{
        auth::{Grant, NewToken, Scope, mint},
        conference::{
            ConferenceRequest, Join,
            presence::{Absence, ConferenceEvent, Listener, SeatId},
        },
        error::ControlError,
        http::state::Conferences,
        signal::{
            message::{Limits, ServerMessage},
            queue::{Outgoing, SignalQueue},
            wire::MAX_MESSAGE_BYTES,
        },
    },
    ids::{CallId, ConferenceId, ParticipantId},
    redacted::Redacted,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// How often a conference is asked again that ended or was busy just then.
const ATTEMPTS: usize = 5;
/// And after how long.
const RETRY: Duration = Duration::from_millis(200);

/// A call's token opens its private conference for a day.
const MEETING_TOKEN: Duration = Duration::from_secs(24 * 3600);

/// The actor. It never waits for a conference: joins and leaves are tasks of their own.
pub struct SwitchboardRunner {
    conferences: Arc<dyn Conferences>,
    config: Arc<Config>,
    requests: mpsc::Receiver<SwitchboardRequest>,
    state: SwitchboardState,
    sockets: HashMap<SocketId, SignalQueue>,
    next_seat: u64,
    /// What came of joins; leaves have nothing to tell.
    tasks: JoinSet<Option<Input>>,
}

impl SwitchboardRunner {
    pub(super) fn new(
        conferences: Arc<dyn Conferences>,
        config: &Arc<Config>,
        requests: mpsc::Receiver<SwitchboardRequest>,
    ) -> Self {
        let limits =
            Limits { max_participants: config.limits.max_participants, max_message_bytes: MAX_MESSAGE_BYTES };
        Self {
            conferences,
            config: Arc::clone(config),
            requests,
            state: SwitchboardState::new(limits),
            sockets: HashMap::new(),
            next_seat: 0,
            tasks: JoinSet::new(),
        }
    }

    /// Lives as long as a handle does.
    pub async fn run(mut self) {
        while let Some(input) = self.next_input().await {
            for effect in self.state.apply(Instant::now().into_std(), input) {
                self.perform(effect);
            }
        }
    }

    async fn next_input(&mut self) -> Option<Input> {
        loop {
            let deadline = self.state.next_deadline().map(Instant::from_std);
            tokio::select! {
                request = self.requests.recv() => return request.map(|request| self.input(request)),
                Some(done) = self.tasks.join_next() => match done {
                    Ok(Some(input)) => return Some(input),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "a seat's task failed"),
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Some(Input::Tick);
                }
            }
        }
    }

    fn input(&mut self, request: SwitchboardRequest) -> Input {
        match request {
            SwitchboardRequest::SignIn { sign_in, queue } => {
                self.sockets.insert(sign_in.socket, queue);
                Input::SignIn(sign_in)
            }
            SwitchboardRequest::Said { socket, request } => {
                self.next_seat += 1;
                Input::Said { socket, request, seat: SeatId(self.next_seat), call: CallId::generate() }
            }
            SwitchboardRequest::Gone { socket } => {
                self.sockets.remove(&socket);
                Input::Gone { socket }
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { socket, message } => {
                let message = self.with_token(socket, message);
                self.push(socket, Outgoing::Message(message));
            }
            Effect::Close { socket, why } => self.push(socket, Outgoing::Close(why)),
            Effect::Join { socket, conference, join, create, reference } => {
                let Some(queue) = self.sockets.get(&socket).cloned() else { return };
                let conferences = Arc::clone(&self.conferences);
                self.tasks.spawn(async move {
                    let (client, seat) = (join.participant.clone(), join.seat);
                    let result = take_seat(&*conferences, &conference, join, create, &queue).await;
                    if !create && result.is_err() {
                        let event = Arc::new((conference.clone(), ConferenceEvent::Ended { removed: false }));
                        queue.push(Outgoing::Message(ServerMessage::Conference(event)));
                    }
                    Some(Input::Seated { client, conference, seat, reference, result })
                });
            }
            Effect::Levels { conference, seat, on } => {
                let conferences = Arc::clone(&self.conferences);
                self.tasks.spawn(async move {
                    if let Ok(conference) = conferences.find(&conference).await {
                        let asked = conference.ask(|answer| ConferenceRequest::Levels { seat, on, answer });
                        // It is over, or too busy for this: there is nothing to tell, or the client asks again.
                        let _ = asked.await;
                    }
                    None
                });
            }
            Effect::Leave { conference, client, seat, why } => {
                let conferences = Arc::clone(&self.conferences);
                self.tasks.spawn(async move {
                    leave_seat(&*conferences, &conference, &client, seat, why).await;
                    None
                });
            }
        }
    }

    fn push(&self, socket: SocketId, item: Outgoing) {
        if let Some(queue) = self.sockets.get(&socket) {
            queue.push(item);
        }
    }

    /// A relayed call's conference has a name that nobody's token has: in token mode both ends get one.
    fn with_token(&self, socket: SocketId, message: ServerMessage) -> ServerMessage {
        let ServerMessage::CallState { call, state, by, reason, meeting: Some((conference, _)) } = message
        else {
            return message;
        };
        let token = self.meeting_token(socket, &conference);
        ServerMessage::CallState { call, state, by, reason, meeting: Some((conference, token)) }
    }

    fn meeting_token(&self, socket: SocketId, conference: &ConferenceId) -> Option<Redacted<String>> {
        if self.config.auth.mode == AuthMode::Open {
            return None;
        }
        let token = NewToken {
            participant: self.state.client_of(socket)?.clone(),
            scope: Scope::One(conference.clone()),
            grants: vec![Grant::Publish, Grant::Subscribe],
            name: None,
            valid_for: MEETING_TOKEN,
        };
        let minted = mint(self.config.auth.keys.first()?, &token);
        minted.inspect_err(|error| tracing::error!(%error, "no token for a call's conference")).ok()
    }
}

async fn take_seat(
    conferences: &dyn Conferences,
    id: &ConferenceId,
    join: Join,
    create: bool,
    queue: &SignalQueue,
) -> Result<(), ControlError> {
    let mut result = Err(ControlError::ConferenceNotFound(id.clone()));
    for _ in 0..ATTEMPTS {
        result = try_seat(conferences, id, join.clone(), create, queue.clone()).await;
        // It ended between being found and being asked.
        if !(create && matches!(result, Err(ControlError::ConferenceNotFound(_)))) {
            break;
        }
    }
    result
}

async fn try_seat(
    conferences: &dyn Conferences,
    id: &ConferenceId,
    join: Join,
    create: bool,
    queue: SignalQueue,
) -> Result<(), ControlError> {
    let conference = if create { conferences.find_or_create(id).await } else { conferences.find(id).await }?;
    let listener =
        Listener::new(move |event| queue.push(Outgoing::Message(ServerMessage::Conference(event))));
    conference.ask(|answer| ConferenceRequest::Join { join, listener, answer }).await
}

/// A seat that stays would be somebody whom everybody sees and nobody is, so a conference that is busy is
/// asked again.
async fn leave_seat(
    conferences: &dyn Conferences,
    id: &ConferenceId,
    client: &ParticipantId,
    seat: SeatId,
    why: Absence,
) {
    for _ in 0..ATTEMPTS {
        let Ok(conference) = conferences.find(id).await else { return };
        let participant = client.clone();
        let left = conference.ask(|answer| ConferenceRequest::Leave { participant, seat, why, answer }).await;
        if !matches!(left, Err(ControlError::Overloaded { .. })) {
            return;
        }
        sleep(RETRY).await;
    }
    tracing::warn!(conference = %id, participant = %client, "a seat could not be given back");
}
