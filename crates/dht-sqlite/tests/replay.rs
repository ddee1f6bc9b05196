//! What a file gives back is what memory had, whatever was put, replaced, pushed out and expired, and whenever it was written
//! and opened again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::IpAddr, time::Duration};

use common::{NOW, open};
use ipv8_dht::{
    keep::{Batch, Disk},
    store::{Entry, MemoryStore, Put, Source, Store, StoreLimits},
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, id: u8, version: u32, max_age: u64, source: u8 },
    Wait(u64),
    Expire,
    Write,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..4_u8, 0..8_u8, 0..3_u32, 0..100_u64, 0..4_u8)
        .prop_map(|(key, id, version, max_age, source)| Step::Put { key, id, version, max_age, source });
    prop_oneof![
        12 => put,
        2 => (0..40_u64).prop_map(Step::Wait),
        1 => Just(Step::Expire),
        2 => Just(Step::Write),
        1 => Just(Step::Reopen),
    ]
}

const LIMITS: StoreLimits = StoreLimits { total: 16, per_key: 6, per_source: 7 };

fn entry(key: u8, id: u8, version: u32, max_age: u64, source: u8) -> Entry {
    let source = match source {
        0 => Source::Own,
        1 => Source::of("2001:db8::1".parse().unwrap()),
        other => Source::of(IpAddr::from([10, 0, 0, other])),
    };
    // One id is the key itself, which is ordered differently.
    let value = vec![0, key, id, u8::try_from(version).unwrap()];
    Entry { key: [key; 20], id: [id; 20], value, version, max_age: Duration::from_secs(max_age), source }
}

/// All that can be told from outside.
fn view(store: &dyn Store) -> (Vec<Vec<Vec<u8>>>, Vec<Entry>) {
    let mut entries = Vec::new();
    store.for_each(&mut |entry| entries.push(entry.clone()));
    entries.sort_by_key(|entry| (entry.key, entry.id));
    ((0..4).map(|key| store.get(&[key; 20], 0, usize::MAX)).collect(), entries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_gives_back_what_memory_had(steps in prop::collection::vec(step(), 1..120)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dht.sqlite");
        let (mut disk, saved, _) = open(&path).unwrap();
        let mut now = NOW;
        // The one is never closed; the other one is all the time.
        let mut memory = MemoryStore::new(LIMITS);
        let mut kept = MemoryStore::restore(LIMITS, saved.v4, now);
        for step in steps {
            match step {
                Step::Put { key, id, version, max_age, source } => {
                    let entry = entry(key, id, version, max_age, source);
                    let puts: [Put; 2] = [memory.put(entry.clone(), now), kept.put(entry, now)];
                    prop_assert_eq!(puts[0], puts[1]);
                }
                Step::Wait(secs) => now += Duration::from_secs(secs),
                Step::Expire => {
                    prop_assert_eq!(memory.expire(now), kept.expire(now));
                }
                Step::Write => {
                    disk.commit(&Batch { v4: kept.take_changes(), ..Batch::default() }).unwrap();
                }
                Step::Reopen => {
                    disk.commit(&Batch { v4: kept.take_changes(), ..Batch::default() }).unwrap();
                    drop(disk);
                    let (again, saved, _) = open(&path).unwrap();
                    prop_assert_eq!(saved.v4.len(), memory.len());
                    disk = again;
                    kept = MemoryStore::restore(LIMITS, saved.v4, now);
                    // What is too old is not loaded.
                    memory.expire(now);
                }
            }
            prop_assert_eq!(view(&memory), view(&kept));
        }
    }
}

#[test]
fn after_the_clock_was_set_back_nothing_is_kept_for_longer_than_its_age() {
    let mut store = MemoryStore::restore(LIMITS, Default::default(), NOW);
    store.put(entry(1, 2, 0, 100, 2), NOW);
    let saved = store.take_changes().put;
    let earlier = NOW - Duration::from_secs(86_400);
    let mut store = MemoryStore::restore(LIMITS, saved, earlier);
    assert_eq!(store.expire(earlier + Duration::from_secs(100)), 0);
    assert_eq!(store.expire(earlier + Duration::from_secs(101)), 1);
}
