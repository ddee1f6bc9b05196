//! Two nodes on one machine find each other by beacons over real sockets, without any tracker.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real sockets take real time; what fails fails the test"
)]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use ipv8::{
    Community, CommunityId, Curve, Handle, OverlayConfig, PrivateKey, Routes, community_id,
    discovery::UdpBroadcastBootstrapper,
    net::{Endpoint, Listen, Running},
};
use rand::{SeedableRng, rngs::StdRng};

const PATIENCE: Duration = Duration::from_secs(30);

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("bea0bea0bea0bea0bea0bea0bea0bea0bea0bea0");

    fn routes(_: &mut Routes<Self>) {}
}

/// A node at the first free port from this one on, which broadcasts on loopback only.
fn start(port: u16, seed: u8) -> (Running, Handle<Plain>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap();
    let endpoint = Endpoint::bind(&[Listen::or_next((Ipv4Addr::UNSPECIFIED, port).into())], key).unwrap();
    endpoint.node().set_broadcast_addresses([Ipv4Addr::new(127, 255, 255, 255)]);
    let overlay = OverlayConfig::new(Plain).bootstrapper(UdpBroadcastBootstrapper::default());
    let handle = endpoint.node().load(overlay).unwrap();
    (endpoint.run(), handle)
}

#[tokio::test]
async fn two_nodes_meet_by_beacons() {
    let (first, one) = start(22_600, 1);
    let (second, other) = start(22_600, 2);
    let begin = Instant::now();
    let peers = |handle: &Handle<Plain>| handle.with(|_, cx| cx.peer_count()).unwrap();
    while peers(&one) != 1 || peers(&other) != 1 {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.stop().await;
    second.stop().await;
}
