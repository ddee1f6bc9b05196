//! Tables with a few entries, of which each datagram looks one up: in one piece of memory, and searched without hashing.

use ipv8_crypto::Mid;
use ipv8_wire::PREFIX_LEN;

use crate::community::OverlayId;

/// Which overlay has which prefix, in the order of prefixes.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Vec<([u8; PREFIX_LEN], OverlayId)>);

impl Prefixes {
    pub(super) fn get(&self, prefix: &[u8; PREFIX_LEN]) -> Option<OverlayId> {
        let at = self.find(prefix).ok()?;
        self.0.get(at).map(|entry| entry.1)
    }

    /// Another overlay takes the place of one with the same prefix.
    pub(super) fn insert(&mut self, prefix: [u8; PREFIX_LEN], overlay: OverlayId) {
        match self.find(&prefix) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = overlay;
                }
            }
            Err(at) => {
                // Nodes are many, and most have one overlay.
                self.0.reserve_exact(1);
                self.0.insert(at, (prefix, overlay));
            }
        }
    }

    pub(super) fn remove(&mut self, prefix: &[u8; PREFIX_LEN]) {
        if let Ok(at) = self.find(prefix) {
            self.0.remove(at);
        }
    }

    fn find(&self, prefix: &[u8; PREFIX_LEN]) -> Result<usize, usize> {
        self.0.binary_search_by(|entry| entry.0.cmp(prefix))
    }
}

/// The Lamport time of each key of the node (`protocol.md` section 1); most nodes have one key.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Vec<(Mid, u64)>);

impl Clocks {
    /// Zero for a key that has not sent anything.
    pub(crate) fn get(&self, mid: &Mid) -> u64 {
        self.0.iter().find(|entry| entry.0 == *mid).map_or(0, |entry| entry.1)
    }

    /// Changes the time of a key, and returns what it is then.
    pub(crate) fn change(&mut self, mid: Mid, change: impl FnOnce(u64) -> u64) -> u64 {
        if let Some((_, time)) = self.0.iter_mut().find(|entry| entry.0 == mid) {
            *time = change(*time);
            return *time;
        }
        let time = change(0);
        self.0.reserve_exact(1);
        self.0.push((mid, time));
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(index: u32) -> OverlayId {
        OverlayId { index, generation: 0 }
    }

    #[test]
    fn prefixes_are_found_until_they_are_removed() {
        let mut prefixes = Prefixes::default();
        for number in [7, 3, 9, 1] {
            prefixes.insert([number; PREFIX_LEN], overlay(number.into()));
        }
        prefixes.insert([3; PREFIX_LEN], overlay(30));
        prefixes.remove(&[9; PREFIX_LEN]);
        prefixes.remove(&[8; PREFIX_LEN]);
        let found: Vec<_> = [1, 3, 7, 9].map(|number| prefixes.get(&[number; PREFIX_LEN])).into();
        assert_eq!(found, [Some(overlay(1)), Some(overlay(30)), Some(overlay(7)), None]);
    }

    #[test]
    fn each_key_has_a_time_of_its_own() {
        let mut clocks = Clocks::default();
        let (one, other) = (Mid([1; 20]), Mid([2; 20]));
        assert_eq!((clocks.get(&one), clocks.change(one, |time| time + 1)), (0, 1));
        assert_eq!(clocks.change(other, |_| 70), 70);
        assert_eq!((clocks.change(one, |time| time + 1), clocks.get(&other)), (2, 70));
    }
}
