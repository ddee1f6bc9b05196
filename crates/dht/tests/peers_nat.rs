//! A peer behind a NAT is found by one behind another, and what is sent to it then arrives, in other communities too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{dht, mid, run, secs};
use ipv8_core::{
    Community, Context, MaxPeers, OverlayConfig, Peer, Routes, Target,
    wire::{CommunityId, Message, community_id},
};
use ipv8_dht::{ConnectError, DhtCommunity, DhtConfig, Family, PingChurn};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_sim::{
    NodeId, NodeOptions, World,
    nat::{Nat, Nats},
};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Word {
    again: bool,
}

/// Another community, which finds nobody itself.
#[derive(Default)]
struct Chat {
    heard: Vec<Peer>,
}

impl Community for Chat {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_word);
    }
}

impl Chat {
    fn on_word(&mut self, cx: &mut Context<'_>, from: &Peer, word: Word) {
        self.heard.push(from.clone());
        if word.again {
            cx.send(from, Word { again: false });
        }
    }
}

/// A node that is satisfied with few peers.
fn node(target: usize) -> NodeOptions {
    NodeOptions::default().setup(move |node| {
        let overlay = DhtCommunity::new(DhtConfig::default())
            .overlay()
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(target))
            .strategy(PingChurn::default(), Target::Always)
            .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(secs(5)));
        node.load(overlay).unwrap();
        node.load(OverlayConfig::new(Chat::default()).no_strategies().no_bootstrappers()).unwrap();
    })
}

/// Where a node stands: on the Internet if there is no NAT.
type Place = Option<Nat>;

const OPEN: Place = None;
const FULL_CONE: Place = Some(Nat::full_cone());
const ADDRESS: Place = Some(Nat::address_restricted());
const PORT: Place = Some(Nat::port_restricted());
const SYMMETRIC: Place = Some(Nat::symmetric());
const ALL: [Place; 5] = [OPEN, FULL_CONE, ADDRESS, PORT, SYMMETRIC];

fn add(world: &mut World<Nats>, place: Place) -> NodeId {
    match place {
        None => world.add_node(node(4)),
        Some(nat) => {
            let nat = world.fabric_mut().add(nat);
            world.add_node_behind(nat, node(4))
        }
    }
}

/// Some nodes on the Internet, and one more at each of the places, after they have settled.
fn settled(seed: u64, places: &[Place]) -> (World<Nats>, Vec<NodeId>) {
    let mut world = World::builder(seed).fabric(Nats::default()).build();
    common::add_tracker(&mut world);
    for _ in 0..24 {
        world.add_node(node(4));
    }
    world.run_for(secs(30));
    let nodes = places.iter().map(|place| add(&mut world, *place)).collect();
    world.run_for(secs(60));
    (world, nodes)
}

fn knows(world: &World<Nats>, node: NodeId, other: NodeId) -> bool {
    let other = mid(world, other);
    let known = dht(world, node).handle().with(|dht, cx| {
        let nodes = dht.table(Family::V4).unwrap().nodes();
        cx.peer(&other).is_some() || nodes.map(|node| node.peer().mid()).any(|mid| mid == other)
    });
    known.unwrap()
}

/// Has one look for the other.
fn connect(world: &mut World<Nats>, from: NodeId, to: NodeId) -> Result<Peer, ConnectError> {
    let wanted = mid(world, to);
    let (found, trace) = run(world, from, move |dht| async move { dht.trace_peer(wanted, None).await });
    let found = found?;
    assert_eq!(found.iter().map(Peer::mid).collect::<Vec<_>>(), [wanted], "{trace:#?}");
    Ok(found[0].clone())
}

/// Whether a word to a peer and the answer come through.
fn talk(world: &mut World<Nats>, from: NodeId, to: NodeId, there: &Peer) -> bool {
    let chat = |world: &World<Nats>, node| world.find::<Chat>(node).unwrap();
    for node in [from, to] {
        chat(world, node).with(|chat, _| chat.heard.clear()).unwrap();
    }
    chat(world, from).with(|_, cx| cx.send_to(there.address(), Word { again: true })).unwrap();
    world.run_for(secs(1));
    let heard = |node| chat(world, node).with(|chat, _| chat.heard.iter().map(Peer::mid).collect::<Vec<_>>()).unwrap();
    heard(to) == [mid(world, from)] && heard(from) == [there.mid()]
}

/// As in `nat_pairs` of the simulator: all but symmetric NATs with those that look at ports.
fn can_meet(a: usize, b: usize) -> bool {
    !matches!((a, b), (4, 3 | 4) | (3, 4))
}

#[test]
fn all_who_can_meet_find_each_other() {
    let mut strangers = 0;
    for (a, from) in ALL.into_iter().enumerate() {
        let places: Vec<Place> = [from].into_iter().chain(ALL).collect();
        let (mut world, nodes) = settled(41, &places);
        let from = nodes[0];
        for (b, to) in nodes[1..].iter().copied().enumerate() {
            strangers += usize::from(!knows(&world, from, to) && !knows(&world, to, from));
            match connect(&mut world, from, to) {
                Ok(peer) => assert!(can_meet(a, b) && talk(&mut world, from, to, &peer), "{a} finds {b}"),
                Err(ConnectError::NotReachable { .. }) => assert!(!can_meet(a, b), "{a} does not find {b}"),
                Err(error) => panic!("{a} {b}: {error}"),
            }
        }
    }
    // The others had met before, since one of them walked to the other.
    assert!(strangers > 10, "{strangers}");
}

#[test]
fn the_way_stays_open_while_nobody_uses_it() {
    let (mut world, nodes) = settled(45, &[PORT, PORT]);
    assert!(!knows(&world, nodes[0], nodes[1]) && !knows(&world, nodes[1], nodes[0]));
    let peer = connect(&mut world, nodes[0], nodes[1]).unwrap();
    // The NATs forget after two minutes.
    world.run_for(secs(400));
    assert!(talk(&mut world, nodes[0], nodes[1], &peer));
    let dht = dht(&world, nodes[0]);
    assert!(dht.handle().with(|_, cx| cx.peer(&peer.mid()).is_some()).unwrap());
}

#[test]
fn neighbours_behind_one_nat_meet_in_their_lan() {
    let (mut world, _) = settled(43, &[]);
    let home = world.fabric_mut().add(Nat::symmetric());
    let [a, b] = [(); 2].map(|()| world.add_node_behind(home, node(4)));
    world.run_for(secs(60));
    let peer = connect(&mut world, a, b).unwrap();
    assert_eq!(peer.address(), world.address(b));
    assert!(talk(&mut world, a, b, &peer));
}
