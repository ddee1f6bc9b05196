//! Values of our own that are stored again and again, so that they outlive the nodes that keep them.

use indexmap::IndexMap;
use ipv8_core::Time;

use crate::id::Key;

/// Publications at once.
pub const MOST_PUBLICATIONS: usize = 10_000;

/// What is stored again, and when.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    /// By key and whole value.
    due: IndexMap<(Key, Vec<u8>), Time>,
}

impl Publications {
    /// Stores a value again at a time; false if there are too many.
    pub(crate) fn add(&mut self, key: Key, value: Vec<u8>, due: Time) -> bool {
        if self.due.len() >= MOST_PUBLICATIONS && !self.due.contains_key(&(key, value.clone())) {
            return false;
        }
        self.due.insert((key, value), due);
        true
    }

    /// Stops storing whatever is stored under a key; returns how much that was.
    pub(crate) fn forget(&mut self, key: &Key) -> usize {
        let before = self.due.len();
        self.due.retain(|(other, _), _| other != key);
        before.saturating_sub(self.due.len())
    }

    /// At most so many that are due. They are due again when `next` says.
    pub(crate) fn take_due(&mut self, now: Time, most: usize, mut next: impl FnMut() -> Time) -> Vec<(Key, Vec<u8>)> {
        let due = self.due.iter_mut().filter(|(_, due)| **due <= now).take(most);
        due.map(|(name, due)| {
            *due = next();
            name.clone()
        })
        .collect()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.due.keys().map(|(key, value)| (key, value.as_slice()))
    }
}
