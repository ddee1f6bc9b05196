//! The nodes of a world: added, looked at, crashed and started again.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, atomic::Ordering},
    task::Waker,
};

use ipv8_core::{Clock, Community, Handle, Interfaces, Node, NodeConfig, Time};
use ipv8_crypto::{Curve, PrivateKey};
use rand::{RngExt, rngs::StdRng};
use smallvec::SmallVec;

use super::{
    Addresses, NodeId, NodeWaker, OF_KEY, OF_NODE, World,
    shard::{About, Event, Place, Shard},
    skew::Skew,
    work::Cpu,
};
use crate::{link::Fabric, metrics::Loss, options::NodeOptions, seed::generator};

/// Nodes.
impl<F: Fabric> World<F> {
    /// Adds a node. Its key and its randomness come from the world's seed and its number alone.
    ///
    /// # Panics
    /// If another node has one of its addresses, if both of them are of one family, or if there are more than 2^24 nodes:
    /// faults of whoever made the scenario.
    #[allow(clippy::panic, reason = "a scenario that contradicts itself cannot go on")]
    pub fn add_node(&mut self, options: NodeOptions) -> NodeId {
        let id = NodeId(u32::try_from(self.homes.len()).unwrap_or(u32::MAX));
        let address = options.address.unwrap_or_else(|| default_address(id));
        let addresses = Addresses { first: address, second: options.second };
        for address in addresses.all() {
            if let Some(other) = self.hosts.at(address) {
                panic!("{address} is the address of {other} already: give {id} another one");
            }
        }
        if let Some(second) = addresses.second.filter(|second| second.is_ipv4() == address.is_ipv4()) {
            panic!("{second} is of the family of {address}: a second address of {id} has to be of the other one");
        }
        let key = match &options.key {
            Some(key) => key.clone(),
            None => draw_key(&mut generator(self.seed, &[OF_KEY, u64::from(id.0)])),
        };
        let site = usize::try_from(self.fabric.site(address).unwrap_or(id.0)).unwrap_or(0);
        self.homes.push(site % self.shards.len().max(1));
        let waker = Waker::from(Arc::new(NodeWaker { node: id, woken: self.shard(id).woken.clone() }));
        for address in addresses.all() {
            self.hosts.put(address, id);
        }
        if self.tap.listens() {
            let name = format!("node-{}", id.0);
            addresses.all().for_each(|address| self.tap.name(address.ip(), &name));
        }
        let cpu = options.cpu.map(|model| Box::new(Cpu::new(model)));
        let node = self.make_node((id, 0), &key, addresses, &options, &waker, cpu.as_deref());
        let start = self.now + options.start_after;
        let place = Place {
            node,
            addresses,
            skew: Skew::new(options.skew),
            cpu,
            about: Box::new(About { key, options, waker }),
            up: false,
            again: false,
            deadline: None,
            life: 0,
            wakes: SmallVec::new(),
            caused: 0,
            sent: 0,
        };
        let now = self.now;
        let shard = self.shard_mut(id);
        shard.settle(id, place);
        if start == now {
            shard.start(id);
        } else {
            shard.cause(id, start, Event::Start { node: id, life: 0 });
        }
        id
    }

    fn make_node(
        &self,
        (id, life): (NodeId, u32),
        key: &PrivateKey,
        addresses: Addresses,
        options: &NodeOptions,
        waker: &Waker,
        cpu: Option<&Cpu>,
    ) -> Node {
        let seed = generator(self.seed, &[OF_NODE, u64::from(id.0), u64::from(life)]).random();
        let clock = self.shard(id).clock.clone();
        let skew = Skew::new(options.skew);
        let clock: Clock = Arc::new(move || skew.node_time(Time::from_nanos(clock.load(Ordering::Relaxed))));
        let mut config = NodeConfig::new(key.clone(), seed);
        config.unix_origin = self.unix_origin.saturating_add(options.ahead).saturating_sub(options.behind);
        config.clock = Some(clock);
        let verifier = (self.verifier)();
        config.verifier = match cpu {
            Some(cpu) => cpu.meter.watch(verifier),
            None => verifier,
        };
        config.signer = (self.signer)();
        config.keys = self.keys.clone();
        config.limits = options.limits;
        config.hardening = options.hardening.clone();
        config.blocking = options.blocking.clone();
        if let Some(tick) = options.tick {
            config.tick = tick;
        }
        let node = Node::new(config);
        let v4 = addresses.all().find_map(|address| match address {
            SocketAddr::V4(v4) => Some(v4),
            SocketAddr::V6(_) => None,
        });
        let v6 = addresses.all().find_map(|address| match address {
            SocketAddr::V4(_) => None,
            SocketAddr::V6(v6) => Some(v6),
        });
        let machine = options.machine.clone().unwrap_or_else(|| addresses.all().map(|own| own.ip()).collect());
        node.set_interfaces(Interfaces { lan: Some(addresses.first), v4, v6, machine });
        node.set_waker(waker);
        node
    }

    /// All nodes, those that are down included.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<F> {
        (0..u32::try_from(self.homes.len()).unwrap_or(u32::MAX)).map(NodeId)
    }

    /// A node. Of one that crashed, the empty one that takes its place when it starts again.
    ///
    /// # Panics
    /// If the node is one of another world.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.place(id).node
    }

    /// The address of a node, the first if it has two. Behind a NAT, it is the one in its LAN.
    ///
    /// # Panics
    /// If the node is one of another world.
    #[must_use]
    pub fn address(&self, id: NodeId) -> SocketAddr {
        self.place(id).addresses.first
    }

    /// Whether a node runs: it started and did not crash.
    ///
    /// # Panics
    /// If the node is one of another world.
    #[must_use]
    pub fn is_up(&self, id: NodeId) -> bool {
        self.place(id).up
    }

    /// The community of this type that a node loaded, the first if there are several.
    ///
    /// # Panics
    /// If the node is one of another world.
    #[must_use]
    pub fn find<C: Community>(&self, id: NodeId) -> Option<Handle<C>> {
        self.node(id).find()
    }

    /// Ends a node without last words: all its state is gone. What it sent arrives, what is sent to it is lost.
    ///
    /// # Panics
    /// If the node is one of another world.
    pub fn crash(&mut self, id: NodeId) {
        let place = self.place(id);
        let life = place.life + 1;
        let About { key, options, waker } = &*place.about;
        let cpu = options.cpu.map(|model| Box::new(Cpu::new(model)));
        let node = self.make_node((id, life), key, place.addresses, options, waker, cpu.as_deref());
        let place = self.place_mut(id);
        let waited = std::mem::replace(&mut place.cpu, cpu);
        place.life = life;
        place.up = false;
        (place.again, place.deadline) = (false, None);
        place.node = node;
        let Self { shards, homes, metrics, trace, tap, .. } = self;
        let shard = homes.get(id.0 as usize).and_then(|home| shards.get_mut(*home));
        if let (Some(shard), Some(waited)) = (shard, waited) {
            shard.log.captures = tap.listens();
            for arrival in waited.into_waiting() {
                shard.lose(Loss::Down, &arrival);
            }
            shard.log.tell(trace, tap);
            metrics.absorb(&mut shard.metrics);
        }
        tracing::debug!(node = id.0, "crashed");
    }

    /// Starts a node that crashed, now, with the key and the address that it had. One that runs crashes first.
    ///
    /// # Panics
    /// If the node is one of another world.
    pub fn restart(&mut self, id: NodeId) {
        if self.place(id).up {
            self.crash(id);
        }
        self.shard_mut(id).start(id);
    }

    /// Lets a name stand for the address of a host; of several, all are told.
    pub fn host(&mut self, name: impl Into<String>, address: SocketAddr) {
        let name = name.into();
        self.tap.name(address.ip(), &name);
        self.hosts.name(name, address.ip());
    }

    /// The network.
    #[must_use]
    pub const fn fabric(&self) -> &F {
        &self.fabric
    }

    /// The network, to change it.
    pub const fn fabric_mut(&mut self) -> &mut F {
        &mut self.fabric
    }

    #[allow(clippy::indexing_slicing, reason = "a NodeId of another world is a fault of the caller, as documented")]
    fn shard(&self, id: NodeId) -> &Shard {
        &self.shards[self.homes[id.0 as usize]]
    }

    #[allow(clippy::indexing_slicing, reason = "a NodeId of another world is a fault of the caller, as documented")]
    fn shard_mut(&mut self, id: NodeId) -> &mut Shard {
        &mut self.shards[self.homes[id.0 as usize]]
    }

    fn place(&self, id: NodeId) -> &Place {
        self.shard(id).place(id)
    }

    fn place_mut(&mut self, id: NodeId) -> &mut Place {
        self.shard_mut(id).place_mut(id)
    }
}

/// 10.0.0.1 for the first, and so on.
#[allow(clippy::panic, reason = "a scenario that contradicts itself cannot go on")]
fn default_address(id: NodeId) -> SocketAddr {
    let number = id.0 + 1;
    if number >= 1 << 24 {
        panic!("{id} has no address left in 10.0.0.0/8: give it one");
    }
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0000 | number), 8090))
}

#[allow(clippy::panic, reason = "this curve needs nothing that could fail")]
fn draw_key(rng: &mut StdRng) -> PrivateKey {
    match PrivateKey::generate(Curve::Curve25519, rng) {
        Ok(key) => key,
        Err(error) => panic!("a key of curve25519 was not drawn: {error}"),
    }
}
