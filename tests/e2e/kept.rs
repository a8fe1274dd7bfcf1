//! What a conference that was set up keeps over a server that is killed: its overlay and its pictures, until it is deleted.

use crate::server::Server;
use bytes::Bytes;
use meetingcast::{
    ipc::overlay::{PictureFile, PictureKind},
    worker::program::overlay::picture::decode,
};
use serde_json::{Value, json};
use std::path::Path;

const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='100'>\
    <rect width='200' height='100' fill='#ff0000'/></svg>";

/// What there was before.
pub struct Kept {
    room: String,
    overlay: Value,
    pictures: Value,
}

impl Kept {
    /// Puts a picture and an overlay, which are answered when they are stored.
    pub fn set(server: &Server, room: &str) -> Self {
        let room = format!("/v1/conferences/{room}");
        let url = format!("{}{room}/pictures/logo", server.base);
        let put = ureq::put(&url).header("content-type", "image/svg+xml").send(LOGO.as_bytes()).unwrap();
        assert_eq!(put.status(), 201);
        let patch = json!({
            "title": {"text": "Good evening"},
            "logo": {"picture": "logo", "corner": "top_left", "size": 0.5},
        });
        let done = server.ok("PATCH", &format!("{room}/cast/overlay"), Some(patch));
        assert!(done["program_pts_ms"].is_u64(), "{done}");
        let overlay = server.ok("GET", &format!("{room}/cast/overlay"), None);
        let pictures = server.ok("GET", &format!("{room}/pictures"), None);
        Self { room, overlay, pictures }
    }

    /// All of it is there, the next cast draws it, and nothing is left of it when the conference is deleted.
    pub fn is_there_again(&self, server: &Server, data: &Path) {
        let Self { room, overlay, pictures } = self;
        assert_eq!(server.ok("GET", &format!("{room}/cast/overlay"), None), *overlay);
        assert_eq!(server.ok("GET", &format!("{room}/pictures"), None), *pictures);
        let slate = json!({"source": {"slate": true}, "outputs": [{"type": "recording"}]});
        server.ok("POST", &format!("{room}/cast/start"), Some(slate));
        let url = format!("{}{room}/cast/snapshot.jpg", server.base);
        let still = ureq::get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
        let file = data.join("kept.jpg");
        std::fs::write(&file, &still).unwrap();
        crate::server::keep(&file);
        gst::init().unwrap();
        let still = decode(&PictureFile { kind: PictureKind::Jpeg, data: Bytes::from(still) }).unwrap();
        let [r, g, b, _] = still.at(still.width() / 8, still.height() / 8);
        assert!(r > 220 && g < 40 && b < 40, "{r} {g} {b}");
        let folder = data.join("pictures");
        assert_eq!(std::fs::read_dir(folder.join("room")).unwrap().count(), 1);
        server.ok("DELETE", room, None);
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    }
}
