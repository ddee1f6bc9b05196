//! A node that writes as much as it can, and says what it acknowledged.

use std::{
    collections::HashMap,
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use ipv8_core::{
    Blocking, Context, Handle, Interfaces, Node, NodeConfig, Peer, Task, Time,
    crypto::{Curve, PrivateKey},
    wire::Outgoing,
};
use ipv8_dht::{
    DHT_COMMUNITY, Dht, DhtCommunity, DhtConfig, Sign,
    messages::{FindRequest, StoreRequest},
    routing::DhtNode,
    store::StoreLimits,
    value,
};
use ipv8_dht_sqlite::Options;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::common::NOW;

const OURS: &str = "10.0.0.1:1";
const NEIGHBOUR: &str = "10.0.0.2:1";

/// Requests of one asker: one fewer than a node answers in five seconds, for the one that asks for a token.
const OF_ONE: u32 = 9;

/// What a node acknowledged, for the lines that the parent reads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Acknowledged {
    Value([u8; 20], Vec<u8>),
    Published([u8; 20]),
    /// Not acknowledged yet: from here on the publication may be there or not.
    Forgetting([u8; 20]),
    Forgotten([u8; 20]),
}

impl Acknowledged {
    fn line(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self {
            Self::Value(key, value) => format!("V {} {}\n", hex(key), hex(value)),
            Self::Published(key) => format!("P {}\n", hex(key)),
            Self::Forgetting(key) => format!("G {}\n", hex(key)),
            Self::Forgotten(key) => format!("F {}\n", hex(key)),
        }
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = words.next()?;
        let mut bytes = || {
            let word = words.next()?;
            (0..word.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&word[at..at + 2], 16).ok())
                .collect::<Option<Vec<u8>>>()
        };
        let key = bytes()?.try_into().ok()?;
        match kind {
            "V" => Some(Self::Value(key, bytes()?)),
            "P" => Some(Self::Published(key)),
            "G" => Some(Self::Forgetting(key)),
            "F" => Some(Self::Forgotten(key)),
            _ => None,
        }
    }
}

/// Limits that nothing here reaches.
pub(crate) fn config() -> DhtConfig {
    let most = 10_000_000;
    let store = StoreLimits { total: most, per_key: most, per_source: most };
    DhtConfig { store, republish: Some(Duration::from_secs(1_800)), ..DhtConfig::default() }
}

/// A value under its key.
type Named = ([u8; 20], Vec<u8>);

/// Two nodes: ours, which has a file, and a neighbour.
struct Writer {
    ours: (Node, Handle<DhtCommunity>),
    neighbour: (Node, Handle<DhtCommunity>),
    rng: StdRng,
    now: Time,
    identifier: u32,
    /// What store requests brought that were not answered yet.
    asked: HashMap<u32, Vec<Named>>,
    operation: Option<(Acknowledged, Task<bool>)>,
    published: Vec<[u8; 20]>,
    /// Values and operations that were acknowledged.
    said: (u64, u64),
}

fn node(community: DhtCommunity, seed: u8, address: &str) -> (Node, Handle<DhtCommunity>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap();
    let mut config = NodeConfig::new(key, [seed; 32]);
    config.unix_origin = NOW;
    // As under a driver with threads.
    config.blocking = Blocking::Elsewhere(Arc::new(|job| drop(std::thread::Builder::new().spawn(move || job.run()))));
    let node = Node::new(config);
    let lan = Some(address.parse().unwrap());
    node.set_interfaces(Interfaces { lan, v4: Some(address.parse().unwrap()), v6: None, machine: Vec::new() });
    let handle = node.load(community.overlay().no_strategies()).unwrap();
    handle.with(|_, cx| cx.set_wan(address.parse().unwrap())).unwrap();
    (node, handle)
}

impl Writer {
    fn new(path: &Path, seed: u64, checkpoint: u32) -> Self {
        let (community, _) = Options::default().now(NOW).checkpoint(checkpoint).open(path, config()).unwrap();
        let neighbour = node(DhtCommunity::default(), 2, NEIGHBOUR);
        let ours = node(community, 1, OURS);
        let known = DhtNode::new(Peer::new(neighbour.0.key().clone(), NEIGHBOUR.parse().unwrap()));
        assert!(ours.1.with(|dht, cx| dht.add_node(cx, known).is_some()).unwrap());
        Self {
            ours,
            neighbour,
            rng: StdRng::seed_from_u64(seed),
            now: Time::ZERO,
            identifier: 0,
            asked: HashMap::new(),
            operation: None,
            published: Vec::new(),
            said: (0, 0),
        }
    }

    /// Somebody sends something to our node.
    fn take(&self, from: &PrivateKey, message: &impl Outgoing) {
        let packet = self.ours.1.with(|_, cx| cx.pack_as(DHT_COMMUNITY, from, None, message).unwrap()).unwrap();
        self.ours.0.handle(self.now, [("10.0.0.3:3".parse().unwrap(), packet.as_slice())]);
    }

    /// Moves what both nodes send. Returns what our node sends to others.
    fn exchange(&self) -> Vec<Vec<u8>> {
        let [ours, neighbour]: [SocketAddr; 2] = [OURS, NEIGHBOUR].map(|address| address.parse().unwrap());
        let mut answers = Vec::new();
        loop {
            let (mut from_us, mut to_us) = (Vec::new(), Vec::new());
            self.ours.0.poll(self.now);
            self.ours.0.drain_transmits(&mut from_us);
            for packet in from_us {
                if packet.to == neighbour {
                    self.neighbour.0.handle(self.now, [(ours, packet.bytes.as_ref())]);
                } else {
                    answers.push(packet.bytes.to_vec());
                }
            }
            self.neighbour.0.poll(self.now);
            self.neighbour.0.drain_transmits(&mut to_us);
            if to_us.is_empty() {
                return answers;
            }
            for packet in to_us {
                self.ours.0.handle(self.now, [(neighbour, packet.bytes.as_ref())]);
            }
        }
    }

    /// A new asker stores as much as it may.
    fn ask(&mut self) {
        const BEFORE: usize = 22 + 1 + 2 + 74 + 4;
        let asker = PrivateKey::generate(Curve::Curve25519, &mut self.rng).unwrap();
        let lan_address = "10.0.0.3:3".parse().unwrap();
        self.take(&asker, &FindRequest { identifier: 0, lan_address, target: [7; 20], offset: 0, force_nodes: true });
        let token = loop {
            let answers = self.exchange();
            self.acknowledged(&answers);
            if let Some(answer) = answers.iter().find(|answer| answer[22] == 6) {
                break answer[BEFORE..BEFORE + 20].try_into().unwrap();
            }
        };
        // It answers nothing, so that it would have to be waited for whenever we publish something.
        let dead = DhtNode::new(Peer::new(asker.public().clone(), lan_address));
        let forget =
            |dht: &mut DhtCommunity, cx: &mut Context<'_>| dht.add_node(cx, dead).map_or((), |node| node.failed = 9);
        self.ours.1.with(forget).unwrap();
        for _ in 0..OF_ONE {
            self.identifier += 1;
            let target = self.rng.random();
            let values: Vec<Vec<u8>> = (0..self.rng.random_range(1..=8))
                .map(|_| value::encode_unsigned(&self.rng.random::<[u8; 32]>()))
                .collect();
            let all = values.iter().map(|value| (target, value.clone())).collect();
            self.asked.insert(self.identifier, all);
            self.take(&asker, &StoreRequest { identifier: self.identifier, token, target, values });
        }
    }

    /// Says which store requests were answered.
    fn acknowledged(&mut self, answers: &[Vec<u8>]) {
        // Prefix, message id, key, identifier.
        const BEFORE: usize = 22 + 1 + 2 + 74;
        for answer in answers.iter().filter(|answer| answer[22] == 4) {
            let identifier = u32::from_be_bytes(answer[BEFORE..BEFORE + 4].try_into().unwrap());
            let all = self.asked.remove(&identifier).unwrap();
            self.said.0 += u64::try_from(all.len()).unwrap();
            say(all.into_iter().map(|(key, value)| Acknowledged::Value(key, value)));
        }
    }

    /// Publishes or forgets, one thing at a time.
    fn operate(&mut self) {
        let Some((what, mut task)) = self.operation.take() else {
            let dht = Dht::new(self.ours.1.clone());
            let forget = self.published.len() > 1 && self.rng.random_ratio(1, 2);
            let (what, task) = if forget {
                let key = self.published.swap_remove(0);
                say([Acknowledged::Forgetting(key)]);
                (Acknowledged::Forgotten(key), self.ours.1.spawn(async move { dht.forget(&key).await.is_ok() }))
            } else {
                let key = self.rng.random();
                self.published.push(key);
                let store = async move { dht.store(key, b"mine", Sign::Yes).await.is_ok() };
                (Acknowledged::Published(key), self.ours.1.spawn(store))
            };
            self.operation = Some((what, task.unwrap()));
            return;
        };
        match std::pin::Pin::new(&mut task).poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(done) => {
                assert!(done.unwrap(), "{what:?} failed");
                self.said.1 += 1;
                say([what]);
            }
            Poll::Pending => self.operation = Some((what, task)),
        }
    }

    fn step(&mut self) {
        if self.asked.len() < 40 {
            // Time flies, so that the neighbour may be asked again; but not so far that values become too old.
            self.now = self.now + Duration::from_millis(700);
            self.ask();
        } else {
            std::thread::yield_now();
        }
        self.operate();
        let answers = self.exchange();
        self.acknowledged(&answers);
    }
}

/// What was acknowledged, in one piece: a line that is cut off was not said.
fn say(what: impl IntoIterator<Item = Acknowledged>) {
    let lines: String = what.into_iter().map(|what| what.line()).collect();
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Writes until it is killed, or this many values and operations are acknowledged.
pub(crate) fn write(path: &Path, seed: u64, checkpoint: u32, until: (u64, u64)) {
    // What the test harness wrote before has no end of line.
    println!("\nbegin");
    std::io::stdout().flush().unwrap();
    let mut writer = Writer::new(path, seed, checkpoint);
    println!("opened");
    while writer.said.0 < until.0 || writer.said.1 < until.1 {
        writer.step();
    }
}
