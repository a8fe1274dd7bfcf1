//! What MeetingCast costs and how fast it is, measured side by side with what else one could use.
//!
//! `make bench`, or `cargo bench --bench casts`. `ROWS=composed-4,delays` chooses rows; `ROUNDS` (3) and `WINDOW_S`
//! (15) how long the costs are measured; `SWITCHES` (100); `SOAK_MINUTES` (30), run only where `ROWS` names `soak`.
//! Prints tables in Markdown for docs/BENCHMARKS.md.

#[path = "../../tests/support/capture_clock.rs"]
mod capture_clock;
#[path = "../../tests/support/film.rs"]
#[allow(dead_code)]
mod film;
#[path = "../../tests/support/nginx_process.rs"]
mod nginx_process;
#[path = "../../tests/support/part_follower.rs"]
#[allow(dead_code)]
mod part_follower;
#[path = "../../tests/support/server.rs"]
#[allow(dead_code, unused_imports)]
mod server;
#[path = "../../tests/support/stage.rs"]
#[allow(dead_code)]
mod stage;
#[path = "../../tests/support/turn.rs"]
mod turn;

mod capacity;
mod clips;
mod costs;
mod delays;
mod features;
mod ffmpeg;
mod joining;
mod machine;
mod ours;
mod players;
mod process;
mod row;
mod soak;
mod spread;
mod switches;

use std::time::Duration;
use tokio::runtime::Runtime;

/// What is to be measured, and how long.
pub struct Bench {
    pub runtime: Runtime,
    pub rounds: usize,
    pub window: Duration,
    /// The rows that were asked for; `None`: all that take minutes.
    wanted: Option<Vec<String>>,
}

impl Bench {
    fn from_environment() -> Self {
        let wanted = std::env::var("ROWS").ok();
        Self {
            runtime: Runtime::new().expect("a runtime"),
            rounds: number("ROUNDS", 3) as usize,
            window: Duration::from_secs(number("WINDOW_S", 15)),
            wanted: wanted.map(|names| names.split(',').map(str::to_owned).collect()),
        }
    }

    /// Whether the row is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == name))
    }

    /// Whether the row was asked for by its name.
    pub fn names(&self, name: &str) -> bool {
        self.wanted.is_some() && self.wants(name)
    }
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

fn main() {
    let _turn = turn::one_at_a_time();
    let bench = Bench::from_environment();
    machine::print();
    costs::run(&bench);
    switches::run(&bench);
    delays::run(&bench);
    features::run(&bench);
    capacity::run(&bench);
    players::run(&bench);
    joining::run(&bench);
    soak::run(&bench);
}
