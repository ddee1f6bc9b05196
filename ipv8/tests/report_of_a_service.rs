//! A service's report knows what the kernel dropped until now.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::net::UdpSocket;

/// More than any receive buffer that the kernel grants: 20 MB.
const FLOOD: u64 = 20_000;

// On one thread, so that the node does not run before the test awaits.
#[tokio::test]
async fn drops_of_the_kernel_are_known_at_once() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let service = ipv8::builder().listen(listen).no_default_bootstrap().start().await.unwrap();
    assert_eq!(service.report().driver.kernel_drops, Some(0));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..FLOOD {
        sender.send_to(&[0; 1_000], service.local_addresses()[0]).unwrap();
    }
    assert!(service.report().driver.kernel_drops > Some(0));
}
