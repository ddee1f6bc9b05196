//! The DiscoveryCommunity on both sides: each learns the communities and the keys of the other, and has its pings answered.

use ipv8_interop::Side;

use crate::common::{Node, SOON, V4, community, programs, start, tracker};

/// The DiscoveryCommunity's own id.
const DISCOVERY: &str = "7e313685c1912a141279f8248fc8db5899c5df5a";

#[test]
fn both_sides_learn_the_communities_of_all_keys_and_measure_pings() {
    let Some(programs) = programs() else { return };
    let Some(tracker) = tracker(&programs, Side::Theirs, &V4) else { return };
    let mut nodes = [Side::Ours, Side::Theirs].map(|side| {
        let idle = community(&format!("idle of {side:?}"));
        let flags = ["--bootstrap", &tracker.contact(), "--discovery", "--idle", &idle];
        let mut process = start(&programs, side, "discovery", &flags);
        let key = process.wait_for("its other key", SOON, |event| event["event"] == "idle").unwrap();
        (Node::of(process), key["mid"].as_str().unwrap().to_owned(), idle)
    });
    let ids = [0, 1].map(|index: usize| {
        let (node, key, idle) = &nodes[index];
        (node.mid.clone(), key.clone(), idle.clone())
    });
    for ((node, ..), (mid, key, idle)) in nodes.iter_mut().zip(ids.iter().rev()) {
        let mut known = |what: &str, mid: &str, communities: &[&str], pinged: bool| {
            let mut expected = communities.to_vec();
            expected.sort_unstable();
            node.process
                .wait_for(what, SOON, |event| {
                    event["event"] == "known"
                        && event["mid"] == mid
                        && event["communities"] == serde_json::json!(expected)
                        && (!pinged || event["pinged"] == true)
                })
                .unwrap();
        };
        known("both communities and a round trip of the other one", mid, &[DISCOVERY, &community("discovery")], true);
        // Nobody walks in this one, so only similarity messages can tell of it, one for each key.
        known("the community of its other key", key, &[idle], false);
    }
}
