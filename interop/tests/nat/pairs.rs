//! Which kinds of address translation two of our peers get through, next to two of the reference's, and one of each.
//!
//! All pairs run at once. A pair has met when each is a verified peer of the other and has had a message of it.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use ipv8_interop::{Internet, Nat, PORT, Process, ProcessError, Side, Started};

use crate::world::{Trackers, World, ready};

/// How long a pair that can meet has for it. Most need a second; a visit to the tracker that came too early costs five.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a pair that cannot meet is watched: enough for several attempts from either side.
const WATCH: Duration = Duration::from_secs(25);

/// A column of the table.
struct Column {
    name: &'static str,
    sides: [Side; 2],
    tracker: Side,
    /// More flags of both peers.
    flags: &'static [&'static str],
}

const COLUMNS: [Column; 5] = [
    Column { name: "ours", sides: [Side::Ours; 2], tracker: Side::Ours, flags: &[] },
    Column { name: "py-ipv8", sides: [Side::Theirs; 2], tracker: Side::Theirs, flags: &[] },
    Column { name: "their tracker", sides: [Side::Ours; 2], tracker: Side::Theirs, flags: &[] },
    Column { name: "one of each", sides: [Side::Ours, Side::Theirs], tracker: Side::Ours, flags: &[] },
    // Those that believe least.
    Column { name: "hardened", sides: [Side::Ours; 2], tracker: Side::Ours, flags: &["--hardening", "hardened"] },
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
    column: &'static Column,
    hosts: [String; 2],
    community: String,
    tracker: SocketAddr,
}

fn peer(world: &World, pair: &Pair, index: u16) -> (Process, Started) {
    let (host, side) = (&pair.hosts[usize::from(index)], pair.column.sides[usize::from(index)]);
    let port = if pair.place.same_home { PORT + index } else { PORT };
    let flags = ["--community", &pair.community, "--greet", "0.5", "--pause", "1"];
    let flags = [flags.as_slice(), pair.column.flags].concat();
    let mut peer = world.peer(side, host, port, pair.tracker, &flags);
    let started = ready(&mut peer);
    (peer, started)
}

/// How long the two took to meet, if they did.
fn meet(world: &World, pair: &Pair) -> Option<Duration> {
    let (mut first, first_id) = peer(world, pair, 0);
    let (mut second, second_id) = peer(world, pair, 1);
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
#[test]
fn peers_meet_through_routers_as_often_as_the_references_do() {
    let Some(world) = World::open() else { return };
    let mut internet = Internet::new();
    let trackers = Trackers::plan(&mut internet);
    let mut pairs = Vec::new();
    for place in Place::all() {
        for column in &COLUMNS {
            let number = pairs.len();
            let hosts = ["a", "b"].map(|end| format!("h{number}{end}"));
            if place.same_home {
                internet.home(place.nats[0], &[&hosts[0], &hosts[1]]);
            } else {
                place.nats.iter().zip(&hosts).for_each(|(nat, host)| internet.home(*nat, &[host]));
            }
            let community = format!("{:040x}", 0x7061_6972_0000 + number);
            pairs.push(Pair { place, column, hosts, community, tracker: trackers.of(column.tracker) });
        }
    }
    let Some(_trackers) = world.build(&internet) else { return };
    let world = &world;
    let met: Vec<Option<Duration>> = thread::scope(|scope| {
        let meetings: Vec<_> = pairs.iter().map(|pair| scope.spawn(move || meet(world, pair))).collect();
        meetings.into_iter().map(|meeting| meeting.join().unwrap()).collect()
    });

    let of = |place, column: &Column| {
        let found = pairs.iter().zip(&met).find(|(pair, _)| pair.place == place && pair.column.name == column.name);
        *found.unwrap().1
    };
    let names: String = COLUMNS.iter().map(|column| format!("{:>15}", column.name)).collect();
    println!("{:32} {names}", "seconds until two peers met");
    for place in Place::all() {
        let text =
            |column| of(place, column).map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        let times: String = COLUMNS.iter().map(|column| format!("{:>15}", text(column))).collect();
        println!("{:32} {times}", place.to_string());
    }
    let (theirs, ours): (Vec<_>, Vec<_>) = COLUMNS.iter().partition(|column| column.sides == [Side::Theirs; 2]);
    for place in Place::all() {
        for column in &ours {
            // This also shows that the routers are what they are called: nobody gets through by chance.
            assert_eq!(of(place, column).is_some(), place.can_meet(), "{}: {place}", column.name);
        }
        let reference = theirs.iter().any(|column| of(place, column).is_some());
        assert!(!reference || place.can_meet(), "the reference's peers meet, ours do not: {place}");
    }
}
