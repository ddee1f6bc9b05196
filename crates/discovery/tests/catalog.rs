//! Strategies and bootstrappers by name: the reference's names and keys are taken, everything else is a problem.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{ANY, Plain, address, node, seconds, sent, summary};
use ipv8_core::{
    Community, Context, OverlayConfig, Routes, Settings, Strategy, StrategyCatalog, StrategyInfo, Target, Value,
};
use ipv8_discovery::{bootstrappers, strategies};
use ipv8_wire::CommunityId;

fn pair(host: &str, port: i64) -> Value {
    vec![host.into(), port.into()].into()
}

/// The reference's default configuration, as its dictionary has it.
fn of_the_reference(name: &str) -> Settings {
    match name {
        "RandomWalk" => Settings::new([
            ("timeout", Value::from(3.0)),
            ("window_size", 5.into()),
            ("reset_chance", 50.into()),
            ("target_interval", 0.into()),
        ]),
        "EdgeWalk" => Settings::new([
            ("edge_length", Value::from(4)),
            ("neighborhood_size", 6.into()),
            ("edge_timeout", 3.0.into()),
        ]),
        "RandomChurn" => Settings::new([
            ("sample_size", Value::from(8)),
            ("ping_interval", 10.0.into()),
            ("inactive_time", 27.5.into()),
            ("drop_time", 57.5.into()),
        ]),
        "DispersyBootstrapper" => Settings::new([
            ("ip_addresses", vec![pair("10.0.0.50", 8_090)].into()),
            ("dns_addresses", vec![pair("tracker.example", 6_421)].into()),
            ("bootstrap_timeout", 30.0.into()),
        ]),
        other => panic!("{other} has no settings in this test"),
    }
}

#[test]
fn the_references_keys_are_taken() {
    for name in ["RandomWalk", "EdgeWalk", "RandomChurn"] {
        strategies().make(name, &mut of_the_reference(name)).unwrap();
    }
    let trackers = bootstrappers().make("DispersyBootstrapper", &mut of_the_reference("DispersyBootstrapper")).unwrap();
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Plain).boxed_bootstrapper(trackers)).unwrap();
    handle.with(|_, cx| cx.bootstrap()).unwrap();
    assert_eq!(summary(&sent(&node, seconds(0))), [(address(50), 246)]);
    assert_eq!(node.poll_resolve().unwrap().host(), "tracker.example");
}

#[test]
fn everything_can_be_made_without_settings() {
    for name in strategies().names() {
        assert_eq!(strategies().make(name, &mut Settings::default()).unwrap().name(), name);
    }
    for name in bootstrappers().names() {
        bootstrappers().make(name, &mut Settings::default()).unwrap();
    }
}

#[test]
fn every_documented_key_is_known_and_no_other() {
    // A value that no key takes: every known key complains of it, and every unknown one of being unknown.
    let wrong = || Value::Table(std::iter::once(("x".to_owned(), Value::from(true))).collect());
    let strategies = strategies();
    let of_strategies = strategies.entries().map(|(name, entry)| (name, entry.keys));
    let bootstrappers = bootstrappers();
    let of_bootstrappers = bootstrappers.entries().map(|(name, entry)| (name, entry.keys));
    for (name, keys) in of_strategies.chain(of_bootstrappers) {
        let mut settings = Settings::new(keys.iter().map(|key| (key.name, wrong())).chain([("no_such", wrong())]));
        let error = match (strategies.get(name), bootstrappers.get(name)) {
            (Some(_), _) => strategies.make(name, &mut settings).err().unwrap(),
            _ => bootstrappers.make(name, &mut settings).err().unwrap(),
        };
        let text = error.to_string();
        assert_eq!(text.lines().count(), keys.len() + 1, "{name}: {text}");
        for key in keys {
            assert!(text.contains(&format!("`{}` must be", key.name)), "{name}: {text}");
        }
        assert!(text.ends_with("`no_such` is not known here"), "{name}: {text}");
    }
}

#[test]
fn unknown_names_get_a_suggestion() {
    let error = strategies().make("RandmWalk", &mut Settings::default()).err().unwrap();
    assert!(error.to_string().ends_with("; did you mean `RandomWalk`?"), "{error}");
    let error = bootstrappers().make("Carrier pigeon", &mut Settings::default()).err().unwrap();
    assert!(error.to_string().starts_with("nothing here is called `Carrier pigeon`, there are Tracker"), "{error}");
}

#[test]
fn wrong_addresses_are_told_one_by_one() {
    let mut settings = Settings::new([
        ("trackers", Value::from(vec!["[::1]:6421".into(), "nonsense".into(), 5.into()])),
        ("ip_addresses", vec![pair("::1", 6_421), pair("1.2.3.4", 65_536), pair("0.0.0.0", 1)].into()),
    ]);
    let error = bootstrappers().make("TrackerBootstrapper", &mut settings).err().unwrap().to_string();
    let places: Vec<&str> = error.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["`ip_addresses[1]`", "`ip_addresses[2]`", "`trackers[1]`", "`trackers[2]`"], "{error}");
}

/// Sends nothing; its name is one that is built in.
struct Own;

impl Strategy for Own {
    fn name(&self) -> &'static str {
        "Own"
    }

    fn step(&mut self, _: &mut Context<'_>) {}
}

struct Special;

impl Community for Special {
    const ID: CommunityId = ANY;

    fn routes(_: &mut Routes<Self>) {}

    fn available_strategies() -> StrategyCatalog {
        StrategyCatalog::new().with("Own", "Does nothing.", &[], |_| Ok(Box::new(Own))).with(
            "RandomWalk",
            "Does nothing either.",
            &[],
            |_| Ok(Box::new(Own)),
        )
    }
}

#[test]
fn a_community_adds_its_own_and_may_replace_what_is_built_in() {
    let all = strategies().and(Special::available_strategies());
    let make = |name| all.make(name, &mut Settings::default()).unwrap();
    let config = OverlayConfig::new(Special)
        .boxed_strategy(make("Own"), Target::Always)
        .boxed_strategy(make("RandomWalk"), Target::Peers(20));
    let node = node(1);
    let handle = node.load(config).unwrap();
    let info = |target| StrategyInfo { name: "Own", target };
    let listed = handle.with(|_, cx| cx.strategies()).unwrap();
    assert_eq!(listed, [info(Target::Always), info(Target::Peers(20))]);
}
