//! The reference's configuration dictionary, as JSON.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{config, problems};
use ipv8::{
    KeySource,
    config::Config,
    core::{DropReason, Node, NodeConfig, Time, crypto::PrivateKey},
};

/// What `json.dumps(get_default_configuration(), indent=4)` prints with pyipv8 3.2.1.
const DEFAULT: &str = include_str!("data/py_ipv8_default.json");

#[track_caller]
fn shows(config: &Config, key: &str, value: &str, origin: &str) {
    let shown = config.shown(key).unwrap();
    assert_eq!((shown.toml().as_str(), shown.origin.to_string().as_str()), (value, origin), "{key}");
}

#[test]
fn the_default_dictionary_is_read() {
    let config = config("py.json", DEFAULT);
    assert_eq!(config.walker_interval, Duration::from_millis(500));
    assert_eq!(config.log.level, "info");
    assert!(matches!(&config.key, KeySource::File(file, curve)
        if file.ends_with("ec_multichain.pem") && curve.name() == "curve25519"));
    assert_eq!(config.overlays().collect::<Vec<_>>(), ["DiscoveryCommunity", "DHTDiscoveryCommunity"]);
    shows(&config, "walker_interval", "0.5", "py.json:20:5");
    shows(&config, "overlay[0].walkers[0].strategy", "\"RandomWalk\"", "py.json:27:21");
    shows(&config, "overlay[0].walkers[1].peers", "-1", "py.json:35:21");
    shows(&config, "overlay[0].walkers[1].init.drop_time", "57.5", "py.json:40:25");
    shows(&config, "key[0].curve", "\"curve25519\"", "py.json:12:13");
}

#[test]
fn overlays_that_are_not_here_are_left_out_with_a_warning() {
    let config = config("py.json", DEFAULT);
    let [tunnel] = config.warnings() else { panic!("{:?}", config.warnings()) };
    assert!(tunnel.starts_with("py.json:145:13: HiddenTunnelCommunity is not available here"), "{tunnel}");
    // With none left there is nothing to run, and a name that nobody knows is no overlay of the reference.
    let alone = r#"{"overlays": [{"class": "TunnelCommunity"}]}"#;
    assert_eq!(
        problems("py.json", alone),
        [
            "py.json:1:2: overlays: none of the overlays is there: name one of DiscoveryCommunity, DHTDiscoveryCommunity, \
             DHTCommunity"
        ]
    );
    let unknown = r#"{"overlays": [{"class": "TunelCommunity"}]}"#;
    assert!(
        problems("py.json", unknown)[0].starts_with("py.json:1:16: overlays[0].class: `TunelCommunity` is not known")
    );
}

#[test]
fn every_word_of_the_dictionary_is_understood() {
    let text = r#"{
        "interfaces": [
            {"interface": "UDPIPv4", "ip": "127.0.0.1", "port": 8090},
            {"interface": "UDPIPv6", "ip": "::1", "port": 9000}
        ],
        "keys": [
            {"alias": "a", "generation": "curve25519", "file": ""},
            {"alias": "b", "bin": "TGliTmFDTFNLOgABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "file": ""}
        ],
        "logger": {"level": "WARNING"},
        "working_directory": ".",
        "walker_interval": 0,
        "overlays": [{
            "class": "DiscoveryCommunity", "key": "b",
            "walkers": [{"strategy": "EdgeWalk", "peers": 20, "init": {}}],
            "bootstrappers": [{"class": "DispersyBootstrapper", "init": {
                "ip_addresses": [["127.0.0.1", 6421]], "dns_addresses": [["localhost", 6421]], "bootstrap_timeout": 30.0}}],
            "initialize": {}, "on_start": []
        }]
    }"#;
    let config = config("py.json", text);
    let listen: Vec<_> = config.listen.iter().map(|listen| listen.address().to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:8090", "[::1]:9000"]);
    assert_eq!(config.log.level, "warn");
    assert_eq!(config.walker_interval, Duration::from_millis(1));
    shows(&config, "key[1].private", "\"…\"", "py.json:8:28");
    let older = r#"{"address": "127.0.0.1", "port": 8091}"#;
    assert_eq!(common::config("py.json", older).listen[0].address().to_string(), "127.0.0.1:8091");
}

#[test]
fn problems_have_their_place_too() {
    let text = "{\n  \"walker_intervall\": 1,\n  \"interfaces\": [{\"interface\": \"UDP\", \"port\": -1}],\n  \"logger\": {\"level\": \"LOUD\"},\n  \
        \"overlays\": [{\"class\": \"DiscoveryCommunity\", \"key\": \"x\", \"settings\": {}}]\n}";
    assert_eq!(
        problems("py.json", text),
        [
            "py.json:2:3: walker_intervall: is not known here, did you mean `walker_interval`?",
            "py.json:3:19: interfaces[0].interface: must be one of UDPIPv4, UDPIPv6, not `UDP`",
            "py.json:3:39: interfaces[0].port: must be from 0 to 65535, not -1",
            "py.json:4:14: logger.level: must be one of CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, not `LOUD`",
            "py.json:5:48: overlays[0].key: there is no key of the alias `x`, there are none",
            "py.json:5:60: overlays[0].settings: is not known here, did you mean `initialize`?",
        ]
    );
    assert_eq!(problems("py.json", "{\"overlays\": [}"), ["py.json:1:15: this is no JSON: unexpected close brace"]);
    assert_eq!(
        problems("py.json", "[]"),
        ["py.json:1:1: the reference's configuration is a JSON object: begin with {"]
    );
    let twice = problems("py.json", "{\"walker_interval\": 1, \"walker_interval\": 2}");
    assert_eq!(twice, ["py.json:1:24: walker_interval: is there twice, first at py.json:1:2: keep one"]);
    // Deeper than anybody would write, but not so deep that it is a danger.
    assert_eq!(problems("py.json", &format!("{{\"a\":{}", "[".repeat(100_000))).len(), 1);
    assert!(!problems("a.toml", &format!("a = {}", "[".repeat(100_000))).is_empty());
}

#[test]
fn what_the_reference_sets_on_every_community_is_taken_out_of_initialize() {
    let text =
        |more: &str| format!("{{\"overlays\": [{{\"class\": \"DiscoveryCommunity\", \"initialize\": {{{more}}}}}]}}");
    let read = config("py.json", &text("\"max_peers\": 1, \"anonymize\": false"));
    shows(&read, "overlay[0].max_peers", "1", "py.json:1:62");
    shows(&read, "overlay[0].settings", "{}", "py.json:1:47");
    assert_eq!(refused(read), 1);
    assert_eq!(refused(config("py.json", &text("\"max_peers\": -1"))), 0);
    assert_eq!(
        problems("py.json", &text("\"max_peers\": -2")),
        ["py.json:1:62: overlays[0].initialize.max_peers: must be from 0 to 1000000, or -1 for any number, not -2"]
    );
    assert_eq!(
        problems("py.json", &text("\"anonymize\": true")),
        ["py.json:1:62: overlays[0].initialize.anonymize: is not available here: leave it out, or write false"]
    );
    assert!(problems("py.json", &text("\"max_peer\": 1"))[0].contains("is not known here"));
    // It is a word of that dictionary only.
    let own = "[[overlay]]\nclass = 'DiscoveryCommunity'\nsettings = { max_peers = 1 }";
    assert!(problems("a.toml", own)[0].contains("overlay[0].settings.max_peers: is not known here"));
}

/// How many of three peers that ask for an introduction are refused, because there are too many.
fn refused(config: Config) -> u64 {
    let key = |number: u8| PrivateKey::from_bytes(&[b"LibNaCLSK:".as_slice(), &[number; 64]].concat()).unwrap();
    let node = Node::new(NodeConfig::new(key(0), [0; 32]));
    config.load(&node).unwrap();
    for number in 1..=3 {
        let asking = Node::new(NodeConfig::new(key(number), [number; 32]));
        let bootstrap = "[[overlay]]\nclass = 'DiscoveryCommunity'\n[[overlay.bootstrappers]]\nclass = 'TrackerBootstrapper'\n\
            init = { trackers = ['127.0.0.1:1'] }";
        common::config("a.toml", bootstrap).load(&asking).unwrap();
        asking.poll(Time::from_duration(Duration::from_secs(1)));
        let request = asking.poll_transmit().unwrap();
        let from = SocketAddr::from(([127, 0, 0, 1], 1_000 + u16::from(number)));
        node.handle(Time::from_duration(Duration::from_secs(1)), [(from, request.bytes.as_slice())]);
    }
    node.stats().dropped(DropReason::PeerLimit)
}
