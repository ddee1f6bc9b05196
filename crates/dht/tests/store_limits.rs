//! What is kept is bounded, and the least valuable goes first.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{net::IpAddr, time::Duration};

use ipv8_dht::store::{Entry, MemoryStore, Put, Source, Store, StoreLimits};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn entry(key: u8, id: u32, source: Source) -> Entry {
    let mut full = [0; 20];
    full[..4].copy_from_slice(&id.to_be_bytes());
    let max_age = Duration::from_secs(3_600);
    Entry { key: [key; 20], id: full, value: id.to_be_bytes().to_vec(), version: 0, max_age, source }
}

fn from(last: u8) -> Source {
    Source::of(IpAddr::from([10, 0, 0, last]))
}

const LIMITS: StoreLimits = StoreLimits { total: 100, per_key: 20, per_source: 50 };

fn has(store: &MemoryStore, key: u8, id: u32) -> bool {
    store.get(&[key; 20], 0, usize::MAX).contains(&id.to_be_bytes().to_vec())
}

#[test]
fn a_flood_of_one_source_pushes_out_its_own_values() {
    let mut store = MemoryStore::new(LIMITS);
    for id in 0..10 {
        store.put(entry(u8::try_from(id).unwrap(), 1_000 + id, from(1)), NOW);
    }
    for id in 0..10_000 {
        store.put(entry(u8::try_from(id % 200).unwrap(), id, from(2)), NOW + Duration::from_secs(1));
    }
    assert_eq!(store.len(), 60);
    assert!((0..10).all(|id| has(&store, u8::try_from(id).unwrap(), 1_000 + id)));
}

#[test]
fn a_flood_of_many_sources_leaves_those_with_little_and_our_own() {
    let mut store = MemoryStore::new(LIMITS);
    store.put(entry(250, 7, Source::Own), NOW);
    store.put(entry(251, 8, from(200)), NOW);
    for id in 0..20_000_u32 {
        store.put(entry(u8::try_from(id % 200).unwrap(), id, from(u8::try_from(id % 4).unwrap())), NOW);
    }
    assert_eq!(store.len(), 100);
    assert!(has(&store, 250, 7) && has(&store, 251, 8));
}

#[test]
fn a_flood_on_one_key_leaves_the_values_of_others_there() {
    let mut store = MemoryStore::new(LIMITS);
    store.put(entry(1, 7, from(1)), NOW);
    store.put(entry(1, 8, Source::Own), NOW);
    for id in 100..5_000 {
        assert_eq!(store.put(entry(1, id, from(9)), NOW + Duration::from_secs(1)), Put::Kept);
    }
    assert_eq!(store.len(), 20);
    assert!(has(&store, 1, 7) && has(&store, 1, 8));
}

#[test]
fn a_source_has_no_more_than_its_share_by_pushing_out_others_key_by_key() {
    let mut store = MemoryStore::new(StoreLimits { total: 10_000, ..LIMITS });
    for key in 0..100 {
        for id in 0..20 {
            store.put(entry(key, id, from(key)), NOW);
        }
        store.put(entry(key, 1_000, from(200)), NOW + Duration::from_secs(1));
    }
    let mut has = 0;
    store.for_each(&mut |entry| has += usize::from(entry.source == from(200)));
    assert_eq!(has, LIMITS.per_source);
}

#[test]
fn addresses_of_one_ipv6_network_are_one_source() {
    let mut store = MemoryStore::new(LIMITS);
    for id in 0..1_000_u32 {
        let ip: IpAddr = format!("2001:db8:0:1::{id:x}").parse().unwrap();
        store.put(entry(u8::try_from(id % 200).unwrap(), id, Source::of(ip)), NOW);
    }
    assert_eq!(store.len(), 50);
}

#[test]
fn looking_for_what_is_not_there_leaves_nothing() {
    let store = MemoryStore::new(LIMITS);
    for key in 0..=255 {
        assert_eq!(store.get(&[key; 20], 4_000_000_000, 8), Vec::<Vec<u8>>::new());
    }
    let mut kept = 0;
    store.for_each(&mut |_| kept += 1);
    assert_eq!((kept, store.len()), (0, 0));
}

#[test]
fn everything_that_is_too_old_goes_wherever_it_stands() {
    let mut store = MemoryStore::new(LIMITS);
    let mut short = entry(1, 1, from(1));
    short.max_age = Duration::from_secs(10);
    store.put(short, NOW);
    store.put(entry(1, 2, from(1)), NOW);
    let mut last = entry(1, 3, from(1));
    last.id = last.key;
    store.put(last, NOW);
    assert_eq!(store.expire(NOW + Duration::from_secs(10)), 0, "at its age it is not too old");
    assert_eq!(store.expire(NOW + Duration::from_secs(11)), 1);
    assert!(!has(&store, 1, 1) && has(&store, 1, 2) && has(&store, 1, 3));
    assert_eq!(store.expire(NOW + Duration::from_secs(3_601)), 2);
    assert!(store.is_empty());
}
