//! The attackers of a world: placed, given their turns, and what reaches them.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use ipv8_core::Time;
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{
    NodeId, World,
    shard::{Arrival, Event, Net, Shard, length},
};
use crate::{
    attack::{Attacker, AttackerOptions, Heard, Scene, Turns},
    capture::Fate,
    link::{Delivery, Fabric, exponential},
    seed::generator,
};

/// Domain of [`generator`].
const OF_ATTACKER: u64 = 4;

/// How long a copy of a datagram takes to an attacker who listens.
const TAP_DELAY: Duration = Duration::from_millis(50);

/// Names an attacker of a world, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttackerId(u32);

/// Senders from this number on are attackers, counted down from the end.
const FIRST: u32 = 1 << 31;

impl AttackerId {
    /// Its number, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// Its name among senders, for [links](crate::Links), [regions](crate::Regions) and partitions. It names no node.
    #[must_use]
    pub const fn sender(self) -> NodeId {
        NodeId(u32::MAX - self.0)
    }

    pub(super) const fn of(sender: NodeId) -> Option<Self> {
        if sender.0 >= FIRST { Some(Self(u32::MAX - sender.0)) } else { None }
    }
}

impl fmt::Display for AttackerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attacker {}", self.0)
    }
}

/// An attacker and where it stands.
pub(super) struct AttackerPlace {
    attacker: Box<dyn Attacker>,
    options: AttackerOptions,
    rng: Xoshiro256PlusPlus,
    turns: Turns,
    sent: u64,
    /// Events that it caused.
    pub(super) caused: u64,
}

/// The attackers that listen to each node.
pub(super) type Taps = BTreeMap<NodeId, Vec<AttackerId>>;

/// What an attacker is to do.
enum Cue<'a> {
    Act,
    Hear(Heard<'a>),
    Overhear(Heard<'a>),
}

/// Attackers.
impl<F: Fabric> World<F> {
    /// Adds an attacker, which begins when its options say. Its randomness comes from the world's seed and its number alone.
    ///
    /// # Panics
    /// If a node or another attacker has one of its addresses: a fault of whoever made the scenario.
    #[allow(clippy::panic, reason = "a scenario that contradicts itself cannot go on")]
    pub fn add_attacker(&mut self, attacker: impl Attacker + 'static, mut options: AttackerOptions) -> AttackerId {
        let id = AttackerId(u32::try_from(self.attackers().count()).unwrap_or(u32::MAX));
        if options.addresses.is_empty() {
            let [_, _, high, low] = id.0.to_be_bytes();
            options.addresses.push(SocketAddr::from(([45, high, low, 1], 8_090)));
        }
        for address in &options.addresses {
            if let Some(other) = self.hosts.at(*address) {
                panic!("{address} is the address of {other} already: give {id} another one");
            }
            self.hosts.put(*address, id.sender());
        }
        let seed = generator(self.seed, &[OF_ATTACKER, u64::from(id.0)]).random();
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let start = Time::from_duration(options.start).max(self.now);
        let acts = options.rate > 0;
        for node in &options.taps {
            let listeners = self.taps.entry(*node).or_default();
            if !listeners.contains(&id) {
                listeners.push(id);
            }
        }
        let place =
            AttackerPlace { attacker: Box::new(attacker), options, rng, turns: Turns::default(), sent: 0, caused: 0 };
        if let Some(shard) = self.shards.first_mut() {
            shard.attackers.push(place);
            if acts {
                let due = shard.due(id.sender(), start);
                shard.queue.push(due, Event::Attack(id));
            }
        }
        id
    }

    /// All attackers.
    pub fn attackers(&self) -> impl Iterator<Item = AttackerId> + use<F> {
        let count = self.shards.first().map_or(0, |shard| shard.attackers.len());
        (0..u32::try_from(count).unwrap_or(u32::MAX)).map(AttackerId)
    }

    /// How many datagrams an attacker sent; none if it is one of another world.
    #[must_use]
    pub fn sent_by(&self, attacker: AttackerId) -> u64 {
        let place = self.shards.first().and_then(|shard| shard.attackers.get(attacker.0 as usize));
        place.map_or(0, |place| place.sent)
    }
}

impl Shard {
    /// An attacker acts, and is to act again.
    pub(super) fn attack<F: Fabric>(&mut self, net: &Net<'_, F>, id: AttackerId) {
        let now = self.now;
        let Some(place) = self.attackers.get_mut(id.0 as usize) else { return };
        let AttackerPlace { options, rng, .. } = place;
        if options.stop.is_some_and(|stop| now >= Time::from_duration(stop)) {
            return;
        }
        let between = Duration::from_secs(1) / options.rate.max(1);
        let wait = if options.evenly { between } else { exponential(between, rng) };
        let due = self.due(id.sender(), now + wait);
        self.queue.push(due, Event::Attack(id));
        self.play(net, id, &Cue::Act);
    }

    /// A datagram reaches an address of an attacker.
    pub(super) fn reach_attacker<F: Fabric>(&mut self, net: &Net<'_, F>, id: AttackerId, arrival: &Arrival) {
        self.metrics.hostile.heard += 1;
        let Arrival { delivery, bytes, .. } = arrival;
        self.log.packet(self.now, delivery.source, delivery.to, Fate::Delivered, bytes);
        self.play(net, id, &Cue::Hear(Heard { source: delivery.source, to: delivery.to, bytes }));
    }

    /// A node sends something: whoever listens gets a copy.
    pub(super) fn listen_in<F: Fabric>(
        &mut self,
        net: &Net<'_, F>,
        from: NodeId,
        source: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        let at = self.now + TAP_DELAY;
        for attacker in net.taps.get(&from).into_iter().flatten() {
            let arrival = Arrival { delivery: Delivery { at, to, source }, bytes: bytes.to_vec(), hostile: false };
            let due = self.due(from, at);
            self.post(0, due, Event::Overhear { attacker: *attacker, arrival });
        }
    }

    /// A copy reaches an attacker who listens.
    pub(super) fn overhear<F: Fabric>(&mut self, net: &Net<'_, F>, id: AttackerId, arrival: &Arrival) {
        self.metrics.hostile.overheard += 1;
        let Arrival { delivery, bytes, .. } = arrival;
        self.play(net, id, &Cue::Overhear(Heard { source: delivery.source, to: delivery.to, bytes }));
    }

    fn play<F: Fabric>(&mut self, net: &Net<'_, F>, id: AttackerId, cue: &Cue<'_>) {
        let now = self.now;
        let Some(AttackerPlace { attacker, options, rng, turns, sent, .. }) = self.attackers.get_mut(id.0 as usize)
        else {
            return;
        };
        let mut scene = Scene::new(now, rng, options, turns);
        match cue {
            Cue::Act => attacker.act(&mut scene),
            Cue::Hear(heard) => attacker.hears(&mut scene, heard),
            Cue::Overhear(heard) => attacker.overhears(&mut scene, heard),
        }
        let shots = scene.into_shots();
        let shots: Vec<_> = shots.into_iter().map(|shot| (shot, rng.next_u64())).collect();
        *sent += u64::try_from(shots.len()).unwrap_or(u64::MAX);
        for (shot, seed) in shots {
            self.metrics.hostile.sent += 1;
            self.metrics.hostile.sent_bytes += length(&shot.bytes);
            self.log.packet(now, shot.source, shot.to, Fate::Sent, &shot.bytes);
            let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            self.dispatch(net, id.sender(), shot.source, shot.to, shot.bytes, rng);
        }
    }
}
