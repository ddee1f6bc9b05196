//! Nodes in one LAN find each other by beacons, without any tracker, at a few kilobytes a second.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use common::{ANY, Plain, add_peer, address, key, node, seconds, sent, summary};
use ipv8_core::{DropReason, Node, OverlayConfig, Target, Time, wire::CommunityId};
use ipv8_discovery::{BEACON_LEN, RandomWalk, UdpBroadcastBootstrapper, beacon};
use ipv8_sim::{Delivery, Fabric, Hosts, Loss, NodeOptions, Packet, World};
use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

const LAN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 255);

/// One LAN: what is sent to its broadcast address reaches everybody who listens on the port, the sender too.
struct Lan {
    machines: Vec<Ipv4Addr>,
    beacons: Vec<Time>,
}

impl Fabric for Lan {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        _: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let at = packet.now + Duration::from_millis(1);
        let delivery = |to| Delivery { at, to, source: packet.source };
        if packet.to.ip() != LAN {
            return Ok(SmallVec::from([delivery(packet.to)]));
        }
        self.beacons.push(packet.now);
        let there = self.machines.iter().map(|ip| SocketAddr::from((*ip, packet.to.port())));
        Ok(there.filter(|address| hosts.at(*address).is_some()).map(delivery).collect())
    }
}

fn load(node: &Node) {
    node.set_broadcast_addresses([LAN]);
    let overlay = OverlayConfig::new(Plain).strategy(RandomWalk::default(), Target::Peers(20));
    node.load(overlay.bootstrapper(UdpBroadcastBootstrapper::default())).unwrap();
}

/// A LAN with a machine for each of these ports.
fn lan(ports: &[u16]) -> (World<Lan>, Vec<ipv8_sim::NodeId>) {
    let machines: Vec<Ipv4Addr> = (1..).take(ports.len()).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect();
    let fabric = Lan { machines: machines.clone(), beacons: Vec::new() };
    let mut world = World::builder(5).fabric(fabric).build();
    let add = |(ip, port): (&Ipv4Addr, &u16)| {
        let address = SocketAddr::from((*ip, *port));
        world.add_node(NodeOptions::default().address(address).setup(load))
    };
    let nodes = machines.iter().zip(ports).map(add).collect();
    (world, nodes)
}

/// The most beacons within any second, and within ten milliseconds.
fn peaks(times: &[Time]) -> (usize, usize) {
    let within = |span: Duration| {
        times.iter().enumerate().map(|(i, from)| times[i..].iter().take_while(|at| **at < *from + span).count()).max()
    };
    (within(Duration::from_secs(1)).unwrap(), within(Duration::from_millis(10)).unwrap())
}

#[test]
fn nodes_at_usual_ports_meet_within_two_seconds() {
    let (mut world, nodes) = lan(&[8_090, 8_090, 8_094, 8_090]);
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.peers_known(nodes.iter().copied()).min, 3);
    let before = world.fabric().beacons.len();
    assert!(before < 4 * 60, "{before} beacons until then");
    world.run_for(Duration::from_secs(600));
    let spent = (world.fabric().beacons.len() - before) * BEACON_LEN / 600 / 4;
    assert!(spent < 30, "{spent} bytes a second and node with peers");
}

#[test]
fn nodes_at_unlikely_ports_meet_when_the_sweep_comes_there() {
    let (mut world, nodes) = lan(&[50_000, 700]);
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.peers_known(nodes.iter().copied()).max, 0);
    // 17,232 ports come before 50,000, at 100 a second.
    world.run_for(Duration::from_secs(170));
    assert_eq!(world.peers_known(nodes.iter().copied()).min, 1);
}

#[test]
fn a_lonely_node_sends_a_hundred_beacons_a_second_then_rests() {
    let (mut world, _) = lan(&[8_090]);
    world.run_for(Duration::from_secs(600));
    let (second, moment) = peaks(&world.fabric().beacons);
    assert!(second <= 102 && moment <= 4, "{second} in a second, {moment} in ten milliseconds");
    let rate = world.fabric().beacons.len() * BEACON_LEN / 600;
    assert!((2_500..=2_900).contains(&rate), "{rate} bytes a second");
    // All ports were tried after eleven minutes, with the likely ones in between.
    world.run_for(Duration::from_secs(120));
    let swept = world.fabric().beacons.len();
    assert!((65_535..68_000).contains(&swept), "{swept}");
    world.run_for(Duration::from_secs(600));
    let rate = (world.fabric().beacons.len() - swept) * BEACON_LEN / 600;
    assert!(rate < 30, "{rate} bytes a second while it rests");
}

#[test]
fn a_beacon_of_the_reference_is_answered_by_a_walk() {
    let node = node(1);
    node.load(OverlayConfig::new(Plain).bootstrapper(UdpBroadcastBootstrapper::default())).unwrap();
    assert_eq!(sent(&node, seconds(0)).len(), 0, "nothing is broadcast where there is no broadcast address");
    // What its bootstrapper sends: two zero bytes, a name, a zero byte, and the prefix of the community.
    let of_the_reference = [b"\0\0IPv8\0\0\x02".as_slice(), &ANY.0].concat();
    assert_eq!(of_the_reference, beacon(ANY));
    node.handle(seconds(0), [(address(7), of_the_reference.as_slice())]);
    assert_eq!(summary(&sent(&node, seconds(0))), [(address(7), 246)]);
}

#[test]
fn beacons_of_others_of_our_own_and_of_peers_are_not_answered() {
    let node = node(1);
    let overlay = OverlayConfig::new(Plain).bootstrapper(UdpBroadcastBootstrapper::default());
    let handle = node.load(overlay).unwrap();
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    let hear = |from: u8, datagram: &[u8]| {
        node.handle(seconds(0), [(address(from), datagram)]);
        sent(&node, seconds(0)).len()
    };
    assert_eq!(hear(1, &beacon(ANY)), 0, "our own");
    assert_eq!(hear(7, &beacon(ANY)), 0, "a peer's");
    assert_eq!(hear(8, &beacon(CommunityId([1; 20]))), 0, "another community's");
    assert_eq!(hear(8, &beacon(ANY)[..28]), 0, "cut short");
    assert_eq!(hear(8, &[&beacon(ANY)[..], b"x"].concat()), 0, "too long");
    assert_eq!(node.stats().dropped(DropReason::Prefix), 3);
    assert!(handle.with(|_, cx| cx.network().get(&key(7).mid()).is_some()).unwrap());
}

#[test]
fn a_flood_of_beacons_is_answered_at_five_a_second() {
    let node = node(1);
    node.load(OverlayConfig::new(Plain).bootstrapper(UdpBroadcastBootstrapper::default())).unwrap();
    let mut answered = BTreeSet::new();
    for millis in 0..10_000u64 {
        let source = SocketAddr::from((Ipv4Addr::from(0x0a01_0000 + u32::try_from(millis).unwrap()), 9));
        let now = Time::from_duration(Duration::from_millis(millis));
        node.handle(now, [(source, beacon(ANY).as_slice())]);
        answered.extend(sent(&node, now).into_iter().map(|packet| packet.to));
    }
    assert!((65..=71).contains(&answered.len()), "{} where 20 + 10 * 5 are expected", answered.len());
}
