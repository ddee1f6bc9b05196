//! The default file says what holds without it, and the page about all keys is up to date.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{config, problems};
use ipv8::{
    Launchers,
    config::{Config, KEYS, Kind, Layers, default_file, reference},
};

/// Values by key, whatever they come from.
fn values(config: &Config) -> Vec<(String, String)> {
    config.all().iter().map(|shown| (shown.key.clone(), shown.toml())).collect()
}

fn defaults() -> Vec<(String, String)> {
    values(&Layers::new().read(&Launchers::standard()).unwrap())
}

/// The default file with lines taken out of their comments where this says so; it gets the table and the name of a key.
fn uncommented(wanted: impl Fn(&str) -> bool) -> String {
    let mut section = String::new();
    let mut out = String::new();
    for line in default_file().lines() {
        let code = line.strip_prefix('#').filter(|code| !code.starts_with(' '));
        if let Some(table) = code.unwrap_or(line).strip_prefix('[') {
            section = format!("{}.", table.trim_matches(['[', ']']));
        }
        let name = code.and_then(|code| code.split(" = ").next()).map(|name| format!("{section}{name}"));
        let line = match (code, name) {
            (Some(code), Some(name)) if wanted(&name) || code.starts_with('[') && wanted(&section) => code,
            _ => line,
        };
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[test]
fn it_reads_as_no_file_does() {
    let read = config("a.toml", &default_file());
    assert_eq!(values(&read), defaults());
    assert!(read.all().iter().all(|shown| shown.origin.to_string() == "default"));
}

#[test]
fn what_it_names_as_default_is_the_default() {
    let single = KEYS.iter().filter(|key| !key.name.contains("[]") && !key.default.is_empty());
    let names: Vec<_> = single.map(|key| key.name).collect();
    let text = uncommented(|name| names.contains(&name));
    let read = config("a.toml", &text);
    assert_eq!(values(&read), defaults());
    for name in names {
        assert!(read.shown(name).unwrap().origin.to_string().starts_with("a.toml:"), "{name}\n{text}");
    }
}

#[test]
fn every_key_is_in_it_and_is_known() {
    let found = problems("a.toml", &uncommented(|_| true));
    assert!(found.iter().all(|problem| !problem.contains("is not known here")), "{found:#?}");
    for key in KEYS {
        let (_, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        assert!(default_file().contains(&format!("\n#{name} = ")), "{}", key.name);
    }
}

/// What the page says of each key is what its values are, and what is said to whoever writes something else.
#[test]
fn every_key_is_of_the_kind_that_the_page_names() {
    for key in KEYS.iter().filter(|key| !key.name.contains("[]")) {
        for value in [key.default, key.example].into_iter().filter(|value| !value.is_empty()) {
            let is = match value.as_bytes()[0] {
                b'"' => "text",
                b'[' => "list",
                b'{' => "table",
                b't' | b'f' => "true or false",
                _ if value.contains('.') => "number",
                _ => "whole number",
            };
            let entry = reference();
            let entry = entry.split(&format!("### `{}`\n\n", key.name)).nth(1).unwrap();
            let named = entry.split(" · ").next().unwrap();
            assert!(named.contains(is), "{}: {value} is no {named}", key.name);
        }
        // A value of a kind that it is not.
        let wrong = if matches!(key.kind, Kind::Bool) { "7" } else { "true" };
        let found = problems("a.toml", &format!("{} = {wrong}", key.name));
        let expected = match key.kind {
            Kind::Bool => "true or false",
            Kind::Integer => "a whole number",
            Kind::Number => "a number",
            Kind::Text => "text",
            // One address may stand alone.
            Kind::List if key.name == "listen" => "IP:PORT",
            Kind::List => "a list",
            Kind::TextOrInteger => "or a number",
            Kind::Rates => "a table of rates, or false",
            Kind::Tables | Kind::Any => panic!("give this test what {} says", key.name),
        };
        assert!(found.len() == 1 && found[0].contains(expected), "{}: {found:?}", key.name);
    }
}

#[test]
fn the_examples_of_the_page_are_configurations() {
    let page = reference();
    let examples: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(problems("a.toml", example), [""; 0], "{example}");
    }
}

/// Run with `UPDATE_DOCS=1` to write the page.
#[test]
fn the_page_about_all_keys_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == reference(), "docs/configuration.md is out of date: run this test with UPDATE_DOCS=1");
}
