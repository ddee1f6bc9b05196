//! Questions: how many are answered, with whatever in them, and that ours are not too many.

use ipv8_core::{Context, Interfaces, Peer};
use ipv8_dht::{DhtCommunity, DhtConfig, Family, Sign, messages::PingRequest, routing::DhtNode};
use ipv8_sim::Link;

use crate::{
    common::{dht, grown, run, secs, world},
    helpers::{find, key, node, send},
};

#[test]
fn questions_with_any_offset_are_answered_and_leave_nothing() {
    let (ours, asker) = (node(), key(1));
    for (number, offset) in [0, 1, 8, u32::MAX - 1, u32::MAX].into_iter().enumerate() {
        let target = [u8::try_from(number).unwrap(); 20];
        assert_eq!(send(&ours, (&asker, "10.0.0.2:2"), &find(target, offset)).len(), 1);
    }
    assert_eq!(ours.1.with(|dht, _| dht.store(Family::V4).len()).unwrap(), 0);
}

#[test]
fn the_eleventh_query_is_not_answered() {
    let (ours, asker) = (node(), key(1));
    let answers: Vec<_> =
        (0..12).map(|identifier| send(&ours, (&asker, "10.0.0.2:2"), &PingRequest { identifier }).len()).collect();
    assert_eq!(answers, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    // Others are not affected.
    assert_eq!(send(&ours, (&key(2), "10.0.0.3:2"), &PingRequest { identifier: 1 }).len(), 1);
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
