//! A copy of an old message does not move a peer to where the copy came from; a peer that moved is followed.

use std::net::SocketAddr;

use ipv8_core::{Hardening, MaxPeers, OverlayConfig};
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{Plain, Scene, Secret, attacker, key, knows, plain, presets, public, quiet, scene, secs, send};

/// Two nodes that know each other, and what the second one wrote to the first.
fn two_peers(scene: &mut Scene, hardening: Hardening) -> (NodeId, NodeId, Vec<u8>) {
    let alice = quiet(scene, public(1), hardening);
    let bob = quiet(scene, public(2), Hardening::default());
    scene.fabric_mut().tap(alice);
    scene.fabric_mut().tap(bob);
    plain(scene, alice).with(|_, cx| cx.walk_to(public(2))).unwrap();
    scene.run_for(secs(1));
    plain(scene, bob)
        .with(|_, cx| {
            let peer = cx.peers().first().unwrap().clone();
            cx.send(&peer, Secret { number: 0xFFFF_FF00 });
        })
        .unwrap();
    scene.run_for(secs(1));
    let copy = scene.fabric().heard(public(1)).into_iter().find(|(id, _)| *id == 1).unwrap().1.to_vec();
    (alice, bob, copy)
}

fn place_of(scene: &Scene, node: NodeId, peer: NodeId) -> SocketAddr {
    let mid = scene.node(peer).key().mid();
    scene.node(node).network(|network| network.get(&mid).unwrap().addresses().preferred().unwrap()).unwrap()
}

#[test]
fn a_copied_message_moves_a_peer_unless_hardened() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let (alice, bob, copy) = two_peers(&mut scene, hardening);
        let mallory = attacker(&mut scene, public(66));
        let before = plain(&scene, alice).with(|plain, _| plain.numbers.len()).unwrap();
        for _ in 0..20 {
            send(&scene, mallory, public(1), copy.clone());
            scene.run_for(crate::scene::ms(100));
        }
        let handled = plain(&scene, alice).with(|plain, _| plain.numbers.len()).unwrap();
        assert_eq!(handled - before, 20, "{name}: the messages themselves are handled");
        let at_mallory: Vec<u8> = scene.fabric().heard(public(66)).iter().map(|(id, _)| *id).collect();
        if name == "hardened" {
            assert_eq!(place_of(&scene, alice, bob), public(2), "{name}");
            assert!(
                at_mallory.iter().all(|id| [234, 246].contains(id)),
                "{name}: neither does it get an answer: {at_mallory:?}"
            );
            assert!((1..=3).contains(&at_mallory.len()), "{name}: it is asked once a second: {}", at_mallory.len());
        } else {
            assert_eq!(place_of(&scene, alice, bob), public(66), "{name}: the attack works");
            assert_eq!(at_mallory, [1; 20], "{name}: it gets the answers");
        }
        assert!(scene.node(alice).defence_tables().moves <= 256);
    }
}

#[test]
fn a_copied_introduction_request_is_not_answered_to_where_the_copy_came_from_when_hardened() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let (alice, bob, _) = two_peers(&mut scene, hardening);
        plain(&scene, bob).with(|_, cx| cx.walk_to(public(1))).unwrap();
        scene.run_for(secs(1));
        let copy = scene.fabric().heard(public(1)).into_iter().find(|(id, _)| *id == 246).unwrap().1.to_vec();
        let mallory = attacker(&mut scene, public(66));
        send(&scene, mallory, public(1), copy);
        scene.run_for(secs(1));
        let answers = scene.fabric().heard(public(66)).iter().filter(|(id, _)| [233, 245].contains(id)).count();
        assert_eq!(answers, usize::from(name != "hardened"), "{name}");
        assert_eq!(place_of(&scene, alice, bob), if name == "hardened" { public(2) } else { public(66) }, "{name}");
    }
}

#[test]
fn copies_from_everywhere_have_a_node_ask_once_a_second() {
    let mut scene = scene(1);
    let (alice, bob, copy) = two_peers(&mut scene, Hardening::hardened());
    let mallory = attacker(&mut scene, public(66));
    let before = scene.fabric().heard(public(2)).len();
    for number in 0..1_000_u16 {
        let [a, b] = number.to_be_bytes();
        scene.fabric_mut().claim(mallory, SocketAddr::from(([97, a, b, 4], 8_090)));
        send(&scene, mallory, public(1), copy.clone());
        scene.run_for(crate::scene::ms(10));
    }
    scene.run_for(secs(1));
    let asked = (0..1_000_u16).map(|number| {
        let [a, b] = number.to_be_bytes();
        scene.fabric().sent_to(SocketAddr::from(([97, a, b, 4], 8_090)))
    });
    assert!((9..=11).contains(&asked.sum::<usize>()));
    let answered = scene.fabric().heard(public(2)).len() - before;
    assert_eq!(answered, 1_000, "the answers go to where the peer was");
    assert_eq!(place_of(&scene, alice, bob), public(2));
    assert_eq!(scene.node(alice).defence_tables().moves, 1);
}

#[test]
fn a_peer_that_moved_is_followed() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let alice = quiet(&mut scene, public(1), hardening.clone());
        let at = |scene: &mut Scene, address| {
            scene.add_node(NodeOptions::default().address(address).key(key(9)).hardening(hardening.clone()).setup(
                |node| {
                    node.load(OverlayConfig::new(Plain::default()).max_peers(MaxPeers::Unlimited)).unwrap();
                },
            ))
        };
        let bob = at(&mut scene, public(2));
        plain(&scene, bob).with(|_, cx| cx.walk_to(public(1))).unwrap();
        scene.run_for(secs(1));
        assert_eq!(place_of(&scene, alice, bob), public(2), "{name}");
        scene.crash(bob);
        let bob = at(&mut scene, public(3));
        plain(&scene, bob).with(|_, cx| cx.walk_to(public(1))).unwrap();
        scene.run_for(secs(1));
        assert_eq!(place_of(&scene, alice, bob), public(3), "{name}");
        // Messages reach it there.
        let peer = plain(&scene, alice).with(|_, cx| cx.peers().first().unwrap().clone()).unwrap();
        plain(&scene, alice).with(|_, cx| cx.send(&peer, Secret { number: 0xFFFF_FFF0 })).unwrap();
        scene.run_for(crate::scene::ms(100));
        assert!(plain(&scene, bob).with(|plain, _| !plain.numbers.is_empty()).unwrap(), "{name}");
    }
}

#[test]
fn a_peer_that_answers_from_another_address_than_it_was_asked_at_is_found() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let alice = quiet(&mut scene, public(1), hardening);
        let bob = quiet(&mut scene, public(2), Hardening::default());
        // Its machine has two addresses, and routes what it sends through the second one.
        scene.fabric_mut().claim(bob, public(3));
        scene.fabric_mut().alias(public(3), public(2));
        plain(&scene, alice).with(|_, cx| cx.walk_to(public(2))).unwrap();
        scene.run_for(secs(1));
        assert_eq!(knows(&scene, alice, &[bob]), 1, "{name}");
        assert_eq!(place_of(&scene, alice, bob), public(3), "{name}");
    }
}

#[test]
fn a_peer_at_a_host_that_is_full_may_take_another_port_of_it() {
    let mut scene = scene(1);
    let alice = quiet(&mut scene, public(1), Hardening::hardened());
    let here = |port: u16| SocketAddr::new(public(9).ip(), port);
    // Eight peers behind one router, as many as are taken.
    let peers: Vec<NodeId> = (1_000..1_008).map(|port| quiet(&mut scene, here(port), Hardening::default())).collect();
    for peer in &peers {
        plain(&scene, *peer).with(|_, cx| cx.walk_to(public(1))).unwrap();
    }
    scene.run_for(secs(2));
    assert_eq!(knows(&scene, alice, &peers), 8);
    scene.fabric_mut().claim(peers[0], here(2_000));
    scene.fabric_mut().alias(here(2_000), here(1_000));
    plain(&scene, peers[0]).with(|_, cx| cx.walk_to(public(1))).unwrap();
    scene.run_for(secs(2));
    assert_eq!(place_of(&scene, alice, peers[0]), here(2_000));
}
