//! The page about scenarios has all keys, kinds and metrics, and its example can be run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_scenario::{AttackKind, BUILTINS, Metric, Scenario, read::keys::reference};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulation.md");
const BEGIN: &str =
    "<!-- keys: from here to the next such line, written by the test `docs` of ipv8-scenario with UPDATE_DOCS=1 -->\n";
const END: &str = "\n<!-- keys end -->";

/// Run with `UPDATE_DOCS=1` to write the keys.
#[test]
fn the_keys_of_the_page_are_those_of_the_reader() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END.trim_start()).unwrap();
    let now = format!("{before}{BEGIN}{}{END}{after}", reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &now).unwrap();
    } else {
        assert!(page == now, "docs/simulation.md is out of date: run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn all_names_are_on_the_page() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let metrics = Metric::ALL.map(Metric::name);
    let attacks = AttackKind::ALL.map(AttackKind::name);
    for name in metrics.into_iter().chain(attacks).chain(BUILTINS.iter().map(|builtin| builtin.name)) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_example_of_the_page_is_a_scenario() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let examples: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 1);
    assert_eq!(
        Scenario::from_toml("storm.toml", examples[0]).map_err(|error| error.to_string()).unwrap().name,
        "storm"
    );
}
