//! Nodes that cannot be stored on at once are stored on later: all that count as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{dht, grown, secs, world};
use ipv8_core::Task;
use ipv8_dht::{Dht, DhtConfig, Family, Sign, StoreError, Stored};
use ipv8_sim::Link;

/// More than eight nodes take at once: one takes nine queries within five seconds.
const VALUES: u16 = 200;

fn key(number: u16) -> [u8; 20] {
    let mut key = [0x3c; 20];
    key[..2].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
    key
}

fn store_all(own: &Dht) -> Vec<Task<Result<Stored, StoreError>>> {
    let store = |number: u16| {
        let dht = own.clone();
        let storing = async move { dht.store(key(number), &number.to_be_bytes(), Sign::No).await };
        own.handle().spawn(storing).unwrap()
    };
    (0..VALUES).map(store).collect()
}

#[test]
fn what_counts_as_stored_later_is() {
    let mut world = world(41, Link::default());
    let config = DhtConfig { maintenance: None, peers: false, expiry: secs(7_200), ..DhtConfig::default() };
    let nodes = grown(&mut world, 9, &config);
    let own = dht(&world, nodes[0]);
    let storing = store_all(&own);
    world.run_for(secs(300));
    let mut later = 0;
    for (number, mut task) in (0..VALUES).zip(storing) {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(result) = std::pin::Pin::new(&mut task).poll(&mut cx) else { panic!("not over") };
        let stored: Stored = result.unwrap().unwrap();
        let has = |node: &&ipv8_sim::NodeId| {
            let get = |dht: &mut ipv8_dht::DhtCommunity, _: &mut ipv8_core::Context<'_>| {
                !dht.store(Family::V4).get(&key(number), 0, 1).is_empty()
            };
            dht(&world, **node).handle().with(get).unwrap()
        };
        let kept = nodes[1..].iter().filter(has).count();
        assert!(kept >= stored.nodes.len() + stored.later, "{number}: {kept} of {stored:?}");
        later += stored.later;
    }
    assert!(later > 100, "{later}");
    assert_eq!(own.handle().with(|dht, _| dht.storing_later()).unwrap(), 0);
}
