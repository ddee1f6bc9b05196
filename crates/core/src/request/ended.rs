//! What ended a short while ago, so that a late answer can be told from a guess.

use std::{hash::Hash, time::Duration};

use hashlink::LinkedHashMap;

use crate::time::Time;

/// What is remembered at most; the oldest makes room.
const MOST: usize = 1_024;

/// For how long. Packets of this age do not come any more, but for those that somebody kept to send them again.
const KEPT: Duration = Duration::from_secs(60);

/// Keys of what ended, each with a note.
#[derive(Debug)]
pub(crate) struct Ended<K, V> {
    /// The oldest first.
    entries: LinkedHashMap<K, (Time, V)>,
}

impl<K: Hash + Eq, V> Default for Ended<K, V> {
    fn default() -> Self {
        Self { entries: LinkedHashMap::new() }
    }
}

impl<K: Hash + Eq, V> Ended<K, V> {
    pub(crate) fn remember(&mut self, key: K, note: V, now: Time) {
        self.entries.remove(&key);
        self.entries.insert(key, (now, note));
        while self.entries.len() > MOST || self.entries.front().is_some_and(|(_, entry)| entry.0 + KEPT < now) {
            self.entries.pop_front();
        }
    }

    /// The note on what ended within the last minute.
    pub(crate) fn get(&self, key: &K, now: Time) -> Option<&V> {
        self.entries.get(key).filter(|entry| entry.0 + KEPT >= now).map(|entry| &entry.1)
    }

    /// Forgets a key that is in use again.
    pub(crate) fn forget(&mut self, key: &K) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Time {
        Time::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn what_ended_is_known_for_a_minute() {
        let mut ended = Ended::default();
        ended.remember(7, 'a', seconds(0));
        assert_eq!((ended.get(&7, seconds(60)), ended.get(&7, seconds(61))), (Some(&'a'), None));
        ended.remember(8, 'b', seconds(61));
        assert_eq!(ended.entries.len(), 1, "those that are too old go");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ended = Ended::default();
        for key in 0..5_000 {
            ended.remember(key, (), seconds(0));
        }
        assert_eq!(ended.entries.len(), MOST);
        assert_eq!((ended.get(&3_975, seconds(0)), ended.get(&3_976, seconds(0))), (None, Some(&())));
    }
}
