//! What becomes of the bootstrappers of an overlay when trackers are given from above, or the public ones are not wanted.

use ipv8_core::settings::{KeyPath, Value};
use ipv8_discovery::DEFAULT_TRACKERS;
use ipv8_wire::Address;

use super::{
    origin::{Origin, path},
    read::Reader,
    show::{Shown, flatten},
};
use crate::launcher::{Named, Overrides};

/// The bootstrappers that know trackers, and the keys in which they are told them.
const TRACKER_BOOTSTRAPPERS: [&str; 2] = ["DispersyBootstrapper", "TrackerBootstrapper"];
const TRACKER_KEYS: [&str; 3] = ["trackers", "ip_addresses", "dns_addresses"];

/// The bootstrappers of an overlay that hold in the end, with where each value comes from.
pub(crate) struct Bootstrapping {
    /// Each with the keys that are not as they were written.
    kept: Vec<(Named, Vec<&'static str>)>,
    /// Whether the node's trackers are used beside them.
    node_trackers: bool,
    /// What changed them, if anything did.
    changed: Option<Origin>,
}

/// Those of a file: trackers from the environment or from flags take the place of theirs, and public ones are taken out if
/// they are not wanted.
pub(crate) fn from_above(reader: &Reader<'_>, given: Vec<Named>) -> Bootstrapping {
    if !reader.is_above("bootstrap") {
        return without_public(reader, given);
    }
    let all = given.len();
    let kept: Vec<_> = given.into_iter().filter(|named| !is_tracker(named)).map(|named| (named, Vec::new())).collect();
    let node_trackers = kept.len() < all;
    let changed = node_trackers.then(|| reader.document.origin(&path("bootstrap")));
    Bootstrapping { kept, node_trackers, changed }
}

/// Takes the public trackers out, wherever it is said that they are not wanted. A bootstrapper that had nobody but them
/// leaves its place to the node's trackers.
pub(crate) fn without_public(reader: &Reader<'_>, given: Vec<Named>) -> Bootstrapping {
    let mut result = Bootstrapping { kept: Vec::with_capacity(given.len()), node_trackers: false, changed: None };
    let unwanted = reader.document.root.get("default_bootstrap") == Some(&Value::Bool(false));
    for mut named in given {
        let mut keys = Vec::new();
        if unwanted && is_tracker(&named) {
            if !TRACKER_KEYS.iter().any(|key| named.settings.contains_key(*key)) {
                result.node_trackers = true;
                continue;
            }
            for key in TRACKER_KEYS {
                if let Some(Value::List(list)) = named.settings.get_mut(key) {
                    let before = list.len();
                    list.retain(|tracker| !is_public(tracker));
                    if list.len() < before {
                        keys.push(key);
                    }
                }
            }
        }
        let is_empty = |key| matches!(named.settings.get(key), None | Some(Value::List(_))) && !has_some(&named, key);
        if !keys.is_empty() && TRACKER_KEYS.into_iter().all(is_empty) {
            result.node_trackers = true;
            continue;
        }
        result.kept.push((named, keys));
    }
    if result.node_trackers || result.kept.iter().any(|(_, keys)| !keys.is_empty()) {
        result.changed = Some(reader.document.origin(&path("default_bootstrap")));
    }
    result
}

fn has_some(named: &Named, key: &str) -> bool {
    matches!(named.settings.get(key), Some(Value::List(list)) if !list.is_empty())
}

fn is_tracker(named: &Named) -> bool {
    TRACKER_BOOTSTRAPPERS.contains(&named.name.as_str())
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

impl Bootstrapping {
    /// Shows what holds: each bootstrapper, and the node's trackers as the one that they come to.
    pub(crate) fn show(
        &self,
        rows: &mut Vec<Shown>,
        reader: &Reader<'_>,
        trackers: &[Address],
        place: &KeyPath,
        shown: &KeyPath,
    ) {
        let changed = || self.changed.clone().unwrap_or(Origin::Default);
        for (index, (named, keys)) in self.kept.iter().enumerate() {
            let shown = shown.index(index);
            let class = Value::from(named.name.as_str());
            rows.push(Shown::new(&shown.key("class"), Some(class), reader.document.origin(&named.name_path)));
            for (key, value) in &named.settings {
                let (from, to) = (shown.key("init").key(key), named.settings_path.key(key));
                flatten(rows, value.clone(), &from, &|path| match keys.contains(&key.as_str()) {
                    true => changed(),
                    false => reader.document.origin(&moved(path, &from, &to)),
                });
            }
        }
        if self.node_trackers && !trackers.is_empty() {
            let shown = shown.index(self.kept.len());
            let list: Vec<_> = trackers.iter().map(|tracker| Value::from(tracker.to_string())).collect();
            let class = Value::from("TrackerBootstrapper");
            rows.push(Shown::new(&shown.key("class"), Some(class), changed()));
            rows.push(Shown::new(&shown.key("init").key("trackers"), Some(list.into()), changed()));
        } else if self.kept.is_empty() {
            let origin = self.changed.clone().unwrap_or_else(|| reader.document.origin(place));
            rows.push(Shown::new(shown, Some(Value::List(Vec::new())), origin));
        }
    }

    /// Lets an overlay be made of them.
    pub(crate) fn put_into(self, overrides: &mut Overrides) {
        overrides.bootstrappers = Some(self.kept.into_iter().map(|(named, _)| named).collect());
        overrides.node_trackers = self.node_trackers;
    }
}

/// The place of a part that is shown elsewhere than it is written.
pub(crate) fn moved(path: &KeyPath, from: &KeyPath, to: &KeyPath) -> KeyPath {
    KeyPath(to.0.iter().chain(path.0.iter().skip(from.0.len())).cloned().collect())
}
