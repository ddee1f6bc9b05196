//! What one overlay counts for each of its messages.

use std::{ops::AddAssign, time::Duration};

use super::DropReason;
use crate::time::Time;

/// Packets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// How many.
    pub packets: u64,
    /// Their bytes, without headers of lower layers.
    pub bytes: u64,
    first: Time,
    last: Time,
}

impl Counts {
    /// When the first one came or went: the time of its turn.
    #[must_use]
    pub fn first(&self) -> Option<Time> {
        (self.packets > 0).then_some(self.first)
    }

    /// When the latest one came or went.
    #[must_use]
    pub fn last(&self) -> Option<Time> {
        (self.packets > 0).then_some(self.last)
    }

    fn count(&mut self, bytes: usize, now: Time) {
        if self.packets == 0 {
            self.first = now;
        }
        self.last = now;
        self.packets += 1;
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        if other.packets == 0 {
            return;
        }
        self.first = if self.packets == 0 { other.first } else { self.first.min(other.first) };
        self.last = self.last.max(other.last);
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// What an overlay counted for one message id, or a sum of such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageStats {
    /// The message id; `None` for what has none: packets that end after the prefix, panics outside of handlers, messages
    /// of the node's own that could not be written, and sums.
    pub id: Option<u8>,
    /// The name of the message: of the type that is handled or was sent. `None` for an id that nothing here knows.
    pub name: Option<&'static str>,
    /// What arrived for this overlay.
    pub received: Counts,
    /// What was queued to be sent, with its signature.
    pub sent: Counts,
    /// How many of those that arrived a handler took.
    pub delivered: u64,
    /// Signatures checked, whatever came of it.
    pub verified: u64,
    /// Handlers that panicked; without an id those of scheduled functions, tasks and bootstrappers.
    pub panics: u64,
    verify_nanos: u64,
    dropped: Vec<(DropReason, u64)>,
}

impl MessageStats {
    /// The time that checking signatures took.
    ///
    /// Signatures are checked in batches; the time of a batch is shared among its packets by what their curves usually
    /// cost. Zero for a node without a [clock](crate::NodeConfig::clock).
    #[must_use]
    pub const fn verify_time(&self) -> Duration {
        Duration::from_nanos(self.verify_nanos)
    }

    /// How many were dropped for a reason, arriving or leaving.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.iter().find(|entry| entry.0 == reason).map_or(0, |entry| entry.1)
    }

    /// The reasons for which something was dropped, and how often.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        self.dropped.iter().copied()
    }

    fn drop(&mut self, reason: DropReason, count: u64) {
        match self.dropped.binary_search_by_key(&reason, |entry| entry.0) {
            Ok(at) => {
                if let Some(entry) = self.dropped.get_mut(at) {
                    entry.1 += count;
                }
            }
            Err(at) => {
                self.dropped.reserve_exact(1);
                self.dropped.insert(at, (reason, count));
            }
        }
    }
}

impl AddAssign<&Self> for MessageStats {
    fn add_assign(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.verified += other.verified;
        self.panics += other.panics;
        self.verify_nanos += other.verify_nanos;
        for (reason, count) in other.drops() {
            self.drop(reason, count);
        }
    }
}

/// What an overlay counts: nothing at first, then some 150 bytes for each message id that came or went. There are 257 at
/// most, so that whoever sends all of them costs us 40 kB.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// In the order of ids.
    messages: Vec<MessageStats>,
    /// The entry that was used last: most often the next one too.
    last: usize,
}

impl Traffic {
    pub(crate) fn received(&mut self, id: Option<u8>, bytes: usize, now: Time) {
        self.change(id, |message| message.received.count(bytes, now));
    }

    pub(crate) fn sent(&mut self, id: Option<u8>, name: Option<&'static str>, bytes: usize, now: Time) {
        self.change(id, |message| {
            message.sent.count(bytes, now);
            message.name = message.name.or(name);
        });
    }

    pub(crate) fn delivered(&mut self, id: u8) {
        self.change(Some(id), |message| message.delivered += 1);
    }

    pub(crate) fn verified(&mut self, id: u8, took: Duration) {
        self.change(Some(id), |message| {
            message.verified += 1;
            message.verify_nanos += u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        });
    }

    pub(crate) fn dropped(&mut self, id: Option<u8>, reason: DropReason) {
        self.change(id, |message| message.drop(reason, 1));
    }

    pub(crate) fn panicked(&mut self, id: Option<u8>) {
        self.change(id, |message| message.panics += 1);
    }

    pub(crate) fn messages(&self) -> &[MessageStats] {
        &self.messages
    }

    pub(crate) fn total(&self) -> MessageStats {
        let mut total = MessageStats::default();
        for message in &self.messages {
            total += message;
        }
        total
    }

    fn change(&mut self, id: Option<u8>, change: impl FnOnce(&mut MessageStats)) {
        if self.messages.get(self.last).is_none_or(|message| message.id != id) {
            self.last = match self.messages.binary_search_by_key(&id, |message| message.id) {
                Ok(at) => at,
                Err(at) => {
                    // Few messages ever come, and nodes are many: no spare room.
                    self.messages.reserve_exact(1);
                    self.messages.insert(at, MessageStats { id, ..MessageStats::default() });
                    at
                }
            };
        }
        if let Some(message) = self.messages.get_mut(self.last) {
            change(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_that_walks_costs_less_than_a_kilobyte() {
        let mut traffic = Traffic::default();
        // Introduction requests and responses, puncture requests and punctures, and a drop.
        for id in [246, 245, 250, 249] {
            traffic.received(Some(id), 100, Time::ZERO);
            traffic.sent(Some(id), None, 100, Time::ZERO);
        }
        traffic.dropped(Some(246), DropReason::PeerLimit);
        let messages = traffic.messages.capacity() * size_of::<MessageStats>();
        let drops: usize = traffic.messages.iter().map(|message| message.dropped.capacity() * 16).sum();
        assert_eq!((traffic.messages.capacity(), drops), (4, 16));
        assert!(size_of::<Traffic>() + messages + drops < 1_000);
    }
}
