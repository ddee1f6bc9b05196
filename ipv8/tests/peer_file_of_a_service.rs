//! A service saves its peers when it stops, and walks to them when it starts again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::Directory;
use ipv8::{Builder, Community, CommunityId, OverlayConfig, RandomWalk, Routes, Service, Target, community_id};

#[derive(Default)]
struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a7");

    fn routes(_: &mut Routes<Self>) {}
}

fn builder() -> Builder {
    let walk = OverlayConfig::new(Plain).strategy(RandomWalk::default(), Target::Peers(10));
    ipv8::builder()
        .listen("127.0.0.1:0".parse().unwrap())
        .no_default_bootstrap()
        .walker_interval(Duration::from_millis(20))
        .overlay(walk)
}

async fn peers_of(service: &Service, wanted: usize) {
    let met = async {
        while service.node().network(ipv8::core::Network::len) != Some(wanted) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), met).await.unwrap();
}

#[tokio::test]
async fn the_peers_of_one_run_are_found_in_the_next_without_a_tracker() {
    let directory = Directory::new();
    let file = directory.file("peers.dat");
    let key_file = directory.file("a.key");
    let other = builder().start().await.unwrap();
    let address = other.local_addresses()[0];

    let first = builder().key_file(&key_file, ipv8::Curve::Curve25519).peer_file(&file, Duration::from_secs(60));
    let first = first.start().await.unwrap();
    first.handle::<Plain>().unwrap().with(|_, cx| cx.walk_to(address)).unwrap();
    peers_of(&first, 1).await;
    assert!(!file.exists());
    first.stop().await;
    assert!(file.exists());

    let second = builder().key_file(&key_file, ipv8::Curve::Curve25519).peer_file(&file, Duration::from_secs(60));
    let second = second.start().await.unwrap();
    peers_of(&second, 1).await;
    second.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_the_node_runs() {
    let directory = Directory::new();
    let file = directory.file("peers.dat");
    std::fs::write(&file, b"garbage").unwrap();
    builder().peer_file(&file, Duration::from_secs(60)).start().await.unwrap().stop().await;
    assert!(directory.file("peers.dat.damaged-1").exists() && file.exists());
}
