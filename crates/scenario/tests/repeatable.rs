//! The same scenario gives the same outcome, to the last bit.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_scenario::{BUILTINS, Options, Simulation};

#[test]
fn every_built_in_scenario_comes_out_the_same_twice() {
    for builtin in BUILTINS {
        let mut scenario = builtin.scenario().unwrap();
        scenario.nodes = 10;
        let scenario = scenario.until(Duration::from_secs(60));
        // Once with one thread, once with three.
        let [first, second] =
            [1, 3].map(|threads| Simulation::with(&scenario, Options::default().threads(threads)).unwrap().run());
        // Debug writes the shortest digits that read as the same number, so equal texts are equal bits.
        assert_eq!(format!("{first:#?}"), format!("{second:#?}"), "{}", builtin.name);
        assert_eq!(first.digest(), second.digest());
    }
}

#[test]
fn another_seed_gives_another_run() {
    let mut scenario = BUILTINS[0].scenario().unwrap();
    scenario.nodes = 20;
    let scenario = scenario.until(Duration::from_secs(20));
    let first = Simulation::new(&scenario).unwrap().run();
    let second = Simulation::new(&ipv8_scenario::Scenario { seed: 2, ..scenario }).unwrap().run();
    assert_ne!(first.trace_hash, second.trace_hash);
}
