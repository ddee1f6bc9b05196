//! Addresses that were introduced and not yet found to be a peer's: bounded, and shared fairly among those who introduce.

use std::{
    hash::{BuildHasher as _, Hash},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
};

use hashbrown::HashTable;
use hashlink::DefaultHashBuilder;
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;

use super::Network;
use crate::{
    chain::{Chain, Place, make_room},
    defence::limits::{is_site, network},
};

/// The least number of addresses that an introducer may fill.
pub(super) const SMALLEST_SHARE: usize = 32;

/// A value that several entries have, which stands for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Name(u32);

/// Values that many entries share, with how many do.
#[derive(Debug)]
struct Names<T> {
    /// Those with a count of 0 are free.
    values: Vec<(T, u32)>,
    free: Vec<Name>,
    by_value: HashTable<Name>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new(), by_value: HashTable::new() }
    }
}

impl<T: Copy + Eq + Hash> Names<T> {
    fn find(&self, hasher: &DefaultHashBuilder, value: &T) -> Option<Name> {
        if self.by_value.is_empty() {
            return None;
        }
        self.by_value.find(hasher.hash_one(value), |name| self.get(*name) == Some(*value)).copied()
    }

    fn get(&self, name: Name) -> Option<T> {
        self.values.get(name.0 as usize).map(|(value, _)| *value)
    }

    fn count(&self, name: Name) -> u32 {
        self.values.get(name.0 as usize).map_or(0, |(_, count)| *count)
    }

    /// One entry more has this value.
    fn take(&mut self, hasher: &DefaultHashBuilder, value: T) -> Option<Name> {
        if let Some(name) = self.find(hasher, &value) {
            self.values.get_mut(name.0 as usize)?.1 += 1;
            return Some(name);
        }
        let name = match self.free.pop() {
            Some(name) => {
                *self.values.get_mut(name.0 as usize)? = (value, 1);
                name
            }
            None => {
                let name = Name(u32::try_from(self.values.len()).ok()?);
                make_room(&mut self.values);
                self.values.push((value, 1));
                name
            }
        };
        let values = &self.values;
        let hash = |name: &Name| values.get(name.0 as usize).map_or(0, |(value, _)| hasher.hash_one(value));
        self.by_value.insert_unique(hasher.hash_one(value), name, hash);
        Some(name)
    }

    /// One entry less has it.
    fn give_back(&mut self, hasher: &DefaultHashBuilder, name: Name) {
        let Some((value, count)) = self.values.get_mut(name.0 as usize) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            if let Ok(entry) = self.by_value.find_entry(hasher.hash_one(*value), |other| *other == name) {
                entry.remove();
            }
            self.free.push(name);
        }
    }

    fn most(&self) -> u32 {
        self.values.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }
}

/// An address in 16 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Packed {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl Packed {
    fn new(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::V4(v4),
            SocketAddr::V6(v6) => Self::V6(Box::new(v6)),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::V4(v4) => (*v4).into(),
            Self::V6(v6) => (**v6).into(),
        }
    }
}

/// An address that was introduced to us, as it is kept.
#[derive(Clone, Debug)]
struct Entry {
    address: Packed,
    /// Who introduced it, or [`NOBODY`].
    by: Name,
    /// The name of the service, if there is one, and whether it is new style, in one.
    service: u32,
}

const NOBODY: Name = Name(u32::MAX);
const NO_SERVICE: u32 = u32::MAX >> 1;
const NEW_STYLE: u32 = 1 << 31;

impl Entry {
    const fn service(&self) -> Option<Name> {
        match self.service & !NEW_STYLE {
            NO_SERVICE => None,
            name => Some(Name(name)),
        }
    }
}

/// An address that was introduced to us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) address: SocketAddr,
    pub(super) introducer: Option<Mid>,
    pub(super) service: Option<CommunityId>,
    pub(super) new_style: bool,
}

/// The addresses, in the order in which they became known.
#[derive(Debug, Default)]
pub(super) struct KnownAddresses {
    entries: Chain<Entry>,
    by_address: HashTable<Place>,
    introducers: Names<Mid>,
    /// Those that nobody introduced.
    not_introduced: u32,
    services: Names<CommunityId>,
    hasher: DefaultHashBuilder,
}

impl KnownAddresses {
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        self.find(address).is_some()
    }

    pub(super) fn get(&self, address: SocketAddr) -> Option<Known> {
        self.entries.get(self.find(address)?).map(|entry| self.shown(entry))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Known> {
        self.entries.iter().map(|(_, entry)| self.shown(entry))
    }

    fn find(&self, address: SocketAddr) -> Option<Place> {
        if self.entries.len() == 0 {
            return None;
        }
        let same = |place: &Place| self.entries.get(*place).is_some_and(|entry| entry.address.address() == address);
        self.by_address.find(self.hasher.hash_one(address), same).copied()
    }

    fn shown(&self, entry: &Entry) -> Known {
        Known {
            address: entry.address.address(),
            introducer: self.introducers.get(entry.by),
            service: entry.service().and_then(|name| self.services.get(name)),
            new_style: entry.service & NEW_STYLE != 0,
        }
    }

    /// Adds an address that is not there.
    fn push(&mut self, known: Known) {
        let Known { address, introducer, service, new_style } = known;
        let by = introducer.and_then(|mid| self.introducers.take(&self.hasher, mid)).unwrap_or(NOBODY);
        if by == NOBODY {
            self.not_introduced += 1;
        }
        let service = service.and_then(|service| self.services.take(&self.hasher, service));
        let service = service.map_or(NO_SERVICE, |name| name.0) | if new_style { NEW_STYLE } else { 0 };
        let entry = Entry { address: Packed::new(address), by, service };
        if let Some(place) = self.entries.push_back(entry) {
            let (entries, hasher) = (&self.entries, &self.hasher);
            let hash = |place: &Place| entries.get(*place).map_or(0, |entry| hasher.hash_one(entry.address.address()));
            self.by_address.insert_unique(hasher.hash_one(address), place, hash);
        }
    }

    fn remove(&mut self, place: Place) {
        let Some(entry) = self.entries.remove(place) else { return };
        let hash = self.hasher.hash_one(entry.address.address());
        if let Ok(found) = self.by_address.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        match entry.by {
            NOBODY => self.not_introduced = self.not_introduced.saturating_sub(1),
            by => self.introducers.give_back(&self.hasher, by),
        }
        if let Some(name) = entry.service() {
            self.services.give_back(&self.hasher, name);
        }
    }

    /// How many somebody introduced, or nobody.
    fn count_by(&self, by: Name) -> u32 {
        if by == NOBODY { self.not_introduced } else { self.introducers.count(by) }
    }

    fn oldest(&self, fits: impl Fn(&Entry) -> bool) -> Option<Place> {
        self.entries.iter().find(|(_, entry)| fits(entry)).map(|(place, _)| place)
    }

    /// Takes a new address in; of an introducer who has his share, the oldest makes room.
    fn insert(&mut self, known: Known, share: Option<usize>) {
        if let Some(before) = self.find(known.address) {
            self.remove(before);
        }
        let by = known.introducer.and_then(|mid| self.introducers.find(&self.hasher, &mid));
        if let (Some(by), Some(share)) = (by, share)
            && self.count_by(by) as usize >= share
            && let Some(oldest) = self.oldest(|entry| entry.by == by)
        {
            self.remove(oldest);
        }
        self.push(known);
    }

    /// Forgets the oldest address of whoever introduced the most, or of all.
    fn make_room(&mut self, fairly: bool) {
        let most = self.introducers.most().max(self.not_introduced);
        if let Some(oldest) = self.oldest(|entry| !fairly || self.count_by(entry.by) == most) {
            self.remove(oldest);
        }
    }
}

impl Network {
    /// The addresses to walk to for a community: those where none of its peers is known, and which were introduced
    /// through this community or by a peer that serves it, or come from a snapshot. In the order in which they became
    /// known, those of peers that were [loaded](crate::Node::load_peers) at the end.
    pub fn walkable(&self, service: CommunityId) -> impl Iterator<Item = SocketAddr> {
        let serves = move |known: &Known| match known.introducer {
            Some(mid) => known.service == Some(service) || self.services_of(&mid).contains(&service),
            None => known.service.is_none_or(|known| known == service),
        };
        let introduced = self.known.iter().filter(serves).map(|known| known.address);
        let remembered = self
            .candidates(service)
            .filter(move |address| !self.known.get(*address).is_some_and(|known| serves(&known)));
        introduced.chain(remembered).filter(move |address| {
            !self.at(*address).any(|slot| self.peers.get(slot).is_some_and(|peer| peer.services().contains(&service)))
        })
    }

    /// The addresses that a peer introduced, in the order in which they became known, whether peers are there by now or not.
    pub fn introduced_by(&self, mid: &Mid) -> impl Iterator<Item = SocketAddr> {
        let by = self.known.introducers.find(&self.known.hasher, mid);
        let entries = by.is_some().then(|| self.known.entries.iter());
        let introduced = entries.into_iter().flatten().filter(move |(_, entry)| Some(entry.by) == by);
        introduced.map(|(_, entry)| entry.address.address())
    }

    /// Whether the address is known to understand new-style introductions.
    #[must_use]
    pub fn is_new_style(&self, address: SocketAddr) -> bool {
        match self.known.get(address) {
            Some(known) => known.new_style,
            None => self.candidate_is_new_style(address),
        }
    }

    /// A peer introduced an address to us, through a community. A blacklisted one is ignored, and so is one that another
    /// verified peer introduced before.
    pub fn discover_address(
        &mut self,
        introducer: Mid,
        address: SocketAddr,
        service: Option<CommunityId>,
        new_style: bool,
    ) {
        if self.blacklist.contains(&address) || address.port() == 0 || address.ip().is_unspecified() {
            return;
        }
        let orphan =
            self.known.get(address).is_none_or(|known| known.introducer.is_none_or(|mid| !self.peers.contains(&mid)));
        if orphan && !self.is_well_known(address) {
            self.remember(Known { address, introducer: Some(introducer), service, new_style });
        }
    }

    pub(super) fn remember(&mut self, known: Known) {
        self.known.insert(known, self.rules.share);
        if self.known.len() > self.limits.addresses {
            self.known.make_room(self.rules.share.is_some());
        }
    }

    /// Whether so many addresses in the network of this one are known that no more are taken.
    fn is_well_known(&self, address: SocketAddr) -> bool {
        let Some(most) = self.rules.addresses_per_network else { return false };
        let place = network(address.ip());
        let there = || self.known.iter().filter(|known| network(known.address.ip()) == place).count();
        !is_site(address.ip()) && !self.known.contains(address) && there() >= most
    }

    pub(super) fn forget_known(&mut self, address: SocketAddr) {
        if let Some(place) = self.known.find(address) {
            self.known.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_24_bytes() {
        assert_eq!((size_of::<Entry>(), size_of::<Option<Entry>>()), (24, 24));
    }
}
