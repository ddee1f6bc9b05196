//! Where configurations come from, one over the other.

use std::{fs, io, path::Path, sync::Arc};

use ipv8_core::settings::{Value, closest};

use super::{
    Config,
    keys::{FILE_VARIABLE, KEYS, Key, Kind, find},
    origin::{Document, Origin, Places},
    problem::{ConfigError, Problem},
    read, toml,
};
use crate::launcher::Launchers;

/// Bytes of a file that are read at most: more is no configuration.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Variables of this project that are none of the configuration.
const OTHER_VARIABLES: [&str; 2] = [FILE_VARIABLE, "IPV8_PYTHON"];

/// How a configuration is written, which differs in the names of some keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// TOML with the names of [`KEYS`].
    Own,
    /// JSON with the names of the reference's configuration dictionary.
    Reference,
}

/// The layers of a configuration: a file, then the environment, then flags, each over the one before, and defaults below.
/// Lists are taken as a whole from the uppermost layer that has them.
///
/// ```
/// use ipv8::{Launchers, config::Layers};
///
/// let config = Layers::new()
///     .text("ipv8.toml", "walker_interval = 0.25\nmax_peers = 50")
///     .environment([("IPV8_MAX_PEERS", "60"), ("HOME", "/root")])
///     .flag("--log", "log.level", "debug")
///     .read(&Launchers::standard())
///     .unwrap();
/// assert_eq!(config.shown("walker_interval").unwrap().origin.to_string(), "ipv8.toml:1:1");
/// assert_eq!(config.shown("max_peers").unwrap().origin.to_string(), "IPV8_MAX_PEERS");
///
/// let error = Layers::new().text("ipv8.toml", "walker_intervall = 1\nmax_peers = -2").read(&Launchers::standard());
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "ipv8.toml:1:1: walker_intervall: is not known here, did you mean `walker_interval`?\n\
///      ipv8.toml:2:1: max_peers: must be from 0 to 1000000, or -1 for any number, not -2"
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read until `read`"]
pub struct Layers {
    document: Document,
    dialect: Dialect,
    /// What was wrong before the values were looked at.
    problems: Vec<Problem>,
    /// What the environment and flags set, over the file whenever that is read.
    over: Vec<(Rank, &'static Key, Value, Origin)>,
    warnings: Vec<String>,
}

/// Which of two layers above the file is the upper one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Environment,
    Flag,
}

impl Default for Layers {
    fn default() -> Self {
        Self::new()
    }
}

impl Layers {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self {
            document: Document::default(),
            dialect: Dialect::Own,
            problems: Vec::new(),
            over: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads a file: TOML, or the reference's configuration dictionary as JSON if its name ends in `.json` or it begins
    /// with `{`. A file that cannot be read is a problem like others.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match content(path) {
            Ok(text) => self.text(&path.display().to_string(), &text),
            Err(what) => {
                let origin = Origin::File { file: path.display().to_string().into(), line: 1, column: 1 };
                self.problems.push(Problem::new(origin, "", what));
                self
            }
        }
    }

    /// Takes the content of a file of this name.
    pub fn text(mut self, name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let is_json = name.to_ascii_lowercase().ends_with(".json") || text.trim_start().starts_with('{');
        let places = Places::new(Arc::from(name), text);
        let (dialect, document) = match is_json {
            true => (Dialect::Reference, super::json::read(text, &places)),
            false => (Dialect::Own, toml::read(text, &places)),
        };
        self.dialect = dialect;
        match document {
            Ok(document) => self.document = document,
            Err(error) => self.problems.extend(error.problems),
        }
        self
    }

    /// Takes environment variables: those of [`KEYS`], `IPV8_LISTEN` for example. An empty one counts as not set. One that
    /// begins with `IPV8_` and looks like a misspelt one of these is a problem; others are left alone.
    pub fn environment<N: AsRef<str>, V: AsRef<str>>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), value.as_ref());
            if !name.starts_with("IPV8_") || value.is_empty() || OTHER_VARIABLES.contains(&name) {
                continue;
            }
            let origin = Origin::Environment(name.into());
            match KEYS.iter().find(|key| key.variable == name) {
                Some(key) => self.over(Rank::Environment, key, value, origin),
                None => {
                    let known = KEYS.iter().map(|key| key.variable).chain(OTHER_VARIABLES);
                    match closest(name, known.filter(|known| !known.is_empty())) {
                        Some(meant) => {
                            let what = format!("is not known here, did you mean `{meant}`?");
                            self.problems.push(Problem::new(origin, "", what));
                        }
                        None => {
                            self.warnings.push(format!("{name} in the environment is none of the variables of ipv8"))
                        }
                    }
                }
            }
        }
        self
    }

    /// Takes the value of a flag for a key of [`KEYS`], as text; a flag of a list may be given several times.
    pub fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        let origin = Origin::Flag(flag.into());
        match find(key) {
            Some(key) => self.over(Rank::Flag, key, value, origin),
            None => self.problems.push(Problem::new(origin, key, "is no key of the configuration")),
        }
        self
    }

    /// Takes a value for a key of [`KEYS`] that a flag sets below the environment: `-v`.
    pub fn mild_flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        if self.over.iter().all(|(_, there, ..)| there.name != key) {
            self = self.flag(flag, key, value);
        }
        self
    }

    fn over(&mut self, rank: Rank, key: &'static Key, text: &str, origin: Origin) {
        let value = match read_text(key.kind, text) {
            Ok(value) => value,
            Err(what) => {
                self.problems.push(Problem::new(origin, key.name, what));
                return;
            }
        };
        let same = self.over.iter_mut().find(|(there, other, ..)| *there == rank && other.name == key.name);
        match (same, value) {
            // A flag of a list that was given again.
            (Some((_, _, Value::List(all), _)), Value::List(more)) => all.extend(more),
            (Some((_, _, there, _)), value) => *there = value,
            (None, value) => self.over.push((rank, key, value, origin)),
        }
    }

    /// Reads the configuration. Nothing is made yet but the communities of launchers, their strategies and bootstrappers;
    /// of files, keys are read if they are there.
    ///
    /// # Errors
    /// If anything is wrong: then all problems are reported. What is wrong in a layer counts only if no layer above sets
    /// the same key.
    pub fn read(mut self, launchers: &Launchers) -> Result<Config, ConfigError> {
        self.over.sort_by_key(|(rank, ..)| *rank);
        for (_, key, value, origin) in self.over {
            self.document.set(key.name, value, &origin);
        }
        // A file that could not be read would only make for wrong conclusions.
        read::config(self.document, self.dialect, launchers, self.problems, self.warnings)
    }
}

fn read_text(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    Ok(match kind {
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Value::Bool(true),
            "false" | "0" | "no" | "off" => Value::Bool(false),
            _ => return Err(format!("must be true or false, not `{text}`")),
        },
        Kind::Integer => Value::Integer(text.parse().map_err(|_| format!("must be a whole number, not `{text}`"))?),
        Kind::Number => Value::Float(text.parse().map_err(|_| format!("must be a number, not `{text}`"))?),
        Kind::Text => Value::from(text),
        Kind::List => {
            let parts = text.split([',', ' ', '\t', '\n']).filter(|part| !part.is_empty());
            Value::List(parts.map(Value::from).collect())
        }
        Kind::TextOrInteger | Kind::Rates | Kind::Tables | Kind::Any => {
            return Err("can be given in a file only".to_owned());
        }
    })
}

/// All of a file, if it may be a configuration.
fn content(path: &Path) -> Result<String, String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file: `ipv8 config init --out FILE` writes one".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    // Asked before opening, which would wait for the other end of a pipe.
    let metadata = fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err("is not a regular file: give the path of a configuration".to_owned());
    }
    if metadata.len() > MOST_BYTES {
        return Err(format!("has more than {MOST_BYTES} bytes: this is no configuration"));
    }
    String::from_utf8(fs::read(path).map_err(cannot)?)
        .map_err(|error| format!("is no text in UTF-8 (byte {}): save it as such", error.utf8_error().valid_up_to()))
}
