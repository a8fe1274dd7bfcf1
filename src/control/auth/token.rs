//! What stands in a token, and how one is made.

use super::identity::{Grant, Identity, Scope};
use crate::{config::AuthKey, control::error::ControlError, ids::ParticipantId, redacted::Redacted};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest `name` claim, characters; as long as a conference's name.
pub const MAX_NAME_CHARS: usize = 128;
/// How far the issuer's clock may be ahead of ours for `nbf`. `exp` has no such grace.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(5);

/// What stands in a token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    sub: String,
    conference: String,
    grants: Vec<Grant>,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Claims {
    pub(super) fn into_identity(self, now: SystemTime) -> Result<Identity, ControlError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.nbf.is_some_and(|nbf| nbf > (now + NOT_BEFORE_LEEWAY).as_secs()) {
            return Err(ControlError::TokenInvalid("it is not valid yet (nbf)"));
        }
        if self.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
            return Err(ControlError::TokenInvalid("its name is longer than 128 characters"));
        }
        let participant =
            self.sub.parse().map_err(|_| ControlError::TokenInvalid("its sub is not a participant id"))?;
        let scope = match self.conference.as_str() {
            "*" => Scope::All,
            id => Scope::One(id.parse().map_err(|_| {
                ControlError::TokenInvalid("its conference is neither a conference id nor \"*\"")
            })?),
        };
        Ok(Identity { participant: Some(participant), name: self.name, scope, grants: self.grants })
    }
}

/// A token to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// `sub`.
    pub participant: ParticipantId,
    /// `conference`.
    pub scope: Scope,
    /// `grants`.
    pub grants: Vec<Grant>,
    /// `name`.
    pub name: Option<String>,
    /// `exp` is so far from now.
    pub valid_for: Duration,
}

/// Signs a token with `key`.
///
/// # Errors
/// [`MintError`] when the library cannot sign.
pub fn mint(key: &AuthKey, token: &NewToken) -> Result<Redacted<String>, MintError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = Claims {
        sub: token.participant.to_string(),
        conference: match &token.scope {
            Scope::All => "*".to_owned(),
            Scope::One(id) => id.to_string(),
        },
        grants: token.grants.clone(),
        exp: (now + token.valid_for).as_secs(),
        nbf: None,
        name: token.name.clone(),
    };
    let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(key.secret.expose().as_bytes());
    jsonwebtoken::encode(&header, &claims, &secret).map(Redacted::new).map_err(MintError)
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("signing the token failed")]
pub struct MintError(#[source] jsonwebtoken::errors::Error);
