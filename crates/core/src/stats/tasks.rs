//! What the tasks of an overlay did, by name.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::tasks::TaskName;

/// Names for which one overlay counts. Tasks of further names are counted together.
const MOST_NAMES: usize = 256;

/// What is counted for one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) runs: u64,
    pub(crate) skipped: u64,
    pub(crate) panics: u64,
    pub(crate) longest: Duration,
}

impl Usage {
    /// Of a future, which runs once.
    pub(crate) fn begun() -> Self {
        Self { runs: 1, ..Self::default() }
    }

    /// It kept the node busy for so long.
    pub(crate) fn ran(&mut self, took: Duration) {
        self.longest = self.longest.max(took);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.skipped += other.skipped;
        self.panics += other.panics;
        self.longest = self.longest.max(other.longest);
    }
}

/// What the tasks of one name did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStats {
    /// Their name; for tasks without one, the function that they were written in.
    pub name: Arc<str>,
    /// Those that have not ended.
    pub live: usize,
    /// How often a scheduled function was called, or a future was started.
    pub runs: u64,
    /// Runs of an interval that were left out, because the future of an earlier one had not ended.
    pub skipped: u64,
    /// How often one panicked.
    pub panics: u64,
    /// The longest that one kept the node busy without a break: a call of a function, or one poll of a future. Zero for a
    /// node without a [clock](crate::NodeConfig::clock), and in the simulator, where time stands still meanwhile.
    pub longest: Duration,
}

/// What tasks did that have ended, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskTable {
    names: BTreeMap<TaskName, Usage>,
    others: Usage,
}

impl TaskTable {
    pub(crate) fn add(&mut self, name: &TaskName, usage: Usage) {
        let room = self.names.len() < MOST_NAMES;
        match self.names.get_mut(name) {
            Some(known) => known.add(usage),
            None if room => drop(self.names.insert(name.clone(), usage)),
            None => self.others.add(usage),
        }
    }

    /// Completed with the tasks that live, in the order of names; those without a place of their own at the end.
    pub(crate) fn with_live(&self, live: impl IntoIterator<Item = (TaskName, Usage)>) -> Vec<TaskStats> {
        let mut table = self.clone();
        let mut counts: BTreeMap<TaskName, usize> = BTreeMap::new();
        let mut other = 0;
        for (name, usage) in live {
            table.add(&name, usage);
            if table.names.contains_key(&name) { *counts.entry(name).or_default() += 1 } else { other += 1 }
        }
        let stats = |name: Arc<str>, live, usage: Usage| {
            let Usage { runs, skipped, panics, longest } = usage;
            TaskStats { name, live, runs, skipped, panics, longest }
        };
        let mut all: Vec<_> = table
            .names
            .iter()
            .map(|(name, usage)| stats(name.as_str().into(), counts.get(name).copied().unwrap_or(0), *usage))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        if table.others != Usage::default() || other > 0 {
            all.push(stats("(other names)".into(), other, table.others));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_names_than_there_is_room_for_are_counted_together() {
        let mut table = TaskTable::default();
        for number in 0..1_000 {
            table.add(&TaskName::Given(format!("task {number:04}").into()), Usage::begun());
        }
        let stats = table.with_live([(TaskName::Given("task 9999".into()), Usage::begun())]);
        assert_eq!(stats.len(), MOST_NAMES + 1);
        assert_eq!(stats.iter().map(|stats| stats.runs).sum::<u64>(), 1_001);
        let others = stats.last().unwrap();
        assert_eq!((&*others.name, others.live), ("(other names)", 1));
    }
}
