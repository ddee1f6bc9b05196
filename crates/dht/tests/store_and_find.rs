//! A hundred nodes: what one stores, any other finds, with the right signer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{closest, grown, known, mid, run, secs, world};
use ipv8_dht::{DhtConfig, FindError, Sign, StoreError, TraceEvent};
use ipv8_sim::Link;

#[test]
fn values_are_found_from_anywhere() {
    let mut world = world(1, Link::default());
    let nodes = grown(&mut world, 100, &DhtConfig::default());
    for (number, (from, to)) in [(3, 80), (55, 12), (99, 0), (41, 42)].into_iter().enumerate() {
        let key = [u8::try_from(number * 60 + 7).unwrap(); 20];
        let started = world.now();
        let stored = run(&mut world, nodes[from], |dht| async move {
            dht.store(key, b"unsigned", Sign::No).await.unwrap();
            dht.store(key, b"signed", Sign::Yes).await.unwrap()
        });
        assert_eq!(stored.nodes.len(), 8, "{stored:?}");
        let found = run(&mut world, nodes[to], |dht| async move { dht.find_values(key).await.unwrap() });
        let found: Vec<_> = found.iter().map(|value| (value.data.clone(), value.signer_mid())).collect();
        let signer = mid(&world, nodes[from]);
        assert_eq!(found, [(b"signed".to_vec(), Some(signer)), (b"unsigned".to_vec(), None)]);
        // Nobody had to be waited for in vain.
        assert!(world.now().since(started) < secs(3), "{:?}", world.now().since(started));
    }
}

#[test]
fn a_newer_value_of_a_signer_takes_the_place_of_the_older() {
    let mut world = world(2, Link::default());
    let nodes = grown(&mut world, 30, &DhtConfig::default());
    let key = [77; 20];
    run(&mut world, nodes[4], |dht| async move { dht.store(key, b"old", Sign::Yes).await.unwrap() });
    run(&mut world, nodes[5], |dht| async move { dht.store(key, b"other", Sign::Yes).await.unwrap() });
    world.run_for(secs(2));
    run(&mut world, nodes[4], |dht| async move { dht.store(key, b"new", Sign::Yes).await.unwrap() });
    let mut found = run(&mut world, nodes[9], |dht| async move { dht.find_values(key).await.unwrap() });
    found.sort_by_key(|value| value.data.clone());
    let found: Vec<_> = found.iter().map(|value| (value.data.as_slice(), value.signer_mid())).collect();
    let (new, other) = (mid(&world, nodes[4]), mid(&world, nodes[5]));
    assert_eq!(found, [(b"new".as_slice(), Some(new)), (b"other".as_slice(), Some(other))]);
}

#[test]
fn versions_of_one_second_follow_each_other_and_the_last_is_stored_again() {
    let mut world = world(4, Link::default());
    let nodes = grown(&mut world, 10, &DhtConfig { republish: Some(secs(600)), ..DhtConfig::default() });
    let key = [78; 20];
    let stored = run(&mut world, nodes[4], |dht| async move {
        let mut stored = Vec::new();
        for data in 0..4 {
            stored.push(dht.store(key, &[data], Sign::Yes).await.unwrap());
        }
        stored
    });
    assert!(stored.iter().all(|stored| stored.republished));
    let found = run(&mut world, nodes[9], |dht| async move { dht.find_values(key).await.unwrap() });
    assert_eq!(found.iter().map(|value| value.data.clone()).collect::<Vec<_>>(), [[3]]);
    let publications = common::dht(&world, nodes[4]).publications().unwrap();
    let data = publications.iter().map(|(_, value)| ipv8_dht::Value::decode(value).unwrap().data);
    assert_eq!(data.collect::<Vec<_>>(), [[3]]);
    // What is not to be stored again says so.
    let mut world = common::world(4, Link::default());
    let nodes = grown(&mut world, 10, &DhtConfig::default());
    let stored = run(&mut world, nodes[4], |dht| async move { dht.store(key, b"once", Sign::No).await.unwrap() });
    assert!(!stored.republished);
}

#[test]
fn the_closest_nodes_are_found() {
    let mut world = world(3, Link::default());
    let nodes = grown(&mut world, 100, &DhtConfig::default());
    let key = [0x5a; 20];
    let (found, trace) = run(&mut world, nodes[17], |dht| async move { dht.trace_nodes(key).await.unwrap() });
    let own = mid(&world, nodes[17]);
    let expected: Vec<_> = closest(&world, &nodes, &key).into_iter().filter(|mid| *mid != own).take(8).collect();
    let found: Vec<_> = found.iter().map(|peer| peer.mid()).collect();
    let right = found.iter().filter(|mid| expected.contains(mid)).count();
    assert!(right >= 7, "{right} of the 8 closest: found {found:?}, expected {expected:?}");
    assert!(trace.iter().filter(|step| step.event == TraceEvent::Asked).count() <= 24);
    assert!(trace.iter().all(|step| step.event != TraceEvent::Silent), "{trace:?}");
    assert!(known(&world, nodes[17]) > 15);
}

#[test]
fn a_stream_yields_values_before_the_search_ends() {
    let mut world = world(4, Link::default());
    let nodes = grown(&mut world, 60, &DhtConfig::default());
    let key = [9; 20];
    run(&mut world, nodes[1], |dht| async move { dht.store(key, b"early", Sign::No).await.unwrap() });
    let data = run(&mut world, nodes[50], |dht| async move {
        let mut values = dht.values(key).unwrap();
        let mut all = Vec::new();
        while let Some(value) = values.next().await.unwrap() {
            all.push(value.data);
        }
        let (selected, trace) = values.finish().unwrap();
        assert_eq!(selected.len(), 1);
        // Most of the nodes were asked after the first one had told the value.
        assert!(trace.iter().filter(|step| matches!(step.event, TraceEvent::Values(_))).count() > 1, "{trace:?}");
        all
    });
    assert_eq!(data, [b"early".to_vec()]);
}

#[test]
fn limits_are_checked_before_anything_is_sent() {
    let mut world = world(5, Link::default());
    let node = world.add_node(common::options(&DhtConfig::default()));
    world.run_for(secs(1));
    for (sign, most) in [(Sign::No, 169), (Sign::Yes, 23)] {
        let long = vec![0; most + 1];
        let error = run(&mut world, node, |dht| async move { dht.store([1; 20], &long, sign).await.unwrap_err() });
        assert!(matches!(error, StoreError::TooLong { most: told, .. } if told == most), "{error}");
    }
    // One that fits gets as far as finding that nobody is there.
    let error = run(&mut world, node, |dht| async move { dht.store([1; 20], &[0; 23], Sign::Yes).await.unwrap_err() });
    assert!(matches!(error, StoreError::NoNodes), "{error}");
    let error = run(&mut world, node, |dht| async move { dht.find_values([1; 20]).await.unwrap_err() });
    assert_eq!(error, FindError::NoNodes);
}

#[test]
fn dead_nodes_and_loss_are_survived() {
    let mut world = world(6, Link::default().loss(0.05));
    let nodes = grown(&mut world, 60, &DhtConfig::default());
    for number in 0..10_u8 {
        let key = [number * 25; 20];
        run(&mut world, nodes[usize::from(number)], move |dht| async move {
            dht.store(key, &[number], Sign::Yes).await.unwrap()
        });
    }
    // A quarter of the nodes go.
    for node in &nodes[20..35] {
        world.crash(*node);
    }
    for number in 0..10_u8 {
        let key = [number * 25; 20];
        let found = run(&mut world, nodes[59], move |dht| async move { dht.find_values(key).await.unwrap() });
        assert_eq!(found.len(), 1, "value {number}");
        assert_eq!(found[0].data, [number]);
    }
}
