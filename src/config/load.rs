//! Reading the configuration: defaults, then the file, then the environment.

use super::Config;
use figment::{
    Figment,
    error::{Actual, Kind},
    providers::{Env, Format, Serialized, Toml},
};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What environment keys begin with: `MEETINGCAST__SERVER__LISTEN`.
pub const ENV_PREFIX: &str = "MEETINGCAST__";
/// A configuration has a few kilobytes; what is longer is another file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why there is no configuration. `Display` holds everything the operator must know, one fault a
/// line, and never a value that may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("reading the configuration {} failed: {source}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}: this is not a configuration: it is longer than 1 MiB", file.display())]
    TooLong { file: PathBuf },
    #[error("{}: line {line}: this is not TOML: {detail}", file.display())]
    Syntax { file: PathBuf, line: usize, detail: String },
    #[error("{0}")]
    Key(KeyFault),
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
}

/// A key that is unknown or has the wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// The file, or the environment.
    pub place: String,
    /// `section.key`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub detail: String,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.place, self.key, self.detail)
    }
}

impl Config {
    /// Loads and checks: built-in defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing falls back silently.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            figment = figment.merge(Toml::string(&read(file)?));
        }
        Self::extract(&figment.merge(Env::prefixed(ENV_PREFIX).split("__")), file)
    }

    fn extract(figment: &Figment, file: Option<&Path>) -> Result<Self, ConfigError> {
        let config: Self = figment.extract().map_err(|error| ConfigError::Key(key_fault(error, file)))?;
        match config.faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(ConfigError::Values(faults)),
        }
    }
}

/// The file's text, which is TOML. Its syntax is checked here, since the error of figment's reader
/// repeats the line at fault, and a secret may stand in it.
fn read(file: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { file: file.to_owned(), source };
    if std::fs::metadata(file).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(ConfigError::TooLong { file: file.to_owned() });
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    if let Err(error) = text.parse::<toml::Table>() {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count();
        return Err(ConfigError::Syntax {
            file: file.to_owned(),
            line,
            detail: error.message().lines().collect::<Vec<_>>().join(" "),
        });
    }
    Ok(text)
}

fn key_fault(error: figment::Error, file: Option<&Path>) -> KeyFault {
    // figment joins several errors to a chain; the first one found is told.
    let error = error.into_iter().last().unwrap_or_else(|| figment::Error::from(String::new()));
    let from_env = error.metadata.as_ref().is_some_and(|metadata| metadata.name.contains("environment"));
    let place = match file {
        Some(file) if !from_env => file.display().to_string(),
        _ => format!("environment ({ENV_PREFIX}…)"),
    };
    let mut path = error.path.clone();
    let detail = match &error.kind {
        Kind::UnknownField(name, allowed) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("is an unknown key; allowed here: {}", allowed.join(", "))
        }
        Kind::MissingField(name) => {
            path.push(name.to_string());
            "is missing".to_owned()
        }
        Kind::InvalidType(actual, expected) => {
            format!("has the wrong type: {} stands there; allowed: {}", type_name(actual), wanted(expected))
        }
        Kind::InvalidValue(_, expected) => format!("is not allowed; allowed: {}", wanted(expected)),
        Kind::UnknownVariant(_, allowed) => format!("is not allowed; allowed: {}", allowed.join(", ")),
        Kind::Message(text) => format!("is not allowed: {text}"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => {
            "is not allowed: the number is too large".to_owned()
        }
        Kind::InvalidLength(..)
        | Kind::DuplicateField(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => "is not allowed".to_owned(),
    };
    KeyFault { place, key: path.join("."), detail }
}

/// The type without the value.
fn type_name(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a fraction",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

/// serde's word for a type in an operator's words.
fn wanted(expected: &str) -> &str {
    match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "a boolean" => "true or false",
        "a string" | "string" => "text",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Value;

    const MANUAL: &str = include_str!("../../config/meetingcast.toml");

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, text).unwrap();
        let figment =
            Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(&read(&file)?));
        Config::extract(&figment, Some(Path::new("c.toml")))
    }

    /// The sentence, with the temporary file's folder cut off.
    fn sentence(text: &str) -> String {
        let sentence = load(text).unwrap_err().to_string();
        match sentence.find("c.toml: ") {
            Some(at) => sentence[at..].to_owned(),
            None => sentence,
        }
    }

    #[test]
    fn the_manual_is_the_defaults_and_leaves_no_key_out() {
        assert_eq!(load(MANUAL).unwrap(), Config::default());
        // Key by key: a key that the file lacks would have been filled in above.
        let file: Value = toml::from_str(MANUAL).unwrap();
        assert_eq!(file, Value::try_from(Config::default()).unwrap());
    }

    #[test]
    fn every_key_of_the_manual_has_a_comment_above_it() {
        let mut before = "";
        for line in MANUAL.lines() {
            let is_key = !line.starts_with('#') && line.contains(" = ");
            assert!(!is_key || before.starts_with("# "), "no comment above: {line}");
            before = line;
        }
    }

    #[test]
    fn what_is_set_replaces_the_default_and_the_rest_stays() {
        let config =
            load("[server]\nlisten = \"127.0.0.1:9\"\n[webrtc]\npublic_ip = \"192.0.2.1\"\n").unwrap();
        assert_eq!(config.server.listen.port(), 9);
        assert_eq!(config.webrtc.public_ip, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(config.server.data_dir, Config::default().server.data_dir);
    }

    #[test]
    fn every_error_is_one_exact_sentence() {
        for (text, expected) in [
            (
                "[server]\nlistn = 1\n",
                "c.toml: server.listn is an unknown key; allowed here: listen, public_url, data_dir, \
                 shutdown_timeout_s, tls",
            ),
            (
                "[sever]\nlisten = 1\n",
                "c.toml: sever is an unknown key; allowed here: server, auth, limits, webrtc, conference, \
                 cast, encoding, program, layouts, pictures, media, switching, rtmp, hls, recording, webhooks, worker, log",
            ),
            (
                "[limits]\nmax_outputs = \"many\"\n",
                "c.toml: limits.max_outputs has the wrong type: text stands there; allowed: a whole number, \
                 not negative",
            ),
            (
                "[limits]\nmax_outputs = -1\n",
                "c.toml: limits.max_outputs is not allowed; allowed: a whole number, not negative",
            ),
            (
                "[webrtc]\nudp_port_min = 70000\n",
                "c.toml: webrtc.udp_port_min is not allowed; allowed: a whole number from 0 to 65535",
            ),
            (
                "[cast]\nenabled = \"yes\"\n",
                "c.toml: cast.enabled has the wrong type: text stands there; allowed: true or false",
            ),
            ("[auth]\nmode = \"none\"\n", "c.toml: auth.mode is not allowed; allowed: open, token"),
            (
                "[switching]\nstandby = \"warm\"\n",
                "c.toml: switching.standby is not allowed; allowed: hot, cold",
            ),
            (
                "[server]\nlisten = \"8080\"\n",
                "c.toml: server.listen is not allowed: invalid socket address syntax",
            ),
            (
                "[webrtc]\npublic_ip = \"home\"\n",
                "c.toml: webrtc.public_ip is not allowed: expected an IP address or \"\"",
            ),
            (
                "server = 1\n",
                "c.toml: server has the wrong type: a whole number stands there; allowed: a table",
            ),
            ("[[auth.keys]]\nid = \"a\"\n", "c.toml: auth.keys.0.secret is missing"),
            ("[server\n", "c.toml: line 1: this is not TOML: unclosed table, expected `]`"),
            ("[encoding]\nfps = 3\n", "encoding.fps = 3 is not allowed; allowed: 5 to 60 frames a second"),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }

    #[test]
    fn no_secret_is_repeated() {
        for text in [
            "[[auth.keys]]\nid = \"a\"\nsecret = \"hush hush\n",
            "[[auth.keys]]\nid = \"a\"\nsecret = hush\n",
            "[[auth.keys]]\nid = \"a\"\nsecret = [\"hush\"]\n",
            "[[auth.keys]]\nid = \"a\"\nsecret = \"hush\"\n",
            "[auth]\nkeys = \"hush\"\n",
            "[recording]\ns3_secret_access_key = [\"hush\"]\n",
            "[recording]\ns3_secret_access_key = \"hush\"\n",
            "[webhooks]\nendpoints = [\"https://hush@host\"]\n",
            "[[webhooks.endpoints]]\nid = \"a\"\nurl = \"ftp://h?hush\"\nsecret = \"hush\"\n",
            "[[webhooks.endpoints]]\nid = \"a\"\nurl = [\"hush\"]\nsecret = \"hush\"\n",
            "[webrtc]\nturn_servers = \"turn:user:hush@host\"\n",
            "[webrtc]\nturn_servers = [\"turn:user:hush@host\"]\n",
        ] {
            let sentence = sentence(text);
            assert!(!sentence.contains("hush"), "{sentence}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::load(Some(Path::new("/nowhere/c.toml"))).unwrap_err();
        assert!(
            error.to_string().starts_with("reading the configuration /nowhere/c.toml failed: "),
            "{error}"
        );
    }
}
