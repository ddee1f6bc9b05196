//! The two address families. Each has its own routing table and its own values.

use std::net::{IpAddr, SocketAddr};

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Which one an address belongs to.
    #[must_use]
    pub const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// One thing for each family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Families<T> {
    v4: T,
    v6: T,
}

impl<T> Families<T> {
    pub(crate) const fn new(v4: T, v6: T) -> Self {
        Self { v4, v6 }
    }

    pub(crate) const fn get(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    pub(crate) const fn get_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// Whether a node can be at an address that somebody at `by` names: never at none, at one of many, or at one that is
/// reserved; in a private network or on loopback only if the one who says so is in one too.
#[must_use]
pub fn may_be_node(address: SocketAddr, by: SocketAddr) -> bool {
    if address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast() {
        return false;
    }
    let reserved = match address.ip() {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first == 0 || first >= 240
        }
        IpAddr::V6(ip) => ip.to_ipv4_mapped().is_some(),
    };
    !reserved && reach(address.ip()) >= reach(by.ip())
}

/// Whether two addresses are in one network of 256 IPv4 addresses, or in one that a customer gets with IPv6 (48 bits).
pub(crate) const fn is_near(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.to_bits() >> 8 == b.to_bits() >> 8,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() >> 80 == b.to_bits() >> 80,
        _ => false,
    }
}

/// Whether two addresses are one IPv4 address, or in one IPv6 network of 48 bits: whoever has one of these has more than any
/// number of nodes could use.
pub(crate) fn is_one_place(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv6() && is_near(a, b))
}

/// Whether an address is one of the Internet, where one address is one household or machine.
pub(crate) const fn is_public(ip: IpAddr) -> bool {
    reach(ip) == 2
}

/// How far away the one at an address can be: 0 this machine, 1 a network like ours, 2 anywhere.
const fn reach(ip: IpAddr) -> u8 {
    match ip {
        _ if ip.is_loopback() => 0,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => 1,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => 1,
        _ => 2,
    }
}
