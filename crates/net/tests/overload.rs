//! A node that gets more than it can take: who sends little is heard, whoever floods.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::{net::UdpSocket, time::Duration};

use ipv8_core::{
    Community, Context, NodeConfig, Routes,
    crypto::{Curve, PrivateKey},
};
use ipv8_net::{Endpoint, Listen};
use ipv8_wire::{CommunityId, Message, Prefix, community_id};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message)]
#[message(id = 1, unsigned)]
struct Question {
    number: u32,
}

#[derive(Message)]
#[message(id = 2, unsigned)]
struct Answer {
    number: u32,
}

/// Takes a fifth of a millisecond for each question.
struct Slow;

impl Community for Slow {
    const ID: CommunityId = community_id!("ee00000000000000000000000000000000000005");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &std::net::SocketAddr, m: Question| {
            std::thread::sleep(Duration::from_micros(200));
            cx.send_to(*from, Answer { number: m.number });
        });
    }
}

fn question(number: u32) -> Vec<u8> {
    [Prefix::new(Slow::ID).as_bytes().as_slice(), &[1], &number.to_be_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_sends_little_is_answered_beside_a_flood() {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let listen = [Listen::exactly("127.0.0.1:0".parse().unwrap())];
    let endpoint = Endpoint::bind_with(&listen, |seed| NodeConfig::new(key, seed)).unwrap();
    endpoint.node().load(Slow).unwrap();
    let node = endpoint.run();
    let to = node.local_addresses()[0];
    let answered = tokio::task::spawn_blocking(move || {
        let (flood, honest) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        honest.set_nonblocking(true).unwrap();
        let mut answered = 0;
        let mut buffer = [0; 100];
        // Four times what the node can take, for half a second at least, and one question in a hundred of somebody else.
        for number in 0..10_000_u32 {
            flood.send_to(&question(number), to).unwrap();
            if number % 100 == 0 {
                honest.send_to(&question(number), to).unwrap();
            }
            if number % 20 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            answered += usize::from(honest.recv(&mut buffer).is_ok());
        }
        std::thread::sleep(Duration::from_millis(500));
        answered + std::iter::from_fn(|| honest.recv(&mut buffer).ok()).count()
    });
    let answered = answered.await.unwrap();
    let driver = node.report().driver;
    assert!(driver.crowded_out > 0, "it was no overload: {driver:?}");
    assert!(answered >= 80, "{answered} of 100 honest questions were answered; {driver:?}");
    node.stop().await;
}
