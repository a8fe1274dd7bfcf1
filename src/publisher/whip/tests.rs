use super::*;
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{delete, post},
};
use std::sync::{Arc, Mutex};

/// Serves `app` on a free port of the loopback.
async fn serve(app: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.unwrap()
}

fn bearer(headers: &HeaderMap) -> String {
    headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_session_is_offered_asked_for_and_ended_with_the_token() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (posts, gets, deletes) = (log.clone(), log.clone(), log.clone());
    let app = Router::new()
        .route("/old", post(|| async { (StatusCode::TEMPORARY_REDIRECT, [("location", "/v1/whip?p=a")]) }))
        .route(
            "/v1/whip",
            post(move |headers: HeaderMap, body: String| async move {
                posts.lock().unwrap().push(format!(
                    "POST {} {} {body}",
                    bearer(&headers),
                    headers["content-type"].to_str().unwrap()
                ));
                (StatusCode::CREATED, [("location", "../v1/sessions/7")], "v=0\r\nanswer")
            }),
        )
        .route(
            "/v1/sessions/7",
            delete(move |headers: HeaderMap| async move {
                deletes.lock().unwrap().push(format!("DELETE {}", bearer(&headers)));
            })
            .get(move |headers: HeaderMap| async move {
                gets.lock().unwrap().push(format!("GET {}", bearer(&headers)));
                StatusCode::NO_CONTENT
            }),
        );
    let endpoint = serve(app).await.join("old").unwrap();
    blocking(move || {
        let token = Some(Redacted::new("secret".to_owned()));
        let (session, answer) = offer(&endpoint, token, "v=0\r\noffer").unwrap();
        assert_eq!(answer, "v=0\r\nanswer");
        assert_eq!(session.resource.path(), "/v1/sessions/7");
        assert_eq!(session.is_known(), Some(true));
        session.end().unwrap();
    })
    .await;
    let log = log.lock().unwrap();
    assert_eq!(
        *log,
        ["POST Bearer secret application/sdp v=0\r\noffer", "GET Bearer secret", "DELETE Bearer secret"]
    );
}

#[tokio::test]
async fn refusals_are_sentences_and_say_whether_to_ask_again() {
    let problem =
        |status: StatusCode, body: &'static str| post(move || async move { (status, body).into_response() });
    let app = Router::new()
        .route(
            "/401",
            problem(StatusCode::UNAUTHORIZED, r#"{"code":"token_missing","detail":"Send a token."}"#),
        )
        .route("/503", problem(StatusCode::SERVICE_UNAVAILABLE, "busy\u{7}"))
        .route("/nowhere", problem(StatusCode::CREATED, "v=0"))
        .route("/loop", post(|| async { (StatusCode::PERMANENT_REDIRECT, [("location", "/loop")]) }))
        .route("/html", post(|| async { (StatusCode::CREATED, [("location", "/s")], "<html>") }));
    let base = serve(app).await;
    let errors = blocking(move || {
        ["401", "503", "nowhere", "loop", "html"]
            .map(|path| offer(&base.join(path).unwrap(), None, "v=0").unwrap_err())
    })
    .await;
    let texts = errors.each_ref().map(ToString::to_string);
    assert_eq!(texts[0], "the WHIP endpoint refused the offer with 401: token_missing: Send a token.");
    assert_eq!(texts[1], "the WHIP endpoint refused the offer with 503: busy");
    assert_eq!(texts[2], "the WHIP endpoint's answer has no usable Location header");
    assert_eq!(texts[3], "the WHIP endpoint's answer has too many redirects");
    assert_eq!(texts[4], "the WHIP endpoint's answer has no SDP in its body");
    assert_eq!(errors.each_ref().map(WhipError::is_final), [true, false, false, false, false]);
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect_to_another_origin() {
    let seen = Arc::new(Mutex::new(String::new()));
    let there = seen.clone();
    let other = serve(Router::new().route(
        "/",
        post(move |headers: HeaderMap| async move {
            *there.lock().unwrap() = format!("[{}]", bearer(&headers));
            StatusCode::FORBIDDEN
        }),
    ))
    .await;
    let endpoint = serve(Router::new().route(
        "/",
        post(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", other.to_string())]) }),
    ))
    .await;
    blocking(move || offer(&endpoint, Some(Redacted::new("secret".to_owned())), "v=0").map(|_| ()))
        .await
        .unwrap_err();
    assert_eq!(*seen.lock().unwrap(), "[]");
}
