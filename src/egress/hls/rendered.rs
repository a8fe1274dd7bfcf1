//! A playlist as it is sent: made once for all who ask.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::{
    io::Write,
    sync::{Arc, OnceLock},
};

/// A playlist's text, ready to be sent as it is. Cheap to clone; all clones share the compressed form, which
/// is made when the first client wants it.
#[derive(Debug, Clone)]
pub struct RenderedPlaylist {
    pub plain: Bytes,
    /// Changes with the text; without quotes.
    pub tag: String,
    gzip: Arc<OnceLock<Bytes>>,
}

impl RenderedPlaylist {
    /// `text` under a tag that no other text has had.
    pub fn new(text: String, tag: String) -> Self {
        Self { plain: text.into(), tag, gzip: Arc::default() }
    }

    /// The compressed text. The first call makes it, at some milliseconds a megabyte.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.plain)).clone()
    }
}

impl PartialEq for RenderedPlaylist {
    fn eq(&self, other: &Self) -> bool {
        (&self.plain, &self.tag) == (&other.plain, &other.tag)
    }
}

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a Vec cannot fail; an empty result would only be served to no one.
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}
