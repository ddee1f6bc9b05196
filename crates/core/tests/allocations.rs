//! How often the node allocates for each packet, once it has met everybody: for a signed question and its answer, for an
//! unsigned one, alone in a turn and among many.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use allocation_counter::measure;
use ipv8_core::{
    Community, Context, Handle, Interfaces, Node, NodeConfig, Peer, Routes, Time, Transmit,
    crypto::{Batched, Curve, PrivateKey, Sequential, Verifier},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone)]
#[message(id = 1)]
struct Question {
    value: u32,
}

#[derive(Message)]
#[message(id = 2)]
struct Answer {
    value: u32,
}

#[derive(Message, Clone)]
#[message(id = 3, unsigned)]
struct OpenQuestion {
    value: u32,
}

#[derive(Message)]
#[message(id = 4, unsigned)]
struct OpenAnswer {
    value: u32,
}

struct Echo;

impl Community for Echo {
    const ID: CommunityId = community_id!("ec40ec40ec40ec40ec40ec40ec40ec40ec40ec41");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, m: Question| cx.send(from, Answer { value: m.value }));
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &SocketAddr, m: OpenQuestion| {
            cx.send_to(*from, OpenAnswer { value: m.value });
        });
    }
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

fn node(number: u8, verifier: Box<dyn Verifier>) -> (Node, Handle<Echo>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let node = Node::new(NodeConfig { verifier, ..NodeConfig::new(key, [number; 32]) });
    let SocketAddr::V4(v4) = address(number) else { unreachable!() };
    node.set_interfaces(Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: None, machine: vec![(*v4.ip()).into()] });
    let echo = node.load(Echo).unwrap();
    (node, echo)
}

fn sent_by_2(send: impl FnOnce(&mut Context<'_>)) -> Vec<u8> {
    let (sender, echo) = node(2, Box::new(Sequential));
    echo.with(|_, cx| send(cx)).unwrap();
    sender.poll(Time::ZERO);
    sender.poll_transmit().unwrap().bytes
}

/// Allocations of one turn with so many copies of a packet, after others like it.
fn allocations(node: &Node, packet: &[u8], copies: usize) -> u64 {
    let batch = vec![(address(2), packet); copies];
    let mut sent: Vec<Transmit> = Vec::new();
    let mut turn = || {
        node.handle(Time::ZERO, batch.iter().copied());
        node.exchange_transmits(&mut sent);
        assert_eq!(sent.len(), copies);
    };
    for _ in 0..10 {
        turn();
    }
    measure(turn).count_total
}

/// What a signed and an unsigned question cost in turns of so many.
fn of_turns(verifier: Box<dyn Verifier>, copies: usize) -> [u64; 2] {
    let (node, _) = node(1, verifier);
    let hello = sent_by_2(|cx| cx.walk_to(address(1)));
    node.handle(Time::ZERO, [(address(2), hello.as_slice())]);
    node.drain_transmits(&mut Vec::new());
    let signed = sent_by_2(|cx| cx.send_to(address(1), Question { value: 7 }));
    let open = sent_by_2(|cx| cx.send_to(address(1), OpenQuestion { value: 7 }));
    [allocations(&node, &signed, copies), allocations(&node, &open, copies)]
}

#[test]
fn a_packet_that_comes_alone_needs_none() {
    assert_eq!(of_turns(Box::new(Sequential), 1), [0, 0]);
    assert_eq!(of_turns(Box::new(Batched::default()), 1), [0, 0]);
}

/// Lists of what came together, for each turn and not for each packet.
#[test]
fn a_turn_of_many_needs_a_few() {
    let [signed, open] = of_turns(Box::new(Sequential), 32);
    assert!(signed <= 8 && open <= 4, "{signed}, {open}");
    let [twice_signed, twice_open] = of_turns(Box::new(Sequential), 64);
    assert!(twice_signed <= signed + 2 && twice_open <= open + 2, "{twice_signed}, {twice_open}");
}

/// What curve25519-dalek takes for the tables of a batch, which grow by doubling: a few for each batch, and not for each signature.
#[test]
fn verifying_together_allocates_for_the_batch() {
    for (copies, most) in [(16, 8), (32, 9), (64, 10)] {
        let [alone, _] = of_turns(Box::new(Sequential), copies);
        let [signed, _] = of_turns(Box::new(Batched::default()), copies);
        assert!(signed > alone && signed <= alone + most, "{copies}: {signed}, {alone}");
    }
}
