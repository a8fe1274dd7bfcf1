//! A real coturn that shares a secret with us: browsers that may use nothing else see and hear each other by it,
//! and it refuses whom it should.

use crate::{
    coturn::Coturn,
    server::{Server, browser, figure, one_at_a_time},
};
use serde_json::Value;
use std::time::Duration;

/// Two browsers' starts, a call and a conference, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const SECRET: &str = "north of the river, 42";
const TTL_S: &str = "120";

#[test]
fn browsers_that_are_forced_to_relay_meet_with_the_credentials_we_hand_out() {
    let _turn = one_at_a_time();
    let coturn = Coturn::start(SECRET);
    let servers = format!("[{:?}]", coturn.turn());
    let server = Server::start_with(&[
        ("WEBRTC__TURN_SERVERS", &servers),
        ("WEBRTC__TURN_SECRET", &format!("{SECRET:?}")),
        ("WEBRTC__TURN_TTL_S", TTL_S),
    ]);
    let turn = coturn.turn();
    let arguments = ["--server", &server.base, "--turn", &turn, "--secret", SECRET, "--ttl-s", TTL_S];
    let events = browser("relay.mjs", &arguments).succeed(LIMIT);
    let of = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    assert_eq!(of("allocation").count(), 4, "{events:?}");
    let relayed: Vec<&Value> = of("relayed").collect();
    assert_eq!(relayed.len(), 4, "{events:?}");
    // The call goes from coturn to coturn.
    for end in &relayed[..2] {
        let path = &end["paths"][0];
        assert_eq!((&path["local"], &path["remote"]), (&"relay".into(), &"relay".into()), "{end}");
        assert_eq!((&path["local_address"], &path["remote_address"]), (&coturn.address(), &coturn.address()));
    }
    // The browsers are not the only ones to say so: both ends of the call, and four connections to the server.
    let allocations = coturn.allocations();
    assert!(allocations.len() >= 6, "{allocations:#?}");
    for name in ["tom", "jerry"] {
        assert!(allocations.iter().any(|line| line.contains(&format!(":{name}>"))), "{allocations:#?}");
    }
    figure(&format!("coturn: {} allocations; {}", allocations.len(), relayed[0]["paths"][0]));
}
