//! The network between nodes: who is reached, after how long, and what is lost on the way.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::Time;
use rand::{Rng, RngExt, rngs::Xoshiro256PlusPlus};
use smallvec::SmallVec;

use crate::{metrics::Loss, world::NodeId};

/// A datagram on its way.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was sent.
    pub now: Time,
    /// Who sent it.
    pub from: NodeId,
    /// The sender's own address.
    pub source: SocketAddr,
    /// Where it is sent.
    pub to: SocketAddr,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// A datagram's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it arrives.
    pub at: Time,
    /// At which address: a node's, or that of a box on the way, which [`Fabric::arrive`] asks.
    pub to: SocketAddr,
    /// From which address it seems to come.
    pub source: SocketAddr,
}

/// A network: where the datagrams of nodes go. [`Links`] is the ready one; another one may model more.
pub trait Fabric {
    /// Where a datagram goes: one arrival for each copy.
    ///
    /// All randomness comes from `rng`, which is this packet's own, so that the fate of one packet does not depend on
    /// how much was drawn for another.
    ///
    /// # Errors
    /// Why it is lost.
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss>;

    /// Whom a datagram reaches whose time has come. By default, the node that has the address; a network with NATs lets
    /// them decide now, since what happened while the datagram was on its way may have opened or closed them.
    ///
    /// # Errors
    /// Why it is lost after all.
    fn arrive(&mut self, delivery: &Delivery, bytes: &[u8], hosts: &Hosts) -> Result<NodeId, Loss> {
        let _ = bytes;
        hosts.at(delivery.to).ok_or(Loss::NoHost)
    }
}

/// Which node has which address, and which name stands for which addresses.
#[derive(Debug, Default)]
pub struct Hosts {
    // Only looked up, never walked over.
    by_address: HashMap<SocketAddr, NodeId>,
    names: BTreeMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// The node that has an address.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Option<NodeId> {
        self.by_address.get(&address).copied()
    }

    /// The addresses of a name, with a port.
    #[must_use]
    pub fn resolve(&self, name: &str, port: u16) -> Vec<SocketAddr> {
        self.names.get(name).into_iter().flatten().map(|ip| SocketAddr::new(*ip, port)).collect()
    }

    pub(crate) fn put(&mut self, address: SocketAddr, node: NodeId) {
        self.by_address.insert(address, node);
    }

    pub(crate) fn name(&mut self, name: String, ip: IpAddr) {
        self.names.entry(name).or_default().push(ip);
    }
}

/// How long a packet takes, drawn anew for each: packets overtake each other unless it is constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Nearly a normal distribution: never further than 3.46 deviations from the mean, and never below zero.
    Normal {
        /// The mean.
        mean: Duration,
        /// The standard deviation.
        deviation: Duration,
    },
}

impl Latency {
    fn draw(self, rng: &mut impl Rng) -> Duration {
        match self {
            Self::Constant(latency) => latency,
            Self::Uniform(least, most) if least < most => rng.random_range(least..=most),
            Self::Uniform(least, _) => least,
            Self::Normal { mean, deviation } => {
                // Four even numbers make a sum that is nearly normal; integers, so that every machine agrees.
                let sum: i128 = rng.random::<[u16; 4]>().into_iter().map(i128::from).sum();
                let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::from(u64::MAX));
                let offset = nanos(deviation).saturating_mul(sum - SUM_MEAN) / SUM_DEVIATION;
                let latency = nanos(mean).saturating_add(offset).max(0);
                Duration::from_nanos(u64::try_from(latency).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Mean of the sum of four numbers of 16 bits.
const SUM_MEAN: i128 = 131_070;

/// Its standard deviation: 65,536 divided by the square root of three.
const SUM_DEVIATION: i128 = 37_837;

/// How packets fare between two nodes, in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    latency: Latency,
    jitter: Duration,
    loss: f64,
    duplication: f64,
}

impl Default for Link {
    /// 20 to 80 milliseconds, evenly; nothing is lost.
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(Duration::from_millis(20), Duration::from_millis(80)),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
        }
    }
}

impl Link {
    /// Takes this long.
    #[must_use]
    pub const fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Takes up to this much longer, evenly.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses this part of all packets: 0 is none, 1 is all; what lies outside is taken for the nearer of the two.
    #[must_use]
    pub fn loss(mut self, loss: f64) -> Self {
        self.loss = probability(loss);
        self
    }

    /// Brings this part of all packets twice: 0 is none, 1 is all. The copy has a latency of its own.
    #[must_use]
    pub fn duplication(mut self, duplication: f64) -> Self {
        self.duplication = probability(duplication);
        self
    }

    /// How long a packet takes, once for each copy.
    pub(crate) fn carry(&self, rng: &mut impl Rng) -> Result<SmallVec<[Duration; 1]>, Loss> {
        if self.loss > 0.0 && rng.random_bool(self.loss) {
            return Err(Loss::Link);
        }
        let copies = if self.duplication > 0.0 && rng.random_bool(self.duplication) { 2 } else { 1 };
        Ok((0..copies).map(|_| self.transit(rng)).collect())
    }

    fn transit(&self, rng: &mut impl Rng) -> Duration {
        let latency = self.latency.draw(rng);
        latency.saturating_add(Latency::Uniform(Duration::ZERO, self.jitter).draw(rng))
    }
}

/// What is no number counts as 0.
fn probability(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// Says whether a packet from the first node may reach the second.
type Passes = Box<dyn Fn(NodeId, NodeId) -> bool + Send>;

/// Links between all nodes: one for all pairs, others for some, and partitions.
#[derive(Default)]
pub struct Links {
    all: Link,
    pairs: BTreeMap<(NodeId, NodeId), Link>,
    passes: Option<Passes>,
}

impl Links {
    /// The same link between all nodes.
    #[must_use]
    pub fn new(all: Link) -> Self {
        Self { all, ..Self::default() }
    }

    /// Changes the link of all pairs that have none of their own.
    pub fn set_all(&mut self, link: Link) {
        self.all = link;
    }

    /// Gives two nodes a link of their own, in both directions.
    pub fn set_pair(&mut self, a: NodeId, b: NodeId, link: Link) {
        self.set_one_way(a, b, link);
        self.set_one_way(b, a, link);
    }

    /// Gives packets from one node to another a link of their own.
    pub fn set_one_way(&mut self, from: NodeId, to: NodeId, link: Link) {
        self.pairs.insert((from, to), link);
    }

    /// Lets packets pass only where `passes(from, to)` holds, when they are sent; those on their way arrive.
    pub fn partition(&mut self, passes: impl Fn(NodeId, NodeId) -> bool + Send + 'static) {
        self.passes = Some(Box::new(passes));
    }

    /// Lets all packets pass again.
    pub fn heal(&mut self) {
        self.passes = None;
    }

    /// How long a packet takes, once for each copy. One whose receiver is not known yet takes the link of all.
    pub(crate) fn carry(
        &self,
        from: NodeId,
        to: Option<NodeId>,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Duration; 1]>, Loss> {
        if let (Some(passes), Some(to)) = (&self.passes, to)
            && !passes(from, to)
        {
            return Err(Loss::Partition);
        }
        let own = to.filter(|_| !self.pairs.is_empty()).and_then(|to| self.pairs.get(&(from, to)));
        own.unwrap_or(&self.all).carry(rng)
    }
}

impl Fabric for Links {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let to = hosts.at(packet.to).ok_or(Loss::NoHost)?;
        let transits = self.carry(packet.from, Some(to), rng)?;
        let arrival = |transit| Delivery { at: packet.now + transit, to: packet.to, source: packet.source };
        Ok(transits.into_iter().map(arrival).collect())
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("all", &self.all)
            .field("pairs", &self.pairs)
            .field("partitioned", &self.passes.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn latencies_are_distributed_as_they_say() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let ms = Duration::from_millis;
        let mut mean = |latency: Latency, within: std::ops::RangeInclusive<Duration>| {
            let drawn: Vec<_> = (0..10_000).map(|_| latency.draw(&mut rng)).collect();
            assert!(drawn.iter().all(|latency| within.contains(latency)), "{latency:?}");
            drawn.iter().sum::<Duration>() / 10_000
        };
        assert_eq!(mean(Latency::Constant(ms(5)), ms(5)..=ms(5)), ms(5));
        let uniform = mean(Latency::Uniform(ms(20), ms(80)), ms(20)..=ms(80));
        assert!((ms(49)..ms(51)).contains(&uniform), "{uniform:?}");
        let normal = mean(Latency::Normal { mean: ms(50), deviation: ms(10) }, ms(15)..=ms(85));
        assert!((ms(49)..ms(51)).contains(&normal), "{normal:?}");
        assert_eq!(mean(Latency::Normal { mean: ms(0), deviation: ms(0) }, ms(0)..=ms(0)), ms(0));
    }

    #[test]
    fn a_probability_is_one() {
        assert_eq!([f64::NAN, -1.0, 0.3, 7.0].map(probability), [0.0, 0.0, 0.3, 1.0]);
    }
}
