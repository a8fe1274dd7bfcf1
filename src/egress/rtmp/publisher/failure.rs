//! Why a connection is over, in sentences an operator can act on.

use super::{
    super::session::{SessionError, Stage},
    state::{Loss, LossKind},
};
use std::{error::Error as _, io, path::PathBuf, time::Duration};

/// What went wrong. Neither key nor password nor anything else of the URL but host and port appears.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("cannot find the address of {host}")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("finding the address of {host} took longer than {} ms", .limit.as_millis())]
    ResolveTimeout { host: String, limit: Duration },
    #[error("cannot connect to {host} port {port}")]
    Tcp {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("connecting to {host} port {port} took longer than {} ms", .limit.as_millis())]
    TcpTimeout { host: String, port: u16, limit: Duration },
    #[error("{} took longer than {} ms: the server does not answer", words(*.stage), .limit.as_millis())]
    StageTimeout { stage: Stage, limit: Duration },
    #[error("the server has taken no data for {} ms", .limit.as_millis())]
    Stalled { limit: Duration },
    #[error("the server closed the connection during {}", words(*.stage))]
    Closed { stage: Stage },
    #[error("the connection broke during {}", words(*.stage))]
    Broken {
        stage: Stage,
        #[source]
        source: io::Error,
    },
    #[error("{} went wrong", words(*.stage))]
    Protocol {
        stage: Stage,
        #[source]
        source: SessionError,
    },
    #[error("the server refused {}{}", words(*.stage), said(.code, .description))]
    Refused { stage: Stage, code: String, description: String },
    #[error("the server ended the stream{}", said(.code, .description))]
    Ended { code: String, description: String },
    #[error("TLS with {host} port {port} took longer than {} ms", .limit.as_millis())]
    TlsTimeout { host: String, port: u16, limit: Duration },
    #[error("TLS with {host} port {port} failed")]
    Tls {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("{host} port {port} does not speak TLS: is it an rtmp:// server?")]
    NotTls { host: String, port: u16 },
    #[error("the certificate of {host} is not accepted: {problem}")]
    Certificate { host: String, problem: String },
    #[error("no certificate can be checked")]
    Roots(#[source] io::Error),
    #[error("rtmp.extra_ca_file {} cannot be used", .path.display())]
    ExtraCa {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the server wants a user name and a password: write them into the URL, \
         rtmp://user:password@host/app/key"
    )]
    CredentialsMissing,
    #[error("the server does not accept the user name and the password of the URL")]
    CredentialsWrong,
}

impl Failure {
    /// What an error of the socket means. The kernel gives up on a silent server after the same time as we do
    /// (`TCP_USER_TIMEOUT`); whoever is first, it is the same failure.
    pub fn of_socket(stage: Stage, source: io::Error, stall_limit: Duration) -> Self {
        match source.kind() {
            // TLS without the goodbye that it should have.
            io::ErrorKind::UnexpectedEof => Self::Closed { stage },
            io::ErrorKind::TimedOut if stage == Stage::Live => Self::Stalled { limit: stall_limit },
            _ => Self::Broken { stage, source },
        }
    }

    /// The failure with its causes, as one sentence.
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            sentence.push_str(": ");
            sentence.push_str(&error.to_string());
            cause = error.source();
        }
        sentence
    }

    /// What the state machine needs to know.
    pub(super) fn loss(&self) -> Loss {
        let (kind, stage) = match self {
            Self::CredentialsMissing | Self::CredentialsWrong => (LossKind::Refused, Some(Stage::Connect)),
            Self::Refused { stage, .. } => (LossKind::Refused, Some(*stage)),
            Self::StageTimeout { stage, .. }
            | Self::Closed { stage }
            | Self::Broken { stage, .. }
            | Self::Protocol { stage, .. } => (LossKind::Transient, Some(*stage)),
            Self::Stalled { .. } | Self::Ended { .. } => (LossKind::Transient, Some(Stage::Live)),
            Self::Resolve { .. }
            | Self::NoAddress { .. }
            | Self::ResolveTimeout { .. }
            | Self::Tcp { .. }
            | Self::TcpTimeout { .. }
            | Self::TlsTimeout { .. }
            | Self::Tls { .. }
            | Self::NotTls { .. }
            // Certificates are renewed, and so is trust in them.
            | Self::Certificate { .. }
            | Self::Roots(_)
            | Self::ExtraCa { .. } => (LossKind::Transient, None),
        };
        let asked_to_publish = stage.is_some_and(|stage| stage >= Stage::Publish);
        Loss { sentence: self.sentence(), kind, asked_to_publish }
    }
}

const fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Handshake => "the RTMP handshake",
        Stage::Connect => "the RTMP connect",
        Stage::Publish => "the RTMP publish",
        Stage::Live | Stage::Closed => "the stream",
    }
}

fn said(code: &str, description: &str) -> String {
    match (code, description) {
        ("", "") => String::new(),
        ("", words) | (words, "") => format!(": {words}"),
        (code, description) => format!(": {description} ({code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_cause() {
        let refused = |code: &str, description: &str| Failure::Refused {
            stage: Stage::Publish,
            code: code.to_owned(),
            description: description.to_owned(),
        };
        assert_eq!(
            refused("NetStream.Publish.BadName", "already publishing").sentence(),
            "the server refused the RTMP publish: already publishing (NetStream.Publish.BadName)"
        );
        assert_eq!(refused("", "").sentence(), "the server refused the RTMP publish");
        let tcp = Failure::Tcp {
            host: "h".to_owned(),
            port: 1935,
            source: io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"),
        };
        assert_eq!(tcp.sentence(), "cannot connect to h port 1935: connection refused");
        let late = Failure::StageTimeout { stage: Stage::Connect, limit: Duration::from_secs(5) };
        assert_eq!(late.sentence(), "the RTMP connect took longer than 5000 ms: the server does not answer");
    }

    #[test]
    fn whether_publish_was_asked_for_is_known() {
        let loss = |stage| Failure::Closed { stage }.loss();
        assert!(!loss(Stage::Connect).asked_to_publish);
        assert!(loss(Stage::Publish).asked_to_publish);
        assert_eq!(loss(Stage::Publish).kind, LossKind::Transient);
        assert_eq!(Failure::CredentialsWrong.loss().kind, LossKind::Refused);
    }
}
