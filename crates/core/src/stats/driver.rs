//! What a driver counts, and the node reports with its own numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where a driver writes what it counts: [`Node::driver_counters`](crate::Node::driver_counters).
///
/// Written without the node's lock, by one driver; read by [`Node::report`](crate::Node::report).
#[derive(Debug)]
pub struct DriverCounters {
    /// [`UNKNOWN`] until somebody knows.
    kernel_drops: AtomicU64,
    receive_buffer: AtomicU64,
    waiting: AtomicU64,
    waiting_peak: AtomicU64,
    not_sent: AtomicU64,
    crowded_out: AtomicU64,
}

/// More than can be dropped.
const UNKNOWN: u64 = u64::MAX;

impl Default for DriverCounters {
    fn default() -> Self {
        let [receive_buffer, waiting, waiting_peak, not_sent, crowded_out] = std::array::from_fn(|_| AtomicU64::new(0));
        Self { kernel_drops: AtomicU64::new(UNKNOWN), receive_buffer, waiting, waiting_peak, not_sent, crowded_out }
    }
}

impl DriverCounters {
    /// Datagrams that the kernel dropped since the sockets were opened.
    pub fn set_kernel_drops(&self, datagrams: u64) {
        self.kernel_drops.store(datagrams, Relaxed);
    }

    /// Bytes that the kernel keeps for one socket; the least of several.
    pub fn set_receive_buffer(&self, bytes: u64) {
        self.receive_buffer.store(bytes, Relaxed);
    }

    /// Datagrams that were taken from the node and wait for a socket.
    pub fn set_waiting(&self, datagrams: u64) {
        self.waiting.store(datagrams, Relaxed);
        self.waiting_peak.fetch_max(datagrams, Relaxed);
    }

    /// Counts a datagram that the system refused, or for whose address family there is no socket.
    pub fn count_not_sent(&self) {
        self.not_sent.fetch_add(1, Relaxed);
    }

    /// Counts datagrams that arrived and were dropped before the node saw them, because others sent less or it stopped.
    pub fn count_crowded_out(&self, datagrams: u64) {
        self.crowded_out.fetch_add(datagrams, Relaxed);
    }

    /// All of it.
    #[must_use]
    pub fn read(&self) -> DriverStats {
        DriverStats {
            kernel_drops: Some(self.kernel_drops.load(Relaxed)).filter(|drops| *drops != UNKNOWN),
            receive_buffer: self.receive_buffer.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            waiting_peak: self.waiting_peak.load(Relaxed),
            not_sent: self.not_sent.load(Relaxed),
            crowded_out: self.crowded_out.load(Relaxed),
        }
    }
}

/// What a driver counted. Nothing in a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverStats {
    /// Datagrams that arrived and that the kernel dropped, most often because the receive buffer was full. The driver on
    /// tokio knows them on Linux, as they were ten seconds ago at most. `None` where the kernel does not tell.
    pub kernel_drops: Option<u64>,
    /// Bytes that the kernel keeps for one socket, 0 if unknown.
    pub receive_buffer: u64,
    /// Datagrams that were taken from the node and wait for a socket.
    pub waiting: u64,
    /// The most that waited at once.
    pub waiting_peak: u64,
    /// Datagrams that the system refused, or for whose address family there is no socket.
    pub not_sent: u64,
    /// Datagrams that arrived faster than the node takes them and were dropped before it saw them: of whoever sent most, and
    /// what still waited when it stopped.
    pub crowded_out: u64,
}
