//! What is wrong with a configuration is said at once, each problem with its place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{Directory, problems};

/// Asserts that a file has one problem, which begins so.
#[track_caller]
fn one(text: &str, begin: &str) {
    let found = problems("a.toml", text);
    assert!(found.len() == 1 && found[0].starts_with(begin), "{found:#?}");
}

#[test]
fn all_problems_are_said_at_once_in_the_order_of_the_file() {
    let text = "\
        listn = '127.0.0.1:1'\n\
        walker_interval = -1\n\
        \n\
        [log]\n\
        level = 'inof'\n\
        [[overlay]]\n\
        class = 'DiscoveryCommunity'\n\
        walkers = [{ strategy = 'RandomWalk', peers = -5, init = { timeout = 'x', windowsize = 1 } }]\n\
        max_peers = 1e99\n";
    assert_eq!(
        problems("a.toml", text),
        [
            "a.toml:1:1: listn: is not known here, did you mean `listen`?",
            "a.toml:2:1: walker_interval: must be from 0.001 to 3600 seconds, not -1",
            "a.toml:5:1: log.level: must be one of off, error, warn, info, debug, trace, or levels for parts such as \
             \"ipv8_core=debug,warn\", not `inof`, did you mean `info`?",
            "a.toml:8:39: overlay[0].walkers[0].peers: must be from 0 to 1000000, or -1 or \"always\" for ever, not -5",
            "a.toml:8:60: overlay[0].walkers[0].init.timeout: must be a number, not text",
            "a.toml:8:75: overlay[0].walkers[0].init.windowsize: is not known here, did you mean `window_size`?",
            "a.toml:9:1: overlay[0].max_peers: must be a whole number, not a number",
        ]
    );
}

#[test]
fn what_is_no_toml_is_said_with_its_place() {
    let found = problems("a.toml", "listen = [\n\nwalker_interval = = 1\n");
    assert!(found.iter().all(|problem| problem.starts_with("a.toml:")), "{found:#?}");
    assert!(found.iter().any(|problem| problem.starts_with("a.toml:3:")), "{found:#?}");
    one("max_peers = 1\nmax_peers = 2", "a.toml:2:1: ");
    one("max_peers = 99999999999999999999", "a.toml:1:1: max_peers: 99999999999999999999 is too large");
}

#[test]
fn wrong_types() {
    one("listen = 1", "a.toml:1:1: listen: must be \"IP:PORT\"");
    one("listen = ['127.0.0.1:1', 2]", "a.toml:1:26: listen[1]: must be \"IP:PORT\"");
    one("key_file = 1", "a.toml:1:1: key_file: must be text, not a whole number");
    one("default_bootstrap = 'no'", "a.toml:1:1: default_bootstrap: must be true or false, not text");
    one("bootstrap = 'x:1'", "a.toml:1:1: bootstrap: must be a list, not text");
    one("walker_interval = 1979-05-27", "a.toml:1:1: walker_interval: must be a number, not text");
    one("log = 'debug'", "a.toml:1:1: log: must be a table, not text");
    one("overlay = {}", "a.toml:1:1: overlay: must be a list, not a table");
    one("overlay = [1]", "a.toml:1:12: overlay[0]: must be a table, not a whole number");
    one("[[overlay]]\nclass = 1", "a.toml:2:1: overlay[0].class: must be text");
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\nwalkers = [{ strategy = 1 }]",
        "a.toml:3:14: overlay[0].walkers[0].",
    );
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\non_start = [1]",
        "a.toml:3:13: overlay[0].on_start[0]: must be a name",
    );
}

#[test]
fn negative_and_absurd_numbers() {
    one("walker_interval = 1e300", "a.toml:1:1: walker_interval: must be from 0.001 to 3600 seconds");
    one("walker_interval = nan", "a.toml:1:1: walker_interval: must be a finite number");
    one("max_peers = -2", "a.toml:1:1: max_peers: must be from 0 to 1000000, or -1 for any number, not -2");
    one("max_peers = 1000001", "a.toml:1:1: max_peers: must be from 0 to 1000000");
    one("peers.interval = 0", "a.toml:1:7: peers.interval: must be from 1 to 86400 seconds, not 0");
    one("listen = ['127.0.0.1:70000']", "a.toml:1:11: listen[0]: must be \"IP:PORT\"");
    one("bootstrap = ['127.0.0.1:0']", "a.toml:1:14: bootstrap[0]: must be \"HOST:PORT\"");
    one(
        "hardening.wan = 0",
        "a.toml:1:11: hardening.wan: must be \"anybody\", \"asked\", or a number of votes from 1 to 64",
    );
    one("hardening.peers_per_host = -1", "a.toml:1:11: hardening.peers_per_host: must not be negative");
}

#[test]
fn times_with_which_a_node_would_do_harm() {
    let walker = |strategy: &str, init: &str| {
        let walker = format!("walkers = [{{ strategy = '{strategy}', init = {{ {init} }} }}]");
        let found = problems("a.toml", &format!("[[overlay]]\nclass = 'DiscoveryCommunity'\n{walker}"));
        found.into_iter().map(|problem| problem.split("init.").last().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(walker("RandomWalk", "timeout = 0"), ["timeout: must be from 0.1 to 3600 seconds, not 0"]);
    assert_eq!(walker("RandomChurn", "ping_interval = 0"), ["ping_interval: must be from 0.1 to 86400 seconds, not 0"]);
    assert_eq!(
        walker("RandomChurn", "drop_time = 10"),
        ["drop_time: must not be less than inactive_time, which is 27.5, not 10"]
    );
    assert_eq!(
        walker("RandomChurn", "inactive_time = 60"),
        ["inactive_time: must not be more than drop_time, which is 57.5, not 60"]
    );
    assert_eq!(walker("RandomChurn", "inactive_time = 10, drop_time = 10"), [""; 0]);
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\n[[overlay.bootstrappers]]\nclass = 'TrackerBootstrapper'\n\
         init = { bootstrap_timeout = 0 }",
        "a.toml:5:10: overlay[0].bootstrappers[0].init.bootstrap_timeout: must be from 1 to 86400 seconds, not 0",
    );
}

#[test]
fn unknown_names_come_with_what_there_is() {
    let overlay = "[[overlay]]\nclass = 'DiscoveryCommunity'\n";
    one(
        "[[overlay]]\nclass = 'Discovery'",
        "a.toml:2:1: overlay[0].class: `Discovery` is not known, there are DiscoveryCommunity",
    );
    one(
        "[[overlay]]\nclass = 'DHTDiscoveryCommunit'",
        "a.toml:2:1: overlay[0].class: `DHTDiscoveryCommunit` is not known",
    );
    one(
        &format!("{overlay}walkers = [{{ strategy = 'Walk' }}]"),
        "a.toml:3:14: overlay[0].walkers[0].strategy: `Walk` is not known, there are RandomWalk",
    );
    one(
        &format!("{overlay}bootstrappers = [{{ class = 'X' }}]"),
        "a.toml:3:20: overlay[0].bootstrappers[0].class: `X` is not known, there are",
    );
    one(
        &format!("{overlay}key = 'mine'"),
        "a.toml:3:1: overlay[0].key: there is no key of the alias `mine`, there are none",
    );
    one(
        &format!("{overlay}on_start = ['go']"),
        "a.toml:3:13: overlay[0].on_start[0]: DiscoveryCommunity has no method `go`",
    );
    one(&format!("{overlay}settings = {{ x = 1 }}"), "a.toml:3:14: overlay[0].settings.x: is not known here");
    one(
        "[[key]]\nalias = 'a'\ncurve = 'meduim'",
        "a.toml:3:1: key[0].curve: must be one of curve25519, very-low, low, medium, high, not `meduim`, did you mean `medium`?",
    );
    one("hardening.preset = 'hard'", "a.toml:1:11: hardening.preset: must be one of reference, compatible, hardened");
    one("log.format = 'xml'", "a.toml:1:5: log.format: must be one of text, json, not `xml`");
}

#[test]
fn names_of_the_reference_are_answered_with_ours() {
    one("interfaces = []", "a.toml:1:1: interfaces: is not known here, did you mean `listen`?");
    one(
        "[[key]]\nalias = 'a'\ngeneration = 'low'",
        "a.toml:3:1: key[0].generation: is not known here, did you mean `curve`?",
    );
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\ninitialize = {}",
        "a.toml:3:1: overlay[0].initialize: is not known here, did you mean `settings`?",
    );
}

#[test]
fn what_must_be_there_and_is_not() {
    one(
        "[[overlay]]\nid = '0000000000000000000000000000000000000000'",
        "a.toml:1:1: overlay[0]: has no `class`: name one of",
    );
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\nwalkers = [{ peers = 1 }]",
        "a.toml:3:12: overlay[0].walkers[0]: has no `strategy`",
    );
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\nbootstrappers = [{}]",
        "a.toml:3:18: overlay[0].bootstrappers[0]: has no `class`",
    );
    one("[[key]]\nfile = 'x.key'", "a.toml:1:1: key[0]: has no `alias`");
    one("listen = []", "a.toml:1:1: listen: names no address");
}

#[test]
fn what_is_there_twice() {
    one("listen = ['127.0.0.1:1', '127.0.0.1:2']", "a.toml:1:26: listen[1]: 127.0.0.1:2 is the second IPv4 address");
    one("[[key]]\nalias = 'a'\n[[key]]\nalias = 'a'", "a.toml:4:1: key[1].alias: `a` is there already at a.toml:1:");
    one(
        "[[overlay]]\nclass = 'DiscoveryCommunity'\n[[overlay]]\nclass = 'DiscoveryCommunity'",
        "a.toml:4:1: overlay[1].class: its community 7e313685c1912a141279f8248fc8db5899c5df5a is there already at a.toml:1:",
    );
}

#[test]
fn files_that_must_be_there() {
    let directory = Directory::new();
    let missing = directory.file("missing/my.key");
    let (missing, directory_name) = (missing.display(), directory.path().display());
    one(
        &format!("[[key]]\nalias = 'a'\nfile = '{missing}'\ngenerate = false"),
        "a.toml:3:1: key[0].file: there is no key file",
    );
    one(
        &format!("key_file = '{missing}'"),
        &format!("a.toml:1:1: key_file: {missing} cannot be made, there is no directory"),
    );
    one(&format!("peers.file = '{missing}'"), &format!("a.toml:1:7: peers.file: {missing} cannot be made"));
    one(
        &format!("peers.file = '{directory_name}'"),
        &format!("a.toml:1:7: peers.file: {directory_name} is a directory"),
    );
    one(&format!("working_directory = '{missing}'"), "a.toml:1:1: working_directory: there is no directory");
    let garbage = directory.file("garbage.key");
    std::fs::write(&garbage, "garbage").unwrap();
    one(&format!("key_file = '{}'", garbage.display()), "a.toml:1:1: key_file: ");
    one("[[key]]\nalias = 'a'\nprivate = 'AAAA'", "a.toml:3:1: key[0].private: holds no private key");
    one("[[key]]\nalias = 'a'\nprivate = '='", "a.toml:3:1: key[0].private: must be a private key in base64");
    one(
        "[[key]]\nalias = 'a'\ngenerate = false",
        "a.toml:4:1: key[0].generate: is false: give a `file`".replace(":4:", ":3:").as_str(),
    );
}

#[test]
fn the_rest_interface_is_for_this_machine_unless_it_is_said_otherwise() {
    one("api = '0.0.0.0:8085'", "a.toml:1:1: api: 0.0.0.0:8085 can be reached by other machines");
    one("api = 'localhost'", "a.toml:1:1: api: must be \"IP:PORT\"");
    for (text, address) in [
        ("api = '127.0.0.1:8085'", "127.0.0.1:8085"),
        ("api = '[::1]:0'", "[::1]:0"),
        ("api = '0.0.0.0:8085'\napi_for_others = true", "0.0.0.0:8085"),
    ] {
        assert_eq!(common::config("a.toml", text).api, Some(address.parse().unwrap()));
    }
}
