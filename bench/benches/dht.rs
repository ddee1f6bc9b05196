//! What the DHT is made of, without sockets: `cargo bench -p ipv8-bench --bench dht`.
//!
//! | bench | one run is |
//! |---|---|
//! | `table_add_known` | a node of a full table is met again |
//! | `table_add_refused` | a node is met for which there is no room |
//! | `table_closest` | the eight nodes of a full table that are closest to a key |
//! | `crawl_step` | one step of a search: an answer with eight nodes is taken in, and the next node taken |
//! | `crawl` | the state of a whole search: 24 such steps, and the eight closest in the end |
//! | `token`, `token_check` | making a token, and checking one |
//! | `value_encode_signed`, `value_decode_signed` | a value of 23 bytes with its signature: made; read and checked |
//! | `value_encode_unsigned`, `value_decode_unsigned` | the same without |
//! | `store_put`, `store_replace`, `store_get` | one value among 10,000 in memory: kept and the oldest dropped; replaced; found |
//! | `store_expire` | 1,000 values that expire of 10,000, divided by nothing |
//! | `turn_find_nodes` | a turn of a node with a full table: a search request from bytes to the bytes of its answer with eight nodes and the puncture request, signature checked and made |
//! | `turn_find_value` | the same where the answer is a value |
//! | `turn_find_nodes_stamps`, `turn_find_value_stamps` | the same with a keyed SHA-256 in place of the signatures |

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops when its set-up fails")]

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use divan::{Bencher, black_box};
use ipv8_core::{
    Context, Handle, Interfaces, MaxPeers, Node, NodeConfig, Peer, Time, Transmit,
    crypto::{Curve, PrivateKey, Signer, Stamps, Verifier},
};
use ipv8_dht::{
    DhtCommunity, DhtConfig, Family, NodeId,
    crawl::{Answer, Contact, Crawl},
    messages::FindRequest,
    routing::{DhtNode, RoutingTable},
    store::{Entry, MemoryStore, Source, Store, StoreLimits},
    token::TokenSecrets,
    value::{Value, encode_signed, encode_unsigned},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const TARGET: [u8; 20] = [0x5b; 20];

fn main() {
    divan::main();
}

fn key(rng: &mut StdRng) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, rng).expect("curve25519 is always there")
}

/// Somebody anywhere.
fn stranger(rng: &mut StdRng) -> Peer {
    let address = SocketAddr::new(IpAddr::from([rng.random_range(11..100), rng.random(), rng.random(), 1]), 8_090);
    Peer::new(key(rng).public().clone(), address)
}

/// Strangers, the same at every run.
fn strangers(count: usize) -> Vec<Peer> {
    let mut rng = StdRng::seed_from_u64(7);
    (0..count).map(|_| stranger(&mut rng)).collect()
}

/// A table that met 1,000 nodes.
fn table() -> RoutingTable {
    let mut table = RoutingTable::new(NodeId([0x5a; 20]));
    for peer in strangers(1_000) {
        table.add(DhtNode::new(peer), Time::ZERO);
    }
    table
}

#[divan::bench]
fn table_add_known(bencher: Bencher<'_, '_>) {
    let mut table = table();
    let node = table.nodes().last().expect("it has nodes").clone();
    bencher.bench_local(|| table.add(black_box(node.clone()), Time::ZERO).is_some());
}

#[divan::bench]
fn table_add_refused(bencher: Bencher<'_, '_>) {
    let mut table = table();
    let refused = strangers(1_000).into_iter().map(DhtNode::new).find(|node| table.get(&node.id()).is_none());
    let node = refused.expect("there was no room for all");
    bencher.bench_local(|| table.add(black_box(node.clone()), Time::ZERO).is_none());
}

#[divan::bench]
fn table_closest(bencher: Bencher<'_, '_>) {
    let table = table();
    bencher.bench_local(|| table.closest(black_box(&TARGET), 8, None, Time::ZERO).len());
}

/// Answers of eight nodes each.
fn answers(count: usize) -> Vec<Vec<Option<Contact>>> {
    let contacts: Vec<_> = strangers(count * 8).into_iter().map(|peer| Some(Contact::new(peer))).collect();
    contacts.chunks(8).map(<[_]>::to_vec).collect()
}

#[divan::bench]
fn crawl_step(bencher: Bencher<'_, '_>) {
    let table = table();
    let answer = answers(1).pop().expect("there is one");
    let begin = || {
        let mut crawl = Crawl::new(TARGET, table.closest(&TARGET, 8, None, Time::ZERO).into_iter().map(Contact::from));
        let asked = crawl.take(|_| true).expect("there are eight");
        (crawl, asked.node, Answer::Nodes(answer.clone()))
    };
    bencher.with_inputs(begin).bench_local_values(|(mut crawl, node, answer)| {
        crawl.answered(node, answer);
        let next = crawl.take(|_| true);
        (crawl, next)
    });
}

#[divan::bench]
fn crawl(bencher: Bencher<'_, '_>) {
    let table = table();
    let answers = answers(24);
    bencher.with_inputs(|| answers.clone()).bench_local_values(|answers| {
        let mut crawl = Crawl::new(TARGET, table.closest(&TARGET, 8, None, Time::ZERO).into_iter().map(Contact::from));
        for answer in answers {
            let Some(todo) = crawl.take(|_| true) else { break };
            crawl.answered(todo.node, Answer::Nodes(answer));
        }
        crawl.answering().len()
    });
}

#[divan::bench]
fn token(bencher: Bencher<'_, '_>) {
    let (secrets, peer) = (TokenSecrets::known(Some([1; 16]), [2; 16]), stranger(&mut StdRng::seed_from_u64(1)));
    bencher.bench_local(|| secrets.token(black_box(&peer)));
}

#[divan::bench]
fn token_check(bencher: Bencher<'_, '_>) {
    let (secrets, peer) = (TokenSecrets::known(Some([1; 16]), [2; 16]), stranger(&mut StdRng::seed_from_u64(1)));
    let token = secrets.token(&peer);
    bencher.bench_local(|| secrets.is_valid(black_box(&peer), &token));
}

#[divan::bench]
fn value_encode_signed(bencher: Bencher<'_, '_>) {
    let key = key(&mut StdRng::seed_from_u64(1));
    bencher.bench_local(|| encode_signed(black_box(&[7; 23]), 1, &key));
}

#[divan::bench]
fn value_decode_signed(bencher: Bencher<'_, '_>) {
    let bytes = encode_signed(&[7; 23], 1, &key(&mut StdRng::seed_from_u64(1))).expect("curve25519 always signs");
    assert_eq!(bytes.len(), 170);
    assert!(Value::decode(&bytes).is_ok());
    bencher.bench_local(|| Value::decode(black_box(&bytes)));
}

#[divan::bench]
fn value_encode_unsigned(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| encode_unsigned(black_box(&[7; 23])));
}

#[divan::bench]
fn value_decode_unsigned(bencher: Bencher<'_, '_>) {
    let bytes = encode_unsigned(&[7; 23]);
    bencher.bench_local(|| Value::decode(black_box(&bytes)));
}

const STORED: u64 = 10_000;

/// An unsigned value of 100 bytes.
fn entry(number: u64) -> Entry {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let source = Source::of(Ipv4Addr::from_bits(0x0b00_0000 + u32::try_from(number % 100).unwrap_or_default()).into());
    Entry { key: id, id, value: vec![7; 100], version: 0, max_age: Duration::from_secs(3_600 + number), source }
}

fn store() -> MemoryStore {
    let total = usize::try_from(STORED).unwrap_or_default();
    let mut store = MemoryStore::new(StoreLimits { total, ..StoreLimits::default() });
    (0..STORED).for_each(|number| drop(store.put(entry(number), Duration::ZERO)));
    assert_eq!(store.len(), total);
    store
}

#[divan::bench]
fn store_put(bencher: Bencher<'_, '_>) {
    let (store, mut number) = (RefCell::new(store()), STORED);
    let next = || {
        number += 1;
        entry(number)
    };
    bencher.with_inputs(next).bench_local_values(|entry| store.borrow_mut().put(entry, Duration::ZERO));
}

#[divan::bench]
fn store_replace(bencher: Bencher<'_, '_>) {
    let mut store = store();
    bencher.with_inputs(|| entry(77)).bench_local_values(|entry| store.put(entry, Duration::ZERO));
}

#[divan::bench]
fn store_get(bencher: Bencher<'_, '_>) {
    let (store, key) = (store(), entry(77).key);
    assert_eq!(store.get(&key, 0, 8).len(), 1);
    bencher.bench_local(|| store.get(black_box(&key), 0, 8));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn store_expire(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(store).bench_local_values(|mut store| {
        assert_eq!(store.expire(Duration::from_secs(4_600)), 1_000);
        store
    });
}

/// A node at `10.0.0.NUMBER`, whose signatures are stamps if asked.
fn node(number: u8, stamps: bool) -> (Node, Handle<DhtCommunity>) {
    let mut rng = StdRng::seed_from_u64(number.into());
    let mut config = NodeConfig::new(key(&mut rng), [number; 32]);
    if stamps {
        let (signer, verifier): (Box<dyn Signer>, Box<dyn Verifier>) =
            (Box::new(Stamps::new([1; 32])), Box::new(Stamps::new([1; 32])));
        (config.signer, config.verifier) = (signer, verifier);
    }
    let node = Node::new(config);
    let SocketAddr::V4(v4) = address(number) else { unreachable!("made as IPv4") };
    node.set_interfaces(Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: None, machine: vec![(*v4.ip()).into()] });
    let dht = DhtConfig { maintenance: None, limit_queries: false, peers: false, ..DhtConfig::default() };
    let overlay = DhtCommunity::new(dht).overlay().max_peers(MaxPeers::Unlimited);
    let handle = node.load(overlay).expect("loads once");
    (node, handle)
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8_090))
}

fn sent_by(number: u8, stamps: bool, send: impl FnOnce(&mut Context<'_>)) -> Vec<u8> {
    let (sender, dht) = node(number, stamps);
    dht.with(|_, cx| send(cx)).expect("it is loaded");
    sender.poll(Time::ZERO);
    sender.poll_transmit().expect("it was sent").bytes
}

fn turn(node: &Node, datagrams: &[&[u8]], sent: &mut Vec<Transmit>) {
    sent.clear();
    node.handle(Time::ZERO, datagrams.iter().map(|datagram| (address(2), *datagram)));
    node.drain_transmits(sent);
}

/// Measures turns of a node with a full table and a value, which is asked by another one.
fn find(bencher: Bencher<'_, '_>, stamps: bool, target: [u8; 20], answers: usize) {
    let (node, dht) = node(1, stamps);
    let mut sent = Vec::new();
    turn(&node, &[&sent_by(2, stamps, |cx| cx.walk_to(address(1)))], &mut sent);
    let filled = dht.with(|dht, cx| {
        for peer in strangers(1_000) {
            let mut known = DhtNode::new(peer);
            known.answered(Time::ZERO, Duration::from_millis(20));
            dht.add_node(cx, known);
        }
        let value = encode_signed(&[7; 23], 1, cx.private_key()).expect("curve25519 always signs");
        let source = Source::of(address(2).ip());
        let entry = Entry { key: [9; 20], id: [1; 20], value, version: 1, max_age: Duration::from_secs(60), source };
        dht.store_mut(Family::V4).put(entry, Duration::ZERO);
        dht.table(Family::V4).map_or(0, RoutingTable::len)
    });
    assert!(filled.expect("it is loaded") > 40);
    let request = FindRequest { identifier: 7, lan_address: address(2), target, offset: 0, force_nodes: false };
    let request = sent_by(2, stamps, |cx| cx.send_to(address(1), request));
    turn(&node, &[&request], &mut sent);
    assert_eq!(sent.len(), answers);
    bencher.bench_local(|| turn(&node, black_box(&[&request]), &mut sent));
    assert_eq!((sent.len(), node.stats().panics), (answers, 0));
}

#[divan::bench]
fn turn_find_nodes(bencher: Bencher<'_, '_>) {
    find(bencher, false, TARGET, 2);
}

#[divan::bench]
fn turn_find_nodes_stamps(bencher: Bencher<'_, '_>) {
    find(bencher, true, TARGET, 2);
}

#[divan::bench]
fn turn_find_value(bencher: Bencher<'_, '_>) {
    find(bencher, false, [9; 20], 1);
}

#[divan::bench]
fn turn_find_value_stamps(bencher: Bencher<'_, '_>) {
    find(bencher, true, [9; 20], 1);
}
