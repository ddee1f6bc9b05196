//! Who is behind a router is found by its key hash, by ours and the reference's behind others, in one DHT of both.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use ipv8_interop::{Internet, Nat, PORT, Process, Side};
use serde_json::{Value, json};

use crate::world::World;

/// How long nodes have to be remembered: the reference asks every half minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long one search may take.
const SEARCH: Duration = Duration::from_secs(30);
/// How often it is tried, and how long is waited before the next time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(20);

/// Who looks for whom.
const COLUMNS: [(&str, [Side; 2]); 3] = [
    ("ours", [Side::Ours; 2]),
    ("ours finds theirs", [Side::Ours, Side::Theirs]),
    ("theirs finds ours", [Side::Theirs, Side::Ours]),
];

const NATS: [[Nat; 2]; 5] = [
    [Nat::Open, Nat::PortRestricted],
    [Nat::PortRestricted, Nat::PortRestricted],
    [Nat::Symmetric, Nat::AddressRestricted],
    [Nat::AddressRestricted, Nat::Symmetric],
    [Nat::Symmetric, Nat::Symmetric],
];

struct Search {
    nats: [Nat; 2],
    column: &'static str,
    sides: [Side; 2],
    hosts: [String; 2],
}

fn start(world: &World, side: Side, host: &str, contact: SocketAddr) -> (Process, String) {
    let mut process = world.dht(side, host, PORT, contact);
    let mid = crate::world::ready(&mut process).mid;
    (process, mid)
}

/// Waits until a node is remembered by others.
fn remembered(process: &mut Process) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = process.ask(&json!({"do": "store-peer"}), SEARCH).unwrap();
        // The reference counts those that its NAT hides from it among the closest, and asks nobody else.
        if answer["nodes"][0].as_u64().unwrap() >= 2 {
            return;
        }
        assert!(Instant::now() < end, "remembered by {answer}");
        thread::sleep(Duration::from_secs(1));
    }
}

fn run(world: &World, search: &Search, contact: SocketAddr) -> Value {
    let (mut wanted, mid) = start(world, search.sides[1], &search.hosts[1], contact);
    remembered(&mut wanted);
    let (mut seeker, _) = start(world, search.sides[0], &search.hosts[0], contact);
    remembered(&mut seeker);
    let mut answer = Value::Null;
    // The DHT grows meanwhile: who is remembered by nodes that are not the closest any more is stored again a minute later.
    for _ in 0..TRIES {
        answer = seeker.ask(&json!({"do": "connect", "key": mid, "ping": true}), SEARCH).unwrap();
        if met(&answer) {
            break;
        }
        thread::sleep(PAUSE);
    }
    answer
}

fn met(answer: &Value) -> bool {
    answer["peers"].as_array().is_some_and(|peers| !peers.is_empty())
}

#[test]
fn who_is_behind_a_router_is_found_by_its_key_hash() {
    let Some(world) = World::open() else { return };
    let mut internet = Internet::new();
    let public: Vec<(Side, String, SocketAddr)> = Side::alternating()
        .take(10)
        .enumerate()
        .map(|(number, side)| {
            let name = format!("d{number}");
            let address = SocketAddr::from((internet.host(&name), PORT));
            (side, name, address)
        })
        .collect();
    let mut searches = Vec::new();
    for nats in NATS {
        for (column, sides) in COLUMNS {
            let hosts = ["s", "w"].map(|end| format!("f{}{end}", searches.len()));
            nats.iter().zip(&hosts).for_each(|(nat, host)| internet.home(*nat, &[host]));
            searches.push(Search { nats, column, sides, hosts });
        }
    }
    world.build_hosts(&internet);
    let contact = public[0].2;
    let mut nodes: Vec<_> = public.iter().map(|(side, host, _)| start(&world, *side, host, contact).0).collect();
    nodes.iter_mut().for_each(remembered);
    let world = &world;
    let found: Vec<Value> = thread::scope(|scope| {
        let running: Vec<_> = searches.iter().map(|search| scope.spawn(move || run(world, search, contact))).collect();
        running.into_iter().map(|search| search.join().unwrap()).collect()
    });
    for (search, answer) in searches.iter().zip(&found) {
        let [seeker, wanted] = search.nats;
        println!("{}: {} finds {}: {answer}", search.column, seeker.name(), wanted.name());
    }
    for (search, answer) in searches.iter().zip(&found) {
        let [seeker, wanted] = search.nats;
        // The reference does not ask where a puncture came from, and so does not get through to all that could be reached.
        if search.sides[0] == Side::Ours {
            assert_eq!(
                met(answer),
                seeker.can_meet(wanted),
                "{}: {seeker:?} finds {wanted:?}: {answer}",
                search.column
            );
        }
    }
}
