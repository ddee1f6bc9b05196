//! Under more traffic than a node can take, nothing else waits for ever: names are resolved, and the other socket is read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ipv8_core::{
    Bootstrapper, Community, Context, Handle, OverlayConfig, Routes,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};

/// What a timer may take that is set to five milliseconds.
const MOST_LATE: Duration = Duration::from_millis(250);

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Noise {
    value: u32,
}

#[derive(Default)]
struct Quiet;

impl Community for Quiet {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a6");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _, _: Noise| ());
    }
}

/// Asks for a name, once and late, and tells whether it was found.
struct Asks {
    found: Arc<AtomicBool>,
}

impl Bootstrapper for Asks {
    fn name(&self) -> &'static str {
        "Asks"
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        cx.resolve("localhost", 1);
    }

    fn bootstrap(&mut self, _: &mut Context<'_>) {}

    fn is_initialized(&self) -> bool {
        false
    }

    fn keep_alive(&mut self, _: &mut Context<'_>) {}

    fn resolved(&mut self, _: &mut Context<'_>, _: &str, _: u16, addresses: &[SocketAddr]) {
        self.found.store(!addresses.is_empty(), Ordering::SeqCst);
    }
}

fn start(number: u8, listen: &[&str]) -> (Running, Handle<Quiet>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let listen: Vec<_> = listen.iter().map(|address| Listen::exactly(address.parse().unwrap())).collect();
    let endpoint = Endpoint::bind(&listen, key).unwrap();
    let handle = endpoint.node().load(OverlayConfig::new(Quiet)).unwrap();
    (endpoint.run(), handle)
}

/// Sends a packet over and over until dropped. Its signature does not hold, which takes far longer to find out than to send
/// it: the receiver's socket never runs dry.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn start(from: &Handle<Quiet>, to: SocketAddr) -> Self {
        let mut packet = from.with(|_, cx| cx.pack(Noise { value: 0 })).unwrap().unwrap();
        *packet.last_mut().unwrap() ^= 1;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let _ = socket.send_to(&packet, to);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within ten seconds");
}

/// Waits until the flood keeps the node busy.
async fn flooded(node: &Running) {
    until("the flood arrives", || node.node().stats().verified > 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_resolved_under_constant_traffic() {
    let (a, a_quiet) = start(1, &["127.0.0.1:0"]);
    let (_b, b_quiet) = start(2, &["127.0.0.1:0"]);
    let _flood = Flood::start(&b_quiet, a.local_addresses()[0]);
    flooded(&a).await;
    let found = Arc::new(AtomicBool::new(false));
    a_quiet.with(|_, cx| cx.add_bootstrapper(Asks { found: found.clone() })).unwrap();
    until("the name is resolved", || found.load(Ordering::SeqCst)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_socket_leaves_time_for_the_other_one() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let (a, _) = start(3, &["127.0.0.1:0", "[::1]:0"]);
    let (_b, b_quiet) = start(4, &["[::1]:0"]);
    let _flood = Flood::start(&b_quiet, a.local_addresses()[0]);
    flooded(&a).await;
    let busy = a.local_addresses()[1];
    until("somebody is met over IPv6", || {
        // Answers of the busy node may be lost on the way.
        b_quiet
            .with(|_, cx| {
                cx.walk_to(busy);
                cx.peer_count() > 0
            })
            .unwrap()
    })
    .await;
}

/// On one thread, which the node shares with the program.
#[tokio::test]
async fn timers_of_the_node_and_of_the_program_run_under_constant_traffic() {
    let (a, a_quiet) = start(5, &["127.0.0.1:0"]);
    let (_b, b_quiet) = start(6, &["127.0.0.1:0"]);
    let _flood = Flood::start(&b_quiet, a.local_addresses()[0]);
    flooded(&a).await;
    let sleeper = a_quiet.clone();
    let of_node = a_quiet.spawn(async move {
        let mut last = Instant::now();
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            sleeper.sleep(Duration::from_millis(5)).await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    });
    let mut last = Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    let of_node = of_node.unwrap().await.unwrap();
    // A turn with 64 signatures takes some milliseconds, and longer in a build without optimisation.
    assert!(longest < MOST_LATE, "a timer of the program took {longest:?}");
    assert!(of_node < MOST_LATE, "a timer of the node took {of_node:?}");
}
