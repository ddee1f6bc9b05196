//! Nodes with an IPv4 and an IPv6 socket: they learn of each other's second address, prefer IPv6, and meet nodes that have
//! one of both.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, OverlayConfig, Peer, Routes,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Hello {
    value: u32,
}

/// Notes where greetings come from.
#[derive(Default)]
struct Greeter {
    greeted_from: Vec<(u32, SocketAddr)>,
}

impl Community for Greeter {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a9");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_hello);
    }
}

impl Greeter {
    fn on_hello(&mut self, cx: &mut Context<'_>, _: &Peer, m: Hello) {
        let from = cx.received().unwrap().source();
        self.greeted_from.push((m.value, from));
    }
}

struct Member {
    running: Running,
    greeter: Handle<Greeter>,
}

impl Member {
    fn start(number: u8, listen: &[&str]) -> Self {
        let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
        let listen: Vec<_> = listen.iter().map(|address| Listen::exactly(address.parse().unwrap())).collect();
        let endpoint = Endpoint::bind(&listen, key).unwrap();
        let greeter = endpoint.node().load(OverlayConfig::new(Greeter::default())).unwrap();
        Self { running: endpoint.run(), greeter }
    }

    fn dual(number: u8) -> Self {
        Self::start(number, &["127.0.0.1:0", "[::1]:0"])
    }

    fn v4(&self) -> SocketAddr {
        *self.running.local_addresses().iter().find(|address| address.is_ipv4()).unwrap()
    }

    fn v6(&self) -> SocketAddr {
        *self.running.local_addresses().iter().find(|address| address.is_ipv6()).unwrap()
    }

    fn walk_to(&self, address: SocketAddr) {
        self.greeter.with(|_, cx| cx.walk_to(address)).unwrap();
    }

    /// Asks for an introduction in the new style, which peers do at IPv4 addresses once they know that the peer there
    /// understands it.
    fn walk_in_the_new_style(&self, address: SocketAddr) {
        let walk = |cx: &mut Context<'_>| {
            let request = cx.introduction_request(address, true).unwrap();
            cx.send_packet(address, request);
        };
        self.greeter.with(|_, cx| walk(cx)).unwrap();
    }

    /// Walks to what others introduced.
    fn walk_on(&self) {
        self.greeter.with(|_, cx| cx.walkable().into_iter().for_each(|address| cx.walk_to(address))).unwrap();
    }

    fn peer(&self, other: &Self) -> Option<Peer> {
        let mid = other.running.node().key().mid();
        self.greeter.with(|_, cx| cx.peers().into_iter().find(|peer| peer.mid() == mid)).unwrap()
    }

    fn greet(&self, other: &Self, value: u32) {
        let peer = self.peer(other).unwrap();
        self.greeter.with(|_, cx| cx.send(&peer, Hello { value })).unwrap();
    }

    fn greeted_from(&self, value: u32) -> Option<SocketAddr> {
        let found = |greeter: &mut Greeter| greeter.greeted_from.iter().find(|greeting| greeting.0 == value).copied();
        self.greeter.with(|greeter, _| found(greeter)).unwrap().map(|greeting| greeting.1)
    }
}

/// Whether the machine has IPv6 at all; says so if not.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_v6(test: &str) -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        eprintln!("skipped: {test}: this machine has no IPv6 loopback");
    }
    has
}

/// Waits until something holds, trying again what may have been lost on the way.
async fn until(what: &str, mut again: impl FnMut(), mut holds: impl FnMut() -> bool) {
    for round in 0..1_000 {
        if holds() {
            return;
        }
        if round % 100 == 0 {
            again();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within ten seconds");
}

#[tokio::test]
async fn both_families_can_have_the_same_port() {
    if !has_v6("both_families_can_have_the_same_port") {
        return;
    }
    let first = Member::start(1, &["127.0.0.1:0"]);
    let address = format!("[::]:{}", first.v4().port());
    let _second = Member::start(2, &[&address]);
    let third = UdpSocket::bind(("0.0.0.0", first.v4().port())).unwrap_err();
    assert_eq!(third.kind(), std::io::ErrorKind::AddrInUse, "the IPv6 socket is for IPv6 only, but IPv4 is taken");
}

#[tokio::test]
async fn a_peer_met_over_ipv4_offers_its_ipv6_address_and_is_used_there() {
    if !has_v6("a_peer_met_over_ipv4_offers_its_ipv6_address_and_is_used_there") {
        return;
    }
    let (a, b) = (Member::dual(3), Member::dual(4));
    // Nobody walks to an IPv6 address: the answer offers it, and the puncture that is asked for comes from there.
    let ask = || a.walk_in_the_new_style(b.v4());
    until("the peer is known over IPv6", ask, || a.peer(&b).is_some_and(|peer| peer.address() == b.v6())).await;
    assert_eq!(a.greeter.with(|_, cx| cx.peer_count()).unwrap(), 1);
    until("a message goes over IPv6", || a.greet(&b, 5), || b.greeted_from(5) == Some(a.v6())).await;
}

#[tokio::test]
async fn the_interface_offered_is_asked_for_a_puncture() {
    if !has_v6("the_interface_offered_is_asked_for_a_puncture") {
        return;
    }
    let (a, b) = (Member::dual(5), Member::dual(6));
    let punctures = || {
        let report = a.running.report();
        let puncture = report.overlay(Greeter::ID).and_then(|overlay| overlay.message(231).cloned());
        puncture.map_or(0, |message| message.received.packets)
    };
    until("a puncture of the new style arrives", || a.walk_in_the_new_style(b.v4()), || punctures() > 0).await;
    let report = b.running.report();
    let asked = report.overlay(Greeter::ID).unwrap().message(232).unwrap();
    assert!(asked.delivered > 0, "{report}");
}

#[tokio::test]
async fn nodes_of_both_families_are_introduced_to_each_other_over_ipv6() {
    if !has_v6("nodes_of_both_families_are_introduced_to_each_other_over_ipv6") {
        return;
    }
    let (a, b, c) = (Member::dual(7), Member::dual(8), Member::dual(9));
    until(
        "both met the third",
        || [&a, &b].iter().for_each(|member| member.walk_to(c.v6())),
        || c.peer(&a).is_some() && c.peer(&b).is_some() && a.peer(&c).is_some(),
    )
    .await;
    let ask = || {
        a.walk_to(c.v6());
        a.walk_on();
    };
    until("one is introduced to the other", ask, || a.peer(&b).is_some_and(|peer| peer.address() == b.v6())).await;
    until("a message goes over IPv6", || a.greet(&b, 6), || b.greeted_from(6) == Some(a.v6())).await;
}

#[tokio::test]
async fn a_node_of_ipv6_alone_meets_one_that_has_both() {
    if !has_v6("a_node_of_ipv6_alone_meets_one_that_has_both") {
        return;
    }
    let (dual, six) = (Member::dual(10), Member::start(11, &["[::1]:0"]));
    until("they meet", || six.walk_to(dual.v6()), || six.peer(&dual).is_some() && dual.peer(&six).is_some()).await;
    until("a message arrives", || six.greet(&dual, 7), || dual.greeted_from(7) == Some(six.v6())).await;
    until("and one back", || dual.greet(&six, 8), || six.greeted_from(8) == Some(dual.v6())).await;
}

#[tokio::test]
async fn a_node_of_ipv4_alone_and_one_of_ipv6_alone_do_not_disturb_each_other() {
    if !has_v6("a_node_of_ipv4_alone_and_one_of_ipv6_alone_do_not_disturb_each_other") {
        return;
    }
    let (dual, four, six) = (Member::dual(12), Member::start(13, &["127.0.0.1:0"]), Member::start(14, &["[::1]:0"]));
    let walk = || {
        four.walk_to(dual.v4());
        six.walk_to(dual.v6());
        // Of what the other one is introduced at, some is out of reach.
        four.walk_on();
        six.walk_on();
    };
    until("both meet the one between them", walk, || four.peer(&dual).is_some() && six.peer(&dual).is_some()).await;
    for _ in 0..5 {
        walk();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(four.peer(&six).is_none() && six.peer(&four).is_none());
    until("the one between is still reached", || four.greet(&dual, 9), || dual.greeted_from(9) == Some(four.v4()))
        .await;
    for member in [&dual, &four, &six] {
        assert_eq!(member.running.report().totals.panics, 0);
    }
}

#[tokio::test]
async fn what_has_no_socket_of_its_family_is_counted() {
    let four = Member::start(15, &["127.0.0.1:0"]);
    four.walk_to("[::1]:9".parse().unwrap());
    until("it is counted", || (), || four.running.report().driver.not_sent == 1).await;
}
