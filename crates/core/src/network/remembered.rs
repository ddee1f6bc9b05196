//! Peers of an earlier run: where they were, until they are met again.
//!
//! They are *candidates*. None is a verified peer, for a snapshot proves nothing: the peer may be gone, or have moved, or
//! serve other communities by now. Each community that a candidate served may walk to it; the peer is verified when it
//! answers, and for the communities only that it answers in.

use std::{net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use smallvec::SmallVec;

use super::{
    Network,
    saved::{MOST_SAVED, SavedPeer},
};

/// How often a community may walk to a candidate. Once is not enough where packets are lost, and for ever would be too
/// often for one that answers, but not in this community.
const MOST_WALKS: u8 = 3;

/// A candidate that is silent, and was not heard for so long, is not saved again.
const FORGET_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Clone, Debug)]
struct Candidate {
    saved: SavedPeer,
    /// Walks for each of its services.
    walks: Vec<u8>,
    /// Walks to it that had no answer.
    unanswered: u8,
}

impl Candidate {
    /// Where to walk to: where it was seen, or else where it said that it was.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let addresses = self.saved.addresses;
        let lan = addresses.lan.filter(|_| addresses.preferred().is_none()).map(SocketAddr::V4);
        addresses.seen().chain(lan)
    }

    /// So many walks had no answer that it is given up: packets get lost.
    const fn is_silent(&self) -> bool {
        self.unanswered >= MOST_WALKS
    }

    fn may_be_walked_to(&self, service: CommunityId) -> bool {
        !self.is_silent()
            && self.saved.services.iter().zip(&self.walks).any(|(own, walks)| *own == service && *walks < MOST_WALKS)
    }

    fn try_again(&mut self) {
        self.unanswered = 0;
        self.walks.fill(0);
    }
}

/// The candidates, at most [`MOST_SAVED`].
#[derive(Debug, Default)]
pub(super) struct Remembered {
    peers: IndexMap<Mid, Candidate>,
}

impl Remembered {
    /// Takes in a candidate, unless it is known and was heard later than this says. False if there is no room.
    fn insert(&mut self, saved: SavedPeer) -> bool {
        let mid = saved.mid();
        match self.peers.get(&mid) {
            Some(known) if known.saved.heard > saved.heard => return true,
            None if self.peers.len() >= MOST_SAVED => return false,
            _ => {}
        }
        let walks = vec![0; saved.services.len()];
        self.peers.insert(mid, Candidate { saved, walks, unanswered: 0 });
        true
    }
}

impl Network {
    /// Takes in peers of a snapshot as candidates, and returns how many there was room for.
    pub(crate) fn remember_peers(&mut self, peers: &[SavedPeer]) -> usize {
        peers
            .iter()
            .filter(|peer| !self.blacklisted_mids.contains(&peer.mid()))
            .filter(|peer| self.remembered.insert((*peer).clone()))
            .count()
    }

    /// The candidates that served a community, for an overlay with a network of its own.
    pub(crate) fn remembered_of(&self, service: CommunityId) -> Vec<SavedPeer> {
        let candidates = self.remembered.peers.values();
        candidates.filter(|one| one.saved.services.contains(&service)).map(|one| one.saved.clone()).collect()
    }

    /// What to save: the verified peers, and the candidates that were not met again. `unix` is when [`Time::ZERO`] was.
    ///
    /// [`Time::ZERO`]: crate::Time::ZERO
    pub(crate) fn to_save(&self, unix: Duration, now: Duration) -> impl Iterator<Item = SavedPeer> {
        let verified =
            self.peers.values().filter(|record| record.addresses().iter().next().is_some()).map(move |record| {
                let heard = record.last_response().unwrap_or(record.created);
                let mut services = SmallVec::from_slice(record.services());
                // What it served before, and was not asked for in vain.
                let before = self.remembered.peers.get(&record.mid()).filter(|candidate| !candidate.is_silent());
                for service in before.into_iter().flat_map(|candidate| &candidate.saved.services) {
                    let walked = before.is_some_and(|candidate| !candidate.may_be_walked_to(*service));
                    if !walked && !services.contains(service) && services.len() < self.limits.services_per_peer {
                        services.push(*service);
                    }
                }
                SavedPeer {
                    key: record.key.clone(),
                    addresses: record.addresses(),
                    new_style: record.new_style(),
                    heard: Some(unix + heard.since_origin()),
                    services,
                }
            });
        let candidates = self.remembered.peers.iter().filter(move |(mid, candidate)| {
            let age = candidate.saved.heard.map(|heard| now.saturating_sub(heard));
            let gone = candidate.is_silent() && age.is_none_or(|age| age > FORGET_AFTER);
            !gone && !self.peers.contains(mid)
        });
        verified.chain(candidates.map(|(_, candidate)| candidate.saved.clone()))
    }

    /// How many peers of an earlier run are remembered, met again or not; at most 1,000.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.remembered.peers.len()
    }

    /// The addresses of candidates that a community may walk to.
    pub(super) fn candidates(&self, service: CommunityId) -> impl Iterator<Item = SocketAddr> {
        let met = move |mid: &Mid| self.get(mid).is_some_and(|peer| peer.services().contains(&service));
        let open = self.remembered.peers.iter();
        let open = open.filter(move |(mid, one)| one.may_be_walked_to(service) && !met(mid));
        open.flat_map(|(_, one)| one.addresses()).filter(|address| !self.blacklist.contains(address))
    }

    /// Whether a candidate at this address understood new-style introductions.
    pub(super) fn candidate_is_new_style(&self, address: SocketAddr) -> bool {
        self.remembered.peers.values().any(|one| one.saved.new_style && one.addresses().any(|own| own == address))
    }

    /// Notes that a community walks to an address.
    pub(crate) fn walked(&mut self, address: SocketAddr, service: CommunityId) {
        for candidate in self.remembered.peers.values_mut() {
            if !candidate.addresses().any(|own| own == address) {
                continue;
            }
            for (own, walks) in candidate.saved.services.iter().zip(&mut candidate.walks) {
                if *own == service {
                    *walks = walks.saturating_add(1);
                }
            }
        }
    }

    /// Notes that a walk to an address had no answer. Where nobody is known at all, and all candidates are silent, they
    /// are tried again: it may be this machine that was not connected.
    pub(super) fn candidate_did_not_answer(&mut self, address: SocketAddr) {
        let mut found = false;
        for candidate in self.remembered.peers.values_mut() {
            if candidate.addresses().any(|own| own == address) {
                candidate.unanswered = candidate.unanswered.saturating_add(1);
                found = true;
            }
        }
        if found && self.peers.is_empty() && self.remembered.peers.values().all(Candidate::is_silent) {
            self.remembered.peers.values_mut().for_each(Candidate::try_again);
        }
    }
}
