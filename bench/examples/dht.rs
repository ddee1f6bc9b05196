//! Many nodes of the DHT in one process, on sockets of their own on loopback: what storing, finding and connecting cost.
//!
//! `interop/peers/dht_load.py` is the same with py-ipv8, flag for flag and line for line, with the same keys of nodes and the
//! same values stored and found by the same nodes; `cargo xtask bench dht` runs both.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use ipv8_core::{
    DropReason, MaxPeers, Target,
    crypto::{PrivateKey, PublicKey},
};
use ipv8_dht::{Dht, DhtCommunity, DhtConfig, Family, PingChurn, Sign, routing::RoutingTable};
use ipv8_discovery::RandomWalk;
use ipv8_net::{Endpoint, Listen, Running};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

type Failure = Box<dyn Error + Send + Sync>;

/// How often it is looked whether all know enough nodes.
const LOOK: Duration = Duration::from_millis(100);

/// Many nodes of the DHT in one process: prints a line of JSON when all know enough nodes, one after a pause, and one for each
/// kind of operation. Nobody searches for nodes unasked.
#[derive(Parser)]
struct Arguments {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    nodes: usize,
    /// Operations of each kind.
    #[arg(long, value_name = "N", default_value_t = 200)]
    operations: usize,
    /// How many of them at once.
    #[arg(long, value_name = "N", default_value_t = 16)]
    at_once: usize,
    /// Operations one after the other.
    #[arg(long, value_name = "N", default_value_t = 20)]
    sequential: usize,
    /// Nodes that all are to have in their tables at first.
    #[arg(long, value_name = "N", default_value_t = 10)]
    goal: usize,
    /// Seconds without operations that are measured.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    idle: f64,
    /// Seconds between one kind of operation and the next.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pause: f64,
    /// Seconds after which no operation of a kind is started.
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    phase_limit: f64,
    /// Seconds after which it is given up to wait for the nodes to meet.
    #[arg(long, value_name = "S", default_value_t = 60)]
    within: u64,
    /// What keys, values, and who does what are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Nodes answer, and ask, as much as they can.
    #[arg(long)]
    no_limit: bool,
}

/// The nodes and their DHTs.
struct Nodes {
    seed: u64,
    running: Vec<Running>,
    dhts: Vec<Dht>,
    keys: Vec<PublicKey>,
    /// Bytes of memory before there was a node.
    base: u64,
}

/// 64 bytes, the same as in the script for the reference.
fn drawn(seed: u64, what: &str, number: usize) -> [u8; 64] {
    Sha512::digest(format!("{seed} {what} {number}")).into()
}

/// Where a value is stored, and the value.
fn value(seed: u64, what: &str, number: usize) -> ([u8; 20], [u8; 20]) {
    let drawn = drawn(seed, &format!("{what} value"), number);
    let part = |from: usize| std::array::from_fn(|place| drawn.get(from + place).copied().unwrap_or_default());
    (part(0), part(20))
}

impl Nodes {
    fn start(arguments: &Arguments) -> Result<Self, Failure> {
        let seed = arguments.seed;
        let key = |number| PrivateKey::from_bytes(&[&b"LibNaCLSK:"[..], &drawn(seed, "key", number)].concat());
        let keys: Vec<PrivateKey> = (0..arguments.nodes).map(key).collect::<Result<_, _>>()?;
        let publics = keys.iter().map(|key| key.public().clone()).collect();
        let mut nodes = Self { seed, running: Vec::new(), dhts: Vec::new(), keys: publics, base: resident()? };
        let mut first: Option<SocketAddr> = None;
        for key in keys {
            let endpoint = Endpoint::bind(&[Listen::exactly(SocketAddr::from(([127, 0, 0, 1], 0)))], key)?;
            let config = DhtConfig { maintenance: None, limit_queries: !arguments.no_limit, ..DhtConfig::default() };
            let mut overlay = DhtCommunity::new(config)
                .overlay()
                .strategy(RandomWalk::default(), Target::Peers(20))
                .strategy(PingChurn::default(), Target::Always);
            if first.is_none() {
                overlay = overlay.max_peers(MaxPeers::Unlimited);
            }
            nodes.dhts.push(Dht::new(endpoint.node().load(overlay)?));
            first = first.or(endpoint.local_addresses().first().copied());
            nodes.running.push(endpoint.run());
        }
        let first = first.ok_or("there is no node: --nodes 1 at least")?;
        for dht in nodes.dhts.iter().skip(1) {
            dht.handle().with(|_, cx| cx.walk_to(first))?;
        }
        Ok(nodes)
    }

    /// How many nodes each has in its table.
    fn known(&self) -> impl Iterator<Item = usize> {
        let of = |dht: &Dht| dht.handle().with(|dht, _| dht.table(Family::V4).map_or(0, RoutingTable::len));
        self.dhts.iter().map(move |dht| of(dht).unwrap_or_default())
    }

    /// Who does an operation.
    fn who(&self, what: &str, number: usize) -> usize {
        let [a, b, c, d, ..] = drawn(self.seed, what, number);
        usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default() % self.dhts.len()
    }

    fn dht(&self, number: usize) -> Result<&Dht, Failure> {
        self.dhts.get(number).ok_or_else(|| "no such node".into())
    }

    async fn store(self: Arc<Self>, what: &'static str, sign: Sign, number: usize) -> Result<bool, Failure> {
        let (key, data) = value(self.seed, what, number);
        let stored = self.dht(self.who(&format!("{what} store"), number))?.store(key, &data, sign).await?;
        Ok(!stored.nodes.is_empty())
    }

    async fn find(self: Arc<Self>, what: &'static str, sign: Sign, number: usize) -> Result<bool, Failure> {
        let (key, data) = value(self.seed, what, number);
        let signer = self.keys.get(self.who(&format!("{what} store"), number)).filter(|_| sign == Sign::Yes);
        let found = self.dht(self.who(&format!("{what} find"), number))?.find_values(key).await?;
        Ok(found.iter().any(|value| value.data == data && value.signer.as_ref() == signer))
    }

    /// Finds the address of a node by its member id, and has it open its NAT. Nobody looks for itself: the next one is looked
    /// for then.
    async fn connect(self: Arc<Self>, number: usize) -> Result<bool, Failure> {
        let (from, to) = (self.who("connect from", number), self.who("connect to", number));
        let to = if from == to { (to + 1) % self.dhts.len() } else { to };
        let mid = self.keys.get(to).ok_or("no such node")?.mid();
        let found = self.dht(from)?.connect_peer(mid).await?;
        Ok(found.iter().any(|peer| peer.mid() == mid))
    }
}

/// What the process has used so far.
struct Used {
    at: Instant,
    cpu: Duration,
    sent: u64,
    timeouts: u64,
    retries: u64,
    dropped: u64,
    signed: u64,
    verified: u64,
    messages: BTreeMap<u8, u64>,
}

fn cpu() -> Duration {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    Duration::from_secs(u64::try_from(cpu.tv_sec).unwrap_or_default())
        + Duration::from_nanos(u64::try_from(cpu.tv_nsec).unwrap_or_default())
}

impl Used {
    fn now(nodes: &Nodes) -> Self {
        let (mut used, at, cpu) = (Self::nothing(), Instant::now(), cpu());
        (used.at, used.cpu) = (at, cpu);
        for node in &nodes.running {
            let report = node.node().report();
            let totals = &report.totals;
            used.sent += totals.sent_bytes;
            used.timeouts += totals.timeouts;
            used.retries += totals.retries;
            used.dropped += totals.dropped(DropReason::RateLimited);
            used.signed += totals.signed;
            used.verified += totals.verified;
            for message in report.overlays.iter().flat_map(|overlay| &overlay.messages) {
                if let Some(id) = message.id {
                    *used.messages.entry(id).or_default() += message.sent.packets;
                }
            }
        }
        used
    }

    fn nothing() -> Self {
        Self {
            at: Instant::now(),
            cpu: Duration::ZERO,
            sent: 0,
            timeouts: 0,
            retries: 0,
            dropped: 0,
            signed: 0,
            verified: 0,
            messages: BTreeMap::new(),
        }
    }

    /// Prints what was used since.
    fn print(&self, event: &str, nodes: &Nodes, more: Value) -> Result<(), Failure> {
        let now = Self::now(nodes);
        let messages: BTreeMap<String, u64> = now
            .messages
            .iter()
            .map(|(id, sent)| (id.to_string(), sent - self.messages.get(id).copied().unwrap_or_default()))
            .filter(|(_, sent)| *sent > 0)
            .collect();
        let mut line = json!({
            "event": event,
            "seconds": (now.at - self.at).as_secs_f64(),
            "cpu": (now.cpu - self.cpu).as_secs_f64(),
            "bytes": now.sent - self.sent,
            "resident": resident()?.saturating_sub(nodes.base),
            "timeouts": now.timeouts - self.timeouts,
            "retries": now.retries - self.retries,
            "dropped": now.dropped - self.dropped,
            "signed": now.signed - self.signed,
            "verified": now.verified - self.verified,
            "messages": messages,
        });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        println!("{line}");
        Ok(())
    }
}

/// Bytes of memory that the process holds.
fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
}

/// Operations of one kind, so many at once.
struct Phase<'a> {
    name: &'a str,
    total: usize,
    at_once: usize,
    /// None is started after this time.
    limit: Duration,
}

impl Phase<'_> {
    async fn run<F, Fut>(&self, nodes: &Arc<Nodes>, operation: F) -> Result<(), Failure>
    where
        F: Fn(Arc<Nodes>, usize) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<bool, Failure>> + Send,
    {
        let used = Used::now(nodes);
        let (begin, total, limit, name) = (used.at, self.total, self.limit, self.name.to_owned());
        let next = Arc::new(AtomicUsize::new(0));
        let worker = || {
            let (nodes, operation, next, name) = (nodes.clone(), operation.clone(), next.clone(), name.clone());
            tokio::spawn(async move {
                let (mut times, mut succeeded) = (Vec::new(), 0);
                while begin.elapsed() <= limit {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        break;
                    }
                    let begin = Instant::now();
                    match operation(nodes.clone(), number).await {
                        Ok(good) => succeeded += usize::from(good),
                        Err(error) => eprintln!("{name} {number}: {error}"),
                    }
                    times.push(begin.elapsed().as_secs_f64() * 1e3);
                }
                (times, succeeded)
            })
        };
        let workers: Vec<_> = (0..self.at_once).map(|_| worker()).collect();
        let (mut times, mut succeeded) = (Vec::new(), 0);
        for worker in workers {
            let (more, good) = worker.await?;
            times.extend(more);
            succeeded += good;
        }
        let more =
            json!({"name": self.name, "total": total, "started": times.len(), "succeeded": succeeded, "ms": times});
        used.print("phase", nodes, more)
    }
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let nodes = Arc::new(Nodes::start(arguments)?);
    let used = Used { at: Instant::now(), cpu: cpu(), ..Used::nothing() };
    let goal = arguments.goal.min(arguments.nodes - 1);
    while nodes.known().any(|known| known < goal) {
        if used.at.elapsed() > Duration::from_secs(arguments.within) {
            return Err(format!("not all know {goal} nodes within {} s", arguments.within).into());
        }
        tokio::time::sleep(LOOK).await;
    }
    used.print("goal", &nodes, json!({}))?;
    let pause = Duration::from_secs_f64(arguments.pause);
    tokio::time::sleep(pause).await;
    let used = Used::now(&nodes);
    tokio::time::sleep(Duration::from_secs_f64(arguments.idle)).await;
    used.print("idle", &nodes, json!({"known": nodes.known().sum::<usize>() as f64 / arguments.nodes as f64}))?;

    let limit = Duration::from_secs_f64(arguments.phase_limit);
    let few = |name| Phase { name, total: arguments.sequential, at_once: 1, limit };
    let many = |name| Phase { name, total: arguments.operations, at_once: arguments.at_once, limit };
    few("sequential store").run(&nodes, |nodes, number| nodes.store("sequential", Sign::No, number)).await?;
    tokio::time::sleep(pause).await;
    few("sequential find").run(&nodes, |nodes, number| nodes.find("sequential", Sign::No, number)).await?;
    tokio::time::sleep(pause).await;
    many("store unsigned").run(&nodes, |nodes, number| nodes.store("unsigned", Sign::No, number)).await?;
    tokio::time::sleep(pause).await;
    many("store signed").run(&nodes, |nodes, number| nodes.store("signed", Sign::Yes, number)).await?;
    tokio::time::sleep(pause).await;
    many("find unsigned").run(&nodes, |nodes, number| nodes.find("unsigned", Sign::No, number)).await?;
    tokio::time::sleep(pause).await;
    many("find signed").run(&nodes, |nodes, number| nodes.find("signed", Sign::Yes, number)).await?;
    tokio::time::sleep(pause).await;
    // Everybody can be found.
    while nodes.dhts.iter().any(|dht| dht.handle().with(|dht, _| dht.keepers().is_empty()).unwrap_or_default()) {
        tokio::time::sleep(LOOK).await;
    }
    many("connect").run(&nodes, Nodes::connect).await?;
    Ok(())
}
