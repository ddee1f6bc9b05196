//! A community that expects the puncture of a peer, known or not, is told where it came from; and a request can be sent to an
//! address other than the peer's.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Handle, Node, NodeConfig, Peer, PeerRecord, RequestOptions, Retry, Routes, Time,
    crypto::{Curve, PrivateKey},
    network::Addresses,
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    identifier: u32,
}

#[derive(Default)]
struct Notes(Vec<Peer>);

impl Community for Notes {
    const ID: CommunityId = community_id!("bad0000000000000000000000000000000000004");

    fn routes(r: &mut Routes<Self>) {
        r.reply::<Answer>();
    }

    fn punctured(&mut self, _: &mut Context<'_>, from: &Peer) {
        self.0.push(from.clone());
    }
}

fn node(number: u8) -> (Node, Handle<Notes>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let node = Node::new(NodeConfig::new(key, [number; 32]));
    let handle = node.load(Notes::default()).unwrap();
    (node, handle)
}

fn address(host: u8) -> SocketAddr {
    ([10, 0, 0, host], 8090).into()
}

/// Where the punctures came from that a community was told of.
fn told(handle: &Handle<Notes>) -> Vec<SocketAddr> {
    handle.with(|notes, _| notes.0.drain(..).map(|peer| peer.address()).collect()).unwrap()
}

#[test]
fn punctures_of_those_who_are_expected_are_told() {
    let ((ours, handle), (theirs, sender)) = (node(1), node(2));
    let puncture = |is_damaged: bool| {
        let mut packet = sender.with(|_, cx| cx.puncture(address(1), 7, false)).unwrap().unwrap();
        *packet.last_mut().unwrap() ^= u8::from(is_damaged);
        ours.handle(Time::ZERO, [(address(3), &packet[..])]);
    };
    puncture(false);
    assert_eq!((told(&handle), ours.stats().verified), (vec![], 0));
    let mid = theirs.key().mid();
    assert!(handle.with(|_, cx| cx.expect_puncture(mid)).unwrap());
    puncture(true);
    assert_eq!((told(&handle), ours.stats().verified), (vec![], 1));
    puncture(false);
    assert_eq!((told(&handle), ours.stats().verified), (vec![address(3)], 2));
    // It is told where it is, not made a peer.
    assert_eq!(ours.network(|network| network.len()).unwrap(), 0);
    handle.with(|_, cx| cx.expect_no_puncture(&mid)).unwrap();
    puncture(false);
    assert_eq!((told(&handle), ours.stats().verified), (vec![], 2));
}

#[test]
fn no_more_than_256_are_expected() {
    let (_node, handle) = node(1);
    let expect = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let mut mid = [0; 20];
        mid[..2].copy_from_slice(&[high, low]);
        handle.with(|_, cx| cx.expect_puncture(mid.into())).unwrap()
    };
    assert!((0..256).all(expect));
    assert!(!expect(256) && expect(7));
}

/// Where a question to a peer that is known at 10.0.0.2, and its repetition, are sent.
fn sent_to(options: RequestOptions) -> Vec<SocketAddr> {
    let ((ours, handle), (theirs, _)) = (node(1), node(2));
    let peer = Peer::new(theirs.key().clone(), address(2));
    let ask = |cx: &mut Context<'_>| {
        let mut addresses = Addresses::default();
        addresses.set(address(2));
        cx.network_mut().add_verified(&PeerRecord::new(theirs.key().clone(), addresses, Time::ZERO));
        let nothing = |_: &mut Notes, _: &mut Context<'_>, _: Result<Answer, _>| {};
        cx.request_within(options, &peer, Question { identifier: 0 }, nothing).unwrap();
    };
    handle.with(|_, cx| ask(cx)).unwrap();
    let mut sent = Vec::new();
    for secs in 0..3 {
        ours.poll(Time::ZERO + Duration::from_secs(secs));
        ours.drain_transmits(&mut sent);
    }
    sent.iter().map(|packet| packet.to).collect()
}

#[test]
fn a_question_and_its_repetition_go_to_the_address_that_was_given() {
    let twice = RequestOptions::within(Duration::from_secs(1)).retry(Retry::times(1));
    assert_eq!(sent_to(twice), [address(2), address(2)]);
    assert_eq!(sent_to(twice.at(address(9))), [address(9), address(9)]);
}
