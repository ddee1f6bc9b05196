//! Each attacker does what it says, to nodes that count what reaches them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{Clock, Lamport, ms, secs};
use ipv8_core::{Community, DropReason, Hardening, OverlayConfig, Stats, messages::IntroductionRequest};
use ipv8_crypto::Curve;
use ipv8_discovery::DiscoveryCommunity;
use ipv8_sim::{
    Attacker, AttackerOptions, CpuModel, Link, Loss, NodeId, NodeOptions, World,
    attack::{Forged, Garbage, Heard, Liar, Lie, Replay, Scene, Useless, signed},
    nat::{Nat, Nats},
};

const OURS: ipv8_core::wire::CommunityId = Lamport::ID;

fn public(number: u8) -> SocketAddr {
    SocketAddr::from(([98, number, 1, 1], 8_090))
}

/// A node that trusts as the reference does, so that nothing of an attack is held off.
fn node(world: &mut World, number: u8) -> NodeId {
    let options = NodeOptions::default().address(public(number)).hardening(Hardening::reference());
    world.add_node(options.setup(|node| drop(node.load(Lamport::default()).unwrap())))
}

/// A world with one node, attacked 200 times a second from its second 1 to 2.
fn attacked(
    attacker: impl Attacker + 'static,
    options: impl FnOnce(AttackerOptions) -> AttackerOptions,
) -> (World, NodeId) {
    let mut world = World::builder(4).link(Link::default()).build();
    let victim = node(&mut world, 1);
    world.add_attacker(
        attacker,
        options(AttackerOptions::new(200).target(public(1)).between(secs(1), secs(2)).evenly()),
    );
    world.run_for(secs(3));
    (world, victim)
}

fn stats(world: &World, node: NodeId) -> Stats {
    world.node(node).stats()
}

/// Where a node takes its only peer to be.
fn friend_at(world: &World, node: NodeId) -> SocketAddr {
    world.find::<Lamport>(node).unwrap().with(|_, cx| cx.peers()[0].address()).unwrap()
}

fn peers(world: &World, node: NodeId) -> usize {
    world.node(node).network(|network| network.count_serving(OURS)).unwrap()
}

#[test]
fn garbage_costs_no_signature_and_reaches_no_handler() {
    let (world, victim) = attacked(Garbage::new(OURS), |options| options);
    let stats = stats(&world, victim);
    assert_eq!((stats.received, stats.verified, stats.delivered), (200, 0, 0));
    // Random bytes, a message that is none, and one that is cut within its key.
    assert_eq!(stats.dropped(DropReason::Prefix), 67);
    assert_eq!(stats.dropped(DropReason::Format) + stats.dropped(DropReason::PublicKey), 133);
    assert_eq!(world.metrics().sent, 0);
}

#[test]
fn forged_messages_are_checked_and_none_holds() {
    for curve in [Curve::Curve25519, Curve::VeryLow, Curve::High] {
        let forged = Forged::new(OURS, curve, 20, 1).unwrap();
        let (world, victim) = attacked(forged, |options| options);
        let stats = stats(&world, victim);
        assert_eq!((stats.verified, stats.dropped(DropReason::Signature)), (200, 200), "{curve}");
        assert_eq!(peers(&world, victim), 0);
    }
}

#[test]
fn a_message_is_forged_in_the_name_of_a_peer() {
    let mut world = World::new(4);
    let [victim, friend] = [1, 2].map(|number| node(&mut world, number));
    world.find::<Lamport>(friend).unwrap().with(|_, cx| cx.walk_to(public(1))).unwrap();
    world.run_for(secs(1));
    let before = stats(&world, victim);
    let forged = Forged::in_the_name_of(OURS, &[world.node(friend).key().clone()], 10, 1);
    let options = AttackerOptions::new(100).target(public(1)).between(secs(1), secs(2)).evenly();
    world.add_attacker(forged, options.made_up_sources());
    world.run_for(secs(2));
    let after = stats(&world, victim);
    assert_eq!(after.dropped(DropReason::Signature) - before.dropped(DropReason::Signature), 100);
    assert_eq!(friend_at(&world, victim), public(2), "the peer is where it was");
}

#[test]
fn useless_requests_hold_and_are_answered() {
    let (world, victim) = attacked(Useless::introduction_requests(OURS).keys(50, 1), |options| options);
    let stats = stats(&world, victim);
    assert_eq!((stats.verified, stats.dropped(DropReason::Signature)), (200, 0));
    // Each of thirty-one keys is a peer from now on, at the one address that the attacker has; then the community is full.
    assert_eq!(peers(&world, victim), 31);
    assert!(world.metrics().hostile.heard >= 31);
}

#[test]
fn unsolicited_responses_make_peers_and_addresses() {
    let (world, victim) = attacked(Useless::responses(OURS).keys(1_000, 1), AttackerOptions::made_up_sources);
    assert_eq!(peers(&world, victim), 200);
    let addresses = world.find::<Lamport>(victim).unwrap().with(|_, cx| cx.walkable().len()).unwrap();
    assert!(addresses >= 190, "{addresses}");
}

#[test]
fn similarity_requests_are_answered_by_the_discovery_community() {
    let mut world = World::new(4);
    let options = NodeOptions::default().address(public(1)).hardening(Hardening::reference());
    let victim = world.add_node(options.setup(|node| {
        node.load(OverlayConfig::new(DiscoveryCommunity::default())).unwrap();
    }));
    let useless = Useless::similarity_requests(DiscoveryCommunity::ID).keys(5, 1);
    world.add_attacker(useless, AttackerOptions::new(50).target(public(1)).between(secs(0), secs(1)).evenly());
    world.run_for(secs(2));
    assert_eq!((stats(&world, victim).verified, world.metrics().hostile.heard), (50, 50));
}

#[test]
fn messages_of_a_users_own_reach_their_handler() {
    let clock = |rng: &mut rand::rngs::Xoshiro256PlusPlus| {
        use rand::RngExt as _;
        (1_000 + rng.random_range(0..1_000_u32)).to_be_bytes().to_vec()
    };
    let (world, victim) = attacked(Useless::messages(OURS, 1, false, clock), |options| options);
    assert_eq!(stats(&world, victim).delivered, 200);
    let clock = world.find::<Lamport>(victim).unwrap().with(|lamport, _| lamport.clock).unwrap();
    assert!(clock >= 1_200, "{clock}");
}

#[test]
fn what_was_overheard_is_sent_again_from_elsewhere() {
    let mut world = World::new(4);
    let [victim, friend] = [1, 2].map(|number| node(&mut world, number));
    let options = AttackerOptions::new(20).between(secs(5), secs(6)).evenly().listen_to([friend]);
    let attacker = world.add_attacker(Replay::default(), options.addresses([public(66)]));
    let handle = world.find::<Lamport>(friend).unwrap();
    handle.with(|_, cx| cx.walk_to(public(1))).unwrap();
    world.run_for(secs(1));
    let peer = handle.with(|_, cx| cx.peers()[0].clone()).unwrap();
    handle.with(|_, cx| cx.send(&peer, Clock { clock: 1 })).unwrap();
    world.run_for(secs(9));
    let overheard = world.metrics().hostile.overheard;
    assert!(overheard >= 2, "{overheard}");
    assert_eq!(world.sent_by(attacker), 20);
    // All of them hold, since they are copies: and the reference takes the attacker's address for that of its friend.
    assert_eq!(stats(&world, victim).dropped(DropReason::Signature), 0);
    assert_eq!(friend_at(&world, victim), public(66));
}

/// A walker that asks the liar first.
fn walker(world: &mut World, number: u8, first: SocketAddr) -> NodeId {
    let options = NodeOptions::default().address(public(number)).hardening(Hardening::reference());
    world.add_node(options.setup(move |node| {
        let overlay = OverlayConfig::new(Lamport::default())
            .strategy(ipv8_discovery::RandomWalk::default(), ipv8_core::Target::Peers(20));
        let handle = node.load(overlay).unwrap();
        handle.with(|_, cx| cx.walk_to(first)).unwrap();
    }))
}

#[test]
fn a_liar_sends_walkers_nowhere_and_misnames_their_address() {
    let mut world = World::new(4);
    let node = walker(&mut world, 1, public(66));
    let liar = Liar::new(OURS, Lie::Nowhere, 1).wan("9.9.9.9:9".parse().unwrap());
    world.add_attacker(liar, AttackerOptions::new(0).addresses([public(66)]));
    world.run_for(secs(30));
    assert_eq!(peers(&world, node), 1);
    assert!(world.metrics().lost(Loss::NoHost) > 10, "{:?}", world.metrics());
    let wan = world.find::<Lamport>(node).unwrap().with(|_, cx| cx.wan()).unwrap();
    assert_eq!(wan, "9.9.9.9:9".parse().unwrap());
}

#[test]
fn a_liar_leads_walkers_to_its_other_selves() {
    let mut world = World::new(4);
    let node = walker(&mut world, 1, public(66));
    let liar = Liar::new(OURS, Lie::Sybils, 1);
    world.add_attacker(liar, AttackerOptions::new(0).addresses((60..70).map(public)));
    world.run_for(secs(60));
    assert_eq!(peers(&world, node), 10);
}

#[test]
fn a_liar_makes_itself_known_and_leads_walkers_to_a_victim() {
    let mut world = World::new(4);
    let friend = node(&mut world, 2);
    // It knows nobody, until the liar asks it.
    let node = walker(&mut world, 1, "9.9.9.9:9".parse().unwrap());
    let liar = Liar::new(OURS, Lie::Victim(public(2)), 1);
    world.add_attacker(liar, AttackerOptions::new(1).target(public(1)).addresses([public(66)]));
    world.run_for(secs(30));
    assert_eq!(peers(&world, node), 2);
    assert_eq!(peers(&world, friend), 1);
}

/// Asks as a node of the new style does, and keeps the answers.
struct Walker {
    seen: std::sync::Arc<std::sync::Mutex<Vec<SocketAddr>>>,
}

impl Attacker for Walker {
    fn act(&mut self, scene: &mut Scene<'_>) {
        for target in scene.targets() {
            let source = scene.source();
            scene.send(source, target, vec![0; 30]);
        }
    }

    fn hears(&mut self, _: &mut Scene<'_>, heard: &Heard<'_>) {
        self.seen.lock().unwrap().push(heard.source);
    }
}

#[test]
fn targets_are_drawn_or_taken_in_turn_or_all_at_once_and_sources_too() {
    let count = |options: AttackerOptions| {
        let seen = std::sync::Arc::default();
        let mut world = World::new(4);
        world.add_attacker(
            Walker { seen: std::sync::Arc::clone(&seen) },
            AttackerOptions::new(0).addresses((1..=4).map(public)),
        );
        let attacker = Walker { seen: std::sync::Arc::default() };
        let options = options.targets((1..=4).map(public)).addresses([public(8), public(9)]).between(secs(0), secs(1));
        let attacker = world.add_attacker(attacker, options);
        world.run_for(secs(2));
        let mut sources = seen.lock().unwrap().clone();
        assert_eq!(sources.len() as u64, world.sent_by(attacker));
        let sent = sources.len();
        sources.sort_unstable();
        sources.dedup();
        (sent, sources)
    };
    let own = vec![public(8), public(9)];
    assert_eq!(count(AttackerOptions::new(40).evenly().in_turn()), (40, own.clone()));
    assert_eq!(count(AttackerOptions::new(40).evenly().all_at_once()), (160, own));
    let (sent, sources) = count(AttackerOptions::new(400).made_up_sources());
    assert!((340..460).contains(&sent), "{sent}: at random moments");
    assert!(sources.len() > sent - 3, "{}", sources.len());
}

#[test]
fn a_world_with_attackers_repeats_with_any_number_of_threads_and_its_nodes_are_who_they_were() {
    let run = |threads: usize, attacks: bool| {
        let mut world = World::builder(5).link(Link::default().loss(0.1).duplication(0.1)).threads(threads).build();
        let nodes = [1, 2, 3].map(|number| {
            let options = NodeOptions::default().address(public(number)).cpu(CpuModel::default().slower(20));
            world.add_node(options.setup(|node| drop(node.load(Lamport::default()).unwrap())))
        });
        world.find::<Lamport>(nodes[0]).unwrap().with(|_, cx| cx.walk_to(public(2))).unwrap();
        if attacks {
            let options = AttackerOptions::new(300).targets((1..=3).map(public)).listen_to(nodes);
            world.add_attacker(Garbage::new(OURS), options.clone());
            world.add_attacker(Forged::new(OURS, Curve::High, 9, 1).unwrap(), options.clone().made_up_sources());
            world.add_attacker(Useless::introduction_requests(OURS), options.clone());
            world.add_attacker(Replay::default(), options);
        }
        world.run_for(secs(5));
        let keys = nodes.map(|id| world.node(id).key().clone());
        (world.trace_hash(), world.metrics().clone(), keys)
    };
    let attacked = run(1, true);
    for threads in [1, 2, 3, 5] {
        assert_eq!(attacked, run(threads, true), "{threads}");
    }
    let metrics = attacked.1;
    assert!(metrics.hostile.sent > 5_000 && metrics.hostile.overheard > 100, "{metrics:?}");
    assert!(metrics.hostile.lost(Loss::Socket) > 0 && metrics.duplicated > 0, "{metrics:?}");
    assert_eq!(attacked.2, run(1, false).2);
}

#[test]
fn attackers_reach_who_is_reachable_behind_a_nat_and_nobody_else() {
    let mut world = World::builder(4).fabric(Nats::new(Link::default())).build();
    let load = |options: NodeOptions| options.setup(|node| drop(node.load(Lamport::default()).unwrap()));
    let mut victims = vec![];
    for nat in [Nat::full_cone(), Nat::port_restricted()] {
        let home = world.fabric_mut().add(nat);
        let id = world.add_node_behind(home, load(NodeOptions::default()));
        // Opens its NAT.
        world.find::<Lamport>(id).unwrap().with(|_, cx| cx.walk_to(public(9))).unwrap();
        victims.push((id, SocketAddr::new(world.fabric().outside(home).unwrap(), 8_090)));
    }
    world.add_node(load(NodeOptions::default().address(public(9))));
    world.run_for(secs(1));
    let before: Vec<_> = victims.iter().map(|(id, _)| world.node(*id).stats().received).collect();
    let options = AttackerOptions::new(100).targets(victims.iter().map(|(_, outside)| *outside)).all_at_once().evenly();
    world.add_attacker(Garbage::new(OURS), options.between(secs(1), secs(2)));
    world.run_for(secs(2));
    let got: Vec<_> = victims.iter().zip(before).map(|((id, _), had)| world.node(*id).stats().received - had).collect();
    assert_eq!(got, [100, 0]);
    assert_eq!(world.metrics().hostile.lost(Loss::Nat), 100);
}

#[test]
fn a_link_of_the_attackers_holds_for_it_alone() {
    let mut world = World::new(4);
    let victim = node(&mut world, 1);
    let options = AttackerOptions::new(1_000).target(public(1)).between(secs(1), secs(2)).evenly();
    let attacker = world.add_attacker(Garbage::new(OURS), options);
    world.fabric_mut().set_one_way(attacker.sender(), victim, Link::default().bandwidth(10_000, 1_000));
    world.run_for(secs(5));
    let metrics = world.metrics();
    assert_eq!(metrics.lost_in_all(), 0);
    assert!(metrics.hostile.lost(Loss::Queue) > 800, "{metrics:?}");
    assert!(metrics.hostile.delivered_bytes < 11_000, "{metrics:?}");
}

#[test]
fn packets_are_made_as_nodes_make_them() {
    let mut world = World::new(4);
    let victim = node(&mut world, 1);
    let key = world.add_node(NodeOptions::default());
    let key = world.node(key).key().clone();
    assert_ne!(key.mid(), world.node(victim).key().mid());
    let request = IntroductionRequest {
        destination_address: "1.2.3.4:5".parse().unwrap(),
        source_lan_address: "1.2.3.4:5".parse().unwrap(),
        source_wan_address: "1.2.3.4:5".parse().unwrap(),
        flags: ipv8_core::messages::Flags::default(),
        identifier: 7,
        extra_bytes: vec![],
    };
    let handle = world.find::<Lamport>(victim).unwrap();
    let (by_node, by_hand) = handle
        .with(|_, cx| {
            let by_node = cx.pack_as(OURS, cx.private_key(), Some(9), &request).unwrap();
            (by_node, signed(OURS, cx.private_key(), 9, &request).unwrap())
        })
        .unwrap();
    assert_eq!(by_node, by_hand);
    world.run_for(ms(1));
}
