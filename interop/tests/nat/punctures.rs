//! Who is met through punctures only: a peer that knows as many as it looks for does not walk, and a router that lets in
//! nobody to whom nothing was sent keeps newcomers out, unless the peer sends a puncture when it is asked for one.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use ipv8_interop::{Internet, Nat, PORT, Process, ProcessError, Side};

use crate::world::{Trackers, World, ready};

/// How long each of the two meetings may take. The reference's peers need up to half a minute for one.
const PATIENCE: Duration = Duration::from_secs(90);

/// Who is behind the router that has to be opened, and who the newcomer is.
const COLUMNS: [(&str, [Side; 2], &[&str]); 4] = [
    ("ours", [Side::Ours; 2], &[]),
    ("hardened", [Side::Ours; 2], &["--hardening", "hardened"]),
    ("ours, py-ipv8 comes", [Side::Ours, Side::Theirs], &[]),
    ("py-ipv8, ours comes", [Side::Theirs, Side::Ours], &[]),
];

/// A peer that is settled behind a router, the one that it knows, and a newcomer.
struct Meeting {
    name: String,
    nats: [Nat; 2],
    sides: [Side; 2],
    flags: &'static [&'static str],
    hosts: [String; 3],
    community: String,
    tracker: SocketAddr,
}

impl Meeting {
    fn start(&self, world: &World, side: Side, host: usize, target: &str, flags: &[&str]) -> (Process, String) {
        let fixed = ["--community", &self.community, "--target", target, "--greet", "600"];
        let mut peer = world.peer(side, &self.hosts[host], PORT, self.tracker, &[fixed.as_slice(), flags].concat());
        let mid = ready(&mut peer).mid;
        (peer, mid)
    }

    /// Whether the newcomer and the settled peer found each other.
    fn run(&self, world: &World) -> bool {
        let [settled, newcomer] = self.sides;
        let (_known, known_mid) = self.start(world, Side::Ours, 0, "20", &[]);
        let flags = |side| if side == Side::Ours { self.flags } else { &[] };
        let (mut settled, settled_mid) = self.start(world, settled, 1, "1", flags(settled));
        assert!(found(&mut settled, &known_mid), "{}: the settled peer found nobody", self.name);
        let (mut newcomer, newcomer_mid) = self.start(world, newcomer, 2, "20", flags(newcomer));
        found(&mut newcomer, &settled_mid) && found(&mut settled, &newcomer_mid)
    }
}

fn found(peer: &mut Process, mid: &str) -> bool {
    match peer.wait_for("peer", PATIENCE, |seen| seen["event"] == "peer" && seen["mid"] == *mid) {
        Ok(_) => true,
        Err(ProcessError::Deadline { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn peers_that_do_not_walk_are_met_through_their_punctures() {
    let Some(world) = World::open() else { return };
    let mut internet = Internet::new();
    let trackers = Trackers::plan(&mut internet);
    let mut meetings = Vec::new();
    for nats in [
        [Nat::AddressRestricted, Nat::Open],
        [Nat::AddressRestricted, Nat::Symmetric],
        [Nat::PortRestricted, Nat::Open],
        [Nat::PortRestricted, Nat::PortRestricted],
    ] {
        for (column, sides, flags) in COLUMNS {
            let number = meetings.len();
            let hosts = ["k", "s", "n"].map(|end| format!("p{number}{end}"));
            for (nat, host) in [Nat::Open].into_iter().chain(nats).zip(&hosts) {
                internet.home(nat, &[host]);
            }
            let community = format!("{:040x}", 0x7075_6e63_0000 + number);
            let name = format!("{column}: {} behind, {} comes", nats[0].name(), nats[1].name());
            meetings.push(Meeting { name, nats, sides, flags, hosts, community, tracker: trackers.of(Side::Ours) });
        }
    }
    let Some(_trackers) = world.build(&internet) else { return };
    let world = &world;
    let met: Vec<bool> = thread::scope(|scope| {
        let running: Vec<_> = meetings.iter().map(|meeting| scope.spawn(move || meeting.run(world))).collect();
        running.into_iter().map(|meeting| meeting.join().unwrap()).collect()
    });
    for (meeting, met) in meetings.iter().zip(met) {
        let [settled, newcomer] = meeting.nats;
        assert!(settled.can_meet(newcomer), "{}: planned in vain", meeting.name);
        println!("{}: {}", meeting.name, if met { "met" } else { "did not meet" });
        assert!(met, "{}", meeting.name);
    }
}
