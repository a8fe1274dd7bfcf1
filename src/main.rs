//! The binary: see [`meetingcast::cli`].

fn main() -> std::process::ExitCode {
    meetingcast::cli::main()
}
