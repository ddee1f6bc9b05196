//! Values of our own that are stored again and again, so that they outlive the nodes that keep them.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use ipv8_core::Time;
use ipv8_crypto::PublicKey;

use crate::{
    id::Key,
    keep::{Rows, SavedPublication},
    value,
};

/// Publications at once: as many as can be stored again within half an hour.
pub const MOST_PUBLICATIONS: usize = 2_000;

/// Keys of which it is remembered which version we signed last.
const MOST_VERSIONS: usize = 4_096;

/// What is stored again, and when.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    /// By key and storage id: there is one version of what we sign.
    due: IndexMap<Name, Publication>,
    serial: u64,
    /// What we signed last under each key, also if it is not stored again. The one longest ago comes first.
    versions: IndexMap<Key, u32>,
    /// What changed, if that is of interest.
    changes: Option<Rows<(Key, Vec<u8>, Time)>>,
}

/// Key and storage id.
type Name = (Key, [u8; 20]);

#[derive(Clone, Debug)]
struct Publication {
    value: Vec<u8>,
    version: u32,
    at: Time,
    serial: u64,
}

impl Publications {
    /// Goes on where another run ended, and notes what changes. `due` says when each is stored again, which was to be done
    /// at a time since 1970.
    pub(crate) fn restore(saved: BTreeMap<u64, SavedPublication>, mut due: impl FnMut(Duration) -> Time) -> Self {
        let (mut publications, mut gone) = (Self::default(), Rows::default());
        for (serial, SavedPublication { key, value, due: at }) in saved {
            publications.serial = serial;
            let (id, version) = value::identity(&value);
            let known = publications.due.get(&(key, id));
            let is_newest = known.is_none_or(|known| known.version <= version);
            if !is_newest || (known.is_none() && publications.due.len() >= MOST_PUBLICATIONS) {
                gone.remove(serial);
                continue;
            }
            let publication = Publication { value, version, at: due(at), serial };
            if let Some(older) = publications.due.insert((key, id), publication) {
                gone.remove(older.serial);
            }
        }
        publications.changes = Some(gone);
        publications
    }

    /// The version of the next value that we sign under a key, at a time in seconds since 1970: higher than the last, whatever
    /// the clock does. Of the keys beyond [`MOST_VERSIONS`], only those are known that are stored again.
    pub(crate) fn next_version(&mut self, key: Key, own: &PublicKey, unix: u32) -> u32 {
        let remembered = self.versions.shift_remove(&key);
        let published = self.due.get(&(key, value::signer_id(own.as_bytes()))).map(|published| published.version);
        let last = remembered.max(published);
        let version = last.map_or(unix, |last| unix.max(last.saturating_add(1)));
        if self.versions.len() >= MOST_VERSIONS {
            self.versions.shift_remove_index(0);
        }
        self.versions.insert(key, version);
        version
    }

    /// Stores a value again at a time, in place of its signer's older one under the key; false if there are too many, or it
    /// is itself older than what is stored again.
    pub(crate) fn add(&mut self, key: Key, value: Vec<u8>, at: Time) -> bool {
        let (id, version) = value::identity(&value);
        let refused = match self.due.get(&(key, id)) {
            Some(known) => known.version > version,
            None => self.due.len() >= MOST_PUBLICATIONS,
        };
        if !refused {
            self.set((key, id), value, version, at);
        }
        !refused
    }

    /// Stores a value again at another time, if it is still to be stored again.
    pub(crate) fn reschedule(&mut self, key: Key, value: Vec<u8>, at: Time) {
        let (id, version) = value::identity(&value);
        if self.due.get(&(key, id)).is_some_and(|known| known.value == value) {
            self.set((key, id), value, version, at);
        }
    }

    fn set(&mut self, name: Name, value: Vec<u8>, version: u32, at: Time) {
        self.serial += 1;
        if let Some(changes) = &mut self.changes {
            changes.put(self.serial, (name.0, value.clone(), at));
        }
        let old = self.due.insert(name, Publication { value, version, at, serial: self.serial });
        if let (Some(old), Some(changes)) = (old, &mut self.changes) {
            changes.remove(old.serial);
        }
    }

    /// Stops storing whatever is stored under a key; returns how much that was.
    pub(crate) fn forget(&mut self, key: &Key) -> usize {
        let before = self.due.len();
        self.due.retain(|(other, _), publication| {
            if let Some(changes) = self.changes.as_mut().filter(|_| other == key) {
                changes.remove(publication.serial);
            }
            other != key
        });
        before.saturating_sub(self.due.len())
    }

    /// At most so many that are due, those first that have been for longest. They are due again when `next` says.
    pub(crate) fn take_due(&mut self, now: Time, most: usize, mut next: impl FnMut() -> Time) -> Vec<(Key, Vec<u8>)> {
        let mut due: Vec<_> = self.due.iter().filter(|(_, due)| due.at <= now).collect();
        due.sort_by_key(|(_, due)| (due.at, due.serial));
        let taken: Vec<_> = due.into_iter().take(most).map(|(name, due)| (*name, due.clone())).collect();
        taken
            .into_iter()
            .map(|(name, Publication { value, version, .. })| {
                self.set(name, value.clone(), version, next());
                (name.0, value)
            })
            .collect()
    }

    /// What changed since the last call, to be written to a disk.
    pub(crate) fn take_changes(&mut self, now: Time, unix: Duration) -> Rows<SavedPublication> {
        let changes = self.changes.as_mut().map(std::mem::take).unwrap_or_default();
        let saved = |(serial, (key, value, at)): (u64, (Key, Vec<u8>, Time))| {
            (serial, SavedPublication { key, value, due: unix.saturating_add(at.since(now)) })
        };
        Rows { put: changes.put.into_iter().map(saved).collect(), removed: changes.removed }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.due.iter().map(|((key, _), publication)| (key, publication.value.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

    use std::collections::{BTreeMap, BTreeSet};

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

    fn view(publications: &Publications) -> BTreeMap<(Key, Vec<u8>), Time> {
        publications.due.iter().map(|((key, _), due)| ((*key, due.value.clone()), due.at)).collect()
    }

    /// A value that one signed who is a number, with a signature that nobody looks at.
    fn signed(by: u8, version: u32, data: u8) -> Vec<u8> {
        [&[1, 0, 1, data], version.to_be_bytes().as_slice(), &[0, 1, by], &[9; 64]].concat()
    }

    fn values(publications: &Publications) -> Vec<Vec<u8>> {
        publications.iter().map(|(_, value)| value.to_vec()).collect()
    }

    #[test]
    fn a_new_version_takes_the_place_of_the_older_and_of_no_other() {
        let mut kept = Publications::restore(BTreeMap::new(), |_| Time::ZERO);
        let mut disk = BTreeMap::new();
        for version in 1..=3_000 {
            assert!(kept.add([1; 20], signed(7, version, 0), at(5)));
            kept.take_changes(Time::ZERO, Duration::ZERO).apply(&mut disk);
        }
        assert_eq!(values(&kept), [signed(7, 3_000, 0)]);
        assert_eq!(disk.into_values().map(|saved| saved.value).collect::<Vec<_>>(), [signed(7, 3_000, 0)]);
        // One that took longer to store comes too late.
        assert!(!kept.add([1; 20], signed(7, 2_999, 0), at(5)));
        kept.reschedule([1; 20], signed(7, 2_999, 0), at(6));
        assert_eq!(values(&kept), [signed(7, 3_000, 0)]);
        assert!(kept.add([1; 20], signed(8, 1, 0), at(5)) && kept.add([2; 20], signed(7, 1, 0), at(5)));
        assert!(kept.add([1; 20], vec![0, 1], at(5)) && kept.add([1; 20], vec![0, 2], at(5)));
        assert_eq!(kept.iter().count(), 5);
    }

    #[test]
    fn of_several_versions_on_a_disk_the_newest_goes_on() {
        let versions = [1, 3, 2].map(|version| SavedPublication {
            key: [1; 20],
            value: signed(7, version, 0),
            due: Duration::ZERO,
        });
        let mut disk: BTreeMap<u64, _> = (1..).zip(versions).collect();
        let mut kept = Publications::restore(disk.clone(), |_| Time::ZERO);
        assert_eq!(values(&kept), [signed(7, 3, 0)]);
        kept.take_changes(Time::ZERO, Duration::ZERO).apply(&mut disk);
        assert_eq!(disk.into_keys().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn those_are_first_that_have_been_due_for_longest() {
        let mut publications = Publications::default();
        for key in 0..40 {
            assert!(publications.add([key; 20], vec![0], at(40 - u64::from(key))));
        }
        let mut seen = BTreeSet::new();
        for round in 0..20 {
            let now = 100 + round * 10;
            let taken = publications.take_due(at(now), 2, || at(now + 30));
            seen.extend(taken.into_iter().map(|(key, _)| key));
        }
        // Those that are due again come after those that were never stored.
        assert_eq!(seen.len(), 40);
    }

    #[test]
    fn versions_rise_whatever_the_clock_does() {
        use rand::{SeedableRng, rngs::StdRng};
        let own =
            ipv8_crypto::PrivateKey::generate(ipv8_crypto::Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
        let mut publications = Publications::default();
        let mut next = |key, unix| publications.next_version(key, own.public(), unix);
        let versions = [100, 100, 100, 40, 102, 200].map(|unix| next([1; 20], unix));
        assert_eq!(versions, [100, 101, 102, 103, 104, 200]);
        assert_eq!(next([2; 20], 100), 100);
        assert_eq!(next([1; 20], u32::MAX), u32::MAX);
        // After a restart, what is stored again tells.
        let value = value::encode_signed(b"", 500, &own).unwrap();
        let saved = SavedPublication { key: [3; 20], value, due: Duration::ZERO };
        let mut restored = Publications::restore(BTreeMap::from([(1, saved)]), |_| Time::ZERO);
        assert_eq!(restored.next_version([3; 20], own.public(), 100), 501);
        for key in 0..10_000_u32 {
            let mut long = [9; 20];
            long[..4].copy_from_slice(&key.to_be_bytes());
            restored.next_version(long, own.public(), 100);
        }
        assert_eq!(restored.versions.len(), MOST_VERSIONS);
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
                        let taken = memory.take_due(at(now), most, || at(now + 30));
                        prop_assert_eq!(taken, kept.take_due(at(now), most, || at(now + 30)));
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
