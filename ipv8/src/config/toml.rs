//! TOML, with the place of each value.

use indexmap::IndexMap;
use ipv8_core::settings::{KeyPath, Value};
use toml::de::{DeTable, DeValue};

use super::{
    origin::{Document, Places},
    problem::{ConfigError, Problem},
};

/// Reads a document. What is no TOML is a problem each, and then nothing else is looked at.
pub(crate) fn read(text: &str, places: &Places<'_>) -> Result<Document, ConfigError> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { places, document: Document::default(), problems: Vec::new() };
    for error in errors {
        let origin = places.at(error.span().map_or(0, |span| span.start));
        reader.problems.push(Problem::new(origin, "", error.message().trim().replace('\n', ", ")));
    }
    if reader.problems.is_empty() {
        reader.document.root = reader.table(root.get_ref(), &KeyPath::default());
    }
    match reader.problems.is_empty() {
        true => Ok(reader.document),
        false => Err(ConfigError { problems: reader.problems }),
    }
}

struct Reader<'p> {
    places: &'p Places<'p>,
    document: Document,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &KeyPath) -> IndexMap<String, Value> {
        let mut values = IndexMap::new();
        for (key, value) in table {
            let path = path.key(key.get_ref().as_ref());
            self.document.place(path.clone(), self.places.at(key.span().start));
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
                    let problem = format!("{number} is too large: write a number that fits into 64 bits");
                    self.problems.push(Problem::new(self.document.origin(path), &path.to_string(), problem));
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
                    self.document.place(path.clone(), self.places.at(value.span().start));
                    values.push(self.value(value.get_ref(), &path));
                }
                Value::List(values)
            }
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        }
    }
}
