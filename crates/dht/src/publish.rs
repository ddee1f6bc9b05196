//! Values of our own that are stored again and again, so that they outlive the nodes that keep them.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use ipv8_core::Time;

use crate::{
    id::Key,
    keep::{Rows, SavedPublication},
};

/// Publications at once: as many as can be stored again within half an hour.
pub const MOST_PUBLICATIONS: usize = 2_000;

/// What is stored again, and when.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    /// By key and whole value.
    due: IndexMap<Name, Due>,
    serial: u64,
    /// What changed, if that is of interest.
    changes: Option<Rows<(Name, Time)>>,
}

type Name = (Key, Vec<u8>);

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Time,
    serial: u64,
}

impl Publications {
    /// Goes on where another run ended, and notes what changes. `due` says when each is stored again, which was to be done
    /// at a time since 1970.
    pub(crate) fn restore(saved: BTreeMap<u64, SavedPublication>, mut due: impl FnMut(Duration) -> Time) -> Self {
        let (mut publications, mut gone) = (Self::default(), Rows::default());
        for (serial, saved) in saved {
            publications.serial = serial;
            let name = (saved.key, saved.value);
            if publications.due.len() >= MOST_PUBLICATIONS || publications.due.contains_key(&name) {
                gone.remove(serial);
            } else {
                publications.due.insert(name, Due { at: due(saved.due), serial });
            }
        }
        publications.changes = Some(gone);
        publications
    }

    /// Stores a value again at a time; false if there are too many.
    pub(crate) fn add(&mut self, key: Key, value: Vec<u8>, at: Time) -> bool {
        let name = (key, value);
        if self.due.len() >= MOST_PUBLICATIONS && !self.due.contains_key(&name) {
            return false;
        }
        self.set(name, at);
        true
    }

    /// Stores a value again at another time, if it is still to be stored again.
    pub(crate) fn reschedule(&mut self, key: Key, value: Vec<u8>, at: Time) {
        let name = (key, value);
        if self.due.contains_key(&name) {
            self.set(name, at);
        }
    }

    fn set(&mut self, name: Name, at: Time) {
        self.serial += 1;
        if let Some(changes) = &mut self.changes {
            changes.put(self.serial, (name.clone(), at));
        }
        let old = self.due.insert(name, Due { at, serial: self.serial });
        if let (Some(old), Some(changes)) = (old, &mut self.changes) {
            changes.remove(old.serial);
        }
    }

    /// Stops storing whatever is stored under a key; returns how much that was.
    pub(crate) fn forget(&mut self, key: &Key) -> usize {
        let before = self.due.len();
        self.due.retain(|(other, _), due| {
            if let Some(changes) = self.changes.as_mut().filter(|_| other == key) {
                changes.remove(due.serial);
            }
            other != key
        });
        before.saturating_sub(self.due.len())
    }

    /// At most so many that are due. They are due again when `next` says.
    pub(crate) fn take_due(&mut self, now: Time, most: usize, mut next: impl FnMut() -> Time) -> Vec<Name> {
        let due = self.due.iter().filter(|(_, due)| due.at <= now).take(most);
        let names: Vec<Name> = due.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.set(name.clone(), next()));
        names
    }

    /// What changed since the last call, to be written to a disk.
    pub(crate) fn take_changes(&mut self, now: Time, unix: Duration) -> Rows<SavedPublication> {
        let changes = self.changes.as_mut().map(std::mem::take).unwrap_or_default();
        let saved = |(serial, ((key, value), at)): (u64, (Name, Time))| {
            (serial, SavedPublication { key, value, due: unix.saturating_add(at.since(now)) })
        };
        Rows { put: changes.put.into_iter().map(saved).collect(), removed: changes.removed }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.due.keys().map(|(key, value)| (key, value.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8, u8, u64),
        Forget(u8),
        Due(u64, usize),
        /// Whether the disk writes it.
        Write(bool),
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_u8, 0..3_u8, 0..100_u64).prop_map(|(key, value, at)| Step::Add(key, value, at)),
            2 => (0..4_u8).prop_map(Step::Forget),
            2 => (0..100_u64, 0..3_usize).prop_map(|(now, most)| Step::Due(now, most)),
            2 => any::<bool>().prop_map(Step::Write),
            1 => Just(Step::Reopen),
        ]
    }

    fn at(secs: u64) -> Time {
        Time::ZERO + Duration::from_secs(secs)
    }

    fn view(publications: &Publications) -> BTreeMap<Name, Time> {
        publications.due.iter().map(|(name, due)| (name.clone(), due.at)).collect()
    }

    proptest! {
        #[test]
        fn a_disk_gives_back_what_was_published(steps in prop::collection::vec(step(), 1..60)) {
            let due = |unix: Duration| Time::ZERO + unix;
            let (mut memory, mut kept) = (Publications::default(), Publications::restore(BTreeMap::new(), due));
            let (mut disk, mut pending) = (BTreeMap::new(), Rows::<SavedPublication>::default());
            for step in steps {
                match step {
                    Step::Add(key, value, secs) => {
                        prop_assert!(memory.add([key; 20], vec![value], at(secs)) && kept.add([key; 20], vec![value], at(secs)));
                    }
                    Step::Forget(key) => prop_assert_eq!(memory.forget(&[key; 20]), kept.forget(&[key; 20])),
                    Step::Due(now, most) => {
                        // Which ones are taken depends on their order, which a restart changes.
                        let taken = memory.take_due(at(now), most, || at(now + 30));
                        for (key, value) in taken {
                            kept.reschedule(key, value, at(now + 30));
                        }
                    }
                    Step::Write(works) => {
                        pending.then(kept.take_changes(Time::ZERO, Duration::ZERO));
                        if works {
                            std::mem::take(&mut pending).apply(&mut disk);
                        }
                    }
                    Step::Reopen => {
                        pending.then(kept.take_changes(Time::ZERO, Duration::ZERO));
                        std::mem::take(&mut pending).apply(&mut disk);
                        kept = Publications::restore(disk.clone(), due);
                    }
                }
                prop_assert_eq!(view(&memory), view(&kept));
            }
        }
    }
}
