//! What these tests start.

use std::net::SocketAddr;
use std::time::Duration;

use ipv8_interop::{Process, Programs, Side};

/// Generous: dozens of interpreters and nodes share the machine.
pub(crate) const START: Duration = Duration::from_secs(60);
/// The same for what takes them a second or two.
pub(crate) const SOON: Duration = Duration::from_secs(45);

pub(crate) const V4: [&str; 1] = ["127.0.0.1:0"];
pub(crate) const V6: [&str; 1] = ["[::1]:0"];

/// A program that runs.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) mid: String,
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
}

impl Node {
    /// Waits until a program says who it is.
    pub(crate) fn of(mut process: Process) -> Self {
        let event = process.wait_for("its started event", START, |event| event["event"] == "started").unwrap();
        // A tracker of ours has its first address there, and all of them beside it.
        let listen = event.get("addresses").unwrap_or(&event["listen"]);
        let all = listen.as_array().map_or(std::slice::from_ref(listen), Vec::as_slice);
        let listen = all.iter().map(|address| address.as_str().unwrap().parse().unwrap()).collect();
        Self { process, mid: event["mid"].as_str().unwrap().to_owned(), listen }
    }

    pub(crate) fn contact(&self) -> String {
        self.listen.first().unwrap().to_string()
    }

    pub(crate) fn contacts(&self) -> Vec<String> {
        self.listen.iter().map(ToString::to_string).collect()
    }
}

pub(crate) fn programs() -> Option<Programs> {
    Programs::find(env!("CARGO_BIN_EXE_test-peer"))
}

/// A tracker at these addresses. `None`, after a visible `skipped:` line, where ours is not built.
pub(crate) fn tracker(programs: &Programs, side: Side, listen: &[&str]) -> Option<Node> {
    let mut command = programs.tracker(side)?;
    command.args(listen.iter().flat_map(|address| ["--listen", address]));
    Some(Node::of(Process::spawn(&format!("{side:?} tracker"), command).unwrap()))
}

/// Starts a node of the community that the test's name stands for; it does not greet anybody. It is ready once it is a
/// [`Node`].
pub(crate) fn start(programs: &Programs, side: Side, test: &str, flags: &[&str]) -> Process {
    let mut command = programs.peer(side);
    command.args(["--community", &community(test), "--curve", "curve25519", "--target", "20", "--greet", "600"]);
    command.args(["--bootstrap-timeout", "5", "--seconds", "200"]).args(flags);
    Process::spawn(&format!("{test}: node of {side:?}"), command).unwrap()
}

/// A community id for each test, so that they do not meet.
pub(crate) fn community(test: &str) -> String {
    let hex: String = test.bytes().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0>40}")
}
