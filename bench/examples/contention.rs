//! What a thread that uses a handle all the time costs a node that answers: processor time of the node's own thread for each answer,
//! with and without the other thread, and how long the other one waits for the node.
//!
//! `cargo run --release -p ipv8-bench --example contention`
//!
//! The node, the other thread and the load generator are of one process; only the node's thread is measured.
#![allow(clippy::print_stdout, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use ipv8_bench::{Load, Mode, Packets, Poll};
use ipv8_core::{
    Community, Context, Handle, Peer, Routes,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use ipv8_net::{Endpoint, Listen};
use rand::{SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};

/// A node that answers while another thread uses a handle of it.
#[derive(Parser)]
struct Arguments {
    /// Rounds, in each of which everything is measured in turn.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, value_name = "S", default_value_t = 2)]
    secs: u64,
    /// Uses of the handle a second, one or more numbers.
    #[arg(long, value_name = "N", default_values_t = [0, 10_000, 100_000], value_delimiter = ',')]
    uses: Vec<u32>,
    /// Requests in flight.
    #[arg(long, value_name = "N", default_value_t = 64)]
    window: usize,
    /// Kind of requests: signed or unsigned.
    #[arg(long, default_value_t = Mode::Signed)]
    mode: Mode,
}

#[derive(Message)]
#[message(id = 1)]
struct Question {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 2)]
struct Answer {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 3, unsigned)]
struct OpenQuestion {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 4, unsigned)]
struct OpenAnswer {
    value: u32,
    identifier: u32,
}

struct Echo;

impl Community for Echo {
    const ID: CommunityId = community_id!("ec40ec40ec40ec40ec40ec40ec40ec40ec40ec40");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, asked: Question| {
            cx.send(from, Answer { value: asked.value.wrapping_add(1), identifier: asked.identifier });
        });
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &SocketAddr, asked: OpenQuestion| {
            cx.send_to(*from, OpenAnswer { value: asked.value.wrapping_add(1), identifier: asked.identifier });
        });
    }
}

/// A node on a thread of its own.
struct Node {
    echo: Handle<Echo>,
    address: SocketAddr,
    runtime: tokio::runtime::Handle,
}

impl Node {
    /// Starts it; it ends with the process.
    fn start() -> Result<Self, Box<dyn Error>> {
        let (started, node) = mpsc::channel();
        thread::spawn(move || {
            let run = || -> Result<(), Box<dyn Error>> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(1))?;
                    let endpoint = Endpoint::bind(&[Listen::exactly(SocketAddr::from(([127, 0, 0, 1], 0)))], key)?;
                    let echo = endpoint.node().load(Echo)?;
                    let address = *endpoint.local_addresses().first().ok_or("no address")?;
                    let _running = endpoint.run();
                    started.send(Self { echo, address, runtime: tokio::runtime::Handle::current() })?;
                    std::future::pending().await
                })
            };
            if let Err(error) = run() {
                println!("the node failed: {error}");
            }
        });
        Ok(node.recv()?)
    }

    /// Processor time of the node's thread so far, which says so itself.
    fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let (tell, told) = mpsc::channel();
        self.runtime.spawn(async move { tell.send(clock_gettime(ClockId::ThreadCPUTime)) });
        Ok(Duration::try_from(told.recv()?)?)
    }
}

/// What another thread did with a handle.
#[derive(Default)]
struct Uses {
    count: u32,
    all: Duration,
    longest: Duration,
}

/// Uses a handle so many times a second until told to stop.
fn use_handle(echo: &Handle<Echo>, a_second: u32, stop: &AtomicBool) -> Uses {
    let mut uses = Uses::default();
    let begin = Instant::now();
    while a_second > 0 && !stop.load(Relaxed) {
        let before = Instant::now();
        let known = echo.with(|_, cx| cx.peers().len());
        let took = before.elapsed();
        if known.is_ok() {
            uses = Uses { count: uses.count + 1, all: uses.all + took, longest: uses.longest.max(took) };
        }
        // As many as are due by now, with a pause between them where there is time for one.
        let due = begin + Duration::from_secs_f64(f64::from(uses.count) / f64::from(a_second));
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    uses
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let node = Node::start()?;
    let mut packets = Packets::new(arguments.mode, Echo::ID.0, 20_000, 64);
    let load = Load {
        target: node.address,
        window: arguments.window,
        duration: Duration::from_secs(arguments.secs),
        warm_up: Duration::from_millis(300),
        poll: Poll::Spin,
        pid: None,
    };
    let mut all = vec![[const { Vec::new() }; 5]; arguments.uses.len()];
    for _ in 0..arguments.rounds {
        for (a_second, figures) in arguments.uses.iter().zip(&mut all) {
            let stop = Arc::new(AtomicBool::new(false));
            let (echo, a_second, until) = (node.echo.clone(), *a_second, stop.clone());
            let (begin, before) = (Instant::now(), node.cpu()?);
            let other = thread::spawn(move || use_handle(&echo, a_second, &until));
            let measured = load.run(&mut packets)?;
            stop.store(true, Relaxed);
            let cpu = node.cpu()?.saturating_sub(before);
            let seconds = begin.elapsed().as_secs_f64();
            let uses = other.join().map_err(|_| "the other thread failed")?;
            // The warm-up is in both, so that only a part of what was answered is known.
            let answered = measured.replies_per_second() * seconds;
            let mean = uses.all.as_secs_f64() / f64::from(uses.count.max(1));
            let values = [
                answered / cpu.as_secs_f64(),
                measured.rtt_median_us,
                f64::from(uses.count) / seconds,
                mean * 1e6,
                uses.longest.as_secs_f64() * 1e6,
            ];
            figures.iter_mut().zip(values).for_each(|(figures, value)| figures.push(value));
        }
    }
    println!("uses asked for | answers a CPU second | round trip, µs | uses a second | µs a use, mean | longest");
    for (a_second, figures) in arguments.uses.iter().zip(all) {
        let [answers, round_trip, uses, mean, longest] = figures.map(median);
        println!("{a_second} | {answers:.0} | {round_trip:.0} | {uses:.0} | {mean:.1} | {longest:.0}");
    }
    Ok(())
}
