//! What a node remembers for others: only who stored itself, as long as it pings, and never without bound.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::lone::{Lone, find, key, token};
use ipv8_core::{
    crypto::{Mid, PrivateKey},
    wire::Payload,
};
use ipv8_dht::{
    ConnectError, Dht, DhtConfig,
    discovery::{MOST_PER_SOURCE, MOST_STORED},
    messages::{ConnectPeerRequest, ConnectPeerResponse, PingRequest, PingResponse, StorePeerRequest},
};

const HERE: &str = "10.0.0.2:2";
const ELSEWHERE: &str = "10.0.0.3:3";

/// Has somebody ask to be remembered; whether it was confirmed.
fn store(ours: &Lone, peer: &PrivateKey, at: &str, target: Mid) -> bool {
    let token = token(ours.send(peer, at, &find([7; 20], 0)).last().unwrap());
    let request = StorePeerRequest { identifier: 2, token, target: target.0 };
    !ours.send(peer, at, &request).is_empty()
}

fn stored(ours: &Lone) -> Vec<(Mid, SocketAddr)> {
    ours.handle.with(|dht, _| dht.stored_peers().map(|peer| (peer.mid(), peer.address())).collect()).unwrap()
}

fn connect(target: Mid) -> ConnectPeerRequest {
    ConnectPeerRequest { identifier: 3, lan_address: "192.168.7.7:7".parse().unwrap(), target: target.0 }
}

fn ping(ours: &Lone, peer: &PrivateKey, at: &str) -> usize {
    ours.send(peer, at, &PingRequest { identifier: 9 }).len()
}

#[test]
fn a_peer_stores_itself_where_it_is_and_nobody_else() {
    let (ours, peer, other) = (Lone::default(), key(1), key(2));
    assert!(store(&ours, &peer, HERE, peer.mid()));
    assert!(!store(&ours, &peer, HERE, other.mid()));
    // A token of elsewhere, or somebody else's.
    let token = token(ours.send(&other, HERE, &find([7; 20], 0)).last().unwrap());
    let request = StorePeerRequest { identifier: 2, token, target: other.mid().0 };
    assert!(ours.send(&other, ELSEWHERE, &request).is_empty());
    let request = StorePeerRequest { target: peer.mid().0, ..request };
    assert!(ours.send(&peer, HERE, &request).is_empty());
    // What seems to come from our own address does not send punctures there.
    assert!(!store(&ours, &other, "10.0.0.1:1", other.mid()));
    assert_eq!(stored(&ours), [(peer.mid(), HERE.parse().unwrap())]);
}

#[test]
fn being_remembered_makes_nobody_a_node() {
    let (ours, peer) = (Lone::default(), key(1));
    let token = ours.token(&peer, HERE);
    let request = StorePeerRequest { identifier: 2, token, target: peer.mid().0 };
    assert_eq!(ours.send(&peer, HERE, &request).len(), 1);
    assert_eq!(ours.send(&peer, HERE, &connect(peer.mid())).len(), 1);
    assert!(ours.handle.with(|dht, _| dht.table(ipv8_dht::Family::V4).is_none()).unwrap());
}

#[test]
fn to_ask_for_strangers_leaves_nothing() {
    let (mut ours, asker) = (Lone::default(), key(1));
    for number in 0..=255 {
        ours.pass_millis(500);
        let sent = ours.send(&asker, HERE, &connect(Mid([number; 20])));
        assert_eq!(sent.len(), 1);
        let answer = <ConnectPeerResponse as Payload>::decode(Lone::payload(&sent[0])).unwrap();
        assert_eq!(answer.nodes, []);
    }
    assert_eq!(stored(&ours), []);
    // Nor do we take it for an answer to the same question of our own.
    let dht = Dht::new(ours.handle.clone());
    let mut connecting = Box::pin(async move { dht.connect_peer(Mid([9; 20])).await });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let found = std::future::Future::poll(connecting.as_mut(), &mut cx);
    assert!(matches!(found, std::task::Poll::Ready(Err(ConnectError::NoNodes))), "{found:?}");
}

#[test]
fn who_asks_is_told_where_it_is_and_it_is_told_who_asks() {
    let (ours, peer, asker) = (Lone::default(), key(1), key(2));
    assert!(store(&ours, &peer, HERE, peer.mid()));
    let sent = ours.send_to(&asker, ELSEWHERE, &connect(peer.mid()));
    let to: Vec<String> = sent.iter().map(|(to, _)| to.to_string()).collect();
    assert_eq!(to, [HERE, ELSEWHERE]);
    let answer = <ConnectPeerResponse as Payload>::decode(Lone::payload(&sent[1].1)).unwrap();
    let told: Vec<_> = answer.nodes.iter().map(|node| (node.key.mid(), node.address.to_string())).collect();
    assert_eq!(told, [(peer.mid(), HERE.to_owned())]);
    // Who asks for itself has no NAT to open.
    assert_eq!(ours.send(&peer, HERE, &connect(peer.mid())).len(), 1);
}

#[test]
fn silence_of_a_minute_is_the_end() {
    let (mut ours, peer, other) = (Lone::default(), key(1), key(2));
    assert!(store(&ours, &peer, HERE, peer.mid()) && store(&ours, &other, ELSEWHERE, other.mid()));
    for _ in 0..4 {
        ours.pass(25);
        ping(&ours, &peer, HERE);
    }
    assert_eq!(stored(&ours), [(peer.mid(), HERE.parse().unwrap())]);
    ours.pass(59);
    assert_eq!(ours.send(&other, ELSEWHERE, &connect(peer.mid())).len(), 2);
    // It is not told any more at once, not only when the table is swept.
    ours.pass(2);
    assert_eq!(ours.send(&other, ELSEWHERE, &connect(peer.mid())).len(), 1);
    ours.pass(10);
    assert_eq!(stored(&ours), []);
}

#[test]
fn who_hands_on_pings_and_answers_of_a_peer_does_not_move_it() {
    let (mut ours, peer, asker) = (Lone::default(), key(1), key(2));
    assert!(store(&ours, &peer, HERE, peer.mid()));
    // Somebody between repeats its ping from its own address, and would hand on all that is asked there.
    let there: SocketAddr = "10.0.0.2:99".parse().unwrap();
    for _ in 0..12 {
        for (to, packet) in ours.send_to(&peer, "10.0.0.2:99", &PingRequest { identifier: 9 }) {
            assert_eq!(to, there);
            if packet[22] == 1 {
                let identifier = <PingRequest as Payload>::decode(Lone::payload(&packet)).unwrap().identifier;
                ours.send(&peer, "10.0.0.2:99", &PingResponse { identifier });
            }
        }
        assert_eq!(stored(&ours), [(peer.mid(), HERE.parse().unwrap())]);
        ours.pass(4);
    }
    let sent = ours.send_to(&asker, ELSEWHERE, &connect(peer.mid()));
    let to: Vec<String> = sent.iter().map(|(to, _)| to.to_string()).collect();
    assert_eq!(to, [HERE, ELSEWHERE]);
    // Nor does it keep it alive where it is no more.
    ours.pass(20);
    assert_eq!(stored(&ours), []);
}

#[test]
fn a_peer_that_stores_itself_elsewhere_is_at_both_until_the_first_is_silent() {
    let (mut ours, peer, asker) = (Lone::default(), key(1), key(2));
    assert!(store(&ours, &peer, HERE, peer.mid()));
    ours.pass(1);
    assert!(store(&ours, &peer, "10.0.0.2:99", peer.mid()));
    ours.pass(1);
    // A third one takes the place of the newer: who was there first stays.
    assert!(store(&ours, &peer, "10.0.0.2:100", peer.mid()));
    let told = |ours: &Lone| {
        let sent = ours.send(&asker, ELSEWHERE, &connect(peer.mid()));
        let answer = <ConnectPeerResponse as Payload>::decode(Lone::payload(sent.last().unwrap())).unwrap();
        answer.nodes.iter().map(|node| node.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(&ours), [HERE, "10.0.0.2:100"]);
    for _ in 0..3 {
        ours.pass(21);
        ping(&ours, &peer, "10.0.0.2:100");
    }
    assert_eq!(told(&ours), ["10.0.0.2:100"]);
    assert_eq!(stored(&ours), [(peer.mid(), "10.0.0.2:100".parse().unwrap())]);
}

#[test]
fn nobody_asks_without_end() {
    let (mut ours, asker) = (Lone::default(), key(1));
    // Without an own address there is no table.
    ours.handle.with(|_, cx| cx.set_wan("0.0.0.0:0".parse().unwrap())).unwrap();
    for _ in 0..3 {
        let answers: usize = (0..30).map(|_| ours.send(&asker, HERE, &connect(Mid([9; 20]))).len()).sum();
        assert_eq!(answers, 10);
        let token = ours.token(&asker, HERE);
        let request = StorePeerRequest { identifier: 2, token, target: asker.mid().0 };
        assert_eq!(ours.send(&asker, HERE, &request).len(), 0);
        // Another one is not held up.
        assert_eq!(ours.send(&asker, ELSEWHERE, &connect(Mid([9; 20]))).len(), 1);
        ours.pass(6);
    }
    // Who has no place in the table asks no more than those who have.
    let answers: usize = (0..30).map(|_| ours.send(&asker, HERE, &find([7; 20], 0)).len()).sum();
    assert_eq!(answers, 10);
    assert!(ours.handle.with(|dht, _| dht.table(ipv8_dht::Family::V4).is_none()).unwrap());
}

#[test]
fn one_address_has_its_share_only() {
    let (mut ours, honest) = (Lone::default(), key(1));
    assert!(store(&ours, &honest, HERE, honest.mid()));
    for number in 0..MOST_PER_SOURCE + 20 {
        let peer = Lone::numbered(number);
        assert!(store(&ours, &peer, &format!("10.0.0.9:{}", number + 1), peer.mid()));
        if number % 8 == 7 {
            ours.pass_millis(20);
        }
    }
    let stored = stored(&ours);
    assert_eq!(stored.len(), MOST_PER_SOURCE + 1);
    assert!(stored.iter().any(|(mid, _)| *mid == honest.mid()));
    // The newest are there, the oldest went.
    let has = |number| stored.iter().any(|(mid, _)| *mid == Lone::numbered(number).mid());
    assert!(has(MOST_PER_SOURCE + 19) && !has(0));
}

#[test]
fn there_is_a_most_and_who_has_most_gives_way() {
    let (ours, honest) = (Lone::default(), key(1));
    assert!(store(&ours, &honest, HERE, honest.mid()));
    // Sixteen addresses that each take all they can.
    let ports = u16::try_from(MOST_STORED / 16).unwrap();
    for host in 0..17_u16 {
        for port in 1..=ports {
            let peer = Lone::numbered(usize::from(host) * 1_000 + usize::from(port));
            assert!(store(&ours, &peer, &format!("10.0.1.{host}:{port}"), peer.mid()));
        }
    }
    let stored = stored(&ours);
    assert_eq!(stored.len(), MOST_STORED);
    assert!(stored.iter().any(|(mid, _)| *mid == honest.mid()));
}

#[test]
fn a_node_that_leaves_peers_out_remembers_and_tells_nobody() {
    let (ours, peer) = (Lone::new(DhtConfig { peers: false, ..DhtConfig::default() }), key(1));
    assert!(!store(&ours, &peer, HERE, peer.mid()));
    assert_eq!(ours.send(&peer, HERE, &connect(peer.mid())).len(), 0);
    assert_eq!(stored(&ours), []);
}
