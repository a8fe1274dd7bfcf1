//! Hardware encoders that work, fail, hang and die, and what becomes of the cast. Nothing here has hardware: where
//! `FAKE_ENCODERS` is set, this program is MeetingCast itself, with [`fake_encoder`]s that go by the hardware's names;
//! else it runs its tests, those whose name has the first argument in it.

#[allow(dead_code, reason = "tests/media uses more of it")]
#[path = "../support/direct_publisher.rs"]
mod direct_publisher;
mod fake_encoder;
#[allow(dead_code, reason = "tests/media uses more of it")]
#[path = "../support/flv_file.rs"]
mod flv_file;
#[allow(dead_code, reason = "tests/e2e uses more of it")]
#[path = "../support/on_air.rs"]
mod on_air;
#[allow(dead_code, reason = "tests/e2e uses more of it")]
#[path = "../support/server.rs"]
mod server;
#[path = "../support/turn.rs"]
mod turn;
#[allow(dead_code, reason = "tests/media uses more of it")]
#[path = "../support/worker_process.rs"]
mod worker_process;

mod choice;
mod outputs;
mod running;

use std::process::ExitCode;

/// A test and its name.
type Test = (&'static str, fn());

const TESTS: [Test; 10] = [
    ("auto_without_hardware_takes_x264", choice::auto_without_hardware_takes_x264),
    ("hardware_that_fails_or_hangs_is_passed_over", choice::hardware_that_fails_or_hangs_is_passed_over),
    ("a_fixed_choice_tries_no_hardware", choice::a_fixed_choice_tries_no_hardware),
    ("a_program_goes_on_when_its_encoder_dies", running::a_program_goes_on_when_its_encoder_dies),
    ("a_program_goes_on_when_its_encoder_stalls", running::a_program_goes_on_when_its_encoder_stalls),
    ("a_program_goes_on_when_its_encoder_freezes", running::a_program_goes_on_when_its_encoder_freezes),
    ("one_encoder_after_the_other_dies", running::one_encoder_after_the_other_dies),
    ("renditions_change_with_the_program", running::renditions_change_with_the_program),
    ("outputs_follow_an_encoder_that_dies", outputs::outputs_follow_an_encoder_that_dies),
    ("hls_divides_all_sizes_where_the_encoder_died", outputs::hls_divides_all_sizes_where_the_encoder_died),
];

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    if std::env::var_os("FAKE_ENCODERS").is_some() {
        gst::init().unwrap();
        fake_encoder::register();
        return meetingcast::cli::main();
    }
    // As libtest's own, for tools that ask.
    if argument.as_deref() == Some("--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted = argument.filter(|argument| !argument.starts_with('-')).unwrap_or_default();
    for (name, test) in TESTS.iter().filter(|(name, _)| name.contains(&wanted)) {
        // A panic ends the program, and with it its children.
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}
