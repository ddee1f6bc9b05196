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

/// The 64-bit network of this number in the 48-bit network of that.
fn network(site: u16, number: u16) -> Source {
    Source::of(IpAddr::from([0x2001, 0xdb8, site, number, 0, 0, 0, 1]))
}

#[test]
fn who_has_many_small_ipv6_networks_does_not_push_out_who_has_one() {
    let mut store = MemoryStore::new(LIMITS);
    let mine = |store: &MemoryStore| (0..10).filter(|id| has(store, u8::try_from(*id).unwrap(), 7_000 + id)).count();
    for id in 0..10 {
        store.put(entry(u8::try_from(id).unwrap(), 7_000 + id, network(1, 1)), NOW);
    }
    // A flood of everything, then of one key.
    for id in 0..1_000_u16 {
        store.put(entry(u8::try_from(id % 200).unwrap(), id.into(), network(2, id)), NOW + Duration::from_secs(1));
    }
    assert_eq!((store.len(), mine(&store)), (100, 10));
    for id in 1_000..2_000_u16 {
        store.put(entry(3, id.into(), network(2, id)), NOW + Duration::from_secs(1));
    }
    assert_eq!((store.len(), mine(&store)), (100, 10));
    // Of a network of 48 bits, that of 64 bits which has most makes room.
    let mut store = MemoryStore::new(LIMITS);
    store.put(entry(1, 1, network(1, 1)), NOW);
    for id in 100..300 {
        store.put(entry(u8::try_from(id % 200).unwrap(), id, network(1, 2)), NOW + Duration::from_secs(1));
    }
    for id in 1_000..2_000_u16 {
        store.put(entry(u8::try_from(id % 200).unwrap(), id.into(), from(u8::try_from(id % 3).unwrap())), NOW);
    }
    assert!(has(&store, 1, 1));
}

#[test]
fn of_sources_that_have_as_many_that_makes_room_whose_value_expires_first() {
    let mut store = MemoryStore::new(LIMITS);
    for last in (0..100_u8).rev() {
        // Those at higher addresses come first.
        store.put(entry(last, last.into(), from(last)), NOW + Duration::from_secs(100 - u64::from(last)));
    }
    store.put(entry(200, 200, from(200)), NOW + Duration::from_secs(200));
    assert!(!has(&store, 99, 99) && has(&store, 0, 0) && has(&store, 200, 200));
}

#[test]
fn who_copies_a_value_does_not_take_it_along_by_a_flood() {
    let later = NOW + Duration::from_secs(10);
    let flood = |store: &mut MemoryStore, source| {
        for id in 100..300 {
            store.put(entry(1, id, source), later + Duration::from_secs(10));
        }
    };
    for others in [0, 20] {
        // The author has other values too, or none.
        let with_others = || {
            let mut store = MemoryStore::new(LIMITS);
            for key in 0..others {
                store.put(entry(10 + key, 5, from(1)), NOW);
            }
            store
        };
        // A copy comes between.
        let mut store = with_others();
        store.put(entry(1, 7, from(1)), NOW);
        store.put(entry(1, 7, from(9)), later);
        flood(&mut store, from(9));
        assert!(has(&store, 1, 7), "copied later, {others} others");
        // The flood is there already when its author brings it again.
        let mut store = with_others();
        store.put(entry(1, 8, from(9)), NOW);
        store.put(entry(1, 7, from(9)), NOW + Duration::from_secs(1));
        for id in 100..118 {
            store.put(entry(1, id, from(9)), later);
        }
        store.put(entry(1, 7, from(1)), later);
        flood(&mut store, from(9));
        assert!(has(&store, 1, 7), "flooded first, {others} others");
        // The same on other keys.
        let mut store = with_others();
        store.put(entry(1, 7, from(9)), NOW);
        for id in 100..140 {
            store.put(entry(u8::try_from(id).unwrap(), id, from(9)), later);
        }
        store.put(entry(1, 7, from(1)), later);
        for id in 140..240 {
            store.put(entry(u8::try_from(id).unwrap(), id, from(9)), later + Duration::from_secs(10));
        }
        assert!(has(&store, 1, 7), "flooded other keys first, {others} others");
    }
}

#[test]
fn the_counts_are_right_whatever_comes_and_goes() {
    let mut store = MemoryStore::new(LIMITS);
    for round in 0..20_000_u32 {
        // Numbers that are spread evenly enough.
        let mixed = round.wrapping_mul(2_654_435_761) >> 8;
        let source = match mixed % 5 {
            0 => Source::Own,
            1 => network(u16::try_from(mixed % 3).unwrap(), u16::try_from(mixed / 7 % 9).unwrap()),
            _ => from(u8::try_from(mixed / 5 % 4).unwrap()),
        };
        let now = NOW + Duration::from_secs(u64::from(round / 4));
        store.put(entry(u8::try_from(mixed / 11 % 12).unwrap(), mixed / 13 % 40, source), now);
        store.expire(now);
        assert!(store.len() <= LIMITS.total);
    }
    let mut of_source = std::collections::BTreeMap::<Source, usize>::new();
    store.for_each(&mut |entry| *of_source.entry(entry.source).or_default() += 1);
    assert!(of_source.len() > 5 && of_source.values().all(|count| *count <= LIMITS.per_source), "{of_source:?}");
    assert_eq!(of_source.values().sum::<usize>(), store.len());
    assert_eq!(store.expire(NOW + Duration::from_secs(100_000)), of_source.values().sum::<usize>());
    assert!(store.is_empty());
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
