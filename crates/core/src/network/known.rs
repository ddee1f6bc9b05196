//! Addresses that were introduced and not yet found to be a peer's: bounded, and shared fairly among those who introduce.

use std::net::SocketAddr;

use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;

use super::Network;
use crate::defence::limits::{is_site, network};

/// The least number of addresses that an introducer may fill.
pub(super) const SMALLEST_SHARE: usize = 32;

/// An address that was introduced to us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) introducer: Option<Mid>,
    pub(super) service: Option<CommunityId>,
    pub(super) new_style: bool,
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
        let introduced = self.known.iter().filter(move |(_, known)| serves(known)).map(|(address, _)| *address);
        let remembered = self.candidates(service).filter(move |address| !self.known.get(address).is_some_and(serves));
        introduced.chain(remembered).filter(move |address| {
            !self.at(*address).any(|mid| self.peers.get(mid).is_some_and(|peer| peer.services.contains(&service)))
        })
    }

    /// The addresses that a peer introduced, in the order in which they became known, whether peers are there by now or not.
    pub fn introduced_by(&self, mid: &Mid) -> impl Iterator<Item = SocketAddr> {
        self.known.iter().filter(move |(_, known)| known.introducer.as_ref() == Some(mid)).map(|(address, _)| *address)
    }

    /// Whether the address is known to understand new-style introductions.
    #[must_use]
    pub fn is_new_style(&self, address: SocketAddr) -> bool {
        match self.known.get(&address) {
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
        let orphan = self
            .known
            .get(&address)
            .is_none_or(|known| known.introducer.is_none_or(|mid| !self.peers.contains_key(&mid)));
        if orphan && !self.is_well_known(address) {
            self.remember(address, Known { introducer: Some(introducer), service, new_style });
        }
    }

    pub(super) fn remember(&mut self, address: SocketAddr, known: Known) {
        let by = known.introducer;
        self.forget_known(address);
        let full = |share: usize| by.is_some() && self.introduced.get(&by).is_some_and(|count| *count >= share);
        if self.rules.share.is_some_and(full) {
            self.forget_oldest_by(by);
        }
        self.known.insert(address, known);
        *self.introduced.entry(by).or_default() += 1;
        if self.known.len() > self.limits.addresses {
            self.make_room_for_addresses();
        }
    }

    /// Whether so many addresses in the network of this one are known that no more are taken.
    fn is_well_known(&self, address: SocketAddr) -> bool {
        let Some(most) = self.rules.addresses_per_network else { return false };
        let place = network(address.ip());
        !is_site(address.ip())
            && !self.known.contains_key(&address)
            && self.known.keys().filter(|known| network(known.ip()) == place).count() >= most
    }

    /// Forgets the oldest address of whoever introduced the most, or of all.
    fn make_room_for_addresses(&mut self) {
        let most = self.introduced.values().max().filter(|_| self.rules.share.is_some());
        let by_most = |known: &Known| most.is_none() || self.introduced.get(&known.introducer) == most;
        let oldest = self.known.iter().find(|(_, known)| by_most(known)).map(|(address, _)| *address);
        if let Some(address) = oldest {
            self.forget_known(address);
        }
    }

    fn forget_oldest_by(&mut self, introducer: Option<Mid>) {
        let oldest = self.known.iter().find(|(_, known)| known.introducer == introducer).map(|(address, _)| *address);
        if let Some(address) = oldest {
            self.forget_known(address);
        }
    }

    pub(super) fn forget_known(&mut self, address: SocketAddr) {
        let Some(known) = self.known.remove(&address) else { return };
        if let Some(count) = self.introduced.get_mut(&known.introducer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.introduced.remove(&known.introducer);
            }
        }
    }
}
