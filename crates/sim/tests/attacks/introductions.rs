//! Who introduces addresses that nobody is at neither keeps honest nodes apart nor aims them at a third party.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU32, atomic::Ordering},
};

use ipv8_core::{Hardening, messages::NO_ADDRESS};
use ipv8_sim::NodeId;

use crate::scene::{
    Lie, Scene, introduction, key, knows, liar, ms, pack, presets, public, quiet, scene, secs, send, walker,
};

/// An address of its own where nobody is.
fn fake(number: u32) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4((0x6100_0000 + (number << 8)).into()), 8_090)
}

/// Honest nodes that know some twenty of each other.
fn honest(scene: &mut Scene, count: u8) -> Vec<NodeId> {
    let nodes = (1..=count)
        .map(|number| walker(scene, public(number), Hardening::default(), 20, &[public(1 + number % 5)]))
        .collect();
    scene.run_for(secs(30));
    nodes
}

/// A newcomer that knows three honest nodes and the liar, who sends it hundreds of introductions in a second. After how many
/// seconds it knows fifteen honest peers, and how many addresses it knew at most.
fn seconds_to_fifteen(hardening: Hardening) -> (Option<u64>, usize) {
    let mut scene = scene(7);
    let nodes = honest(&mut scene, 30);
    let made_up = Arc::new(AtomicU32::new(0));
    let more = made_up.clone();
    let mallory = liar(&mut scene, public(66), move |_| Lie {
        destination: None,
        introduces: fake(more.fetch_add(1, Ordering::Relaxed)),
    });
    let newcomer = walker(&mut scene, public(99), hardening, 20, &[public(1), public(2), public(3), public(66)]);
    let mut most = 0;
    for second in 0..120 {
        for _ in 0..10 {
            for _ in 0..30 {
                let introduces = fake(made_up.fetch_add(1, Ordering::Relaxed));
                let packet = pack(&scene, mallory, scene_key(), &introduction(public(99), introduces, 7));
                send(&scene, mallory, public(99), packet);
            }
            scene.run_for(ms(100));
        }
        let known = scene.node(newcomer).network(|network| network.known_addresses().count()).unwrap();
        most = most.max(known);
        if knows(&scene, newcomer, &nodes) >= 15 {
            return (Some(second), most);
        }
    }
    (None, most)
}

/// The key that the liar signs these with.
fn scene_key() -> &'static ipv8_core::crypto::PrivateKey {
    static KEY: std::sync::OnceLock<ipv8_core::crypto::PrivateKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| key(66))
}

#[test]
fn thousands_of_addresses_where_nobody_is_keep_nobody_apart() {
    for (name, hardening) in presets() {
        let (seconds, most) = seconds_to_fifteen(hardening);
        if name == "reference" {
            assert_eq!((seconds, most), (None, 1_000), "{name}: the attack works");
        } else {
            assert!(seconds.is_some_and(|seconds| seconds < 60), "{name}: {seconds:?}");
            assert!(most < 200, "{name}: {most}");
        }
    }
}

#[test]
fn a_victim_that_a_liar_introduces_is_left_alone_after_three_questions_when_hardened() {
    let victim: SocketAddr = "198.51.100.99:53".parse().unwrap();
    for (name, hardening) in presets() {
        let mut scene = scene(8);
        // All of them ask only the liar, as often as they can.
        liar(&mut scene, public(66), move |_| Lie { destination: None, introduces: victim });
        for number in 1..=5 {
            walker(&mut scene, public(number), hardening.clone(), 1_000, &[public(66)]);
        }
        scene.run_for(secs(120));
        let each = scene.fabric().sent_to(victim) / 5;
        if name == "hardened" {
            assert!((4..=13).contains(&each), "{name}: {each}");
        } else {
            assert!(each > 25, "{name}: the attack works: {each}");
        }
    }
}

#[test]
fn one_network_does_not_fill_the_table_when_hardened() {
    for (name, hardening) in presets() {
        let mut scene = scene(9);
        let more = Arc::new(AtomicU32::new(0));
        // All in one /24, for nothing is cheaper.
        liar(&mut scene, public(66), move |_| {
            let number = more.fetch_add(1, Ordering::Relaxed);
            let ip = std::net::Ipv4Addr::from(0x6100_0000 + number % 250);
            Lie { destination: None, introduces: SocketAddr::from((ip, 8_090)) }
        });
        let node = quiet(&mut scene, public(1), hardening);
        for _ in 0..200 {
            crate::scene::plain(&scene, node).with(|_, cx| cx.walk_to(public(66))).unwrap();
            scene.run_for(ms(200));
        }
        let known = scene.node(node).network(|network| network.known_addresses().count()).unwrap();
        let expected = match name {
            "reference" => 200,
            "compatible" => 125,
            _ => 16,
        };
        assert_eq!(known, expected, "{name}");
    }
}

#[test]
fn addresses_that_cannot_be_a_peer_s_are_not_taken() {
    let nobody = SocketAddr::V4(NO_ADDRESS);
    for introduces in
        [nobody, "127.0.0.1:8090".parse().unwrap(), "224.0.0.1:1".parse().unwrap(), "9.9.9.9:0".parse().unwrap()]
    {
        let mut scene = scene(9);
        liar(&mut scene, public(66), move |_| Lie { destination: None, introduces });
        let node = quiet(&mut scene, public(1), Hardening::reference());
        crate::scene::plain(&scene, node).with(|_, cx| cx.walk_to(public(66))).unwrap();
        scene.run_for(secs(1));
        let known = scene.node(node).network(|network| network.known_addresses().count());
        assert_eq!(known, Some(0), "{introduces}");
    }
}
