//! Many keys at few addresses: ids follow from addresses, so they can crowd one part of a routing table. They get a few places.

use std::{collections::BTreeMap, net::IpAddr, net::SocketAddr};

use ipv8_core::{Community, Context, OverlayConfig, Peer, Routes, Time};
use ipv8_dht::{
    DHT_COMMUNITY, DhtCommunity, DhtConfig, Family, NodeId, Sign,
    messages::{FindRequest, FindResponse, Node, PingRequest, StoreRequest, StoreResponse},
    routing::{DhtNode, RoutingTable},
};
use ipv8_sim::{Link, NodeOptions};

use crate::{
    common::{self, dht, run, secs, world},
    helpers::{many, node, send},
};

fn of_addresses(dht: &DhtCommunity) -> BTreeMap<IpAddr, usize> {
    let mut counts = BTreeMap::new();
    for node in dht.table(Family::V4).into_iter().flat_map(|table| table.nodes()) {
        *counts.entry(node.address().ip()).or_default() += 1;
    }
    counts
}

#[test]
fn a_thousand_keys_at_one_address_are_two_nodes() {
    let ours = node();
    for number in 0..1_000 {
        let from = format!("198.51.100.7:{}", 1_000 + number);
        assert_eq!(send(&ours, (&many(number), &from), &PingRequest { identifier: 1 }).len(), 1, "they are answered");
    }
    let (counts, crowded) = ours.1.with(|dht, _| (of_addresses(dht), dht.stats().nodes_crowded)).unwrap();
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [2]);
    assert_eq!(crowded, 998);
}

#[test]
fn keys_that_never_answered_keep_nobody_out_who_does() {
    for [place, first, second] in
        [["198.51.100.7:7", "198.51.100.7:8", "198.51.100.7:9"], ["[2a::7]:7", "[2a::8]:7", "[2a::9]:7"]]
    {
        let at = |number: u32, address: &str| {
            DhtNode::new(Peer::new(many(number).public().clone(), address.parse().unwrap()))
        };
        let mut table = RoutingTable::new(NodeId([0; 20]));
        table.add(at(1, first), Time::ZERO);
        table.add(at(2, second), Time::ZERO);
        let mut newcomer = at(3, place);
        assert!(table.is_crowded(&newcomer, Time::ZERO), "{place}");
        newcomer.answered(Time::ZERO, secs(1));
        assert!(!table.is_crowded(&newcomer, Time::ZERO), "{place}");
        for (number, address) in [(1, first), (2, second)] {
            let id = at(number, address).id();
            table.get_mut(&id).unwrap().answered(Time::ZERO, secs(1));
        }
        assert!(table.is_crowded(&newcomer, Time::ZERO), "{place}");
    }
}

#[test]
fn who_answers_gets_the_place_of_one_that_never_did() {
    let ours = node();
    for number in 0..2 {
        send(&ours, (&many(number), &format!("198.51.100.7:{}", 1_000 + number)), &PingRequest { identifier: 1 });
    }
    let counts = |dht: &DhtCommunity| of_addresses(dht).into_values().collect::<Vec<_>>();
    ours.1
        .with(|dht, cx| {
            let mut newcomer = DhtNode::new(Peer::new(many(2).public().clone(), "198.51.100.7:7".parse().unwrap()));
            assert!(dht.add_node(cx, newcomer.clone()).is_none());
            newcomer.answered(cx.now(), secs(1));
            assert!(dht.add_node(cx, newcomer).is_some());
            assert_eq!(counts(dht), [2]);
        })
        .unwrap();
}

#[test]
fn a_network_of_256_addresses_gets_half_of_a_bucket() {
    let ours = node();
    for number in 0..2_000 {
        let from = format!("198.51.100.{}:7", number % 256);
        send(&ours, (&many(number), &from), &PingRequest { identifier: 1 });
    }
    // Others come later, and find room everywhere.
    for number in 0..400_u32 {
        let from = format!("{}.{}.{}.{}:7", 11 + number % 4, number % 16, number % 61, number % 251);
        send(&ours, (&many(10_000 + number), &from), &PingRequest { identifier: 1 });
    }
    ours.1
        .with(|dht, _| {
            let is_theirs = |node: &&DhtNode| node.address().to_string().starts_with("198.51.100.");
            for bucket in dht.table(Family::V4).unwrap().buckets() {
                let theirs = bucket.nodes().iter().filter(is_theirs).count();
                assert!(theirs <= 4, "{theirs} of {} in a bucket", bucket.nodes().len());
            }
            let others = dht.table(Family::V4).unwrap().nodes().filter(|node| !is_theirs(node)).count();
            assert!(others > 30, "{others}");
        })
        .unwrap();
}

#[test]
fn in_a_private_network_and_on_one_machine_any_number_is_known() {
    for ip in ["10.0.0.77", "127.0.0.1"] {
        let ours = node();
        for number in 0..8 {
            send(&ours, (&many(number), &format!("{ip}:{}", 1_000 + number)), &PingRequest { identifier: 1 });
        }
        let (counts, crowded) = ours.1.with(|dht, _| (of_addresses(dht), dht.stats().nodes_crowded)).unwrap();
        assert_eq!((counts.into_values().collect::<Vec<_>>(), crowded), (vec![8], 0), "{ip}");
    }
}

/// Claims that all the nodes closest to anything are at its own address, and confirms whatever it is to keep.
struct Sybil {
    own: SocketAddr,
}

impl Sybil {
    fn on_ping(&mut self, cx: &mut Context<'_>, from: &Peer, request: PingRequest) {
        cx.send(from, ipv8_dht::messages::PingResponse { identifier: request.identifier });
    }

    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let nodes = (0..8).map(|number| Node { address: self.own, key: many(number).public().clone() }).collect();
        cx.send(from, FindResponse { identifier: request.identifier, token: [0; 20], values: Vec::new(), nodes });
    }

    fn on_store(&mut self, cx: &mut Context<'_>, from: &Peer, request: StoreRequest) {
        cx.send(from, StoreResponse { identifier: request.identifier });
    }
}

impl Community for Sybil {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_ping).on(Self::on_find).on(Self::on_store);
    }
}

#[test]
fn a_search_takes_two_nodes_of_an_address_and_stores_with_others() {
    let mut world = world(41, Link::default());
    // Honest nodes far apart, and one Sybil whose address is the closest to what is stored.
    let nodes: Vec<_> = (0..30_u32)
        .map(|number| {
            let address = format!("{}.{}.3.7:8090", 50 + number, number * 7).parse().unwrap();
            world.add_node(common::options(&DhtConfig::default()).address(address))
        })
        .collect();
    let own: SocketAddr = "45.1.2.3:8090".parse().unwrap();
    let sybil = world.add_node(NodeOptions::default().address(own).setup(move |node| {
        node.load(OverlayConfig::new(Sybil { own })).unwrap();
    }));
    world.run_for(secs(60));
    let evil = Peer::new(world.node(sybil).key().clone(), own);
    let target = ipv8_dht::NodeId::new(own.ip(), &evil.mid()).0;
    for node in &nodes {
        let evil = evil.clone();
        // It introduced itself to everybody.
        dht(&world, *node).handle().with(|dht, cx| dht.add_node(cx, DhtNode::new(evil)).is_some()).unwrap();
    }
    let stored = run(&mut world, nodes[3], |dht| async move { dht.store(target, b"value", Sign::Yes).await.unwrap() });
    let honest = stored.nodes.iter().filter(|node| node.address() != own).count();
    assert!(honest >= 7, "{stored:?}");
    let asked: Vec<_> = stored.trace.iter().filter(|step| step.node.address() == own).collect();
    assert!(
        asked.iter().map(|step| step.node.mid()).collect::<std::collections::BTreeSet<_>>().len() <= 2,
        "{asked:?}"
    );
    let found = run(&mut world, nodes[20], |dht| async move { dht.find_values(target).await.unwrap() });
    assert_eq!(found.iter().map(|value| value.data.clone()).collect::<Vec<_>>(), [b"value".to_vec()]);
}
