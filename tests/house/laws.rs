//! `scripts/check-laws.sh` passes here, and fails where a law is broken.

use std::{fs, path::Path, process::Command};

fn check(root: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-laws.sh");
    let output = Command::new(script).arg(root).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// A tree that keeps the laws, with one file more.
fn tree_with(path: &str, content: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("src/lib.rs", "#![forbid(unsafe_code)]\n");
    write("src/worker/ingest.rs", "use gst::prelude::*;\n");
    write("src/publisher.rs", "fn f() { gst::init() }\n");
    write(path, content);
    dir
}

#[test]
fn this_repository_keeps_the_laws() {
    let (kept, breaches) = check(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(kept, "{breaches}");
}

#[test]
fn each_breach_is_found_and_named() {
    assert!(check(tree_with("src/control.rs", "//! Knows no gst.\n").path()).0);
    for (path, content, named) in [
        ("src/control.rs", "use gst_app as app;\n", "src/control.rs:1"),
        ("src/egress/hls.rs", "fn f() -> gst::Clock { g() }\n", "src/egress/hls.rs:1"),
        ("src/workers.rs", "use gst::prelude::*;\n", "src/workers.rs:1"),
        ("src/control/utils/a.rs", "", "./src/control/utils"),
        ("web/common/a.ts", "", "./web/common"),
        ("src/control/mod.rs", "", "src/control/mod.rs"),
        ("src/lib.rs", "#![deny(unsafe_code)]\n", "src/lib.rs"),
    ] {
        let (kept, breaches) = check(tree_with(path, content).path());
        assert!(!kept && breaches.contains(named), "{path}: {breaches}");
    }
}
