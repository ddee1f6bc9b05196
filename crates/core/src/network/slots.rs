//! Where records of peers are: small numbers, by which the tables of the graph name them.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use ipv8_crypto::Mid;

use super::PeerRecord;
use crate::chain::make_room;

/// Peers that one graph holds at most, whatever its limits are.
pub(super) const MOST_SLOTS: usize = 1 << 30;

/// Names a verified peer while it is in the graph, in four bytes where its member id has twenty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(pub(super) u32);

/// Of a slot that is in no set.
const NOWHERE: u32 = u32::MAX;

/// A set of slots in the order in which they came, save that the last one takes the place of one that goes.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotSet {
    order: Vec<Slot>,
    /// Where each slot is in the order.
    places: Vec<u32>,
}

impl SlotSet {
    pub(super) const fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Slot> {
        self.order.get(index).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        self.order.iter().copied()
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        while self.places.len() <= slot.0 as usize {
            make_room(&mut self.places);
            self.places.push(NOWHERE);
        }
        let Ok(end) = u32::try_from(self.order.len()) else { return };
        if let Some(place) = self.places.get_mut(slot.0 as usize).filter(|place| **place == NOWHERE) {
            *place = end;
            make_room(&mut self.order);
            self.order.push(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(place) = self.places.get_mut(slot.0 as usize).filter(|place| **place != NOWHERE) else { return };
        let freed = std::mem::replace(place, NOWHERE);
        self.order.swap_remove(freed as usize);
        if let Some(moved) = self.order.get(freed as usize)
            && let Some(place) = self.places.get_mut(moved.0 as usize)
        {
            *place = freed;
        }
    }
}

/// The verified peers, by slot and by member id, in the order of a [`SlotSet`].
#[derive(Debug, Default)]
pub(super) struct Records {
    records: Vec<Option<PeerRecord>>,
    free: Vec<Slot>,
    order: SlotSet,
    by_mid: HashTable<Slot>,
    /// Of addresses, too.
    pub(super) hasher: RandomState,
}

impl Records {
    pub(super) const fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, mid: &Mid) -> Option<Slot> {
        let same = |slot: &Slot| self.get(*slot).is_some_and(|record| record.key.mid() == *mid);
        // As an index map does: of one there is nothing to be hashed for.
        match self.len() {
            0 => None,
            1 => self.order.get(0).filter(same),
            _ => self.by_mid.find(self.hasher.hash_one(mid), same).copied(),
        }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&PeerRecord> {
        self.records.get(slot.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut PeerRecord> {
        self.records.get_mut(slot.0 as usize)?.as_mut()
    }

    pub(super) fn get_by_mid(&self, mid: &Mid) -> Option<&PeerRecord> {
        self.get(self.find(mid)?)
    }

    pub(super) fn nth(&self, index: usize) -> Option<&PeerRecord> {
        self.get(self.order.get(index)?)
    }

    pub(super) fn contains(&self, mid: &Mid) -> bool {
        self.find(mid).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &PeerRecord)> {
        self.order.iter().filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &PeerRecord> {
        self.iter().map(|(_, record)| record)
    }

    /// Adds a record whose key none has.
    pub(super) fn insert(&mut self, record: PeerRecord) -> Option<Slot> {
        let hash = self.hasher.hash_one(record.key.mid());
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.records.get_mut(slot.0 as usize)? = Some(record);
                slot
            }
            None => {
                let slot = Slot(u32::try_from(self.records.len()).ok()?);
                make_room(&mut self.records);
                self.records.push(Some(record));
                slot
            }
        };
        let (records, hasher) = (&self.records, &self.hasher);
        self.by_mid.insert_unique(hash, slot, |slot| {
            let record = records.get(slot.0 as usize).and_then(Option::as_ref);
            record.map_or(0, |record| hasher.hash_one(record.key.mid()))
        });
        self.order.insert(slot);
        Some(slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<PeerRecord> {
        let record = self.records.get_mut(slot.0 as usize)?.take()?;
        let hash = self.hasher.hash_one(record.key.mid());
        if let Ok(entry) = self.by_mid.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.order.remove(slot);
        self.free.push(slot);
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexSet;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The graph had index sets before: a trace depends on their order.
        #[test]
        fn the_order_is_that_of_an_index_set(steps in prop::collection::vec((any::<bool>(), 0..30_u32), 0..200)) {
            let (mut set, mut other) = (SlotSet::default(), IndexSet::new());
            for (insert, number) in steps {
                if insert {
                    set.insert(Slot(number));
                    other.insert(number);
                } else {
                    set.remove(Slot(number));
                    other.swap_remove(&number);
                }
                prop_assert!(set.iter().map(|slot| slot.0).eq(other.iter().copied()));
                prop_assert_eq!(set.len(), other.len());
                prop_assert!((0..31).all(|index| set.get(index).map(|slot| slot.0) == other.get_index(index).copied()));
            }
        }
    }
}
