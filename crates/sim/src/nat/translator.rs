//! One box that translates addresses: its mappings, and what it lets in.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use hashlink::LinkedHashMap;
use ipv8_core::Time;
use rand::{Rng, RngExt};

/// What of the remote endpoint a NAT tells apart, in its mappings (RFC 4787, section 4.1) or in its filter (section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Behaviour {
    /// Nothing: all remote endpoints are alike.
    EndpointIndependent,
    /// Its IP address.
    AddressDependent,
    /// Its IP address and its port.
    AddressAndPortDependent,
}

impl Behaviour {
    /// The remote endpoint without what makes no difference.
    fn seen(self, remote: SocketAddr) -> SocketAddr {
        match self {
            Self::EndpointIndependent => ANYWHERE,
            Self::AddressDependent => SocketAddr::new(remote.ip(), 0),
            Self::AddressAndPortDependent => remote,
        }
    }
}

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Which outside port a new mapping gets (RFC 4787, section 4.2). No two mappings of a NAT share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ports {
    /// The port of the sender if it is free, or else the next one that is.
    Preserved,
    /// A random one.
    Random,
}

/// The lowest port that a mapping gets: those below are for services of the box itself.
const LOWEST_PORT: u16 = 1_024;

/// The most mappings of a NAT, so that a free port is always near.
const MOST_MAPPINGS: usize = 32_768;

/// A kind of NAT: how it maps, what it lets in, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nat {
    mapping: Behaviour,
    filtering: Behaviour,
    ports: Ports,
    timeout: Duration,
    hairpinning: bool,
    most: usize,
}

impl Nat {
    /// A NAT with these behaviours. It keeps the ports of senders where it can, forgets a mapping through which nothing was
    /// sent for two minutes (the least that RFC 4787 allows, REQ-5), has no hairpinning, and room for 1,000 mappings.
    #[must_use]
    pub const fn new(mapping: Behaviour, filtering: Behaviour) -> Self {
        Self {
            mapping,
            filtering,
            ports: Ports::Preserved,
            timeout: Duration::from_secs(120),
            hairpinning: false,
            most: 1_000,
        }
    }

    /// RFC 3489's full cone: whoever knows the outside address gets in.
    #[must_use]
    pub const fn full_cone() -> Self {
        Self::new(Behaviour::EndpointIndependent, Behaviour::EndpointIndependent)
    }

    /// RFC 3489's restricted cone: hosts that were sent something get in, from any port.
    #[must_use]
    pub const fn address_restricted() -> Self {
        Self::new(Behaviour::EndpointIndependent, Behaviour::AddressDependent)
    }

    /// RFC 3489's port restricted cone: endpoints that were sent something get in.
    #[must_use]
    pub const fn port_restricted() -> Self {
        Self::new(Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent)
    }

    /// RFC 3489's symmetric NAT: every remote endpoint sees another outside port, a random one here, and only it gets in
    /// there.
    #[must_use]
    pub const fn symmetric() -> Self {
        Self::new(Behaviour::AddressAndPortDependent, Behaviour::AddressAndPortDependent).ports(Ports::Random)
    }

    /// Which ports new mappings get.
    #[must_use]
    pub const fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// After how long a mapping ends, and what was sent somewhere opens the filter no more, unless something is sent
    /// again. What comes in refreshes nothing (RFC 4787, REQ-6: only outbound packets have to).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether hosts behind it reach each other by their outside addresses (RFC 4787, section 6).
    #[must_use]
    pub const fn hairpinning(mut self, hairpinning: bool) -> Self {
        self.hairpinning = hairpinning;
        self
    }

    /// How many mappings it has at most, between 1 and 32,768, and how many entries in its filter; the one that was used
    /// longest ago makes room.
    #[must_use]
    pub const fn limit(mut self, most: usize) -> Self {
        self.most = if most == 0 {
            1
        } else if most > MOST_MAPPINGS {
            MOST_MAPPINGS
        } else {
            most
        };
        self
    }
}

/// What a mapping is for: the inside endpoint, and as much of the remote one as makes a difference.
type For = (SocketAddr, SocketAddr);

#[derive(Clone, Copy, Debug)]
struct Mapping {
    port: u16,
    /// Tells it from an earlier one with the same port.
    serial: u64,
    used: Time,
}

/// A NAT at work.
#[derive(Debug)]
pub(super) struct Translator {
    nat: Nat,
    /// The realm in which its outside address is: the network behind another NAT, or else the Internet.
    pub(super) parent: Option<usize>,
    pub(super) outside: IpAddr,
    /// The one used longest ago first: since all live equally long, it is the first to end.
    mappings: LinkedHashMap<For, Mapping>,
    by_port: HashMap<u16, For>,
    /// To whom something was sent through which mapping, and when; in the same order.
    sent: LinkedHashMap<(u64, SocketAddr), Time>,
    serial: u64,
}

impl Translator {
    pub(super) fn new(nat: Nat, parent: Option<usize>, outside: IpAddr) -> Self {
        Self {
            nat,
            parent,
            outside,
            mappings: LinkedHashMap::new(),
            by_port: HashMap::new(),
            sent: LinkedHashMap::new(),
            serial: 0,
        }
    }

    pub(super) const fn hairpins(&self) -> bool {
        self.nat.hairpinning
    }

    pub(super) fn mappings(&self) -> usize {
        self.mappings.len()
    }

    /// Something is sent from inside: from which outside address it leaves.
    pub(super) fn outbound(&mut self, now: Time, inside: SocketAddr, to: SocketAddr, rng: &mut impl Rng) -> SocketAddr {
        self.expire(now);
        let key = (inside, self.nat.mapping.seen(to));
        let mapping = match self.mappings.get_mut(&key) {
            Some(mapping) => {
                mapping.used = now;
                let mapping = *mapping;
                self.mappings.to_back(&key);
                mapping
            }
            None => {
                if self.mappings.len() >= self.nat.most {
                    self.drop_oldest();
                }
                let mapping = Mapping { port: self.free_port(inside.port(), rng), serial: self.serial, used: now };
                self.serial += 1;
                self.mappings.insert(key, mapping);
                self.by_port.insert(mapping.port, key);
                mapping
            }
        };
        let session = (mapping.serial, self.nat.filtering.seen(to));
        self.sent.remove(&session);
        self.sent.insert(session, now);
        if self.sent.len() > self.nat.most {
            self.sent.pop_front();
        }
        SocketAddr::new(self.outside, mapping.port)
    }

    /// Something comes to a port from outside: to which inside address it goes; `None` if it does not get in.
    pub(super) fn inbound(&mut self, now: Time, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        self.expire(now);
        let key = self.by_port.get(&port)?;
        let mapping = self.mappings.get(key)?;
        // A mapping for others than the sender lets nobody else in, whatever the filter.
        let fits = self.nat.mapping.seen(from) == key.1;
        let session = (mapping.serial, self.nat.filtering.seen(from));
        (fits && self.sent.contains_key(&session)).then_some(key.0)
    }

    /// Whom a port belongs to, as far as is known now.
    pub(super) fn inside(&self, port: u16) -> Option<SocketAddr> {
        self.by_port.get(&port).map(|key| key.0)
    }

    fn expire(&mut self, now: Time) {
        let timeout = self.nat.timeout;
        while self.mappings.front().is_some_and(|(_, mapping)| mapping.used + timeout < now) {
            self.drop_oldest();
        }
        while self.sent.front().is_some_and(|(_, used)| *used + timeout < now) {
            self.sent.pop_front();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, mapping)) = self.mappings.pop_front() {
            self.by_port.remove(&mapping.port);
        }
    }

    /// Half of all ports are free at least.
    fn free_port(&self, wanted: u16, rng: &mut impl Rng) -> u16 {
        let first = match self.nat.ports {
            Ports::Preserved => wanted.max(LOWEST_PORT),
            Ports::Random => rng.random_range(LOWEST_PORT..=u16::MAX),
        };
        let is_free = |port: &u16| !self.by_port.contains_key(port);
        (first..=u16::MAX).chain(LOWEST_PORT..first).find(is_free).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn second(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn translator(nat: Nat) -> (Translator, Xoshiro256PlusPlus) {
        (Translator::new(nat, None, at("198.18.0.1:0").ip()), Xoshiro256PlusPlus::seed_from_u64(1))
    }

    const INSIDE: &str = "192.168.0.1:8090";

    /// Who gets in at the mapping towards 10.0.0.1:1, of that endpoint, another port of it, and another host.
    fn gets_in(nat: Nat) -> [bool; 3] {
        let (mut translator, mut rng) = translator(nat);
        let outside = translator.outbound(second(0), at(INSIDE), at("10.0.0.1:1"), &mut rng);
        ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"]
            .map(|from| translator.inbound(second(1), outside.port(), at(from)) == Some(at(INSIDE)))
    }

    #[test]
    fn each_kind_lets_in_whom_its_filter_says() {
        assert_eq!(gets_in(Nat::full_cone()), [true, true, true]);
        assert_eq!(gets_in(Nat::address_restricted()), [true, true, false]);
        assert_eq!(gets_in(Nat::port_restricted()), [true, false, false]);
        assert_eq!(gets_in(Nat::symmetric()), [true, false, false]);
    }

    /// How many outside addresses three remote endpoints on two hosts see.
    fn outside_addresses(mapping: Behaviour) -> usize {
        let (mut translator, mut rng) = translator(Nat::new(mapping, Behaviour::EndpointIndependent));
        let mut seen: Vec<_> = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"]
            .map(|to| translator.outbound(second(0), at(INSIDE), at(to), &mut rng))
            .to_vec();
        seen.dedup();
        seen.len()
    }

    #[test]
    fn each_kind_maps_as_it_says() {
        assert_eq!(outside_addresses(Behaviour::EndpointIndependent), 1);
        assert_eq!(outside_addresses(Behaviour::AddressDependent), 2);
        assert_eq!(outside_addresses(Behaviour::AddressAndPortDependent), 3);
    }

    #[test]
    fn only_what_is_sent_keeps_a_mapping() {
        let (mut translator, mut rng) = translator(Nat::full_cone().timeout(Duration::from_secs(30)));
        let port = translator.outbound(second(0), at(INSIDE), at("10.0.0.1:1"), &mut rng).port();
        translator.outbound(second(20), at(INSIDE), at("10.0.0.1:1"), &mut rng);
        assert!(translator.inbound(second(50), port, at("10.0.0.9:9")).is_some(), "sent 30 seconds ago");
        assert!(translator.inbound(second(51), port, at("10.0.0.9:9")).is_none(), "what came in refreshed nothing");
        assert_eq!(translator.mappings(), 0);
    }

    #[test]
    fn ports_are_kept_where_they_are_free() {
        let (mut translator, mut rng) = translator(Nat::full_cone());
        let ports = ["192.168.0.1:8090", "192.168.0.2:8090", "192.168.0.3:80"]
            .map(|inside| translator.outbound(second(0), at(inside), at("10.0.0.1:1"), &mut rng).port());
        assert_eq!(ports, [8_090, 8_091, 1_024]);
    }

    #[test]
    fn a_flood_from_inside_fills_no_more_than_the_tables() {
        let (mut translator, mut rng) = translator(Nat::symmetric().limit(50));
        let first = translator.outbound(second(0), at(INSIDE), at("10.0.0.1:1"), &mut rng);
        for port in 2..1_000 {
            let to = SocketAddr::new(at("10.0.0.1:0").ip(), port);
            let outside = translator.outbound(second(0), at(INSIDE), to, &mut rng);
            assert_eq!(translator.inbound(second(0), outside.port(), to), Some(at(INSIDE)));
        }
        assert_eq!((translator.mappings.len(), translator.by_port.len(), translator.sent.len()), (50, 50, 50));
        assert_eq!(translator.inbound(second(0), first.port(), at("10.0.0.1:1")), None, "the oldest made room");
    }
}
