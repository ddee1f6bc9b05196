//! The programs of these tests, in their namespaces.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use ipv8_interop::{Internet, Lab, LabError, Process, Programs, Side, Started, skip};

/// How long a program may take to start: all of them do so at once.
const START: Duration = Duration::from_secs(60);
/// Between two visits to the tracker, for both sides alike: the reference's 30 seconds would make these tests wait.
const BOOTSTRAP_TIMEOUT: &str = "5";
const TRACKER_PORT: u16 = 6421;

/// A tracker of each side, with public addresses.
pub(crate) struct Trackers([(Side, SocketAddr); 2]);

impl Trackers {
    /// Adds their hosts to an Internet.
    pub(crate) fn plan(internet: &mut Internet) -> Self {
        let place = |side| (side, SocketAddr::from((internet.host(host_of(side)), TRACKER_PORT)));
        Self([Side::Ours, Side::Theirs].map(place))
    }

    pub(crate) fn of(&self, side: Side) -> SocketAddr {
        self.0.iter().find(|(whose, _)| *whose == side).unwrap().1
    }
}

fn host_of(side: Side) -> &'static str {
    match side {
        Side::Ours => "ourtracker",
        Side::Theirs => "theirtracker",
    }
}

/// Namespaces and programs to run in them.
pub(crate) struct World {
    programs: Programs,
    lab: Lab,
}

impl World {
    /// `None`, after a visible `skipped:` line, where something is missing.
    pub(crate) fn open() -> Option<Self> {
        let programs = Programs::find(env!("CARGO_BIN_EXE_test-peer"))?;
        match Lab::open() {
            Ok(lab) => Some(Self { programs, lab }),
            Err(LabError::Unavailable(reason)) => {
                skip(&reason);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes the Internet and starts the trackers. `None`, after a visible `skipped:` line, where ours is not built.
    pub(crate) fn build(&self, internet: &Internet) -> Option<[Process; 2]> {
        internet.build(&self.lab).unwrap();
        let [ours, theirs] = [Side::Ours, Side::Theirs].map(|side| {
            let mut command = self.programs.tracker(side)?;
            command.args(["--listen", &format!("0.0.0.0:{TRACKER_PORT}")]);
            let mut tracker = self.start(host_of(side), &format!("{side:?} tracker"), command, side);
            tracker.started(START).unwrap();
            Some(tracker)
        });
        Some([ours?, theirs?])
    }

    /// Starts a peer on a host; it is ready once [`ready`] has its identity.
    pub(crate) fn peer(&self, side: Side, host: &str, port: u16, tracker: SocketAddr, flags: &[&str]) -> Process {
        let mut command = self.programs.peer(side);
        command.args(["--listen", &format!("0.0.0.0:{port}"), "--bootstrap", &tracker.to_string()]);
        command.args(["--bootstrap-timeout", BOOTSTRAP_TIMEOUT, "--curve", "curve25519"]).args(flags);
        self.start(host, &format!("{side:?} peer on {host}"), command, side)
    }

    /// Makes the Internet without trackers.
    pub(crate) fn build_hosts(&self, internet: &Internet) {
        internet.build(&self.lab).unwrap();
    }

    /// Starts a node of the DHT on a host, which answers requests.
    pub(crate) fn dht(&self, side: Side, host: &str, port: u16, contact: SocketAddr) -> Process {
        let mut command = self.programs.dht(side, env!("CARGO_BIN_EXE_test-dht-peer"));
        command.args(["--listen", &format!("0.0.0.0:{port}"), "--contact", &contact.to_string(), "--target", "4"]);
        command.args(["--seconds", "500"]);
        if side == Side::Theirs {
            command.arg("--peers").env("IPV8_PEERS_ISOLATED", "1");
        }
        Process::spawn_to_ask(&format!("{side:?} node on {host}"), self.lab.inside(host, &command)).unwrap()
    }

    fn start(&self, host: &str, name: &str, mut command: Command, side: Side) -> Process {
        if side == Side::Theirs {
            command.env("IPV8_PEERS_ISOLATED", "1");
        }
        Process::spawn(name, self.lab.inside(host, &command)).unwrap()
    }
}

/// Waits until a peer has started.
pub(crate) fn ready(peer: &mut Process) -> Started {
    peer.started(START).unwrap()
}
