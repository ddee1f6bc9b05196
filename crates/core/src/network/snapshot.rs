//! The reference's snapshot of known peers: their preferred addresses in the `address` format, one after the other.

use std::net::SocketAddr;

use ipv8_wire::{Address, Reader, Wire, Writer};

use super::{Known, Network};

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

    /// Makes the addresses of a snapshot walkable and returns how many there were. Reading stops at the first that
    /// cannot be read, as in the reference; host names are skipped, since the node resolves none.
    pub fn load_snapshot(&mut self, snapshot: &[u8]) -> usize {
        let mut reader = Reader::new(snapshot);
        let mut loaded = 0;
        while !reader.remaining().is_empty() {
            let Ok(address) = Address::read(&mut reader) else {
                break;
            };
            if let Ok(address) = SocketAddr::try_from(address) {
                self.remember(address, Known { introducer: None, service: None, new_style: false });
                loaded += 1;
            }
        }
        loaded
    }

    /// Every address that was introduced or loaded, walkable or not.
    pub fn known_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.known.keys().copied()
    }
}
