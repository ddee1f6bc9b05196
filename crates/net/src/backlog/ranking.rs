//! Who has most.

use std::{
    collections::BTreeSet,
    ops::{Add, Sub},
};

/// What somebody has waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Load {
    pub(super) datagrams: usize,
    pub(super) bytes: usize,
}

impl Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { datagrams: self.datagrams + other.datagrams, bytes: self.bytes + other.bytes }
    }
}

impl Sub for Load {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { datagrams: self.datagrams - other.datagrams, bytes: self.bytes - other.bytes }
    }
}

/// What is short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Measure {
    Datagrams,
    Bytes,
}

impl Measure {
    const fn of(self, load: Load) -> usize {
        match self {
            Self::Datagrams => load.datagrams,
            Self::Bytes => load.bytes,
        }
    }
}

/// Those who have something, by how much it is, and equals by lot.
#[derive(Debug)]
pub(super) struct Ranking<K> {
    by_datagrams: BTreeSet<(usize, u64, K)>,
    by_bytes: BTreeSet<(usize, u64, K)>,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self { by_datagrams: BTreeSet::new(), by_bytes: BTreeSet::new() }
    }
}

impl<K: Copy + Ord> Ranking<K> {
    /// Notes that somebody with this lot, which stays the same, has more or less than before; nothing at all if that is no
    /// datagram.
    pub(super) fn change(&mut self, key: K, lot: u64, before: Load, after: Load) {
        for (measure, ranks) in [(Measure::Datagrams, &mut self.by_datagrams), (Measure::Bytes, &mut self.by_bytes)] {
            ranks.remove(&(measure.of(before), lot, key));
            if after.datagrams > 0 {
                ranks.insert((measure.of(after), lot, key));
            }
        }
    }

    const fn ranks(&self, measure: Measure) -> &BTreeSet<(usize, u64, K)> {
        match measure {
            Measure::Datagrams => &self.by_datagrams,
            Measure::Bytes => &self.by_bytes,
        }
    }

    /// Who has most.
    pub(super) fn most(&self, measure: Measure) -> Option<K> {
        self.ranks(measure).last().map(|(_, _, key)| *key)
    }

    /// Who has most, if that is not `key` with this load.
    pub(super) fn more_than(&self, measure: Measure, load: Load, lot: u64, key: K) -> Option<K> {
        let rank = (measure.of(load), lot, key);
        self.ranks(measure).last().filter(|last| **last > rank && last.2 != key).map(|(_, _, other)| *other)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_datagrams.len(), self.by_bytes.len());
        self.by_datagrams.len()
    }
}
