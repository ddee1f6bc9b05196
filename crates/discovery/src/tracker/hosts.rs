//! How many places each host has taken.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use smallvec::SmallVec;

/// Who is behind an address: an IPv4 address, or a /64 of IPv6, which is what one subscriber has at least (RFC 6177).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Host {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Host {
    /// `None` for those that are not counted: this machine, and the networks that are not part of the Internet (RFC 1918,
    /// RFC 4193, link-local addresses), where many nodes on one machine are normal.
    fn of(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_private() || v4.is_link_local() => None,
            IpAddr::V4(v4) => Some(Self::V4(v4.octets())),
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() => None,
            IpAddr::V6(v6) => subnet(v6).map(Self::V6),
        }
    }
}

fn subnet(v6: Ipv6Addr) -> Option<[u8; 8]> {
    v6.octets().first_chunk().copied()
}

/// Places that hosts hold in each community, no more than there are places.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    places: HashMap<Host, SmallVec<[(u32, u32); 1]>>,
}

impl Hosts {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether two addresses are of one host.
    pub(super) fn same(one: IpAddr, other: IpAddr) -> bool {
        Host::of(one) == Host::of(other)
    }

    /// Whether the host holds fewer places than this, in a community that may be new, and in all of them.
    pub(super) fn may_join(&self, ip: IpAddr, community: Option<u32>, most_in_one: usize, most: usize) -> bool {
        let Some(places) = Host::of(ip).and_then(|host| self.places.get(&host)) else { return true };
        let full = |count: u32, most: usize| u32::try_from(most).is_ok_and(|most| count >= most);
        let in_one = places.iter().find(|(other, _)| Some(*other) == community).map_or(0, |(_, count)| *count);
        let in_all = places.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
        !full(in_one, most_in_one) && !full(in_all, most)
    }

    pub(super) fn joined(&mut self, ip: IpAddr, community: u32) {
        let Some(host) = Host::of(ip) else { return };
        let places = self.places.entry(host).or_default();
        match places.iter_mut().find(|(other, _)| *other == community) {
            Some((_, count)) => *count += 1,
            None => places.push((community, 1)),
        }
    }

    pub(super) fn left(&mut self, ip: IpAddr, community: u32) {
        let Some(host) = Host::of(ip) else { return };
        let Some(places) = self.places.get_mut(&host) else { return };
        if let Some(found) = places.iter().position(|(other, _)| *other == community)
            && let Some((_, count)) = places.get_mut(found)
        {
            *count -= 1;
            if *count == 0 {
                places.swap_remove(found);
            }
        }
        if places.is_empty() {
            self.places.remove(&host);
        }
    }
}
