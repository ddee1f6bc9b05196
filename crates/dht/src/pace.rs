//! Not asking anybody too much: a node of the reference drops queries without a word if there are more than ten in five
//! seconds, and then looks dead to who asked.

use std::{collections::VecDeque, time::Duration};

use indexmap::IndexMap;
use ipv8_core::{Handle, HandleError, Time};
use ipv8_crypto::Mid;

use crate::community::DhtCommunity;

/// Queries to one node within [`INTERVAL`]: one less than it takes, for one that is repeated.
const LIMIT: usize = 9;

/// A little more than the nodes' own, for queries that the network delays and so brings closer together.
const INTERVAL: Duration = Duration::from_millis(5_250);

/// Nodes whose queries are remembered.
const MOST_NODES: usize = 1_024;

/// When each node was asked lately.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Whether there is no limit.
    free: bool,
    asked: IndexMap<Mid, VecDeque<Time>>,
}

impl Pace {
    /// Of a node that asks as much as it likes, if said so.
    pub(crate) fn new(limited: bool) -> Self {
        Self { free: !limited, asked: IndexMap::new() }
    }

    /// When a node can be asked the next time; in the past if now.
    pub(crate) fn free_at(&self, node: &Mid) -> Time {
        let asked = self.asked.get(node).filter(|asked| asked.len() >= LIMIT);
        asked.and_then(VecDeque::front).map_or(Time::ZERO, |first| *first + INTERVAL)
    }

    /// How much a node can be asked now.
    pub(crate) fn room(&self, node: &Mid, now: Time) -> usize {
        let lately =
            self.asked.get(node).map_or(0, |asked| asked.iter().filter(|at| now.since(**at) < INTERVAL).count());
        LIMIT.saturating_sub(lately)
    }

    /// A node is asked something.
    pub(crate) fn note(&mut self, node: Mid, now: Time) {
        if self.free {
            return;
        }
        if !self.asked.contains_key(&node) && self.asked.len() >= MOST_NODES {
            self.asked.retain(|_, asked| asked.back().is_some_and(|last| now.since(*last) < INTERVAL));
            if self.asked.len() >= MOST_NODES {
                self.asked.shift_remove_index(0);
            }
        }
        let asked = self.asked.entry(node).or_default();
        if asked.len() >= LIMIT {
            asked.pop_front();
        }
        asked.push_back(now);
    }
}

/// Waits until a node may be asked something, which counts as asked then; when that was.
pub(crate) async fn turn(handle: &Handle<DhtCommunity>, node: Mid) -> Result<Time, HandleError> {
    loop {
        let wait = handle.with(|dht, cx| {
            let (now, free) = (cx.now(), dht.pace.free_at(&node));
            if free > now {
                return Err(free.since(now));
            }
            dht.pace.note(node, now);
            Ok(now)
        })?;
        match wait {
            Ok(asked) => return Ok(asked),
            Err(wait) => handle.sleep(wait).await,
        }
    }
}
