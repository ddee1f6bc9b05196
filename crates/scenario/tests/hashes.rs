//! The built-in scenarios come out as they did when `scenarios/HASHES` was written, on every machine. A change that is
//! meant changes that file with it: `cargo xtask hashes --update`, or this test with UPDATE_HASHES=1.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here fails the test; runs share the cores"
)]

use std::{fmt::Write as _, thread};

use ipv8_scenario::{BUILTINS, Builtin, Simulation};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/HASHES");

const HEAD: &str = "\
# What the built-in scenarios come to: any change of what nodes do, however small, changes these numbers, so that it is seen
# in review. Written by `cargo xtask hashes --update`, compared by `cargo test -p ipv8-scenario --test hashes`.
#
# name, nodes, seed, virtual seconds, datagrams that arrived, hash of all of them, hash of the outcome's numbers
";

/// So few that all of them take seconds, without optimisation.
const NODES: u32 = 16;

fn line(builtin: &Builtin) -> String {
    let mut scenario = builtin.scenario().unwrap();
    scenario.nodes = NODES;
    let outcome = Simulation::new(&scenario).unwrap().run();
    let (name, seed, seconds) = (builtin.name, outcome.seed, outcome.virtual_time.as_secs_f64());
    let (delivered, trace, digest) = (outcome.totals.delivered, outcome.trace_hash, outcome.digest());
    format!("{name} {NODES} {seed} {seconds} {delivered} {trace:016x} {digest:016x}\n")
}

#[test]
fn built_in_scenarios_come_out_as_they_did() {
    let runs: Vec<_> = BUILTINS.iter().map(|builtin| thread::spawn(move || line(builtin))).collect();
    let mut now = HEAD.to_owned();
    for run in runs {
        let _ = write!(now, "{}", run.join().unwrap());
    }
    if std::env::var_os("UPDATE_HASHES").is_some() {
        std::fs::write(FILE, &now).unwrap();
    }
    let before = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        before == now,
        "scenarios come out otherwise than scenarios/HASHES says. If that is meant: cargo xtask hashes --update\n{now}"
    );
}
