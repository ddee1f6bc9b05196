//! A hardened tracker does not spend all its time on the signatures of one host.
// Keys on the binary curves are slow to check.
#![cfg(all(unix, any(feature = "vendored", feature = "system")))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers may fail a test, and look at the clock"
)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::vectors;

/// Requests with forged signatures of the slowest curve, at 3 ms each, one after the other; another host asks in between.
/// Returns what the tracker counted.
fn flood(flags: &[&str]) -> serde_json::Value {
    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    let named = |name: &str| {
        let packet = packets.iter().find(|packet| packet["name"] == name).unwrap();
        hex::decode(packet["hex"].as_str().unwrap()).unwrap()
    };
    let mut forged = named("introduction-request: signed with high");
    *forged.last_mut().unwrap() ^= 1;
    let honest = named("introduction-request: signed with curve25519");

    let mut child = Command::new(env!("CARGO_BIN_EXE_ipv8"))
        .args(["tracker", "--listen", "127.0.0.1:0", "--json"])
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let tracker: SocketAddr = next()["listen"].as_str().unwrap().parse().unwrap();
    let attacker = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..200 {
        attacker.send_to(&forged, tracker).unwrap();
    }
    let peer = UdpSocket::bind("127.0.0.2:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let begin = Instant::now();
    peer.send_to(&honest, tracker).unwrap();
    let answered = peer.recv(&mut [0; 2_000]).is_ok();
    assert!(answered, "after {:?}", begin.elapsed());
    // The honest peer may be answered before the last of them, for each sender has its turn.
    let statistics = loop {
        assert!(Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap().success());
        let statistics = next();
        if statistics["received"] == 201 || begin.elapsed() > Duration::from_secs(20) {
            break statistics;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    statistics
}

#[test]
fn the_signatures_of_a_flood_are_checked_by_default() {
    let counted = flood(&[]);
    assert_eq!(counted["dropped"]["signature"], 200, "{counted}");
    assert_eq!(counted["peers"], 1);
}

#[test]
fn a_hardened_tracker_drops_them_before() {
    let counted = flood(&["--hardened"]);
    let [checked, dropped] = ["signature", "admission"].map(|reason| counted["dropped"][reason].as_u64().unwrap());
    assert_eq!(checked + dropped, 200, "{counted}");
    assert!(checked < 100, "{counted}");
    assert_eq!(counted["peers"], 1);
}
