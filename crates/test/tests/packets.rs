//! Packets are captured with what became of them, held back, changed, forged and replayed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{Answer, Doubler, Question, Shout};
use ipv8_core::DropReason;
use ipv8_crypto::PrivateKey;
use ipv8_test::{Captured, End, Fate, Link, Loss, Net, assert_received};

fn stranger() -> PrivateKey {
    ipv8_test::key(9)
}

fn anywhere() -> SocketAddr {
    "99.1.2.3:4567".parse().unwrap()
}

/// Two nodes; the first asked the second, which answered.
fn asked() -> Net {
    let mut net = Net::of(2, |_| Doubler::default());
    ask(&mut net);
    net
}

fn ask(net: &mut Net) {
    let to = net.peer(1);
    net.at(0, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 5, value: 21 }));
    net.deliver();
}

#[test]
fn a_packet_tells_all_about_itself() {
    let net = asked();
    let packets = net.packets();
    assert_eq!(packets.len(), 2);
    let question = &packets[0];
    assert!(question.from == 0 && question.to == 1);
    assert_eq!((question.from.address, question.to.address), (net.address(0), net.address(1)));
    assert_eq!(question.read::<Question>(), Some(Question { identifier: 5, value: 21 }));
    assert_eq!((question.is::<Answer>(), question.message_id()), (false, Some(1)));
    assert_eq!(question.key::<Question>().as_ref(), Some(net.node(0).key()));
    assert_eq!((question.end, question.injected, question.copy), (End::Delivered, false, false));
    // The answer that nobody asked for.
    assert_eq!(packets[1].end, End::Dropped(DropReason::Unsolicited));
    assert_eq!(net.drops(0), [DropReason::Unsolicited]);
    assert_received!(net, 0, []);
}

#[test]
fn a_replay_is_a_packet_like_any_other_to_a_community_that_takes_it() {
    let mut net = asked();
    let question = net.packets().remove(0);
    net.inject(1, anywhere(), question.bytes.clone());
    assert_eq!(net.deliver(), 1);
    assert_received!(net, 1, [from 0 => Question { .. }, Question { identifier: 5, .. }]);
    let last = net.packets().pop().unwrap();
    assert_eq!(last.to.node, None, "the answer goes to where the question seems to come from");
    assert_eq!(last.end, End::Lost(Loss::NoHost));
}

#[test]
fn what_is_corrupted_is_dropped_for_the_right_reason() {
    let mut net = asked();
    let question = net.packets().remove(0);
    for (position, reason) in [(-1, DropReason::Signature), (0, DropReason::Prefix), (22, DropReason::UnknownMessage)] {
        net.inject(1, 0, question.corrupted(position));
        net.deliver();
        assert_eq!(net.drops(1).last(), Some(&reason), "byte {position}");
    }
    net.inject(1, 0, *b"hello");
    net.deliver();
    assert_eq!(net.drops(1).len(), 4);
    assert_received!(net, 1, [from 0 => Question { .. }]);
}

#[test]
fn a_message_can_be_signed_by_anybody() {
    let mut net = asked();
    net.forget();
    let packet = net.signed_by::<Doubler, _>(&stranger(), &Question { identifier: 1, value: 2 });
    net.inject(1, anywhere(), packet);
    let packet = net.signed_by::<Doubler, _>(&stranger(), &Shout { number: 7 });
    net.inject(1, 0, packet);
    net.deliver();
    assert_received!(net, 1, [Question { value: 2, .. }, from 0 => Shout { number: 7 }]);
    let packets = net.packets();
    assert_eq!(packets[0].key::<Question>().as_ref(), Some(stranger().public()));
    assert!(packets[0].injected && packets[0].from.node.is_none());
    assert_eq!(packets[1].key::<Shout>(), None, "which is not signed");
}

#[test]
fn packets_are_held_back_delayed_doubled_and_replaced() {
    let mut net = Net::of(2, |_| Doubler::default());
    let to = net.address(1);
    let shout = |net: &mut Net, number| {
        net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number }));
    };
    net.drop_next(|packet| packet.read::<Shout>().is_some_and(|shout| shout.number == 2));
    net.delay_next(Duration::from_secs(3), |packet| packet.to == 1);
    net.duplicate_next(|packet| packet.read::<Shout>().is_some_and(|shout| shout.number == 3));
    (1..=3).for_each(|number| shout(&mut net, number));
    net.advance(Duration::from_secs(2));
    assert_received!(net, 1, [Shout { number: 3 }, Shout { number: 3 }]);
    net.deliver();
    assert_received!(net, 1, contains [Shout { number: 3 }, Shout { number: 3 }, Shout { number: 1 }]);
    assert_eq!(net.now().since_origin().as_millis(), 3_000);
    let ends: Vec<_> = net.packets().iter().map(|packet| (packet.end, packet.copy)).collect();
    assert_eq!(
        ends,
        [(End::Delivered, false), (End::Intercepted, false), (End::Delivered, false), (End::Delivered, true)]
    );
    net.forget();
    net.intercept(|packet| if packet.from == 0 { Fate::Replace(packet.corrupted(-1)) } else { Fate::Deliver });
    ask(&mut net);
    assert_eq!(net.drops(1), [DropReason::Signature]);
    net.stop_intercepting();
    ask(&mut net);
    assert_received!(net, 1, [from 0 => Question { .. }]);
}

#[test]
fn the_network_loses_packets_for_reasons_too() {
    let mut net = asked();
    net.forget();
    net.set_pair(0, 1, Link::default().loss(1.0));
    ask(&mut net);
    net.set_pair(0, 1, Link::default());
    net.partition(&[&[0], &[1]]);
    ask(&mut net);
    net.heal();
    net.crash(1);
    ask(&mut net);
    net.restart(1);
    ask(&mut net);
    let ends: Vec<_> = net.packets().iter().filter(|packet| packet.to == 1).map(|packet| packet.end).collect();
    assert_eq!(ends, [End::Lost(Loss::Link), End::Lost(Loss::Partition), End::Lost(Loss::Down), End::Delivered]);
    assert_received!(net, 1, [Question { .. }]);
    assert_eq!(net.packets().iter().filter(|packet| packet.is::<Question>()).count(), 4);
    let _: Vec<Captured> = net.dropped_packets(1);
}

#[test]
fn the_oldest_packets_are_forgotten() {
    let mut net = Net::builder().capture(3).of(2, |_| Doubler::default());
    for _ in 0..5 {
        let to = net.address(1);
        net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number: 1 }));
        net.deliver();
    }
    assert_eq!(net.packets().len(), 3);
    assert!(net.trace().contains("... 2 before these"), "{}", net.trace());
}
