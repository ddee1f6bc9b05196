//! What others may try: poisoned node lists, stores without a token, floods of queries; and that we do not do the like.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{
    dht, grown,
    lone::{Lone, find, key, token},
    mid, run, secs, world,
};
use ipv8_core::{Community, Context, Interfaces, OverlayConfig, Peer, Routes};
use ipv8_dht::{
    DHT_COMMUNITY, DhtCommunity, DhtConfig, Family, Sign, TraceEvent,
    family::may_be_node,
    messages::{FindRequest, FindResponse, Node, PingRequest, StoreRequest},
    routing::DhtNode,
    value,
};
use ipv8_sim::{Link, NodeOptions};

/// Answers every question with nodes that are none.
struct Poisoner {
    nodes: Arc<Vec<Node>>,
}

impl Community for Poisoner {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_find);
    }
}

impl Poisoner {
    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let nodes = self.nodes.to_vec();
        cx.send(from, FindResponse { identifier: request.identifier, token: [0; 20], values: Vec::new(), nodes });
    }
}

#[test]
fn addresses_that_cannot_be_nodes_are_never_asked() {
    let mut world = world(21, Link::default());
    let victim = world.add_node(common::options(&DhtConfig::default()));
    world.run_for(secs(1));
    let own = world.address(victim);
    let bad: Vec<SocketAddr> =
        ["10.0.0.9:0", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "127.0.0.1:80", "[::1]:80"]
            .iter()
            .map(|text| text.parse().unwrap())
            .chain([own])
            .collect();
    let mut nodes: Vec<Node> = bad
        .iter()
        .zip(1..)
        .map(|(address, seed)| Node { address: *address, key: key(seed).public().clone() })
        .collect();
    // And the victim itself, elsewhere.
    nodes.push(Node { address: "10.1.2.3:4".parse().unwrap(), key: world.node(victim).key().clone() });
    let nodes = Arc::new(nodes);
    let poisoner = {
        let nodes = nodes.clone();
        world.add_node(NodeOptions::default().setup(move |node| {
            node.load(OverlayConfig::new(Poisoner { nodes: nodes.clone() })).unwrap();
        }))
    };
    world.run_for(secs(1));
    let evil = Peer::new(world.node(poisoner).key().clone(), world.address(poisoner));
    dht(&world, victim).handle().with(|dht, cx| assert!(dht.add_node(cx, DhtNode::new(evil)).is_some())).unwrap();
    let (found, trace) = run(&mut world, victim, |dht| async move { dht.trace_nodes([5; 20]).await.unwrap() });
    assert_eq!(found.iter().map(Peer::mid).collect::<Vec<_>>(), [mid(&world, poisoner)]);
    let asked: Vec<_> =
        trace.iter().filter(|step| step.event == TraceEvent::Asked).map(|step| step.node.mid()).collect();
    assert_eq!(asked, [mid(&world, poisoner)]);
    assert!(trace.iter().any(|step| step.event == TraceEvent::Nodes { named: 8, refused: 8 }), "{trace:?}");
}

#[test]
fn who_is_elsewhere_names_no_neighbours_of_ours() {
    let at = |text: &str| text.parse().unwrap();
    let (internet, lan, here) = (at("198.51.100.7:1"), at("192.168.1.7:1"), at("127.0.0.1:1"));
    assert!(may_be_node(at("203.0.113.5:7"), internet) && may_be_node(at("203.0.113.5:7"), lan));
    assert!(!may_be_node(at("192.168.1.8:7"), internet) && may_be_node(at("192.168.1.8:7"), lan));
    assert!(!may_be_node(at("127.0.0.1:7"), lan) && may_be_node(at("127.0.0.1:7"), here));
    assert!(!may_be_node(at("[::ffff:1.2.3.4]:7"), internet) && !may_be_node(at("240.0.0.1:7"), internet));
}

#[test]
fn a_busy_node_is_never_taken_for_a_flood() {
    let mut world = world(22, Link::default());
    let nodes = grown(&mut world, 12, &DhtConfig::default());
    let before = world.node(nodes[3]).stats().timeouts;
    let started = world.now();
    run(&mut world, nodes[3], |dht| async move {
        for number in 0..20 {
            dht.store([number * 12; 20], &[number], Sign::No).await.unwrap();
            assert_eq!(dht.find_values([number * 12; 20]).await.unwrap().len(), 1);
        }
    });
    // Every node drops the eleventh query in five seconds, which would look like a dead node from here.
    assert_eq!(world.node(nodes[3]).stats().timeouts, before, "in {:?}", world.now().since(started));
}

#[test]
fn values_are_stored_for_the_family_that_they_come_from() {
    let (ours, asker) = (Lone::default(), key(1));
    for (source, family, other) in [("[2001:db8::2]:2", Family::V6, Family::V4), ("10.0.0.2:2", Family::V4, Family::V6)]
    {
        let before = ours.handle.with(|dht, _| (dht.store(family).len(), dht.store(other).len())).unwrap();
        let answer = ours.send(&asker, source, &find([7; 20], 0));
        let request = StoreRequest {
            identifier: 2,
            token: token(answer.last().unwrap()),
            target: [7; 20],
            values: vec![value::encode_unsigned(b"here")],
        };
        assert_eq!(ours.send(&asker, source, &request).len(), 1);
        let after = ours.handle.with(|dht, _| (dht.store(family).len(), dht.store(other).len())).unwrap();
        assert_eq!(after, (before.0 + 1, before.1), "{family:?}");
    }
}

#[test]
fn a_token_is_good_at_its_address_only() {
    let (ours, asker) = (Lone::default(), key(1));
    let answer = ours.send(&asker, "10.0.0.2:2", &find([7; 20], 0));
    let values = vec![value::encode_unsigned(b"replayed")];
    let request = StoreRequest { identifier: 2, token: token(answer.last().unwrap()), target: [7; 20], values };
    assert_eq!(ours.send(&asker, "10.0.0.3:2", &request).len(), 0);
    assert_eq!(ours.send(&key(2), "10.0.0.2:2", &request).len(), 0);
    assert_eq!(ours.handle.with(|dht, _| dht.store(Family::V4).len()).unwrap(), 0);
    assert_eq!(ours.send(&asker, "10.0.0.2:2", &request).len(), 1);
}

#[test]
fn questions_with_any_offset_are_answered_and_leave_nothing() {
    let (ours, asker) = (Lone::default(), key(1));
    for (number, offset) in [0, 1, 8, u32::MAX - 1, u32::MAX].into_iter().enumerate() {
        let target = [u8::try_from(number).unwrap(); 20];
        assert_eq!(ours.send(&asker, "10.0.0.2:2", &find(target, offset)).len(), 1);
    }
    assert_eq!(ours.handle.with(|dht, _| dht.store(Family::V4).len()).unwrap(), 0);
}

#[test]
fn the_eleventh_query_is_not_answered() {
    let (ours, asker) = (Lone::default(), key(1));
    let answers: Vec<_> =
        (0..12).map(|identifier| ours.send(&asker, "10.0.0.2:2", &PingRequest { identifier }).len()).collect();
    assert_eq!(answers, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    // Others are not affected.
    assert_eq!(ours.send(&key(2), "10.0.0.3:2", &PingRequest { identifier: 1 }).len(), 1);
}

#[test]
fn a_search_goes_on_if_one_family_knows_nobody() {
    let mut world = world(23, Link::default());
    let nodes = grown(&mut world, 12, &DhtConfig::default());
    let address = world.address(nodes[2]);
    world.node(nodes[2]).set_interfaces(Interfaces {
        lan: Some(address),
        v4: None,
        v6: Some("[2001:db8::1]:1".parse().unwrap()),
        machine: Vec::new(),
    });
    let empty_v6 = |dht: &mut DhtCommunity, cx: &mut Context<'_>| {
        let mut dead = DhtNode::new(Peer::new(key(5).public().clone(), "[2001:db8::2]:2".parse().unwrap()));
        dead.failed = 9;
        assert!(dht.add_node(cx, dead).is_some());
    };
    dht(&world, nodes[2]).handle().with(empty_v6).unwrap();
    world.run_for(secs(2));
    let empty = dht(&world, nodes[2]).handle().with(|dht, _| dht.table(Family::V6).unwrap().is_empty()).unwrap();
    assert!(empty);
    let stored = run(&mut world, nodes[2], |dht| async move {
        let stored = dht.store([8; 20], b"one family", Sign::No).await.unwrap();
        assert_eq!(dht.find_values([8; 20]).await.unwrap().len(), 1);
        stored
    });
    assert_eq!(stored.nodes.len(), 8);
}
