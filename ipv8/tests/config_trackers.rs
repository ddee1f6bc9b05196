//! Whom a configured node asks for its first peers, and that `config show` says the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{collections::BTreeSet, time::Duration};

use ipv8::{
    Launcher, Launchers,
    config::{Config, Layers},
    core::{Node, NodeConfig, Time, crypto::PrivateKey},
    discovery::{DEFAULT_TRACKERS, DiscoveryCommunity},
};

/// What `json.dumps(get_default_configuration(), indent=4)` prints with pyipv8 3.2.1.
const DEFAULT: &str = include_str!("data/py_ipv8_default.json");

const NAMED: &str = "[[overlay]]\nclass = 'DiscoveryCommunity'\nbootstrappers = [{ class = 'TrackerBootstrapper' }]\n";

fn read(layers: Layers) -> Config {
    layers.read(&Launchers::standard()).unwrap()
}

fn own(layers: Layers) -> Layers {
    layers.flag("--bootstrap", "bootstrap", "127.0.0.1:1")
}

fn no_public(layers: Layers) -> Layers {
    layers.flag("--no-default-bootstrap", "default_bootstrap", "false")
}

/// The addresses that a node writes to in its first seconds, and the hosts whose addresses it wants to know.
fn asked(config: Config) -> BTreeSet<String> {
    let mut seed = b"LibNaCLSK:".to_vec();
    seed.extend(1..=64);
    let node = Node::new(NodeConfig::new(PrivateKey::from_bytes(&seed).unwrap(), [1; 32]));
    config.load(&node).unwrap();
    let mut asked = BTreeSet::new();
    for tenth in 0..30 {
        node.poll(Time::from_duration(Duration::from_millis(100 * tenth)));
        asked.extend(std::iter::from_fn(|| node.poll_transmit()).map(|transmit| transmit.to.to_string()));
        asked.extend(std::iter::from_fn(|| node.poll_resolve()).map(|resolve| resolve.host().to_owned()));
    }
    asked
}

/// The public trackers, each by its address or its host.
fn public() -> BTreeSet<String> {
    let name = |tracker: &&str| match tracker.parse::<std::net::SocketAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => tracker.rsplit_once(':').unwrap().0.to_owned(),
    };
    DEFAULT_TRACKERS.iter().map(name).collect()
}

fn only(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|address| (*address).to_owned()).collect()
}

/// What is shown below this key, each with its origin.
fn shown(config: &Config, key: &str) -> Vec<String> {
    let rows = config.all().iter().filter(|shown| shown.key.starts_with(key));
    rows.map(|shown| format!("{} = {} # {}", shown.key, shown.toml(), shown.origin)).collect()
}

#[test]
fn the_dictionary_of_the_reference_asks_the_public_trackers() {
    assert_eq!(asked(read(Layers::new().text("py.json", DEFAULT))), public());
}

#[test]
fn trackers_of_the_command_line_take_the_place_of_those_of_the_dictionary() {
    let both = || own(Layers::new().text("py.json", DEFAULT));
    let mut expected = public();
    expected.insert("127.0.0.1:1".to_owned());
    assert_eq!(asked(read(both())), expected);
    assert_eq!(asked(read(no_public(both()))), only(&["127.0.0.1:1"]));
    let rows = shown(&read(no_public(both())), "overlay[0].bootstrappers");
    assert_eq!(
        rows,
        [
            "overlay[0].bootstrappers[0].class = \"TrackerBootstrapper\" # --bootstrap",
            "overlay[0].bootstrappers[0].init.trackers = [\"127.0.0.1:1\"] # --bootstrap",
        ]
    );
}

#[test]
fn without_public_trackers_the_dictionary_asks_nobody() {
    let config = || read(no_public(Layers::new().text("py.json", DEFAULT)));
    assert_eq!(asked(config()), only(&[]));
    assert_eq!(
        shown(&config(), "overlay[0].bootstrappers"),
        ["overlay[0].bootstrappers = [] # --no-default-bootstrap"]
    );
}

#[test]
fn public_trackers_are_unwanted_wherever_it_is_said() {
    let in_file = |more: &str| read(Layers::new().text("a.toml", &format!("default_bootstrap = false\n{more}")));
    assert_eq!(asked(in_file("")), only(&[]));
    assert_eq!(asked(in_file(NAMED)), only(&[]));
    // The ones that the node has beside them take their place.
    let with_own = format!("bootstrap = ['127.0.0.1:2']\n{NAMED}");
    assert_eq!(asked(in_file(&with_own)), only(&["127.0.0.1:2"]));
    assert_eq!(
        shown(&in_file(&with_own), "overlay[0].bootstrappers"),
        [
            "overlay[0].bootstrappers[0].class = \"TrackerBootstrapper\" # a.toml:1:1",
            "overlay[0].bootstrappers[0].init.trackers = [\"127.0.0.1:2\"] # a.toml:1:1",
        ]
    );
    let json = DEFAULT.replacen('{', "{\"default_bootstrap\": false,", 1);
    assert_eq!(asked(read(Layers::new().text("py.json", &json))), only(&[]));
    let variable = Layers::new().text("a.toml", NAMED).environment([("IPV8_DEFAULT_BOOTSTRAP", "no")]);
    assert_eq!(asked(read(variable)), only(&[]));
}

#[test]
fn of_a_list_only_the_public_ones_are_taken_out() {
    let list = format!(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\n[[overlay.bootstrappers]]\nclass = 'TrackerBootstrapper'\n\
        init = {{ trackers = ['127.0.0.1:3', '{}'], bootstrap_timeout = 20 }}\n",
        DEFAULT_TRACKERS[0]
    );
    let config = || read(no_public(Layers::new().text("a.toml", &list)));
    assert_eq!(asked(config()), only(&["127.0.0.1:3"]));
    assert_eq!(
        shown(&config(), "overlay[0].bootstrappers"),
        [
            "overlay[0].bootstrappers[0].class = \"TrackerBootstrapper\" # a.toml:4:1",
            "overlay[0].bootstrappers[0].init.trackers = [\"127.0.0.1:3\"] # --no-default-bootstrap",
            "overlay[0].bootstrappers[0].init.bootstrap_timeout = 20 # a.toml:5:62",
        ]
    );
}

#[test]
fn launchers_that_name_the_public_trackers_go_without_them_too() {
    let launchers =
        Launchers::new().with(Launcher::of(DiscoveryCommunity::default).named_bootstrapper("DispersyBootstrapper", []));
    let read = |text: &str| Layers::new().text("a.toml", text).read(&launchers).unwrap();
    assert_eq!(asked(read("")), public());
    for overlays in ["", "[[overlay]]\nclass = 'DiscoveryCommunity'\n"] {
        assert_eq!(asked(read(&format!("default_bootstrap = false\n{overlays}"))), only(&[]), "{overlays}");
    }
}
