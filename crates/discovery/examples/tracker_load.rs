//! What a tracker costs: the memory of each peer, the CPU time of a request and of churn, however many peers it knows.
//!
//! `cargo run --release -p ipv8-discovery --example tracker_load -- [PEERS] [COMMUNITIES]`: by default 100,000 peers in 1,000
//! communities. Each peer has a key and an IPv4 address of its own. There are no sockets; signatures are made and checked.
//! For the parts apart from signatures, add `trust`: none is checked, and one is made for each answer.
//!
//! With `IP:PORT` as the last argument, the requests go to the tracker that listens there instead, one after the other:
//! start it with `--max-peers` and `--max-peers-of-community` as large as it takes.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::{
    error::Error,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use ipv8_core::{
    Handle, Interfaces, Node, NodeConfig, OverlayConfig, Time, Transmit,
    crypto::{Curve, Job, PrivateKey, Verifier},
    messages::{Flags, IntroductionRequest, NO_ADDRESS},
    wire::CommunityId,
};
use ipv8_discovery::{Tracker, TrackerLimits};
use rand::{SeedableRng, rngs::StdRng};

/// Requests that are timed, of so many peers at most.
const REQUESTS: u32 = 20_000;
const SAMPLE: u32 = 2_000;

/// Datagrams of a turn, as the driver hands them in.
const BATCH: usize = 32;

/// Takes every signature for good.
struct Trust;

impl Verifier for Trust {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.extend(jobs.iter().map(|_| true));
    }
}

struct Load {
    node: Node,
    tracker: Handle<Tracker>,
    communities: u32,
    now: Time,
    sent: Vec<Transmit>,
}

fn key(peer: u32) -> Result<PrivateKey, Box<dyn Error>> {
    let mut seed = [0; 32];
    seed.iter_mut().zip(peer.to_be_bytes()).for_each(|(to, from)| *to = from);
    Ok(PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed(seed))?)
}

/// Somewhere on the Internet, one for each peer.
fn address(peer: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(0x0B00_0000 + peer), 8_090)
}

impl Load {
    fn new(peers: u32, communities: u32, trust: bool) -> Result<Self, Box<dyn Error>> {
        let mut config = NodeConfig::new(key(u32::MAX)?, [7; 32]);
        if trust {
            config.verifier = Box::new(Trust);
        }
        let node = Node::new(config);
        let own = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 6_421);
        node.set_interfaces(Interfaces {
            lan: Some(own.into()),
            v4: Some(own),
            v6: None,
            machine: vec![(*own.ip()).into()],
        });
        let size = usize::try_from(peers)?;
        let limits = TrackerLimits {
            peers: size,
            communities: usize::try_from(communities)?,
            peers_in_all: size,
            ..TrackerLimits::default()
        };
        let tracker = node.load(OverlayConfig::new(Tracker::new(limits)).any_prefix())?;
        Ok(Self { node, tracker, communities, now: Time::ZERO, sent: Vec::new() })
    }

    fn community(&self, peer: u32) -> CommunityId {
        let mut id = [0xAB; 20];
        id.iter_mut().zip((peer % self.communities).to_le_bytes()).for_each(|(to, from)| *to = from);
        CommunityId(id)
    }

    /// A request of a peer.
    fn request(&self, peer: u32) -> Result<(SocketAddr, Vec<u8>), Box<dyn Error>> {
        let request = IntroductionRequest {
            destination_address: NO_ADDRESS,
            source_lan_address: SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 2), 8_090),
            source_wan_address: address(peer),
            flags: Flags(Flags::ADVICE),
            identifier: 1,
            extra_bytes: Vec::new(),
        };
        let community = self.community(peer);
        let packet = self
            .tracker
            .with(|_, cx| Ok::<_, Box<dyn Error>>(cx.pack_as(community, &key(peer)?, Some(1), &request)?))??;
        Ok((address(peer).into(), packet))
    }

    /// Sends the requests of all peers to a tracker, each after the answer to the one before; returns how many had none.
    fn send_to(&self, tracker: SocketAddr, peers: u32) -> Result<u32, Box<dyn Error>> {
        let socket = UdpSocket::bind(if tracker.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" })?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut lost = 0;
        for peer in 0..peers {
            let (_, packet) = self.request(peer)?;
            socket.send_to(&packet, tracker)?;
            let mut buffer = [0; 2_000];
            // Requests to open a NAT for others come here, too.
            while let Ok(size) = socket.recv(&mut buffer) {
                if buffer.get(22) == Some(&245) && size > 22 {
                    break;
                }
            }
            lost += u32::from(buffer.get(22) != Some(&245));
        }
        Ok(lost)
    }

    fn hand_in(&mut self, packets: &[(SocketAddr, Vec<u8>)]) {
        self.node.handle(self.now, packets.iter().map(|(source, bytes)| (*source, bytes.as_slice())));
        self.sent.clear();
        self.node.drain_transmits(&mut self.sent);
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.node.poll(self.now);
        self.sent.clear();
        self.node.drain_transmits(&mut self.sent);
    }

    fn listed(&self) -> Result<(usize, usize), Box<dyn Error>> {
        Ok(self.tracker.with(|tracker, _| {
            let counts: Vec<_> = tracker.communities().map(|(_, members)| members).collect();
            (counts.len(), counts.iter().sum())
        })?)
    }

    /// Time passes while nobody answers, until all are gone: the longest turn, all of them for each second that passed, how
    /// many questions were asked, and how many seconds it was.
    fn churn(&mut self) -> Result<(Duration, f64, usize, f64), Box<dyn Error>> {
        let (mut longest, mut all, mut asked, mut seconds) = (Duration::ZERO, Duration::ZERO, 0, 0.0);
        while self.listed()?.1 > 0 {
            let begin = Instant::now();
            self.wait(Duration::from_millis(100));
            let took = begin.elapsed();
            longest = longest.max(took);
            all += took;
            asked += self.sent.len();
            seconds += 0.1;
        }
        Ok((longest, all.as_secs_f64() / seconds, asked, seconds))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let trust = arguments.iter().any(|argument| argument == "trust");
    arguments.retain(|argument| argument != "trust");
    let tracker = arguments.last().and_then(|last| last.parse::<SocketAddr>().ok());
    arguments.retain(|argument| !argument.contains(':'));
    let mut numbers = arguments.iter().map(|argument| argument.parse::<u32>());
    let peers = numbers.next().unwrap_or(Ok(100_000))?;
    let communities = numbers.next().unwrap_or(Ok(1_000))?;

    let mut load = Load::new(peers, communities, trust)?;
    if let Some(tracker) = tracker {
        let begin = Instant::now();
        let lost = load.send_to(tracker, peers)?;
        println!("{peers} requests to {tracker} in {:.1?}, {lost} without answer", begin.elapsed());
        return Ok(());
    }
    // What the node takes before the table does: its cache of keys, for one.
    for peer in 0..5_000 {
        let packet = load.request(u32::MAX / 2 + peer)?;
        load.hand_in(&[packet]);
    }
    load.wait(Duration::from_secs(60));
    for _ in 0..200 {
        load.wait(Duration::from_millis(500));
    }
    let before = resident();
    for peer in 0..peers {
        let packet = load.request(peer)?;
        load.hand_in(&[packet]);
    }
    let (found, listed) = load.listed()?;
    let used = resident().saturating_sub(before);
    println!("{listed} peers in {found} communities");
    println!(
        "  resident: {:.1} MB more than without, {} bytes a peer",
        mega(used),
        used / u64::try_from(listed.max(1))?
    );

    // Requests of peers that are there, and of new ones that take the place of others.
    for (what, first) in [("known", 0), ("new", peers)] {
        let mut packets = Vec::new();
        for peer in first..first + SAMPLE.min(peers) {
            packets.push(load.request(peer)?);
        }
        let begin = Instant::now();
        let (mut handled, mut sent) = (0_u32, 0);
        while handled < REQUESTS.min(if first == 0 { REQUESTS } else { SAMPLE }) {
            for batch in packets.chunks(BATCH) {
                load.hand_in(batch);
                handled += u32::try_from(batch.len())?;
                sent += load.sent.len();
            }
        }
        let each = begin.elapsed().as_secs_f64() / f64::from(handled);
        println!(
            "  requests of {what} peers: {:.1} µs each, {:.0}/s, {sent} packets for {handled}",
            each * 1e6,
            1.0 / each
        );
    }
    let begin = Instant::now();
    let (mut next, mut pages, mut longest) = (Some(0), 0, Duration::ZERO);
    while let Some(from) = next {
        let begin = Instant::now();
        next = load.tracker.with(|tracker, _| tracker.page(from, 500))?.1;
        longest = longest.max(begin.elapsed());
        pages += 1;
    }
    println!("  listing all: {pages} pages in {:.1?}, the longest took {longest:.1?}", begin.elapsed());
    let (longest, each_second, asked, seconds) = load.churn()?;
    println!(
        "  all fall silent: gone after {seconds:.0} s and {asked} questions; CPU {:.1} ms a second, longest turn {longest:.1?}",
        each_second * 1e3
    );
    Ok(())
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1e3
}

/// VmRSS of this process in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
