//! Who a request comes from and what it may do (contract, "Rights").
//!
//! Open mode: everybody may do everything, so the server stays on loopback ([`check_listen`]). Token
//! mode: a JWT, HS256, signed with one of `[[auth.keys]]`; the signature is compared in constant time
//! by the library.

use crate::{
    config::{AuthConfig, AuthKey, AuthMode},
    control::error::ControlError,
    ids::{ConferenceId, ParticipantId},
    redacted::Redacted,
};
use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Longest token that is looked at. A real one has a few hundred bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Longest `name` claim, characters; as long as a conference's name.
pub const MAX_NAME_CHARS: usize = 128;
/// How far the issuer's clock may be ahead of ours for `nbf`. `exp` has no such grace.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(5);

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
    scope: Scope,
    grants: Vec<Grant>,
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

/// The check of requests. Cheap to clone.
#[derive(Clone)]
pub enum Auth {
    /// Everybody, everything.
    Open,
    /// Whoever holds a token that one of the keys (by `kid`) signed.
    Token(Arc<HashMap<String, DecodingKey>>),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Auth::Open",
            Self::Token(_) => "Auth::Token(****)",
        })
    }
}

impl Auth {
    /// From `[auth]`, which has been checked.
    pub fn new(config: &AuthConfig) -> Self {
        match config.mode {
            AuthMode::Open => Self::Open,
            AuthMode::Token => Self::Token(Arc::new(
                config
                    .keys
                    .iter()
                    .map(|key| (key.id.clone(), DecodingKey::from_secret(key.secret.expose().as_bytes())))
                    .collect(),
            )),
        }
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// `token_missing`, `token_expired`, `token_invalid`; never in open mode.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Identity, ControlError> {
        match self {
            Self::Open => Ok(Identity::anybody()),
            Self::Token(_) => self.identify_token(bearer(headers).ok_or(ControlError::TokenMissing)?),
        }
    }

    /// Who holds this token (WebSockets carry it in the query or as a subprotocol).
    ///
    /// # Errors
    /// `token_expired`, `token_invalid`; never in open mode.
    pub fn identify_token(&self, token: &str) -> Result<Identity, ControlError> {
        let Self::Token(keys) = self else { return Ok(Identity::anybody()) };
        if token.len() > MAX_TOKEN_BYTES {
            return Err(ControlError::TokenInvalid("it is too long"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| refusal(error.kind()))?;
        if header.alg != Algorithm::HS256 {
            return Err(ControlError::TokenInvalid(ONLY_HS256));
        }
        let kid = header.kid.ok_or(ControlError::TokenInvalid("its header has no kid"))?;
        let key = keys.get(&kid).ok_or(ControlError::TokenInvalid("its kid names no key of this server"))?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0;
        let claims =
            jsonwebtoken::decode::<Claims>(token, key, &rules).map_err(|error| refusal(error.kind()))?.claims;
        claims.into_identity(SystemTime::now())
    }
}

const ONLY_HS256: &str = "only the algorithm HS256 is accepted";

/// The token in `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The library's errors as ours; none of its texts goes out, since some repeat the token's content.
fn refusal(kind: &ErrorKind) -> ControlError {
    match kind {
        ErrorKind::ExpiredSignature => ControlError::TokenExpired,
        ErrorKind::InvalidSignature => ControlError::TokenInvalid("its signature does not match"),
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm
        // An `alg` the library does not know ("none") is an unknown enum variant to its JSON reader.
        | ErrorKind::Json(_) => ControlError::TokenInvalid(
            "its header or claims are not as they must be: alg HS256, kid, sub, conference, grants, exp",
        ),
        ErrorKind::MissingRequiredClaim(_) => ControlError::TokenInvalid("it has no exp"),
        ErrorKind::InvalidClaimFormat(_) => ControlError::TokenInvalid("exp or nbf is not a number"),
        ErrorKind::InvalidAudience => ControlError::TokenInvalid("it is for another audience"),
        _ => ControlError::TokenInvalid("it is not a JWT"),
    }
}

/// What stands in a token.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
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
    fn into_identity(self, now: SystemTime) -> Result<Identity, ControlError> {
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

/// Open mode on a network would give everything to everybody on it.
///
/// # Errors
/// [`OpenNetwork`], when `listen` is not loopback, the mode is open and nobody allowed it.
pub fn check_listen(mode: AuthMode, listen: SocketAddr, allow_open_network: bool) -> Result<(), OpenNetwork> {
    if mode == AuthMode::Open && !listen.ip().is_loopback() && !allow_open_network {
        return Err(OpenNetwork { listen });
    }
    Ok(())
}

/// See [`check_listen`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "auth.mode = \"open\" lets everybody do everything, so the server listens on loopback only, not on \
     {listen}; set auth.mode = \"token\", or pass --allow-open-network if you mean it"
)]
pub struct OpenNetwork {
    /// Where it was to listen.
    pub listen: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> AuthKey {
        AuthKey { id: id.to_owned(), secret: Redacted::new(format!("{id}-0123456789abcdef0123456789abcdef")) }
    }

    fn auth() -> Auth {
        Auth::new(&AuthConfig { mode: AuthMode::Token, keys: vec![key("k1"), key("k2")] })
    }

    fn claims() -> serde_json::Value {
        serde_json::json!({"sub": "alice", "conference": "c1", "grants": ["publish"], "exp": 4_000_000_000_u64})
    }

    fn sign(header: &Header, claims: &serde_json::Value, key: &AuthKey) -> String {
        let secret = EncodingKey::from_secret(key.secret.expose().as_bytes());
        jsonwebtoken::encode(header, claims, &secret).unwrap()
    }

    fn header(kid: &str) -> Header {
        Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) }
    }

    fn refused(claims: &serde_json::Value) -> ControlError {
        auth().identify_token(&sign(&header("k1"), claims, &key("k1"))).unwrap_err()
    }

    #[test]
    fn without_a_token_who_is_named_counts_or_a_guest_comes() {
        let open = Identity::anybody();
        let alice: ParticipantId = "alice".parse().unwrap();
        assert_eq!(open.who(Some(&alice), "client"), Ok(alice.clone()));
        assert!(open.who(None, "client").unwrap().as_str().starts_with("guest-"));
        assert_ne!(open.who(None, "client"), open.who(None, "client"));
        let own = Identity { participant: Some("bob".parse().unwrap()), ..open };
        assert_eq!(own.who(None, "client").unwrap().as_str(), "bob");
        let detail = "client names another participant than the token's sub";
        assert_eq!(own.who(Some(&alice), "client"), Err(ControlError::Forbidden(detail.to_owned())));
    }

    #[test]
    fn a_minted_token_is_accepted_and_says_what_was_asked() {
        let token = NewToken {
            participant: "alice".parse().unwrap(),
            scope: Scope::One("c1".parse().unwrap()),
            grants: vec![Grant::Publish],
            name: Some("Alice".to_owned()),
            valid_for: Duration::from_secs(60),
        };
        let text = mint(&key("k2"), &token).unwrap();
        let identity = auth().identify_token(text.expose()).unwrap();
        assert_eq!(identity.participant, Some("alice".parse().unwrap()));
        assert_eq!(identity.name.as_deref(), Some("Alice"));
        let (c1, c2) = ("c1".parse().unwrap(), "c2".parse().unwrap());
        assert_eq!(identity.require_in(Grant::Publish, &c1), Ok(()));
        assert!(matches!(identity.require_in(Grant::Cast, &c1), Err(ControlError::Forbidden(_))));
        assert!(matches!(identity.require_in(Grant::Publish, &c2), Err(ControlError::Forbidden(_))));
    }

    #[test]
    fn admin_implies_the_others_and_a_star_covers_all() {
        let mut all = claims();
        all["conference"] = "*".into();
        all["grants"] = serde_json::json!(["admin"]);
        let identity = auth().identify_token(&sign(&header("k1"), &all, &key("k1"))).unwrap();
        for grant in [Grant::Publish, Grant::Subscribe, Grant::Cast, Grant::Admin] {
            assert_eq!(identity.require_in(grant, &"any".parse().unwrap()), Ok(()));
        }
    }

    #[test]
    fn every_fault_of_a_token_has_its_code() {
        let mut expired = claims();
        expired["exp"] = (jsonwebtoken::get_current_timestamp() - 2).into();
        assert_eq!(refused(&expired), ControlError::TokenExpired);

        for (field, value) in [
            ("exp", serde_json::Value::Null),
            ("exp", "soon".into()),
            ("nbf", 3_999_999_999_u64.into()),
            ("sub", "a/b".into()),
            ("sub", serde_json::Value::Null),
            ("conference", "a/b".into()),
            ("conference", 7.into()),
            ("grants", "publish".into()),
            ("grants", serde_json::json!(["publish", "fly"])),
            ("name", "x".repeat(129).into()),
            ("aud", "somebody-else".into()),
        ] {
            let mut bad = claims();
            bad[field] = value.clone();
            assert!(matches!(refused(&bad), ControlError::TokenInvalid(_)), "{field} = {value}");
        }
    }

    #[test]
    fn only_hs256_with_the_named_key_is_accepted() {
        let invalid = |token: &str| {
            assert!(matches!(auth().identify_token(token), Err(ControlError::TokenInvalid(_))), "{token}");
        };
        invalid(&sign(&header("k1"), &claims(), &key("k2")));
        invalid(&sign(&header("k3"), &claims(), &key("k3")));
        invalid(&sign(&Header::new(Algorithm::HS256), &claims(), &key("k1")));
        invalid(&sign(&Header { alg: Algorithm::HS512, ..header("k1") }, &claims(), &key("k1")));
        invalid("");
        invalid("a.b.c");
        invalid(&"a".repeat(MAX_TOKEN_BYTES + 1));
        // {"alg":"none","kid":"k1"} with good claims and no signature.
        let good = sign(&header("k1"), &claims(), &key("k1"));
        let payload = good.split('.').nth(1).unwrap();
        invalid(&format!("eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{payload}."));
    }

    #[test]
    fn the_bearer_scheme_is_found_in_any_case_and_nothing_else_is_a_token() {
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            headers
        };
        assert_eq!(bearer(&headers("bEARER  abc")), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            assert_eq!(bearer(&headers(other)), None, "{other}");
        }
        assert_eq!(auth().identify(&HeaderMap::new()), Err(ControlError::TokenMissing));
        assert_eq!(Auth::Open.identify(&HeaderMap::new()), Ok(Identity::anybody()));
    }

    #[test]
    fn open_mode_stays_on_loopback() {
        let on = |mode, listen: &str, allow| check_listen(mode, listen.parse().unwrap(), allow).is_ok();
        assert!(on(AuthMode::Open, "127.0.0.1:80", false));
        assert!(on(AuthMode::Open, "[::1]:80", false));
        assert!(!on(AuthMode::Open, "0.0.0.0:80", false));
        assert!(!on(AuthMode::Open, "[::]:80", false));
        assert!(on(AuthMode::Open, "0.0.0.0:80", true));
        assert!(on(AuthMode::Token, "0.0.0.0:80", false));
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?}", auth()), "Auth::Token(****)");
    }
}
