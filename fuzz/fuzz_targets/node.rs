//! A whole node with two communities: datagrams of every kind, time, and whatever a program may call, in any order.
//!
//! Nothing may panic, and after every operation the node has to be in order: its tables within their limits and in
//! agreement with each other, every datagram counted once, what it sends well-formed, nothing due left undone.
#![no_main]

#[path = "node/community.rs"]
mod community;
#[path = "node/datagrams.rs"]
mod datagrams;

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use ipv8_core::{
    Community as _, Handle, Interfaces, Limits, MAX_DATAGRAM, MaxPeers, Network, Node, NodeConfig, OverlayConfig,
    Schedule, Target, TaskRef, Time, Transmit,
};
use ipv8_crypto::Memoised;
use ipv8_discovery::{DISCOVERY_COMMUNITY, DiscoveryCommunity, RandomWalk, TrackerBootstrapper};
use ipv8_wire::{Address, Message, Packet, Prefix};
use libfuzzer_sys::fuzz_target;

use community::{Answer, Question, Shout, User};
use datagrams::{Input, body, framed, introduction, own_key, signed};

/// Operations of one run: enough to fill every table.
const MOST_OPERATIONS: usize = 64;
/// Datagrams that are kept to be replayed.
const HISTORY: usize = 16;
/// Small, so that they are met.
const LIMITS: Limits = Limits { peers: 6, addresses: 8, strangers: 4, services_per_peer: 3, blacklist: 5 };

/// Verdicts of all runs: they are functions of the bytes.
static VERIFIER: LazyLock<Memoised> = LazyLock::new(Memoised::default);

fuzz_target!(|bytes: &[u8]| {
    let mut run = Run::new();
    let mut input = Input(bytes);
    for _ in 0..MOST_OPERATIONS {
        if input.0.is_empty() {
            break;
        }
        run.step(&mut input);
        run.check();
    }
    run.end();
});

struct Run {
    node: Node,
    user: Option<Handle<User>>,
    discovery: Handle<DiscoveryCommunity>,
    now: Time,
    /// Datagrams that go in at the next turn.
    batch: Vec<(SocketAddr, Vec<u8>)>,
    history: Vec<Vec<u8>>,
    sent: Vec<Transmit>,
    tasks: Vec<TaskRef>,
    spawned: usize,
}

impl Run {
    fn new() -> Self {
        let mut config = NodeConfig::new(own_key(0), [1; 32]);
        config.verifier = Box::new(VERIFIER.clone());
        config.limits = LIMITS;
        let node = Node::new(config);
        let address = SocketAddr::from(([10, 0, 0, 200], 8090));
        let SocketAddr::V4(v4) = address else { unreachable!("made as IPv4") };
        let v6 = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 8090, 0, 0);
        let interfaces = Interfaces { lan: Some(address), v4: Some(v4), v6: Some(v6), machine: vec![address.ip()] };
        node.set_interfaces(interfaces);
        let trackers = [Address::V4("10.0.0.7:1000".parse().expect("an address")), name("tracker.test")];
        let discovery = OverlayConfig::new(DiscoveryCommunity::default())
            .key(own_key(1))
            .strategy(RandomWalk::default(), Target::Peers(4))
            .bootstrapper(TrackerBootstrapper::new(trackers));
        let discovery = node.load(discovery).expect("loads once");
        let mut run = Self {
            node,
            user: None,
            discovery,
            now: Time::ZERO,
            batch: Vec::new(),
            history: Vec::new(),
            sent: Vec::new(),
            tasks: Vec::new(),
            spawned: 0,
        };
        run.load_user();
        run
    }

    fn load_user(&mut self) {
        let user = OverlayConfig::new(User::default())
            .max_peers(MaxPeers::Limit(3))
            .strategy(RandomWalk::default().window(2), Target::Always);
        self.user = Some(self.node.load(user).expect("loads while it is not loaded"));
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let operation = input.byte();
        match operation & 15 {
            0 => self.datagram(input, |input| input.bytes().to_vec()),
            1 => self.datagram(input, |input| [framed(input), body(input)].concat()),
            2 | 3 => self.datagram(input, signed),
            4..=6 => self.datagram(input, introduction),
            7 => self.replay(input),
            8 => self.reflect(input),
            9 => self.now = self.now + Duration::from_millis(10 << (input.byte() % 14)),
            10 => self.answer(input),
            11 => self.call(input),
            12 => self.task(input),
            13 => self.resolve(input),
            14 => self.reload(input),
            _ => {}
        }
        // What arrived together is taken in together.
        if operation < 128 {
            self.turn();
        }
    }

    // --- datagrams ---------------------------------------------------------------------------------------------

    fn datagram(&mut self, input: &mut Input<'_>, make: impl FnOnce(&mut Input<'_>) -> Vec<u8>) {
        let source = input.address();
        let datagram = make(input);
        if self.history.len() == HISTORY {
            self.history.remove(0);
        }
        self.history.push(datagram.clone());
        self.batch.push((source, datagram));
    }

    /// A datagram of before: again, twice, changed, cut short or made longer; from anywhere.
    fn replay(&mut self, input: &mut Input<'_>) {
        let source = input.address();
        let chosen = input.index(self.history.len());
        let Some(mut datagram) = self.history.get(chosen).cloned() else { return };
        let at = usize::from(u16::from_be_bytes([input.byte(), input.byte()])) % datagram.len().max(1);
        match input.byte() % 5 {
            0 => {}
            1 => self.batch.push((source, datagram.clone())),
            2 => {
                if let Some(byte) = datagram.get_mut(at) {
                    *byte ^= input.byte().max(1);
                }
            }
            3 => datagram.truncate(at),
            _ => datagram.extend(input.bytes()),
        }
        self.batch.push((source, datagram));
    }

    /// Something that the node sent comes back to it.
    fn reflect(&mut self, input: &mut Input<'_>) {
        let source = input.address();
        let chosen = input.index(self.sent.len());
        if let Some(sent) = self.sent.get(chosen) {
            self.batch.push((source, sent.bytes.clone()));
        }
    }

    /// Answers a question that the node asked, as the one who was asked or as somebody else.
    fn answer(&mut self, input: &mut Input<'_>) {
        let source = input.address();
        let key = input.key();
        let question = self.sent.iter().rev().find(|sent| sent.bytes.get(22) == Some(&<Question as Message>::ID));
        let Some(identifier) = question.and_then(|sent| sent.bytes.get(sent.bytes.len().checked_sub(66)?..)) else {
            return;
        };
        let mut packet = Prefix::new(User::ID).as_bytes().to_vec();
        packet.push(<Answer as Message>::ID);
        packet.extend([0, 74]);
        packet.extend(key.public().as_bytes());
        packet.extend([0, 0, 0, 1]);
        packet.extend(&identifier[..2]);
        let signature = key.sign(&packet).expect("curve25519 always signs");
        packet.extend_from_slice(&signature);
        self.batch.push((source, packet));
    }

    // --- calls -------------------------------------------------------------------------------------------------

    fn call(&mut self, input: &mut Input<'_>) {
        let operation = input.byte();
        let address = input.address();
        let number = input.index(8);
        let extra = vec![7; usize::from(input.byte()) << 8];
        let called = match &self.user {
            None => Ok(()),
            Some(user) => user.with(|_, cx| {
                let peers = cx.peers();
                match operation % 12 {
                    0 => cx.walk_to(address),
                    1 => cx.new_introduction(),
                    2 => peers.get(number).map(|peer| cx.request_introduction(peer)).unwrap_or_default(),
                    3 => cx.set_introduction_extra(extra.clone(), extra),
                    4 => peers.iter().for_each(|peer| cx.send(peer, Question { value: 2, identifier: 2 })),
                    5 => cx.send_to(address, Shout { text: "x".repeat(extra.len()) }),
                    6 => cx.network_mut().remove_address(address),
                    7 => cx.network_mut().blacklist(address),
                    8 => drop(peers.get(number).map(|peer| cx.network_mut().remove(&peer.mid()))),
                    9 => cx.set_global_time(u64::MAX - 1),
                    10 => {
                        let snapshot = cx.network().snapshot();
                        cx.network_mut().load_snapshot(&snapshot);
                    }
                    _ => cx.set_wan(address),
                }
            }),
        };
        assert_eq!(called, Ok(()));
        if operation & 128 != 0 {
            let pinged = self.discovery.with(|discovery, cx| {
                if let Some(peer) = cx.random_peer() {
                    discovery.ping(cx, &peer);
                }
                discovery.ask_similarity(cx, address);
            });
            assert_eq!(pinged, Ok(()));
        }
    }

    fn task(&mut self, input: &mut Input<'_>) {
        let Some(user) = self.user.clone() else { return };
        let operation = input.byte();
        let wait = Duration::from_millis(10 << (input.byte() % 12));
        let number = input.index(4);
        let (handle, tasks) = (user.clone(), &mut self.tasks);
        let ran = user.with(|_, cx| {
            let name = format!("task {number}");
            let peer = cx.random_peer();
            match (operation % 8, peer) {
                (0, _) => tasks.push(cx.spawn(async move { handle.sleep(wait).await }).into()),
                (1 | 2, Some(peer)) => tasks.push(
                    cx.spawn(async move {
                        let asked = handle.request_within(wait, &peer, Question { value: 3, identifier: 0 }).await;
                        assert!(asked.is_err() || handle.is_loaded());
                    })
                    .into(),
                ),
                (3, Some(peer)) => tasks.push(
                    cx.spawn(async move {
                        // The request is dropped while it waits.
                        let request = handle.request(&peer, Question { value: 4, identifier: 0 });
                        let _ = handle.timeout(wait, request).await;
                    })
                    .into(),
                ),
                (4, _) => {
                    let task = cx.spawn_named(name, operation >= 128, async move {
                        handle.sleep(wait).await;
                        let _ = handle.with(|_, cx| cx.new_introduction());
                    });
                    tasks.extend(task.map(TaskRef::from));
                }
                (5, _) => {
                    let mut schedule = Schedule::every(wait.max(Duration::from_secs(1))).named(name);
                    if operation >= 128 {
                        schedule = schedule.replacing();
                    }
                    tasks.extend(cx.schedule(schedule, User::again));
                }
                (6, _) => drop(cx.cancel_named(&name)),
                _ => {
                    if let Some(task) = tasks.get(number) {
                        cx.cancel(*task);
                    }
                }
            }
        });
        assert_eq!(ran, Ok(()));
        self.spawned += 1;
    }

    fn resolve(&mut self, input: &mut Input<'_>) {
        let address = input.address();
        let count = input.index(3);
        if let Some(resolve) = self.node.poll_resolve() {
            self.node.resolved(&resolve, &vec![address; count]);
        }
    }

    fn reload(&mut self, input: &mut Input<'_>) {
        match self.user.take() {
            Some(user) => {
                assert_eq!(self.node.unload(&user), Ok(()));
                assert!(!user.is_loaded() && self.node.unload(&user).is_err());
                self.tasks.clear();
                assert_eq!(self.node.pending(), (0, 0));
                if input.byte().is_multiple_of(2) {
                    self.load_user();
                }
            }
            None => self.load_user(),
        }
    }

    // --- turns and what has to hold after them -------------------------------------------------------------------

    fn turn(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.node.handle(self.now, batch.iter().map(|(source, datagram)| (*source, datagram.as_slice())));
        // A handle that was used before the turn asked for one; a turn leaves nothing to do at the same time.
        assert!(!self.node.needs_turn());
        assert!(self.node.next_deadline().is_none_or(|at| at > self.now));
        // A request goes with the task that made it, at the latest in the turn.
        let (tasks, requests) = self.node.pending();
        assert!(requests <= tasks);
        self.take_sent();
    }

    fn take_sent(&mut self) {
        let mut sent = Vec::new();
        self.node.drain_transmits(&mut sent);
        assert!(self.node.poll_transmit().is_none());
        for Transmit { to, bytes } in &sent {
            assert!(bytes.len() <= MAX_DATAGRAM && to.port() != 0 && !to.ip().is_unspecified());
            let packet = Packet::parse(bytes).expect("what is sent is a packet");
            assert!([User::ID, DISCOVERY_COMMUNITY].contains(&packet.community_id()));
        }
        self.sent.extend(sent);
        let old = self.sent.len().saturating_sub(HISTORY);
        self.sent.drain(..old);
    }

    fn check(&mut self) {
        let stats = self.node.stats();
        assert_eq!(stats.panics, 0);
        // Every datagram is delivered, or dropped.
        assert_eq!(stats.received, stats.delivered + stats.discarded);
        let (tasks, requests) = self.node.pending();
        assert!(requests <= self.spawned && tasks <= self.spawned);
        assert_eq!(self.node.network(check_network), Some(()));
        if let Some(user) = &self.user {
            let told = user.with(|user, cx| (user.joined, cx.peer_count())).expect("it is loaded");
            assert_eq!(told.0, told.1, "not told of every peer that came and went");
        }
    }

    fn end(mut self) {
        self.turn();
        self.check();
        self.node.unload_all();
        self.turn();
        assert_eq!(self.node.pending(), (0, 0));
        // The step that a strategy would have taken, at most.
        self.now = self.now + Duration::from_secs(1);
        self.turn();
        assert_eq!(self.node.next_deadline(), None);
    }
}

/// Every table within its limit, and every index in agreement with the peers.
fn check_network(network: &Network) {
    assert!(network.len() <= LIMITS.peers);
    assert!(network.known_addresses().count() <= LIMITS.addresses);
    for record in network.peers() {
        assert!(record.services().len() <= LIMITS.services_per_peer);
        for address in record.addresses().iter() {
            assert!(network.by_address(address).is_some_and(|there| there.addresses().contains(address)));
        }
    }
    for service in [User::ID, DISCOVERY_COMMUNITY] {
        let serving = network.peers().filter(|record| record.services().contains(&service)).count();
        assert_eq!(network.count_serving(service), serving);
        assert!(network.walkable(service).count() <= LIMITS.addresses);
    }
}

fn name(host: &str) -> Address {
    Address::Domain(host.to_owned(), 6421)
}
