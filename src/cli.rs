//! The command line (contract, "Program"). Exit codes: 0 done, 1 failed, 2 wrong usage or config.

use crate::{
    config::{AuthKey, Config, load::ConfigError},
    control::{
        auth::{self, Grant, NewToken, OpenNetwork, Scope},
        serve::{self, ServeError, ServeOptions},
    },
    demo, doctor,
    ids::{ConferenceId, InvalidId, ParticipantId},
    publisher::{self, args::PublishArgs, client::PublishError},
    telemetry, worker,
};
use clap::{Args, Parser, Subcommand};
use std::{
    error::Error,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

/// Broadcasts WebRTC conferences: one switchable program to RTMP and HLS.
#[derive(Debug, Parser)]
#[command(name = "meetingcast", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(ServeArgs),
    /// Run the server with participants made of test media.
    Demo(DemoArgs),
    /// Make a token, signed with a key of the configuration.
    Token(TokenArgs),
    /// Check a configuration file.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Look for everything that is needed on this machine.
    Doctor,
    /// Publish test media by WHIP: a real WebRTC client.
    Publish(PublishArgs),
    /// A conference's media worker; started by `serve`.
    #[command(hide = true)]
    Worker(WorkerArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The configuration file; without it: built-in defaults and the environment.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, instead of the configuration's server.listen.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Listen beyond loopback even though everybody may do everything (auth.mode = "open").
    #[arg(long)]
    allow_open_network: bool,
}

/// `meetingcast demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many participants.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub participants: u32,
    /// Stop after so many seconds; without it: until Ctrl-C.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: Option<u32>,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// The configuration file with [[auth.keys]].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The conference, or "*" for all.
    #[arg(long, value_parser = parse_scope)]
    conference: ScopeArg,
    /// Whose token: the participant or client id.
    #[arg(long)]
    participant: ParticipantId,
    /// What it allows: publish, subscribe, cast, admin.
    #[arg(long, value_delimiter = ',', required = true)]
    grants: Vec<Grant>,
    /// A name to show.
    #[arg(long)]
    name: Option<String>,
    /// How long it is valid, seconds.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    ttl_s: u64,
    /// The key's id; without it: the first.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Clone)]
struct ScopeArg(Scope);

fn parse_scope(text: &str) -> Result<ScopeArg, InvalidId> {
    Ok(ScopeArg(if text == "*" { Scope::All } else { Scope::One(ConferenceId::from_str(text)?) }))
}

/// `meetingcast worker`.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Whose worker it is, for `ps`.
    #[arg(long)]
    pub conference: String,
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => run_serve(args),
        Command::Token(args) => run_token(&args),
        Command::CheckConfig { file } => check_config(&file),
        Command::Demo(args) => run_demo(args),
        Command::Doctor => run_doctor(),
        Command::Publish(args) => run_publish(args),
        Command::Worker(_) => run_worker(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("meetingcast: {}", failure.sentence());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Why a command did not do what it was to do.
#[derive(Debug)]
enum Failure {
    /// Exit code 2.
    Config(ConfigError),
    /// Exit code 2.
    Usage(String),
    /// Exit code 1.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    /// What went wrong, with its causes.
    fn sentence(&self) -> String {
        match self {
            Self::Config(error) => error.to_string(),
            Self::Usage(sentence) => sentence.clone(),
            Self::Failed(error) => {
                let mut sentence = error.to_string();
                let mut cause = error.source();
                while let Some(error) = cause {
                    sentence.push_str(": ");
                    sentence.push_str(&error.to_string());
                    cause = error.source();
                }
                sentence
            }
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

fn run_serve(args: ServeArgs) -> Result<(), Failure> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    let failed = |error: Box<dyn Error + Send + Sync>| Failure::Failed(error);
    telemetry::init_log(&config.log).map_err(|error| failed(error.into()))?;
    let runtime = runtime()?;
    let options = ServeOptions { allow_open_network: args.allow_open_network };
    let outcome = runtime.block_on(serve::run(config, options));
    // What a drain that took too long left behind shall not hold the process up.
    runtime.shutdown_background();
    outcome.map_err(|error| match error {
        ServeError::OpenNetwork(OpenNetwork { .. }) => Failure::Usage(error.to_string()),
        other => failed(other.into()),
    })
}

fn run_token(args: &TokenArgs) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref())?;
    let key = choose_key(&config.auth.keys, args.key.as_deref())?;
    let token = NewToken {
        participant: args.participant.clone(),
        scope: args.conference.0.clone(),
        grants: args.grants.clone(),
        name: args.name.clone(),
        valid_for: Duration::from_secs(args.ttl_s),
    };
    if token.name.as_ref().is_some_and(|name| name.chars().count() > auth::MAX_NAME_CHARS) {
        return Err(Failure::Usage("--name is longer than 128 characters".to_owned()));
    }
    let text = auth::mint(key, &token).map_err(|error| Failure::Failed(error.into()))?;
    println!("{}", text.expose());
    Ok(())
}

fn choose_key<'a>(keys: &'a [AuthKey], id: Option<&str>) -> Result<&'a AuthKey, Failure> {
    match id {
        None => keys.first().ok_or_else(|| {
            Failure::Usage(
                "auth.keys is empty, so there is nothing to sign with: name a configuration with \
                 [[auth.keys]] by --config"
                    .to_owned(),
            )
        }),
        Some(id) => keys.iter().find(|key| key.id == id).ok_or_else(|| {
            let known: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
            Failure::Usage(format!("there is no key {id:?}; allowed: {}", known.join(", ")))
        }),
    }
}

fn check_config(file: &Path) -> Result<(), Failure> {
    Config::load(Some(file))?;
    println!("{}: good", file.display());
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.into()))
}

fn run_publish(args: PublishArgs) -> Result<(), Failure> {
    let config = Config::load(None)?;
    telemetry::init_log(&config.log).map_err(|error| Failure::Failed(error.into()))?;
    let outcome = runtime()?.block_on(publisher::client::run(args.into()));
    outcome.map_err(|error| match error {
        PublishError::Options(_) => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.into()),
    })
}

fn run_worker() -> Result<(), Failure> {
    let config = Config::load(None)?;
    telemetry::init_log(&config.log).map_err(|error| Failure::Failed(error.into()))?;
    worker::run().map_err(|error| Failure::Failed(error.into()))
}

fn run_demo(args: DemoArgs) -> Result<(), Failure> {
    let config = Config::load(None)?;
    telemetry::init_log(&config.log).map_err(|error| Failure::Failed(error.into()))?;
    let options = demo::run::DemoOptions { participants: args.participants as usize, seconds: args.seconds };
    runtime()?.block_on(demo::run::run(options)).map_err(|error| Failure::Failed(error.into()))
}

fn run_doctor() -> Result<(), Failure> {
    let version = worker::elements::version().map_err(|error| Failure::Failed(error.into()))?;
    println!("{version}");
    let mut missing = Vec::new();
    for requirement in doctor::required() {
        let present = worker::elements::is_present(requirement.element);
        let state = if present { "ok     " } else { "MISSING" };
        println!("{state} {:16} {} ({})", requirement.element, requirement.needed_for, requirement.package);
        if !present && !missing.contains(&requirement.package) {
            missing.push(requirement.package);
        }
    }
    if missing.is_empty() {
        println!("everything is here");
        return Ok(());
    }
    Err(Failure::Failed(
        format!("elements are missing; install: apt-get install {}", missing.join(" ")).into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn tokens_name_grants_by_comma() {
        let line = "meetingcast token --conference * --participant alice --grants publish,cast";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Token(args) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!(args.grants, [Grant::Publish, Grant::Cast]);
        assert_eq!(args.conference.0, Scope::All);
        for bad in ["--grants fly", "--grants publish --ttl-s 0", "--grants publish --conference a/b"] {
            let line = format!("meetingcast token --conference c --participant alice {bad}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{bad}");
        }
    }
}
