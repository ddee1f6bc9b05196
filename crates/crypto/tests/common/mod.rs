//! The golden vectors.

#![allow(dead_code, unreachable_pub, reason = "a module of several tests, none of which needs all of it")]

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A file of `interop/vectors`.
pub fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/vectors").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The entries of a list, of which there must be some.
pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let entries = value[field].as_array().unwrap_or_else(|| panic!("no list {field}"));
    assert!(!entries.is_empty(), "{field} is empty");
    entries
}

/// A field of text.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field}"))
}

/// A field of hex.
pub fn bytes(value: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(value, field)).unwrap()
}
