//! ICE candidates (RFC 8839 §5.1), as far as we want to have them.

use std::net::IpAddr;

/// Checks one `candidate:…` and writes it anew with the fields that ICE needs.
///
/// `Ok(None)` is a good candidate that is of no use to us, and is left out:
/// - another component than RTP: with rtcp-mux there is one;
/// - another transport than UDP. Browsers' TCP candidates are active ones without a port, and for a
///   passive one the worker would open TCP connections wherever a stranger points it;
/// - a name instead of an address. Browsers hide theirs behind mDNS names that cannot be resolved from
///   here, and the peer is found by its own checks all the same (peer-reflexive);
/// - an address or port that nobody can be reached at.
///
/// # Errors
/// A sentence, when it is not of the form of a candidate.
pub fn normalise(text: &str) -> Result<Option<String>, String> {
    const FORM: &str = "a candidate must have the form \"candidate:<foundation> <component> udp <priority> \
                        <address> <port> typ host|srflx|prflx|relay\"";
    let Some(rest) = text.strip_prefix("candidate:") else {
        return Err(FORM.to_owned());
    };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [foundation, component, transport, priority, address, port, "typ", kind, ..] = fields[..] else {
        return Err(FORM.to_owned());
    };
    let foundation_is_good = (1..=32).contains(&foundation.len()) && foundation.bytes().all(is_ice_char);
    let Some(component) = number::<u16>(component) else { return Err(FORM.to_owned()) };
    // RFC 8445 §5.1.2: a positive number below 2^31.
    let Some(priority) = number::<u32>(priority).filter(|p| (1..=0x7fff_ffff).contains(p)) else {
        return Err("a candidate's priority must be a number from 1 to 2147483647".to_owned());
    };
    let Some(port) = number::<u16>(port) else {
        return Err("a candidate's port must be a number from 0 to 65535".to_owned());
    };
    if !foundation_is_good || !(1..=256).contains(&component) {
        return Err(FORM.to_owned());
    }
    let known = ["host", "srflx", "prflx", "relay"].contains(&kind);
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(None) };
    if component != 1
        || !transport.eq_ignore_ascii_case("udp")
        || !known
        || port == 0
        || !is_reachable(address)
    {
        return Ok(None);
    }
    Ok(Some(format!("candidate:{foundation} 1 udp {priority} {address} {port} typ {kind}")))
}

/// `ice-char` of RFC 8839 §5.1.
pub(super) const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn is_reachable(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

/// Digits only: no sign, no blank.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn useful_candidates_are_written_anew() {
        let cases = [
            (
                "candidate:4179943097 1 UDP 2113942271 192.0.2.1 55459 typ host generation 0 network-cost 999",
                "candidate:4179943097 1 udp 2113942271 192.0.2.1 55459 typ host",
            ),
            (
                "candidate:5 1 UDP 1677722111 198.51.100.7 47104 typ srflx raddr 192.0.2.20 rport 47104",
                "candidate:5 1 udp 1677722111 198.51.100.7 47104 typ srflx",
            ),
            (
                "candidate:4 1 udp 2015363583 FE80::5054:00ff:fe12:3456 38229 typ host",
                "candidate:4 1 udp 2015363583 fe80::5054:ff:fe12:3456 38229 typ host",
            ),
        ];
        for (text, written) in cases {
            assert_eq!(normalise(text), Ok(Some(written.to_owned())));
        }
    }

    #[test]
    fn useless_candidates_are_left_out() {
        for text in [
            "candidate:1 1 udp 2113937151 97456197-43b0-4e9d-9080-c7ffad2daa4f.local 37573 typ host",
            "candidate:1 1 udp 2113937151 turn.example.com 37573 typ relay",
            "candidate:1 2 udp 2113937151 192.0.2.1 37573 typ host",
            "candidate:1 1 tcp 2113937151 192.0.2.1 9 typ host tcptype active",
            "candidate:1 1 tcp 2113937151 192.0.2.1 22 typ host tcptype passive",
            "candidate:1 1 udp 2113937151 192.0.2.1 0 typ host",
            "candidate:1 1 udp 2113937151 0.0.0.0 37573 typ host",
            "candidate:1 1 udp 2113937151 224.0.0.1 37573 typ host",
            "candidate:1 1 udp 2113937151 255.255.255.255 37573 typ host",
            "candidate:1 1 udp 2113937151 fe80::1%eth0 37573 typ host",
            "candidate:1 1 udp 2113937151 192.0.2.1 37573 typ quantum",
        ] {
            assert_eq!(normalise(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn malformed_candidates_are_refused() {
        for text in [
            "",
            "candidate:",
            "candidate:1 1 udp",
            "candidate:1 1 udp 1 192.0.2.1 5000 host",
            "candidate:1 0 udp 1 192.0.2.1 5000 typ host",
            "candidate:1 257 udp 1 192.0.2.1 5000 typ host",
            "candidate:1 1 udp 0 192.0.2.1 5000 typ host",
            "candidate:1 1 udp 2147483648 192.0.2.1 5000 typ host",
            "candidate:1 1 udp +1 192.0.2.1 5000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
            "candidate:a:b 1 udp 1 192.0.2.1 5000 typ host",
            "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host",
            "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host",
        ] {
            assert!(normalise(text).is_err(), "{text}");
        }
    }
}
