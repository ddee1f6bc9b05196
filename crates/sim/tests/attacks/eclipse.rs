//! Nobody fills a community's peers with keys that it makes up.

use std::net::SocketAddr;

use ipv8_core::{
    DropReason,
    messages::{Flags, NO_ADDRESS, NewIntroductionRequest},
};

use crate::scene::{
    attacker, introduction, key, knows, ms, pack, peer_count, presets, public, quiet, request, scene, secs, send,
    walker,
};

#[test]
fn fresh_keys_at_one_host_leave_room_for_others_when_hardened() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let node = quiet(&mut scene, public(1), hardening.clone());
        let attacker = attacker(&mut scene, public(66));
        for number in 0..100 {
            // From another port each time, as different nodes behind a NAT would.
            let port = 1_000 + u16::try_from(number).unwrap();
            scene.fabric_mut().claim(attacker, SocketAddr::new(public(66).ip(), port));
            let packet = pack(&scene, attacker, &key(number), &request(7));
            send(&scene, attacker, public(1), packet);
            scene.run_for(ms(10));
        }
        scene.run_for(secs(1));
        let newcomer = walker(&mut scene, public(2), hardening, 1, &[public(1)]);
        scene.run_for(secs(5));
        let dropped = scene.node(node).stats().dropped(DropReason::PeerLimit);
        if name == "hardened" {
            assert_eq!((peer_count(&scene, node), dropped), (9, 92), "{name}");
            assert_eq!(knows(&scene, node, &[newcomer]), 1, "{name}");
        } else {
            assert_eq!(peer_count(&scene, node), 31, "{name}");
            assert_eq!(knows(&scene, node, &[newcomer]), 0, "{name}: the attack works");
        }
    }
}

#[test]
fn a_host_has_one_network_of_ipv6_addresses() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let home: SocketAddr = "[2001:db8:1::1]:8090".parse().unwrap();
        let node = quiet(&mut scene, home, hardening);
        let attacker = attacker(&mut scene, "[2001:db8:66::1]:8090".parse().unwrap());
        for number in 0..40 {
            let source = format!("[2001:db8:66::{:x}:1]:8090", number + 1);
            scene.fabric_mut().claim(attacker, source.parse().unwrap());
            let nowhere = SocketAddr::V4(NO_ADDRESS);
            let request = NewIntroductionRequest {
                destination_address: home,
                source_lan_address: nowhere,
                source_wan_address: nowhere,
                identifier: 7,
                flags: Flags::default(),
                extra_bytes: Vec::new(),
            };
            let packet = pack(&scene, attacker, &key(number), &request);
            send(&scene, attacker, home, packet);
            scene.run_for(ms(10));
        }
        scene.run_for(secs(1));
        assert_eq!(peer_count(&scene, node), if name == "hardened" { 8 } else { 31 }, "{name}");
    }
}

#[test]
fn responses_that_nobody_asked_for_make_peers_without_end_in_the_reference_only() {
    for (name, hardening) in presets() {
        let mut scene = scene(1);
        let node = quiet(&mut scene, public(1), hardening);
        let attacker = attacker(&mut scene, public(66));
        for number in 0..200 {
            // Each from a host of its own.
            let source = SocketAddr::from(([97, u8::try_from(number).unwrap(), 3, 4], 8_090));
            scene.fabric_mut().claim(attacker, source);
            let response = introduction(public(1), SocketAddr::V4(NO_ADDRESS), 7);
            let packet = pack(&scene, attacker, &key(number), &response);
            send(&scene, attacker, public(1), packet);
            scene.run_for(ms(10));
        }
        scene.run_for(secs(1));
        let expected = match name {
            "reference" => 200,
            // As with introduction requests: one more than the community takes.
            "compatible" => 31,
            _ => 0,
        };
        assert_eq!(peer_count(&scene, node), expected, "{name}");
    }
}
