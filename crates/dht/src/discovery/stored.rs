//! The peers that we remember for others, and what we answer about them.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use ipv8_core::{Context, DropReason, Peer, Time};
use ipv8_crypto::Mid;

use crate::{
    community::{DhtCommunity, MOST_IN_MESSAGE, source},
    family::Family,
    messages::{ConnectPeerRequest, ConnectPeerResponse, Node, StorePeerRequest, StorePeerResponse},
    store::Source,
};

/// A peer that sent no ping for so long is forgotten, as by the reference.
pub const STORED_AGE: Duration = Duration::from_secs(60);

/// Addresses of peers that are remembered for others. One more takes the place of the one that was silent for longest among those of the
/// address, or IPv6 network of 64 bits, that has most. (The reference has no limit.)
pub const MOST_STORED: usize = 4_096;

/// Of these, as many of one address. One more takes the place of the one there that was silent for longest.
pub const MOST_PER_SOURCE: usize = 256;

/// Addresses of each family at which one peer is remembered. Who asks to be remembered at one more takes the place of the newer
/// of two that live: who gets hold of a token for another's key, which takes more than a ping, drives nobody away.
const PLACES: [u8; 2] = [0, 1];

/// An address of a peer: one of the few of its family.
type Name = (Mid, Family, u8);

/// A peer that we remember.
#[derive(Clone, Debug)]
struct Stored {
    peer: Peer,
    /// Since when it is remembered there.
    since: Time,
    /// When it last asked to be remembered, or pinged us.
    queried: Time,
}

impl Stored {
    fn source(&self) -> Source {
        Source::of(self.peer.address().ip())
    }

    fn is_alive(&self, now: Time) -> bool {
        now.since(self.queried) <= STORED_AGE
    }
}

/// Peers that we remember for others: each at two addresses of each family at most. Only those that stored themselves are here: to
/// ask for others leaves nothing behind. (At the reference it leaves an empty entry, each time.)
#[derive(Debug, Default)]
pub(crate) struct StoredPeers {
    peers: IndexMap<Name, Stored>,
    sources: BTreeMap<Source, usize>,
}

impl StoredPeers {
    /// Remembers a peer at an address for which it has a token.
    pub(crate) fn put(&mut self, peer: Peer, now: Time) {
        let name = self.place_for(&peer, now);
        let same = self.peers.get(&name).filter(|stored| stored.peer.address() == peer.address());
        let since = same.map_or(now, |stored| stored.since);
        self.remove(&name);
        let stored = Stored { peer, since, queried: now };
        let source = stored.source();
        if self.sources.get(&source).is_some_and(|count| *count >= MOST_PER_SOURCE) {
            self.remove_oldest_of(source);
        } else if self.peers.len() >= MOST_STORED
            && let Some(largest) = self.sources.iter().max_by_key(|(_, count)| **count).map(|(source, _)| *source)
        {
            self.remove_oldest_of(largest);
        }
        *self.sources.entry(source).or_default() += 1;
        self.peers.insert(name, stored);
    }

    /// Where it is already, or where there is room, or else the newer place.
    fn place_for(&self, peer: &Peer, now: Time) -> Name {
        let (mid, family) = (peer.mid(), Family::of(peer.address()));
        let names = PLACES.map(|place| (mid, family, place));
        let at = |name: &&Name| self.peers.get(*name).is_some_and(|stored| stored.peer.address() == peer.address());
        let free = |name: &&Name| self.peers.get(*name).is_none_or(|stored| !stored.is_alive(now));
        let newer = || names.iter().max_by_key(|name| self.peers.get(*name).map(|stored| stored.since));
        let name = names.iter().find(at).or_else(|| names.iter().find(free)).or_else(newer);
        name.copied().unwrap_or((mid, family, 0))
    }

    fn remove(&mut self, name: &Name) {
        let Some(stored) = self.peers.swap_remove(name) else { return };
        let source = stored.source();
        if let Some(count) = self.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    fn remove_oldest_of(&mut self, source: Source) {
        let of_source = self.peers.iter().filter(|(_, stored)| stored.source() == source);
        if let Some(name) = of_source.min_by_key(|(_, stored)| stored.queried).map(|(name, _)| *name) {
            self.remove(&name);
        }
    }

    /// A peer pinged us from an address: if it is remembered there, it still is. From elsewhere that says nothing, since anybody
    /// can repeat its ping there, and hand on what we might ask it then and what it answers: only a token shows where somebody
    /// is. (The reference goes by the key only: it remembers a peer for as long as it lives at an address that it left.)
    fn pinged(&mut self, peer: &Peer, now: Time) {
        let (mid, family) = (peer.mid(), Family::of(peer.address()));
        for place in PLACES {
            if let Some(stored) = self.peers.get_mut(&(mid, family, place))
                && stored.peer.address() == peer.address()
            {
                stored.queried = now;
            }
        }
    }

    /// Where a peer is, as far as is known: first where it is remembered for longest, of each family.
    pub(crate) fn of(&self, mid: Mid, now: Time) -> impl Iterator<Item = &Peer> {
        let mut found = Vec::new();
        for family in Family::ALL {
            let places = PLACES.into_iter().filter_map(|place| self.peers.get(&(mid, family, place)));
            let mut places: Vec<_> = places.filter(|stored| stored.is_alive(now)).collect();
            places.sort_by_key(|stored| stored.since);
            found.extend(places.into_iter().enumerate().map(|(rank, stored)| (rank, &stored.peer)));
        }
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, peer)| peer)
    }

    /// Forgets those that were silent for too long.
    pub(crate) fn expire(&mut self, now: Time) {
        let dead: Vec<_> =
            self.peers.iter().filter(|(_, stored)| !stored.is_alive(now)).map(|(name, _)| *name).collect();
        for name in dead {
            self.remove(&name);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values().map(|stored| &stored.peer)
    }
}

impl DhtCommunity {
    /// The peers that are remembered for others, each with where it is; at most [`MOST_STORED`].
    pub fn stored_peers(&self) -> impl Iterator<Item = &Peer> {
        self.discovery.stored.iter()
    }

    /// Somebody pinged us: if it is remembered there, it still is.
    pub(crate) fn pinged_by(&mut self, cx: &Context<'_>, from: &Peer) {
        let peer = Peer::new(from.key().clone(), source(cx, from));
        self.discovery.stored.pinged(&peer, cx.now());
    }

    pub(crate) fn on_store_peer_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: StorePeerRequest) {
        if !self.config.peers {
            cx.count_drop(DropReason::UnknownMessage);
            return;
        }
        if !self.may_ask_for_peers(cx, from) {
            return;
        }
        let peer = Peer::new(from.key().clone(), source(cx, from));
        // Nobody can store anybody else, nor say that it is where it is not, as the token was sent there; nor that it is here.
        let here = self.is_here(cx, peer.address());
        if here || request.target != peer.mid().0 || !self.secrets(cx).is_valid(&peer, &request.token) {
            tracing::debug!(%peer, here, "not remembered: another's id, or a token that is not valid");
            return;
        }
        let to = peer.address();
        self.discovery.stored.put(peer, cx.now());
        cx.send_to(to, StorePeerResponse { identifier: request.identifier });
    }

    pub(crate) fn on_connect_peer_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: ConnectPeerRequest) {
        if !self.config.peers {
            cx.count_drop(DropReason::UnknownMessage);
            return;
        }
        if !self.may_ask_for_peers(cx, from) {
            return;
        }
        let asker = source(cx, from);
        let stored = self.discovery.stored.of(Mid(request.target), cx.now());
        let nodes: Vec<Node> = stored
            .take(MOST_IN_MESSAGE)
            .map(|peer| Node { address: peer.address(), key: peer.key().clone() })
            .collect();
        let [.., high, low] = request.identifier.to_be_bytes();
        let identifier = u16::from_be_bytes([high, low]);
        for node in &nodes {
            // Nobody needs to open its NAT for itself, and nobody can have us ask ourselves.
            if node.address == asker || self.is_here(cx, node.address) {
                continue;
            }
            match cx.puncture_request(request.lan_address, asker, identifier, false) {
                Ok(packet) => cx.send_packet(node.address, packet),
                Err(error) => tracing::debug!(%error, "no puncture was asked for"),
            }
        }
        cx.send_to(asker, ConnectPeerResponse { identifier: request.identifier, nodes });
    }
}
