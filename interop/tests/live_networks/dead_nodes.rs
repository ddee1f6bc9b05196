//! Nodes that die without a word are dropped by the others within the churn times, and nobody else is.

use std::thread;
use std::time::{Duration, Instant};

use ipv8_interop::{ProcessError, Programs, Side};

use crate::common::{Node, SOON, V4, programs, start, tracker};

/// The latest after the drop time: a round of the churn, five seconds for a ping that went out last, slowness.
const ROUNDS: Duration = Duration::from_secs(8);

/// Two nodes of each side know each other, then one of each is killed. How long the other two keep them.
fn killed(programs: &Programs, tracker: &str, test: &str, churn: [f64; 3]) {
    let [_, inactive, drop] = churn.map(Duration::from_secs_f64);
    let churn = churn.map(|seconds| seconds.to_string()).join(",");
    let flags = ["--bootstrap", tracker, "--discovery", "--churn", &churn];
    let processes: Vec<_> =
        Side::alternating().take(4).map(|side| (side, start(programs, side, test, &flags))).collect();
    let mut nodes: Vec<(Side, Node)> = processes.into_iter().map(|(side, process)| (side, Node::of(process))).collect();
    let mids: Vec<String> = nodes.iter().map(|(_, node)| node.mid.clone()).collect();
    for (_, node) in &mut nodes {
        for mid in mids.iter().filter(|mid| **mid != node.mid) {
            // The reference never drops a peer of which it heard nothing more than the packet that verified it.
            let pinged = |event: &serde_json::Value| {
                event["event"] == "known" && event["mid"] == **mid && event["pinged"] == true
            };
            node.process.wait_for("a peer that answered a ping", SOON, pinged).unwrap();
        }
        while node.process.wait_for("old news", Duration::ZERO, |event| event["event"] == "peer").is_ok() {}
    }
    let survivors = nodes.split_off(2);
    let dead: Vec<(Side, String)> = nodes.iter().map(|(side, node)| (*side, node.mid.clone())).collect();
    // Dropping a process kills it, so it has no time for last words.
    std::mem::drop(nodes);
    let begin = Instant::now();
    let dead = &dead;
    thread::scope(|scope| {
        for (side, mut node) in survivors {
            scope.spawn(move || {
                for _ in dead {
                    let patience = (drop + ROUNDS).saturating_sub(begin.elapsed());
                    let removed = |event: &serde_json::Value| event["event"] == "removed";
                    let event = node.process.wait_for("a removed peer", patience, removed).unwrap();
                    let after = begin.elapsed();
                    let of = dead.iter().find(|(_, mid)| event["mid"] == **mid);
                    let (of, _) = of.unwrap_or_else(|| panic!("{side:?} dropped a living node: {event}"));
                    println!("{test}: {side:?} dropped a dead node of {of:?} after {:.1} s", after.as_secs_f64());
                    // Nothing was heard since the last ping before the end, at most.
                    assert!(after + inactive >= drop, "too early");
                }
                let again = |event: &serde_json::Value| event["event"] == "removed" || event["event"] == "peer";
                let more = node.process.wait_for("more news", Duration::from_secs(2), again);
                assert!(matches!(more, Err(ProcessError::Deadline { .. })), "{side:?}: {more:?}");
            });
        }
    });
}

/// With the default times and with shorter ones, at once.
#[test]
fn vanish_within_the_churn_times() {
    let Some(programs) = programs() else { return };
    // One each, since all DiscoveryCommunities are one.
    let trackers = [(); 2].map(|()| tracker(&programs, Side::Ours, &V4));
    let [Some(one), Some(other)] = &trackers else { return };
    let (one, other) = (one.contact(), other.contact());
    thread::scope(|scope| {
        scope.spawn(|| killed(&programs, &one, "default churn", [10.0, 27.5, 57.5]));
        scope.spawn(|| killed(&programs, &other, "short churn", [2.0, 4.0, 8.0]));
    });
}
