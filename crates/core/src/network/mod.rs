//! The graph of peers and addresses: who is verified, who serves which community, where one could walk to.
//!
//! A peer is *verified* once a message signed by its key arrived from an address of its; an address is *walkable* once
//! a peer introduced it and until a peer is found there. The rules are those of `protocol.md` section 5 ("Network"),
//! save that every table is bounded ([`Limits`]) where the reference's grow without end.

mod known;
mod places;
mod record;
mod remembered;
mod saved;
mod services;
mod slots;
mod snapshot;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hashlink::LruCache;
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::{Rng, RngExt};
use smallvec::SmallVec;

use self::{
    known::{KnownAddresses, SMALLEST_SHARE},
    places::{AddressIndex, Class},
    remembered::Remembered,
    services::ServiceLists,
    slots::{MOST_SLOTS, Records, Slot, SlotSet},
};
pub use self::{
    record::{Addresses, PeerRecord},
    saved::PeersError,
};
use crate::{
    defence::hardening::Hardening,
    defence::limits::{host, is_site},
    peer::Peer,
    sorted::SortedMap,
    time::Time,
};

/// How large the tables of a [`Network`] may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Verified peers of all communities together. One more takes the place of the one that was silent for longest, or
    /// is not added if none was silent for a minute.
    pub peers: usize,
    /// Addresses that were introduced and not yet found to be a peer's. The oldest of whoever introduced the most makes
    /// room ([`Hardening::introducer_share`]).
    pub addresses: usize,
    /// Peers that told their communities but are not verified. The one not heard of for longest makes room.
    pub strangers: usize,
    /// Communities that are remembered for each peer, those that this node serves before others. Further ones are
    /// ignored.
    pub services_per_peer: usize,
    /// Addresses that never become peers. Further ones are ignored.
    pub blacklist: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { peers: 10_000, addresses: 1_000, strangers: 500, services_per_peer: 32, blacklist: 10_000 }
    }
}

/// A peer that was silent for so long may make room for another one.
const SILENT: Duration = Duration::from_secs(60);

/// What the graph does against whoever would fill it: see [`Hardening`].
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Addresses of one introducer.
    share: Option<usize>,
    addresses_per_network: Option<usize>,
    peers_per_host: Option<usize>,
    challenge_moves: bool,
}

/// A change that communities and observers are told of.
#[derive(Clone, Debug)]
pub enum NetworkEvent {
    /// A verified peer is now known to serve the community.
    Added {
        /// The peer.
        peer: Peer,
        /// What it serves.
        service: CommunityId,
    },
    /// A peer that served the community is no longer known.
    Removed {
        /// The peer, with its last address.
        peer: Peer,
        /// What it served.
        service: CommunityId,
    },
}

/// The peers and addresses that the communities of a node share.
#[derive(Debug)]
pub struct Network {
    limits: Limits,
    rules: Rules,
    peers: Records,
    /// Who was seen where. Several peers may share an address, a NAT's for example; the last one stands for it.
    by_address: AddressIndex,
    /// Who says that it is where in its LAN. Anybody can say anything.
    by_claim: AddressIndex,
    /// The peers of the communities that this node serves; those of others are looked for where somebody asks.
    by_service: SortedMap<CommunityId, SlotSet>,
    service_lists: ServiceLists,
    strangers: LruCache<Mid, SmallVec<[CommunityId; 1]>>,
    known: KnownAddresses,
    /// How many peers are at which host.
    hosts: HashMap<IpAddr, usize>,
    /// Peers of an earlier run.
    remembered: Remembered,
    blacklist: HashSet<SocketAddr>,
    blacklisted_mids: HashSet<Mid>,
    events: Vec<NetworkEvent>,
    /// Peers that were removed so far.
    lost: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Network {
    /// An empty graph, with the rules of [`Hardening::default`].
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::hardened(limits, &Hardening::default())
    }

    /// An empty graph with rules of its own.
    #[must_use]
    pub fn hardened(limits: Limits, hardening: &Hardening) -> Self {
        let share = |part: usize| (limits.addresses / part.max(1)).max(SMALLEST_SHARE);
        Self {
            limits: Limits { peers: limits.peers.min(MOST_SLOTS), ..limits },
            rules: Rules {
                share: hardening.introducer_share.map(share),
                addresses_per_network: hardening.addresses_per_network,
                peers_per_host: hardening.peers_per_host,
                challenge_moves: hardening.challenge_moves,
            },
            peers: Records::default(),
            by_address: AddressIndex::default(),
            by_claim: AddressIndex::default(),
            by_service: SortedMap::default(),
            service_lists: ServiceLists::default(),
            strangers: LruCache::new(limits.strangers),
            known: KnownAddresses::default(),
            hosts: HashMap::new(),
            remembered: Remembered::default(),
            blacklist: HashSet::new(),
            blacklisted_mids: HashSet::new(),
            events: Vec::new(),
            lost: 0,
        }
    }

    // --- reading -----------------------------------------------------------------------------------------------

    /// The number of verified peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no peer is verified.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// All verified peers, in no order that means anything (but the same one at every run).
    pub fn peers(&self) -> impl Iterator<Item = &PeerRecord> {
        self.peers.values()
    }

    /// The verified peer at a place in the order of [`Network::peers`], in constant time.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<&PeerRecord> {
        self.peers.nth(index)
    }

    /// The verified peer of this id.
    #[must_use]
    pub fn get(&self, mid: &Mid) -> Option<&PeerRecord> {
        self.peers.get_by_mid(mid)
    }

    /// The verified peer of this id, to record what a handler learned of it.
    pub fn get_mut(&mut self, mid: &Mid) -> Option<&mut PeerRecord> {
        self.peers.get_mut(self.peers.find(mid)?)
    }

    /// The verified peer that was last seen at this address, or else one that claims it as its LAN address.
    #[must_use]
    pub fn by_address(&self, address: SocketAddr) -> Option<&PeerRecord> {
        self.peers.get(self.at(address).next()?)
    }

    /// The peers at an address: those seen there, the last one first, and then those that claim it.
    fn at(&self, address: SocketAddr) -> impl Iterator<Item = Slot> {
        self.by_address.at(&self.peers, address).chain(self.by_claim.at(&self.peers, address))
    }

    /// The verified peers that serve a community.
    pub fn serving(&self, service: CommunityId) -> impl Iterator<Item = &PeerRecord> {
        let served = self.by_service.get(&service);
        let scanned = if served.is_none() { Some(self.peers.values()) } else { None };
        let scanned = scanned.into_iter().flatten().filter(move |record| record.services().contains(&service));
        served.into_iter().flat_map(SlotSet::iter).filter_map(|slot| self.peers.get(slot)).chain(scanned)
    }

    /// How many verified peers serve a community.
    #[must_use]
    pub fn count_serving(&self, service: CommunityId) -> usize {
        match self.by_service.get(&service) {
            Some(serving) => serving.len(),
            None => self.serving(service).count(),
        }
    }

    /// A random verified peer that serves the community.
    pub fn random_serving(&self, service: CommunityId, rng: &mut impl Rng) -> Option<&PeerRecord> {
        let count = self.count_serving(service);
        if count == 0 {
            return None;
        }
        let index = rng.random_range(0..count);
        match self.by_service.get(&service) {
            Some(serving) => self.peers.get(serving.get(index)?),
            None => self.serving(service).nth(index),
        }
    }

    /// The communities that the peer is known to serve, verified or not.
    #[must_use]
    pub fn services_of(&self, mid: &Mid) -> &[CommunityId] {
        match self.peers.get_by_mid(mid) {
            Some(record) => record.services(),
            None => self.strangers.peek(mid).map_or(&[], |services| services.as_slice()),
        }
    }

    /// The verified peer with this key, in its own bytes, that was seen at this address, or claims it.
    pub(crate) fn peer_at(&self, address: SocketAddr, key: &[u8]) -> Option<Mid> {
        let mut there = self.at(address).filter_map(|slot| self.peers.get(slot));
        there.find(|record| record.key.as_bytes() == key).map(PeerRecord::mid)
    }

    /// Whether there are as many peers at the host of this address as may be ([`Hardening::peers_per_host`]).
    #[must_use]
    pub fn is_crowded(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        self.rules
            .peers_per_host
            .is_some_and(|most| !is_site(ip) && self.hosts.get(&host(ip)).is_some_and(|there| *there >= most))
    }

    /// Whether this address may not become a peer's.
    #[must_use]
    pub fn is_blacklisted(&self, address: SocketAddr) -> bool {
        self.blacklist.contains(&address)
    }

    // --- learning ----------------------------------------------------------------------------------------------

    /// Never takes a peer at this address (a tracker's, for example).
    pub fn blacklist(&mut self, address: SocketAddr) {
        if self.blacklist.len() < self.limits.blacklist {
            self.blacklist.insert(address);
        }
    }

    /// Never takes this key as a peer (our own, for example).
    pub fn blacklist_mid(&mut self, mid: Mid) {
        if self.blacklisted_mids.len() < self.limits.blacklist {
            self.blacklisted_mids.insert(mid);
        }
    }

    /// Notes that a packet came from this address, whatever it holds.
    pub(crate) fn heard(&mut self, address: SocketAddr, now: Time) {
        let there = self.by_address.last_at(&self.peers, address);
        if let Some(record) = there.and_then(|slot| self.peers.get_mut(slot)) {
            record.heard_at(now);
        }
    }

    /// Notes that the owner of a verified key signed a packet that came from this address: if we know the peer, it is
    /// there now, unless moves have to be proven ([`Hardening::challenge_moves`]).
    pub(crate) fn seen_at(&mut self, mid: &Mid, address: SocketAddr) -> Option<&PeerRecord> {
        let slot = self.peers.find(mid)?;
        let claimed = self.peers.get(slot)?.addresses().contains(address);
        if !claimed && !self.rules.challenge_moves {
            self.move_to(slot, address);
        }
        self.peers.get(slot)
    }

    /// Whether [`Network::seen_at`] would learn something.
    pub(crate) fn would_move(&self, mid: &Mid, address: SocketAddr) -> bool {
        self.get(mid).is_some_and(|record| !record.addresses().was_at(address))
    }

    /// Notes that a peer is at this address: it answered a question that was sent there. `None` if it is not known.
    pub fn moved_to(&mut self, mid: &Mid, address: SocketAddr) -> Option<&PeerRecord> {
        let slot = self.peers.find(mid)?;
        self.move_to(slot, address);
        self.peers.get(slot)
    }

    fn move_to(&mut self, slot: Slot, address: SocketAddr) {
        let crowded = self.is_crowded(address);
        self.change(slot, |addresses, _| {
            // Where it stays at its host, nobody more is there than before.
            let crowded = crowded && !addresses.seen().any(|before| host(before.ip()) == host(address.ip()));
            if !addresses.was_at(address) && !crowded {
                addresses.set(address);
            }
        });
    }

    /// Adds a peer whose signature we checked, or updates the addresses of one that we have; where moves have to be proven
    /// ([`Hardening::challenge_moves`]), only what it claims as its LAN address. False where it is refused: its key
    /// or its only addresses are blacklisted, too many are at its host, or the table is full.
    pub fn add_verified(&mut self, peer: &PeerRecord) -> bool {
        let mid = peer.mid();
        if self.blacklisted_mids.contains(&mid) {
            return false;
        }
        let theirs = peer.addresses();
        if let Some(slot) = self.peers.find(&mid) {
            let challenge_moves = self.rules.challenge_moves;
            self.change(slot, |addresses, new_style| {
                if challenge_moves {
                    addresses.lan = theirs.lan.or(addresses.lan);
                } else {
                    addresses.update(&theirs);
                }
                *new_style |= peer.new_style();
            });
            return true;
        }
        let introduced = theirs.iter().any(|address| self.known.contains(address));
        if !introduced && theirs.iter().any(|address| self.blacklist.contains(&address)) {
            return false;
        }
        if theirs.seen().any(|address| self.is_crowded(address)) {
            return false;
        }
        if self.peers.len() >= self.limits.peers && !self.make_room(peer.created) {
            return false;
        }
        let mut record = peer.clone();
        let services = self.strangers.remove(&mid).unwrap_or_default();
        record.services = self.service_lists.list(&services);
        let Some(slot) = self.peers.insert(record) else { return false };
        self.reindex(slot, Addresses::default());
        for service in services {
            self.joined(slot, service);
        }
        true
    }

    /// Notes that a peer serves these communities; it need not be verified.
    pub fn discover_services(&mut self, mid: &Mid, services: &[CommunityId]) {
        let limit = self.limits.services_per_peer;
        let Some((slot, record)) = self.peers.find(mid).and_then(|slot| Some((slot, self.peers.get_mut(slot)?))) else {
            let known = self.strangers.entry(*mid).or_insert_with(SmallVec::new);
            for service in services {
                if known.len() < limit && !known.contains(service) {
                    known.push(*service);
                }
            }
            return;
        };
        if services.iter().all(|service| record.services().contains(service)) {
            return;
        }
        let mut list: SmallVec<[CommunityId; 8]> = SmallVec::from_slice(record.services());
        let mut new: SmallVec<[CommunityId; 8]> = SmallVec::new();
        for service in services {
            if list.contains(service) {
                continue;
            }
            if list.len() >= limit {
                // One that this node serves takes the place of one that it does not.
                let served = |other: &CommunityId| self.by_service.contains_key(other);
                let foreign = list.iter().position(|other| !served(other));
                match foreign.filter(|_| served(service)) {
                    Some(foreign) => drop(list.swap_remove(foreign)),
                    None => continue,
                }
            }
            list.push(*service);
            new.push(*service);
        }
        if !new.is_empty() {
            record.services = self.service_lists.list(&list);
        }
        for service in new {
            self.joined(slot, service);
        }
    }

    // --- forgetting --------------------------------------------------------------------------------------------

    /// Forgets an address and every peer that uses it.
    pub fn remove_address(&mut self, address: SocketAddr) {
        self.forget_known(address);
        // The indexes hold but the last peers of an address.
        let there: Vec<Mid> =
            self.peers.values().filter(|record| record.addresses().contains(address)).map(PeerRecord::mid).collect();
        for mid in there {
            self.remove(&mid);
        }
        self.candidate_did_not_answer(address);
    }

    /// Forgets a peer and its addresses; false if it was not known.
    pub fn remove(&mut self, mid: &Mid) -> bool {
        let Some((slot, record)) = self.peers.find(mid).and_then(|slot| Some((slot, self.peers.remove(slot)?))) else {
            return false;
        };
        self.lost = self.lost.wrapping_add(1);
        let addresses = record.addresses();
        for address in addresses.iter() {
            self.forget_known(address);
        }
        self.unindex(slot, &addresses);
        for service in record.services() {
            if let Some(serving) = self.by_service.get_mut(service) {
                serving.remove(slot);
                if let Some(peer) = record.peer() {
                    self.events.push(NetworkEvent::Removed { peer, service: *service });
                }
            }
        }
        true
    }

    /// Gives up the peer that was silent for longest, if one was silent for a minute.
    fn make_room(&mut self, now: Time) -> bool {
        let heard = |record: &PeerRecord| record.last_response().unwrap_or(record.created);
        let silent = self.peers.values().min_by_key(|record| heard(record));
        match silent.filter(|record| heard(record) + SILENT < now).map(PeerRecord::mid) {
            Some(mid) => self.remove(&mid),
            None => false,
        }
    }

    // --- inside ------------------------------------------------------------------------------------------------

    /// Takes what changed since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<NetworkEvent> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// How many peers were removed so far.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Begins to serve a community: its peers are indexed, and their coming and going is told.
    pub(crate) fn serve(&mut self, service: CommunityId) {
        if self.by_service.contains_key(&service) {
            return;
        }
        self.by_service.insert(service, SlotSet::default());
        // What was still to be told was for one that is gone; this one is told of all that are there.
        self.events.retain(|event| match event {
            NetworkEvent::Added { service: other, .. } | NetworkEvent::Removed { service: other, .. } => {
                *other != service
            }
        });
        let known = self.peers.iter().filter(|(_, record)| record.services().contains(&service));
        for slot in known.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.joined(slot, service);
        }
    }

    pub(crate) fn stop_serving(&mut self, service: CommunityId) {
        self.by_service.remove(&service);
    }

    /// An empty graph for one community of its own.
    pub(crate) fn serving_only(service: CommunityId, hardening: &Hardening) -> Self {
        let mut network = Self::hardened(Limits::default(), hardening);
        network.serve(service);
        network
    }

    /// Indexes a verified peer of a community that this node serves.
    fn joined(&mut self, slot: Slot, service: CommunityId) {
        if let Some(serving) = self.by_service.get_mut(&service) {
            serving.insert(slot);
            if let Some(peer) = self.peers.get(slot).and_then(PeerRecord::peer) {
                self.events.push(NetworkEvent::Added { peer, service });
            }
        }
    }

    /// Takes a peer with these addresses out of the address indexes.
    fn unindex(&mut self, slot: Slot, addresses: &Addresses) {
        for address in addresses.seen() {
            self.by_address.remove(&self.peers, address, Class::of(address), slot);
            // Empty where they are not limited.
            if let Some(there) = self.hosts.get_mut(&host(address.ip())) {
                *there = there.saturating_sub(1);
                if *there == 0 {
                    self.hosts.remove(&host(address.ip()));
                }
            }
        }
        if let Some(lan) = addresses.lan {
            self.by_claim.remove(&self.peers, lan.into(), Class::Lan, slot);
        }
    }

    /// Brings the address indexes in line with a record whose addresses were `before`.
    fn reindex(&mut self, slot: Slot, before: Addresses) {
        let Some(now) = self.peers.get(slot).map(PeerRecord::addresses).filter(|now| *now != before) else {
            return;
        };
        self.unindex(slot, &before);
        for address in now.seen() {
            self.by_address.add(&self.peers, address, Class::of(address), slot);
            if self.rules.peers_per_host.is_some() {
                *self.hosts.entry(host(address.ip())).or_default() += 1;
            }
        }
        // Who was seen there is found there already.
        if let Some(lan) = now.lan.filter(|lan| now.v4 != Some(*lan)) {
            self.by_claim.add(&self.peers, lan.into(), Class::Lan, slot);
        }
    }

    /// Changes a verified peer in place and keeps the index right.
    pub(crate) fn update(&mut self, mid: &Mid, change: impl FnOnce(&mut Addresses, &mut bool)) {
        if let Some(slot) = self.peers.find(mid) {
            self.change(slot, change);
        }
    }

    fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Addresses, &mut bool)) {
        let Some(record) = self.peers.get_mut(slot) else { return };
        let before = record.addresses();
        let (mut addresses, mut new_style) = (before, record.new_style());
        change(&mut addresses, &mut new_style);
        record.set_new_style(new_style);
        if addresses != before {
            record.set_addresses(&addresses);
            self.reindex(slot, before);
        }
    }
}
