//! An observer is told what becomes of every datagram, and of what a node could not do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use ipv8_core::{
    Community, Context, Node, NodeConfig, Observation, Peer, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Divide {
    by: u32,
}

struct Divider(u32);

impl Community for Divider {
    const ID: CommunityId = community_id!("bb00000000000000000000000000000000000002");

    fn routes(r: &mut Routes<Self>) {
        r.on(|divider: &mut Self, _: &mut Context<'_>, _: &Peer, message: Divide| divider.0 += 100 / message.by);
    }
}

fn node(number: u8) -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    Node::new(NodeConfig::new(key, [number; 32]))
}

#[test]
fn every_datagram_is_told_of_once() {
    let (sender, receiver) = (node(1), node(2));
    let handle = sender.load(Divider(0)).unwrap();
    receiver.load(Divider(0)).unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    for (name, node) in [("sender", &sender), ("receiver", &receiver)] {
        let said = said.clone();
        node.set_observer(Some(Box::new(move |observation| {
            let text = match observation {
                Observation::Delivered { message, .. } => format!("took {message}"),
                Observation::Dropped { reason, .. } => format!("dropped: {}", reason.as_str()),
                Observation::NotSent { community, message, error } => format!("{community} {message:?}: {error}"),
                Observation::Panicked { community, message, text } => format!("{community} {message:?}: {text}"),
                _ => "another one".to_owned(),
            };
            said.lock().unwrap().push(format!("{name} {text}"));
        })));
    }
    let pack = |by| handle.with(|_, cx| cx.pack(Divide { by })).unwrap().unwrap();
    let mut forged = pack(1);
    *forged.last_mut().unwrap() ^= 1;
    let from: SocketAddr = "10.0.0.1:1".parse().unwrap();
    for datagram in [pack(1), pack(0), forged, b"hello".to_vec()] {
        receiver.handle(Time::ZERO, [(from, datagram.as_slice())]);
    }
    handle.with(|_, cx| cx.send_to("0.0.0.0:0".parse().unwrap(), Divide { by: 1 })).unwrap();
    assert_eq!(
        *said.lock().unwrap(),
        [
            "receiver took Divide",
            "receiver Divider Some(1): attempt to divide by zero",
            "receiver took Divide",
            "receiver dropped: signature",
            "receiver dropped: prefix",
            "sender Divider Some(1): 0.0.0.0:0 is no address to send to",
        ]
    );
    let stats = receiver.stats();
    assert_eq!((stats.received, stats.delivered + stats.discarded), (4, 4));
    // Nobody is told any more.
    receiver.set_observer(None);
    receiver.handle(Time::ZERO, [(from, pack(1).as_slice())]);
    assert_eq!(said.lock().unwrap().len(), 6);
}
