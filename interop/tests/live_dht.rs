//! Nodes of the reference and ours form one DHT on loopback: what either stores, the other finds, with the right signer.
#![allow(clippy::disallowed_methods, reason = "real nodes, in real time")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod live_dht_common;

use std::time::{Duration, Instant};

use ipv8::{
    Service,
    dht::{Dht, Sign},
};
use live_dht_common::{Theirs, meet, ours, runtime, stop};
use serde_json::json;

/// Stores on both sides, and looks on both sides.
async fn store_and_find(theirs: &mut Theirs, ours: &[(Service, Dht)]) {
    let mut slowest = Duration::ZERO;
    for (number, (service, dht)) in ours.iter().enumerate() {
        let (their_key, our_key) =
            ([u8::try_from(number * 20 + 3).unwrap(); 20], [u8::try_from(number * 20 + 11).unwrap(); 20]);
        let node = number % theirs.keys.len();

        let data = hex::encode(format!("theirs {number}"));
        for sign in [false, true] {
            let request =
                json!({"do": "store", "node": node, "key": hex::encode(their_key), "data": data, "sign": sign});
            assert!(theirs.ask(&request).await["stored"].as_u64().unwrap() > 0);
        }
        let begun = Instant::now();
        let found = dht.find_values(their_key).await.unwrap();
        slowest = slowest.max(begun.elapsed());
        let found: Vec<_> = found
            .iter()
            .map(|value| (hex::encode(&value.data), value.signer.as_ref().map(|key| hex::encode(key.as_bytes()))))
            .collect();
        assert_eq!(found, [(data.clone(), Some(theirs.keys[node].clone())), (data, None)], "theirs, value {number}");

        let begun = Instant::now();
        let text = format!("ours {number}");
        for sign in [Sign::No, Sign::Yes] {
            let stored = dht.store(our_key, text.as_bytes(), sign).await.unwrap();
            assert!(!stored.nodes.is_empty());
        }
        slowest = slowest.max(begun.elapsed());
        let (data, key) = (hex::encode(text), hex::encode(service.key().as_bytes()));
        let found = theirs.find((node + 1) % theirs.keys.len(), our_key).await;
        assert_eq!(found, [(data.clone(), Some(key)), (data, None)], "ours, value {number}");
    }
    // Twice the time in which a dead node is given up, for a busy machine: nobody is dead.
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
}

#[test]
fn one_node_of_each() {
    let Some(mut theirs) = Theirs::start(1, &[]) else { return };
    runtime().block_on(async {
        let ours = vec![ours(theirs.started.listen).await];
        meet(&mut theirs, &ours, 1).await;
        store_and_find(&mut theirs, &ours).await;
        stop(ours).await;
    });
    theirs.stop();
}

#[test]
fn ten_nodes_of_each() {
    let Some(mut theirs) = Theirs::start(10, &[]) else { return };
    runtime().block_on(async {
        let mut all = Vec::new();
        for _ in 0..10 {
            all.push(ours(theirs.started.listen).await);
        }
        // With ids that begin alike, since all are at one address, not everybody has room for everybody.
        meet(&mut theirs, &all, 10).await;
        store_and_find(&mut theirs, &all).await;
        stop(all).await;
    });
    theirs.stop();
}
