//! Offers and answers over HTTP, whole or without their candidates.

use crate::server::Server;
use std::{collections::BTreeSet, time::Duration};

/// A request with a body that is not JSON: status, headers, text.
pub fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, ureq::http::HeaderMap, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .build()
        .into();
    let url = if path.starts_with('/') { format!("{}{path}", server.base) } else { path.to_owned() };
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body).unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), response.headers().clone(), text)
}

/// The same SDP for somebody who trickles.
pub fn without_candidates(sdp: &str) -> String {
    sdp.split_inclusive("\r\n")
        .filter(|line| !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates"))
        .collect()
}

/// The fragment that trickles an offer's candidates.
pub fn fragment(offer: &str) -> String {
    let of_offer = |start: &str| offer.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let mut fragment = format!("{}\r\n{}\r\n", of_offer("a=ice-ufrag:"), of_offer("a=ice-pwd:"));
    fragment += &format!("{}\r\n{}\r\n", of_offer("m="), of_offer("a=mid:"));
    for line in offer.lines().filter(|line| line.starts_with("a=candidate:")).collect::<BTreeSet<_>>() {
        fragment += &format!("{line}\r\n");
    }
    fragment + "a=end-of-candidates\r\n"
}
