//! One piece of work, so many times: `cargo xtask instructions` counts what the processor does for it, which no other load on
//! the machine changes.
//!
//! `instructions NAME COUNT` does the work COUNT times after setting up; without arguments it lists the names. Nothing here
//! depends on time, randomness or the processor: signatures are stamps, or remembered.
#![allow(clippy::print_stdout, reason = "it lists its names")]

use std::{error::Error, hint::black_box, net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Handle, Interfaces, MaxPeers, Node, NodeConfig, OverlayConfig, Peer, Routes, Time, Transmit,
    messages::{IntroductionRequest, IntroductionResponse},
};
use ipv8_crypto::{Curve, PrivateKey, Stamps};
use ipv8_dht::messages::{FindResponse, Node as DhtNode};
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeOptions, World};
use ipv8_wire::{Address, CommunityId, Message, Payload, community_id};
use rand::{SeedableRng as _, rngs::StdRng};

type Failure = Box<dyn Error>;

/// Does a piece of work so many times.
type Work = fn(u32) -> Result<(), Failure>;

const WORK: [(&str, Work); 14] = [
    ("decode_introduction_request", |count| decode::<IntroductionRequest>(count, &introduction_request()?)),
    ("encode_introduction_request", |count| encode(count, &IntroductionRequest::decode(&introduction_request()?)?)),
    ("decode_introduction_response", |count| decode::<IntroductionResponse>(count, &introduction_response()?)),
    ("encode_introduction_response", |count| encode(count, &IntroductionResponse::decode(&introduction_response()?)?)),
    ("decode_find_response_of_8_nodes", |count| decode::<FindResponse>(count, &find_response()?.encode()?)),
    ("encode_find_response_of_8_nodes", |count| encode(count, &find_response()?)),
    ("turn_empty", turn_empty),
    ("turn_unknown_community", turn_unknown_community),
    ("turn_unsigned_message", turn_unsigned_message),
    ("turn_of_64_unsigned_messages", turn_of_64_unsigned_messages),
    ("turn_unsigned_answer", turn_unsigned_answer),
    ("turn_signed_answer", turn_signed_answer),
    ("turn_introduction", turn_introduction),
    ("simulated_second_of_20_nodes", simulated_second_of_20_nodes),
];

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        WORK.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let count = arguments.next().ok_or("say how often")?.parse()?;
    let (_, work) = WORK.iter().find(|(known, _)| *known == name).ok_or("no such work")?;
    work(count)
}

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

#[derive(Message, Clone)]
#[message(id = 5, unsigned)]
struct OpenClock {
    clock: u32,
}

#[derive(Default)]
struct Echo {
    clock: u32,
}

impl Community for Echo {
    const ID: CommunityId = community_id!("ec40ec40ec40ec40ec40ec40ec40ec40ec40ec42");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, m: Question| cx.send(from, Answer { value: m.value }));
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &SocketAddr, m: OpenQuestion| {
            cx.send_to(*from, OpenAnswer { value: m.value });
        });
        r.on(|echo: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: OpenClock| echo.clock = echo.clock.max(m.clock));
    }
}

const fn address(number: u8) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, number)), 8_090)
}

fn node(number: u8) -> Result<(Node, Handle<Echo>), Failure> {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32]))?;
    let stamps = || Stamps::new([9; 32]);
    let config =
        NodeConfig { verifier: Box::new(stamps()), signer: Box::new(stamps()), ..NodeConfig::new(key, [number; 32]) };
    let node = Node::new(config);
    if let SocketAddr::V4(v4) = address(number) {
        let machine = vec![(*v4.ip()).into()];
        node.set_interfaces(Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: None, machine });
    }
    let echo = node.load(OverlayConfig::new(Echo::default()).max_peers(MaxPeers::Unlimited))?;
    Ok((node, echo))
}

/// What node 2 sends to node 1.
fn sent(send: impl FnOnce(&mut Context<'_>)) -> Result<Vec<u8>, Failure> {
    let (sender, echo) = node(2)?;
    echo.with(|_, cx| send(cx))?;
    sender.poll(Time::ZERO);
    Ok(sender.poll_transmit().ok_or("nothing was sent")?.bytes)
}

/// Turns of a node that met the sender, each with one datagram and so many answers.
fn turns(count: u32, datagram: Option<&[u8]>, answers: usize) -> Result<(), Failure> {
    turns_with(count, answers, || black_box(datagram).map(|datagram| (address(2), datagram)))
}

/// The same with any datagrams.
fn turns_with<'a, D>(count: u32, answers: usize, datagrams: impl Fn() -> D) -> Result<(), Failure>
where
    D: IntoIterator<Item = (SocketAddr, &'a [u8])>,
{
    let (node, _echo) = node(1)?;
    let mut transmits: Vec<Transmit> = Vec::new();
    node.handle(Time::ZERO, [(address(2), sent(|cx| cx.walk_to(address(1)))?.as_slice())]);
    node.exchange_transmits(&mut transmits);
    for _ in 0..count {
        node.handle(Time::ZERO, datagrams());
        node.exchange_transmits(&mut transmits);
        if transmits.len() != answers {
            return Err(format!("{} answers, not {answers}", transmits.len()).into());
        }
    }
    Ok(())
}

fn turn_empty(count: u32) -> Result<(), Failure> {
    turns(count, None, 0)
}

fn turn_unknown_community(count: u32) -> Result<(), Failure> {
    let mut packet = sent(|cx| cx.send_to(address(1), OpenClock { clock: 7 }))?;
    packet.iter_mut().skip(2).take(20).for_each(|byte| *byte ^= 1);
    turns(count, Some(&packet), 0)
}

fn turn_unsigned_message(count: u32) -> Result<(), Failure> {
    turns(count, Some(&sent(|cx| cx.send_to(address(1), OpenClock { clock: 7 }))?), 0)
}

fn turn_of_64_unsigned_messages(count: u32) -> Result<(), Failure> {
    let packet = sent(|cx| cx.send_to(address(1), OpenClock { clock: 7 }))?;
    turns_with(count, 0, || std::iter::repeat_n((address(2), black_box(packet.as_slice())), 64))
}

fn turn_unsigned_answer(count: u32) -> Result<(), Failure> {
    turns(count, Some(&sent(|cx| cx.send_to(address(1), OpenQuestion { value: 7 }))?), 1)
}

fn turn_signed_answer(count: u32) -> Result<(), Failure> {
    turns(count, Some(&sent(|cx| cx.send_to(address(1), Question { value: 7 }))?), 1)
}

/// An introduction request, and its answer: there is nobody to introduce.
fn turn_introduction(count: u32) -> Result<(), Failure> {
    turns(count, Some(&sent(|cx| cx.walk_to(address(1)))?), 1)
}

/// The fields of a signed message with a global time.
fn fields(packet: &[u8]) -> Result<Vec<u8>, Failure> {
    // Prefix, id, key with its length, global time; and a signature of 64 bytes behind the fields.
    let end = packet.len().checked_sub(64).ok_or("too short")?;
    Ok(packet.get(23 + 76 + 8..end).ok_or("too short")?.to_vec())
}

fn introduction_request() -> Result<Vec<u8>, Failure> {
    fields(&sent(|cx| cx.walk_to(address(1)))?)
}

fn introduction_response() -> Result<Vec<u8>, Failure> {
    let (node, _echo) = node(1)?;
    node.handle(Time::ZERO, [(address(2), sent(|cx| cx.walk_to(address(1)))?.as_slice())]);
    fields(&node.poll_transmit().ok_or("no answer")?.bytes)
}

/// As a node answers that has no value, but knows eight others.
fn find_response() -> Result<FindResponse, Failure> {
    let mut rng = StdRng::from_seed([1; 32]);
    let mut node = |number| {
        let key = PrivateKey::generate(Curve::Curve25519, &mut rng)?;
        Ok::<_, Failure>(DhtNode { address: address(number), key: key.public().clone() })
    };
    let nodes = (1..=8).map(&mut node).collect::<Result<_, _>>()?;
    Ok(FindResponse { identifier: 7, token: [7; 20], values: Vec::new(), nodes })
}

fn decode<T: for<'a> Payload<'a>>(count: u32, fields: &[u8]) -> Result<(), Failure> {
    for _ in 0..count {
        black_box(T::decode(black_box(fields))?);
    }
    Ok(())
}

fn encode<T: for<'a> Payload<'a>>(count: u32, message: &T) -> Result<(), Failure> {
    for _ in 0..count {
        black_box(black_box(message).encode()?);
    }
    Ok(())
}

/// Twenty nodes that walk, ping and ask each other, under virtual time.
fn simulated_second_of_20_nodes(count: u32) -> Result<(), Failure> {
    let mut world = World::builder(1).stamps().build();
    let tracker = SocketAddr::from(([10, 255, 0, 1], 6_421));
    let id = world.add_node(NodeOptions::default().address(tracker));
    world.node(id).load(OverlayConfig::new(Tracker::default()).any_prefix())?;
    for _ in 0..20 {
        let id = world.add_node(NodeOptions::default());
        let bootstrapper = TrackerBootstrapper::new(vec![Address::from(tracker)]);
        let overlay = OverlayConfig::new(DiscoveryCommunity::default())
            .strategy(RandomWalk::default(), ipv8_core::Target::Peers(20))
            .bootstrapper(bootstrapper);
        world.node(id).load(overlay)?;
    }
    world.run_for(Duration::from_secs(u64::from(count)));
    Ok(())
}
