//! Only a peer that answers is found.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{grown, mid, run, secs, world};
use ipv8_core::Peer;
use ipv8_dht::{ConnectError, DhtConfig, TraceEvent, TraceStep};
use ipv8_sim::Link;

fn pinged(trace: &[TraceStep]) -> Vec<SocketAddr> {
    trace.iter().filter(|step| step.event == TraceEvent::Pinged).map(|step| step.node.address()).collect()
}

#[test]
fn a_dead_peer_is_not_found() {
    let mut world = world(51, Link::default());
    let nodes = grown(&mut world, 40, &DhtConfig::default());
    world.run_for(secs(40));
    let wanted = mid(&world, nodes[30]);
    world.crash(nodes[30]);
    // The nodes that remember it still say where it was.
    for asker in [nodes[3], nodes[17]] {
        let before = world.now();
        let (found, trace) = run(&mut world, asker, move |dht| async move { dht.trace_peer(wanted, None).await });
        assert_eq!(found.unwrap_err(), ConnectError::NotReachable { told: 1 }, "{trace:#?}");
        assert!(world.now().since(before) < secs(4));
    }
    // A minute later they have forgotten it, and say so.
    world.run_for(secs(75));
    let found = run(&mut world, nodes[3], move |dht| async move { dht.connect_peer(wanted).await });
    assert_eq!(found.unwrap_err(), ConnectError::NotFound { asked: 8 });
}

#[test]
fn a_hint_saves_the_search_and_a_wrong_one_costs_little() {
    let mut world = world(52, Link::default());
    let nodes = grown(&mut world, 60, &DhtConfig::default());
    world.run_for(secs(40));
    let (wanted, there, key) = (mid(&world, nodes[9]), world.address(nodes[9]), world.node(nodes[9]).key().clone());
    let mut connect = |asker: usize, hint: Peer| {
        let before = world.now();
        let asker = nodes[asker];
        let (found, trace) =
            run(&mut world, asker, move |dht| async move { dht.trace_peer(wanted, Some(&hint)).await });
        assert_eq!(found.unwrap()[0].address(), there);
        (trace, world.now().since(before))
    };
    let (trace, _) = connect(1, Peer::new(key.clone(), there));
    assert!(trace.iter().all(|step| step.event != TraceEvent::Asked), "{trace:#?}");
    let nowhere = "10.200.0.1:1".parse().unwrap();
    let (trace, took) = connect(25, Peer::new(key, nowhere));
    assert!(pinged(&trace).contains(&nowhere) && took < secs(2), "{took:?} {trace:#?}");
    let (trace, _) = connect(40, Peer::new(common::lone::key(5).public().clone(), nowhere));
    assert!(!pinged(&trace).contains(&nowhere), "{trace:#?}");
}
