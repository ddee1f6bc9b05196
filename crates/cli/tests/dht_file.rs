//! A node keeps its DHT in a file: what it acknowledged is there after a stop, and after a crash.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "a test of programs has threads and a clock")]

mod common;

use common::overlay::{Overlay, Program, object, wait_for_nodes};
use common::{Directory, ipv8};

/// What a node keeps for others, and how many values of its own it would store again.
fn kept(node: &Program, key: &str) -> (usize, u64) {
    let api = node.text("/api");
    let values = object(api, "GET", "/dht/values", "");
    let own = object(api, "DELETE", &format!("/dht/values/{key}"), "");
    (values[key].as_array().map_or(0, Vec::len), own["forgotten"].as_u64().unwrap())
}

#[test]
fn what_was_acknowledged_survives_a_stop_and_a_crash() {
    let overlay = Overlay::new(2);
    let directory = Directory::new();
    let (file, key) = (directory.file("dht.sqlite"), directory.file("node.key"));
    let node = || {
        let node = overlay.node(&["--dht-file", &file, "--key", &key]);
        wait_for_nodes(&node, 2);
        node
    };
    type End = fn(Program);
    for (number, end) in [Program::stop as End, Program::kill].into_iter().enumerate() {
        let hex = hex::encode([u8::try_from(number).unwrap() + 7; 20]);
        let path = format!("/dht/values/{hex}");
        let running = node();
        object(running.text("/api"), "PUT", &path, r#"{"value": "01"}"#);
        // Of another, which keeps it there.
        let by_other = object(overlay.api(0), "PUT", &path, r#"{"value": "02"}"#);
        assert_eq!(by_other["stored_on"], 2);
        end(running);
        let again = node();
        assert_eq!(kept(&again, &hex), (2, 1), "round {number}");
        again.stop();
    }
}

#[test]
fn one_node_at_a_time_has_the_file() {
    let overlay = Overlay::new(0);
    let directory = Directory::new();
    let file = directory.file("dht.sqlite");
    let first = overlay.node(&["--dht-file", &file]);
    let second = ["run", "--listen", "127.0.0.1:0", "--no-default-bootstrap", "--dht-file", &file];
    ipv8(second, b"").failed(1, "only one node at a time");
    first.stop();
    ipv8(["run", "--no-default-bootstrap", "--dht-file", &directory.file("no/dht.sqlite")], b"").failed(2, "make it");
}

#[test]
fn a_damaged_file_is_set_aside() {
    let overlay = Overlay::new(0);
    let directory = Directory::new();
    let file = directory.file("dht.sqlite");
    overlay.node(&["--dht-file", &file]).stop();
    let mut bytes = std::fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[100..half].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    overlay.node(&["--dht-file", &file]).stop();
    assert!(std::path::Path::new(&directory.file("dht.sqlite.damaged-1")).exists());
}
