//! What is written at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{SavedNode, SavedPublication, SavedValue};

/// Rows to write, and rows to remove, by serial numbers. A row never changes: what does gets another number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows<T> {
    /// What to write.
    pub put: BTreeMap<u64, T>,
    /// What to remove, if it is there.
    pub removed: BTreeSet<u64>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { put: BTreeMap::new(), removed: BTreeSet::new() }
    }
}

impl<T> Rows<T> {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }

    /// How many rows change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.put.len().saturating_add(self.removed.len())
    }

    /// A new row.
    pub(crate) fn put(&mut self, serial: u64, row: T) {
        self.put.insert(serial, row);
    }

    /// A row is gone. One that was not written yet never will be.
    pub(crate) fn remove(&mut self, serial: u64) {
        if self.put.remove(&serial).is_none() {
            self.removed.insert(serial);
        }
    }

    /// These changes, then others.
    pub(crate) fn then(&mut self, later: Self) {
        later.removed.into_iter().for_each(|serial| self.remove(serial));
        self.put.extend(later.put);
    }

    pub(crate) fn apply(&self, rows: &mut BTreeMap<u64, T>)
    where
        T: Clone,
    {
        self.removed.iter().for_each(|serial| drop(rows.remove(serial)));
        rows.extend(self.put.iter().map(|(serial, row)| (*serial, row.clone())));
    }
}

/// What is written at once, or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Values that are kept for nodes of IPv4.
    pub v4: Rows<SavedValue>,
    /// The same of IPv6.
    pub v6: Rows<SavedValue>,
    /// Values of ours.
    pub publications: Rows<SavedPublication>,
    /// Nodes, which take the place of all that were written before.
    pub nodes: Option<Vec<SavedNode>>,
}

impl Batch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.nodes.is_none()
    }

    /// How many rows change, nodes not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len().saturating_add(self.v6.len()).saturating_add(self.publications.len())
    }

    /// These changes, then others.
    pub(crate) fn then(&mut self, later: Self) {
        self.v4.then(later.v4);
        self.v6.then(later.v6);
        self.publications.then(later.publications);
        self.nodes = later.nodes.or_else(|| self.nodes.take());
    }
}
