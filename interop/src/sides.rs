//! The programs of live tests, ours and the reference's, with the same flags and events on either side.

use std::path::PathBuf;
use std::process::Command;

use crate::programs::{binary, python, script};

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This project.
    Ours,
    /// The reference, py-ipv8.
    Theirs,
}

impl Side {
    /// Both, in turn: ours, theirs, ours, …
    pub fn alternating() -> impl Iterator<Item = Self> {
        [Self::Ours, Self::Theirs].into_iter().cycle()
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    python: PathBuf,
    peer: PathBuf,
}

impl Programs {
    /// Finds them; `peer` is our test peer, `env!("CARGO_BIN_EXE_test-peer")`. `None`, after a visible `skipped:` line,
    /// where the reference is missing.
    pub fn find(peer: &str) -> Option<Self> {
        Some(Self { python: python()?, peer: peer.into() })
    }

    /// A node with the Lamport clock community: our test peer, or `overlay.py`.
    pub fn peer(&self, side: Side) -> Command {
        match side {
            Side::Ours => Command::new(&self.peer),
            Side::Theirs => script(&self.python, "overlay.py"),
        }
    }

    /// A node of the DHT that answers requests: `dht.py`, or our test peer, `env!("CARGO_BIN_EXE_test-dht-peer")`.
    pub fn dht(&self, side: Side, ours: &str) -> Command {
        match side {
            Side::Ours => Command::new(ours),
            Side::Theirs => script(&self.python, "dht.py"),
        }
    }

    /// A tracker: `ipv8 tracker`, or `tracker.py`, which signs with a very-low key as that of the reference does. `None`,
    /// after a visible `skipped:` line, where ours is not built.
    pub fn tracker(&self, side: Side) -> Option<Command> {
        match side {
            Side::Ours => {
                let mut command = binary("ipv8")?;
                command.args(["tracker", "--json"]);
                Some(command)
            }
            Side::Theirs => Some(script(&self.python, "tracker.py")),
        }
    }
}
