//! The node's timers: what is due when, in a total order.

use std::{collections::BTreeMap, task::Waker};

use crate::{
    community::OverlayId,
    request::{CacheKey, RequestKey},
    schedule::CallbackId,
    time::Time,
};

/// Names a timer. Keys order timers: by time, then by the order in which they were set, so that a run is repeatable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TimerKey {
    at: Time,
    sequence: u64,
}

/// What happens when a timer is due.
#[derive(Debug)]
pub(crate) enum Timer {
    /// A task that sleeps goes on.
    Wake(Waker),
    /// A scheduled function of a community runs.
    Callback(OverlayId, CallbackId),
    /// An unanswered request is asked again, or ends.
    RequestTimeout(RequestKey),
    /// The time of a cache is over.
    CacheTimeout(OverlayId, CacheKey),
    /// The next strategy takes its step.
    Walk,
    /// The last tasks of a community had time enough.
    UnloadLimit(OverlayId),
}

/// All timers of a node.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Time, timer: Timer) -> TimerKey {
        let key = TimerKey { at, sequence: self.sequence };
        self.sequence = self.sequence.wrapping_add(1);
        self.queue.insert(key, timer);
        key
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.queue.remove(&key);
    }

    /// Takes all timers of a kind, in the order in which they would be due.
    pub(crate) fn take_all(&mut self, kind: impl Fn(&Timer) -> bool) -> Vec<Timer> {
        self.queue.extract_if(.., |_, timer| kind(timer)).map(|(_, timer)| timer).collect()
    }

    /// Replaces the waker of a sleeping task; false if the timer has fired.
    pub(crate) fn set_waker(&mut self, key: TimerKey, waker: &Waker) -> bool {
        match self.queue.get_mut(&key) {
            Some(Timer::Wake(old)) => {
                old.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.first_key_value().map(|(key, _)| key.at)
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let first = self.queue.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        // The node goes: sleepers outside of it find that out when they are polled.
        for timer in self.queue.values() {
            if let Timer::Wake(waker) = timer {
                waker.wake_by_ref();
            }
        }
    }
}
