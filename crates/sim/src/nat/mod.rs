//! Networks behind address translators (NATs).
//!
//! [`Nats`] is a [`Fabric`] of links between nodes of which some are behind a [`Nat`], alone or with others, and NATs may
//! be behind NATs (a carrier's). Kinds are named as in RFC 3489 and built from the behaviours of RFC 4787.
//!
//! What leaves a NAT gets its outside address and opens its filter when it is sent; what comes in is looked at when it
//! arrives. Whether two NATs are punctured is thus a matter of time, as it is in life.
//!
//! ```
//! use ipv8_sim::{Link, NodeOptions, World, nat::{Nat, Nats}};
//!
//! let mut world = World::builder(1).fabric(Nats::new(Link::default().loss(0.1))).build();
//! let home = world.fabric_mut().add(Nat::port_restricted());
//! let [alice, bob] = [(); 2].map(|()| world.add_node_behind(home, NodeOptions::default()));
//! let carol = world.add_node(NodeOptions::default());
//! assert_eq!(world.address(alice).to_string(), "192.168.0.1:8090");
//! assert_eq!(world.address(bob).to_string(), "192.168.0.2:8090");
//! assert_eq!(world.address(carol).to_string(), "10.0.0.3:8090");
//! ```
//!
//! | addresses | whose |
//! |---|---|
//! | 192.168.x.y | nodes behind a NAT, by default at port 8090: NAT number n has the LAN 192.168.(n mod 256).0/24 |
//! | 198.18.0.0/15 | NATs, on the Internet (the range of RFC 2544, which no node takes for a LAN's) |
//! | 100.64.0.0/10 | NATs behind another NAT (RFC 6598) |
//! | all others | nodes on the Internet |
//!
//! No two nodes have the same address, although in life many a LAN has the same ones: what is sent to a LAN address of
//! another network is lost here, where it may reach a stranger there. IPv6 is not translated and not filtered.

mod translator;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

use self::translator::Translator;
pub use self::translator::{Behaviour, Nat, Ports};
use crate::{
    link::{Delivery, Fabric, Hosts, Latency, Link, Links, Packet},
    metrics::Loss,
    options::NodeOptions,
    world::{NodeId, World},
};

/// Names a NAT of a [`Nats`], in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NatId(usize);

/// The port of nodes behind NATs, as of all nodes.
const NODE_PORT: u16 = 8_090;

/// First address of NATs on the Internet, and how many there are.
const OUTSIDE: (u32, u32) = (0xc612_0000, 1 << 17);

/// First address of NATs behind NATs, and how many there are.
const CARRIER: (u32, u32) = (0x6440_0000, 1 << 22);

/// First address of nodes behind NATs, and how many LANs of how many nodes there are.
const LANS: (u32, u32, u32) = (0xc0a8_0000, 256, 254);

/// Links between nodes, some of them behind NATs. See [the module](self).
#[derive(Debug)]
pub struct Nats {
    links: Links,
    /// Within LANs: apart, since a packet there does not leave through the uplink.
    lan: Links,
    boxes: Vec<Translator>,
    // Only looked up, never walked over.
    by_outside: HashMap<IpAddr, usize>,
    behind: HashMap<IpAddr, usize>,
    /// Boxes on the Internet, and behind other boxes.
    counts: [u32; 2],
    /// Nodes in each LAN.
    nodes: Vec<u32>,
}

impl Default for Nats {
    fn default() -> Self {
        Self::new(Link::default())
    }
}

impl Nats {
    /// No NATs yet; one link between all nodes that are not in one LAN. In a LAN, a packet takes one millisecond and is not
    /// lost.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self {
            links: Links::new(link),
            lan: Links::new(Link::default().latency(Latency::Constant(Duration::from_millis(1)))),
            boxes: Vec::new(),
            by_outside: HashMap::new(),
            behind: HashMap::new(),
            counts: [0; 2],
            nodes: vec![0; usize::try_from(LANS.1).unwrap_or_default()],
        }
    }

    /// The links between LANs, to change them.
    pub const fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }

    /// Changes the link between nodes of one LAN.
    pub fn set_lan(&mut self, link: Link) {
        self.lan.set_all(link);
    }

    /// Adds a NAT on the Internet.
    ///
    /// # Panics
    /// If there are 131,072 already: a fault of whoever made the scenario.
    pub fn add(&mut self, nat: Nat) -> NatId {
        self.add_at(nat, None)
    }

    /// Adds a NAT behind another one.
    ///
    /// # Panics
    /// If there are 4,194,304 already: a fault of whoever made the scenario.
    pub fn add_behind(&mut self, nat: Nat, carrier: NatId) -> NatId {
        self.add_at(nat, Some(carrier.0))
    }

    #[allow(clippy::panic, reason = "a scenario that contradicts itself cannot go on")]
    fn add_at(&mut self, nat: Nat, parent: Option<usize>) -> NatId {
        let [internet, nested] = &mut self.counts;
        let (count, (first, most)) = if parent.is_some() { (nested, CARRIER) } else { (internet, OUTSIDE) };
        *count += 1;
        if *count >= most {
            panic!("no address is left for another NAT");
        }
        let outside = IpAddr::from(Ipv4Addr::from_bits(first + *count));
        let index = self.boxes.len();
        self.boxes.push(Translator::new(nat, parent, outside));
        self.by_outside.insert(outside, index);
        NatId(index)
    }

    /// The outside address of a NAT; `None` if it is one of another network.
    #[must_use]
    pub fn outside(&self, nat: NatId) -> Option<IpAddr> {
        self.boxes.get(nat.0).map(|translator| translator.outside)
    }

    /// How many mappings a NAT has, those included that ended since the last packet.
    #[must_use]
    pub fn mappings(&self, nat: NatId) -> usize {
        self.boxes.get(nat.0).map_or(0, Translator::mappings)
    }

    /// Gives out the next address behind a NAT.
    ///
    /// # Panics
    /// If its LAN is full, or it is a NAT of another network: faults of whoever made the scenario.
    #[allow(clippy::panic, reason = "a scenario that contradicts itself cannot go on")]
    pub fn lease(&mut self, nat: NatId) -> SocketAddr {
        let lan = u32::try_from(nat.0).unwrap_or_default() % LANS.1;
        let count = usize::try_from(lan).ok().and_then(|lan| self.nodes.get_mut(lan));
        let Some(count) = count.filter(|count| **count < LANS.2 && nat.0 < self.boxes.len()) else {
            panic!("the LAN of {nat:?} has no address left, or is none of this network");
        };
        *count += 1;
        let ip = IpAddr::from(Ipv4Addr::from_bits(LANS.0 | lan << 8 | *count));
        self.behind.insert(ip, nat.0);
        SocketAddr::new(ip, NODE_PORT)
    }

    /// Whether an address is in a realm: that behind a box, or the Internet.
    fn is_in(&self, realm: Option<usize>, address: SocketAddr, hosts: &Hosts) -> bool {
        match self.by_outside.get(&address.ip()).and_then(|index| self.boxes.get(*index)) {
            Some(translator) => translator.parent == realm,
            None => self.behind.get(&address.ip()).copied() == realm && hosts.at(address).is_some(),
        }
    }

    /// The node that has an address or stands behind it, as far as is known now.
    fn node_at(&self, mut to: SocketAddr, hosts: &Hosts) -> Option<NodeId> {
        while let Some(index) = self.by_outside.get(&to.ip()) {
            to = self.boxes.get(*index)?.inside(to.port())?;
        }
        hosts.at(to)
    }
}

impl Fabric for Nats {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let to = packet.to;
        let start = self.behind.get(&packet.source.ip()).copied();
        let (mut source, mut realm) = (packet.source, start);
        // Outwards, until the destination is in sight.
        while !self.is_in(realm, to, hosts) {
            let translator = realm.and_then(|index| self.boxes.get_mut(index)).ok_or(Loss::NoHost)?;
            if to.ip() == translator.outside && !translator.hairpins() {
                return Err(Loss::Nat);
            }
            source = translator.outbound(packet.now, source, to, rng);
            realm = translator.parent;
        }
        let in_lan = start.is_some() && start == realm && !self.by_outside.contains_key(&to.ip());
        let transits = if in_lan {
            self.lan.carry(packet, None, rng)?
        } else {
            let to = self.node_at(to, hosts);
            self.links.carry(packet, to, rng)?
        };
        Ok(transits.into_iter().map(|transit| Delivery { at: packet.now + transit, to, source }).collect())
    }

    fn arrive(&mut self, delivery: &Delivery, _: &[u8], hosts: &Hosts) -> Result<NodeId, Loss> {
        let mut to = delivery.to;
        // A box behind a box has a higher number, so this ends.
        while let Some(translator) = self.by_outside.get(&to.ip()).and_then(|index| self.boxes.get_mut(*index)) {
            to = translator.inbound(delivery.at, to.port(), delivery.source).ok_or(Loss::Nat)?;
        }
        hosts.at(to).ok_or(Loss::NoHost)
    }

    /// None where links differ by receiver (pairs, regions, partitions): who stands behind a NAT may change until the packet
    /// arrives there, and is looked up in the NAT's tables when it is sent.
    fn lookahead(&self) -> Duration {
        if self.links.tells_receivers_apart() && !self.boxes.is_empty() {
            return Duration::ZERO;
        }
        // What passes within a LAN stays within its site.
        self.links.least()
    }

    /// All that is behind one NAT on the Internet is one site.
    fn site(&self, address: SocketAddr) -> Option<u32> {
        let ip = address.ip();
        let mut root = *self.by_outside.get(&ip).or_else(|| self.behind.get(&ip))?;
        // A box behind a box has a higher number, so this ends.
        while let Some(parent) = self.boxes.get(root).and_then(|translator| translator.parent) {
            root = parent;
        }
        u32::try_from(root).ok()
    }
}

impl World<Nats> {
    /// Adds a node behind a NAT: at the next address of its LAN, which is what the node sees of itself.
    ///
    /// # Panics
    /// As [`Nats::lease`] and [`World::add_node`].
    pub fn add_node_behind(&mut self, nat: NatId, options: NodeOptions) -> NodeId {
        let address = self.fabric_mut().lease(nat);
        self.add_node(options.address(address))
    }
}
