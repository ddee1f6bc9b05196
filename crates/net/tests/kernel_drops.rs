//! What the kernel drops before a node sees it is known, on Linux.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use ipv8_core::crypto::{Curve, PrivateKey};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};

/// More than any receive buffer that the kernel grants: 20 MB.
const FLOOD: u64 = 20_000;

fn start(listen: &[&str]) -> Running {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let listen: Vec<_> = listen.iter().map(|address| Listen::exactly(address.parse().unwrap())).collect();
    Endpoint::bind(&listen, key).unwrap().run()
}

// On one thread, so that the node does not run before the test awaits.
#[tokio::test]
async fn datagrams_that_find_a_full_buffer_are_counted() {
    let node = start(&["127.0.0.1:0"]);
    assert_eq!(node.report().driver.kernel_drops, Some(0));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..FLOOD {
        sender.send_to(&[0; 1_000], node.local_addresses()[0]).unwrap();
    }
    let driver = node.report().driver;
    assert!(driver.kernel_drops > Some(0), "{driver:?}");
    assert!(driver.receive_buffer > 0, "{driver:?}");
    let begin = Instant::now();
    loop {
        let report = node.report();
        // What the kernel took of a burst is not lost by the node.
        assert_eq!(report.driver.crowded_out, 0);
        if report.totals.received + report.driver.kernel_drops.unwrap_or(0) == FLOOD {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{report}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(node.node().report().driver.kernel_drops, driver.kernel_drops, "the node was told");
}

#[tokio::test]
async fn a_node_counts_its_own_sockets_only() {
    let (flooded, other) = (start(&["127.0.0.1:0"]), start(&["127.0.0.1:0"]));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..FLOOD {
        sender.send_to(&[0; 1_000], flooded.local_addresses()[0]).unwrap();
    }
    assert!(flooded.report().driver.kernel_drops > Some(0));
    assert_eq!(other.report().driver.kernel_drops, Some(0));
}
