//! Our beacons and the reference's bring nodes together, without any tracker.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use ipv8::{
    Community, CommunityId, Curve, Handle, OverlayConfig, PrivateKey, Routes, community_id,
    discovery::UdpBroadcastBootstrapper,
    net::{Endpoint, Listen, Running},
};
use ipv8_interop::{Process, python, script};
use rand::{SeedableRng, rngs::StdRng};

const SOON: Duration = Duration::from_secs(40);

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("bea1bea1bea1bea1bea1bea1bea1bea1bea1bea1");

    fn routes(_: &mut Routes<Self>) {}
}

/// A node that hears beacons, and broadcasts its own on loopback if it should.
fn ours(community: CommunityId, speaks: bool) -> (Running, Handle<Plain>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let endpoint = Endpoint::bind(&[Listen::exactly((Ipv4Addr::UNSPECIFIED, 0).into())], key).unwrap();
    let loopback = speaks.then_some(Ipv4Addr::new(127, 255, 255, 255));
    endpoint.node().set_broadcast_addresses(loopback);
    // So fast that it finds a port of the system's choice while the test waits.
    let overlay = OverlayConfig::new(Plain).id(community).bootstrapper(UdpBroadcastBootstrapper::default().rate(5_000));
    let handle = endpoint.node().load(overlay).unwrap();
    (endpoint.run(), handle)
}

/// Starts one of each, of which some send beacons, and waits until they know each other. Whoever runs beside it on this
/// machine hears them too, so that every test has a community of its own.
async fn meet(community: [u8; 20], we_speak: bool, they_speak: bool) {
    let Some(python) = python() else { return };
    // Ours has to be there when theirs sends its beacons, which it does once.
    let (running, handle) = ours(CommunityId(community), we_speak);
    let mut command = script(&python, "beacon.py");
    command.args(["--community", &CommunityId(community).to_string()]);
    if !they_speak {
        command.arg("--silent");
    }
    let mut theirs = Process::spawn("their peer", command).unwrap();
    let (theirs, started) = tokio::task::spawn_blocking(move || {
        let started = theirs.started(SOON);
        (theirs, started)
    })
    .await
    .unwrap();
    let mut theirs = theirs;
    let started = started.unwrap();
    let begin = Instant::now();
    let peer = loop {
        if let Some(peer) = handle.with(|_, cx| cx.peers().pop()).unwrap() {
            break peer;
        }
        assert!(begin.elapsed() < SOON, "not within {SOON:?}\n{}", theirs.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((peer.mid().to_string(), peer.address()), (started.mid, started.listen));
    let mid = running.node().key().mid().to_string();
    let (mut theirs, found) = tokio::task::spawn_blocking(move || {
        let found = theirs.finds(&mid, SOON);
        (theirs, found)
    })
    .await
    .unwrap();
    found.unwrap();
    let status = tokio::task::spawn_blocking(move || theirs.terminate(Duration::from_secs(10))).await.unwrap().unwrap();
    assert!(status.success());
    running.stop().await;
}

#[tokio::test]
async fn their_beacon_reaches_us() {
    meet([0xb1; 20], false, true).await;
}

#[tokio::test]
async fn our_beacon_reaches_them() {
    meet([0xb2; 20], true, false).await;
}
