//! Snapshots of known peers: the reference's, their preferred addresses in the `address` format, one after the other; and
//! those of a whole node, see [`saved`].

use std::net::SocketAddr;

use hashlink::LinkedHashSet;
use indexmap::{IndexMap, map::Entry};
use ipv8_crypto::Mid;
use ipv8_wire::{Address, Reader, Wire, Writer};

use super::{
    Network, PeersError,
    known::Known,
    saved::{self, SavedPeer},
};
use crate::state::State;

impl Network {
    /// The preferred address of every verified peer, as py-ipv8's `Network.snapshot` writes them.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Writer::new();
        for address in self.peers().filter_map(|record| record.addresses().preferred()) {
            if address.port() != 0 || !address.ip().is_unspecified() {
                // Socket addresses always fit.
                let _ = Address::from(address).write(&mut out);
            }
        }
        out.into_vec()
    }

    /// Makes the addresses of a snapshot walkable and returns how many there was room for: of too many, the last ones
    /// stay. Reading stops at the first that cannot be read, as in the reference; host names are skipped, since the node
    /// resolves none.
    pub fn load_snapshot(&mut self, snapshot: &[u8]) -> usize {
        self.load_addresses(snapshot).0
    }

    /// The same, with how many bytes could be read.
    fn load_addresses(&mut self, snapshot: &[u8]) -> (usize, usize) {
        let mut reader = Reader::new(snapshot);
        let mut read = 0;
        // Of those that do not fit, only the last ones stay anyway.
        let mut loaded: LinkedHashSet<SocketAddr> = LinkedHashSet::new();
        while !reader.remaining().is_empty() {
            let Ok(address) = Address::read(&mut reader) else {
                break;
            };
            read = reader.offset();
            if let Ok(address) = SocketAddr::try_from(address) {
                self.remember(Known { address, introducer: None, service: None, new_style: false });
                loaded.replace(address);
                if loaded.len() > self.limits.addresses {
                    loaded.pop_front();
                }
            }
        }
        (loaded.iter().filter(|address| self.known.contains(**address)).count(), read)
    }

    /// Every address that was introduced or loaded, walkable or not.
    pub fn known_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.known.iter().map(|known| known.address)
    }
}

impl State {
    /// The peers of all networks of the node.
    pub(crate) fn save_peers(&mut self) -> Vec<u8> {
        let unix = self.unix_origin;
        let now = unix + self.now.since_origin();
        let mut peers: IndexMap<Mid, SavedPeer> = IndexMap::new();
        let shared: Vec<_> = self.network.to_save(unix, now).collect();
        let own = self.own_networks().flat_map(|(_, network)| network.to_save(unix, now).collect::<Vec<_>>());
        for peer in shared.into_iter().chain(own) {
            match peers.entry(peer.mid()) {
                Entry::Vacant(vacant) => drop(vacant.insert(peer)),
                Entry::Occupied(mut known) => merge(known.get_mut(), peer),
            }
        }
        let mut peers: Vec<SavedPeer> = peers.into_values().collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.heard));
        saved::write(&peers, now)
    }

    pub(crate) fn load_peers(&mut self, snapshot: &[u8]) -> Result<usize, PeersError> {
        match snapshot.first() {
            // What the reference writes where it knows nobody.
            None => Ok(0),
            Some(1..=3) => {
                let (loaded, offset) = self.network.load_addresses(snapshot);
                if offset == snapshot.len() { Ok(loaded) } else { Err(PeersError::Partial { loaded, offset }) }
            }
            Some(_) if saved::is_ours(snapshot) => {
                let peers = saved::read(snapshot)?;
                let loaded = self.network.remember_peers(&peers);
                for (community, network) in self.own_networks() {
                    let of_it: Vec<_> =
                        peers.iter().filter(|peer| peer.services.contains(&community)).cloned().collect();
                    network.remember_peers(&of_it);
                }
                Ok(loaded)
            }
            Some(_) => Err(PeersError::NotASnapshot),
        }
    }
}

/// Adds what another network knows of the same peer: what was heard later holds.
fn merge(known: &mut SavedPeer, other: SavedPeer) {
    let (older, newer) = if known.heard < other.heard { (&*known, &other) } else { (&other, &*known) };
    let mut addresses = older.addresses;
    addresses.update(&newer.addresses);
    let heard = newer.heard;
    known.addresses = addresses;
    known.heard = heard;
    known.new_style |= other.new_style;
    for service in other.services {
        // One byte counts them.
        if !known.services.contains(&service) && known.services.len() < usize::from(u8::MAX) {
            known.services.push(service);
        }
    }
}
