//! Peers that are made up, and never heard of again, keep nobody out for long.

use std::net::SocketAddr;

use ipv8_core::{DropReason, Hardening, OverlayConfig, Target, wire::Address};
use ipv8_discovery::{
    DISCOVERY_COMMUNITY, DiscoveryCommunity, PeriodicSimilarity, RandomChurn, RandomWalk, Tracker, TrackerBootstrapper,
};
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{Liar, Scene, attacker, key, ms, presets, public, request, scene, secs, send};

/// A node as most are: it walks until it knows twenty, takes thirty, and drops those that fall silent.
fn ordinary(scene: &mut Scene, number: u8, hardening: Hardening, start: u64) -> NodeId {
    let options = NodeOptions::default().address(public(number)).start_after(secs(start)).hardening(hardening);
    scene.add_node(options.setup(|node| {
        let overlay = OverlayConfig::new(DiscoveryCommunity::default())
            .strategy(RandomWalk::default(), Target::Peers(20))
            .strategy(RandomChurn::default(), Target::Always)
            .strategy(PeriodicSimilarity::default(), Target::Always)
            .bootstrapper(TrackerBootstrapper::new([Address::from(public(250))]));
        node.load(overlay).unwrap();
    }))
}

#[test]
fn thirty_one_packets_shut_a_node_for_good_in_the_reference_only() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        scene.add_node(NodeOptions::default().address(public(250)).setup(|node| {
            node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
        }));
        let node = ordinary(&mut scene, 1, hardening, 0);
        let attacker = attacker(&mut scene, public(66));
        scene.run_for(ms(100));
        for number in 0..31_u8 {
            scene.fabric_mut().claim(attacker, SocketAddr::from(([97, number, 3, 4], 8_090)));
            let pack = |cx: &mut ipv8_core::Context<'_>| {
                cx.pack_as(DISCOVERY_COMMUNITY, &key(number.into()), Some(1), &request(7)).unwrap()
            };
            let packet = scene.find::<Liar>(attacker).unwrap().with(|_, cx| pack(cx)).unwrap();
            send(&scene, attacker, public(1), packet);
            scene.run_for(ms(5));
        }
        scene.run_for(ms(500));
        let peers = |scene: &Scene| scene.node(node).network(|network| network.len()).unwrap();
        assert_eq!(peers(&scene), 31, "{name}: each of them is a peer");
        let honest: Vec<NodeId> =
            (2..=12).map(|number| ordinary(&mut scene, number, Hardening::default(), 1)).collect();
        scene.run_for(secs(240));
        let known = |other: &&NodeId| {
            let mid = scene.node(**other).key().mid();
            scene.node(node).network(|network| network.get(&mid).is_some()).unwrap()
        };
        let known = honest.iter().filter(known).count();
        if name == "reference" {
            assert_eq!((peers(&scene), known), (31, 0), "{name}: the attack works");
            assert!(scene.node(node).stats().dropped(DropReason::PeerLimit) > 0, "{name}");
        } else {
            assert_eq!((peers(&scene), known), (11, 11), "{name}");
        }
    }
}
