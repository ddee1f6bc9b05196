//! Ten peers behind routers of all kinds form one overlay: all who can meet do, ours as the reference's, introduced by each
//! other rather than by the tracker alone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ipv8_interop::{Internet, Nat, PORT, Process, ProcessError, Side};

use crate::world::{Trackers, World, ready};

/// How long they have. Most need twenty seconds; the reference is watched for as long, but may take longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// The overlays, with two peers behind a router of each kind: who they are, and who the tracker is.
const OVERLAYS: [(&str, [Side; 2], Side); 3] = [
    ("ours", [Side::Ours, Side::Ours], Side::Ours),
    ("py-ipv8", [Side::Theirs, Side::Theirs], Side::Theirs),
    ("five of each", [Side::Ours, Side::Theirs], Side::Ours),
];

struct Peer {
    nat: Nat,
    process: Process,
    mid: String,
    found: BTreeSet<String>,
}

impl Peer {
    /// Reads what it found, until it found all of these or the time is over.
    fn find(&mut self, wanted: &BTreeSet<String>, until: Instant) {
        while !self.found.is_superset(wanted) {
            let left = until.saturating_duration_since(Instant::now());
            match self.process.wait_for("another peer", left, |event| event["event"] == "peer") {
                Ok(event) => {
                    self.found.insert(event["mid"].as_str().unwrap().to_owned());
                }
                Err(ProcessError::Deadline { .. }) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// How many pairs are there that can meet, how many of them met, and how long that took.
fn outcome(peers: &mut [Peer]) -> (usize, usize, Duration) {
    let begin = Instant::now();
    let all: Vec<(Nat, String)> = peers.iter().map(|peer| (peer.nat, peer.mid.clone())).collect();
    for peer in &mut *peers {
        let others = all.iter().filter(|(nat, mid)| peer.nat.can_meet(*nat) && *mid != peer.mid);
        let wanted = others.map(|(_, mid)| mid.clone()).collect();
        peer.find(&wanted, begin + PATIENCE);
    }
    let took = begin.elapsed();
    let (mut possible, mut met) = (0, 0);
    for (index, one) in peers.iter().enumerate() {
        for other in peers.iter().skip(index + 1).filter(|other| one.nat.can_meet(other.nat)) {
            possible += 1;
            met += usize::from(one.found.contains(&other.mid) && other.found.contains(&one.mid));
        }
    }
    (possible, met, took)
}

#[test]
fn peers_behind_all_kinds_of_routers_form_one_overlay() {
    let Some(world) = World::open() else { return };
    let mut internet = Internet::new();
    let trackers = Trackers::plan(&mut internet);
    let mut plan = Vec::new();
    for (overlay, (_, sides, tracker)) in OVERLAYS.into_iter().enumerate() {
        for (nat, (index, side)) in Nat::ALL.into_iter().flat_map(|nat| (0..).zip(sides).map(move |end| (nat, end))) {
            let host = format!("o{overlay}{}{index}", nat.name().split(' ').next().unwrap());
            internet.home(nat, &[&host]);
            plan.push((overlay, nat, side, host, trackers.of(tracker)));
        }
    }
    let Some(_trackers) = world.build(&internet) else { return };
    let started: Vec<(usize, Nat, Process)> = plan
        .iter()
        .map(|(overlay, nat, side, host, tracker)| {
            let community = format!("{:040x}", 0x6f76_6572_0000 + overlay);
            let flags = ["--community", &community, "--target", "20", "--greet", "600"];
            (*overlay, *nat, world.peer(*side, host, PORT, *tracker, &flags))
        })
        .collect();
    let mut overlays: [Vec<Peer>; OVERLAYS.len()] = Default::default();
    for (overlay, nat, mut process) in started {
        let mid = ready(&mut process).mid;
        overlays[overlay].push(Peer { nat, process, mid, found: BTreeSet::new() });
    }
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let watched: Vec<_> = overlays.iter_mut().map(|peers| scope.spawn(|| outcome(peers))).collect();
        watched.into_iter().map(|watched| watched.join().unwrap()).collect()
    });
    for ((name, ..), (possible, met, took)) in OVERLAYS.iter().zip(&outcomes) {
        println!("{name}: {met} of {possible} pairs met within {:.1} s", took.as_secs_f64());
    }
    for ((name, sides, _), (possible, met, _)) in OVERLAYS.iter().zip(&outcomes) {
        assert!(*sides == [Side::Theirs; 2] || met == possible, "{name}: {met} of {possible} pairs met");
    }
}
