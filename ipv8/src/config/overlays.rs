//! What a configuration says of overlays.

use indexmap::IndexMap;
use ipv8_core::{
    MaxPeers, Target,
    settings::{KeyPath, Settings, Value, closest},
};
use ipv8_wire::{Address, CommunityId};

use super::{
    layers::Dialect,
    origin::{Origin, path},
    read::{Alias, MOST_PEERS, Reader, max_peers},
    show::{Shown, flatten},
    trackers::{self, Bootstrapping, moved},
};
use crate::launcher::{Call, Erased, Named, Overrides, Prepared, order};

/// The overlays of the reference that its dictionaries may name without an error, although they are not here.
const OF_THE_REFERENCE: [&str; 6] = [
    "AttestationCommunity",
    "DHTCommunity",
    "DHTDiscoveryCommunity",
    "HiddenTunnelCommunity",
    "IdentityCommunity",
    "TunnelCommunity",
];

/// What the reference's `initialize` says of any community.
const COMMON_SETTINGS: [&str; 2] = ["max_peers", "anonymize"];

/// Reads all overlays: those that are named, or all that the program has. Gives what is to be shown of them, too.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    values: &mut Settings,
    keys: &[Alias],
    node_alias: Option<&str>,
    trackers: &[Address],
) -> (Vec<Prepared>, Vec<Shown>) {
    let list = if reader.dialect == Dialect::Reference { "overlays" } else { "overlay" };
    let mut all = Overlays {
        keys,
        node_alias,
        trackers,
        prepared: Vec::new(),
        places: Vec::new(),
        loaded: Vec::new(),
        rows: Vec::new(),
        left_out: false,
    };
    let mut number = 0;
    let given = values.has(list);
    reader.each_table(values, list, |reader, overlay| {
        all.overlay(reader, overlay, number);
        number += 1;
    });
    if !given {
        all.launch_all(reader);
    }
    if all.left_out && !all.prepared.iter().any(|overlay| overlay.enabled) && reader.problems.is_empty() {
        let names = reader.launchers.names().collect::<Vec<_>>().join(", ");
        reader.problem(&path(list), format!("none of the overlays is there: name one of {names}"));
    }
    if reader.problems.is_empty() {
        all.check_order(reader);
    }
    (all.prepared, all.rows)
}

struct Overlays<'k> {
    keys: &'k [Alias],
    /// The alias of the node's own key.
    node_alias: Option<&'k str>,
    /// The node's trackers.
    trackers: &'k [Address],
    prepared: Vec<Prepared>,
    /// Where each of those is named.
    places: Vec<KeyPath>,
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
            let own = launcher.named_bootstrappers().map(|own| trackers::without_public(reader, own));
            for (key, value) in launcher.describe() {
                if key != "bootstrappers" || own.is_none() {
                    flatten(&mut self.rows, value, &shown.key(key), &|_| Origin::Default);
                }
            }
            if let Some(own) = &own {
                own.show(&mut self.rows, reader, self.trackers, &path("overlay"), &shown.key("bootstrappers"));
            }
            let mut overrides = Overrides::default();
            if let Some(own) = own {
                own.put_into(&mut overrides);
            }
            self.prepare(reader, launcher.as_ref(), overrides, shown, true);
        }
    }

    /// Keeps what a launcher makes of it.
    fn prepare(
        &mut self,
        reader: &mut Reader<'_>,
        launcher: &dyn Erased,
        mut overrides: Overrides,
        place: KeyPath,
        enabled: bool,
    ) {
        if launcher.takes_dht_keys() {
            let republish = reader.republish.unwrap_or_default().as_secs_f64();
            overrides.settings.entry("republish".to_owned()).or_insert(Value::Float(republish));
        }
        match launcher.prepare(overrides) {
            Ok(prepared) => {
                self.prepared.push(Prepared { enabled, ..prepared });
                self.places.push(place.key("class"));
            }
            Err(error) => reader.add(error.problems),
        }
    }

    /// Reports now what would keep the node from starting.
    fn check_order(&self, reader: &mut Reader<'_>) {
        let items: Vec<_> = self.prepared.iter().map(Prepared::item).collect();
        let Err(error) = order(&items) else { return };
        let at = items.iter().position(|item| Some(item.name) == error.launcher());
        let place = at.and_then(|at| self.places.get(at)).cloned().unwrap_or_default();
        reader.problem(&place, error.to_string());
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
        let launcher = class.as_ref().and_then(|class| reader.launchers.get(class)).cloned();
        let mut overrides = Overrides {
            id: self.id(values),
            key: self.key(reader, values),
            max_peers: max_peers(values),
            strategies: strategies(reader, values),
            bootstrappers: None,
            node_trackers: false,
            settings: table(values, settings_key),
            settings_path: place.key(settings_key),
            on_start: calls(reader, values),
        };
        if is_reference {
            let common = common_settings(reader, &mut overrides.settings, &place.key(settings_key));
            overrides.max_peers = overrides.max_peers.or(common);
        }
        let bootstrapping = match bootstrappers(reader, values) {
            Some(given) => Some(trackers::from_above(reader, given)),
            None => launcher
                .as_ref()
                .and_then(|launcher| launcher.named_bootstrappers())
                .map(|own| trackers::without_public(reader, own)),
        };
        let Some(class) = class else { return };
        let Some(launcher) = launcher else {
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
        self.show(reader, given, bootstrapping.as_ref(), &shown, launcher.describe());
        if let Some(bootstrapping) = bootstrapping {
            bootstrapping.put_into(&mut overrides);
        }
        let id = overrides.id.unwrap_or_else(|| launcher.id());
        if enabled {
            self.claim(reader, id, place.clone());
        }
        self.prepare(reader, launcher.as_ref(), overrides, place, enabled);
    }

    /// Shows what was said, and what the launcher says where nothing was said; of bootstrappers those that hold.
    fn show(
        &mut self,
        reader: &Reader<'_>,
        given: Given,
        bootstrapping: Option<&Bootstrapping>,
        shown: &KeyPath,
        defaults: Vec<(&'static str, Value)>,
    ) {
        for (key, value, to) in given.0 {
            let from = shown.key(key);
            match (value, bootstrapping) {
                (_, Some(bootstrapping)) if key == "bootstrappers" => {
                    bootstrapping.show(&mut self.rows, reader, self.trackers, &to, &from);
                }
                (Some(value), _) => {
                    flatten(&mut self.rows, value, &from, &|path| reader.document.origin(&moved(path, &from, &to)));
                }
                (None, _) => {
                    if let Some((_, value)) = defaults.iter().find(|(there, _)| *there == key) {
                        flatten(&mut self.rows, value.clone(), &from, &|_| Origin::Default);
                    }
                }
            }
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

/// What the reference sets on every community that it makes, whatever that is (`ipv8_service.py` sets all of `initialize` on
/// the `CommunitySettings`): taken out of the settings of the overlay. Gives its `max_peers`.
fn common_settings(
    reader: &mut Reader<'_>,
    settings: &mut IndexMap<String, Value>,
    place: &KeyPath,
) -> Option<MaxPeers> {
    let common = COMMON_SETTINGS.iter().filter_map(|key| settings.shift_remove_entry(*key));
    let mut common = Settings::new(common).at(place.clone());
    let limit = max_peers(&mut common);
    if common.take_bool("anonymize") == Some(true) {
        common.problem("anonymize", "is not available here: leave it out, or write false");
    }
    if let Err(error) = common.finish() {
        reader.add(error.problems);
    }
    limit
}

/// What of an overlay was said, by the names of [`super::KEYS`], and where.
struct Given(Vec<(&'static str, Option<Value>, KeyPath)>);

impl Given {
    fn of(values: &Settings, settings_key: &str) -> Self {
        let keys = ["id", "key", "max_peers", "walkers", "bootstrappers", "settings", "on_start"];
        let place = values.path().clone();
        let mut values = values.clone();
        let mut given = keys.map(|key| {
            let document_key = if key == "settings" { settings_key } else { key };
            (key, values.take(document_key), place.key(document_key))
        });
        if settings_key == "initialize" {
            let settings = given.iter_mut().find(|(key, ..)| *key == "settings");
            let common: Vec<_> = match settings {
                Some((_, Some(Value::Table(table)), _)) => {
                    COMMON_SETTINGS.iter().filter_map(|key| table.shift_remove_entry(*key)).collect()
                }
                _ => Vec::new(),
            };
            for (key, value) in common {
                if let Some(row) =
                    given.iter_mut().find(|(there, there_value, _)| *there == key && there_value.is_none())
                {
                    (row.1, row.2) = (Some(value), place.key(settings_key).key(key));
                }
            }
        }
        Self(given.into())
    }
}
