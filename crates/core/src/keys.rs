//! The keys of recent senders, parsed.

use std::{fmt, sync::Arc};

use hashlink::LruCache;
use ipv8_crypto::PublicKey;
use parking_lot::Mutex;

use crate::stats::DropReason;

/// Keys that are kept by default.
const CACHED_KEYS: usize = 4_096;

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

/// Keeps the keys of the last senders parsed, 4,096 by default, and ready to verify: some 500 bytes each, when they were
/// used.
///
/// Clones share what is kept, so that nodes of one process which know the same peers hold each key once
/// ([`NodeConfig::keys`](crate::NodeConfig::keys)). What is kept or forgotten changes nothing but the time that it takes
/// to verify: whom a [hardened](crate::Hardening::admission) node charges for a key that is new to it, it remembers itself.
/// Only keys whose signature held are kept: whoever cannot sign with a key cannot push out those of others.
#[derive(Clone)]
pub struct KeyCache(Arc<Mutex<LruCache<Box<[u8]>, SenderKey>>>);

impl KeyCache {
    /// Keeps the keys of this many senders; of one at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(capacity.max(1)))))
    }

    pub(crate) fn get(&self, bytes: &[u8]) -> Option<SenderKey> {
        self.0.lock().get(bytes).cloned()
    }

    pub(crate) fn insert(&self, bytes: &[u8], key: SenderKey) {
        self.0.lock().insert(bytes.into(), key);
    }
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new(CACHED_KEYS)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").field("kept", &self.0.lock().len()).finish()
    }
}
