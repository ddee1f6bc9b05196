//! Bytes that a node holds for each peer it knows, in all of its tables: records, indexes, services, keys, introductions,
//! pings, questions. One node meets peers through packets, one every half a second of virtual time, with the defaults of a
//! node; what it then holds is counted by the allocator.
//!
//! `cargo run --release -p ipv8-bench --example peer_memory`; `--sizes` shows what the bytes are.
//!
//! Each peer was introduced by another one, answers, tells its communities in a signed message, asks the node for an
//! introduction in turn (and claims a LAN address with it), and answers pings and questions from then on. All of that is
//! done by nodes that are made for the occasion and dropped afterwards, so that what is left was allocated by the node that
//! is measured. It runs the [`DiscoveryCommunity`] with its churn and similarity, and one community more.
//!
//! Hash tables and arrays grow by leaps, so that a figure depends on how many peers there are: those just below and just
//! above a leap of the tables are among the numbers that are measured by default.
#![allow(clippy::print_stdout, reason = "a program")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::{BTreeMap, VecDeque},
    error::Error,
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use ipv8_core::{
    Community, Handle, Hardening, Interfaces, MaxPeers, Node, NodeConfig, OverlayConfig, Routes, Target, Time,
    Transmit,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, community_id},
};
use ipv8_discovery::{DiscoveryCommunity, PeriodicSimilarity, RandomChurn};
use rand::{Rng as _, SeedableRng, rngs::StdRng};

/// Bytes that a node holds for each peer.
#[derive(Parser)]
struct Arguments {
    /// How many peers it knows when it is looked at, in rising order.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [20, 100, 224, 225, 448, 449, 896, 897, 1_000, 1_792, 1_793, 3_584, 3_585, 7_168, 7_169, 10_000])]
    peers: Vec<u32>,
    /// What the node trusts: `reference`, `compatible` (the default of a node) or `hardened`.
    #[arg(long, value_name = "NAME", default_value = "compatible")]
    hardening: String,
    /// Communities that a peer serves and nobody else does, beside the discovery community and up to three that are usual.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rare: u32,
    /// Shows how many allocations of which size there are.
    #[arg(long)]
    sizes: bool,
}

// --- counting ----------------------------------------------------------------------------------------------------

/// The system's allocator, with what is live by size.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);
static LIVE_ROUNDED: AtomicI64 = AtomicI64::new(0);

/// Sizes that are told apart: small ones each, and larger ones that do not share a place.
const SIZES: usize = 1 << 16;
static COUNTS: [AtomicI64; SIZES] = [const { AtomicI64::new(0) }; SIZES];
/// Of those that are larger, by size.
static LARGE: Mutex<[(usize, i64); 64]> = Mutex::new([(0, 0); 64]);

/// What glibc takes for an allocation: eight bytes before it, all rounded up to 16, 32 at least (`malloc(3)` of 2.36).
const fn rounded(size: usize) -> usize {
    let chunk = (size + 8).next_multiple_of(16);
    if chunk < 32 { 32 } else { chunk }
}

fn note(size: usize, sign: i64) {
    let signed = |bytes: usize| sign * i64::try_from(bytes).unwrap_or(i64::MAX);
    LIVE.fetch_add(signed(size), Ordering::Relaxed);
    LIVE_ROUNDED.fetch_add(signed(rounded(size)), Ordering::Relaxed);
    match COUNTS.get(size) {
        Some(count) => drop(count.fetch_add(sign, Ordering::Relaxed)),
        None => {
            let mut large = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
            let known =
                large.iter().position(|place| place.0 == size).or_else(|| large.iter().position(|place| place.1 == 0));
            if let Some(place) = known.and_then(|known| large.get_mut(known)) {
                *place = (size, place.1 + sign);
            }
        }
    }
}

// SAFETY: all is left to the system's allocator; counting allocates nothing.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(size, 1);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What is live.
#[derive(Clone)]
struct Held {
    bytes: i64,
    rounded: i64,
    resident: i64,
    sizes: Vec<(usize, i64)>,
}

impl Held {
    fn now() -> Result<Self, Box<dyn Error>> {
        let (bytes, rounded) = (LIVE.load(Ordering::Relaxed), LIVE_ROUNDED.load(Ordering::Relaxed));
        let small = COUNTS.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        let large = *LARGE.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes = small.chain(large).filter(|(_, count)| *count != 0).collect();
        Ok(Self { bytes, rounded, resident: resident()?, sizes })
    }
}

/// Bytes of memory that the process holds.
fn resident() -> Result<i64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<i64>()? * 1_024)
}

// --- the nodes ---------------------------------------------------------------------------------------------------

/// A community that does nothing, of which a node has several.
struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("706561725f6d656d6f72795f62656e6368000000");

    fn routes(_: &mut Routes<Self>) {}
}

/// Those that many peers serve: all the first, every second one the second, every fourth one the third.
const USUAL: [CommunityId; 3] = [
    Plain::ID,
    community_id!("706561725f6d656d6f72795f62656e6368000001"),
    community_id!("706561725f6d656d6f72795f62656e6368000002"),
];

/// The node that is measured.
const MEASURED: u32 = 0;

fn address_of(number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0b00_0000 + number), 8_090)
}

fn number_of(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_bits().checked_sub(0x0b00_0000),
        SocketAddr::V6(_) => None,
    }
}

struct Running {
    node: Node,
    discovery: Handle<DiscoveryCommunity>,
}

fn node(number: u32, hardening: Hardening, communities: &[CommunityId]) -> Result<Running, Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(number.into());
    let key = PrivateKey::generate(Curve::Curve25519, &mut rng)?;
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let node = Node::new(NodeConfig { hardening, ..NodeConfig::new(key, seed) });
    let address = address_of(number);
    let lan = SocketAddrV4::new(Ipv4Addr::from_bits(0xc0a8_0000 + number % 0x1_0000), 8_090);
    node.set_interfaces(Interfaces {
        lan: Some(lan.into()),
        v4: Some(address),
        v6: None,
        machine: vec![(*lan.ip()).into()],
    });
    let discovery = OverlayConfig::new(DiscoveryCommunity::default()).max_peers(MaxPeers::Unlimited);
    let discovery = if number == MEASURED {
        discovery
            .strategy(RandomChurn::default(), Target::Always)
            .strategy(PeriodicSimilarity::default(), Target::Always)
    } else {
        discovery
    };
    let discovery = node.load(discovery)?;
    for community in communities {
        node.load(OverlayConfig::new(Plain).id(*community).max_peers(MaxPeers::Unlimited))?;
    }
    Ok(Running { node, discovery })
}

/// A peer, with what it serves in an order of its own.
fn peer(number: u32, rare: u32) -> Result<Running, Box<dyn Error>> {
    let mut communities: Vec<CommunityId> =
        USUAL.into_iter().zip([1, 2, 4]).filter(|(_, every)| number.is_multiple_of(*every)).map(|(id, _)| id).collect();
    for of_it in 0..rare {
        let mut id = [0xee; 20];
        id.iter_mut().zip((number * 64 + of_it).to_be_bytes()).for_each(|(to, from)| *to = from);
        communities.push(CommunityId(id));
    }
    let turn = usize::try_from(number / 4)? % communities.len().max(1);
    communities.rotate_left(turn);
    node(number, Hardening::default(), &communities)
}

/// The measured node, and whoever it talks to.
struct World {
    measured: Running,
    rare: u32,
    now: Time,
    /// Those who are there just now; others are made anew when something is sent to them.
    present: BTreeMap<u32, Running>,
}

impl World {
    /// Carries datagrams until nobody sends any more.
    fn carry(&mut self) -> Result<(), Box<dyn Error>> {
        let mut waiting: VecDeque<(u32, Transmit)> = VecDeque::new();
        loop {
            self.measured.node.poll(self.now);
            while let Some(transmit) = self.measured.node.poll_transmit() {
                waiting.push_back((MEASURED, transmit));
            }
            for (number, one) in &self.present {
                one.node.poll(self.now);
                while let Some(transmit) = one.node.poll_transmit() {
                    waiting.push_back((*number, transmit));
                }
            }
            let Some((from, Transmit { to, bytes, .. })) = waiting.pop_front() else { return Ok(()) };
            // An answer at the very moment of its question would count as one to an earlier one.
            self.now = self.now + Duration::from_millis(1);
            let from = SocketAddr::V4(address_of(from));
            let Some(to) = number_of(to) else { continue };
            if to == MEASURED {
                self.measured.node.handle(self.now, [(from, bytes.as_slice())]);
                continue;
            }
            if !self.present.contains_key(&to) {
                self.present.insert(to, peer(to, self.rare)?);
            }
            if let Some(one) = self.present.get(&to) {
                one.node.handle(self.now, [(from, bytes.as_slice())]);
            }
        }
    }

    /// Lets half a second pass.
    fn pass_time(&mut self) -> Result<(), Box<dyn Error>> {
        let until = self.now + Duration::from_millis(500);
        while let Some(due) = self.measured.node.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.measured.node.poll(self.now);
            self.carry()?;
        }
        self.now = self.now.max(until);
        self.carry()
    }

    /// The node meets a peer: the one before introduces it, or for the first one nobody.
    fn meet(&mut self, number: u32) -> Result<(), Box<dyn Error>> {
        let address = SocketAddr::V4(address_of(number));
        let ours = SocketAddr::V4(address_of(MEASURED));
        let newcomer = peer(number, self.rare)?;
        if number > 1 {
            let introducer = peer(number - 1, self.rare)?;
            let there = SocketAddr::V4(address_of(number - 1));
            newcomer.discovery.with(|_, cx| cx.walk_to(there))?;
            self.present.extend([(number - 1, introducer), (number, newcomer)]);
            self.carry()?;
            self.measured.discovery.with(|_, cx| cx.walk_to(there))?;
            self.carry()?;
            let introduced = self.measured.discovery.with(|_, cx| cx.walkable().contains(&address))?;
            if !introduced {
                return Err(format!("peer {number} was not introduced").into());
            }
        } else {
            self.present.insert(number, newcomer);
        }
        self.measured.discovery.with(|_, cx| cx.walk_to(address))?;
        self.carry()?;
        if let Some(newcomer) = self.present.get(&number) {
            newcomer.discovery.with(|_, cx| cx.walk_to(ours))?;
        }
        self.carry()?;
        self.present.clear();
        self.pass_time()?;
        self.present.clear();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let hardening = Hardening::named(&arguments.hardening).ok_or("there is no such hardening")?;
    let measured = node(MEASURED, hardening, &USUAL[..1])?;
    measured.node.poll(Time::ZERO);
    let mut world = World { measured, rare: arguments.rare, now: Time::ZERO, present: BTreeMap::new() };
    // What is made once, whoever is met.
    world.pass_time()?;
    let before = Held::now()?;
    let mut counts = arguments.peers.clone();
    counts.sort_unstable();
    counts.dedup();
    println!("{:>8} {:>10} {:>12} {:>14} {:>14}", "peers", "services", "bytes each", "with malloc's", "resident each");
    let (mut met, mut each) = (0, Vec::new());
    for count in counts {
        while met < count {
            met += 1;
            world.meet(met)?;
        }
        let held = Held::now()?;
        let (known, services) = world
            .measured
            .node
            .network(|network| (network.len(), network.peers().map(|peer| peer.services().len()).sum::<usize>()))
            .ok_or("the node is busy")?;
        if known != usize::try_from(count)? {
            return Err(format!("the node knows {known} peers, not {count}").into());
        }
        let of_each = |now: i64, before: i64| (now - before) as f64 / f64::from(count);
        each.push((of_each(held.bytes, before.bytes), count));
        println!(
            "{count:>8} {:>10.2} {:>12.1} {:>14.1} {:>14.1}",
            services as f64 / known as f64,
            of_each(held.bytes, before.bytes),
            of_each(held.rounded, before.rounded),
            of_each(held.resident, before.resident)
        );
        if arguments.sizes {
            print_sizes(&before, &held, count);
        }
    }
    let by_bytes = |a: &&(f64, u32), b: &&(f64, u32)| a.0.total_cmp(&b.0);
    if let (Some(least), Some(most)) = (each.iter().min_by(by_bytes), each.iter().max_by(by_bytes)) {
        println!("least {:.1} with {} peers, most {:.1} with {}", least.0, least.1, most.0, most.1);
    }
    Ok(())
}

/// What makes up a byte or more of each peer, the most first.
fn print_sizes(before: &Held, held: &Held, peers: u32) {
    let mut sizes: BTreeMap<usize, i64> = held.sizes.iter().copied().collect();
    for (size, count) in &before.sizes {
        *sizes.entry(*size).or_default() -= count;
    }
    let bytes = |size: usize, count: i64| i64::try_from(size).unwrap_or(i64::MAX) * count;
    let mut all: Vec<(i64, usize, i64)> =
        sizes.into_iter().map(|(size, count)| (bytes(size, count), size, count)).collect();
    all.sort_unstable_by_key(|(bytes, ..)| -bytes.abs());
    for (bytes, size, count) in all.into_iter().filter(|(bytes, ..)| bytes.abs() >= i64::from(peers)) {
        println!("{:>10} × {size:>9} bytes: {:>7.1} for each peer", count, bytes as f64 / f64::from(peers));
    }
}
