//! The builder gives an overlay a walk and its trackers, unless the overlay goes without.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use ipv8::{Community, CommunityId, OverlayConfig, Routes, Service, community_id};

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a7");

    fn routes(_: &mut Routes<Self>) {}
}

/// Where a tracker could be; nothing that is sent there arrives.
const TRACKER: &str = "127.0.0.1:1";

async fn start(overlay: OverlayConfig<Plain>) -> Service {
    let builder = ipv8::builder().listen("127.0.0.1:0".parse().unwrap()).bootstrap(TRACKER);
    builder.overlay(overlay).start().await.unwrap()
}

/// A strategy takes a step now and then, and nothing else of these nodes waits for a time.
fn walks(service: &Service) -> bool {
    service.node().next_deadline().is_some()
}

/// Trackers never become peers.
fn knows_the_tracker(service: &Service) -> bool {
    service.node().network(|network| network.is_blacklisted(TRACKER.parse().unwrap())).unwrap()
}

#[tokio::test]
async fn an_overlay_walks_and_knows_the_trackers() {
    let service = start(OverlayConfig::new(Plain)).await;
    assert!(walks(&service) && knows_the_tracker(&service));
}

#[tokio::test]
async fn an_overlay_may_go_without_strategies() {
    let service = start(OverlayConfig::new(Plain).no_strategies()).await;
    assert!(!walks(&service) && knows_the_tracker(&service));
}

#[tokio::test]
async fn an_overlay_may_go_without_bootstrappers() {
    let service = start(OverlayConfig::new(Plain).no_bootstrappers()).await;
    assert!(walks(&service) && !knows_the_tracker(&service));
}
