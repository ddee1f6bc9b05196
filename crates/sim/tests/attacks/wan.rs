//! Our own address on the Internet is not what anybody says that it is.

use std::{collections::BTreeSet, net::SocketAddr};

use ipv8_core::{DropReason, Hardening, Interfaces, MaxPeers, OverlayConfig, Target, messages::NO_ADDRESS};
use ipv8_discovery::RandomWalk;
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{
    Lie, Plain, Scene, attacker, introduction, key, knows, liar, pack, plain, presets, public, quiet, scene, secs,
    send, walker, wan,
};

const LIE: &str = "198.51.100.66:666";

fn lie() -> SocketAddr {
    LIE.parse().unwrap()
}

#[test]
fn one_response_that_nobody_asked_for_sets_it_in_the_reference_only() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let node = quiet(&mut scene, public(1), hardening);
        let attacker = attacker(&mut scene, public(66));
        let nobody = SocketAddr::V4(NO_ADDRESS);
        let packet = pack(&scene, attacker, &key(1), &introduction(lie(), nobody, 7));
        send(&scene, attacker, public(1), packet);
        scene.run_for(secs(1));
        let expected = if name == "reference" { lie() } else { public(1) };
        assert_eq!(wan(&scene, node), expected, "{name}");
        let dropped = scene.node(node).stats().dropped(DropReason::Unsolicited);
        assert_eq!(dropped, u64::from(name == "hardened"), "{name}");
    }
}

#[test]
fn an_answer_must_have_the_identifier_of_the_question() {
    let mut scene = scene(1);
    let node = quiet(&mut scene, public(1), Hardening::default());
    let attacker = attacker(&mut scene, public(66));
    // It asks nobody who answers: the attacker, who was asked, sends all identifiers but the right one.
    scene.fabric_mut().tap(node);
    plain(&scene, node).with(|_, cx| cx.walk_to(public(65))).unwrap();
    scene.run_for(secs(1));
    let heard = scene.fabric().heard(public(65));
    assert_eq!(heard.len(), 1);
    // It stands before the signature of 64 bytes.
    let end = heard[0].1.len() - 64;
    let asked = u16::from_be_bytes([heard[0].1[end - 2], heard[0].1[end - 1]]);
    for identifier in [1, 2, 3, 4, 65_535].map(|more| asked.wrapping_add(more)) {
        let packet = pack(&scene, attacker, &key(1), &introduction(lie(), public(64), identifier));
        scene.fabric_mut().claim(attacker, public(65));
        send(&scene, attacker, public(1), packet);
        scene.run_for(secs(1));
        assert_eq!(wan(&scene, node), public(1), "identifier {identifier}");
    }
    // Whoever sees the question can answer it, though.
    let packet = pack(&scene, attacker, &key(1), &introduction(lie(), public(64), asked));
    send(&scene, attacker, public(1), packet);
    scene.run_for(secs(1));
    assert_eq!(wan(&scene, node), lie());
}

/// A walker behind a NAT, which knows its own address in the LAN only.
fn behind_a_nat(scene: &mut Scene, hardening: Hardening, first: Vec<SocketAddr>) -> NodeId {
    scene.add_node(NodeOptions::default().address(public(1)).hardening(hardening).setup(move |node| {
        let lan: SocketAddr = "192.168.0.2:8090".parse().unwrap();
        let SocketAddr::V4(bound) = lan else { panic!("is IPv4") };
        node.set_interfaces(Interfaces { lan: Some(lan), v4: Some(bound), v6: None, machine: vec![lan.ip()] });
        let overlay = OverlayConfig::new(Plain::default())
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Always);
        let handle = node.load(overlay).unwrap();
        handle.with(|_, cx| first.iter().for_each(|address| cx.walk_to(*address))).unwrap();
    }))
}

/// Every address that a walker took for its own within a minute, where one of its six peers lies.
fn taken(hardening: Hardening, liars: u8) -> (BTreeSet<SocketAddr>, SocketAddr) {
    let mut scene = scene(2);
    let honest: Vec<NodeId> = (10..15).map(|number| quiet(&mut scene, public(number), Hardening::default())).collect();
    for number in 0..liars {
        liar(&mut scene, public(60 + number), |_| Lie { destination: Some(lie()), introduces: public(200) });
    }
    let first = (10..15).chain(60..60 + liars).map(public).collect();
    let node = behind_a_nat(&mut scene, hardening, first);
    let mut taken = BTreeSet::new();
    for _ in 0..240 {
        scene.run_for(crate::scene::ms(250));
        taken.insert(wan(&scene, node));
    }
    assert_eq!(knows(&scene, node, &honest), 5);
    assert!(scene.node(node).defence_tables().votes <= 64);
    (taken, wan(&scene, node))
}

#[test]
fn a_liar_among_those_who_are_asked_is_outvoted() {
    let lan: SocketAddr = "192.168.0.2:8090".parse().unwrap();
    for (name, hardening) in presets() {
        let (taken, last) = taken(hardening, 2);
        if name == "hardened" {
            assert!(taken.is_subset(&BTreeSet::from([public(1), lan])), "{name}: {taken:?}");
            assert_eq!(last, public(1), "{name}: and the truth is found");
        } else {
            assert!(taken.contains(&lie()) && taken.contains(&public(1)), "{name}: {taken:?}");
        }
    }
}

#[test]
fn nodes_on_one_machine_find_each_other_and_their_address() {
    let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], 20_000 + port));
    let mut scene = scene(3);
    let nodes: Vec<NodeId> =
        (0..20).map(|port| walker(&mut scene, here(port), Hardening::hardened(), 15, &[here(0)])).collect();
    scene.run_for(secs(60));
    for (node, port) in nodes.iter().zip(0..) {
        assert!(knows(&scene, *node, &nodes) >= 15, "{node}: {}", knows(&scene, *node, &nodes));
        assert_eq!(wan(&scene, *node), here(port));
    }
}
