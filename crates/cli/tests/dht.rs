//! `ipv8 dht` with a node that lives as long as the command: what one stores, another finds.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "a test of programs has threads and a clock")]

mod common;

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::overlay::Overlay;
use common::{Directory, ipv8};
use serde_json::json;

/// A command that starts from an address.
fn dht(command: &str, bootstrap: &str, more: &[&str]) -> common::Run {
    ipv8([&["dht", command, "--bootstrap", bootstrap, "--timeout", "60"], more].concat(), b"")
}

#[test]
fn what_is_stored_through_a_tracker_is_found_through_a_node() {
    let overlay = Overlay::new(4);
    let directory = Directory::new();
    let key = directory.file("my.key");
    let put = dht("put", overlay.bootstrap(), &["--key", &key, "--sign", "--json", "my key", "my value"]);
    assert_eq!(put.status, Some(0), "{}", put.stderr);
    let stored = &put.json()[0];
    assert_eq!((stored["stored_on"].as_u64(), stored["key"].as_str().unwrap().len()), (Some(4), 40));
    assert_eq!(put.stderr, "", "notes are for people");
    let hashed = stored["key"].as_str().unwrap();
    let hex = ["--hex", "--json", hashed, "00ff"];
    assert_eq!(dht("put", overlay.bootstrap(), &hex).json()[0]["key"], hashed, "40 hex digits are the key itself");

    let public = ipv8(["key", "show", &key, "--json"], b"").json()[0]["public_key"].clone();
    let node = overlay.nodes[2].text("/listen/0");
    let got = dht("get", node, &["my key", "--json"]);
    assert_eq!(got.status, Some(0), "{}", got.stderr);
    let signed = json!({"value": hex::encode("my value"), "public_key": public});
    assert_eq!(got.json(), [json!({"values": [signed, {"value": "00ff", "public_key": null}]})]);

    let people = dht("get", overlay.bootstrap(), &["my key", "--trace"]);
    assert!(people.stdout.contains("\"my value\"  signed by "), "{}", people.stdout);
    assert!(people.stdout.contains("00ff  not signed"), "{}", people.stdout);
    assert!(people.stdout.contains(" is asked\n") && people.stdout.contains(" has 2 values\n"), "{}", people.stdout);
}

#[test]
fn people_are_told_how_long_a_value_lives() {
    let overlay = Overlay::new(2);
    let put = dht("put", overlay.bootstrap(), &["key", "value"]);
    assert!(
        put.stdout.starts_with("stored on 2 nodes under a62f2225bf70bfaccbc7f1ef2a397836717377de"),
        "{}",
        put.stdout
    );
    assert!(put.stderr.contains("after an hour"), "{}", put.stderr);
}

#[test]
fn nothing_is_stored_is_no_failure() {
    let overlay = Overlay::new(2);
    let got = dht("get", overlay.bootstrap(), &["nothing", "--json"]);
    assert_eq!((got.status, got.json()), (Some(0), vec![json!({"values": []})]), "{}", got.stderr);
}

#[test]
fn a_peer_is_found_by_its_mid() {
    let overlay = Overlay::new(3);
    let mid = overlay.mid(1);
    let found = dht("find-peer", overlay.bootstrap(), &[mid, "--json"]);
    assert_eq!(found.status, Some(0), "{}", found.stderr);
    let (key, address) = (&overlay.nodes[1].started["public_key"], &overlay.nodes[1].started["listen"][0]);
    assert_eq!(found.json(), [json!({"peers": [{"mid": mid, "public_key": key, "address": address}]})]);
    assert!(dht("find-peer", overlay.bootstrap(), &[mid]).stdout.starts_with(&format!("{mid} answers at 127.0.0.1:")));
    let nobody = dht("find-peer", overlay.bootstrap(), &[&"00".repeat(20), "--json"]);
    nobody.failed(1, "knows where the peer is");
    assert_eq!(nobody.json(), [json!({"peers": []})]);
}

#[test]
fn what_no_node_would_take_is_refused_before_anything_is_sent() {
    let node = UdpSocket::bind("127.0.0.1:0").unwrap();
    node.set_nonblocking(true).unwrap();
    let address = node.local_addr().unwrap().to_string();
    dht("put", &address, &["--sign", "key", &"x".repeat(24)]).failed(1, "24 bytes, and at most 23");
    dht("put", &address, &["key", &"x".repeat(170)]).failed(1, "170 bytes, and at most 169");
    dht("put", &address, &["--hex", "key", "0"]).failed(2, "VALUE is not hex");
    assert!(node.recv(&mut [0; 100]).is_err(), "something was sent");
}

#[test]
fn without_nodes_it_fails_in_time_and_says_whom_it_asked() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let begun = Instant::now();
    let command = ["dht", "get", "--bootstrap", &silent, "--timeout", "1", "key"];
    ipv8(command, b"").failed(1, &format!("no node of the DHT was found within 1 s: nothing answers at {silent}"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    // A tracker that knows nobody.
    let lonely = Overlay::new(0);
    let command = ["dht", "put", "--bootstrap", lonely.bootstrap(), "--timeout", "3", "key", "value"];
    ipv8(command, b"").failed(1, "answered, but knew none that does");
}

#[test]
fn wrong_usage_has_status_2() {
    ipv8(["dht", "get", "key"], b"").failed(2, "give --bootstrap");
    ipv8(["dht", "get", "--bootstrap", "here", "key"], b"").failed(2, "HOST:PORT");
    ipv8(["dht", "find-peer", "--bootstrap", "127.0.0.1:1", "abc"], b"").failed(2, "40 hex digits");
    ipv8(["dht", "get", "--bootstrap", "127.0.0.1:1", "--api", "127.0.0.1:1", "key"], b"")
        .failed(2, "cannot be used with");
    ipv8(["dht"], b"").failed(2, "put, get, find-peer");
}

#[test]
fn ctrl_c_stops_it_at_once() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipv8"));
    command.args(["dht", "get", "--bootstrap", &address, "key"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // It has started to ask.
    silent.set_read_timeout(Some(common::overlay::SOON)).unwrap();
    silent.recv(&mut [0; 2_000]).unwrap();
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "ipv8: stopped before it was done\n");
}
