//! Whom a request comes from, and what that may do.

use crate::{
    control::error::ControlError,
    ids::{ConferenceId, ParticipantId},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Send media (WHIP).
    Publish,
    /// Read a conference, its participants and its cast; receive media.
    Subscribe,
    /// Start, switch and stop the cast, add and remove outputs.
    Cast,
    /// Create, change and end conferences, mute and remove participants; implies the others.
    Admin,
}

impl Grant {
    /// As it stands in the `grants` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Cast => "cast",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Grant {
    type Err = UnknownGrant;
    fn from_str(text: &str) -> Result<Self, UnknownGrant> {
        [Self::Publish, Self::Subscribe, Self::Cast, Self::Admin]
            .into_iter()
            .find(|grant| grant.as_str() == text)
            .ok_or_else(|| UnknownGrant(text.to_owned()))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no grant; allowed: publish, subscribe, cast, admin")]
pub struct UnknownGrant(String);

/// Which conferences a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `"*"`, and everybody in open mode.
    All,
    /// One conference.
    One(ConferenceId),
}

/// Whom a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's `sub`; `None` in open mode, where a request names its participant itself.
    pub participant: Option<ParticipantId>,
    /// The token's `name`.
    pub name: Option<String>,
    pub(super) scope: Scope,
    pub(super) grants: Vec<Grant>,
}

impl Identity {
    /// Open mode: nobody in particular, who may do everything.
    pub fn anybody() -> Self {
        Self { participant: None, name: None, scope: Scope::All, grants: vec![Grant::Admin] }
    }

    /// Who it is: the token's `sub`; without a token who was `named`, or a fresh guest.
    ///
    /// # Errors
    /// `forbidden` when another than the token's `sub` is named; `by` says where.
    pub fn who(&self, named: Option<&ParticipantId>, by: &str) -> Result<ParticipantId, ControlError> {
        match (&self.participant, named) {
            (Some(own), Some(named)) if own != named => {
                Err(ControlError::Forbidden(format!("{by} names another participant than the token's sub")))
            }
            (Some(own), _) => Ok(own.clone()),
            (None, Some(named)) => Ok(named.clone()),
            (None, None) => Ok(format!("guest-{:016x}", rand::random::<u64>()).parse()?),
        }
    }

    /// For which conferences it is.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether this is for `conference` at all, whatever it allows there.
    pub fn covers(&self, conference: &ConferenceId) -> bool {
        match &self.scope {
            Scope::All => true,
            Scope::One(own) => own == conference,
        }
    }

    /// Whether `grant` (or `admin`) is among the grants.
    ///
    /// # Errors
    /// `forbidden`, naming the grant that is missing.
    pub fn require(&self, grant: Grant) -> Result<(), ControlError> {
        if self.grants.iter().any(|own| *own == grant || *own == Grant::Admin) {
            Ok(())
        } else {
            Err(ControlError::Forbidden(format!("it has no grant {grant:?}", grant = grant.as_str())))
        }
    }

    /// Whether `grant` holds in `conference`.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn require_in(&self, grant: Grant, conference: &ConferenceId) -> Result<(), ControlError> {
        if !self.covers(conference) {
            return Err(ControlError::Forbidden("it is for another conference".to_owned()));
        }
        self.require(grant)
    }
}
