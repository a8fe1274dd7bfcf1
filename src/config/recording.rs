//! `recording.store`: where recordings are kept.

use super::RecordingConfig;
use std::path::PathBuf;

/// What `recording.store` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingStore {
    /// `recordings` in the data directory.
    DataDir,
    /// A folder.
    Folder(PathBuf),
    /// A bucket of an S3-compatible service; the prefix has no slash at either end.
    S3 { bucket: String, prefix: String },
}

impl RecordingStore {
    /// Reads the setting; `None` if it names nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::DataDir);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_end_matches('/');
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            // 3 to 63 characters: the service's own rule for the names of buckets.
            let good = (3..=63).contains(&bucket.len())
                && bucket.bytes().all(plain)
                && prefix.len() <= 512
                && prefix.split('/').all(|part| {
                    part.bytes().all(plain)
                        && part != "."
                        && part != ".."
                        && (!part.is_empty() || prefix.is_empty())
                });
            return good.then(|| Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        if text.starts_with("file:") {
            let path = url::Url::parse(text).ok()?.to_file_path().ok()?;
            return Some(Self::Folder(path));
        }
        let is_url = text.contains("://");
        (!is_url && !text.contains('\0')).then(|| Self::Folder(text.into()))
    }
}

impl RecordingConfig {
    /// What `store` names; the data directory's folder for what [`check`](super::check) refuses.
    pub fn place(&self) -> RecordingStore {
        RecordingStore::parse(&self.store).unwrap_or(RecordingStore::DataDir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_folders_or_buckets() {
        let s3 =
            |bucket: &str, prefix: &str| RecordingStore::S3 { bucket: bucket.into(), prefix: prefix.into() };
        for (text, store) in [
            ("", RecordingStore::DataDir),
            ("/var/recordings", RecordingStore::Folder("/var/recordings".into())),
            ("recordings", RecordingStore::Folder("recordings".into())),
            ("file:///var/my%20recordings", RecordingStore::Folder("/var/my recordings".into())),
            ("s3://bucket", s3("bucket", "")),
            ("s3://bucket/", s3("bucket", "")),
            ("s3://bucket/a/b/", s3("bucket", "a/b")),
        ] {
            assert_eq!(RecordingStore::parse(text), Some(store), "{text}");
        }
        for text in [
            "s3://",
            "s3://a",
            "s3://bucket//x",
            "s3://buc ket",
            "s3://bucket/../x",
            "gs://bucket",
            "file://host/x",
        ] {
            assert_eq!(RecordingStore::parse(text), None, "{text}");
        }
    }
}
