//! `ipv8 config`, and how `ipv8 run` gets its configuration.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ipv8::config::{self, Config, Layers, Shown};
use ipv8::{Launchers, core::settings::Value};
use serde_json::{Map, json};

use crate::args::{ConfigCommand, NodeOptions};
use crate::failure::Failure;
use crate::output;

/// Levels for `-v`, `-vv`, `-vvv`; without it, the configuration's.
const VERBOSE: [&str; 3] = ["info", "debug", "trace"];

pub(crate) fn run(command: &ConfigCommand, verbose: u8) -> Result<(), Failure> {
    match command {
        ConfigCommand::Init { out: None, .. } => print(&config::default_file()),
        ConfigCommand::Init { out: Some(path), force } => init(path, *force),
        ConfigCommand::Check { node } => {
            let config = read(node, verbose)?;
            warn(&config);
            let overlays = config.overlays().collect::<Vec<_>>().join(", ");
            print(&format!("nothing is wrong with the configuration; its overlays are {overlays}\n"))
        }
        ConfigCommand::Show { node, json } => {
            let config = read(node, verbose)?;
            warn(&config);
            show(config.all(), *json)
        }
        ConfigCommand::Reference => print(&config::reference()),
    }
}

/// The configuration that the flags, the environment and the file come to.
///
/// # Errors
/// If anything is wrong with it: all of it is said.
pub(crate) fn read(options: &NodeOptions, verbose: u8) -> Result<Config, Failure> {
    let mut layers = Layers::new();
    let from_environment =
        || std::env::var_os(config::FILE_VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from);
    if let Some(file) = options.config.clone().or_else(from_environment) {
        layers = layers.file(file);
    }
    layers = layers.environment(config::environment());
    for (flag, key, value) in flags(options) {
        layers = layers.flag(flag, key, value);
    }
    if let Some(level) = usize::from(verbose).checked_sub(1).map(|index| VERBOSE.get(index).unwrap_or(&"trace")) {
        layers = layers.mild_flag("-v", "log.level", level);
    }
    layers
        .read(&Launchers::standard())
        .map_err(|error| Failure::Problems(error.problems.iter().map(ToString::to_string).collect()))
}

/// The flags that were given, with the keys that they are for.
fn flags(options: &NodeOptions) -> Vec<(&'static str, &'static str, &str)> {
    let NodeOptions { listen, bootstrap, .. } = options;
    let mut given = Vec::new();
    given.extend(listen.iter().map(|listen| ("--listen", "listen", listen.as_str())));
    given.extend(bootstrap.iter().map(|tracker| ("--bootstrap", "bootstrap", tracker.as_str())));
    if options.no_default_bootstrap {
        given.push(("--no-default-bootstrap", "default_bootstrap", "false"));
    }
    let single = [
        ("--key", "key_file", &options.key),
        ("--hardening", "hardening.preset", &options.hardening),
        ("--peer-file", "peers.file", &options.peer_file),
        ("--working-directory", "working_directory", &options.working_directory),
        ("--log", "log.level", &options.log),
        ("--log-format", "log.format", &options.log_format),
        ("--dht-file", "dht.file", &options.dht_file),
        ("--api", "api", &options.api),
    ];
    given.extend(single.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.as_deref()?))));
    given
}

/// Says what is no problem, but should be known.
pub(crate) fn warn(config: &Config) {
    for warning in config.warnings() {
        let _ = writeln!(io::stderr(), "ipv8: note: {}", crate::failure::one_line(warning));
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    output::flush(&mut out)
}

/// Writes the default file.
fn init(path: &Path, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    if force {
        options.truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(config::default_file().as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Failed(format!(
            "{} exists already: give another --out, or --force if what is in it is no longer needed",
            path.display()
        )),
        _ => Failure::Failed(format!("cannot write {}: {error}", path.display())),
    })
}

fn show(all: &[Shown], json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        let object: Map<_, _> = all
            .iter()
            .map(|shown| {
                let value = shown.value.as_ref().map_or(serde_json::Value::Null, to_json);
                (shown.key.clone(), json!({"value": value, "origin": shown.origin.to_string()}))
            })
            .collect();
        output::json(&mut out, &object)?;
    } else {
        let rows: Vec<_> = all
            .iter()
            .map(|shown| match shown.value {
                Some(_) => (format!("{} = {}", shown.key, shown.toml()), shown.origin.to_string()),
                None => (format!("# {} is not set", shown.key), String::new()),
            })
            .collect();
        let width = rows.iter().map(|(left, _)| left.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
        for (left, origin) in rows {
            let pad = width.saturating_sub(left.chars().count());
            let line = if origin.is_empty() { left } else { format!("{left}{}  # {origin}", " ".repeat(pad)) };
            output::line(&mut out, &line)?;
        }
    }
    output::flush(&mut out)
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect::<Map<_, _>>().into()
        }
    }
}
