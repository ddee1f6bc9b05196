//! What a configuration comes to, value by value.

use ipv8_core::settings::{KeyPath, Step, Value};

use super::{
    Config,
    keys::{KEYS, Key},
    layers::Dialect,
    origin::{Document, Origin, path},
};

/// The value of one key, with where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// The key: `log.level`, `overlay[0].walkers[1].peers`.
    pub key: String,
    /// The value; `None` where nothing is said and nothing is the default. Private keys are not told.
    pub value: Option<Value>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Shown {
    pub(crate) fn new(key: &KeyPath, value: Option<Value>, origin: Origin) -> Self {
        Self { key: key.to_string(), value, origin }
    }

    /// The value as it would be written in a TOML file; empty if there is none.
    #[must_use]
    pub fn toml(&self) -> String {
        self.value.as_ref().map(write).unwrap_or_default()
    }
}

/// All rows: single keys in the order of [`KEYS`], then keys and overlays.
pub(crate) fn rows(config: &Config, document: &Document, dialect: Dialect, overlays: Vec<Shown>) -> Vec<Shown> {
    let mut rows = Vec::new();
    for key in KEYS.iter().filter(|key| !key.name.contains("[]")) {
        rows.push(row(key, config, document, dialect));
    }
    let list = if dialect == Dialect::Reference { "keys" } else { "key" };
    if let Some(keys) = document.root.get(list) {
        flatten(&mut rows, own_names(keys.clone()), &path("key"), &|shown| {
            let steps = std::iter::once(Step::Key(list.to_owned())).chain(shown.0.iter().skip(1).cloned());
            let steps = steps.map(|step| match step {
                Step::Key(key) if dialect == Dialect::Reference => Step::Key(reference_name(&key).to_owned()),
                other => other,
            });
            document.origin(&KeyPath(steps.collect()))
        });
    }
    rows.extend(overlays);
    rows
}

fn row(key: &Key, config: &Config, document: &Document, dialect: Dialect) -> Shown {
    let place = path(key.name);
    let reference = match key.name {
        "listen" => Some("interfaces"),
        "log.level" => Some("logger.level"),
        _ => None,
    };
    let from_reference = reference.filter(|_| dialect == Dialect::Reference).map(path);
    let origin = document
        .exact_origin(&place)
        .or_else(|| document.exact_origin(&from_reference?))
        .cloned()
        .unwrap_or(Origin::Default);
    let value = match key.name {
        "listen" => Some(
            config.listen.iter().map(|listen| Value::from(listen.address().to_string())).collect::<Vec<_>>().into(),
        ),
        "log.level" => Some(Value::from(config.log.level.as_str())),
        "dht.republish" => Some(Value::Float(config.republish.unwrap_or_default().as_secs_f64())),
        name => look_up(document, name).or_else(|| default(key)),
    };
    Shown::new(&place, value, origin)
}

fn look_up(document: &Document, name: &str) -> Option<Value> {
    let mut parts = name.split('.');
    let mut value = document.root.get(parts.next()?)?;
    for part in parts {
        let Value::Table(table) = value else { return None };
        value = table.get(part)?;
    }
    Some(value.clone())
}

/// The default of a key, as a value.
pub(crate) fn default(key: &Key) -> Option<Value> {
    let text = format!("value = {}", key.default);
    let places = super::origin::Places::new("default".into(), &text);
    super::toml::read(&text, &places).ok()?.root.get("value").cloned()
}

/// The names of the reference's dictionary for what keys have.
const REFERENCE_NAMES: [(&str, &str); 2] = [("curve", "generation"), ("private", "bin")];

fn reference_name(own: &str) -> &str {
    REFERENCE_NAMES.iter().find(|(name, _)| *name == own).map_or(own, |(_, reference)| reference)
}

/// Gives what keys have our names, and hides what is secret.
fn own_names(value: Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.into_iter().map(own_names).collect()),
        Value::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let own = REFERENCE_NAMES.iter().find(|(_, reference)| *reference == key);
                    match own.map_or(key, |(own, _)| (*own).to_owned()) {
                        key if key == "private" => (key, Value::from("…")),
                        key => (key, value),
                    }
                })
                .collect(),
        ),
        other => other,
    }
}

/// Adds a row for each value that holds no tables.
pub(crate) fn flatten(rows: &mut Vec<Shown>, value: Value, path: &KeyPath, origin: &dyn Fn(&KeyPath) -> Origin) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                flatten(rows, value, &path.key(key), origin);
            }
        }
        Value::List(list) if list.iter().any(|value| matches!(value, Value::Table(_))) => {
            for (index, value) in list.into_iter().enumerate() {
                flatten(rows, value, &path.index(index), origin);
            }
        }
        value => rows.push(Shown::new(path, Some(value), origin(path))),
    }
}

/// A value as TOML, in one line.
fn write(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(text) => quote(text),
        Value::List(list) => format!("[{}]", list.iter().map(write).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<_> = table.iter().map(|(key, value)| format!("{} = {}", bare(key), write(value))).collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    }
}

fn bare(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { key.to_owned() } else { quote(key) }
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
