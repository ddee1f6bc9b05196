//! Eight of ours and eight of the reference's form one overlay: every node finds every other one at its right address.

use std::time::{Duration, Instant};

use ipv8_interop::{Process, Programs, Side};

use crate::common::{Node, V4, V6, programs, start, tracker};

const NODES: usize = 16;
/// Most need twenty seconds; nodes with IPv4 alone are seldom told of those that have both.
const FOUND: Duration = Duration::from_secs(100);
const BOTH: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

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
fn form_one_overlay(test: &str, programs: &Programs, specs: &[Spec], contacts: &[String]) -> usize {
    let start = |Spec { side, listen }: &Spec| {
        let mut flags: Vec<&str> = vec!["--bootstrap"];
        flags.extend(contacts.iter().map(String::as_str));
        flags
            .extend(["--listen", "--also-listen"].into_iter().zip(*listen).flat_map(|(flag, address)| [flag, address]));
        start(programs, *side, test, &flags)
    };
    let processes: Vec<Process> = specs.iter().map(start).collect();
    let mut nodes: Vec<Node> = processes.into_iter().map(Node::of).collect();
    let all: Vec<_> = nodes.iter().map(|node| (node.mid.clone(), node.listen.clone())).collect();
    let begin = Instant::now();
    let mut on_ipv6 = 0;
    for node in &mut nodes {
        for (mid, addresses) in all.iter().filter(|(mid, _)| *mid != node.mid) {
            let seen = node.process.finds(mid, FOUND.saturating_sub(begin.elapsed())).unwrap();
            let address = seen["address"].as_str().unwrap().parse().unwrap();
            assert!(addresses.contains(&address), "{seen} of {addresses:?}");
            on_ipv6 += usize::from(address.is_ipv6());
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{test}: {} nodes know each other after {seconds:.1} s; {on_ipv6} were found over IPv6", specs.len());
    on_ipv6
}

fn through_a_tracker(side: Side, test: &str, listen: &'static [&'static str]) {
    let Some(programs) = programs() else { return };
    let Some(tracker) = tracker(&programs, side, listen) else { return };
    form_one_overlay(test, &programs, &eight_of_each(listen), &tracker.contacts());
}

#[test]
fn through_our_tracker() {
    through_a_tracker(Side::Ours, "our tracker", &V4);
}

#[test]
fn through_their_tracker() {
    through_a_tracker(Side::Theirs, "their tracker", &V4);
}

/// The reference's tracker speaks IPv4 only.
#[test]
fn through_our_tracker_on_ipv6() {
    through_a_tracker(Side::Ours, "IPv6", &V6);
}

/// Half of the nodes, of either side, have both kinds of sockets.
#[test]
fn on_ipv4_with_ipv6_beside_it() {
    let Some(programs) = programs() else { return };
    let Some(tracker) = tracker(&programs, Side::Ours, &BOTH) else { return };
    let nodes: Vec<Spec> = Side::alternating()
        .zip([V4.as_slice(), &V4, &BOTH, &BOTH].into_iter().cycle())
        .map(|(side, listen)| Spec { side, listen })
        .take(NODES)
        .collect();
    let on_ipv6 = form_one_overlay("dual stack", &programs, &nodes, &tracker.contacts());
    assert!(on_ipv6 > 0, "nobody was found over IPv6");
}
