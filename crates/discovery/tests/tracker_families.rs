//! The tracker serves IPv4 and IPv6 side by side: it answers each in its own style, and introduces peers at addresses of a
//! family that it has seen the asker use.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::{SocketAddr, SocketAddrV4};

use common::{ANY, address, key, node, seconds, sent, summary};
use ipv8_core::{
    DropReason, Handle, Interfaces, Node, OverlayConfig, Transmit,
    messages::{
        Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS, NewIntroductionRequest, NewIntroductionResponse,
        NewPunctureRequest, PunctureRequest,
    },
};
use ipv8_discovery::Tracker;
use ipv8_wire::{Outgoing, Payload, read_auth, split_signature};

const TRACKER: u8 = 1;
const NOWHERE: SocketAddr = SocketAddr::V4(NO_ADDRESS);

/// Where the node of this number is on IPv6.
fn v6(number: u8) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 0, number.into()], 8_090))
}

fn v4(number: u8) -> SocketAddrV4 {
    match address(number) {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

fn lan(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 0, number], 1))
}

fn tracker() -> (Node, Handle<Tracker>) {
    let node = node(TRACKER);
    let (SocketAddr::V4(own4), SocketAddr::V6(own6)) = (address(TRACKER), v6(TRACKER)) else { panic!("families") };
    node.set_interfaces(Interfaces {
        lan: Some(own4.into()),
        v4: Some(own4),
        v6: Some(own6),
        machine: vec![(*own4.ip()).into(), (*own6.ip()).into()],
    });
    let handle = node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    (node, handle)
}

fn tell(
    (node, handle): &(Node, Handle<Tracker>),
    (from, source): (u8, SocketAddr),
    at: u64,
    message: &impl Outgoing,
) -> Vec<Transmit> {
    let packet = handle.with(|_, cx| cx.pack_as(ANY, &key(from), Some(1), message)).unwrap().unwrap();
    sent(node, seconds(at));
    node.handle(seconds(at), [(source, packet.as_slice())]);
    sent(node, seconds(at))
}

fn ask_old(tracker: &(Node, Handle<Tracker>), from: u8, source: SocketAddr) -> Vec<Transmit> {
    let request = IntroductionRequest {
        destination_address: v4(TRACKER),
        source_lan_address: SocketAddrV4::new([192, 168, 0, from].into(), 1),
        source_wan_address: NO_ADDRESS,
        flags: Flags::default(),
        identifier: 300,
        extra_bytes: Vec::new(),
    };
    tell(tracker, (from, source), 0, &request)
}

fn ask_new(tracker: &(Node, Handle<Tracker>), from: u8, source: SocketAddr) -> Vec<Transmit> {
    let request = NewIntroductionRequest {
        destination_address: v6(TRACKER),
        source_lan_address: lan(from),
        source_wan_address: NOWHERE,
        identifier: 301,
        flags: Flags::default(),
        extra_bytes: Vec::new(),
    };
    tell(tracker, (from, source), 0, &request)
}

/// The payload of a packet with a global time.
fn read<M: for<'a> Payload<'a>>(packet: &Transmit, signed: bool) -> M {
    if !signed {
        return M::decode(&packet.bytes[31..]).unwrap();
    }
    let auth = read_auth(&packet.bytes).unwrap();
    let (signed, signature) = split_signature(&packet.bytes, key(TRACKER).public().signature_len()).unwrap();
    assert!(key(TRACKER).public().verify(signed, signature));
    M::decode(auth.rest(signed).get(8..).unwrap()).unwrap()
}

#[test]
fn ipv6_peers_meet_in_the_new_style() {
    let tracker = tracker();
    let first = ask_new(&tracker, 2, v6(2));
    assert_eq!(summary(&first), [(v6(2), 233)]);
    let response: NewIntroductionResponse = read(&first[0], true);
    assert_eq!((response.destination_address, response.identifier), (v6(2), 301));
    assert_eq!((response.source_lan_address, response.source_wan_address), (address(TRACKER), v6(TRACKER)));
    assert_eq!((response.lan_introduction_address, response.wan_introduction_address), (NOWHERE, NOWHERE));
    assert!(!response.flags.has(Flags::NEW_INTRODUCED_NEW_STYLE));

    let second = ask_new(&tracker, 3, v6(3));
    assert_eq!(summary(&second), [(v6(2), 232), (v6(3), 233)], "the puncture request goes first");
    let puncture: NewPunctureRequest = read(&second[0], false);
    assert_eq!((puncture.lan_walker_address, puncture.wan_walker_address), (lan(3), v6(3)));
    assert_eq!(puncture.identifier, 301);
    let response: NewIntroductionResponse = read(&second[1], true);
    assert_eq!(response.wan_introduction_address, v6(2));
    assert_eq!(response.lan_introduction_address, NOWHERE, "nothing to one that was seen on IPv6 only");
    assert!(response.flags.has(Flags::NEW_INTRODUCED_NEW_STYLE));
}

#[test]
fn those_of_the_other_family_are_not_introduced() {
    let tracker = tracker();
    ask_new(&tracker, 2, v6(2));
    assert_eq!(summary(&ask_old(&tracker, 3, address(3))), [(address(3), 245)]);
    assert_eq!(summary(&ask_new(&tracker, 4, address(4))), [(address(3), 250), (address(4), 233)]);
    for _ in 0..20 {
        // Who is on IPv4 meets those there, who is on IPv6 the one there.
        let old = ask_old(&tracker, 5, address(5));
        assert!([address(3), address(4)].contains(&old[0].to), "{:?}", summary(&old));
        assert_eq!(summary(&ask_new(&tracker, 6, v6(6))).last(), Some(&(v6(6), 233)));
    }
    let six: Vec<_> = summary(&ask_new(&tracker, 2, v6(2)));
    assert_eq!(six, [(v6(6), 232), (v6(2), 233)]);
}

#[test]
fn the_style_of_a_puncture_request_is_one_that_its_receiver_understands() {
    let tracker = tracker();
    ask_old(&tracker, 2, address(2));
    let asked = ask_new(&tracker, 3, address(3));
    assert_eq!(summary(&asked), [(address(2), 250), (address(3), 233)], "it never spoke the new style");
    let puncture: PunctureRequest = read(&asked[0], false);
    assert_eq!(SocketAddr::from(puncture.lan_walker_address), lan(3));
    assert_eq!(SocketAddr::from(puncture.wan_walker_address), address(3));
    let response: NewIntroductionResponse = read(&asked[1], true);
    assert_eq!((response.lan_introduction_address, response.wan_introduction_address), (lan(2), address(2)));
    assert!(!response.flags.has(Flags::NEW_INTRODUCED_NEW_STYLE));

    let tracker = self::tracker();
    ask_new(&tracker, 2, address(2));
    assert_eq!(summary(&ask_new(&tracker, 3, address(3))), [(address(2), 232), (address(3), 233)]);
    let old = ask_old(&tracker, 4, address(4));
    assert_eq!(summary(&old)[1], (address(4), 245));
    assert_eq!(summary(&old)[0].1, 250);
    let response: IntroductionResponse = read(&old[1], true);
    assert!(response.flags.has(Flags::INTRODUCED_NEW_STYLE));
}

#[test]
fn one_that_asked_over_both_meets_peers_of_both_each_through_its_own_address() {
    let tracker = tracker();
    ask_new(&tracker, 2, address(2));
    ask_new(&tracker, 3, v6(3));
    ask_new(&tracker, 4, address(4));
    let (mut met, mut punctured) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let sent = ask_new(&tracker, 4, v6(4));
        let response: NewIntroductionResponse = read(&sent[1], true);
        let puncture: NewPunctureRequest = read(&sent[0], false);
        assert_eq!(sent[0].to, response.wan_introduction_address);
        let lan_of_it = if sent[0].to.is_ipv4() { lan(2) } else { lan(3) };
        assert_eq!(response.lan_introduction_address, lan_of_it, "it has an IPv4 address, too");
        met.push(sent[0].to);
        punctured.push(puncture.wan_walker_address);
    }
    for (peer, walker) in [(address(2), address(4)), (v6(3), v6(4))] {
        assert!(met.contains(&peer));
        let walkers: Vec<_> = met.iter().zip(&punctured).filter(|(met, _)| **met == peer).map(|(_, at)| *at).collect();
        assert!(walkers.iter().all(|at| *at == walker), "{walkers:?}");
    }
    assert!(!met.contains(&address(4)), "itself at its other address is nobody to meet");
}

#[test]
fn an_old_style_request_over_ipv6_is_dropped() {
    let tracker = tracker();
    assert_eq!(ask_old(&tracker, 2, v6(2)).len(), 0);
    assert_eq!(tracker.0.stats().dropped(DropReason::NoAddress), 1);
    assert!(tracker.1.with(|tracker, _| tracker.is_empty()).unwrap());
}

#[test]
fn ipv6_peers_are_asked_whether_they_are_there() {
    let tracker = tracker();
    ask_new(&tracker, 2, v6(2));
    ask_new(&tracker, 3, v6(3));
    for second in 1..27 {
        assert_eq!(sent(&tracker.0, seconds(second)).len(), 0);
    }
    let pings = sent(&tracker.0, seconds(27));
    assert_eq!(summary(&pings), [(v6(2), 234), (v6(3), 234)]);
    let request: NewIntroductionRequest = read(&pings[0], true);
    let response = NewIntroductionResponse {
        destination_address: v6(TRACKER),
        source_lan_address: NOWHERE,
        source_wan_address: v6(2),
        lan_introduction_address: NOWHERE,
        wan_introduction_address: NOWHERE,
        identifier: request.identifier,
        flags: Flags::default(),
        extra_bytes: Vec::new(),
    };
    tell(&tracker, (2, v6(2)), 28, &response);
    for second in 29..=60 {
        sent(&tracker.0, seconds(second));
    }
    let left: Vec<_> = tracker.1.with(|tracker, _| tracker.peers(ANY).map(|(_, at)| at).collect()).unwrap();
    assert_eq!(left, [v6(2)]);
}
