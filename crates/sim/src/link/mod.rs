//! The network between nodes: who is reached, after how long, and what is lost on the way.

mod latency;
mod links;
mod one;
mod regions;
mod sender;

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use foldhash::fast::FixedState;
use ipv8_core::Time;
use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

pub use self::{
    latency::{Latency, exponential},
    links::Links,
    one::Link,
    regions::{RegionId, Regions},
};
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
///
/// A world of [several threads](crate::WorldBuilder::threads) calls it from all of them, one after the other, but in no
/// particular order: nodes in different threads are up to a [`Fabric::lookahead`] apart. What it remembers from one packet to
/// the next must therefore belong to the sender's [site](Fabric::site) in [`Fabric::route`], and to the receiver's in
/// [`Fabric::arrive`]. One that cannot promise this says nothing of its lookahead, and has one thread.
pub trait Fabric: Send {
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

    /// The least time that a packet takes from one site to another, as things are now: for so long, nodes can be run apart.
    /// By default zero, which means that they cannot.
    fn lookahead(&self) -> Duration {
        Duration::ZERO
    }

    /// The site at which an address is: nodes of one site share what the network keeps in between (a NAT, for example), and
    /// are run by one thread. By default none: a node is a site of its own.
    fn site(&self, address: SocketAddr) -> Option<u32> {
        let _ = address;
        None
    }
}

/// Which node has which address, and which name stands for which addresses.
#[derive(Debug, Default)]
pub struct Hosts {
    // Only looked up, never walked over. Whoever makes the scenario chooses the addresses, so that a fast hash will do.
    by_address: HashMap<SocketAddr, NodeId, FixedState>,
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
