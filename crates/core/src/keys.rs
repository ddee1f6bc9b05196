//! The keys of recent senders, parsed.

use std::{fmt, hash::BuildHasher as _, sync::Arc};

use hashbrown::HashTable;
use hashlink::{DefaultHashBuilder, LruCache};
use ipv8_crypto::PublicKey;
use parking_lot::Mutex;

use crate::{
    chain::{Chain, Place},
    stats::DropReason,
};

/// Keys that are kept by default.
const CACHED_KEYS: usize = 4_096;

/// Keys that are kept in other bytes than their own, at most. Nobody who runs the reference sends one.
const ODD_KEYS: usize = 64;

/// A key as it came in a packet.
#[derive(Clone)]
pub(crate) struct SenderKey {
    pub(crate) key: PublicKey,
    /// The bytes were exactly the key's own. The reference looks peers up by the bytes as they came, so that a key with a
    /// tail verifies but never matches a known peer (`protocol.md` section 1).
    pub(crate) canonical: bool,
}

impl SenderKey {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DropReason> {
        let key = PublicKey::from_bytes(bytes).map_err(|_| DropReason::PublicKey)?;
        Ok(Self { canonical: key.as_bytes() == bytes, key })
    }
}

/// Keeps the keys of the last senders parsed, 4,096 by default, and ready to verify: some 350 bytes each, when they were
/// used, which a peer that is known by its key shares.
///
/// Clones share what is kept, so that nodes of one process which know the same peers hold each key once
/// ([`NodeConfig::keys`](crate::NodeConfig::keys)). What is kept or forgotten changes nothing but the time that it takes
/// to verify: whom a [hardened](crate::Hardening::admission) node charges for a key that is new to it, it remembers itself.
/// Only keys whose signature held are kept: whoever cannot sign with a key cannot push out those of others.
#[derive(Clone)]
pub struct KeyCache(Arc<Mutex<Keys>>);

/// The keys, the one that was used last at the end.
struct Keys {
    capacity: usize,
    order: Chain<PublicKey>,
    /// By their own bytes, which are not kept a second time.
    by_bytes: HashTable<Place>,
    hasher: DefaultHashBuilder,
    /// Those that came in other bytes, by these.
    odd: LruCache<Box<[u8]>, PublicKey>,
}

impl Keys {
    fn get(&mut self, bytes: &[u8]) -> Option<SenderKey> {
        let order = &self.order;
        let same = |place: &Place| order.get(*place).is_some_and(|key| key.as_bytes() == bytes);
        if let Some(place) = self.by_bytes.find(self.hasher.hash_one(bytes), same).copied() {
            self.order.move_to_back(place);
            return Some(SenderKey { key: self.order.get(place)?.clone(), canonical: true });
        }
        let key = self.odd.get(bytes)?.clone();
        Some(SenderKey { key, canonical: false })
    }

    fn insert(&mut self, bytes: &[u8], sender: SenderKey) {
        if !sender.canonical {
            self.odd.insert(bytes.into(), sender.key);
            return;
        }
        if self.get(bytes).is_some() {
            return;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.first()
        {
            self.forget(oldest);
        }
        if let Some(place) = self.order.push_back(sender.key) {
            let (order, hasher) = (&self.order, &self.hasher);
            let hash = |place: &Place| hasher.hash_one(order.get(*place).map_or(&[][..], PublicKey::as_bytes));
            self.by_bytes.insert_unique(hasher.hash_one(bytes), place, hash);
        }
    }

    fn forget(&mut self, place: Place) {
        let Some(key) = self.order.remove(place) else { return };
        if let Ok(entry) = self.by_bytes.find_entry(self.hasher.hash_one(key.as_bytes()), |other| *other == place) {
            entry.remove();
        }
    }
}

impl KeyCache {
    /// Keeps the keys of this many senders; of one at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Keys {
            capacity: capacity.max(1),
            order: Chain::default(),
            by_bytes: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            odd: LruCache::new(capacity.clamp(1, ODD_KEYS)),
        })))
    }

    pub(crate) fn get(&self, bytes: &[u8]) -> Option<SenderKey> {
        self.0.lock().get(bytes)
    }

    pub(crate) fn insert(&self, bytes: &[u8], key: SenderKey) {
        self.0.lock().insert(bytes, key);
    }
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new(CACHED_KEYS)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.lock();
        f.debug_struct("KeyCache").field("kept", &(keys.order.len() + keys.odd.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use ipv8_crypto::{Curve, PrivateKey};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn bytes(number: u8) -> Vec<u8> {
        let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
        key.public().as_bytes().to_vec()
    }

    fn keep(cache: &KeyCache, bytes: &[u8]) {
        cache.insert(bytes, SenderKey::read(bytes).unwrap_or_else(|_| panic!("no key")));
    }

    #[test]
    fn the_keys_that_were_used_last_stay() {
        let cache = KeyCache::new(3);
        let keys: Vec<_> = (0..5).map(bytes).collect();
        keys[..3].iter().for_each(|key| keep(&cache, key));
        assert!(cache.get(&keys[0]).is_some_and(|found| found.canonical));
        keys[3..].iter().for_each(|key| keep(&cache, key));
        let kept: Vec<_> = keys.iter().map(|key| cache.get(key).is_some()).collect();
        assert_eq!(kept, [true, false, false, true, true]);
    }

    #[test]
    fn many_keys_are_found_however_often_they_came() {
        let cache = KeyCache::new(100);
        for _ in 0..2 {
            (0..=u8::MAX).for_each(|number| keep(&cache, &bytes(number)));
        }
        assert_eq!((0..=u8::MAX).filter(|number| cache.get(&bytes(*number)).is_some()).count(), 100);
        assert_eq!(format!("{cache:?}"), "KeyCache { kept: 100 }");
    }

    #[test]
    fn keys_with_a_tail_are_kept_apart_and_are_few() {
        let cache = KeyCache::default();
        let own = bytes(1);
        keep(&cache, &own);
        for tail in 0..=u8::MAX {
            keep(&cache, &[own.as_slice(), &[tail]].concat());
        }
        assert_eq!(format!("{cache:?}"), format!("KeyCache {{ kept: {} }}", 1 + ODD_KEYS));
        assert!(cache.get(&[own.as_slice(), &[u8::MAX]].concat()).is_some_and(|found| !found.canonical));
        assert!(cache.get(&own).is_some_and(|found| found.canonical));
    }
}
