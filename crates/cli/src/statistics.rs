//! What a node counted, as it is told on SIGUSR1 and at the end.

use std::collections::BTreeMap;
use std::io;

use ipv8::Service;
use ipv8_core::stats::{DropReason, MessageStats, OverlayStats, Stats, StatsReport, TaskStats};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// All numbers of a node at one moment.
pub(crate) struct Statistics {
    report: StatsReport,
}

impl Statistics {
    /// Looks at them now.
    pub(crate) fn of(service: &Service) -> Self {
        Self { report: service.node().report() }
    }

    /// Prints them: a table, or one object.
    pub(crate) fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = io::stdout();
        if json {
            output::json(&mut out, &Event::of(&self.report))?;
        } else {
            output::line(&mut out, self.report.to_string().trim_end())?;
        }
        output::flush(&mut out)
    }
}

type Drops = BTreeMap<&'static str, u64>;

#[derive(Serialize)]
struct Event {
    event: &'static str,
    /// How long the node runs.
    seconds: f64,
    received: u64,
    received_bytes: u64,
    delivered: u64,
    sent: u64,
    sent_bytes: u64,
    verified: u64,
    verify_seconds: f64,
    signed: u64,
    panics: u64,
    timeouts: u64,
    kernel_drops: u64,
    dropped: Drops,
    overlays: Vec<Overlay>,
}

#[derive(Serialize)]
struct Overlay {
    community: String,
    name: &'static str,
    peers: usize,
    messages: Vec<Message>,
    tasks: Vec<Task>,
}

/// What the tasks of one name did.
#[derive(Serialize)]
struct Task {
    name: String,
    live: usize,
    runs: u64,
    skipped: u64,
    panics: u64,
    longest_seconds: f64,
}

/// `num_up` and the like are the reference's names.
#[derive(Serialize)]
struct Message {
    id: Option<u8>,
    name: Option<&'static str>,
    num_up: u64,
    bytes_up: u64,
    num_down: u64,
    bytes_down: u64,
    delivered: u64,
    verified: u64,
    dropped: Drops,
}

impl Event {
    fn of(report: &StatsReport) -> Self {
        let Stats { received, received_bytes, delivered, sent, sent_bytes, .. } = report.totals;
        let Stats { verified, verify_time, signed, panics, timeouts, .. } = report.totals;
        Self {
            event: "statistics",
            seconds: report.at.since_origin().as_secs_f64(),
            received,
            received_bytes,
            delivered,
            sent,
            sent_bytes,
            verified,
            verify_seconds: verify_time.as_secs_f64(),
            signed,
            panics,
            timeouts,
            kernel_drops: report.driver.kernel_drops,
            dropped: named(DropReason::ALL.into_iter().map(|reason| (reason, report.totals.dropped(reason)))),
            overlays: report.overlays.iter().map(Overlay::of).collect(),
        }
    }
}

impl Overlay {
    fn of(overlay: &OverlayStats) -> Self {
        Self {
            community: overlay.community_id.to_string(),
            name: overlay.name,
            peers: overlay.peers,
            messages: overlay.messages.iter().map(Message::of).collect(),
            tasks: overlay.tasks.iter().map(Task::of).collect(),
        }
    }
}

impl Task {
    fn of(task: &TaskStats) -> Self {
        let TaskStats { live, runs, skipped, panics, longest, .. } = *task;
        Self { name: task.name.to_string(), live, runs, skipped, panics, longest_seconds: longest.as_secs_f64() }
    }
}

impl Message {
    fn of(message: &MessageStats) -> Self {
        Self {
            id: message.id,
            name: message.name,
            num_up: message.sent.packets,
            bytes_up: message.sent.bytes,
            num_down: message.received.packets,
            bytes_down: message.received.bytes,
            delivered: message.delivered,
            verified: message.verified,
            dropped: named(message.drops()),
        }
    }
}

fn named(drops: impl Iterator<Item = (DropReason, u64)>) -> Drops {
    drops.filter(|(_, count)| *count > 0).map(|(reason, count)| (reason.as_str(), count)).collect()
}
