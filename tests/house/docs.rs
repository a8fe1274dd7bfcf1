//! The documents say what is so.

use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The paths of README's directory table, without the slash at the end.
fn directories_in_readme() -> BTreeSet<String> {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("/]("));
    let directories: BTreeSet<String> = rows.map(|(directory, _)| directory.to_owned()).collect();
    assert!(directories.len() > 5, "the table was not found: {directories:?}");
    directories
}

#[test]
fn readme_names_directories_that_exist() {
    for directory in directories_in_readme() {
        assert!(root().join(&directory).is_dir(), "README names {directory}/, which does not exist");
    }
}

#[test]
fn readme_names_every_top_level_directory() {
    let named: BTreeSet<String> = directories_in_readme()
        .iter()
        .map(|path| path.split('/').next().unwrap_or_default().to_owned())
        .collect();
    let ignored = read(".gitignore");
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_ignored = ignored.lines().any(|line| line.trim_matches('/') == name);
        if entry.file_type().unwrap().is_dir() && !name.starts_with('.') && !is_ignored {
            assert!(named.contains(&name), "README does not name {name}/");
        }
    }
}

/// The calls of the API that are promised to clients, as far as README may use them.
const ROUTES: [(&str, &str); 13] = [
    ("GET", "/v1/conferences"),
    ("PUT", "/v1/conferences/{c}"),
    ("GET", "/v1/conferences/{c}"),
    ("POST", "/v1/conferences/{c}/whip"),
    ("GET", "/v1/conferences/{c}/cast"),
    ("POST", "/v1/conferences/{c}/cast/start"),
    ("POST", "/v1/conferences/{c}/cast/switch"),
    ("POST", "/v1/conferences/{c}/cast/stop"),
    ("POST", "/v1/conferences/{c}/cast/outputs"),
    ("POST", "/v1/conferences/{c}/cast/cues"),
    ("POST", "/v1/conferences/{c}/cast/cues/next"),
    ("PATCH", "/v1/conferences/{c}/cast/overlay"),
    ("PUT", "/v1/conferences/{c}/pictures/{picture}"),
];

const BASE: &str = "http://127.0.0.1:8080";

fn is_route(method: &str, path: &str) -> bool {
    let path: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
    ROUTES.iter().any(|(allowed, pattern)| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        *allowed == method
            && pattern.len() == path.len()
            && pattern.iter().zip(&path).all(|(p, q)| p.starts_with('{') || p == q)
    })
}

#[test]
fn readmes_curl_commands_hit_promised_routes_with_json_bodies() {
    let readme = read("README.md").replace("\\\n", " ");
    let commands: Vec<&str> = readme.lines().filter(|line| line.starts_with("curl ")).collect();
    let mut paths = BTreeSet::new();
    for command in &commands {
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        let method = words.iter().position(|word| *word == "-X").map_or("GET", |at| words[at + 1]);
        let url =
            words.iter().find_map(|word| word.strip_prefix(BASE)).unwrap_or_else(|| panic!("{command}"));
        assert!(is_route(method, url), "{method} {url} is no route: {command}");
        paths.insert(url);
        if let Some((_, body)) = command.split_once("-d '") {
            let body = body.strip_suffix('\'').unwrap_or_else(|| panic!("{command}"));
            serde_json::from_str::<serde_json::Value>(body)
                .unwrap_or_else(|error| panic!("{error}: {command}"));
        }
    }
    for step in ["start", "switch", "stop"] {
        assert!(paths.iter().any(|path| path.ends_with(step)), "the session has no {step}");
    }
}

#[test]
fn readmes_make_targets_exist() {
    let makefile = read("Makefile");
    let readme = read("README.md");
    let mut seen = 0;
    for line in readme.lines().filter_map(|line| line.strip_prefix("make ")) {
        let target = line.split_ascii_whitespace().next().unwrap_or_default();
        assert!(makefile.contains(&format!("\n{target}:")), "there is no make {target}");
        seen += 1;
    }
    assert!(seen >= 2);
}

/// Every relative link of every document leads to a file.
#[test]
fn links_lead_somewhere() {
    let mut documents: Vec<_> =
        ["README.md", "CHANGELOG.md", "docs/ARCHITECTURE.md"].map(|path| root().join(path)).into();
    documents.extend(fs::read_dir(root().join("docs/adr")).unwrap().map(|entry| entry.unwrap().path()));
    let mut links = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if !target.starts_with("https:") {
                let path = document.parent().unwrap().join(target);
                assert!(path.exists(), "{} links to {target}, which does not exist", document.display());
                links += 1;
            }
        }
    }
    assert!(links > 10);
}

/// A dependency without a reason, or a reason without a dependency.
#[test]
fn the_decision_on_dependencies_names_them_all() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let decision = read("docs/adr/003-dependencies.md");
    for section in ["dependencies", "dev-dependencies"] {
        for (name, value) in manifest[section].as_table().unwrap() {
            let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
            let short = name.strip_prefix("gstreamer").filter(|rest| !rest.is_empty()).unwrap_or(name);
            assert!(
                decision.contains(&format!("`{short}`")),
                "docs/adr/003-dependencies.md does not name {name}"
            );
        }
    }
}

/// A sample that no test runs, a test of none, or a list that knows nothing of either.
#[test]
fn the_list_of_the_seeds_samples_is_what_is_run() {
    // S0, S2-cast, … in quotes of either kind.
    let names = |text: &str, quotes: char| -> BTreeSet<String> {
        let quoted = text.split(quotes).skip(1).step_by(2);
        let sample = |name: &&str| {
            let mut letters = name.chars();
            letters.next() == Some('S')
                && letters.next().is_some_and(|digit| digit.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        quoted.filter(sample).map(str::to_owned).collect()
    };
    let listed = names(&read("docs/seeds.md"), '`');
    let run = names(&read("tests/e2e/seeds_in_chromium.rs"), '"');
    assert_eq!(listed, run);
    assert!(listed.len() > 10, "{listed:?}");
}
