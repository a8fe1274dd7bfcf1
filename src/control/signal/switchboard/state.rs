//! What the switchboard decides: pure transitions, without task, clock or socket.

use crate::{
    control::{
        conference::{
            Join,
            calls::{CallEvent, CallMode, CallState, Calls, Invite},
            presence::{Absence, SeatId},
        },
        error::ControlError,
        ice::IceServer,
        signal::{
            message::{CallStep, ClientKey, ClientMessage, Limits, Request, ServerMessage},
            queue::Closing,
        },
    },
    ids::{CallId, ConferenceId, ParticipantId},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

mod seats;

#[cfg(test)]
mod tests;

use seats::{Seat, SeatPhase};

/// A client whose connection was lost keeps its seats and calls for so long (contract, "Signalling").
pub const RESUME: Duration = Duration::from_secs(30);

/// Conferences of one client at once.
const MAX_SEATS: usize = 8;

/// Messages of calls that are kept for a client that is away; more, and it is given up.
const MAX_KEPT: usize = 64;

/// One WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A client that says hello.
#[derive(Debug)]
pub struct SignIn {
    pub socket: SocketId,
    pub client: ParticipantId,
    /// From the token, to show.
    pub name: Option<String>,
    pub resume: Option<ClientKey>,
    pub fresh: ClientKey,
    pub max_calls: usize,
    pub ice_servers: Vec<IceServer>,
}

/// What happens.
#[derive(Debug)]
pub enum Input {
    SignIn(SignIn),
    /// `seat` and `call` are fresh, for whoever needs one.
    Said {
        socket: SocketId,
        request: Request,
        seat: SeatId,
        call: CallId,
    },
    /// The socket is closed or dead.
    Gone {
        socket: SocketId,
    },
    /// What came of [`Effect::Join`].
    Seated {
        client: ParticipantId,
        conference: ConferenceId,
        seat: SeatId,
        reference: Option<String>,
        result: Result<(), ControlError>,
    },
    Tick,
}

/// What the runner is to do, in this order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Send {
        socket: SocketId,
        message: ServerMessage,
    },
    /// Behind what was sent before.
    Close {
        socket: SocketId,
        why: Closing,
    },
    /// Answered by [`Input::Seated`]. `create`: the conference is made if there is none.
    Join {
        socket: SocketId,
        conference: ConferenceId,
        join: Join,
        create: bool,
        reference: Option<String>,
    },
    /// Nobody waits for what comes of it: a seat that is gone hears nothing.
    Levels {
        conference: ConferenceId,
        seat: SeatId,
        on: bool,
    },
    Leave {
        conference: ConferenceId,
        client: ParticipantId,
        seat: SeatId,
        why: Absence,
    },
}

#[derive(Debug)]
struct Client {
    key: ClientKey,
    name: Option<String>,
    /// `None`: away until then.
    socket: Option<SocketId>,
    away_until: Option<Instant>,
    seats: BTreeMap<ConferenceId, Seat>,
    max_calls: usize,
    /// For when it is back.
    kept: VecDeque<ServerMessage>,
    /// More came than is kept.
    overrun: bool,
}

/// Who is signed in, where they sit, and whom they call.
#[derive(Debug)]
pub struct SwitchboardState {
    limits: Limits,
    clients: BTreeMap<ParticipantId, Client>,
    sockets: HashMap<SocketId, ParticipantId>,
    calls: Calls,
    out: Vec<Effect>,
}

impl SwitchboardState {
    /// Nobody is there.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            clients: BTreeMap::new(),
            sockets: HashMap::new(),
            calls: Calls::default(),
            out: Vec::new(),
        }
    }

    /// Takes one input; tells what is to be done about it.
    pub fn apply(&mut self, now: Instant, input: Input) -> Vec<Effect> {
        match input {
            Input::SignIn(sign_in) => self.sign_in(sign_in),
            Input::Said { socket, request, seat, call } => self.said(now, socket, request, seat, call),
            Input::Gone { socket } => self.gone(now, socket),
            Input::Seated { client, conference, seat, reference, result } => {
                self.seated(client, conference, seat, reference, result);
            }
            Input::Tick => {}
        }
        self.calls.tick(now);
        self.tell_calls();
        self.expire(now);
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let away = self.clients.values().filter_map(|client| client.away_until).min();
        [away, self.calls.next_deadline()].into_iter().flatten().min()
    }

    fn sign_in(&mut self, sign_in: SignIn) {
        let SignIn { socket, client: id, name, resume, fresh, max_calls, ice_servers } = sign_in;
        let resumed = match self.clients.get(&id) {
            Some(client) => resume.is_some_and(|key| key == client.key),
            None => false,
        };
        if !resumed {
            self.sign_out(&id, Absence::Conflict);
            let client = Client {
                key: fresh,
                name: None,
                socket: None,
                away_until: None,
                seats: BTreeMap::new(),
                max_calls,
                kept: VecDeque::new(),
                overrun: false,
            };
            self.clients.insert(id.clone(), client);
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Some(former) = client.socket.replace(socket) {
            self.sockets.remove(&former);
            self.out.push(Effect::Close { socket: former, why: Closing::Resumed });
        }
        client.away_until = None;
        client.name = name.or(client.name.take());
        client.max_calls = max_calls;
        self.sockets.insert(socket, id.clone());
        let (key, limits) = (client.key.clone(), self.limits);
        let message = ServerMessage::Welcome { client: id.clone(), key, resumed, ice_servers, limits };
        self.out.push(Effect::Send { socket, message });
        for message in std::mem::take(&mut client.kept) {
            self.out.push(Effect::Send { socket, message });
        }
        // The same seats hear by the new socket; the first thing each hears is how it is there now.
        for (conference, seat) in &client.seats {
            self.out.push(Effect::Join {
                socket,
                conference: conference.clone(),
                join: Join {
                    participant: id.clone(),
                    name: client.name.clone(),
                    user_data: seat.user_data.clone(),
                    seat: seat.id,
                },
                create: false,
                reference: None,
            });
        }
    }

    fn said(&mut self, now: Instant, socket: SocketId, request: Request, seat: SeatId, call: CallId) {
        let Request { reference, message } = request;
        let Some(who) = self.sockets.get(&socket).cloned() else {
            // Its hello was overtaken by another's of the same id.
            return;
        };
        let done = match message {
            ClientMessage::Hello(_) => {
                Err(ControlError::invalid("type", "hello was said already; it is said once"))
            }
            ClientMessage::Ping => {
                self.out.push(Effect::Send { socket, message: ServerMessage::Pong });
                Ok(None)
            }
            ClientMessage::Join { conference, user_data } => {
                match self.take_seat(socket, &who, conference, user_data, seat, reference.clone()) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            ClientMessage::Leave { conference } => {
                self.leave_seat(&who, &conference);
                Ok(None)
            }
            ClientMessage::Levels { conference, on } => self.ask_levels(&who, conference, on).map(|()| None),
            ClientMessage::Invite { to, user_data, mode } => {
                let takes = self.clients.get(&to).map(|client| client.max_calls);
                let invite = Invite { caller: who, callee: to, mode, user_data, takes };
                let made = self.calls.invite(now, call, invite);
                made.map(|id| Some((id.clone(), self.calls.state(&id)))).map_err(ControlError::from)
            }
            ClientMessage::Call { call, step } => {
                let done = match step {
                    CallStep::Accept => self.calls.accept(now, &call, &who),
                    CallStep::Refuse => self.calls.refuse(&call, &who),
                    CallStep::Cancel | CallStep::Close => self.calls.close(&call, &who),
                    CallStep::Connected => self.calls.connected(&call, &who),
                };
                done.map(|()| None).map_err(ControlError::from)
            }
            ClientMessage::Signal { call, body } => match self.calls.other_end(&call, &who).cloned() {
                Ok(other) => {
                    // What was told before goes before: the other end knows the call when it hears this.
                    self.tell_calls();
                    self.send(&other, ServerMessage::Signal { call, from: who, body });
                    Ok(None)
                }
                Err(error) => Err(ControlError::from(error)),
            },
        };
        self.reply(socket, reference, done);
    }

    fn reply(
        &mut self,
        socket: SocketId,
        reference: Option<String>,
        done: Result<Option<(CallId, CallState)>, ControlError>,
    ) {
        let message = match (done, reference) {
            (Ok(call), Some(reference)) => ServerMessage::Ok { reference, call },
            (Ok(_), None) => return,
            (Err(error), reference) => ServerMessage::Error { reference, error },
        };
        self.out.push(Effect::Send { socket, message });
    }

    fn gone(&mut self, now: Instant, socket: SocketId) {
        let Some(id) = self.sockets.remove(&socket) else { return };
        if let Some(client) = self.clients.get_mut(&id)
            && client.socket == Some(socket)
        {
            client.socket = None;
            client.away_until = Some(now + RESUME);
        }
    }

    fn expire(&mut self, now: Instant) {
        let late = |client: &Client| client.overrun || client.away_until.is_some_and(|until| until <= now);
        let late: Vec<ParticipantId> =
            self.clients.iter().filter(|(_, client)| late(client)).map(|(id, _)| id.clone()).collect();
        for id in late {
            self.sign_out(&id, Absence::Lost);
        }
    }

    /// A client's session is over.
    fn sign_out(&mut self, id: &ParticipantId, why: Absence) {
        let Some(client) = self.clients.remove(id) else { return };
        self.calls.lost(id);
        // To the other ends; this one is no longer there to be told.
        self.tell_calls();
        for (conference, seat) in client.seats {
            // Of one that is only asked for, the answer finds nobody, and is left then.
            if seat.phase == SeatPhase::Taken {
                self.stand(id, conference, seat.id, why);
            }
        }
        if let Some(socket) = client.socket {
            self.sockets.remove(&socket);
            self.out.push(Effect::Send { socket, message: ServerMessage::Conflict });
            self.out.push(Effect::Close { socket, why: Closing::Conflict });
        }
    }

    fn tell_calls(&mut self) {
        while let Some(event) = self.calls.poll_event() {
            match event {
                CallEvent::Incoming { to, call, from, mode, user_data } => {
                    self.send(&to, ServerMessage::Incoming { call, from, mode, user_data });
                }
                CallEvent::State { to, call, state, by, reason, mode } => {
                    let relayed = mode == CallMode::Relay && state == CallState::Accepted;
                    for end in to {
                        // In token mode the runner adds what opens it.
                        let meeting = relayed.then(|| (call.conference(), None));
                        let (call, by) = (call.clone(), by.clone());
                        self.send(&end, ServerMessage::CallState { call, state, by, reason, meeting });
                    }
                }
            }
        }
    }

    fn send(&mut self, to: &ParticipantId, message: ServerMessage) {
        let Some(client) = self.clients.get_mut(to) else { return };
        match client.socket {
            Some(socket) => self.out.push(Effect::Send { socket, message }),
            None if client.kept.len() < MAX_KEPT => client.kept.push_back(message),
            // Too much was missed to go on from: with the next look at the clock it is gone.
            None => client.overrun = true,
        }
    }

    /// Whose socket that is.
    pub fn client_of(&self, socket: SocketId) -> Option<&ParticipantId> {
        self.sockets.get(&socket)
    }
}
