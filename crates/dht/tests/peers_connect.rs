//! Peers are found by their key hash, by those who never met them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{dht, grown, known, mid, run, secs, world};
use ipv8_dht::{ConnectError, DhtConfig, TraceEvent};
use ipv8_sim::{Link, NodeId, World};

/// Whether a node has another one as a peer, or in its routing table.
fn knows(world: &World, node: NodeId, other: NodeId) -> bool {
    let other = mid(world, other);
    let dht = dht(world, node);
    dht.handle()
        .with(|dht, cx| {
            let table = dht.table(ipv8_dht::Family::V4).unwrap();
            cx.peer(&other).is_some() || table.nodes().any(|node| node.peer().mid() == other)
        })
        .unwrap()
}

#[test]
fn strangers_are_found_and_become_peers() {
    let mut world = world(31, Link::default());
    let nodes = grown(&mut world, 60, &DhtConfig::default());
    world.run_for(secs(60));
    let mut strangers = 0;
    for (from, to) in [(3, 50), (55, 12), (59, 0), (41, 42), (7, 40), (40, 7)] {
        let (from, to) = (nodes[from], nodes[to]);
        let (wanted, there) = (mid(&world, to), world.address(to));
        strangers += usize::from(!knows(&world, from, to));
        let before = world.now();
        let (found, trace) = run(&mut world, from, move |dht| async move { dht.trace_peer(wanted, None).await });
        let found: Vec<_> = found.unwrap().iter().map(|peer| (peer.mid(), peer.address())).collect();
        assert_eq!(found, [(wanted, there)], "{trace:#?}");
        assert!(knows(&world, from, to));
        assert!(world.now().since(before) < secs(2), "{trace:#?}");
        assert!(trace.iter().all(|step| step.event != TraceEvent::Silent), "{trace:#?}");
    }
    assert!(strangers > 2, "{strangers}, {} known", known(&world, nodes[3]));
}

#[test]
fn nobody_is_found_who_is_not_there() {
    let mut world = world(32, Link::default());
    let nodes = grown(&mut world, 20, &DhtConfig::default());
    world.run_for(secs(40));
    let error =
        run(
            &mut world,
            nodes[4],
            |dht| async move { dht.connect_peer(ipv8_core::crypto::Mid([9; 20])).await.unwrap_err() },
        );
    assert_eq!(error, ConnectError::NotFound { asked: 8 });
    let own = mid(&world, nodes[4]);
    let error = run(&mut world, nodes[4], move |dht| async move { dht.connect_peer(own).await.unwrap_err() });
    assert_eq!(error, ConnectError::Own);
}
