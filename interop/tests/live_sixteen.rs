//! Eight of ours and eight of the reference's form one overlay: every node finds every other one at its right address.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "measures real time")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ipv8_interop::{Process, Programs, Side, Started};
use serde_json::Value;

const NODES: usize = 16;
/// Generous: sixteen interpreters and nodes share the machine with other tests.
const START: Duration = Duration::from_secs(60);
const FOUND: Duration = Duration::from_secs(75);
const V4: [&str; 1] = ["127.0.0.1:0"];
const V6: [&str; 1] = ["[::1]:0"];
const BOTH: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

fn programs() -> Option<Programs> {
    Programs::find(env!("CARGO_BIN_EXE_test-peer"))
}

fn started(name: &str, command: std::process::Command) -> (Process, Started) {
    let mut process = Process::spawn(name, command).unwrap();
    let started = process.started(START).unwrap();
    (process, started)
}

/// A node: who runs it, and where it listens.
struct Spec {
    side: Side,
    listen: &'static [&'static str],
}

/// Eight of each side at the same kind of address.
fn eight_of_each(listen: &'static [&'static str]) -> Vec<Spec> {
    Side::alternating().take(NODES).map(|side| Spec { side, listen }).collect()
}

/// Starts nodes that find their first peers through one contact, and waits until each knows every other one. How many were
/// found over IPv6.
fn form_one_overlay(what: &str, programs: &Programs, nodes: &[Spec], contacts: &[SocketAddr]) -> usize {
    let community = community(what);
    let contacts: Vec<String> = contacts.iter().map(ToString::to_string).collect();
    let mut processes: Vec<Process> = (0..)
        .zip(nodes)
        .map(|(index, Spec { side, listen })| {
            let mut command = programs.peer(*side);
            for (flag, address) in ["--listen", "--also-listen"].iter().zip(*listen) {
                command.args([flag, address]);
            }
            command.args(["--community", &community, "--curve", "curve25519", "--bootstrap"]).args(&contacts);
            command.args(["--bootstrap-timeout", "5", "--target", "20", "--greet", "600"]);
            Process::spawn(&format!("{what}: {side:?} node {index}"), command).unwrap()
        })
        .collect();
    let ids: Vec<Vec<String>> = processes.iter_mut().map(|process| identity(process)).collect();
    let begin = Instant::now();
    let mut on_ipv6 = 0;
    for (process, own) in processes.iter_mut().zip(&ids) {
        for other in ids.iter().filter(|other| *other != own) {
            let (mid, addresses) = other.split_first().unwrap();
            let seen = process.finds(mid, FOUND.saturating_sub(begin.elapsed())).unwrap();
            assert!(addresses.iter().any(|address| seen["address"] == *address), "{seen} of {addresses:?}");
            on_ipv6 += usize::from(seen["address"].as_str().is_some_and(|address| address.starts_with('[')));
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{what}: {} nodes know each other after {seconds:.1} s; {on_ipv6} were found over IPv6", nodes.len());
    on_ipv6
}

/// A node's mid and all its addresses.
fn identity(process: &mut Process) -> Vec<String> {
    let event = process.wait_for("its started event", START, |event| event["event"] == "started").unwrap();
    let listen = match &event["listen"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    [&event["mid"]].into_iter().chain(&listen).map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn community(what: &str) -> String {
    format!("{:0>40}", hex(what))
}

/// A short text as hex digits, for community ids.
fn hex(text: &str) -> String {
    text.bytes().take(20).map(|byte| format!("{byte:02x}")).collect()
}

fn through_a_tracker(side: Side) {
    let Some(programs) = programs() else { return };
    let Some(mut command) = programs.tracker(side) else { return };
    command.args(["--listen", V4[0]]);
    let (_tracker, contact) = started("tracker", command);
    form_one_overlay(&format!("{side:?} tracker"), &programs, &eight_of_each(&V4), &[contact.listen]);
}

#[test]
fn through_our_tracker() {
    through_a_tracker(Side::Ours);
}

#[test]
fn through_their_tracker() {
    through_a_tracker(Side::Theirs);
}

/// Something to start from on IPv6: the reference's tracker speaks IPv4 only, so any node stands in for one.
fn first_on_ipv6(programs: &Programs, what: &str) -> (Process, Started) {
    let mut command = programs.peer(Side::Ours);
    command.args(["--listen", V6[0], "--community", &community(what), "--target", "20", "--greet", "600"]);
    started("first node", command)
}

#[test]
fn on_ipv6() {
    let Some(programs) = programs() else { return };
    let (_node, contact) = first_on_ipv6(&programs, "IPv6");
    form_one_overlay("IPv6", &programs, &eight_of_each(&V6), &[contact.listen]);
}

/// Half of the nodes, of either side, have both kinds of sockets.
#[test]
fn on_ipv4_with_ipv6_beside_it() {
    let Some(programs) = programs() else { return };
    let Some(mut command) = programs.tracker(Side::Ours) else { return };
    command.args(["--listen", V4[0]]);
    let (_tracker, contact) = started("tracker", command);
    let (_node, also) = first_on_ipv6(&programs, "dual stack");
    let nodes: Vec<Spec> = Side::alternating()
        .zip([V4.as_slice(), &V4, &BOTH, &BOTH].into_iter().cycle())
        .map(|(side, listen)| Spec { side, listen })
        .take(NODES)
        .collect();
    let on_ipv6 = form_one_overlay("dual stack", &programs, &nodes, &[contact.listen, also.listen]);
    assert!(on_ipv6 > 0, "nobody was found over IPv6");
}
