//! All numbers of a node at one moment, and the table that an operator reads.

use std::{fmt, time::Duration};

use ipv8_wire::CommunityId;

use super::{DriverStats, DropReason, MessageStats, Stats, TaskStats, Traffic};
use crate::{community::OverlayId, routes::RouteTable, time::Time};

/// What an overlay counted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OverlayStats {
    /// The overlay.
    pub id: OverlayId,
    /// Its community.
    pub community_id: CommunityId,
    /// Its name, as in logs.
    pub name: &'static str,
    /// Its verified peers.
    pub peers: usize,
    /// Its messages that came, went or were dropped, in the order of their ids.
    pub messages: Vec<MessageStats>,
    /// What its tasks did, in the order of their names.
    pub tasks: Vec<TaskStats>,
}

impl OverlayStats {
    /// The sum over all messages.
    #[must_use]
    pub fn total(&self) -> MessageStats {
        let mut total = MessageStats::default();
        for message in &self.messages {
            total += message;
        }
        total
    }

    /// What the tasks of a name did; `None` if there was none.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskStats> {
        self.tasks.iter().find(|task| &*task.name == name)
    }

    /// What was counted for a message id; `None` if nothing was.
    #[must_use]
    pub fn message(&self, id: u8) -> Option<&MessageStats> {
        self.messages.iter().find(|message| message.id == Some(id))
    }
}

/// How much waits in the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queues {
    /// Datagrams that wait for the driver.
    pub outbox: usize,
    /// The most that waited at once.
    pub outbox_peak: usize,
    /// Host names that wait for the driver.
    pub resolves: usize,
    /// Tasks that have not ended.
    pub tasks: usize,
    /// Requests that wait for an answer.
    pub requests: usize,
    /// Caches that are stored, of all overlays.
    pub caches: usize,
    /// What is due at some time: the end of requests and caches, scheduled functions, sleeping tasks, and the next step of
    /// a strategy.
    pub timers: usize,
}

/// All numbers of a node at one moment; made by [`Node::report`](crate::Node::report). Its `Display` is a table.
///
/// The reference counts `num_up`, `bytes_up`, `num_down`, `bytes_down` and the times of the first and the last packet for
/// each overlay and message (`statistics_endpoint.py`); these are [`MessageStats::sent`] and [`MessageStats::received`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StatsReport {
    /// When it was made.
    pub at: Time,
    /// The time since 1970 at [`Time::ZERO`], as far as the driver knows: add it to times that others read.
    pub unix_origin: Duration,
    /// The node's totals.
    pub totals: Stats,
    /// Each overlay that is loaded.
    pub overlays: Vec<OverlayStats>,
    /// The sum over overlays that were unloaded.
    pub unloaded: MessageStats,
    /// How much waits in the node.
    pub queues: Queues,
    /// What the driver counted.
    pub driver: DriverStats,
}

impl StatsReport {
    /// The overlay of a community; `None` if it is not loaded.
    #[must_use]
    pub fn overlay(&self, community: CommunityId) -> Option<&OverlayStats> {
        self.overlays.iter().find(|overlay| overlay.community_id == community)
    }
}

/// What a report is made of, beside what the state hands out by itself.
pub(crate) struct Parts {
    pub(crate) tasks: usize,
    pub(crate) driver: DriverStats,
}

/// Completes what an overlay counted with the names of its messages.
pub(crate) fn overlay_stats(
    id: OverlayId,
    community_id: CommunityId,
    name: &'static str,
    peers: usize,
    traffic: &Traffic,
    routes: &RouteTable,
    tasks: Vec<TaskStats>,
) -> OverlayStats {
    let mut messages = traffic.messages().to_vec();
    for message in &mut messages {
        let handled = message.id.and_then(|id| routes.get(id)).map(|route| route.name);
        message.name = message.name.or(handled);
    }
    OverlayStats { id, community_id, name, peers, messages, tasks }
}

// --- the table ---------------------------------------------------------------------------------------------------

/// Width of the column with the names of messages; longer ones push theirs to the right.
const NAME: usize = 26;

impl fmt::Display for StatsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { received, received_bytes, unknown_bytes, sent, sent_bytes, delivered, discarded, .. } = self.totals;
        let Stats { verified, verify_time, signed, panics, timeouts, retries, turns, .. } = self.totals;
        let up = self.at.since_origin().as_secs();
        writeln!(f, "node       up {up} s, {turns} turns, {panics} panics, {timeouts} timeouts, {retries} retries")?;
        let by_kernel = self.driver.kernel_drops.map_or_else(|| "unknown".to_owned(), |drops| drops.to_string());
        writeln!(
            f,
            "received   {received} ({received_bytes} bytes, {unknown_bytes} of them of no community here): {delivered} \
             delivered, {discarded} dropped, {by_kernel} by the kernel, {} crowded out",
            self.driver.crowded_out
        )?;
        writeln!(f, "sent       {sent} ({sent_bytes} bytes), {} refused by the system", self.driver.not_sent)?;
        writeln!(f, "signatures {verified} checked in {} ms, {signed} made", millis(verify_time))?;
        let drops = DropReason::ALL.map(|reason| (reason, self.totals.dropped(reason)));
        writeln!(f, "dropped    {}", Drops(&drops))?;
        let Queues { outbox, outbox_peak, resolves, tasks, requests, caches, timers } = self.queues;
        writeln!(
            f,
            "queues     to send {outbox} (most {outbox_peak}), at the sockets {} (most {}), tasks {tasks}, \
             requests {requests}, caches {caches}, timers {timers}, names {resolves}",
            self.driver.waiting, self.driver.waiting_peak
        )?;
        if self.driver.receive_buffer > 0 {
            writeln!(f, "buffer     {} bytes for each socket", self.driver.receive_buffer)?;
        }
        for overlay in &self.overlays {
            writeln!(f)?;
            heading(f, &format!("{} ({} peers)", overlay.name, overlay.peers))?;
            for message in &overlay.messages {
                row(f, &label(message), message)?;
            }
            if overlay.messages.len() > 1 {
                row(f, "  all", &overlay.total())?;
            }
            task_rows(f, &overlay.tasks)?;
        }
        if self.unloaded != MessageStats::default() {
            writeln!(f)?;
            heading(f, "unloaded overlays")?;
            row(f, "  all", &self.unloaded)?;
        }
        Ok(())
    }
}

fn heading(f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
    writeln!(
        f,
        "{title:NAME$} {:>9} {:>12} {:>9} {:>12} {:>9} {:>10}  dropped",
        "received", "bytes", "sent", "bytes", "checked", "ms"
    )
}

fn task_rows(f: &mut fmt::Formatter<'_>, tasks: &[TaskStats]) -> fmt::Result {
    if !tasks.is_empty() {
        let title = "  tasks";
        writeln!(f, "{title:NAME$} {:>9} {:>12} {:>9} {:>12}", "live", "runs", "skipped", "longest ms")?;
    }
    for TaskStats { name, live, runs, skipped, panics, longest } in tasks {
        let name = format!("      {name}");
        write!(f, "{name:NAME$} {live:>9} {runs:>12} {skipped:>9} {:>12}", millis(*longest))?;
        if *panics > 0 {
            write!(f, "  panics {panics}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn label(message: &MessageStats) -> String {
    match (message.id, message.name) {
        (None, _) => "      no message".to_owned(),
        (Some(id), Some(name)) => format!("  {id:3} {name}"),
        (Some(id), None) => format!("  {id:3} unknown"),
    }
}

fn row(f: &mut fmt::Formatter<'_>, label: &str, message: &MessageStats) -> fmt::Result {
    let MessageStats { received, sent, verified, panics, .. } = message;
    let mut drops: Vec<_> = message.drops().collect();
    drops.retain(|drop| drop.1 > 0);
    write!(
        f,
        "{label:NAME$} {:>9} {:>12} {:>9} {:>12} {verified:>9} {:>10}",
        received.packets,
        received.bytes,
        sent.packets,
        sent.bytes,
        millis(message.verify_time())
    )?;
    if !drops.is_empty() {
        write!(f, "  {}", Drops(&drops))?;
    }
    if *panics > 0 {
        write!(f, "  panics {panics}")?;
    }
    writeln!(f)
}

fn millis(time: Duration) -> String {
    format!("{}.{:03}", time.as_millis(), time.subsec_micros() % 1_000)
}

/// Reasons with their counts, those that happened.
struct Drops<'a>(&'a [(DropReason, u64)]);

impl fmt::Display for Drops<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut happened = self.0.iter().filter(|drop| drop.1 > 0).peekable();
        if happened.peek().is_none() {
            return f.write_str("nothing");
        }
        let words: Vec<_> = happened.map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
        f.write_str(&words.join(", "))
    }
}
