//! A node does not puncture a third party's address as often as somebody asks it to.

use std::net::{IpAddr, SocketAddr};

use ipv8_core::{
    DropReason, Hardening,
    messages::{NewPunctureRequest, PunctureRequest},
};
use ipv8_sim::NodeId;

use crate::scene::{Scene, attacker, key, knows, ms, pack, presets, public, quiet, scene, secs, send, v4, walker};

const VICTIM: &str = "198.51.100.99:53";

/// Has so many requests for punctures sent, one each millisecond, from sources that are made up.
fn flood(scene: &mut Scene, attacker: NodeId, to: SocketAddr, count: u32, target: impl Fn(u32) -> SocketAddr) {
    for number in 0..count {
        let [_, a, b, c] = number.to_be_bytes();
        scene.fabric_mut().claim(attacker, SocketAddr::from(([97, a, b, c], 8_090)));
        let (lan, wan) = (target(number), target(number));
        let packet = if number % 2 == 0 {
            let request = PunctureRequest { lan_walker_address: v4(lan), wan_walker_address: v4(wan), identifier: 7 };
            pack(scene, attacker, &key(0), &request)
        } else {
            let request = NewPunctureRequest { lan_walker_address: lan, wan_walker_address: wan, identifier: 7 };
            pack(scene, attacker, &key(0), &request)
        };
        send(scene, attacker, to, packet);
        scene.run_for(ms(1));
    }
    scene.run_for(secs(1));
}

#[test]
fn a_victim_gets_what_it_is_sent_in_the_reference_only() {
    let victim: SocketAddr = VICTIM.parse().unwrap();
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let node = quiet(&mut scene, public(1), hardening);
        let attacker = attacker(&mut scene, public(66));
        // Its ports are no ways around.
        flood(&mut scene, attacker, public(1), 5_000, |number| {
            SocketAddr::new(victim.ip(), 1 + u16::try_from(number % 5).unwrap())
        });
        let at_victim: usize = (1..=5).map(|port| scene.fabric().sent_to(SocketAddr::new(victim.ip(), port))).sum();
        let range = match name {
            "reference" => 5_000..=5_000,
            // The burst, and the rate for five seconds.
            "compatible" => 395..=405,
            _ => 19..=21,
        };
        assert!(range.contains(&at_victim), "{name}: {at_victim}");
        let dropped = scene.node(node).stats().dropped(DropReason::RateLimited);
        assert_eq!(dropped, 5_000 - u64::try_from(at_victim).unwrap(), "{name}");
    }
}

#[test]
fn many_victims_get_little_in_all_and_are_remembered_within_bounds() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let node = quiet(&mut scene, public(1), hardening);
        let attacker = attacker(&mut scene, public(66));
        let signed = |scene: &Scene| scene.node(node).stats().signed;
        flood(&mut scene, attacker, public(1), 5_000, |number| {
            SocketAddr::new(IpAddr::V4((0xC633_0000 + number).into()), 53)
        });
        let range = match name {
            "reference" => 5_000..=5_000,
            // Half of the burst, and the rate for five seconds: the rest is for those whom the node knows.
            "compatible" => 1_490..=1_510,
            _ => 345..=355,
        };
        assert!(range.contains(&signed(&scene)), "{name}: {}", signed(&scene));
        assert!(scene.node(node).defence_tables().puncture_targets <= 1_024, "{name}");
    }
}

#[test]
fn peers_get_their_punctures_while_strangers_ask_for_as_many_as_they_can() {
    let target: SocketAddr = "203.0.113.9:8090".parse().unwrap();
    for (name, hardening) in presets() {
        let mut scene = scene(3);
        let node = quiet(&mut scene, public(1), hardening);
        // A node that introduces ours to somebody else each second, and one that nobody knows.
        let friend = crate::scene::attacker(&mut scene, public(67));
        let attacker = crate::scene::attacker(&mut scene, public(66));
        let hello = pack(&scene, friend, &key(1), &crate::scene::request(7));
        send(&scene, friend, public(1), hello);
        scene.run_for(secs(1));
        for second in 0..40_u32 {
            flood_for_a_second(&mut scene, attacker, 400 * second);
            // At first there is more than enough.
            if second >= 10 {
                let request =
                    PunctureRequest { lan_walker_address: v4(target), wan_walker_address: v4(target), identifier: 7 };
                let packet = pack(&scene, friend, &key(1), &request);
                send(&scene, friend, public(1), packet);
            }
        }
        scene.run_for(secs(1));
        assert_eq!(scene.fabric().sent_to(target), 30, "{name}");
        let dropped = scene.node(node).stats().dropped(DropReason::RateLimited);
        assert_eq!(dropped > 0, name != "reference", "{name}: the flood is limited");
        assert!(scene.node(node).defence_tables().introducers <= 1, "{name}");
    }
}

/// Four hundred requests within a second, each from a source and for a target of its own.
fn flood_for_a_second(scene: &mut Scene, attacker: NodeId, first: u32) {
    for number in first..first + 400 {
        let [_, a, b, c] = number.to_be_bytes();
        scene.fabric_mut().claim(attacker, SocketAddr::from(([97, a, b, c], 8_090)));
        let target = SocketAddr::new(IpAddr::V4((0xC633_0000 + number).into()), 53);
        let request = PunctureRequest { lan_walker_address: v4(target), wan_walker_address: v4(target), identifier: 7 };
        let packet = pack(scene, attacker, &key(0), &request);
        send(scene, attacker, public(1), packet);
        scene.run_for(std::time::Duration::from_micros(2_500));
    }
}

#[test]
fn honest_nodes_meet_while_somebody_asks_for_punctures() {
    let victim: SocketAddr = VICTIM.parse().unwrap();
    for (name, hardening) in presets() {
        let mut scene = scene(4);
        let nodes: Vec<NodeId> =
            (1..=20).map(|number| walker(&mut scene, public(number), hardening.clone(), 10, &[public(1)])).collect();
        let attacker = attacker(&mut scene, public(66));
        for _ in 0..20 {
            for number in 1..=20 {
                flood_once(&mut scene, attacker, public(number), victim);
            }
            scene.run_for(secs(1));
        }
        scene.run_for(secs(20));
        for node in &nodes {
            assert!(knows(&scene, *node, &nodes) >= 10, "{name}: {node} knows {}", knows(&scene, *node, &nodes));
        }
    }
}

/// Fifty requests at once.
fn flood_once(scene: &mut Scene, attacker: NodeId, to: SocketAddr, victim: SocketAddr) {
    let request = PunctureRequest { lan_walker_address: v4(victim), wan_walker_address: v4(victim), identifier: 7 };
    let packet = pack(scene, attacker, &key(0), &request);
    for _ in 0..50 {
        send(scene, attacker, to, packet.clone());
    }
}

#[test]
fn honest_walks_never_reach_the_default_limits() {
    let mut scene = scene(5);
    let hardening = Hardening::default();
    // As bad as it gets: three nodes that walk all the time, so that each is introduced to the same one always.
    let nodes: Vec<NodeId> =
        (1..=3).map(|number| walker(&mut scene, public(number), hardening.clone(), 1_000, &[public(1)])).collect();
    scene.run_for(secs(120));
    for node in nodes {
        assert_eq!(knows(&scene, node, &[node]), 0);
        assert_eq!(scene.node(node).stats().dropped(DropReason::RateLimited), 0);
    }
}
