//! The API's routes and, from the same list, their description: `/openapi.json` and `/docs`.

use super::{
    cast, conferences, cues, events, health, layouts, media, metrics, overlay, pages, participants, pictures,
    recordings, sessions, signal, snapshot, state::AppState, webhooks, whep, whip, wire,
};
use axum::{
    Extension,
    http::{HeaderName, header},
    response::Html,
};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        {OpenApi as Document, SecurityRequirement},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "MeetingCast",
        description = "Takes a conference's WebRTC media in, makes one switchable program of it, and sends it \
                       out by RTMP and HLS. Errors are `application/problem+json`; programs decide by `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(wire::source::SourceJson)),
    tags(
        (name = "conferences"), (name = "participants"), (name = "whip", description = "WebRTC in (RFC 9725)"),
        (name = "cast", description = "The program and where it goes"), (name = "whep", description = "WebRTC out"),
        (name = "recordings", description = "Programs as files"),
        (name = "signal"), (name = "events", description = "What happens, to webhooks and readers"), (name = "health"), (name = "pages")
    ),
    modifiers(&Bearer)
)]
struct Api;

/// `Authorization: Bearer …`, which open mode does without.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        document.security = Some(vec![
            SecurityRequirement::new::<_, [&str; 0], &str>("token", []),
            SecurityRequirement::default(),
        ]);
    }
}

/// Every route of the API with its description.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(conferences::list))
        .routes(routes!(conferences::put, conferences::get, conferences::delete))
        .routes(routes!(participants::list))
        .routes(routes!(participants::get, participants::patch, participants::remove))
        .routes(routes!(whip::publish, whip::nothing, whip::options))
        .routes(routes!(sessions::trickle, sessions::hang_up, sessions::nothing, sessions::options))
        .routes(routes!(cast::get))
        .routes(routes!(cast::start))
        .routes(routes!(cast::switch))
        .routes(routes!(cast::stop))
        .routes(routes!(cues::put, cues::get, cues::clear))
        .routes(routes!(cues::next))
        .routes(routes!(cues::go))
        .routes(routes!(cast::add_output))
        .routes(routes!(cast::remove_output))
        .routes(routes!(layouts::list))
        .routes(routes!(overlay::get, overlay::patch))
        .routes(routes!(pictures::list))
        .routes(routes!(pictures::put, pictures::delete))
        .routes(routes!(media::list))
        .routes(routes!(media::control))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::get, recordings::delete))
        .routes(routes!(recordings::download))
        .routes(routes!(recordings::playlist))
        .routes(routes!(snapshot::snapshot))
        .routes(routes!(whep::subscribe, whep::nothing, whep::options))
        .routes(routes!(whep::subscribe_to_program, whep::program_nothing, whep::program_options))
        .routes(routes!(signal::signal))
        .routes(routes!(events::read))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::test))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::render))
        .routes(routes!(json))
        .routes(routes!(page))
        .routes(routes!(pages::studio))
        .routes(routes!(pages::watch))
        .routes(routes!(pages::call))
        .routes(routes!(pages::sdk))
        .routes(routes!(pages::asset))
}

/// The description, made once.
#[derive(Debug, Clone)]
pub struct Description(Bytes);

impl Description {
    /// From the routes' document.
    pub fn new(document: &Document) -> Self {
        // A document that cannot be written is caught by the test that reads it.
        Self(document.to_pretty_json().unwrap_or_default().into())
    }
}

/// This description, OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "pages", operation_id = "openapi",
    responses((status = 200, content_type = "application/json")))]
async fn json(
    Extension(Description(text)): Extension<Description>,
) -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// This description as a page.
#[utoipa::path(get, path = "/docs", tag = "pages", operation_id = "docs",
    responses((status = 200, content_type = "text/html")))]
async fn page() -> ([(HeaderName, &'static str); 1], Html<&'static str>) {
    // The page reads one file of this server and nothing else.
    const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; \
                          style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("docs.html")))
}
