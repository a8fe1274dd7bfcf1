//! The files of `web/dist` that are served, by the names they are asked for.

/// A file of the binary.
pub struct File {
    /// Below `web/dist`.
    pub name: &'static str,
    /// Its content type.
    pub kind: &'static str,
    pub content: &'static [u8],
}

pub const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! files {
    ($($kind:ident $name:literal),* $(,)?) => {
        &[$(File { name: $name, kind: $kind, content: include_bytes!(concat!("../../../../web/dist/", $name)) }),*]
    };
}

/// A test holds this against the folder.
pub const FILES: &[File] = files![
    HTML "index.html",
    HTML "watch.html",
    HTML "call.html",
    SCRIPT "sdk/meetingcast.js",
    SCRIPT "sdk/wilddog.js",
    SCRIPT "sdk/leancloud.js",
    SCRIPT "sdk/cube.js",
    SCRIPT "assets/call.js",
    SCRIPT "assets/element.js",
    SCRIPT "assets/index.js",
    SCRIPT "assets/notice.js",
    SCRIPT "assets/player.js",
    SCRIPT "assets/watch.js",
    STYLE "assets/element.css",
    PICTURE "assets/icon.svg",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn every_built_file_is_served() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
        let mut built = BTreeSet::new();
        for folder in ["", "sdk/", "assets/"] {
            for entry in fs::read_dir(dist.join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    built.insert(format!("{folder}{}", entry.file_name().into_string().unwrap()));
                }
            }
        }
        assert_eq!(built, FILES.iter().map(|file| file.name.to_owned()).collect());
    }
}
