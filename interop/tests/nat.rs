//! Peers behind routers find each other: which kinds of address translation two of ours get through, next to two of the
//! reference's, and one of each.
//!
//! All pairs run at once on an Internet of network namespaces with real routers (nftables). Everybody starts with the
//! tracker's address only. A pair has met when each is a verified peer of the other and has had a message of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "measures real time, on threads")]

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ipv8_interop::{Internet, Lab, LabError, Nat, PORT, Process, ProcessError, Programs, Side, Started, skip};

/// How long a program may take to start: all of them do so at once.
const START: Duration = Duration::from_secs(60);
/// How long a pair that can meet has for it. Most need a second; a visit to the tracker that came too early costs five.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long a pair that cannot meet is watched: enough for several attempts from either side.
const WATCH: Duration = Duration::from_secs(25);
/// Between two visits to the tracker, for both sides alike: the reference's 30 seconds would make this test wait.
const BOOTSTRAP_TIMEOUT: &str = "5";
const TRACKER_PORT: u16 = 6421;

/// The columns of the table: who the first and the second peer are, and who the tracker is.
const COLUMNS: [(&str, [Side; 2], Side); 4] = [
    ("ours", [Side::Ours, Side::Ours], Side::Ours),
    ("py-ipv8", [Side::Theirs, Side::Theirs], Side::Theirs),
    ("ours, their tracker", [Side::Ours, Side::Ours], Side::Theirs),
    ("one of each", [Side::Ours, Side::Theirs], Side::Ours),
];

/// Where two peers are: in two homes, or in the same one.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Place {
    nats: [Nat; 2],
    same_home: bool,
}

impl Place {
    fn all() -> Vec<Self> {
        let mut places = Vec::new();
        for (index, first) in Nat::ALL.into_iter().enumerate() {
            places.extend(Nat::ALL.into_iter().skip(index).map(|second| Self::apart([first, second])));
        }
        places.extend(Nat::ALL.into_iter().skip(1).map(|nat| Self { nats: [nat, nat], same_home: true }));
        places
    }

    fn apart(nats: [Nat; 2]) -> Self {
        Self { nats, same_home: false }
    }

    /// Those in one home reach each other without a router.
    fn can_meet(self) -> bool {
        let [first, second] = self.nats;
        self.same_home || first.can_meet(second)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [first, second] = self.nats;
        if self.same_home {
            write!(f, "both behind one {} router", first.name())
        } else {
            write!(f, "{} + {}", first.name(), second.name())
        }
    }
}

/// Two peers that are to meet, and the community in which nobody else is.
struct Pair {
    place: Place,
    column: usize,
    sides: [Side; 2],
    hosts: [String; 2],
    community: String,
    tracker: SocketAddr,
}

struct World<'a> {
    lab: &'a Lab,
    programs: &'a Programs,
}

impl World<'_> {
    fn start(&self, host: &str, name: &str, mut command: Command, side: Side) -> Process {
        if side == Side::Theirs {
            command.env("IPV8_PEERS_ISOLATED", "1");
        }
        Process::spawn(name, self.lab.inside(host, &command)).unwrap()
    }

    fn tracker(&self, side: Side, host: &str) -> Option<Process> {
        let mut command = self.programs.tracker(side)?;
        command.args(["--listen", &format!("0.0.0.0:{TRACKER_PORT}")]);
        let mut tracker = self.start(host, &format!("{side:?} tracker"), command, side);
        tracker.started(START).unwrap();
        Some(tracker)
    }

    fn peer(&self, pair: &Pair, index: u16) -> (Process, Started) {
        let (host, side) = (&pair.hosts[usize::from(index)], pair.sides[usize::from(index)]);
        let mut command = self.programs.peer(side);
        let port = if pair.place.same_home { PORT + index } else { PORT };
        command.args(["--listen", &format!("0.0.0.0:{port}"), "--community", &pair.community]);
        command.args(["--bootstrap", &pair.tracker.to_string(), "--bootstrap-timeout", BOOTSTRAP_TIMEOUT]);
        command.args(["--curve", "curve25519", "--greet", "0.5", "--pause", "1"]);
        let name = format!("{side:?} peer {index} of {}", pair.place);
        let mut peer = self.start(host, &name, command, side);
        let started = peer.started(START).unwrap();
        (peer, started)
    }

    /// How long the two took to meet, if they did.
    fn meet(&self, pair: &Pair) -> Option<Duration> {
        let (mut first, first_id) = self.peer(pair, 0);
        let (mut second, second_id) = self.peer(pair, 1);
        let begin = Instant::now();
        let patience = if pair.place.can_meet() { PATIENCE } else { WATCH };
        for event in ["peer", "message"] {
            for (peer, other) in [(&mut first, &second_id), (&mut second, &first_id)] {
                let left = patience.saturating_sub(begin.elapsed());
                let come = peer.wait_for(event, left, |seen| seen["event"] == event && seen["mid"] == *other.mid);
                match come {
                    Ok(_) => {}
                    Err(ProcessError::Deadline { .. }) => return None,
                    Err(error) => panic!("{}: {error}", pair.place),
                }
            }
        }
        Some(begin.elapsed())
    }
}

#[test]
fn peers_meet_through_routers_as_often_as_the_references_do() {
    let Some(programs) = Programs::find(env!("CARGO_BIN_EXE_test-peer")) else { return };
    let lab = match Lab::open() {
        Ok(lab) => lab,
        Err(LabError::Unavailable(reason)) => return skip(&reason),
        Err(error) => panic!("{error}"),
    };
    let mut internet = Internet::new();
    let trackers = [Side::Ours, Side::Theirs].map(|side| {
        let host = format!("tracker{side:?}");
        (side, SocketAddr::from((internet.host(&host), TRACKER_PORT)), host)
    });
    let mut pairs = Vec::new();
    for place in Place::all() {
        for (column, (_, sides, tracker)) in COLUMNS.into_iter().enumerate() {
            let number = pairs.len();
            let hosts = ["a", "b"].map(|end| format!("h{number}{end}"));
            if place.same_home {
                internet.home(place.nats[0], &[&hosts[0], &hosts[1]]);
            } else {
                place.nats.iter().zip(&hosts).for_each(|(nat, host)| internet.home(*nat, &[host]));
            }
            let (_, tracker, _) = trackers.iter().find(|(side, ..)| *side == tracker).unwrap();
            let community = format!("{:040x}", 0x6e61_7400_0000 + number);
            pairs.push(Pair { place, column, sides, hosts, community, tracker: *tracker });
        }
    }
    internet.build(&lab).unwrap();
    let world = World { lab: &lab, programs: &programs };
    let mut running = Vec::new();
    for (side, _, host) in &trackers {
        let Some(tracker) = world.tracker(*side, host) else { return };
        running.push(tracker);
    }
    let world = &world;
    let met: Vec<Option<Duration>> = thread::scope(|scope| {
        let meetings: Vec<_> = pairs.iter().map(|pair| scope.spawn(move || world.meet(pair))).collect();
        meetings.into_iter().map(|meeting| meeting.join().unwrap()).collect()
    });

    println!("{:32} {}", "seconds until two peers met", COLUMNS.map(|(name, ..)| format!("{name:>20}")).concat());
    for place in Place::all() {
        let times = (0..COLUMNS.len()).map(|column| {
            let of = pairs.iter().zip(&met).find(|(pair, _)| pair.place == place && pair.column == column);
            let text = of.unwrap().1.map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
            format!("{text:>20}")
        });
        println!("{:32} {}", place.to_string(), times.collect::<String>());
    }
    for (pair, met) in pairs.iter().zip(&met).filter(|(pair, _)| pair.sides != [Side::Theirs; 2]) {
        let (name, ..) = COLUMNS[pair.column];
        // The second half shows that the routers are what they are called: nobody gets through by chance.
        assert_eq!(met.is_some(), pair.place.can_meet(), "{name}: {}", pair.place);
    }
    for (pair, _) in pairs.iter().zip(&met).filter(|(pair, met)| pair.sides == [Side::Theirs; 2] && met.is_some()) {
        let ours = pairs.iter().zip(&met).find(|(other, _)| other.place == pair.place && other.column == 0).unwrap();
        assert!(ours.1.is_some(), "the reference's peers meet and ours do not: {}", pair.place);
    }
}
