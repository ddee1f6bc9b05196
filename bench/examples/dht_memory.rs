//! What a node of the DHT holds: resident bytes of a node whose routing table is full, and of one that keeps many values.
//! Without sockets; the growth of the process, divided by the nodes.
//!
//! `cargo run --release -p ipv8-bench --example dht_memory`; `interop/peers/dht_memory.py` does the same with the reference.
#![allow(clippy::print_stdout, reason = "a program")]

use std::{
    error::Error,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use clap::Parser;
use ipv8_core::{
    Handle, Interfaces, Node, NodeConfig, Peer, Time,
    crypto::{Curve, PrivateKey},
};
use ipv8_dht::{
    DhtCommunity, DhtConfig, Family,
    routing::DhtNode,
    store::{Entry, Source, StoreLimits},
    value::encode_unsigned,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha512};

/// Memory of nodes of the DHT.
#[derive(Parser)]
struct Arguments {
    /// Nodes that are measured.
    #[arg(long, value_name = "N", default_value_t = 100)]
    nodes: u32,
    /// Nodes that each of them meets.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    met: usize,
    /// Values that each of them keeps.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    values: u32,
    /// Bytes of a value, with its first.
    #[arg(long, value_name = "N", default_value_t = 170)]
    size: usize,
}

/// Bytes of memory that the process holds.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
}

fn node(number: u32, rng: &mut StdRng) -> Result<(Node, Handle<DhtCommunity>), Box<dyn Error>> {
    let key = PrivateKey::generate(Curve::Curve25519, rng)?;
    let node = Node::new(NodeConfig::new(key, rng.random()));
    let address = SocketAddrV4::new(Ipv4Addr::from_bits(0x0b00_0000 + number), 8_090);
    node.set_interfaces(Interfaces {
        lan: Some(address.into()),
        v4: Some(address),
        v6: None,
        machine: vec![(*address.ip()).into()],
    });
    let store = StoreLimits { total: usize::MAX, per_source: usize::MAX, ..StoreLimits::default() };
    let config = DhtConfig { maintenance: None, peers: false, store, ..DhtConfig::default() };
    let handle = node.load(DhtCommunity::new(config).overlay())?;
    Ok((node, handle))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut rng = StdRng::seed_from_u64(1);
    let mut strangers = Vec::new();
    for _ in 0..arguments.met {
        let address = SocketAddr::new(IpAddr::from([rng.random_range(11..100), rng.random(), rng.random(), 1]), 8_090);
        strangers.push((PrivateKey::generate(Curve::Curve25519, &mut rng)?.public().as_bytes().to_vec(), address));
    }
    let each = |bytes: u64| bytes / u64::from(arguments.nodes);

    let before = resident()?;
    let nodes: Vec<_> = (0..arguments.nodes).map(|number| node(number, &mut rng)).collect::<Result<_, _>>()?;
    println!("a node that knows nobody: {} bytes", each(resident()? - before));

    let before = resident()?;
    let mut known = 0;
    for (_, dht) in &nodes {
        known += dht.with(|dht, cx| {
            for (key, address) in &strangers {
                // Each node has read the key by itself, as in a process of its own.
                let Ok(key) = ipv8_core::crypto::PublicKey::from_bytes(key) else { continue };
                let mut met = DhtNode::new(Peer::new(key, *address));
                met.answered(Time::ZERO, Duration::from_millis(20));
                dht.add_node(cx, met);
            }
            dht.table(Family::V4).map_or(0, ipv8_dht::routing::RoutingTable::len)
        })?;
    }
    let (bytes, known) = (each(resident()? - before), f64::from(u32::try_from(known)?) / f64::from(arguments.nodes));
    println!("its table of {known:.0} nodes: {bytes} bytes, {:.0} for each of them", bytes as f64 / known);

    let before = resident()?;
    let data = vec![7; arguments.size - 1];
    for (_, dht) in &nodes {
        dht.with(|dht, _| {
            for number in 0..arguments.values {
                let id = id(number);
                let ip = Ipv4Addr::from_bits(0x0b00_0000 + number % 100);
                let (value, source) = (encode_unsigned(&data), Source::of(ip.into()));
                let max_age = Duration::from_secs(3_600);
                let entry = Entry { key: id, id, value, version: 0, max_age, source };
                dht.store_mut(Family::V4).put(entry, Duration::from_secs(u64::from(number)));
            }
        })?;
    }
    let bytes = each(resident()? - before);
    let of_one = bytes as f64 / f64::from(arguments.values);
    println!("{} values of {} bytes: {bytes} bytes, {of_one:.0} for each of them", arguments.values, arguments.size);
    Ok(())
}

/// An id, spread evenly.
fn id(number: u32) -> [u8; 20] {
    let drawn: [u8; 64] = Sha512::digest(number.to_be_bytes()).into();
    std::array::from_fn(|place| drawn.get(place).copied().unwrap_or_default())
}
