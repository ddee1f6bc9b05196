//! Whether a scenario fits into memory.

use crate::scenario::Scenario;

/// Bytes that a node takes beside its peers.
const PER_NODE: u64 = 40 << 10;

/// Bytes that one peer takes of a node that knows it.
const PER_PEER: u64 = 1 << 10;

/// The most peers that are reckoned with: what strategies aim at, not what a table could hold.
const PEERS: u64 = 40;

/// Bytes of the program itself, and of a world without nodes.
const BASE: u64 = 32 << 20;

/// About how many bytes a scenario takes while it runs; more likely too many than too few.
#[must_use]
pub fn needed_memory(scenario: &Scenario) -> u64 {
    let nodes = u64::from(scenario.nodes_in_all());
    let peers = PEERS.min(nodes);
    BASE + nodes * (PER_NODE + PER_PEER * peers)
}

/// Bytes of memory that are free for a program to use, as the system says; `None` where it does not.
#[must_use]
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
