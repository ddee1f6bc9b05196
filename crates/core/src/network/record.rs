//! What the graph holds of one peer.

use std::{
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use ipv8_crypto::{Mid, PublicKey};
use ipv8_wire::CommunityId;

use super::services::Services;
use crate::{messages::NO_ADDRESS, peer::Peer, time::Time};

/// Round trips that are remembered for each peer (the reference keeps as many).
const PINGS: usize = 5;

/// The addresses of a peer, one of each class (`protocol.md` section 5, "Preferred address").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Addresses {
    /// Where it is seen on the IPv6 Internet.
    pub v6: Option<SocketAddrV6>,
    /// Where it is seen on the IPv4 Internet, or on a LAN that we share.
    pub v4: Option<SocketAddrV4>,
    /// Where it says that it is in its own LAN: claimed, never verified, and never preferred.
    pub lan: Option<SocketAddrV4>,
}

impl Addresses {
    /// The address to use: IPv6 before IPv4, the LAN address never.
    #[must_use]
    pub fn preferred(&self) -> Option<SocketAddr> {
        self.v6.map(SocketAddr::V6).or(self.v4.map(SocketAddr::V4))
    }

    /// Sets the address of the class that `address` belongs to.
    pub fn set(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(v4) => self.v4 = Some(v4),
            SocketAddr::V6(v6) => self.v6 = Some(v6),
        }
    }

    /// Those where the peer was seen: IPv4, IPv6.
    pub fn seen(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [self.v4.map(SocketAddr::V4), self.v6.map(SocketAddr::V6)].into_iter().flatten()
    }

    /// Whether the peer was seen at `address`.
    #[must_use]
    pub fn was_at(&self, address: SocketAddr) -> bool {
        self.seen().any(|own| own == address)
    }

    /// All of them: IPv4, LAN, IPv6.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [self.v4.map(SocketAddr::V4), self.lan.map(SocketAddr::V4), self.v6.map(SocketAddr::V6)].into_iter().flatten()
    }

    /// Whether one of them is `address`.
    #[must_use]
    pub fn contains(&self, address: SocketAddr) -> bool {
        self.iter().any(|own| own == address)
    }

    /// Takes over every address that `newer` has.
    pub fn update(&mut self, newer: &Self) {
        self.v6 = newer.v6.or(self.v6);
        self.v4 = newer.v4.or(self.v4);
        self.lan = newer.lan.or(self.lan);
    }
}

/// The last round trips, in microseconds: packed, for there are as many of these as peers.
#[derive(Clone, Copy, Debug, Default)]
struct Pings {
    micros: [u32; PINGS],
    count: u8,
}

/// When a peer was last heard of that never was.
const NEVER: Time = Time::MAX;

/// What the graph knows of a peer: its key, its addresses and when it was last heard. Packed, for there are many of them:
/// 80 bytes without the key, and 28 more for an IPv6 address.
#[derive(Clone, Debug)]
pub struct PeerRecord {
    pub(super) key: PublicKey,
    pub(super) created: Time,
    last_response: Time,
    v6: Option<Box<SocketAddrV6>>,
    pub(super) services: Services,
    pings: Pings,
    /// Whether there are addresses, and other things that are or are not.
    flags: u8,
    v4: SocketAddrV4,
    lan: SocketAddrV4,
}

const HAS_V4: u8 = 1;
const HAS_LAN: u8 = 2;
const IS_NEW_STYLE: u8 = 4;

impl PeerRecord {
    /// A peer that is met now and was not heard of before.
    #[must_use]
    pub fn new(key: PublicKey, addresses: Addresses, now: Time) -> Self {
        let mut record = Self {
            key,
            created: now,
            last_response: NEVER,
            v6: None,
            services: Services::default(),
            pings: Pings::default(),
            flags: 0,
            v4: NO_ADDRESS,
            lan: NO_ADDRESS,
        };
        record.set_addresses(&addresses);
        record
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The member id.
    #[must_use]
    pub fn mid(&self) -> Mid {
        self.key.mid()
    }

    /// The addresses of all classes.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses { v6: self.v6(), v4: self.v4(), lan: self.lan() }
    }

    pub(super) fn set_addresses(&mut self, addresses: &Addresses) {
        let Addresses { v6, v4, lan } = *addresses;
        match (&mut self.v6, v6) {
            (Some(place), Some(v6)) => **place = v6,
            (place, v6) => *place = v6.map(Box::new),
        }
        self.v4 = v4.unwrap_or(NO_ADDRESS);
        self.lan = lan.unwrap_or(NO_ADDRESS);
        self.set(HAS_V4, v4.is_some());
        self.set(HAS_LAN, lan.is_some());
    }

    pub(super) fn v6(&self) -> Option<SocketAddrV6> {
        self.v6.as_deref().copied()
    }

    pub(super) fn v4(&self) -> Option<SocketAddrV4> {
        self.has(HAS_V4).then_some(self.v4)
    }

    pub(super) fn lan(&self) -> Option<SocketAddrV4> {
        self.has(HAS_LAN).then_some(self.lan)
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    const fn set(&mut self, flag: u8, on: bool) {
        if on { self.flags |= flag } else { self.flags &= !flag }
    }

    /// Whether the peer understands new-style introductions (ids 231 to 234).
    #[must_use]
    pub const fn new_style(&self) -> bool {
        self.has(IS_NEW_STYLE)
    }

    /// Says whether the peer understands new-style introductions.
    pub fn set_new_style(&mut self, new_style: bool) {
        self.set(IS_NEW_STYLE, new_style);
    }

    /// When the peer was met.
    #[must_use]
    pub const fn created(&self) -> Time {
        self.created
    }

    /// When a packet last came from one of its addresses; `None` if that never happened since it was verified.
    #[must_use]
    pub fn last_response(&self) -> Option<Time> {
        Some(self.last_response).filter(|last| *last != NEVER)
    }

    pub(super) const fn heard_at(&mut self, now: Time) {
        self.last_response = now;
    }

    /// The communities that the peer is known to serve, at most [`Limits::services_per_peer`](super::Limits).
    #[must_use]
    pub fn services(&self) -> &[CommunityId] {
        self.services.as_slice()
    }

    /// The last round trip times in whole microseconds, oldest first, at most five.
    pub fn pings(&self) -> impl ExactSizeIterator<Item = Duration> + use<> {
        let Pings { micros, count } = self.pings;
        micros.into_iter().take(usize::from(count)).map(|micros| Duration::from_micros(micros.into()))
    }

    /// Remembers a measured round trip. One of more than 71 minutes is taken for that.
    pub fn add_ping(&mut self, round_trip: Duration) {
        let Pings { micros, count } = &mut self.pings;
        if usize::from(*count) == PINGS {
            micros.rotate_left(1);
            *count -= 1;
        }
        if let Some(place) = micros.get_mut(usize::from(*count)) {
            *place = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX);
            *count += 1;
        }
    }

    /// The peer as handlers get it; `None` while no address but a claimed LAN address is known.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        Some(Peer::new(self.key.clone(), self.addresses().preferred()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documentation promises, and what an index adds nothing to.
    #[test]
    fn a_record_takes_80_bytes() {
        assert_eq!((size_of::<PeerRecord>(), size_of::<Option<PeerRecord>>()), (80, 80));
        assert_eq!(size_of::<SocketAddrV6>(), 28);
    }
}
