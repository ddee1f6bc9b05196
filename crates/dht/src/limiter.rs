//! Answering nobody too much, also those who have no place in the routing table.

use std::collections::VecDeque;

use indexmap::IndexMap;
use ipv8_core::Time;

use crate::{
    id::NodeId,
    routing::{QUERY_INTERVAL, QUERY_LIMIT},
};

/// Askers, each a key at an address, of which it is remembered when they asked; one more takes the place of the one that came
/// first. (The reference limits the nodes of its table only.)
pub const MOST_ASKERS: usize = 2_048;

/// When each asker asked lately.
#[derive(Debug, Default)]
pub(crate) struct Limiter(IndexMap<NodeId, VecDeque<Time>>);

impl Limiter {
    /// Whether one may ask now, which is then noted: [`QUERY_LIMIT`] times within [`QUERY_INTERVAL`], as nodes of the table.
    pub(crate) fn admits(&mut self, asker: NodeId, now: Time) -> bool {
        if !self.0.contains_key(&asker) && self.0.len() >= MOST_ASKERS {
            self.0.retain(|_, asked| asked.back().is_some_and(|last| now.since(*last) < QUERY_INTERVAL));
            if self.0.len() >= MOST_ASKERS {
                self.0.shift_remove_index(0);
            }
        }
        let asked = self.0.entry(asker).or_default();
        if asked.len() >= QUERY_LIMIT {
            if asked.front().is_some_and(|first| now.since(*first) < QUERY_INTERVAL) {
                return false;
            }
            asked.pop_front();
        }
        asked.push_back(now);
        true
    }
}
