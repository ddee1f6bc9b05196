//! The two address families. Each has its own routing table and its own values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
/// reserved; in a private network or on loopback only if the one who says so is in one too. An IPv6 address that stands for one of
/// IPv4 (6to4, NAT64) is one where that is.
///
/// The ranges of RFC 5737, RFC 3849 and RFC 2544 (documentation, benchmarks) count as the Internet: nobody is there, and simulations
/// use them.
#[must_use]
pub fn may_be_node(address: SocketAddr, by: SocketAddr) -> bool {
    let ip = address.ip();
    let reserved = match (ip, embedded(ip)) {
        (IpAddr::V4(v4), _) | (_, Some(v4)) => is_reserved(v4),
        (IpAddr::V6(v6), None) => is_nowhere(v6),
    };
    address.port() != 0 && !reserved && reach(ip) >= reach(by.ip())
}

/// None, one of many, or of a future use: 0/8, 224/4, 240/4.
const fn is_reserved(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    first == 0 || first >= 224
}

/// None, one of many, or an IPv6 address that no node has: what stands for an IPv4 address inside of one machine (`::a.b.c.d`,
/// `::ffff:a.b.c.d`), the black hole of RFC 6666, and what was meant for sites before there were unique local addresses
/// (RFC 3879).
fn is_nowhere(ip: Ipv6Addr) -> bool {
    let [first, second, third, fourth, fifth, sixth, ..] = ip.segments();
    let high = [first, second, third, fourth, fifth];
    let is_of_ipv4 = high == [0; 5] && (sixth == 0 || sixth == 0xffff) && !ip.is_loopback();
    let is_discarded = (first, second, third, fourth) == (0x100, 0, 0, 0);
    is_of_ipv4 || is_discarded || ip.is_multicast() || first & 0xffc0 == 0xfec0
}

/// The IPv4 address to which what is sent to an IPv6 address goes in the end: 2002::/16 (RFC 3056), 64:ff9b::/96 (RFC 6052).
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        _ => None,
    }
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
pub(crate) fn is_public(ip: IpAddr) -> bool {
    reach(ip) == 2
}

/// How far away the one at an address can be: 0 this machine, 1 a network like ours, 2 anywhere.
fn reach(ip: IpAddr) -> u8 {
    let ip = embedded(ip).map_or(ip, IpAddr::V4);
    match ip {
        _ if ip.is_loopback() => 0,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || is_shared(v4) => 1,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => 1,
        _ => 2,
    }
}

/// Whether an address is one between the NATs of customers and that of their provider: 100.64/10 (RFC 6598).
const fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && second & 0xc0 == 64
}
