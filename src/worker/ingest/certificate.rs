//! The peer's DTLS certificate, compared by us: webrtcbin before 1.28.5 takes any.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// SHA-256 of the certificate's DER (RFC 8122 §5), from its PEM. `None` when it is no PEM.
pub fn sha256_of_pem(pem: &str) -> Option<[u8; 32]> {
    let body = pem.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    let der = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
    (!der.is_empty()).then(|| Sha256::digest(&der).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_hashed_in_der() {
        let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        let digest = sha256_of_pem(pem).unwrap();
        // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
        for bad in ["", "abc", "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----"] {
            assert_eq!(sha256_of_pem(bad), None, "{bad}");
        }
    }
}
