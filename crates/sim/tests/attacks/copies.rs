//! Copies of old requests do not empty a tracker's list; who really moved is found again.

use std::net::SocketAddr;

use ipv8_core::{Hardening, OverlayConfig};
use ipv8_discovery::Tracker;
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{
    OURS, Plain, Scene, attacker, key, ms, pack, plain, presets, public, quiet, request, scene, secs, send,
};

fn tracker(scene: &mut Scene, hardening: Hardening) -> NodeId {
    scene.add_node(NodeOptions::default().address(public(250)).hardening(hardening).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }))
}

/// Whom a tracker introduces, in order.
fn listed(scene: &Scene, tracker: NodeId) -> Vec<SocketAddr> {
    let list = |tracker: &mut Tracker| tracker.peers(OURS).map(|(_, address)| address).collect::<Vec<_>>();
    let mut listed = scene.find::<Tracker>(tracker).unwrap().with(|tracker, _| list(tracker)).unwrap();
    listed.sort_unstable();
    listed
}

#[test]
fn copies_of_requests_move_and_remove_nobody() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let tracker = tracker(&mut scene, hardening);
        let attacker = attacker(&mut scene, public(66));
        let honest: Vec<NodeId> =
            (1..=10).map(|number| quiet(&mut scene, public(number), Hardening::default())).collect();
        for node in &honest {
            scene.fabric_mut().tap(*node);
            let ask = |address| plain(&scene, *node).with(|_, cx| cx.walk_to(address)).unwrap();
            ask(public(250));
            ask(public(66));
        }
        scene.run_for(secs(1));
        let before = listed(&scene, tracker);
        assert_eq!(before, (1..=10).map(public).collect::<Vec<_>>(), "{name}");
        // What they sent to the attacker, who has one address.
        let heard = scene.fabric().heard(public(66));
        let copies: Vec<Vec<u8>> =
            heard.into_iter().filter(|(id, _)| *id == 246).map(|(_, bytes)| bytes.to_vec()).collect();
        assert_eq!(copies.len(), 10, "{name}");
        for copy in &copies {
            send(&scene, attacker, public(250), copy.clone());
            scene.run_for(ms(10));
        }
        scene.run_for(secs(1));
        assert_eq!(listed(&scene, tracker), before, "{name}: nobody moved");
        // The same from a host that has all its places.
        for number in 0..40_u16 {
            let packet = pack(&scene, attacker, &key(1_000 + u32::from(number)), &request(number));
            scene.fabric_mut().claim(attacker, SocketAddr::new(public(66).ip(), 2_000 + number));
            send(&scene, attacker, public(250), packet);
            scene.run_for(ms(5));
        }
        for copy in copies {
            send(&scene, attacker, public(250), copy);
            scene.run_for(ms(10));
        }
        scene.run_for(secs(1));
        let left: Vec<_> = listed(&scene, tracker).into_iter().filter(|at| at.ip() != public(66).ip()).collect();
        assert_eq!(left, before, "{name}: nobody was removed");
    }
}

#[test]
fn who_moved_is_introduced_at_its_new_address() {
    let mut scene = scene(2);
    let tracker = tracker(&mut scene, Hardening::default());
    let node = quiet(&mut scene, public(1), Hardening::default());
    let ask = |scene: &mut Scene| {
        plain(scene, node).with(|_: &mut Plain, cx| cx.walk_to(public(250))).unwrap();
        scene.run_for(secs(1));
    };
    ask(&mut scene);
    assert_eq!(listed(&scene, tracker), [public(1)]);
    // Its router gives it another address, and it hears what is sent there.
    scene.fabric_mut().claim(node, public(2));
    scene.fabric_mut().alias(public(2), public(1));
    ask(&mut scene);
    assert_eq!(listed(&scene, tracker), [public(2)]);
    // At the next one it hears nothing, and is taken for gone where it was.
    scene.fabric_mut().claim(node, public(3));
    scene.fabric_mut().alias(public(2), public(200));
    for _ in 0..70 {
        ask(&mut scene);
    }
    assert_eq!(listed(&scene, tracker), [public(3)]);
}
