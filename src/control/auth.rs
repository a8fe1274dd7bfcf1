//! Who a request comes from and what it may do (contract, "Rights").
//!
//! Open mode: everybody may do everything, so the server stays on loopback ([`check_listen`]). Token
//! mode: a JWT, HS256, signed with one of `[[auth.keys]]`; the signature is compared in constant time
//! by the library.

mod identity;
mod token;

pub use self::{
    identity::{Grant, Identity, Scope, UnknownGrant},
    token::{MAX_NAME_CHARS, MintError, NewToken, mint},
};

use self::token::Claims;
use crate::{
    config::{AuthConfig, AuthMode},
    control::error::ControlError,
};
use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use std::{collections::HashMap, fmt, net::SocketAddr, sync::Arc, time::SystemTime};

/// Longest token that is looked at. A real one has a few hundred bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

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
    use crate::{config::AuthKey, ids::ParticipantId, redacted::Redacted};
    use jsonwebtoken::{EncodingKey, Header};
    use std::time::Duration;

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
