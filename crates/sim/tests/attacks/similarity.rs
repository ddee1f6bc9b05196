//! Lists of communities of any length are read, and remembered within bounds.

use ipv8_core::{
    DropReason, Hardening, MaxPeers, OverlayConfig, Target,
    crypto::PrivateKey,
    messages::{Flags, NO_ADDRESS},
    wire::{CommunityId, Message, Outgoing},
};
use ipv8_discovery::{DISCOVERY_COMMUNITY, DiscoveryCommunity, RandomWalk, messages::SimilarityRequest};
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{Liar, Scene, attacker, key, ms, presets, public, scene, secs, send};

/// A similarity request whose list is any bytes.
#[derive(Message, Clone, Debug)]
#[message(id = 1, global_time)]
struct AnyList {
    identifier: u16,
    lan_address: std::net::SocketAddrV4,
    wan_address: std::net::SocketAddrV4,
    flags: u8,
    #[wire(raw)]
    list: Vec<u8>,
}

fn discovery(scene: &mut Scene, number: u8, hardening: Hardening, first: u8) -> NodeId {
    scene.add_node(NodeOptions::default().address(public(number)).hardening(hardening).setup(move |node| {
        let overlay = OverlayConfig::new(DiscoveryCommunity::default())
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(8));
        let handle = node.load(overlay).unwrap();
        handle.with(|_, cx| cx.walk_to(public(first))).unwrap();
    }))
}

fn pack(scene: &Scene, by: NodeId, key: &PrivateKey, message: &impl Outgoing) -> Vec<u8> {
    let pack = |cx: &mut ipv8_core::Context<'_>| cx.pack_as(DISCOVERY_COMMUNITY, key, Some(1), message);
    scene.find::<Liar>(by).unwrap().with(|_, cx| pack(cx)).unwrap().unwrap()
}

fn request(list: Vec<u8>) -> AnyList {
    AnyList { identifier: 7, lan_address: NO_ADDRESS, wan_address: NO_ADDRESS, flags: 0, list }
}

#[test]
fn lists_of_any_length_are_answered_and_odd_ones_dropped() {
    let mut scene = scene(1);
    let node = discovery(&mut scene, 1, Hardening::default(), 200);
    let attacker = attacker(&mut scene, public(66));
    let mut answered = |list: Vec<u8>| {
        let before = (scene.fabric().sent_to(public(66)), scene.node(node).stats().dropped(DropReason::Format));
        let packet = pack(&scene, attacker, &key(1), &request(list));
        send(&scene, attacker, public(1), packet);
        scene.run_for(ms(500));
        let after = (scene.fabric().sent_to(public(66)), scene.node(node).stats().dropped(DropReason::Format));
        (after.0 - before.0, after.1 - before.1)
    };
    for length in [0, 1, 32, 3_000] {
        assert_eq!(answered(vec![3; 20 * length]), (1, 0), "{length}");
    }
    for bytes in [1, 19, 21, 59_999] {
        let (answers, dropped) = answered(vec![3; bytes]);
        assert_eq!(u64::try_from(answers).unwrap() + dropped, 1, "{bytes}: answered, or dropped and counted");
    }
}

#[test]
fn what_strangers_list_is_bounded_and_honest_nodes_meet() {
    for (name, hardening) in presets() {
        let mut scene = scene(2);
        let nodes: Vec<NodeId> = (1..=9).map(|number| discovery(&mut scene, number, hardening.clone(), 1)).collect();
        let attacker = attacker(&mut scene, public(66));
        for number in 0..800_u32 {
            let made_up = |index: u32| {
                let mut id = [0xEE; 20];
                id[..8].copy_from_slice(&(u64::from(number) << 32 | u64::from(index)).to_be_bytes());
                CommunityId(id)
            };
            let message = SimilarityRequest {
                identifier: 7,
                lan_address: NO_ADDRESS,
                wan_address: NO_ADDRESS,
                flags: Flags::default(),
                preference_list: (0..100).map(made_up).collect(),
            };
            let packet = pack(&scene, attacker, &key(number), &message);
            for to in 1..=9 {
                send(&scene, attacker, public(to), packet.clone());
            }
            scene.run_for(ms(40));
        }
        for node in nodes {
            let (peers, strangers) = scene
                .node(node)
                .network(|network| {
                    let listed = (0..800).filter(|number| !network.services_of(&key(*number).mid()).is_empty());
                    let longest = (0..800).map(|number| network.services_of(&key(number).mid()).len()).max();
                    assert!(longest.unwrap() <= 32, "{name}");
                    (network.count_serving(DISCOVERY_COMMUNITY), listed.count())
                })
                .unwrap();
            assert!(peers >= 8, "{name}: {node} knows {peers}");
            assert!((1..=501).contains(&strangers), "{name}: {strangers}");
        }
        scene.run_for(secs(1));
    }
}
