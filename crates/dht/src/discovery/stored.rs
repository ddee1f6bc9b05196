//! The peers that we remember for others, and what we answer about them.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use ipv8_core::{Context, DropReason, Peer, RequestError, Time};
use ipv8_crypto::Mid;

use crate::{
    community::{DhtCommunity, MOST_IN_MESSAGE, source},
    family::Family,
    messages::{ConnectPeerRequest, ConnectPeerResponse, Node, PingResponse, StorePeerRequest, StorePeerResponse},
    store::Source,
};

/// A peer that sent no ping for so long is forgotten, as by the reference.
pub const STORED_AGE: Duration = Duration::from_secs(60);

/// Peers that are remembered for others. One more takes the place of the one that was silent for longest among those of the
/// address, or IPv6 network of 64 bits, that has most. (The reference has no limit.)
pub const MOST_STORED: usize = 4_096;

/// Of these, as many of one address. One more takes the place of the one there that was silent for longest.
pub const MOST_PER_SOURCE: usize = 256;

/// How often a peer is asked at most whether it moved.
const CHALLENGE_INTERVAL: Duration = Duration::from_secs(5);

/// A peer that we remember.
#[derive(Clone, Debug)]
struct Stored {
    peer: Peer,
    /// When it last asked to be remembered, or pinged us.
    queried: Time,
    /// When it was last asked whether it moved.
    challenged: Option<Time>,
}

impl Stored {
    fn source(&self) -> Source {
        Source::of(self.peer.address().ip())
    }

    fn is_alive(&self, now: Time) -> bool {
        now.since(self.queried) <= STORED_AGE
    }
}

/// Peers that we remember for others: each at one address of each family. Only those that stored themselves are here: to ask
/// for others leaves nothing behind. (At the reference it leaves an empty entry, each time.)
#[derive(Debug, Default)]
pub(crate) struct StoredPeers {
    peers: IndexMap<(Mid, Family), Stored>,
    sources: BTreeMap<Source, usize>,
}

impl StoredPeers {
    /// Remembers a peer at an address that it was shown to be at, from now on there.
    pub(crate) fn put(&mut self, peer: Peer, now: Time) {
        let name = (peer.mid(), Family::of(peer.address()));
        self.remove(&name);
        let stored = Stored { peer, queried: now, challenged: None };
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

    fn remove(&mut self, name: &(Mid, Family)) {
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

    /// A peer pinged us from an address. Whether it may have moved there, which anybody could make us believe by repeating its
    /// ping: it should be asked. (The reference goes by the key only: it remembers a peer for as long as it lives at an
    /// address that it left.)
    fn pinged(&mut self, peer: &Peer, now: Time) -> bool {
        let Some(stored) = self.peers.get_mut(&(peer.mid(), Family::of(peer.address()))) else { return false };
        if stored.peer.address() == peer.address() {
            stored.queried = now;
            return false;
        }
        let due = stored.challenged.is_none_or(|last| now.since(last) >= CHALLENGE_INTERVAL);
        if due {
            stored.challenged = Some(now);
        }
        due
    }

    /// A peer is at an address.
    fn moved(&mut self, peer: Peer, now: Time) {
        if self.peers.contains_key(&(peer.mid(), Family::of(peer.address()))) {
            self.put(peer, now);
        }
    }

    /// Where a peer is, as far as is known: at most one address of each family.
    pub(crate) fn of(&self, mid: Mid, now: Time) -> impl Iterator<Item = &Peer> {
        let stored = Family::ALL.into_iter().filter_map(move |family| self.peers.get(&(mid, family)));
        stored.filter(move |stored| stored.is_alive(now)).map(|stored| &stored.peer)
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

/// Where we are.
fn own_addresses(cx: &Context<'_>) -> [SocketAddr; 3] {
    [cx.wan(), cx.lan(), cx.preferred()]
}

impl DhtCommunity {
    /// The peers that are remembered for others, each with where it is; at most [`MOST_STORED`].
    pub fn stored_peers(&self) -> impl Iterator<Item = &Peer> {
        self.discovery.stored.iter()
    }

    /// Somebody pinged us: if it is remembered here, it still is.
    pub(crate) fn pinged_by(&mut self, cx: &mut Context<'_>, from: &Peer) {
        let peer = Peer::new(from.key().clone(), source(cx, from));
        if !self.discovery.stored.pinged(&peer, cx.now()) {
            return;
        }
        let moved = peer.clone();
        let then = move |dht: &mut Self, cx: &mut Context<'_>, answer: Result<PingResponse, RequestError>| {
            if answer.is_ok() {
                dht.discovery.stored.moved(moved, cx.now());
            }
        };
        self.ping_at(cx, &peer, then);
    }

    pub(crate) fn on_store_peer_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: StorePeerRequest) {
        if !self.config.peers {
            cx.count_drop(DropReason::UnknownMessage);
            return;
        }
        let peer = Peer::new(from.key().clone(), source(cx, from));
        // Nobody can store anybody else, nor say that it is where it is not, as the token was sent there; nor that it is here.
        let here = own_addresses(cx).contains(&peer.address());
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
        let asker = source(cx, from);
        let stored = self.discovery.stored.of(Mid(request.target), cx.now());
        let nodes: Vec<Node> = stored
            .take(MOST_IN_MESSAGE)
            .map(|peer| Node { address: peer.address(), key: peer.key().clone() })
            .collect();
        let [.., high, low] = request.identifier.to_be_bytes();
        let identifier = u16::from_be_bytes([high, low]);
        let own = own_addresses(cx);
        for node in &nodes {
            // Nobody needs to open its NAT for itself, and nobody can have us ask ourselves.
            if node.address == asker || own.contains(&node.address) {
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
