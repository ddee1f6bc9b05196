//! JSON, with the place of each value: the form of the reference's configuration dictionary.

use indexmap::IndexMap;
use ipv8_core::settings::{KeyPath, Value};
use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged as _, errors::ParseError, parse_to_ast};

use super::{
    origin::{Document, Places},
    problem::{ConfigError, Problem},
};

/// Reads a document. What is no JSON is a problem, and then nothing else is looked at.
pub(crate) fn read(text: &str, places: &Places<'_>) -> Result<Document, ConfigError> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| no_json(&error, places))?;
    let Some(ast::Value::Object(root)) = parsed.value else {
        let what = "the reference's configuration is a JSON object: begin with {";
        return Err(ConfigError { problems: vec![Problem::new(places.at(0), "", what)] });
    };
    let mut reader = Reader { places, document: Document::default(), problems: Vec::new() };
    reader.document.root = reader.object(&root, &KeyPath::default());
    match reader.problems.is_empty() {
        true => Ok(reader.document),
        false => Err(ConfigError { problems: reader.problems }),
    }
}

fn no_json(error: &ParseError, places: &Places<'_>) -> ConfigError {
    let what = format!("this is no JSON: {}", error.kind().to_string().to_lowercase());
    ConfigError { problems: vec![Problem::new(places.at(error.range().start), "", what)] }
}

struct Reader<'p> {
    places: &'p Places<'p>,
    document: Document,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn object(&mut self, object: &ast::Object<'_>, path: &KeyPath) -> IndexMap<String, Value> {
        let mut values = IndexMap::new();
        for property in &object.properties {
            let key = property.name.as_str();
            let path = path.key(key);
            let origin = self.places.at(property.range.start);
            if values.contains_key(key) {
                let what = format!("is there twice, first at {}: keep one", self.document.origin(&path));
                self.problems.push(Problem::new(origin, &path.to_string(), what));
                continue;
            }
            self.document.place(path.clone(), origin);
            // What the reference writes for nothing.
            if matches!(property.value, ast::Value::NullKeyword(_)) {
                continue;
            }
            values.insert(key.to_owned(), self.value(&property.value, &path));
        }
        values
    }

    fn value(&mut self, value: &ast::Value<'_>, path: &KeyPath) -> Value {
        match value {
            ast::Value::StringLit(text) => Value::Text(text.value.to_string()),
            ast::Value::NumberLit(number) => match number.value.parse() {
                Ok(whole) => Value::Integer(whole),
                Err(_) => Value::Float(number.value.parse().unwrap_or(f64::NAN)),
            },
            ast::Value::BooleanLit(value) => Value::Bool(value.value),
            ast::Value::NullKeyword(_) => {
                let what = "null means nothing in a list: leave it out";
                self.problems.push(Problem::new(self.document.origin(path), &path.to_string(), what));
                Value::Bool(false)
            }
            ast::Value::Object(object) => Value::Table(self.object(object, path)),
            ast::Value::Array(list) => {
                let mut values = Vec::with_capacity(list.elements.len());
                for (index, value) in list.elements.iter().enumerate() {
                    let path = path.index(index);
                    self.document.place(path.clone(), self.places.at(value.range().start));
                    values.push(self.value(value, &path));
                }
                Value::List(values)
            }
        }
    }
}
