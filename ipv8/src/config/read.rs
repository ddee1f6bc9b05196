//! From values to a configuration.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use ipv8_core::{
    MaxPeers,
    settings::{self, KeyPath, Settings, Value},
    strategy::DEFAULT_TICK,
};
use ipv8_crypto::{Curve, PrivateKey, keyfile};
use ipv8_discovery::DEFAULT_TRACKERS;
use ipv8_net::Listen;
use ipv8_wire::Address;

use super::{
    Config, Log, LogFormat, WALKER_INTERVALS, hardening,
    layers::Dialect,
    origin::{Document, Origin, path},
    overlays,
    problem::{ConfigError, Problem},
    show,
};
use crate::{
    builder::{DEFAULT_PORT, DEFAULT_SAVE_INTERVAL},
    keys::KeySource,
    launcher::{Launchers, take_republish},
};

/// More peers than this are a mistake.
pub(crate) const MOST_PEERS: i64 = 1_000_000;

const SAVE_INTERVALS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(86_400)];

/// How often the values of one's own are stored again: twice in the hour for which nodes keep them.
const DEFAULT_REPUBLISH: Duration = Duration::from_secs(1_800);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The levels of the reference's logger, and what they are here.
const PYTHON_LEVELS: [(&str, &str); 6] = [
    ("CRITICAL", "error"),
    ("ERROR", "error"),
    ("WARNING", "warn"),
    ("INFO", "info"),
    ("DEBUG", "debug"),
    ("NOTSET", "trace"),
];

/// What is not the same in TOML and in the reference's dictionary.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("listen", "interfaces"),
    ("key", "keys"),
    ("curve", "generation"),
    ("private", "bin"),
    ("log", "logger"),
    ("overlay", "overlays"),
    ("settings", "initialize"),
];

/// How unknown keys are reported.
const UNKNOWN: &str = "is not known here";

/// What is being read, and what is wrong with it so far.
pub(crate) struct Reader<'l> {
    pub(crate) document: Document,
    pub(crate) dialect: Dialect,
    pub(crate) launchers: &'l Launchers,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
    /// How often overlays of the DHT store their own values again, unless they say so themselves.
    pub(crate) republish: Option<Duration>,
}

/// A key with its alias.
pub(crate) struct Alias {
    pub(crate) alias: String,
    pub(crate) source: KeySource,
}

/// Reads all of it, so that all problems are found.
pub(crate) fn config(
    document: Document,
    dialect: Dialect,
    launchers: &Launchers,
    problems: Vec<Problem>,
    warnings: Vec<String>,
) -> Result<Config, ConfigError> {
    let mut values = Settings::new(document.root.clone());
    let mut reader = Reader { document, dialect, launchers, problems, warnings, republish: None };
    let listen = reader.listen(&mut values);
    let working_directory = reader.working_directory(&mut values);
    let key_file = values.take_text("key_file");
    let key_file = key_file.map(|file| reader.place("key_file", working_directory.as_deref(), &file));
    let keys = reader.keys(&mut values, working_directory.as_deref());
    let (key, node_alias) = reader.own_key(key_file, &keys);
    let trackers = reader.trackers(&mut values);
    let walker_interval = reader.walker_interval(&mut values);
    let max_peers = max_peers(&mut values);
    let api = api(&mut values);
    let hardening = hardening::read(&mut values);
    let log = reader.log(&mut values);
    let peer_file = reader.peer_file(&mut values, working_directory.as_deref());
    let dht_file = reader.dht(&mut values, working_directory.as_deref());
    let republish = reader.republish;
    let (overlays, rows) = overlays::read(&mut reader, &mut values, &keys, node_alias.as_deref(), &trackers);
    if let Err(error) = values.finish() {
        reader.add(error.problems);
    }
    if !reader.problems.is_empty() {
        return Err(ConfigError::sorted(reader.problems));
    }
    let mut config = Config {
        listen,
        walker_interval,
        max_peers: max_peers.unwrap_or_default(),
        hardening,
        trackers,
        api,
        log,
        working_directory,
        peer_file,
        dht_file,
        republish,
        key,
        // The first is the node's.
        keys: keys.into_iter().map(|key| (key.alias, key.source)).collect(),
        overlays,
        shown: Vec::new(),
        warnings: reader.warnings,
    };
    config.shown = show::rows(&config, &reader.document, reader.dialect, rows);
    Ok(config)
}

/// Reads a number of peers that an overlay takes.
pub(crate) fn max_peers(values: &mut Settings) -> Option<MaxPeers> {
    match values.take_integer("max_peers")? {
        -1 => Some(MaxPeers::Unlimited),
        number => match usize::try_from(number).ok().filter(|_| number <= MOST_PEERS) {
            Some(number) => Some(MaxPeers::Limit(number)),
            None => {
                let what = format!("must be from 0 to {MOST_PEERS}, or -1 for any number, not {number}");
                values.problem("max_peers", what);
                None
            }
        },
    }
}

/// A path that starts from the working directory, unless it starts from the root.
fn place(working_directory: Option<&Path>, file: &str) -> PathBuf {
    working_directory.map_or_else(|| PathBuf::from(file), |directory| directory.join(file))
}

impl Reader<'_> {
    /// Notes what is wrong with values of the document.
    pub(crate) fn add(&mut self, mut problems: Vec<settings::Problem>) {
        for problem in problems.iter_mut().filter(|problem| problem.what == UNKNOWN) {
            if let Some(settings::Step::Key(key)) = problem.path.0.last()
                && let Some(name) = self.other_name(key)
            {
                problem.suggestion = Some(name.to_owned());
            }
        }
        let problems: Vec<_> = problems.into_iter().map(|problem| Problem::of(problem, &self.document)).collect();
        self.problems.extend(problems);
    }

    pub(crate) fn problem(&mut self, path: &KeyPath, what: impl Into<String>) {
        self.problems.push(Problem::new(self.document.origin(path), &path.to_string(), what));
    }

    /// Reads each table of a list; what is no table is a problem.
    pub(crate) fn each_table(
        &mut self,
        values: &mut Settings,
        key: &str,
        mut read: impl FnMut(&mut Self, &mut Settings),
    ) -> bool {
        let list_path = values.path().key(key);
        let Some(list) = values.take_list(key) else { return false };
        for (index, value) in list.into_iter().enumerate() {
            let path = list_path.index(index);
            match value {
                Value::Table(table) => {
                    let mut inner = Settings::new(table).at(path);
                    read(self, &mut inner);
                    if let Err(error) = inner.finish() {
                        self.add(error.problems);
                    }
                }
                other => self.problem(&path, format!("must be a table, not {}", other.kind())),
            }
        }
        true
    }

    /// A path of a single key: it starts from the working directory, unless it was typed as a flag.
    fn place(&self, key: &str, working_directory: Option<&Path>, file: &str) -> PathBuf {
        let typed = matches!(self.document.exact_origin(&path(key)), Some(Origin::Flag(_)));
        place(working_directory.filter(|_| !typed), file)
    }

    /// What is called so in the other form is called here.
    fn other_name(&self, key: &str) -> Option<&'static str> {
        let is_reference = self.is_reference();
        OTHER_NAMES.iter().find_map(|(own, reference)| match is_reference {
            true => (*own == key).then_some(*reference),
            false => (*reference == key).then_some(*own),
        })
    }

    fn is_reference(&self) -> bool {
        self.dialect == Dialect::Reference
    }

    fn listen(&mut self, values: &mut Settings) -> Vec<Listen> {
        let mut found: Vec<(KeyPath, Listen)> = Vec::new();
        let list_path = path("listen");
        // One address may stand alone.
        let one_or_more = match values.take("listen") {
            Some(Value::List(list)) => {
                Some(list.into_iter().enumerate().map(|(n, v)| (list_path.index(n), v)).collect())
            }
            Some(one) => Some(vec![(list_path.clone(), one)]),
            None => None,
        };
        let given = one_or_more.is_some();
        for (path, value) in one_or_more.unwrap_or_default() {
            let address = match &value {
                Value::Text(text) => text.parse::<SocketAddr>().map_err(|_| format!("not `{text}`")),
                other => Err(format!("not {}", other.kind())),
            };
            match address {
                Ok(address) => found.push((path, Listen::exactly(address))),
                Err(not) => self.problem(&path, format!("must be \"IP:PORT\" or \"[IPv6]:PORT\", {not}")),
            }
        }
        if given && found.is_empty() && self.problems.is_empty() {
            self.problem(&list_path, "names no address: give one, or leave it out for the default");
        }
        if self.is_reference() {
            let interfaces = self.interfaces(values);
            if !given {
                found = interfaces;
            }
        }
        for (index, (path, listen)) in found.iter().enumerate() {
            let is_ipv4 = listen.address().is_ipv4();
            if found.iter().take(index).any(|(_, before)| before.address().is_ipv4() == is_ipv4) {
                let family = if is_ipv4 { "IPv4" } else { "IPv6" };
                self.problem(
                    path,
                    format!("{} is the second {family} address: give one of each at most", listen.address()),
                );
            }
        }
        let default = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
        match found.is_empty() {
            true => vec![Listen::or_next(default)],
            false => found.into_iter().map(|(_, listen)| listen).collect(),
        }
    }

    /// The reference's `interfaces`, or its older `address` and `port`.
    fn interfaces(&mut self, values: &mut Settings) -> Vec<(KeyPath, Listen)> {
        let mut found = Vec::new();
        let flat = values.has("address") || values.has("port");
        let listed = self.each_table(values, "interfaces", |reader, interface| {
            let kind = interface.take_choice("interface", &["UDPIPv4", "UDPIPv6"]);
            let path = interface.path().clone();
            let is_ipv4 = kind != Some("UDPIPv6");
            found.extend(reader.interface(interface, "ip", is_ipv4).map(|listen| (path, listen)));
        });
        if flat && !listed {
            found.extend(self.interface(values, "address", true).map(|listen| (path("port"), listen)));
        }
        found
    }

    fn interface(&mut self, values: &mut Settings, ip_key: &str, is_ipv4: bool) -> Option<Listen> {
        let port = values.take_integer_within("port", 0..=65_535).and_then(|port| u16::try_from(port).ok());
        let port = port.unwrap_or(DEFAULT_PORT);
        let ip = match values.take_text(ip_key) {
            None if is_ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            None => IpAddr::from([0_u16; 8]),
            Some(text) => match text.parse::<IpAddr>() {
                Ok(ip) if ip.is_ipv4() == is_ipv4 => ip,
                _ => {
                    let family = if is_ipv4 { "an IPv4" } else { "an IPv6" };
                    values.problem(ip_key, format!("must be {family} address, not `{text}`"));
                    return None;
                }
            },
        };
        let address = SocketAddr::new(ip, port);
        Some(if port == DEFAULT_PORT { Listen::or_next(address) } else { Listen::exactly(address) })
    }

    fn working_directory(&mut self, values: &mut Settings) -> Option<PathBuf> {
        let text = values.take_text("working_directory")?;
        let directory = PathBuf::from(&text);
        if !directory.is_dir() {
            values.problem("working_directory", format!("there is no directory `{text}`: make it, or name another"));
            return None;
        }
        Some(directory)
    }

    fn keys(&mut self, values: &mut Settings, working_directory: Option<&Path>) -> Vec<Alias> {
        let (list, curve_key, private_key) =
            if self.is_reference() { ("keys", "generation", "bin") } else { ("key", "curve", "private") };
        // The reference's paths know of no working directory.
        let working_directory = working_directory.filter(|_| !self.is_reference());
        let mut found: IndexMap<String, (KeyPath, KeySource)> = IndexMap::new();
        self.each_table(values, list, |reader, key| {
            let path = key.path().clone();
            let has_alias = key.has("alias");
            let alias = key.take_text("alias");
            if !has_alias {
                reader.problem(&path, "has no `alias`: overlays name the key by it");
            }
            let file = key.take_text("file").filter(|file| !file.is_empty());
            let file = file.map(|file| place(working_directory, &file));
            let generate = key.take_bool("generate").unwrap_or(true);
            let names = Curve::ALL.map(Curve::name);
            let curve = key.take_choice(curve_key, &names).and_then(|name| name.parse().ok()).unwrap_or_default();
            let private = key.take_text(private_key).and_then(|text| match private(&text) {
                Ok(private) => Some(private),
                Err(what) => {
                    key.problem(private_key, what);
                    None
                }
            });
            let has_file = file.is_some();
            let source = match (file, private) {
                (None, Some(private)) => KeySource::Given(private),
                (None, None) => KeySource::Fresh(curve),
                (Some(file), Some(private)) => KeySource::FileOr(file, private),
                (Some(file), None) if generate => KeySource::File(file, curve),
                (Some(file), None) => KeySource::Existing(file),
            };
            if !generate && matches!(source, KeySource::Fresh(_)) {
                reader.problem(&path.key("generate"), "is false: give a `file`, or the key as `private`");
            }
            reader.check_key(&source, &if has_file { path.key("file") } else { path.clone() });
            let Some(alias) = alias else { return };
            if let Some((before, _)) = found.get(&alias) {
                let place = reader.document.origin(before);
                reader.problem(&path.key("alias"), format!("`{alias}` is there already at {place}: name another"));
            } else {
                found.insert(alias, (path, source));
            }
        });
        found.into_iter().map(|(alias, (_, source))| Alias { alias, source }).collect()
    }

    /// Looks whether the key that is named can be had, without making anything.
    fn check_key(&mut self, source: &KeySource, path: &KeyPath) {
        let (file, must_exist) = match source {
            KeySource::File(file, _) | KeySource::FileOr(file, _) => (file, false),
            KeySource::Existing(file) => (file, true),
            KeySource::Fresh(_) | KeySource::Given(_) => return,
        };
        match keyfile::load(file) {
            Ok(_) => {}
            Err(keyfile::KeyFileError::NotFound(_)) if !must_exist => self.check_parent(file, path),
            Err(error) => self.problem(path, error.to_string()),
        }
    }

    /// Looks whether a file can be made, as far as its directory goes.
    fn check_parent(&mut self, file: &Path, path: &KeyPath) {
        let parent = file.parent().filter(|parent| *parent != Path::new(""));
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            let (file, parent) = (file.display(), parent.display());
            self.problem(path, format!("{file} cannot be made, there is no directory {parent}: make it"));
        }
    }

    /// The node's key, with its alias if it has one: that of `key_file`, or the first of those with an alias. One from above
    /// the file takes the place of that first one.
    fn own_key(&mut self, key_file: Option<PathBuf>, keys: &[Alias]) -> (KeySource, Option<String>) {
        let first = keys.first().map(|first| (first.source.clone(), Some(first.alias.clone())));
        let Some(file) = key_file else {
            return first.unwrap_or((KeySource::Fresh(Curve::default()), None));
        };
        let source = KeySource::File(file, Curve::default());
        self.check_key(&source, &path("key_file"));
        (source, first.and_then(|(_, alias)| alias).filter(|_| self.is_above("key_file")))
    }

    /// Whether the environment or a flag set a key.
    pub(crate) fn is_above(&self, key: &str) -> bool {
        matches!(self.document.exact_origin(&path(key)), Some(Origin::Environment(_) | Origin::Flag(_)))
    }

    fn trackers(&mut self, values: &mut Settings) -> Vec<Address> {
        let expected = "must be \"HOST:PORT\", \"IP:PORT\" or \"[IPv6]:PORT\"";
        let own = values.take_each("bootstrap", |value| match value {
            Value::Text(text) => text
                .parse::<Address>()
                .ok()
                .filter(|address| address.port() != 0)
                .ok_or_else(|| format!("{expected}, not `{text}`")),
            other => Err(format!("{expected}, not {}", other.kind())),
        });
        let public = values.take_bool("default_bootstrap").unwrap_or(true);
        let public = DEFAULT_TRACKERS.iter().filter(|_| public).filter_map(|tracker| tracker.parse().ok());
        let mut all: Vec<Address> = own.unwrap_or_default();
        all.extend(public);
        all
    }

    fn walker_interval(&mut self, values: &mut Settings) -> Duration {
        // The reference's 0 is "at once", which is as soon as there is no other work.
        let zero = [Some(Value::Integer(0)), Some(Value::Float(0.0))];
        if self.is_reference() && zero.contains(&self.document.root.get("walker_interval").cloned()) {
            values.take("walker_interval");
            return WALKER_INTERVALS[0];
        }
        let [shortest, longest] = WALKER_INTERVALS;
        values.take_duration_within("walker_interval", shortest..=longest).unwrap_or(DEFAULT_TICK)
    }

    fn log(&mut self, values: &mut Settings) -> Log {
        let mut log = Log { level: "info".to_owned(), format: LogFormat::Text };
        if self.is_reference() {
            let names = PYTHON_LEVELS.map(|(python, _)| python);
            let level = values.take_table("logger", |logger| logger.take_choice("level", &names));
            let level = level.flatten().and_then(|level| PYTHON_LEVELS.iter().find(|(python, _)| *python == level));
            if let Some((_, level)) = level {
                (*level).clone_into(&mut log.level);
            }
        }
        values.take_table("log", |values| {
            if let Some(level) = values.take_text("level") {
                match check_level(&level) {
                    Ok(()) => log.level = level.to_lowercase(),
                    Err(what) => values.problem("level", what),
                }
            }
            if values.take_choice("format", &["text", "json"]) == Some("json") {
                log.format = LogFormat::Json;
            }
        });
        log
    }

    fn peer_file(&mut self, values: &mut Settings, working_directory: Option<&Path>) -> Option<(PathBuf, Duration)> {
        let [shortest, longest] = SAVE_INTERVALS;
        let (file, interval) = values.take_table("peers", |peers| {
            let file = peers.take_text("file").filter(|file| !file.is_empty());
            let interval = peers.take_duration_within("interval", shortest..=longest);
            (file, interval.unwrap_or(DEFAULT_SAVE_INTERVAL))
        })?;
        Some((self.file_to_make("peers.file", working_directory, &file?), interval))
    }

    /// Reads the table `dht`: the file, and how often own values are stored again, which is kept for the overlays.
    fn dht(&mut self, values: &mut Settings, working_directory: Option<&Path>) -> Option<PathBuf> {
        let (file, republish) = values
            .take_table("dht", |dht| (dht.take_text("file").filter(|file| !file.is_empty()), take_republish(dht)))
            .unwrap_or_default();
        let preset = match self.document.root.get("hardening") {
            Some(Value::Table(hardening)) => hardening.get("preset"),
            _ => None,
        };
        let like_the_reference = preset == Some(&Value::from("reference"));
        self.republish = republish.unwrap_or(Some(DEFAULT_REPUBLISH).filter(|_| !like_the_reference));
        Some(self.file_to_make("dht.file", working_directory, &file?))
    }

    /// Where a file is that is made if it is not there.
    fn file_to_make(&mut self, key: &str, working_directory: Option<&Path>, file: &str) -> PathBuf {
        let file = self.place(key, working_directory, file);
        self.check_parent(&file, &path(key));
        if file.is_dir() {
            self.problem(&path(key), format!("{} is a directory: name a file", file.display()));
        }
        file
    }
}

/// Where the REST interface is to listen: on this machine, unless it is said that others may use it.
fn api(values: &mut Settings) -> Option<SocketAddr> {
    let for_others = values.take_bool("api_for_others").unwrap_or(false);
    let text = values.take_text("api").filter(|text| !text.is_empty())?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() || for_others => Some(address),
        Ok(address) => {
            let what = format!(
                "{address} can be reached by other machines, and whoever reaches it may use the node: name an address \
                 of loopback, or set `api_for_others`"
            );
            values.problem("api", what);
            None
        }
        Err(_) => {
            values.problem("api", format!("must be \"IP:PORT\" or \"[IPv6]:PORT\", not `{text}`"));
            None
        }
    }
}

fn private(text: &str) -> Result<PrivateKey, String> {
    let bytes = STANDARD.decode(text.trim()).map_err(|error| format!("must be a private key in base64 ({error})"))?;
    PrivateKey::from_bytes(&bytes).map_err(|error| format!("holds no private key: {error}"))
}

/// A level, or `target=level`, several with commas between.
fn check_level(text: &str) -> Result<(), String> {
    for part in text.split(',') {
        let (target, level) = part.rsplit_once('=').map_or((None, part), |(target, level)| (Some(target), level));
        let known = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level.trim()));
        if !known || target.is_some_and(|target| target.trim().is_empty()) {
            let levels = LEVELS.join(", ");
            let example = "levels for parts such as \"ipv8_core=debug,warn\"";
            let meant =
                settings::closest(level, LEVELS).map_or(String::new(), |meant| format!(", did you mean `{meant}`?"));
            return Err(format!("must be one of {levels}, or {example}, not `{part}`{meant}"));
        }
    }
    Ok(())
}
