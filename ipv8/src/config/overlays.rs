//! What a configuration says of overlays.

use indexmap::IndexMap;
use ipv8_core::{
    Target,
    settings::{KeyPath, Settings, Value, closest},
};
use ipv8_discovery::DEFAULT_TRACKERS;
use ipv8_wire::{Address, CommunityId};

use super::{
    layers::Dialect,
    origin::{Origin, path},
    read::{Alias, MOST_PEERS, Reader, max_peers},
    show::{Shown, flatten},
};
use crate::launcher::{Call, Named, Overrides, Prepared};

/// The overlays of the reference that its dictionaries may name without an error, although they are not here.
const OF_THE_REFERENCE: [&str; 6] = [
    "AttestationCommunity",
    "DHTCommunity",
    "DHTDiscoveryCommunity",
    "HiddenTunnelCommunity",
    "IdentityCommunity",
    "TunnelCommunity",
];

/// The bootstrappers that know trackers, and the keys in which they are told them.
const TRACKER_BOOTSTRAPPERS: [&str; 2] = ["DispersyBootstrapper", "TrackerBootstrapper"];
const TRACKER_KEYS: [&str; 3] = ["trackers", "ip_addresses", "dns_addresses"];

/// Reads all overlays: those that are named, or all that the program has. Gives what is to be shown of them, too.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    values: &mut Settings,
    keys: &[Alias],
    node_alias: Option<&str>,
) -> (Vec<Prepared>, Vec<Shown>) {
    let list = if reader.dialect == Dialect::Reference { "overlays" } else { "overlay" };
    let mut all =
        Overlays { keys, node_alias, prepared: Vec::new(), loaded: Vec::new(), rows: Vec::new(), left_out: false };
    let mut number = 0;
    let given = values.has(list);
    reader.each_table(values, list, |reader, overlay| {
        all.overlay(reader, overlay, number);
        number += 1;
    });
    if !given {
        all.launch_all(reader);
    }
    if all.left_out && all.prepared.is_empty() && reader.problems.is_empty() {
        let names = reader.launchers.names().collect::<Vec<_>>().join(", ");
        reader.problem(&path(list), format!("none of the overlays is there: name one of {names}"));
    }
    (all.prepared, all.rows)
}

struct Overlays<'k> {
    keys: &'k [Alias],
    /// The alias of the node's own key.
    node_alias: Option<&'k str>,
    prepared: Vec<Prepared>,
    /// Which communities there are, and where they are named.
    loaded: Vec<(CommunityId, KeyPath)>,
    rows: Vec<Shown>,
    /// Whether some are not here.
    left_out: bool,
}

impl Overlays<'_> {
    /// Without any named overlay, all launchers are launched as they are.
    fn launch_all(&mut self, reader: &mut Reader<'_>) {
        for (number, launcher) in reader.launchers.iter().enumerate() {
            let shown = path("overlay").index(number);
            self.rows.push(Shown::new(&shown.key("class"), Some(Value::from(launcher.name())), Origin::Default));
            for (key, value) in launcher.describe() {
                flatten(&mut self.rows, value, &shown.key(key), &|_| Origin::Default);
            }
            match launcher.prepare(Overrides::default()) {
                Ok(prepared) => self.prepared.push(prepared),
                Err(error) => reader.add(error.problems),
            }
        }
    }

    fn overlay(&mut self, reader: &mut Reader<'_>, values: &mut Settings, number: usize) {
        let place = values.path().clone();
        let is_reference = reader.dialect == Dialect::Reference;
        let settings_key = if is_reference { "initialize" } else { "settings" };
        let given = Given::of(values, settings_key);
        let has_class = values.has("class");
        let class = values.take_text("class");
        if !has_class {
            let names = reader.launchers.names().collect::<Vec<_>>().join(", ");
            reader.problem(&place, format!("has no `class`: name one of {names}"));
        }
        let enabled = values.take_bool("enabled").unwrap_or(true);
        let overrides = Overrides {
            id: self.id(values),
            key: self.key(reader, values),
            max_peers: max_peers(values),
            strategies: strategies(reader, values),
            bootstrappers: bootstrappers(reader, values),
            node_trackers: false,
            settings: table(values, settings_key),
            settings_path: place.key(settings_key),
            on_start: calls(reader, values),
        };
        let overrides = with_trackers_from_above(reader, overrides);
        let Some(class) = class else { return };
        let Some(launcher) = reader.launchers.get(&class).cloned() else {
            self.unknown(reader, &class, &place.key("class"));
            // What else is wrong with it cannot be said.
            return;
        };
        let shown = path("overlay").index(number);
        self.rows.push(Shown::new(
            &shown.key("class"),
            Some(Value::from(class)),
            reader.document.origin(&place.key("class")),
        ));
        let enabled_origin = reader.document.exact_origin(&place.key("enabled")).cloned();
        let enabled_row =
            Shown::new(&shown.key("enabled"), Some(Value::Bool(enabled)), enabled_origin.unwrap_or(Origin::Default));
        self.rows.push(enabled_row);
        given.show(&mut self.rows, reader, &place, &shown, launcher.describe(), settings_key);
        let id = overrides.id.unwrap_or_else(|| launcher.id());
        if enabled {
            self.claim(reader, id, place);
        }
        match launcher.prepare(overrides) {
            Ok(prepared) if enabled => self.prepared.push(prepared),
            Ok(_) => {}
            Err(error) => reader.add(error.problems),
        }
    }

    /// A node loads each community once.
    fn claim(&mut self, reader: &mut Reader<'_>, id: CommunityId, place: KeyPath) {
        let Some((_, before)) = self.loaded.iter().find(|(loaded, _)| *loaded == id) else {
            self.loaded.push((id, place));
            return;
        };
        let before = reader.document.origin(before);
        let what = format!("its community {id} is there already at {before}: give one of them another `id`");
        reader.problem(&place.key("class"), what);
    }

    fn unknown(&mut self, reader: &mut Reader<'_>, class: &str, path: &KeyPath) {
        let names: Vec<_> = reader.launchers.names().collect();
        let there_are = names.join(", ");
        if reader.dialect == Dialect::Reference && OF_THE_REFERENCE.contains(&class) {
            let origin = reader.document.origin(path);
            let warning = format!("{origin}: {class} is not available here and is left out; there are {there_are}");
            reader.warnings.push(warning);
            self.left_out = true;
            return;
        }
        let meant = closest(class, names).map_or(String::new(), |meant| format!(", did you mean `{meant}`?"));
        reader.problem(path, format!("`{class}` is not known, there are {there_are}{meant}"));
    }

    fn id(&self, values: &mut Settings) -> Option<CommunityId> {
        let text = values.take_text("id")?;
        match text.parse() {
            Ok(id) => Some(id),
            Err(_) => {
                values.problem("id", format!("must be 40 hex digits, not `{text}`"));
                None
            }
        }
    }

    /// The alias of the overlay's key, if it is not the node's.
    fn key(&self, reader: &mut Reader<'_>, values: &mut Settings) -> Option<String> {
        let place = values.path().key("key");
        let alias = values.take_text("key")?;
        if self.keys.iter().all(|key| key.alias != alias) {
            let names: Vec<_> = self.keys.iter().map(|key| key.alias.as_str()).collect();
            let there_are = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let meant = closest(&alias, names).map_or(String::new(), |meant| format!(", did you mean `{meant}`?"));
            reader.problem(&place, format!("there is no key of the alias `{alias}`, there are {there_are}{meant}"));
        }
        Some(alias).filter(|alias| self.node_alias != Some(alias))
    }
}

/// A table of values, whatever they are.
fn table(values: &mut Settings, key: &str) -> IndexMap<String, Value> {
    match values.take(key) {
        None => IndexMap::new(),
        Some(Value::Table(table)) => table,
        Some(other) => {
            values.problem(key, format!("must be a table, not {}", other.kind()));
            IndexMap::new()
        }
    }
}

fn strategies(reader: &mut Reader<'_>, values: &mut Settings) -> Option<Vec<(Named, Target)>> {
    let mut found = Vec::new();
    let given = reader.each_table(values, "walkers", |reader, walker| {
        let place = walker.path().clone();
        let target = target(walker);
        let settings = table(walker, "init");
        let has_name = walker.has("strategy");
        match walker.take_text("strategy") {
            Some(name) => found.push((
                Named { name, name_path: place.key("strategy"), settings, settings_path: place.key("init") },
                target.unwrap_or(Target::Peers(crate::launcher::DEFAULT_TARGET)),
            )),
            None if !has_name => reader.problem(&place, "has no `strategy`: name one"),
            None => {}
        }
    });
    given.then_some(found)
}

/// Until when a strategy runs: a number of peers, or for ever.
fn target(walker: &mut Settings) -> Option<Target> {
    match walker.take("peers")? {
        Value::Integer(-1) => Some(Target::Always),
        Value::Text(text) if text == "always" => Some(Target::Always),
        Value::Integer(number) if (0..=MOST_PEERS).contains(&number) => usize::try_from(number).ok().map(Target::Peers),
        other => {
            let not = match other {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => format!("`{text}`"),
                other => other.kind().to_owned(),
            };
            walker.problem("peers", format!("must be from 0 to {MOST_PEERS}, or -1 or \"always\" for ever, not {not}"));
            None
        }
    }
}

fn bootstrappers(reader: &mut Reader<'_>, values: &mut Settings) -> Option<Vec<Named>> {
    let mut found = Vec::new();
    let given = reader.each_table(values, "bootstrappers", |reader, bootstrapper| {
        let place = bootstrapper.path().clone();
        let settings = table(bootstrapper, "init");
        let has_name = bootstrapper.has("class");
        match bootstrapper.take_text("class") {
            Some(name) => {
                found.push(Named { name, name_path: place.key("class"), settings, settings_path: place.key("init") })
            }
            None if !has_name => reader.problem(&place, "has no `class`: name one"),
            None => {}
        }
    });
    given.then_some(found)
}

/// `"name"`, or `["name", value…]`.
fn calls(reader: &mut Reader<'_>, values: &mut Settings) -> Vec<Call> {
    let list_path = values.path().key("on_start");
    let mut calls = Vec::new();
    for (index, value) in values.take_list("on_start").unwrap_or_default().into_iter().enumerate() {
        let path = list_path.index(index);
        match value {
            Value::Text(method) => calls.push(Call { method, path, arguments: Vec::new() }),
            Value::List(mut list) if matches!(list.first(), Some(Value::Text(_))) => {
                if let Value::Text(method) = list.remove(0) {
                    calls.push(Call { method, path, arguments: list });
                }
            }
            _ => reader.problem(&path, "must be a name, or a list of a name and what it is called with"),
        }
    }
    calls
}

/// Trackers from the environment or from flags take the place of those that the file names for an overlay, and so does
/// their wish for no public ones.
fn with_trackers_from_above(reader: &Reader<'_>, mut overrides: Overrides) -> Overrides {
    let Some(bootstrappers) = &mut overrides.bootstrappers else { return overrides };
    let is_tracker = |named: &Named| TRACKER_BOOTSTRAPPERS.contains(&named.name.as_str());
    if reader.is_above("bootstrap") {
        overrides.node_trackers = bootstrappers.iter().any(is_tracker);
        bootstrappers.retain(|named| !is_tracker(named));
    } else if reader.is_above("default_bootstrap")
        && reader.document.root.get("default_bootstrap") == Some(&Value::Bool(false))
    {
        bootstrappers.retain_mut(|named| {
            let public_by_default = !TRACKER_KEYS.iter().any(|key| named.settings.contains_key(*key));
            for key in TRACKER_KEYS {
                if let Some(Value::List(list)) = named.settings.get_mut(key) {
                    list.retain(|tracker| !is_public(tracker));
                }
            }
            !(is_tracker(named) && public_by_default)
        });
    }
    overrides
}

/// Whether this is one of the public trackers: `"HOST:PORT"` or `["HOST", PORT]`.
fn is_public(tracker: &Value) -> bool {
    let text = match tracker {
        Value::Text(text) => text.clone(),
        Value::List(pair) => match pair.as_slice() {
            [Value::Text(host), Value::Integer(port)] => format!("{host}:{port}"),
            _ => return false,
        },
        _ => return false,
    };
    text.parse::<Address>()
        .is_ok_and(|address| DEFAULT_TRACKERS.iter().any(|public| public.parse() == Ok(address.clone())))
}

/// What of an overlay was said, by the names of [`super::KEYS`].
struct Given(Vec<(&'static str, Option<Value>)>);

impl Given {
    fn of(values: &Settings, settings_key: &str) -> Self {
        let keys = ["id", "key", "max_peers", "walkers", "bootstrappers", "settings", "on_start"];
        let mut values = values.clone();
        Self(keys.map(|key| (key, values.take(if key == "settings" { settings_key } else { key }))).into())
    }

    /// Shows it, and what the launcher says where nothing was said.
    fn show(
        self,
        rows: &mut Vec<Shown>,
        reader: &Reader<'_>,
        place: &KeyPath,
        shown: &KeyPath,
        defaults: Vec<(&'static str, Value)>,
        settings_key: &str,
    ) {
        for (key, value) in self.0 {
            let document_key = if key == "settings" { settings_key } else { key };
            match value {
                Some(value) => {
                    let (from, to) = (shown.key(key), place.key(document_key));
                    let steps = from.0.len();
                    flatten(rows, value, &from, &|path| {
                        let rest = path.0.iter().skip(steps).cloned();
                        reader.document.origin(&KeyPath(to.0.iter().cloned().chain(rest).collect()))
                    });
                }
                None => {
                    if let Some((_, value)) = defaults.iter().find(|(there, _)| *there == key) {
                        flatten(rows, value.clone(), &shown.key(key), &|_| Origin::Default);
                    }
                }
            }
        }
    }
}
