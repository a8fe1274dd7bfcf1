//! What `doctor` asks for is what the pipelines use, what `make setup` installs, and what there is.

use meetingcast::doctor;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The elements that begin the lines of every launch text.
fn elements_of_pipelines() -> BTreeSet<(String, String)> {
    let mut elements = BTreeSet::new();
    for entry in fs::read_dir(root().join("pipelines")).unwrap() {
        let path = entry.unwrap().path();
        let file: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for line in file["launch"].as_str().unwrap().lines() {
            let first =
                line.trim_start_matches(['!', ' ', '(']).split_ascii_whitespace().next().unwrap_or_default();
            let is_element = first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if is_element && !first.is_empty() {
                elements.insert((first.to_owned(), path.display().to_string()));
            }
        }
    }
    elements
}

#[test]
fn every_element_of_every_pipeline_is_asked_for() {
    let elements = elements_of_pipelines();
    assert!(elements.len() > 10, "{elements:?}");
    for (element, file) in elements {
        let hardware = doctor::HARDWARE_ENCODERS.contains(&&*element);
        assert!(
            hardware || doctor::required().iter().any(|requirement| requirement.element == element),
            "doctor does not know {element} of {file}"
        );
    }
}

#[test]
fn every_package_is_one_that_setup_installs() {
    let output = Command::new(root().join("scripts/setup.sh")).args(["--list", "run"]).output().unwrap();
    assert!(output.status.success());
    let list = String::from_utf8(output.stdout).unwrap();
    let installed: BTreeSet<&str> = list.lines().collect();
    for requirement in doctor::required() {
        // The library itself comes with whatever links it.
        let brought = requirement.package == "libgstreamer1.0-0" || installed.contains(requirement.package);
        assert!(brought, "{requirement:?} is not among {installed:?}");
    }
}

#[test]
fn every_element_is_on_this_machine_after_setup() {
    gst::init().unwrap();
    for requirement in doctor::required() {
        let factory = gst::ElementFactory::find(requirement.element);
        assert!(factory.is_some(), "{} is missing: {}", requirement.element, requirement.package);
    }
}
