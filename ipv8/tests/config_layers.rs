//! A file goes over defaults, the environment over the file, flags over all; and each value tells where it comes from.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::Directory;
use ipv8::{
    Launchers, MaxPeers,
    config::{Config, KEYS, Layers, LogFormat},
    discovery::DEFAULT_TRACKERS,
};

fn read(layers: Layers) -> Config {
    layers.read(&Launchers::standard()).unwrap()
}

#[track_caller]
fn shows(config: &Config, key: &str, value: &str, origin: &str) {
    let shown = config.shown(key).unwrap();
    assert_eq!((shown.toml().as_str(), shown.origin.to_string().as_str()), (value, origin), "{key}");
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let file = "walker_interval = 1\nmax_peers = 40\n[log]\nlevel = 'warn'\nformat = 'json'\n";
    let layers = Layers::new()
        // Flags go over the environment whatever comes first.
        .flag("--log", "log.level", "trace")
        .text("a.toml", file)
        .environment([("IPV8_MAX_PEERS", "50"), ("IPV8_LOG", "debug"), ("IPV8_LISTEN", ""), ("OTHER", "x")]);
    let config = read(layers);
    shows(&config, "walker_interval", "1", "a.toml:1:1");
    shows(&config, "max_peers", "50", "IPV8_MAX_PEERS");
    shows(&config, "log.level", "\"trace\"", "--log");
    shows(&config, "log.format", "\"json\"", "a.toml:5:1");
    shows(&config, "listen", "[\"0.0.0.0:8090\"]", "default");
    assert_eq!(config.walker_interval, Duration::from_secs(1));
    assert_eq!(config.max_peers, MaxPeers::Limit(50));
    assert_eq!((config.log.level.as_str(), config.log.format), ("trace", LogFormat::Json));
}

#[test]
fn lists_are_taken_as_a_whole() {
    let layers = Layers::new()
        .text("a.toml", "bootstrap = ['a.example:1']\nlisten = '127.0.0.1:1'")
        .environment([("IPV8_BOOTSTRAP", "b.example:2, c.example:3"), ("IPV8_DEFAULT_BOOTSTRAP", "no")])
        .flag("--listen", "listen", "127.0.0.1:2")
        .flag("--listen", "listen", "[::1]:2");
    let config = read(layers);
    let trackers: Vec<_> = config.trackers.iter().map(ToString::to_string).collect();
    assert_eq!(trackers, ["b.example:2", "c.example:3"]);
    let listen: Vec<_> = config.listen.iter().map(|listen| listen.address().to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:2", "[::1]:2"]);
}

#[test]
fn the_public_trackers_are_used_unless_they_are_left_out() {
    let config = read(Layers::new().flag("--bootstrap", "bootstrap", "127.0.0.1:1"));
    assert_eq!(config.trackers.len(), 1 + DEFAULT_TRACKERS.len());
    let config = read(Layers::new().text("a.toml", "default_bootstrap = false"));
    assert!(config.trackers.is_empty());
}

#[test]
fn a_mild_flag_is_weaker_than_the_environment_and_stronger_than_the_file() {
    let file = "log.level = 'error'";
    let config = read(Layers::new().text("a.toml", file).mild_flag("-v", "log.level", "debug"));
    shows(&config, "log.level", "\"debug\"", "-v");
    let with_variable = Layers::new().text("a.toml", file).environment([("IPV8_LOG", "info")]);
    shows(&read(with_variable.mild_flag("-v", "log.level", "debug")), "log.level", "\"info\"", "IPV8_LOG");
}

#[test]
fn problems_of_the_environment_and_of_flags_name_them() {
    let layers = Layers::new()
        .text("a.toml", "max_peers = -7")
        .environment([("IPV8_WALKER_INTERVAL", "soon"), ("IPV8_LISTE", "x"), ("IPV8_KEY", "/nowhere/at/all/a.key")])
        .flag("--listen", "listen", "here")
        .flag("--max", "max_peer", "1");
    let error = layers.read(&Launchers::standard()).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "a.toml:1:1: max_peers: must be from 0 to 1000000, or -1 for any number, not -7",
            "IPV8_WALKER_INTERVAL: walker_interval: must be a number, not `soon`",
            "IPV8_LISTE: is not known here, did you mean `IPV8_LISTEN`?",
            "IPV8_KEY: key_file: /nowhere/at/all/a.key cannot be made, there is no directory /nowhere/at/all: make it",
            "--max: max_peer: is no key of the configuration",
            "--listen: listen[0]: must be \"IP:PORT\" or \"[IPv6]:PORT\", not `here`",
        ]
    );
}

#[test]
fn other_variables_are_left_alone() {
    let config = read(Layers::new().environment([("IPV8_COMPLETELY_DIFFERENT", "x"), ("IPV8_CONFIG", "y")]));
    assert_eq!(config.warnings().len(), 1);
    assert!(config.warnings()[0].contains("IPV8_COMPLETELY_DIFFERENT"));
}

#[test]
fn every_variable_can_be_set() {
    let directory = Directory::new();
    let value = |name: &str| match name {
        "listen" => "127.0.0.1:0".to_owned(),
        "bootstrap" => "127.0.0.1:1".to_owned(),
        "default_bootstrap" => "false".to_owned(),
        "key_file" => "node.key".to_owned(),
        "working_directory" => directory.path().display().to_string(),
        "walker_interval" => "0.25".to_owned(),
        "max_peers" => "7".to_owned(),
        "log.level" => "ipv8_core=debug,warn".to_owned(),
        "log.format" => "json".to_owned(),
        "peers.file" => "peers.dat".to_owned(),
        "peers.interval" => "60".to_owned(),
        "api" => "127.0.0.1:8085".to_owned(),
        "api_for_others" => "false".to_owned(),
        "dht.file" => "dht.sqlite".to_owned(),
        "dht.republish" => "600".to_owned(),
        "signatures.together" => "false".to_owned(),
        "signatures.threads" => "2".to_owned(),
        "hardening.preset" => "hardened".to_owned(),
        other => panic!("give this test a value for {other}"),
    };
    let keys = KEYS.iter().filter(|key| !key.variable.is_empty());
    let config = read(Layers::new().environment(keys.clone().map(|key| (key.variable, value(key.name)))));
    for key in keys {
        assert_eq!(config.shown(key.name).unwrap().origin.to_string(), key.variable);
    }
    assert_eq!(config.peer_file, Some((directory.file("peers.dat"), Duration::from_secs(60))));
    assert_eq!(config.dht_file, Some(directory.file("dht.sqlite")));
    assert_eq!(config.republish, Some(Duration::from_secs(600)));
    assert!(config.hardening.challenge_moves);
}

#[test]
fn paths_start_from_the_working_directory_unless_they_are_typed() {
    let directory = Directory::new();
    let file = format!("working_directory = '{}'\npeers.file = 'a.dat'", directory.path().display());
    let peer_file = |config: Config| config.peer_file.unwrap().0;
    assert_eq!(peer_file(read(Layers::new().text("a.toml", &file))), directory.file("a.dat"));
    let environment = Layers::new().text("a.toml", &file).environment([("IPV8_PEER_FILE", "b.dat")]);
    assert_eq!(peer_file(read(environment)), directory.file("b.dat"));
    let typed = Layers::new().text("a.toml", &file).flag("--peer-file", "peers.file", "c.dat");
    assert_eq!(peer_file(read(typed)).to_str(), Some("c.dat"));
}

#[test]
fn a_file_that_is_not_there_is_a_problem_with_advice() {
    let directory = Directory::new();
    let file = directory.file("no.toml");
    let error = Layers::new().file(&file).read(&Launchers::standard()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}:1:1: there is no such file: `ipv8 config init --out FILE` writes one", file.display())
    );
    std::fs::write(&file, [b'a', b' ', 0xff]).unwrap();
    let error = Layers::new().file(&file).read(&Launchers::standard()).unwrap_err().to_string();
    assert!(error.contains("no text in UTF-8"), "{error}");
    let error = Layers::new().file(directory.path()).read(&Launchers::standard()).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}
