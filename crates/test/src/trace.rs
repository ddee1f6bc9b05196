//! The trace: what a failing test prints.

use std::fmt::Write as _;

use ipv8_core::Time;
use ipv8_sim::Fabric;

use crate::{
    log::{Entry, Log},
    net::Net,
    packet::{Captured, End},
    seeds,
};

/// Lines that a failing test prints; [`Net::trace`] has them all.
const AT_FAILURE: usize = 200;

/// The trace.
impl<F: Fabric> Net<F> {
    /// All packets, one a line, and what else happened to nodes: when, from whom, to whom, the message with its fields (if
    /// its type was named, see [`Net::describe`]) and what became of it unless it was taken.
    ///
    /// ```text
    /// trace of seed 1 at 0.0000 s:
    ///   0.0000  node 0 -> node 1  Clock { clock: 0 }
    ///   0.0000  node 1 -> node 0  Clock { clock: 1 }  LOST: link
    ///   0.0000  10.9.9.9:1 -> node 1  Clock { clock: 7 }  injected  DROPPED: signature
    /// ```
    #[must_use]
    pub fn trace(&self) -> String {
        self.learn_names();
        self.settle();
        self.last_lines(usize::MAX)
    }

    fn last_lines(&self, most: usize) -> String {
        let log = self.log.lock();
        let mut text = format!("trace of seed {} at {}:\n", self.seed, seconds(self.now()));
        let skipped = log.entries().len().saturating_sub(most);
        let before = log.forgotten.saturating_add(u64::try_from(skipped).unwrap_or_default());
        if before > 0 {
            let _ = writeln!(text, "  ... {before} before these");
        }
        for entry in log.entries().skip(skipped) {
            let line = match entry {
                Entry::Packet(packet) => self.packet_line(&log, packet),
                Entry::Note(at, node, said) => {
                    let name = node.and_then(|node| self.nodes.get(node)).map_or("", |place| place.name.as_str());
                    format!("{}  {name}: {said}", time(*at))
                }
            };
            let _ = writeln!(text, "  {line}");
        }
        text
    }

    fn packet_line(&self, log: &Log, packet: &Captured) -> String {
        let (from, to) = (self.party_name(packet.from), self.party_name(packet.to));
        let mut line = format!("{}  {from} -> {to}  {}", time(packet.sent), log.words(packet));
        if packet.injected {
            line.push_str("  injected");
        }
        if packet.copy {
            line.push_str("  (copy)");
        }
        if let Some(arrived) = packet.arrived.filter(|arrived| time(*arrived) != time(packet.sent)) {
            let _ = write!(line, "  (arrived {})", time(arrived));
        }
        if packet.end != End::Delivered {
            let _ = write!(line, "  {}", packet.end);
        }
        line
    }
}

fn time(at: Time) -> String {
    let since = at.since_origin();
    format!("{}.{:04}", since.as_secs(), since.subsec_micros() / 100)
}

fn seconds(at: Time) -> String {
    format!("{} s", time(at))
}

impl<F: Fabric> Drop for Net<F> {
    #[allow(clippy::print_stderr, reason = "a test that failed is about to tell why; this says what happened before")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nodes are not asked for anything here: a handler of theirs may be what panicked.
            eprint!("{}", self.last_lines(AT_FAILURE));
            eprintln!("{}={} runs it again", seeds::VARIABLE, self.seed);
        }
    }
}
