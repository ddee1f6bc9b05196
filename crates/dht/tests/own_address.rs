//! Our own address changes for the DHT when it did for a while, not because somebody says so once.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{
    dht, grown,
    lone::{Lone, find, key, token},
    secs, world,
};
use ipv8_core::Peer;
use ipv8_dht::{Family, NodeId, OWN_ADDRESS_AFTER, messages::StorePeerRequest, routing::DhtNode};

const OURS: &str = "198.51.100.1:1";
const LIE: &str = "203.0.113.66:66";

fn says(ours: &Lone, wan: &str) {
    ours.handle.with(|_, cx| cx.set_wan(wan.parse().unwrap())).unwrap();
}

/// The id around which the table is.
fn table_around(ours: &Lone) -> NodeId {
    let add = |dht: &mut ipv8_dht::DhtCommunity, cx: &mut ipv8_core::Context<'_>| {
        let node = DhtNode::new(Peer::new(key(5).public().clone(), "192.0.2.5:5".parse().unwrap()));
        assert!(dht.add_node(cx, node).is_some());
        let own = dht.table(Family::V4).unwrap().own();
        assert_eq!(dht.own_id(cx, Family::V4), Some(own));
        own
    };
    ours.handle.with(add).unwrap()
}

fn id_at(address: &str) -> NodeId {
    NodeId::new(address.parse::<SocketAddr>().unwrap().ip(), &key(99).mid())
}

#[test]
fn one_lie_does_not_change_our_id() {
    let mut ours = Lone::default();
    assert_eq!(table_around(&ours), id_at("10.0.0.1:1"));
    // The first address on the Internet is taken over from one of a LAN at once.
    says(&ours, OURS);
    assert_eq!(table_around(&ours), id_at(OURS));
    for _ in 0..3 {
        says(&ours, LIE);
        assert_eq!(table_around(&ours), id_at(OURS));
        ours.pass(OWN_ADDRESS_AFTER.as_secs() - 1);
        assert_eq!(table_around(&ours), id_at(OURS));
        // An honest answer, and it begins anew.
        says(&ours, OURS);
        assert_eq!(table_around(&ours), id_at(OURS));
    }
    // We did move.
    says(&ours, LIE);
    assert_eq!(table_around(&ours), id_at(OURS));
    ours.pass(OWN_ADDRESS_AFTER.as_secs() + 1);
    assert_eq!(table_around(&ours), id_at(LIE));
}

#[test]
fn who_is_said_to_be_where_we_are_is_not_taken_for_us() {
    let (mut ours, peer) = (Lone::default(), key(1));
    says(&ours, OURS);
    table_around(&ours);
    ours.pass(OWN_ADDRESS_AFTER.as_secs() + 1);
    let stores = |ours: &Lone, at: &str| {
        let token = token(ours.send(&peer, at, &find([7; 20], 0)).last().unwrap());
        let request = StorePeerRequest { identifier: 2, token, target: peer.mid().0 };
        !ours.send(&peer, at, &request).is_empty()
    };
    assert!(!stores(&ours, OURS), "we are there");
    says(&ours, LIE);
    assert!(stores(&ours, LIE));
    // What seems to come from where we really are is still refused.
    assert!(!stores(&ours, OURS));
    ours.pass(OWN_ADDRESS_AFTER.as_secs() + 1);
    assert!(!stores(&ours, LIE), "we are there now");
}

#[test]
fn lies_do_not_make_us_forget_who_remembers_us() {
    let mut world = world(31, ipv8_sim::Link::default());
    let nodes = grown(&mut world, 12, &ipv8_dht::DhtConfig::default());
    let victim = nodes[3];
    let is_told = |world: &ipv8_sim::World, wan: &str| {
        dht(world, victim).handle().with(|_, cx| cx.set_wan(wan.parse().unwrap())).unwrap();
    };
    is_told(&world, OURS);
    world.run_for(secs(120));
    let keepers = |world: &ipv8_sim::World| dht(world, victim).handle().with(|dht, _| dht.keepers()).unwrap();
    let before = keepers(&world);
    assert!(before.len() >= 4, "{before:?}");
    for _ in 0..80 {
        is_told(&world, LIE);
        world.run_for(std::time::Duration::from_millis(100));
        assert!(keepers(&world).len() >= before.len());
    }
}
