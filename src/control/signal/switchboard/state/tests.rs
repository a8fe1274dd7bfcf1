use super::*;
use crate::control::{
    conference::calls::{CloseReason, RING_TIMEOUT},
    signal::message::SignalBody,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A switchboard and the clock.
struct Board {
    state: SwitchboardState,
    now: Instant,
    next: u64,
}

fn id(text: &str) -> ParticipantId {
    text.parse().unwrap()
}

fn room(text: &str) -> ConferenceId {
    text.parse().unwrap()
}

impl Board {
    fn new() -> Self {
        let limits = Limits { max_participants: 16, max_message_bytes: 1000 };
        Self { state: SwitchboardState::new(limits), now: Instant::now(), next: 0 }
    }

    fn apply(&mut self, input: Input) -> Vec<Effect> {
        self.state.apply(self.now, input)
    }

    fn sign_in(&mut self, socket: u64, client: &str, resume: Option<&str>) -> Vec<Effect> {
        self.apply(Input::SignIn(SignIn {
            socket: SocketId(socket),
            client: id(client),
            name: None,
            resume: resume.map(|key| ClientKey::from(key.to_owned())),
            fresh: ClientKey::from(format!("key-{socket}")),
            max_calls: 1,
            ice_servers: Vec::new(),
        }))
    }

    fn say(&mut self, socket: u64, message: ClientMessage) -> Vec<Effect> {
        self.next += 1;
        let request = Request { reference: Some("r".to_owned()), message };
        let (seat, call) = (SeatId(self.next), CallId::from(self.next.to_string().as_str()));
        self.apply(Input::Said { socket: SocketId(socket), request, seat, call })
    }

    fn join(&mut self, socket: u64, conference: &str) -> (SeatId, Vec<Effect>) {
        let effects =
            self.say(socket, ClientMessage::Join { conference: room(conference), user_data: json!(1) });
        (SeatId(self.next), effects)
    }

    fn seated(&mut self, client: &str, conference: &str, seat: SeatId) -> Vec<Effect> {
        let (client, conference) = (id(client), room(conference));
        self.apply(Input::Seated {
            client,
            conference,
            seat,
            reference: Some("r".to_owned()),
            result: Ok(()),
        })
    }

    fn invite(&mut self, socket: u64, to: &str) -> (CallId, Vec<Effect>) {
        let message = ClientMessage::Invite { to: id(to), user_data: Value::Null, mode: CallMode::Relay };
        let effects = self.say(socket, message);
        (CallId::from(self.next.to_string().as_str()), effects)
    }

    fn step(&mut self, socket: u64, call: &CallId, step: CallStep) -> Vec<Effect> {
        self.say(socket, ClientMessage::Call { call: call.clone(), step })
    }
}

fn to(effects: &[Effect], socket: u64) -> Vec<&ServerMessage> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { socket: to, message } if to.0 == socket => Some(message),
        _ => None,
    });
    sent.collect()
}

fn leaves(effects: &[Effect]) -> Vec<(String, Absence)> {
    let left = effects.iter().filter_map(|effect| match effect {
        Effect::Leave { conference, why, .. } => Some((conference.to_string(), *why)),
        _ => None,
    });
    left.collect()
}

#[test]
fn a_later_login_takes_the_session_and_a_reconnect_does_not_kick() {
    let mut board = Board::new();
    board.sign_in(1, "ann", None);
    let (seat, _) = board.join(1, "room");
    board.seated("ann", "room", seat);
    // The network went and came back: the same seat, without a leave.
    board.apply(Input::Gone { socket: SocketId(1) });
    board.now += RESUME / 2;
    let back = board.sign_in(2, "ann", Some("key-1"));
    assert!(matches!(to(&back, 2)[..], [ServerMessage::Welcome { resumed: true, .. }]));
    assert!(matches!(&back[1], Effect::Join { join, create: false, .. } if join.seat == seat));
    // A resume while the former socket seems alive closes that, and nothing else.
    let again = board.sign_in(3, "ann", Some("key-1"));
    assert_eq!(again[0], Effect::Close { socket: SocketId(2), why: Closing::Resumed });
    assert!(board.apply(Input::Gone { socket: SocketId(2) }).is_empty());
    // A login elsewhere.
    let other = board.sign_in(4, "ann", Some("a guess"));
    assert_eq!(to(&other, 3), [&ServerMessage::Conflict]);
    assert!(other.contains(&Effect::Close { socket: SocketId(3), why: Closing::Conflict }));
    assert_eq!(leaves(&other), [("room".to_owned(), Absence::Conflict)]);
    assert!(matches!(to(&other, 4)[..], [ServerMessage::Welcome { resumed: false, .. }]));
    assert!(board.say(3, ClientMessage::Ping).is_empty());
}

#[test]
fn who_does_not_come_back_in_time_is_lost_with_seats_and_calls() {
    let mut board = Board::new();
    board.sign_in(1, "ann", None);
    board.sign_in(2, "bob", None);
    let (seat, _) = board.join(1, "room");
    board.seated("ann", "room", seat);
    let (call, effects) = board.invite(1, "bob");
    assert!(matches!(to(&effects, 2)[..], [ServerMessage::Incoming { .. }, ServerMessage::CallState { .. }]));
    board.step(2, &call, CallStep::Accept);
    board.apply(Input::Gone { socket: SocketId(1) });
    assert_eq!(board.state.next_deadline(), Some(board.now + RESUME));
    board.now += RESUME;
    let effects = board.apply(Input::Tick);
    assert_eq!(leaves(&effects), [("room".to_owned(), Absence::Lost)]);
    let told = to(&effects, 2);
    // Accepted and never connected, or lost: both are due, and it is over once.
    assert!(matches!(told[..], [ServerMessage::CallState { state: CallState::Closed, .. }]), "{told:?}");
    assert_eq!(board.state.next_deadline(), None);
}

#[test]
fn a_leave_that_overtakes_its_join_leaves_in_the_end() {
    let mut board = Board::new();
    board.sign_in(1, "ann", None);
    let (seat, effects) = board.join(1, "room");
    assert!(matches!(&effects[..], [Effect::Join { create: true, .. }]));
    assert!(leaves(&board.say(1, ClientMessage::Leave { conference: room("room") })).is_empty());
    assert_eq!(leaves(&board.seated("ann", "room", seat)), [("room".to_owned(), Absence::Left)]);
    // And one whose client is gone for good.
    let (seat, _) = board.join(1, "room");
    board.sign_in(2, "ann", None);
    assert_eq!(leaves(&board.seated("ann", "room", seat)), [("room".to_owned(), Absence::Lost)]);
}

#[test]
fn a_relayed_call_tells_both_ends_where_to_meet() {
    let mut board = Board::new();
    board.sign_in(1, "ann", None);
    board.sign_in(2, "bob", None);
    let (call, effects) = board.invite(1, "bob");
    let ok = ServerMessage::Ok { reference: "r".to_owned(), call: Some((call.clone(), CallState::Ringing)) };
    assert!(to(&effects, 1).contains(&&ok));
    let effects = board.step(2, &call, CallStep::Accept);
    for socket in [1, 2] {
        let met = to(&effects, socket).into_iter().any(|message| {
            matches!(message, ServerMessage::CallState { meeting: Some((at, None)), .. } if *at == call.conference())
        });
        assert!(met, "{effects:?}");
    }
    // Media does not go from browser to browser here.
    let body = SignalBody::Sdp(json!("v=0"));
    let refused = board.say(1, ClientMessage::Signal { call, body });
    assert!(matches!(to(&refused, 1)[..], [ServerMessage::Error { .. }]));
}

#[test]
fn calls_of_a_client_that_is_away_wait_for_it() {
    let mut board = Board::new();
    board.sign_in(1, "ann", None);
    board.sign_in(2, "bob", None);
    board.apply(Input::Gone { socket: SocketId(2) });
    let (call, _) = board.invite(1, "bob");
    let back = board.sign_in(3, "bob", Some("key-2"));
    let [ServerMessage::Welcome { .. }, ServerMessage::Incoming { call: rung, .. }, ..] = to(&back, 3)[..]
    else {
        panic!("{back:?}");
    };
    assert_eq!(*rung, call);
    board.now += RING_TIMEOUT;
    let late = board.apply(Input::Tick);
    assert!(to(&late, 3).iter().any(|message| {
        matches!(message, ServerMessage::CallState { reason: Some(CloseReason::Timeout), .. })
    }));
}

/// What clients and networks do.
#[derive(Debug, Clone)]
enum Move {
    SignIn { who: usize, resume: bool },
    Drop { who: usize },
    Join { who: usize, room: usize },
    Leave { who: usize, room: usize },
    Answer,
    Call { who: usize, to: usize },
    Step { who: usize, call: u64, step: usize },
    Wait { s: u64 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let who = 0..3usize;
    let one = prop_oneof![
        3 => (who.clone(), any::<bool>()).prop_map(|(who, resume)| Move::SignIn { who, resume }),
        2 => who.clone().prop_map(|who| Move::Drop { who }),
        3 => (who.clone(), 0..2usize).prop_map(|(who, room)| Move::Join { who, room }),
        2 => (who.clone(), 0..2usize).prop_map(|(who, room)| Move::Leave { who, room }),
        4 => Just(Move::Answer),
        2 => (who.clone(), who.clone()).prop_map(|(who, to)| Move::Call { who, to }),
        2 => (who, 0..40u64, 0..5usize).prop_map(|(who, call, step)| Move::Step { who, call, step }),
        1 => (0..40u64).prop_map(|s| Move::Wait { s }),
    ];
    proptest::collection::vec(one, 0..80)
}

const PEOPLE: [&str; 3] = ["ann", "bob", "cyd"];
const ROOMS: [&str; 2] = ["room", "hall"];
const STEPS: [CallStep; 5] =
    [CallStep::Accept, CallStep::Refuse, CallStep::Cancel, CallStep::Close, CallStep::Connected];

/// A switchboard, its clients, and the seats as the conferences see them: the last to sit has the place.
struct World {
    board: Board,
    sockets: [Option<u64>; 3],
    keys: [Option<u64>; 3],
    next_socket: u64,
    asked: VecDeque<(ParticipantId, ConferenceId, SeatId, Option<String>)>,
    seats: BTreeMap<(ParticipantId, ConferenceId), SeatId>,
}

impl World {
    fn new() -> Self {
        Self {
            board: Board::new(),
            sockets: [None; 3],
            keys: [None; 3],
            next_socket: 0,
            asked: VecDeque::new(),
            seats: BTreeMap::new(),
        }
    }

    fn go(&mut self, one: Move) {
        let said = |world: &mut Self, who: usize, message| match world.sockets[who] {
            Some(socket) => world.board.say(socket, message),
            None => Vec::new(),
        };
        let effects = match one {
            Move::SignIn { who, resume } => self.sign_in(who, resume),
            Move::Drop { who } => match self.sockets[who].take() {
                Some(socket) => self.board.apply(Input::Gone { socket: SocketId(socket) }),
                None => Vec::new(),
            },
            Move::Join { who, room: at } => {
                said(self, who, ClientMessage::Join { conference: room(ROOMS[at]), user_data: Value::Null })
            }
            Move::Leave { who, room: at } => {
                said(self, who, ClientMessage::Leave { conference: room(ROOMS[at]) })
            }
            Move::Answer => return self.answer(),
            Move::Call { who, to } => {
                let (to, mode) = (id(PEOPLE[to]), CallMode::P2p);
                said(self, who, ClientMessage::Invite { to, user_data: Value::Null, mode })
            }
            Move::Step { who, call, step } => {
                let call = CallId::from(call.to_string().as_str());
                said(self, who, ClientMessage::Call { call, step: STEPS[step] })
            }
            Move::Wait { s } => {
                self.board.now += Duration::from_secs(s);
                self.board.apply(Input::Tick)
            }
        };
        self.take(effects);
    }

    fn sign_in(&mut self, who: usize, resume: bool) -> Vec<Effect> {
        self.next_socket += 1;
        let key = self.keys[who].filter(|_| resume).map(|socket| format!("key-{socket}"));
        self.sockets[who] = Some(self.next_socket);
        let effects = self.board.sign_in(self.next_socket, PEOPLE[who], key.as_deref());
        let fresh = effects.iter().any(|effect| {
            matches!(effect, Effect::Send { message: ServerMessage::Welcome { resumed: false, .. }, .. })
        });
        if fresh {
            self.keys[who] = Some(self.next_socket);
        }
        effects
    }

    fn answer(&mut self) {
        let Some((client, conference, seat, reference)) = self.asked.pop_front() else { return };
        self.seats.insert((client.clone(), conference.clone()), seat);
        let result = Ok(());
        let effects = self.board.apply(Input::Seated { client, conference, seat, reference, result });
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Join { conference, join, reference, .. } => {
                    self.asked.push_back((join.participant, conference, join.seat, reference));
                }
                Effect::Leave { conference, client, seat, .. } => {
                    let place = (client, conference);
                    if self.seats.get(&place) == Some(&seat) {
                        self.seats.remove(&place);
                    }
                }
                Effect::Levels { .. } | Effect::Send { .. } | Effect::Close { .. } => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn no_seat_and_no_call_is_left_behind_whatever_happens(moves in moves()) {
        let mut world = World::new();
        moves.into_iter().for_each(|one| world.go(one));
        (0..PEOPLE.len()).for_each(|who| world.go(Move::Drop { who }));
        world.go(Move::Wait { s: RESUME.as_secs() });
        while !world.asked.is_empty() {
            world.answer();
        }
        prop_assert!(world.seats.is_empty(), "{:?}", world.seats);
        prop_assert!(world.board.state.clients.is_empty() && world.board.state.sockets.is_empty());
        prop_assert_eq!(world.board.state.next_deadline(), None);
    }
}
