//! How many requests may wait: for each peer, in all, and as many as there are identifiers. The errors say which.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_core::{
    Community, Node, NodeConfig, Peer, RequestError, RequestId, RequestLimit, RequestLimits, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

/// Unsigned, so that ten thousand of them take no time.
#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer, unsigned)]
struct Question {
    identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    identifier: u16,
}

struct Quiz;

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.reply::<Answer>();
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn peer(number: u8) -> Peer {
    Peer::new(key(number).public().clone(), ([10, 0, 0, number], 8090).into())
}

fn node(limits: RequestLimits) -> Node {
    let node = Node::new(NodeConfig { requests: limits, ..NodeConfig::new(key(1), [1; 32]) });
    node.load(Quiz).unwrap();
    node
}

fn ask(node: &Node, peer: &Peer) -> Result<RequestId, RequestError> {
    let quiz = node.find::<Quiz>().unwrap();
    quiz.with(|_, cx| cx.request(peer, Question { identifier: 0 }, |_: &mut Quiz, _, _| {})).unwrap()
}

/// Hands over what waits to be sent, so that the queue to the driver never fills.
fn send(node: &Node) {
    node.poll(Time::ZERO);
    while node.poll_transmit().is_some() {}
}

#[test]
fn one_peer_has_so_many_requests_and_no_more() {
    let node = node(RequestLimits { per_peer: 2, ..RequestLimits::default() });
    let ids = [ask(&node, &peer(2)), ask(&node, &peer(2))];
    let full = RequestError::TooMany(RequestLimit::PerPeer(2));
    let message = full.to_string();
    assert_eq!(ask(&node, &peer(2)), Err(full));
    assert!(ask(&node, &peer(3)).is_ok(), "others have their own");
    assert!(message.starts_with("2 requests to this peer wait"), "{message}");
    assert!(message.ends_with("raise RequestLimits::per_peer"), "{message}");
    let cancel = |id| node.find::<Quiz>().unwrap().with(|_, cx| cx.cancel_request(id)).unwrap();
    assert!(cancel(ids[0].clone().unwrap()));
    assert!(ask(&node, &peer(2)).is_ok(), "one that is over makes room");
}

#[test]
fn a_node_has_so_many_requests_and_no_more() {
    let node = node(RequestLimits { in_all: 2, ..RequestLimits::default() });
    assert!(ask(&node, &peer(2)).is_ok() && ask(&node, &peer(3)).is_ok());
    assert_eq!(ask(&node, &peer(4)), Err(RequestError::TooMany(RequestLimit::InAll(2))));
    assert_eq!(node.pending().1, 2);
}

#[test]
fn the_defaults_are_those_that_are_documented() {
    let (node, first) = (node(RequestLimits::default()), peer(2));
    for number in 0..256 {
        assert!(ask(&node, &first).is_ok(), "{number}");
    }
    assert_eq!(ask(&node, &first), Err(RequestError::TooMany(RequestLimit::PerPeer(256))));
    send(&node);
    let mut asked = 256;
    'all: for number in 3..=255 {
        let peer = peer(number);
        for _ in 0..256 {
            match ask(&node, &peer) {
                Ok(_) => asked += 1,
                Err(error) => {
                    assert_eq!(error, RequestError::TooMany(RequestLimit::InAll(10_000)));
                    break 'all;
                }
            }
        }
        send(&node);
    }
    assert_eq!((asked, node.pending().1), (10_000, 10_000));
}

#[test]
fn without_a_free_identifier_nothing_is_asked() {
    let node = node(RequestLimits { per_peer: usize::MAX, in_all: usize::MAX, caches: 0 });
    let (peer, mut error) = (peer(2), None);
    for number in 0..70_000 {
        if let Err(reason) = ask(&node, &peer) {
            error = Some(reason);
            break;
        }
        if number % 10_000 == 0 {
            send(&node);
        }
    }
    let waiting = node.pending().1;
    assert!((60_000..=65_536).contains(&waiting), "{waiting} of 65,536 identifiers were found");
    assert_eq!(error, Some(RequestError::TooMany(RequestLimit::Identifiers(waiting))));
}
