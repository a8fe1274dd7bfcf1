//! Trickled ICE candidates: `application/trickle-ice-sdpfrag` (RFC 8840), the body of a WHIP `PATCH`.

use crate::{
    control::offer::{MAX_CANDIDATES, candidate, text, transport},
    ipc::Candidate,
    redacted::Redacted,
};

/// The media type of a fragment.
pub const CONTENT_TYPE: &str = "application/trickle-ice-sdpfrag";

/// What a fragment says.
#[derive(Debug, Clone, PartialEq)]
pub struct TrickleFragment {
    /// The ICE generation that the candidates belong to. Another than the offer's asks for an ICE
    /// restart, which webrtcbin cannot do (RFC 9725 §4.3.3: answer 422).
    pub ufrag: Option<String>,
    /// Of the same generation.
    pub pwd: Option<Redacted<String>>,
    /// The useful ones, written anew and each once, all for m-line 0: a session has one transport, and
    /// it is there (see `control::offer`, rule 3), whatever m-section a candidate stood in.
    pub candidates: Vec<Candidate>,
    /// No candidate follows.
    pub end_of_candidates: bool,
}

/// Why a fragment was refused; the sentence is shown to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TrickleError(String);

/// Reads a fragment. Lines that we know nothing of are passed over (RFC 8840 §9).
///
/// # Errors
/// [`TrickleError`] when it is too big, not of the form of a fragment, or holds more than
/// [`MAX_CANDIDATES`] candidates.
pub fn parse(fragment: &str) -> Result<TrickleFragment, TrickleError> {
    text::check(fragment, "the fragment").map_err(TrickleError)?;
    let mut ufrag = None;
    let mut pwd = None;
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut seen = 0;
    let mut end_of_candidates = false;
    for (index, line) in fragment.lines().enumerate() {
        if line.is_empty() {
            continue;
        }
        let Some(attribute) = attribute_of(line) else {
            return Err(TrickleError(format!("line {} is not of the form \"a=…\" or \"m=…\"", index + 1)));
        };
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "ice-ufrag" => keep_one(&mut ufrag, value, transport::check_ufrag)?,
            "ice-pwd" => keep_one(&mut pwd, value, transport::check_password)?,
            "end-of-candidates" => end_of_candidates = true,
            "candidate" => {
                seen += 1;
                if seen > MAX_CANDIDATES {
                    return Err(TrickleError(format!(
                        "there are more than {MAX_CANDIDATES} candidates in one fragment"
                    )));
                }
                if let Some(candidate) = candidate::normalise(attribute).map_err(TrickleError)? {
                    let candidate = Candidate { mline: 0, candidate };
                    if !candidates.contains(&candidate) {
                        candidates.push(candidate);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(TrickleFragment { ufrag, pwd: pwd.map(Redacted::new), candidates, end_of_candidates })
}

/// What stands after `a=`; empty for an m-line.
fn attribute_of(line: &str) -> Option<&str> {
    line.strip_prefix("a=").or_else(|| line.starts_with("m=").then_some(""))
}

/// Credentials may stand in every m-section, and must be the same then.
fn keep_one(
    kept: &mut Option<String>,
    value: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<(), TrickleError> {
    check(value).map_err(TrickleError)?;
    match kept {
        Some(earlier) if earlier != value => Err(TrickleError(
            "the ICE credentials differ within the fragment; one session has one transport".into(),
        )),
        _ => {
            *kept = Some(value.to_owned());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The form of RFC 9725 §4.3.2.
    const FRAGMENT: &str = "a=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        a=mid:0\r\n\
        a=ice-ufrag:EsAw\r\n\
        a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2\r\n\
        a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn a_fragment_of_the_rfc_is_read() {
        let fragment = parse(FRAGMENT).unwrap();
        assert_eq!(fragment.ufrag.as_deref(), Some("EsAw"));
        assert_eq!(fragment.pwd.unwrap().expose(), "P2uYro0UCOQ4zxjKXaWCBui1");
        assert!(fragment.end_of_candidates);
        let candidates: Vec<_> =
            fragment.candidates.iter().map(|c| (c.mline, c.candidate.as_str())).collect();
        assert_eq!(
            candidates,
            [
                (0, "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host"),
                (0, "candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host"),
            ]
        );
    }

    #[test]
    fn candidates_of_every_m_section_are_for_the_one_transport_and_not_doubled() {
        let candidate = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n";
        let fragment =
            parse(&format!("m=audio 9 x 0\na=mid:0\n{candidate}m=video 9 x 0\na=mid:1\n{candidate}"));
        assert_eq!(fragment.unwrap().candidates.len(), 1);
    }

    #[test]
    fn what_is_not_a_fragment_is_refused_with_a_sentence() {
        let many = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n".repeat(MAX_CANDIDATES + 1);
        for (text, sentence) in [
            ("", "the fragment is empty"),
            ("{\"candidate\":\"\"}", "line 1 is not of the form"),
            ("a=mid:0\0", "control character"),
            ("a=ice-ufrag:abc", "a=ice-ufrag must be 4 to 256"),
            ("a=ice-pwd:short", "a=ice-pwd must be 22 to 256"),
            ("a=ice-ufrag:abcd\na=ice-ufrag:abce", "credentials differ"),
            ("a=candidate:nonsense", "a candidate must have the form"),
            (&many, "more than 64 candidates"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(sentence), "{text:.40}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let text = format!("{:?}", parse(FRAGMENT).unwrap());
        assert!(!text.contains("P2uYro0UCOQ4zxjKXaWCBui1"), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_truncated_fragment_makes_it_panic(length in 0..FRAGMENT.len()) {
            let _ = parse(&FRAGMENT[..length]);
        }
    }
}
