//! What a run does at which time.

use std::collections::BTreeMap;

use ipv8_core::Time;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The event of this number happens.
    Event(usize),
    /// The node of this number goes, by its sessions.
    Leave(u32),
    /// It comes back.
    Return(u32),
    /// Nodes that crashed together start again.
    Restart(Vec<u32>),
    /// Something happens that goes on by itself, and is only told.
    Mark(String),
    /// The value of this number is stored in the DHT.
    Publish(u32),
    /// The node of this number publishes again what it had published.
    PublishAgain(u32),
    /// The value of this number is looked for.
    Find(u32),
    /// The metrics are looked at.
    Sample,
    /// The graph is taken.
    Graph,
    /// The distributions are taken.
    Histograms,
}

/// Actions by time; those of the same time in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Plan {
    actions: BTreeMap<(Time, u64), Action>,
    added: u64,
}

impl Plan {
    pub(super) fn add(&mut self, at: Time, action: Action) {
        self.actions.insert((at, self.added), action);
        self.added += 1;
    }

    /// Takes the next action that is due up to a time.
    pub(super) fn next_until(&mut self, until: Time) -> Option<(Time, Action)> {
        let first = self.actions.first_entry().filter(|entry| entry.key().0 <= until)?;
        let at = first.key().0;
        Some((at, first.remove()))
    }
}
