//! With a disk, nothing is acknowledged before it is written; and a node that starts again goes on where it ended.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{secs, world};
use ipv8_core::{
    Blocking, Handle, Interfaces, Node, NodeConfig, OverlayConfig, Time,
    crypto::{Curve, PrivateKey},
    wire::Outgoing,
};
use ipv8_dht::{
    DHT_COMMUNITY, Dht, DhtCommunity, DhtConfig, Family, KeepError,
    keep::{DiskError, MOST_WAITING, MemoryDisk, Saved, SavedNode},
    messages::{FindRequest, StoreRequest},
    value,
};
use ipv8_sim::Link;
use rand::{SeedableRng, rngs::StdRng};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap()
}

/// A node outside of the simulator, whose disk takes this long.
struct Kept {
    node: Node,
    handle: Handle<DhtCommunity>,
    disk: MemoryDisk,
}

impl Kept {
    fn new(disk: &MemoryDisk, takes: Duration) -> Self {
        Self::restored(disk, disk.saved(), takes)
    }

    fn restored(disk: &MemoryDisk, saved: Saved, takes: Duration) -> Self {
        let mut config = NodeConfig::new(key(99), [3; 32]);
        config.blocking = Blocking::Inline(takes);
        config.unix_origin = secs(1_790_000_000);
        let node = Node::new(config);
        let (lan, v4) = (Some("10.0.0.1:1".parse().unwrap()), Some("10.0.0.1:1".parse().unwrap()));
        node.set_interfaces(Interfaces { lan, v4, v6: None, machine: Vec::new() });
        let dht = DhtConfig { republish: Some(secs(1_800)), ..DhtConfig::default() };
        let community = DhtCommunity::kept(dht, Box::new(disk.clone()), saved, secs(1_790_000_000));
        let handle = node.load(community.overlay().no_strategies()).unwrap();
        handle.with(|_, cx| cx.set_wan("10.0.0.1:1".parse().unwrap())).unwrap();
        Self { node, handle, disk: disk.clone() }
    }

    /// What the node sends until a time.
    fn sent(&self, until: Time) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        self.node.poll(until);
        self.node.drain_transmits(&mut sent);
        sent.into_iter().map(|packet| packet.bytes.to_vec()).collect()
    }

    /// Somebody sends something.
    fn take(&self, now: Time, from: &PrivateKey, message: &impl Outgoing) {
        let packet = self.handle.with(|_, cx| cx.pack_as(DHT_COMMUNITY, from, None, message).unwrap()).unwrap();
        self.node.handle(now, [("10.0.0.2:2".parse().unwrap(), packet.as_slice())]);
    }

    /// A token of the node.
    fn token(&self, now: Time, of: &PrivateKey) -> [u8; 20] {
        const BEFORE: usize = 22 + 1 + 2 + 74 + 4;
        let lan_address = "10.0.0.2:2".parse().unwrap();
        let find = FindRequest { identifier: 1, lan_address, target: [7; 20], offset: 0, force_nodes: true };
        self.take(now, of, &find);
        self.sent(now).last().unwrap()[BEFORE..BEFORE + 20].try_into().unwrap()
    }

    fn store(&self, now: Time, from: &PrivateKey, token: [u8; 20], data: &[u8]) {
        let values = vec![value::encode_unsigned(data)];
        self.take(now, from, &StoreRequest { identifier: 2, token, target: [7; 20], values });
    }

    fn on_disk(&self) -> usize {
        self.disk.saved().v4.len()
    }

    fn kept(&self) -> usize {
        self.handle.with(|dht, _| dht.store(Family::V4).len()).unwrap()
    }
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

#[test]
fn a_store_request_is_answered_when_it_is_written() {
    let kept = Kept::new(&MemoryDisk::default(), secs(2));
    let asker = key(1);
    let token = kept.token(at(0), &asker);
    kept.store(at(10), &asker, token, b"one");
    assert_eq!((kept.sent(at(1_900)).len(), kept.on_disk(), kept.kept()), (0, 0, 1));
    // These two come while the first one is written, and are written together.
    kept.store(at(1_910), &asker, token, b"two");
    kept.store(at(1_920), &asker, token, b"three");
    assert_eq!((kept.sent(at(2_011)).len(), kept.on_disk(), kept.kept()), (1, 1, 3));
    assert_eq!((kept.sent(at(4_000)).len(), kept.on_disk()), (0, 1));
    assert_eq!((kept.sent(at(4_012)).len(), kept.on_disk()), (2, 3));
    assert_eq!(kept.disk.commits(), 2);
}

#[test]
fn what_was_not_written_when_the_node_ended_was_not_acknowledged() {
    let disk = MemoryDisk::default();
    let kept = Kept::new(&disk, secs(2));
    let asker = key(1);
    let token = kept.token(at(0), &asker);
    kept.store(at(10), &asker, token, b"one");
    kept.store(at(20), &asker, token, b"two");
    let answers = kept.sent(at(2_011)).len();
    kept.store(at(2_015), &asker, token, b"three");
    drop(kept);
    assert_eq!((answers, disk.saved().v4.len()), (1, 1));
    assert_eq!(Kept::new(&disk, secs(0)).kept(), 1);
}

#[test]
fn a_disk_that_fails_acknowledges_nothing_and_loses_nothing_once_it_is_mended() {
    let kept = Kept::new(&MemoryDisk::default(), Duration::ZERO);
    let asker = key(1);
    let token = kept.token(at(0), &asker);
    kept.disk.fail(Some(DiskError("full".to_owned())));
    kept.store(at(10), &asker, token, b"one");
    kept.store(at(20), &asker, token, b"two");
    assert_eq!((kept.sent(at(900)).len(), kept.on_disk(), kept.kept()), (0, 0, 2));
    let forgetting = Dht::new(kept.handle.clone());
    let told = kept.handle.spawn(async move { forgetting.flush().await }).unwrap();
    kept.sent(at(910));
    let told = futures_ready(told);
    assert_eq!(told, Some(Err(KeepError::NotWritten(DiskError("full".to_owned())))));
    let stats = kept.handle.with(|dht, _| dht.keeping()).unwrap().unwrap();
    assert_eq!((stats.failures, stats.unacknowledged, stats.waiting), (1, 2, 0));
    assert_eq!(stats.error, Some(DiskError("full".to_owned())));
    kept.disk.fail(None);
    // The next try comes after a second, unasked.
    assert_eq!((kept.sent(at(1_020)).len(), kept.on_disk()), (0, 2));
    kept.store(at(1_030), &asker, token, b"three");
    assert_eq!((kept.sent(at(1_030)).len(), kept.on_disk()), (1, 3));
    assert_eq!(kept.handle.with(|dht, _| dht.keeping()).unwrap().unwrap().error, None);
}

/// The result of a task that ended.
fn futures_ready<T: Send + 'static>(task: ipv8_core::Task<T>) -> Option<T> {
    let mut task = std::pin::pin!(task);
    match task.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => result.ok(),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn no_more_answers_wait_than_a_slow_disk_may_have() {
    let kept = Kept::new(&MemoryDisk::default(), secs(4));
    let askers: Vec<_> = (1..=150).map(key).collect();
    let mut sent = 0;
    for (number, asker) in (0_u64..).zip(&askers) {
        let token = kept.token(at(number), asker);
        for value in 0..9 {
            kept.store(at(number), asker, token, &[u8::try_from(number).unwrap(), value]);
            sent += 1;
        }
    }
    let stats = kept.handle.with(|dht, _| dht.keeping()).unwrap().unwrap();
    // One was being written when the others came.
    assert_eq!((stats.waiting, stats.unacknowledged), (MOST_WAITING + 1, sent - 1 - MOST_WAITING as u64));
    // They are kept and written all the same, as far as there is room under one key.
    assert_eq!((kept.sent(at(4_000)).len(), kept.sent(at(8_100)).len()), (1, MOST_WAITING));
    assert_eq!((kept.on_disk(), kept.kept()), (128, 128));
}

#[test]
fn what_came_last_is_written_when_the_community_is_unloaded() {
    let disk = MemoryDisk::default();
    let kept = Kept::new(&disk, secs(1));
    let asker = key(1);
    let token = kept.token(at(0), &asker);
    for (number, data) in [(10, b"one"), (20, b"two")] {
        kept.store(at(number), &asker, token, data);
    }
    let unloading = kept.node.unload_within(&kept.handle, secs(5)).unwrap();
    // The first batch is written again, with the second.
    assert_eq!(kept.sent(at(21)).len(), 0);
    let answers = kept.sent(at(1_022)).len();
    assert_eq!((answers, disk.saved().v4.len()), (2, 2));
    drop(unloading);
    assert!(!kept.handle.is_loaded());
}

#[test]
fn nodes_that_cannot_be_reached_from_here_are_written_with_those_that_are_there() {
    let disk = MemoryDisk::default();
    let mut saved = Saved::default();
    let node = |seed, address: &str| SavedNode { address: address.parse().unwrap(), key: key(seed).public().clone() };
    // The host has no IPv6 in this run. The other does not answer any more.
    let (unreachable, gone) = (node(1, "[2001:db8::7]:7"), node(2, "10.0.0.7:7"));
    saved.nodes = vec![unreachable.clone(), gone];
    let kept = Kept::restored(&disk, saved, Duration::ZERO);
    let live = node(3, "10.0.0.8:8");
    kept.handle
        .with(|dht, cx| {
            let peer = ipv8_core::Peer::new(live.key.clone(), live.address);
            let node = dht.add_node(cx, ipv8_dht::routing::DhtNode::new(peer)).unwrap();
            node.answered(Time::ZERO, secs(1));
        })
        .unwrap();
    for second in 0..700 {
        kept.sent(at(second * 1_000));
    }
    assert_eq!(disk.saved().nodes, [live, unreachable]);
}

/// A world of walking nodes, of which the first has a disk.
fn options(disk: &MemoryDisk, saved: &Saved, now: Duration) -> ipv8_sim::NodeOptions {
    let (disk, saved) = (disk.clone(), saved.clone());
    ipv8_sim::NodeOptions::default().setup(move |node| {
        let config = DhtConfig { republish: Some(secs(600)), ..DhtConfig::default() };
        let community = DhtCommunity::kept(config, Box::new(disk.clone()), saved.clone(), now);
        // It knows nobody but those that it knew before.
        let overlay = OverlayConfig::new(community).own_network();
        node.load(overlay.strategy(ipv8_dht::PingChurn::default(), ipv8_core::Target::Always)).unwrap();
    })
}

#[test]
fn a_node_that_starts_again_finds_its_nodes_and_stores_its_values_again() {
    let mut world = world(31, Link::default());
    let others = common::grown(&mut world, 9, &DhtConfig { maintenance: None, ..DhtConfig::default() });
    let unix = |world: &ipv8_sim::World| common::dht(world, others[0]).handle().with(|_, cx| cx.unix_time()).unwrap();
    let disk = MemoryDisk::default();
    let kept = world.add_node(options(&disk, &Saved::default(), unix(&world)));
    let peers: Vec<_> = others
        .iter()
        .map(|other| ipv8_core::Peer::new(world.node(*other).key().clone(), world.address(*other)))
        .collect();
    let meet = |dht: &mut DhtCommunity, cx: &mut ipv8_core::Context<'_>| {
        for peer in &peers {
            assert!(dht.add_node(cx, ipv8_dht::routing::DhtNode::new(peer.clone())).is_some());
        }
    };
    world.run_for(secs(1));
    common::dht(&world, kept).handle().with(meet).unwrap();
    let number = |number: u8| [number * 20; 20];
    common::run(&mut world, kept, move |dht| async move {
        for key in 0..10 {
            dht.store(number(key), &[key], ipv8_dht::Sign::No).await.unwrap();
        }
        assert_eq!(dht.forget(&number(3)).await.unwrap(), 1);
    });
    // What was acknowledged is there, whatever comes now.
    assert_eq!(disk.saved().publications.len(), 9);
    world.run_for(secs(331));
    assert!(disk.saved().nodes.len() >= 7, "{} nodes", disk.saved().nodes.len());
    world.crash(kept);
    // Hours later: all values are due, too old to be kept here, and forgotten elsewhere.
    let (mut saved, later) = (disk.saved(), unix(&world) + secs(7_200));
    saved.publications.values_mut().for_each(|publication| publication.due -= secs(7_200));
    for other in &others {
        let forget = |dht: &mut DhtCommunity, _: &mut ipv8_core::Context<'_>| dht.store_mut(Family::V4).expire(later);
        common::dht(&world, *other).handle().with(forget).unwrap();
    }
    assert_eq!(count(&mut world, others[5], number), 0);
    let again = world.add_node(options(&disk, &saved, later));
    let handle = common::dht(&world, again);
    assert_eq!(handle.handle().with(|dht, _| dht.store(Family::V4).len()).unwrap(), 0, "they were too old");
    assert_eq!(handle.publications().unwrap().len(), 9);
    assert_eq!(common::known(&world, again), 0, "nobody is believed to be there");
    world.run_for(secs(10));
    assert!(common::known(&world, again) >= 7, "{} nodes are back", common::known(&world, again));
    let mut found = Vec::new();
    for _ in 0..7 {
        found.push(count(&mut world, others[5], number));
        world.run_for(secs(10));
    }
    assert_eq!(found.last(), Some(&9), "{found:?}");
    // Not all at once.
    assert!(found.iter().any(|found| (1..9).contains(found)), "{found:?}");
}

/// How many of ten values a node finds.
fn count(world: &mut ipv8_sim::World, node: ipv8_sim::NodeId, number: impl Fn(u8) -> [u8; 20]) -> usize {
    let keys: Vec<_> = (0..10).map(number).collect();
    common::run(world, node, |dht| async move {
        let mut found = 0;
        for key in keys {
            found += usize::from(!dht.find_values(key).await.unwrap().is_empty());
        }
        found
    })
}
