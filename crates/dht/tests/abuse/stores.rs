//! Stores: tokens, replays, floods.

use ipv8_core::DropReason;
use ipv8_dht::{
    DhtConfig, Family,
    messages::{FindRequest, StoreRequest},
    store::StoreLimits,
    value,
};

use crate::helpers::{find, key, many, node, node_with, send, token};

#[test]
fn values_are_stored_for_the_family_that_they_come_from() {
    let (ours, asker) = (node(), key(1));
    for (source, family, other) in [("[2001:db8::2]:2", Family::V6, Family::V4), ("10.0.0.2:2", Family::V4, Family::V6)]
    {
        let before = ours.1.with(|dht, _| (dht.store(family).len(), dht.store(other).len())).unwrap();
        let answer = send(&ours, (&asker, source), &find([7; 20], 0));
        let request = StoreRequest {
            identifier: 2,
            token: token(answer.last().unwrap()),
            target: [7; 20],
            values: vec![value::encode_unsigned(b"here")],
        };
        assert_eq!(send(&ours, (&asker, source), &request).len(), 1);
        let after = ours.1.with(|dht, _| (dht.store(family).len(), dht.store(other).len())).unwrap();
        assert_eq!(after, (before.0 + 1, before.1), "{family:?}");
    }
}

#[test]
fn a_token_is_good_at_its_address_only() {
    let (ours, asker) = (node(), key(1));
    let answer = send(&ours, (&asker, "10.0.0.2:2"), &find([7; 20], 0));
    let values = vec![value::encode_unsigned(b"replayed")];
    let request = StoreRequest { identifier: 2, token: token(answer.last().unwrap()), target: [7; 20], values };
    assert_eq!(send(&ours, (&asker, "10.0.0.3:2"), &request).len(), 0);
    assert_eq!(send(&ours, (&key(2), "10.0.0.2:2"), &request).len(), 0);
    assert_eq!(ours.1.with(|dht, _| dht.store(Family::V4).len()).unwrap(), 0);
    assert_eq!(send(&ours, (&asker, "10.0.0.2:2"), &request).len(), 1);
}

/// Stores values that nobody signed from an address, eight at a time, and returns how many requests were confirmed. The node knows
/// nobody but those who ask, and its rate limit is that of its clock, which stands still: so every ten queries come with another key.
fn flood(
    ours: &(ipv8_core::Node, ipv8_core::Handle<ipv8_dht::DhtCommunity>),
    from: &str,
    requests: u32,
    target: impl Fn(u32) -> [u8; 20],
) -> usize {
    let mut confirmed = 0;
    for number in 0..requests {
        let sender = many(number / 4);
        // Which of the packets that come is the answer, and which asks for a puncture, the last one says.
        let answer = send(ours, (&sender, from), &FindRequest { force_nodes: true, ..find(target(number), 0) });
        let Some(token) = answer.last().map(|answer| token(answer)) else { continue };
        let value = |place: u32| value::encode_unsigned(format!("{from} {number} {place}").as_bytes());
        let request =
            StoreRequest { identifier: 2, token, target: target(number), values: (0..8).map(value).collect() };
        confirmed += send(ours, (&sender, from), &request).len();
    }
    confirmed
}

/// What a node tells of a key: at most eight values.
fn told(ours: &(ipv8_core::Node, ipv8_core::Handle<ipv8_dht::DhtCommunity>), key: [u8; 20]) -> Vec<Vec<u8>> {
    ours.1.with(|dht, _| dht.store(Family::V4).get(&key, 0, 8)).unwrap()
}

const LIMITS: StoreLimits = StoreLimits { total: 400, per_key: 64, per_source: 100 };

fn small_node() -> (ipv8_core::Node, ipv8_core::Handle<ipv8_dht::DhtCommunity>) {
    node_with(DhtConfig { store: LIMITS, ..DhtConfig::default() })
}

#[test]
fn a_flood_from_one_address_is_bounded_counted_and_costs_others_nothing() {
    let ours = small_node();
    let honest = [0xaa; 20];
    assert_eq!(flood(&ours, "203.0.113.9:2", 1, |_| honest), 1);
    let target = |number: u32| [u8::try_from(number % 250).unwrap(); 20];
    assert!(flood(&ours, "198.51.100.7:2", 200, target) > 50);
    ours.1
        .with(|dht, _| {
            assert_eq!(dht.store(Family::V4).len(), LIMITS.per_source + 8);
            assert!(dht.stats().values_kept > 400, "{:?}", dht.stats());
        })
        .unwrap();
    assert_eq!(told(&ours, honest).len(), 8);
}

#[test]
fn a_flood_from_many_addresses_leaves_those_who_store_little() {
    let ours = small_node();
    let honest = [0xaa; 20];
    assert_eq!(flood(&ours, "203.0.113.9:2", 1, |_| honest), 1);
    for address in 1..=20 {
        let target = |number: u32| [u8::try_from(number + address * 12).unwrap(); 20];
        flood(&ours, &format!("198.51.{address}.7:2"), 12, target);
    }
    let (kept, len) = ours.1.with(|dht, _| (dht.stats().values_kept, dht.store(Family::V4).len())).unwrap();
    assert!(kept > 1_000 && len == LIMITS.total, "{kept} {len}");
    assert_eq!(told(&ours, honest).len(), 8);
}

#[test]
fn a_flood_of_one_key_hides_nobody_elses_value() {
    let ours = small_node();
    let wanted = [0xbb; 20];
    let owner = key(7);
    let answer = send(&ours, (&owner, "203.0.113.9:2"), &find(wanted, 0));
    let signed = value::encode_signed(b"here I am", 5, &owner).unwrap();
    let token = token(answer.last().unwrap());
    let request = StoreRequest { identifier: 2, token, target: wanted, values: vec![signed.clone()] };
    assert_eq!(send(&ours, (&owner, "203.0.113.9:2"), &request).len(), 1);
    flood(&ours, "198.51.100.7:2", 60, |_| wanted);
    let len = ours.1.with(|dht, _| dht.store(Family::V4).len()).unwrap();
    assert_eq!(len, LIMITS.per_key);
    // The newest first, as with the reference, would have been eight of the flood.
    assert!(told(&ours, wanted).contains(&signed));
}

#[test]
fn a_store_that_is_replayed_changes_nothing() {
    let (ours, owner) = (small_node(), key(7));
    let wanted = [0xcc; 20];
    let answer = send(&ours, (&owner, "203.0.113.9:2"), &find(wanted, 0));
    let token = token(answer.last().unwrap());
    let store = |version: u32| StoreRequest {
        identifier: 2,
        token,
        target: wanted,
        values: vec![value::encode_signed(b"state", version, &owner).unwrap()],
    };
    assert_eq!(send(&ours, (&owner, "203.0.113.9:2"), &store(5)).len(), 1);
    assert_eq!(send(&ours, (&owner, "203.0.113.9:2"), &store(6)).len(), 1);
    let newest = store(6).values;
    // The same packet, with its signature, from elsewhere and by somebody who may store: the older value stays out.
    assert_eq!(send(&ours, (&owner, "198.51.100.7:2"), &store(5)).len(), 0);
    assert_eq!(send(&ours, (&owner, "203.0.113.9:2"), &store(5)).len(), 1);
    let other = key(8);
    let theirs = send(&ours, (&other, "198.51.100.7:2"), &FindRequest { force_nodes: true, ..find(wanted, 0) });
    let replayed = StoreRequest { token: crate::helpers::token(theirs.last().unwrap()), ..store(5) };
    assert_eq!(send(&ours, (&other, "198.51.100.7:2"), &replayed).len(), 1);
    assert_eq!(told(&ours, wanted), newest);
    let stats = ours.1.with(|dht, _| *dht.stats()).unwrap();
    assert_eq!((stats.tokens_refused, stats.values_older), (1, 2), "{stats:?}");
    assert_eq!(ours.0.stats().dropped(DropReason::Refused), 1);
}

#[test]
fn what_is_too_large_or_no_value_is_not_kept() {
    let (ours, owner) = (small_node(), key(7));
    let wanted = [0xdd; 20];
    let answer = send(&ours, (&owner, "203.0.113.9:2"), &find(wanted, 0));
    let token = token(answer.last().unwrap());
    let store = |values: Vec<Vec<u8>>| StoreRequest { identifier: 2, token, target: wanted, values };
    let mut forged = value::encode_signed(b"forged", 5, &owner).unwrap();
    forged[4] ^= 1;
    for (values, confirmed) in [
        (vec![value::encode_unsigned(b"x"); 9], 0),
        (vec![vec![0; 171]], 0),
        (vec![Vec::new()], 0),
        (vec![vec![9, 9, 9]], 1),
        (vec![forged], 1),
    ] {
        assert_eq!(send(&ours, (&owner, "203.0.113.9:2"), &store(values)).len(), confirmed);
    }
    let stats = ours.1.with(|dht, _| *dht.stats()).unwrap();
    assert_eq!((stats.stores_too_large, stats.values_invalid, stats.values_kept), (2, 3, 0), "{stats:?}");
    assert_eq!(told(&ours, wanted), Vec::<Vec<u8>>::new());
}
