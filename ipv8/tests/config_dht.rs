//! What a configuration says of the DHT.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{config, problems};
use ipv8::{
    Handle, Launchers,
    config::Config,
    core::{Node, NodeConfig, crypto::PrivateKey},
    dht::DhtCommunity,
};

/// A node with the overlays of a configuration.
fn loaded(config: Config) -> (Node, Handle<DhtCommunity>) {
    let mut seed = b"LibNaCLSK:".to_vec();
    seed.extend(1..=64);
    let node = Node::new(NodeConfig::new(PrivateKey::from_bytes(&seed).unwrap(), [1; 32]));
    config.load(&node).unwrap();
    let dht = node.find().unwrap();
    (node, dht)
}

fn republishes(text: &str) -> Option<u64> {
    let (_node, dht) = loaded(config("a.toml", text));
    dht.with(|dht, _| dht.config().republish.map(|every| every.as_secs())).unwrap()
}

#[test]
fn it_is_loaded_by_default_with_the_strategies_of_the_reference() {
    let (node, dht) = loaded(config("a.toml", ""));
    let names =
        dht.with(|_, cx| cx.strategies().iter().map(|strategy| strategy.name.to_owned()).collect::<Vec<_>>()).unwrap();
    assert_eq!(names, ["RandomWalk", "PingChurn"]);
    assert_eq!(node.report().overlays.len(), 2, "with the DiscoveryCommunity");
}

#[test]
fn either_class_of_the_reference_can_be_named_but_not_both() {
    for class in ["DHTCommunity", "DHTDiscoveryCommunity"] {
        let config = config("a.toml", &format!("[[overlay]]\nclass = '{class}'"));
        assert_eq!(config.overlays().collect::<Vec<_>>(), [class]);
        loaded(config);
    }
    let both = problems("a.toml", "[[overlay]]\nclass = 'DHTCommunity'\n[[overlay]]\nclass = 'DHTDiscoveryCommunity'");
    assert!(both[0].contains("is there already at"), "{both:?}");
}

#[test]
fn values_of_ones_own_are_stored_again_unless_the_node_is_to_be_like_the_reference() {
    assert_eq!(republishes(""), Some(1_800));
    assert_eq!(republishes("dht.republish = 600"), Some(600));
    assert_eq!(republishes("dht.republish = 0"), None);
    assert_eq!(republishes("hardening.preset = 'reference'"), None);
    assert_eq!(republishes("hardening.preset = 'reference'\ndht.republish = 600"), Some(600));
    assert_eq!(republishes("[[overlay]]\nclass = 'DHTCommunity'\nsettings = { republish = 90 }"), Some(90));
    let found = problems("a.toml", "dht.republish = 59");
    assert_eq!(found, ["a.toml:1:5: dht.republish: must be 60 or more, or 0 for never, not 59"]);
    let shown = |text: &str| config("a.toml", text).shown("dht.republish").unwrap().toml();
    assert_eq!((shown(""), shown("hardening.preset = 'reference'")), ("1800.0".to_owned(), "0.0".to_owned()));
}

#[test]
fn a_program_that_launches_them_itself_lets_values_die_as_the_reference_does() {
    let mut seed = b"LibNaCLSK:".to_vec();
    seed.extend(1..=64);
    let node = Node::new(NodeConfig::new(PrivateKey::from_bytes(&seed).unwrap(), [1; 32]));
    Launchers::standard().load(&node, &[]).unwrap();
    let republish = node.find::<DhtCommunity>().unwrap().with(|dht, _| dht.config().republish);
    assert_eq!(republish.unwrap(), None::<Duration>);
}

#[test]
fn limits_of_the_store_are_settings() {
    let settings = "settings = { max_values = 10, max_values_per_key = 3, max_values_per_source = 5 }";
    let (_node, dht) = loaded(config("a.toml", &format!("[[overlay]]\nclass = 'DHTCommunity'\n{settings}")));
    let limits = dht.with(|dht, _| dht.config().store).unwrap();
    assert_eq!((limits.total, limits.per_key, limits.per_source), (10, 3, 5));
    let wrong = problems("a.toml", "[[overlay]]\nclass = 'DHTCommunity'\nsettings = { max_values = 0, max = 1 }");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
