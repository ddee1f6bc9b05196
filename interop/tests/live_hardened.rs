//! A hardened node and the reference's peers: they find each other, and one that moves answers our question at its new
//! address, where it is from then on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "the node runs beside the test, which waits for processes")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ipv8_core::{Community, DropReason, Handle, Hardening, OverlayConfig, Routes, Stats, Target};
use ipv8_discovery::RandomWalk;
use ipv8_interop::{Process, Started, python, script};
use ipv8_wire::{CommunityId, community_id};

/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(40);

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("a77ac00000000000000000000000000000000001");

    fn routes(_: &mut Routes<Self>) {}
}

/// A hardened node of ours on a thread of its own.
struct Ours {
    handle: Handle<Plain>,
    mid: String,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Stats>,
}

impl Ours {
    fn start(tracker: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let (started, is_started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let service = ipv8::builder()
                    .hardening(Hardening::hardened())
                    .listen("127.0.0.1:0".parse().unwrap())
                    .bootstrap(tracker.to_string())
                    .overlay(OverlayConfig::new(Plain).strategy(RandomWalk::default(), Target::Always))
                    .start()
                    .await
                    .unwrap();
                started.send((service.handle::<Plain>().unwrap(), service.mid().to_string())).unwrap();
                while !stopped.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let stats = service.stats();
                service.stop().await;
                stats
            })
        });
        let (handle, mid) = is_started.recv().unwrap();
        Self { handle, mid, stop, thread }
    }

    /// Where a peer is, as far as the node knows.
    fn place_of(&self, mid: &str) -> Option<SocketAddr> {
        let peers = self.handle.with(|_, cx| cx.peers()).unwrap();
        peers.iter().find(|peer| peer.mid().to_string() == mid).map(|peer| peer.address())
    }

    fn wait_until_at(&self, mid: &str, address: SocketAddr) {
        let end = Instant::now() + SOON;
        while self.place_of(mid) != Some(address) {
            assert!(Instant::now() < end, "{mid} is at {:?}, not at {address}", self.place_of(mid));
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(self) -> Stats {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn theirs(python: &Path, key: &Path, tracker: SocketAddr) -> (Process, Started) {
    let mut command = script(python, "overlay.py");
    command.arg("--key").arg(key).args(["--listen", "127.0.0.1:0", "--community", &Plain::ID.to_string()]);
    command.args(["--bootstrap", &tracker.to_string()]);
    let mut process = Process::spawn("their peer", command).unwrap();
    let started = process.started(SOON).unwrap();
    (process, started)
}

#[test]
fn a_hardened_node_meets_the_reference_s_peers_and_follows_one_that_moves() {
    let Some(python) = python() else { return };
    let mut command = script(&python, "tracker.py");
    command.args(["--listen", "127.0.0.1:0"]);
    let mut tracker = Process::spawn("their tracker", command).unwrap();
    let contact = tracker.started(SOON).unwrap().listen;
    let directory = std::env::temp_dir().join(format!("ipv8-live-hardened-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (one, other) = (directory.join("one.pem"), directory.join("other.pem"));

    let ours = Ours::start(contact);
    let (mut first, at_first) = theirs(&python, &one, contact);
    let (mut second, at_second) = theirs(&python, &other, contact);
    for (process, started) in [(&mut first, &at_first), (&mut second, &at_second)] {
        process.finds(&ours.mid, SOON).unwrap();
        ours.wait_until_at(&started.mid, started.listen);
    }

    first.terminate(Duration::from_secs(10)).unwrap();
    let (mut moved, at_moved) = theirs(&python, &one, contact);
    assert_eq!(at_moved.mid, at_first.mid);
    assert_ne!(at_moved.listen, at_first.listen);
    moved.finds(&ours.mid, SOON).unwrap();
    ours.wait_until_at(&at_moved.mid, at_moved.listen);
    ours.wait_until_at(&at_second.mid, at_second.listen);

    let stats = ours.stop();
    for reason in [DropReason::Unsolicited, DropReason::RateLimited, DropReason::Admission, DropReason::PeerLimit] {
        assert_eq!(stats.dropped(reason), 0, "{reason:?}");
    }
    for process in [&mut moved, &mut second, &mut tracker] {
        process.terminate(Duration::from_secs(10)).unwrap();
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
