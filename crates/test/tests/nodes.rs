//! Nets of many kinds of nodes: several communities, keys and settings of their own, NATs, walkers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{Answer, Doubler, Question, failure};
use ipv8_core::{
    Community, Context, MaxPeers, OverlayConfig, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_crypto::Curve;
use ipv8_test::{
    Link, Net, NodeOptions, NodeSpec, assert_encoding, assert_received, encoding,
    nat::{Nat, Nats},
};

/// Another community that uses the id of [`Question`] for something else.
#[derive(Default)]
struct Names {
    met: usize,
}

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Name {
    #[wire(as = ipv8_core::wire::VarlenH)]
    name: Vec<u8>,
}

impl Community for Names {
    const ID: CommunityId = community_id!("0f5e1d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b5f");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, _: Name| {});
    }

    fn peer_added(&mut self, _: &mut Context<'_>, _: &Peer) {
        self.met += 1;
    }
}

#[test]
fn nodes_know_each_other_in_the_communities_that_they_share() {
    let mut net = Net::new();
    let both = net.add(NodeSpec::new(Doubler::default).and(Names::default).named("both"));
    let doubler = net.add(NodeSpec::new(Doubler::default));
    let other = net.add(NodeSpec::new(Doubler::default).and(Names::default));
    net.add(NodeSpec::empty());
    net.introduce_all();
    assert_eq!(net.peers::<Doubler>(both), [doubler, other]);
    assert_eq!(net.peers::<Names>(both), [other]);
    assert_eq!(net.at(both, |names: &mut Names, _| names.met), 1);
    assert_eq!(net.packets().len(), 0);
    // One id, two messages.
    let to = net.peer(other);
    net.at(both, |_: &mut Names, cx| cx.send(&to, Name { name: b"n".to_vec() }));
    net.at(both, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 1, value: 2 }));
    net.ignore::<Answer>();
    net.deliver();
    assert_received!(net, other, [Name { name } if name == b"n", Question { value: 2, .. }]);
    assert_eq!((net.received::<Name>(other).len(), net.received::<Question>(other).len()), (1, 1));
    let text = failure(|| {
        net.at(doubler, |_: &mut Names, _| ());
    });
    assert_eq!(text, "node 1 has no Names loaded, but [\"Doubler\"]");
    let text = failure(|| {
        let _ = net.peer(4);
    });
    assert_eq!(text, "there is no node 4: the net has 4");
}

#[test]
fn keys_are_of_any_curve() {
    let mut net = Net::new();
    for curve in [Curve::VeryLow, Curve::Low, Curve::Medium, Curve::High, Curve::Curve25519] {
        net.add(NodeSpec::new(Doubler::default).curve(curve));
    }
    net.introduce_all();
    let asker = net.handle::<Doubler>(0);
    for other in 1..5 {
        let peer = net.peer(other);
        let answer = net.run(async { asker.request(&peer, Question { identifier: 0, value: 4 }).await });
        assert_eq!(answer.unwrap().value, 8);
    }
}

#[test]
fn walking_nodes_meet_by_themselves() {
    let mut net = Net::walking(5, |_| Doubler::default());
    assert_eq!(net.peers::<Doubler>(0), [0; 0]);
    net.advance(Duration::from_secs(60));
    for node in 0..5 {
        assert_eq!(net.peers::<Doubler>(node).len(), 4, "{}", net.name(node));
    }
    assert_eq!(net.name(5), "tracker");
}

#[test]
fn walking_once_introduces_with_packets() {
    let mut net = Net::new();
    net.add_all(3, |_| OverlayConfig::new(Doubler::default()).max_peers(MaxPeers::Limit(10)));
    assert!(net.walk_all() >= 12, "{}", net.trace());
    for node in 0..3 {
        assert_eq!(net.peers::<Doubler>(node).len(), 2);
    }
    assert_received!(net, 0, []);
    assert!(
        net.trace().contains("node 0 -> node 1  IntroductionRequest { destination_address: 10.0.0.2:8090"),
        "{}",
        net.trace()
    );
}

#[test]
fn other_networks_will_do() {
    let mut net = Net::builder().fabric(Nats::new(Link::default())).build();
    let home = net.fabric_mut().add(Nat::port_restricted());
    let address = net.fabric_mut().lease(home);
    let inside = net.add(NodeSpec::new(Doubler::default).walking().options(NodeOptions::default().address(address)));
    let outside = net.add(NodeSpec::new(Doubler::default).walking());
    net.add_tracker();
    assert!(net.advance_until(Duration::from_secs(60), |net| net.peers::<Doubler>(inside) == [outside]));
    let packet = net.packets().into_iter().find(|packet| packet.from == inside).unwrap();
    assert_eq!(packet.from.address, address);
}

#[test]
fn encodings_are_golden() {
    let question = Question { identifier: 1, value: 258 };
    assert_eq!(encoding(&question), "0000000100000102");
    assert_encoding(&question, "00000001 00000102");
    let text = failure(|| assert_encoding(&question, "0000000100000202"));
    assert_eq!(
        text,
        "\
Question { identifier: 1, value: 258 } has other bytes than expected
  expected 0000000100000202
  but is   0000000100000102
                       ^ byte 6
the expected bytes are Question { identifier: 1, value: 514 }"
    );
    let text = failure(|| assert_encoding(&question, "00000001"));
    assert!(text.contains("the expected bytes cannot be read: "), "{text}");
    let text = failure(|| assert_encoding(&question, "0g"));
    assert!(text.starts_with("the expected bytes \"0g\" are no hex: "), "{text}");
}
