//! How values that TOML has no word for are written in the file: secrets, and addresses that may be absent.

pub mod secret_text {
    use crate::redacted::Redacted;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(secret: &Redacted<String>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(secret)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Redacted<String>, D::Error> {
        String::deserialize(d).map(Redacted::new)
    }
}

/// A secret that may be left empty: the defaults, which are written and read again, say so.
pub mod optional_secret_text {
    pub use super::secret_text::deserialize;
    use crate::redacted::Redacted;
    use serde::Serializer;

    pub fn serialize<S: Serializer>(secret: &Redacted<String>, s: S) -> Result<S::Ok, S::Error> {
        if secret.expose().is_empty() { s.serialize_str("") } else { s.collect_str(secret) }
    }
}

/// An address that may be left empty: TOML has no null.
pub mod optional_ip {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::net::IpAddr;

    pub fn serialize<S: Serializer>(ip: &Option<IpAddr>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&ip.map(|ip| ip.to_string()).unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<IpAddr>, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| D::Error::custom("expected an IP address or \"\""))
    }
}

/// An address, or `""` for none: TOML has no null.
pub mod optional_listen {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::net::SocketAddr;

    pub fn serialize<S: Serializer>(listen: &Option<SocketAddr>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&listen.map(|listen| listen.to_string()).unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| D::Error::custom("expected an IP address with a port, or \"\""))
    }
}
