//! User name and password in the URL: what a server that wants them gets to read.

use crate::{
    push::{Encoder, Push, patient},
    rogue::{Pen, Rogue, Then},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use md5::{Digest, Md5};
use meetingcast::egress::{output::OutputState, rtmp::amf0::Value};

fn url(rogue: &Rogue, who: &str) -> String {
    format!("rtmp://{who}{}/live/s3cretkey", rogue.address)
}

/// The application a connection asked for.
fn app(rogue: &Rogue, connection: usize) -> String {
    let connect = &rogue.commands(connection)[0];
    assert_eq!(connect[0], Value::string("connect"));
    connect[2].get("app").and_then(Value::as_str).unwrap().to_owned()
}

fn parameter(app: &str, name: &str) -> String {
    let query = app.split_once('?').unwrap().1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("{name} is not in {app}")).to_owned()
}

fn md5(text: &str) -> [u8; 16] {
    Md5::digest(text).into()
}

fn hex(text: &str) -> String {
    md5(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that asks by `scheme` with `challenge` and takes the third connection.
async fn asking(scheme: &'static str, challenge: &'static str) -> Rogue {
    let need = format!("[ AccessManager.Reject ] : [ code=403 need auth; authmod={scheme} ] : ");
    let prove =
        format!("[ AccessManager.Reject ] : [ authmod={scheme} ] : ?reason=needauth&user=joe&{challenge}");
    Rogue::start(move |number| match number {
        0 => Pen::new().refused(&need).script(Then::Read),
        1 => Pen::new().refused(&prove).script(Then::Read),
        _ => Pen::new().published().script(Then::Read),
    })
    .await
}

#[tokio::test]
async fn adobe_authentication() {
    let rogue = asking("adobe", "salt=5alt==&challenge=ch4l&opaque=0paque==").await;
    let mut push = Push::to(&url(&rogue, "joe:p%40ss@"), patient());
    let _encoder = Encoder::start(&mut push);
    push.live().await;
    assert_eq!(push.publisher.status().retries, 0, "being asked is no failure");
    assert_eq!(app(&rogue, 0), "live");
    assert_eq!(app(&rogue, 1), "live?authmod=adobe&user=joe");
    let third = app(&rogue, 2);
    let ours = parameter(&third, "challenge");
    let secret = BASE64.encode(md5("joe5alt==p@ss"));
    let response = BASE64.encode(md5(&format!("{secret}0paque=={ours}")));
    assert_eq!(
        third,
        format!("live?authmod=adobe&user=joe&challenge={ours}&response={response}&opaque=0paque==")
    );
    push.publisher.stop().await;
}

#[tokio::test]
async fn llnw_authentication() {
    let rogue = asking("llnw", "nonce=n0nce").await;
    let mut push = Push::to(&url(&rogue, "joe:pass@"), patient());
    let _encoder = Encoder::start(&mut push);
    push.live().await;
    assert_eq!(app(&rogue, 1), "live?authmod=llnw&user=joe");
    let third = app(&rogue, 2);
    let ours = parameter(&third, "cnonce");
    let (who, what) = (hex("joe:live:pass"), hex("publish:/live/_definst_"));
    let response = hex(&format!("{who}:n0nce:00000001:{ours}:auth:{what}"));
    assert_eq!(parameter(&third, "nonce"), "n0nce");
    assert_eq!(parameter(&third, "response"), response);
    push.publisher.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_final_and_not_shown() {
    let rogue = Rogue::start(|number| {
        let text = match number {
            0 => "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
            1 => {
                "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=joe&salt=a&challenge=b"
            }
            _ => "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed&opaque=hush",
        };
        Pen::new().refused(text).script(Then::Read)
    })
    .await;
    let mut push = Push::to(&url(&rogue, "joe:hush@"), patient());
    let status = push.until(|status| status.state == OutputState::Failed).await;
    assert_eq!(
        status.last_error.as_deref(),
        Some("the server does not accept the user name and the password of the URL")
    );
    assert_eq!(rogue.connections(), 3);
}

#[tokio::test]
async fn a_server_that_asks_for_ever_is_left() {
    let text = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ";
    let rogue = Rogue::start(move |_| Pen::new().refused(text).script(Then::Read)).await;
    let mut push = Push::to(&url(&rogue, "joe:pass@"), patient());
    push.until(|status| status.state == OutputState::Failed).await;
    assert_eq!(rogue.connections(), 3);
}

#[tokio::test]
async fn a_url_without_a_password_says_what_is_missing() {
    let rogue = asking("adobe", "salt=a&challenge=b").await;
    let mut push = Push::to(&url(&rogue, ""), patient());
    let error = push.until(|status| status.state == OutputState::Failed).await.last_error.unwrap();
    assert!(error.starts_with("the server wants a user name and a password"), "{error}");
    assert_eq!(rogue.connections(), 1);
}
