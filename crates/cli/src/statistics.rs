//! What a node counted, as it is told on SIGUSR1 and at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use ipv8_core::Time;
use ipv8_core::stats::{
    Counts, DriverStats, DropReason, MessageStats, OverlayStats, Queues, Stats, StatsReport, TaskStats,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Events;

/// All numbers of a node at one moment, to be printed.
#[derive(Serialize)]
pub(crate) struct Statistics {
    event: &'static str,
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(skip)]
    table: String,
}

impl Statistics {
    /// What a report comes to.
    pub(crate) fn of(report: StatsReport) -> Self {
        let table = report.to_string().trim_end().to_owned();
        Self { event: "statistics", numbers: Numbers::of(&report), table }
    }

    /// Prints them: a table, or one object.
    pub(crate) fn print(&self, events: &Events) -> Result<(), Failure> {
        events.print(self, || self.table.clone())
    }
}

type Drops = BTreeMap<&'static str, u64>;

/// All of a [`StatsReport`], with times in seconds.
#[derive(Serialize)]
pub(crate) struct Numbers {
    /// How long the node runs.
    seconds: f64,
    /// Seconds since 1970, when it was made.
    time: f64,
    received: u64,
    received_bytes: u64,
    unknown_bytes: u64,
    delivered: u64,
    discarded: u64,
    sent: u64,
    sent_bytes: u64,
    verified: u64,
    verify_seconds: f64,
    signed: u64,
    panics: u64,
    timeouts: u64,
    retries: u64,
    turns: u64,
    /// Null where the kernel does not tell.
    kernel_drops: Option<u64>,
    /// Bytes for each socket; null where they are not known.
    receive_buffer: Option<u64>,
    not_sent: u64,
    /// Dropped before the node saw them, because their sender sent most.
    crowded_out: u64,
    queues: Waiting,
    dropped: Drops,
    overlays: Vec<Overlay>,
    /// The sum over overlays that were unloaded.
    unloaded: Message,
}

/// How much waits, and where.
#[derive(Serialize)]
struct Waiting {
    outbox: usize,
    outbox_peak: usize,
    sockets: u64,
    sockets_peak: u64,
    resolves: usize,
    tasks: usize,
    requests: usize,
    caches: usize,
    timers: usize,
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

/// `num_up` and the like are the reference's names; times are seconds since 1970, null before the first packet.
#[derive(Serialize)]
struct Message {
    id: Option<u8>,
    name: Option<&'static str>,
    num_up: u64,
    bytes_up: u64,
    first_up: Option<f64>,
    last_up: Option<f64>,
    num_down: u64,
    bytes_down: u64,
    first_down: Option<f64>,
    last_down: Option<f64>,
    delivered: u64,
    verified: u64,
    verify_seconds: f64,
    panics: u64,
    dropped: Drops,
}

impl Numbers {
    /// Takes them out of a report.
    pub(crate) fn of(report: &StatsReport) -> Self {
        let Stats { received, received_bytes, unknown_bytes, delivered, discarded, sent, sent_bytes, .. } =
            report.totals;
        let Stats { verified, verify_time, signed, panics, timeouts, retries, turns, .. } = report.totals;
        let DriverStats { kernel_drops, receive_buffer, waiting, waiting_peak, not_sent, crowded_out, .. } =
            report.driver;
        let Queues { outbox, outbox_peak, resolves, tasks, requests, caches, timers, .. } = report.queues;
        let clock = Clock(report.unix_origin);
        Self {
            seconds: report.at.since_origin().as_secs_f64(),
            time: clock.at(report.at),
            received,
            received_bytes,
            unknown_bytes,
            delivered,
            discarded,
            sent,
            sent_bytes,
            verified,
            verify_seconds: verify_time.as_secs_f64(),
            signed,
            panics,
            timeouts,
            retries,
            turns,
            kernel_drops,
            receive_buffer: Some(receive_buffer).filter(|bytes| *bytes > 0),
            not_sent,
            crowded_out,
            queues: Waiting {
                outbox,
                outbox_peak,
                sockets: waiting,
                sockets_peak: waiting_peak,
                resolves,
                tasks,
                requests,
                caches,
                timers,
            },
            dropped: named(DropReason::ALL.into_iter().map(|reason| (reason, report.totals.dropped(reason)))),
            overlays: report.overlays.iter().map(|overlay| Overlay::of(overlay, clock)).collect(),
            unloaded: Message::of(&report.unloaded, clock),
        }
    }
}

/// Turns the node's time into that of others.
#[derive(Clone, Copy)]
struct Clock(Duration);

impl Clock {
    fn at(self, time: Time) -> f64 {
        (self.0 + time.since_origin()).as_secs_f64()
    }

    fn first_and_last(self, counts: &Counts) -> [Option<f64>; 2] {
        [counts.first(), counts.last()].map(|time| time.map(|time| self.at(time)))
    }
}

impl Overlay {
    fn of(overlay: &OverlayStats, clock: Clock) -> Self {
        Self {
            community: overlay.community_id.to_string(),
            name: overlay.name,
            peers: overlay.peers,
            messages: overlay.messages.iter().map(|message| Message::of(message, clock)).collect(),
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
    fn of(message: &MessageStats, clock: Clock) -> Self {
        let [first_up, last_up] = clock.first_and_last(&message.sent);
        let [first_down, last_down] = clock.first_and_last(&message.received);
        Self {
            id: message.id,
            name: message.name,
            num_up: message.sent.packets,
            bytes_up: message.sent.bytes,
            first_up,
            last_up,
            num_down: message.received.packets,
            bytes_down: message.received.bytes,
            first_down,
            last_down,
            delivered: message.delivered,
            verified: message.verified,
            verify_seconds: message.verify_time().as_secs_f64(),
            panics: message.panics,
            dropped: named(message.drops()),
        }
    }
}

fn named(drops: impl Iterator<Item = (DropReason, u64)>) -> Drops {
    drops.filter(|(_, count)| *count > 0).map(|(reason, count)| (reason.as_str(), count)).collect()
}
