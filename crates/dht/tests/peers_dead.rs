//! Only a peer that answers is found; and what others say about it sends us nowhere where it cannot be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{dht, grown, lone::key, mid, run, secs, world};
use ipv8_core::{Community, Context, OverlayConfig, Peer, Routes};
use ipv8_dht::{
    ConnectError, DHT_COMMUNITY, DhtConfig, TraceEvent, TraceStep,
    messages::{ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, Node},
    routing::DhtNode,
};
use ipv8_sim::{Link, NodeOptions};

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

/// Claims to know everybody.
struct Liar {
    nodes: Arc<Vec<Node>>,
}

impl Community for Liar {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_find).on(Self::on_connect);
    }
}

impl Liar {
    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let response =
            FindResponse { identifier: request.identifier, token: [0; 20], values: Vec::new(), nodes: Vec::new() };
        cx.send(from, response);
    }

    fn on_connect(&mut self, cx: &mut Context<'_>, from: &Peer, request: ConnectPeerRequest) {
        let nodes = self.nodes.to_vec();
        cx.send(from, ConnectPeerResponse { identifier: request.identifier, nodes });
    }
}

/// What is pinged if a node says that a peer is there.
fn pinged_if_told(seed: u64, nodes: impl Fn(SocketAddr) -> Vec<Node>) -> (Vec<SocketAddr>, ConnectError) {
    let mut world = world(seed, Link::default());
    let victim = world.add_node(common::options(&DhtConfig::default()));
    world.run_for(secs(1));
    world.node(victim).set_broadcast_addresses(["10.0.0.255".parse().unwrap()]);
    let nodes = Arc::new(nodes(world.address(victim)));
    let liar = world.add_node(NodeOptions::default().setup(move |node| {
        node.load(OverlayConfig::new(Liar { nodes: nodes.clone() })).unwrap();
    }));
    world.run_for(secs(1));
    let evil = Peer::new(world.node(liar).key().clone(), world.address(liar));
    dht(&world, victim).handle().with(|dht, cx| assert!(dht.add_node(cx, DhtNode::new(evil)).is_some())).unwrap();
    let wanted = key(77).mid();
    let (found, trace) = run(&mut world, victim, move |dht| async move { dht.trace_peer(wanted, None).await });
    (pinged(&trace), found.unwrap_err())
}

fn at(address: &str) -> Node {
    Node { address: address.parse().unwrap(), key: key(77).public().clone() }
}

#[test]
fn addresses_where_no_peer_can_be_are_not_pinged() {
    let bad = ["10.1.1.1:0", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "10.0.0.255:80", "127.0.0.1:80"];
    for bad in bad {
        let (pinged, error) = pinged_if_told(53, |own| vec![at(bad), at("240.0.0.1:1"), at(&own.to_string())]);
        assert_eq!((pinged, error), (Vec::new(), ConnectError::NotFound { asked: 1 }), "{bad}");
    }
}

#[test]
fn of_what_one_node_tells_two_addresses_of_the_peer_are_pinged() {
    let (pinged, error) = pinged_if_told(54, |_| {
        let other = Node { address: "10.1.1.1:1".parse().unwrap(), key: key(78).public().clone() };
        [other].into_iter().chain((2..200).map(|last| at(&format!("10.1.1.{last}:1")))).collect()
    });
    let expected: Vec<SocketAddr> = vec!["10.1.1.2:1".parse().unwrap(), "10.1.1.3:1".parse().unwrap()];
    assert_eq!((pinged, error), (expected, ConnectError::NotReachable { told: 2 }));
}
