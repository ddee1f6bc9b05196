//! The demo finds all its peers and says so.
#![allow(clippy::disallowed_methods, reason = "a test of programs has threads")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::ipv8;
use serde_json::Value;

#[test]
fn three_peers_find_each_other_and_count() {
    let run = ipv8(["demo", "--peers", "3", "--json"], b"");
    assert_eq!(run.status, Some(0), "{}{}", run.stdout, run.stderr);
    assert_eq!(run.stderr, "");
    let events = run.json();
    let of_kind = |kind: &str| events.iter().filter(|event| event["event"] == kind).cloned().collect::<Vec<_>>();

    let nodes: BTreeMap<u64, String> = of_kind("started")
        .iter()
        .map(|event| (event["node"].as_u64().unwrap(), event["mid"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(nodes.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    let addresses: BTreeMap<String, Value> = of_kind("started")
        .iter()
        .map(|event| (event["mid"].as_str().unwrap().to_owned(), event["listen"].clone()))
        .collect();

    let mut found: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for event in of_kind("peer") {
        let mid = event["mid"].as_str().unwrap().to_owned();
        assert_eq!(event["address"], addresses[&mid]);
        assert!(found.entry(event["node"].as_u64().unwrap()).or_default().insert(mid), "found twice: {event}");
    }
    for (node, own) in &nodes {
        let others: BTreeSet<String> = nodes.values().filter(|mid| *mid != own).cloned().collect();
        assert_eq!(found[node], others);
        let clocks: Vec<u64> = of_kind("clock")
            .iter()
            .filter(|event| event["node"] == *node)
            .map(|event| event["clock"].as_u64().unwrap())
            .collect();
        assert!(!clocks.is_empty() && clocks.is_sorted(), "{clocks:?}");
    }

    let dht = of_kind("dht");
    assert_eq!(dht.iter().map(|event| &event["what"]).collect::<Vec<_>>(), ["stored", "found", "connected"]);
    assert_eq!((&dht[0]["node"], &dht[1]["node"], &dht[2]["node"]), (&1.into(), &3.into(), &3.into()));
    assert!(dht[0]["stored_on"].as_u64().unwrap() > 0);
    assert_eq!((dht[1]["key"].as_str(), dht[1]["signer"].as_str()), (dht[0]["key"].as_str(), Some(nodes[&1].as_str())));
    assert_eq!((&dht[2]["mid"], &dht[2]["address"]), (&dht[1]["signer"], &addresses[&nodes[&1]]));

    let summary = events.last().unwrap();
    assert_eq!(summary["dht"], true);
    assert_eq!(summary["event"], "summary");
    assert_eq!((&summary["peers"], &summary["pairs_found"], &summary["pairs"]), (&3.into(), &6.into(), &6.into()));
    assert!(summary["clock"].as_u64().unwrap() > 0);
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_demo_that_is_too_short_fails_and_says_so() {
    let run = ipv8(["demo", "--peers", "3", "--seconds", "0", "--json"], b"");
    run.failed(1, "give it more --seconds");
    assert_eq!(run.json().last().unwrap()["event"], "summary");
}

#[test]
fn people_get_lines_and_a_table() {
    let run = ipv8(["demo", "--peers", "2"], b"");
    assert_eq!(run.status, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("peer 1 found peer 2 at 127.0.0.1:"), "{}", run.stdout);
    assert!(run.stdout.contains("peer 2 looked for who signed it, and reached peer 1 at 127.0.0.1:"), "{}", run.stdout);
    assert!(run.stdout.contains("\npeer  listens at "), "{}", run.stdout);
    assert!(run.stdout.lines().last().unwrap().starts_with("all 2 peers found each other"), "{}", run.stdout);
}

#[test]
fn several_demos_can_run_at_once() {
    let run = || ipv8(["demo", "--peers", "2", "--json"], b"");
    let runs: Vec<_> = std::thread::scope(|scope| {
        let demos: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        demos.into_iter().map(|demo| demo.join().unwrap()).collect()
    });
    for run in runs {
        assert_eq!(run.status, Some(0), "{}{}", run.stdout, run.stderr);
        assert_eq!(run.json().iter().filter(|event| event["event"] == "started").count(), 2);
    }
}

#[test]
fn wrong_numbers_have_status_2() {
    ipv8(["demo", "--peers", "1"], b"").failed(2, "from 2 to 100");
    ipv8(["demo", "--seconds", "-1"], b"").failed(2, "seconds");
    ipv8(["demo", "--seconds", "soon"], b"").failed(2, "seconds");
}
