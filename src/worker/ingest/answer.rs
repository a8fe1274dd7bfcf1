//! Our SDP answer as the publisher gets it.

use std::net::IpAddr;

/// Puts our public address into the host candidates of its own family (1:1 NAT: the ports are the same
/// outside). Other candidates stay as they are.
pub fn announce(answer: &str, public_ip: Option<IpAddr>) -> String {
    let Some(public_ip) = public_ip else { return answer.to_owned() };
    let mut lines = Vec::new();
    for line in answer.split_inclusive("\r\n") {
        let mut fields: Vec<&str> = line.trim_end().split(' ').collect();
        // candidate:foundation component transport priority address port typ host … (RFC 8839 §5.1)
        let host = fields.first().is_some_and(|field| field.starts_with("a=candidate:"))
            && fields.get(6..8) == Some(&["typ", "host"]);
        let same_family = fields
            .get(4)
            .and_then(|address| address.parse::<IpAddr>().ok())
            .is_some_and(|address| address.is_ipv4() == public_ip.is_ipv4());
        let public = public_ip.to_string();
        if host && same_family {
            fields[4] = &public;
            lines.push(fields.join(" ") + "\r\n");
        } else {
            lines.push(line.to_owned());
        }
    }
    // Two interfaces become the same announced address: a peer would only try it twice.
    lines.concat()
}

/// Says which H.264 profile and level we answered: webrtcbin 1.22 leaves it out, and an answer without it
/// means Baseline at level 1, a picture of 176x144 (RFC 6184 §8.1), to a sender who takes it at its word.
pub fn name_profile(answer: &str, offer: &str) -> String {
    const PROFILE: &str = "profile-level-id=";
    let format = |line: &str| line.strip_prefix("a=fmtp:")?.split(' ').next().map(str::to_owned);
    let mut lines = Vec::new();
    for line in answer.split_inclusive("\r\n") {
        let answered = line.trim_end();
        let profile = format(answered).filter(|_| !answered.contains(PROFILE)).and_then(|payload_type| {
            let offered = offer.lines().find(|line| format(line).as_ref() == Some(&payload_type))?;
            offered.split([' ', ';']).find(|parameter| parameter.starts_with(PROFILE))
        });
        lines.push(match profile {
            Some(profile) => format!("{answered};{profile}\r\n"),
            None => line.to_owned(),
        });
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_offered_one() {
        let offer = "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
            a=fmtp:111 minptime=10;useinbandfec=1\r\n";
        let answer = "a=fmtp:108 packetization-mode=1\r\na=fmtp:109 apt=108\r\na=fmtp:111 minptime=10\r\n";
        let named = answer.replace("mode=1\r\n", "mode=1;profile-level-id=42e01f\r\n");
        assert_eq!(name_profile(answer, offer), named);
        assert_eq!(name_profile(&named, offer), named, "nothing is said twice");
        assert_eq!(name_profile(answer, &offer.replace(";profile-level-id=42e01f", "")), answer);
    }

    const ANSWER: &str = "v=0\r\na=candidate:1 1 UDP 2015363327 10.0.0.5 40000 typ host\r\n\
        a=candidate:2 1 UDP 2015363327 fd00::1 40001 typ host\r\n\
        a=candidate:3 1 UDP 1677722111 198.51.100.7 40000 typ srflx raddr 10.0.0.5 rport 40000\r\n";

    #[test]
    fn only_host_candidates_of_the_family_are_announced_anew() {
        let announced = announce(ANSWER, Some("203.0.113.9".parse().unwrap()));
        assert!(announced.contains("a=candidate:1 1 UDP 2015363327 203.0.113.9 40000 typ host\r\n"));
        assert!(announced.contains(" fd00::1 40001 typ host\r\n"));
        assert!(announced.contains(" 198.51.100.7 40000 typ srflx raddr 10.0.0.5 "));
        assert_eq!(announce(ANSWER, None), ANSWER);
    }
}
