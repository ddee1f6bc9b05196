//! TOML, with the place of each value.

use std::collections::HashMap;

use indexmap::IndexMap;
use ipv8_core::settings::{KeyPath, Value};
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// Values with the place of each.
pub(super) struct Document {
    pub(super) root: IndexMap<String, Value>,
    /// For look-ups only.
    places: HashMap<KeyPath, Place>,
}

impl Document {
    /// Where a value is written, or what it is a part of; the beginning of the file if nothing says.
    pub(super) fn place(&self, path: &KeyPath) -> Place {
        let mut path = path.clone();
        loop {
            if let Some(place) = self.places.get(&path) {
                return *place;
            }
            if path.0.pop().is_none() {
                return Place { line: 1, column: 1 };
            }
        }
    }
}

/// Reads a document. What is no TOML is a problem each, and then nothing else is looked at.
pub(super) fn read(text: &str) -> Result<Document, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let document = Document { root: IndexMap::new(), places: HashMap::new() };
    let mut reader = Reader { text, lines, document, problems: Vec::new() };
    for error in errors {
        let place = reader.at(error.span().map_or(0, |span| span.start));
        reader.problems.push(Problem { place, key: String::new(), what: error.message().trim().replace('\n', ", ") });
    }
    if reader.problems.is_empty() {
        reader.document.root = reader.table(root.get_ref(), &KeyPath::default());
    }
    if reader.problems.is_empty() { Ok(reader.document) } else { Err(reader.problems) }
}

struct Reader<'t> {
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    document: Document,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn at(&self, byte: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let column = 1 + self.text.get(start..byte).map_or(0, |before| before.chars().count());
        Place { line, column }
    }

    fn note(&mut self, path: &KeyPath, byte: usize) {
        let place = self.at(byte);
        self.document.places.insert(path.clone(), place);
    }

    fn table(&mut self, table: &DeTable<'_>, path: &KeyPath) -> IndexMap<String, Value> {
        let mut values = IndexMap::new();
        for (key, value) in table {
            let path = path.key(key.get_ref().as_ref());
            self.note(&path, key.span().start);
            values.insert(key.get_ref().to_string(), self.value(value.get_ref(), &path));
        }
        values
    }

    fn value(&mut self, value: &DeValue<'_>, path: &KeyPath) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let place = self.document.place(path);
                    let what = format!("{number} is too large: write a number that fits into 64 bits");
                    self.problems.push(Problem { place, key: path.to_string(), what });
                    Value::Integer(0)
                }
            },
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Bool(*value),
            // Nothing here is a date; whoever reads it says so.
            DeValue::Datetime(date) => Value::Text(date.to_string()),
            DeValue::Array(list) => {
                let mut values = Vec::with_capacity(list.len());
                for (index, value) in list.iter().enumerate() {
                    let path = path.index(index);
                    self.note(&path, value.span().start);
                    values.push(self.value(value.get_ref(), &path));
                }
                Value::List(values)
            }
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        }
    }
}
