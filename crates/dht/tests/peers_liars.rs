//! What liars say about a peer sends us nowhere where it cannot be, and does not hide it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use common::{closest, dht, grown, lone::key, mid, run, secs, world};
use ipv8_core::{Community, Context, OverlayConfig, Peer, Routes, Target, crypto::Mid};
use ipv8_dht::{
    ConnectError, DHT_COMMUNITY, DhtCommunity, DhtConfig, NodeId, TraceEvent, TraceStep,
    messages::{ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, Node, PingRequest, PingResponse},
    routing::DhtNode,
};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_sim::{Link, NodeOptions};

fn pinged(trace: &[TraceStep]) -> Vec<SocketAddr> {
    trace.iter().filter(|step| step.event == TraceEvent::Pinged).map(|step| step.node.address()).collect()
}

/// Claims to know everybody.
struct Liar {
    nodes: Arc<Vec<Node>>,
}

impl Community for Liar {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_ping).on(Self::on_find).on(Self::on_connect);
    }
}

impl Liar {
    fn on_ping(&mut self, cx: &mut Context<'_>, from: &Peer, request: PingRequest) {
        cx.send(from, PingResponse { identifier: request.identifier });
    }

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

/// Addresses whose nodes are close to an id, whatever their keys.
fn places_near(wanted: Mid) -> impl Iterator<Item = SocketAddr> {
    let ips = (0..1_u32 << 16).map(|number| IpAddr::V4(Ipv4Addr::from_bits(0x0ac8_0000 | number)));
    ips.filter(move |ip| {
        let id = NodeId::new(*ip, &Mid([0; 20])).0;
        id[0] == wanted.0[0] && id[1] >> 6 == wanted.0[1] >> 6
    })
    .map(|ip| SocketAddr::new(ip, 1))
}

#[test]
fn six_liars_among_the_eight_closest_nodes_do_not_hide_a_peer() {
    let mut world = world(55, Link::default());
    let mut nodes = grown(&mut world, 40, &DhtConfig::default());
    let peer = nodes[7];
    let (wanted, there, peers_key) = (mid(&world, peer), world.address(peer), world.node(peer).key().clone());
    // Each says that it is somewhere else.
    let mut liars = Vec::new();
    for (number, place) in (1_u8..).zip(places_near(wanted).take(6)) {
        let nowhere = |last: u8| SocketAddr::from(([10, 250, number, last], 1));
        let told: Vec<Node> = (1..=8).map(|last| Node { address: nowhere(last), key: peers_key.clone() }).collect();
        let told = Arc::new(told);
        liars.push(world.add_node(NodeOptions::default().address(place).setup(move |node| {
            let overlay = OverlayConfig::new(Liar { nodes: told.clone() })
                .strategy(RandomWalk::default(), Target::Always)
                .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(secs(5)));
            node.load(overlay).unwrap();
        })));
    }
    world.run_for(secs(150));
    nodes.extend(&liars);
    let near: Vec<Mid> = closest(&world, &nodes, &wanted.0).into_iter().take(8).collect();
    assert_eq!(liars.iter().filter(|liar| near.contains(&mid(&world, **liar))).count(), 6);
    for asker in [nodes[20], nodes[33]] {
        let target = Peer::new(peers_key.clone(), there);
        let forget = |dht: &mut DhtCommunity, cx: &mut Context<'_>| {
            assert!(dht.stored_peers().all(|stored| *stored != target), "choose another asker");
            if let Some(node) = dht.add_node(cx, DhtNode::new(target.clone())) {
                node.failed = 9;
            }
            cx.network_mut().remove(&wanted);
        };
        dht(&world, asker).handle().with(forget).unwrap();
        let (found, trace) = run(&mut world, asker, move |dht| async move { dht.trace_peer(wanted, None).await });
        assert_eq!(found.unwrap()[0].address(), there, "{trace:#?}");
        let liars: Vec<Mid> = liars.iter().map(|liar| mid(&world, *liar)).collect();
        let asked = |step: &TraceStep| step.event == TraceEvent::AskedForPeer && liars.contains(&step.node.mid());
        assert!(trace.iter().any(asked), "{trace:#?}");
        assert!(pinged(&trace).len() <= 13, "{trace:#?}");
    }
}
