//! The DHT in scenarios: what is stored is found, by whom it was published is told apart, and malicious nodes do what they are for.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_scenario::{Dht, Length, Malice, Outcome, OverlayKind, Scenario, Sessions, Simulation};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::new("small");
    scenario.nodes = 30;
    scenario.stamps = true;
    scenario.overlay.kind = OverlayKind::Dht;
    scenario.overlay.max_peers = None;
    scenario.measure.every = secs(30);
    scenario.stop.after = secs(150);
    scenario.dht = Some(Dht {
        values: 40,
        store_at: secs(90),
        store_over: secs(20),
        find_at: vec![secs(120)],
        find_over: secs(20),
        ..Dht::default()
    });
    scenario
}

fn run(scenario: &Scenario) -> Outcome {
    Simulation::new(scenario).unwrap().run()
}

fn fact(outcome: &Outcome, name: &str) -> f64 {
    outcome.facts.iter().find(|fact| fact.name == name).unwrap().value
}

#[track_caller]
fn is(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value} instead of {expected}");
}

#[test]
fn what_is_stored_is_found() {
    let outcome = run(&scenario());
    for (name, expected) in [
        ("dht_stores", 40.0),
        ("dht_stored", 1.0),
        ("dht_finds", 40.0),
        ("dht_found", 1.0),
        ("dht_searched", 1.0),
        ("dht_false_values", 0.0),
        ("dht_go_1", 40.0),
    ] {
        is(fact(&outcome, name), expected);
    }
    assert!(fact(&outcome, "dht_closest") > 0.99 && fact(&outcome, "dht_find_median") < 0.4);
    let found = outcome.series.iter().find(|series| series.name == "dht_found").unwrap();
    // A gap before anything is looked for.
    assert!(found.points.iter().any(|point| point.mean.is_nan()) && found.points.iter().any(|point| point.mean == 1.0));
}

#[test]
fn those_who_stay_stay_and_publish_every_second_value() {
    let mut scenario = scenario();
    scenario.sessions =
        Some(Sessions { length: Length::Weibull(secs(60)), pause: Length::Fixed(secs(1_000)), ..Sessions::default() });
    scenario.dht.as_mut().unwrap().staying = 3;
    let outcome = run(&scenario);
    is(fact(&outcome, "dht_stay_1"), 20.0);
    // Of the others some were gone before it was their turn.
    let others = 40.0 - 20.0 - fact(&outcome, "dht_no_publisher");
    assert!((1.0..=others).contains(&fact(&outcome, "dht_go_1")));
    assert!(fact(&outcome, "up_at_end") >= 3.0 && fact(&outcome, "up_at_end") < 25.0);
}

#[test]
fn malicious_nodes_are_malicious() {
    let with = |malice| {
        let mut scenario = scenario();
        scenario.nodes = 20;
        let dht = scenario.dht.as_mut().unwrap();
        dht.values = 20;
        (dht.malicious, dht.malice) = (0.4, malice);
        run(&scenario)
    };
    let liars = with(Malice::Liar);
    assert!(fact(&liars, "dht_false_values") > 2.0 && fact(&liars, "dht_found") > 0.9);
    // Of the closest nodes those are never found that never answer.
    let silent = with(Malice::Silent);
    assert!(fact(&silent, "dht_closest") < 0.8 && fact(&silent, "dht_found") > 0.9);
    let forgetful = with(Malice::Forgetful);
    assert!(fact(&forgetful, "dht_closest") > 0.9 && fact(&forgetful, "dht_found") > 0.9);
}

#[test]
fn a_dht_needs_its_community_and_moments_before_the_end() {
    let mut bad = scenario();
    bad.overlay.kind = OverlayKind::Plain;
    bad.stop.after = secs(100);
    let problems: Vec<_> = bad.problems().into_iter().map(|problem| problem.path.to_string()).collect();
    assert_eq!(problems, ["dht", "dht.find_at[0]"]);
    assert_eq!(scenario().until(secs(100)).problems(), []);
}
