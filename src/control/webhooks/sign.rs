//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body`.

use crate::redacted::Redacted;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with, so that it is known for one.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: the standard's own bounds.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs.
#[derive(Debug, Clone)]
pub struct SigningKey(Redacted<Vec<u8>>);

/// A secret that cannot be used. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

impl SigningKey {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = text.strip_prefix(PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
        let bytes = bytes.filter(|bytes| BYTES.contains(&bytes.len())).ok_or(InvalidSecret)?;
        Ok(Self(Redacted::new(bytes)))
    }

    /// The header `webhook-signature`. `timestamp`: seconds since 1970, the header `webhook-timestamp`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let key = Hmac::<Sha256>::new_from_slice(self.0.expose());
        let mut mac = key.expect("HMAC takes a key of any length (RFC 2104 §2)");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_standards_libraries() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn secrets_have_their_form_and_length() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for good in [24, 64] {
            assert!(SigningKey::parse(&secret(good)).is_ok(), "{good}");
        }
        for bad in [&secret(23), &secret(65), "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"] {
            assert_eq!(SigningKey::parse(bad).unwrap_err(), InvalidSecret, "{bad}");
        }
        assert_eq!(format!("{:?}", SigningKey::parse(&secret(24)).unwrap()), "SigningKey(****)");
    }
}
