//! Nodes of the reference and ours find each other by key hash on loopback, in one DHT.
#![allow(clippy::disallowed_methods, reason = "real nodes, in real time")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod live_dht_common;

use std::time::{Duration, Instant};

use ipv8::{
    Context, Mid, Peer, PublicKey, Service,
    dht::{Dht, DhtCommunity, TraceEvent, routing::DhtNode},
};
use live_dht_common::{SOON, Theirs, meet, ours, runtime, stop};
use serde_json::{Value, json};

/// Waits until everybody is remembered by at least so many nodes.
async fn remembered(theirs: &mut Theirs, ours: &[(Service, Dht)], least: usize) {
    let end = Instant::now() + SOON;
    loop {
        let answer = theirs.ask(&json!({"do": "store-peer"})).await;
        let mut counts: Vec<_> =
            answer["nodes"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        counts.extend(ours.iter().map(|(_, dht)| dht.handle().with(|dht, _| dht.keepers().len()).unwrap() as u64));
        if counts.iter().all(|count| *count >= least as u64) {
            return;
        }
        assert!(Instant::now() < end, "remembered by: {counts:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn mid(hex: &str) -> Mid {
    Mid(hex::decode(hex).unwrap().try_into().unwrap())
}

/// Has a node of ours know nothing of another one, for now.
fn forget(dht: &Dht, other: &Peer) {
    let forget = |dht: &mut DhtCommunity, cx: &mut Context<'_>| {
        if let Some(node) = dht.add_node(cx, DhtNode::new(other.clone())) {
            node.failed = 9;
        }
        cx.network_mut().remove(&other.mid());
    };
    dht.handle().with(forget).unwrap();
}

/// Each node of ours finds one of theirs, and each of those one of ours. Returns how many of ours had to ask others.
async fn find_each_other(theirs: &mut Theirs, ours: &[(Service, Dht)]) -> usize {
    let mut slowest = Duration::ZERO;
    let mut through_others = 0;
    for (number, (service, dht)) in ours.iter().enumerate() {
        let node = number % theirs.mids.len();
        let key = PublicKey::from_bytes(&hex::decode(&theirs.keys[node]).unwrap()).unwrap();
        let wanted = Peer::new(key, theirs.addresses[node]);
        let here = dht.handle().with(|dht, _| dht.stored_peers().any(|peer| *peer == wanted)).unwrap();
        forget(dht, &wanted);
        let begun = Instant::now();
        let (found, trace) = dht.trace_peer(mid(&theirs.mids[node]), None).await;
        slowest = slowest.max(begun.elapsed());
        let found = found.unwrap_or_else(|error| panic!("{error}: {trace:#?}"));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].mid(), found[0].address()), (mid(&theirs.mids[node]), theirs.addresses[node]));
        let told = trace.iter().any(|step| matches!(step.event, TraceEvent::Told { named: 1, .. }));
        assert!(told || here, "{trace:#?}");
        through_others += usize::from(told);

        let request =
            json!({"do": "connect", "node": (node + 1) % theirs.mids.len(), "key": service.key().mid().to_string()});
        let answer = theirs.ask(&request).await;
        let found: Vec<(&str, &str)> = answer["peers"].as_array().unwrap().iter().map(show).collect();
        let there = service.local_addresses()[0].to_string();
        assert_eq!(found, [(&*service.key().mid().to_string(), &*there)], "ours, number {number}");
    }
    // Nobody is dead: there is nothing to wait for.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    through_others
}

fn show(peer: &Value) -> (&str, &str) {
    (peer["mid"].as_str().unwrap(), peer["address"].as_str().unwrap())
}

fn together(count: usize, least_known: usize, least_remembered: usize, through_others: usize) {
    let Some(mut theirs) = Theirs::start(count, &["--peers"]) else { return };
    runtime().block_on(async {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(ours(theirs.started.listen).await);
        }
        meet(&mut theirs, &all, least_known).await;
        remembered(&mut theirs, &all, least_remembered).await;
        assert!(find_each_other(&mut theirs, &all).await >= through_others);
        stop(all).await;
    });
    theirs.stop();
}

#[test]
fn two_nodes_of_each() {
    // Everybody remembers everybody.
    together(2, 3, 3, 0);
}

#[test]
fn ten_nodes_of_each() {
    // With ids that begin alike, since all are at one address, not everybody has room for everybody.
    together(10, 10, 4, 3);
}
