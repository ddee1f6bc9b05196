//! A bucket: up to eight nodes whose ids begin alike.

use ipv8_core::Time;
use rand::{RngExt, rngs::StdRng};

use super::node::{DhtNode, NodeStatus};
use crate::id::{Key, NodeId, bit, common_prefix, with_bit};

/// Nodes in a bucket.
pub const BUCKET_SIZE: usize = 8;

/// Up to [`BUCKET_SIZE`] nodes whose ids share a beginning, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The shared bits, the rest zero.
    start: Key,
    bits: u8,
    nodes: Vec<DhtNode>,
    pub(crate) changed: Option<Time>,
}

impl Bucket {
    pub(super) const fn new(start: Key, bits: u8) -> Self {
        Self { start, bits, nodes: Vec::new(), changed: None }
    }

    /// The lowest id that belongs here.
    #[must_use]
    pub const fn start(&self) -> &Key {
        &self.start
    }

    /// How many bits the ids have in common: 0 to 160.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// The nodes, in the order in which they came.
    #[must_use]
    pub fn nodes(&self) -> &[DhtNode] {
        &self.nodes
    }

    /// When a node was last added, found again, or looked for here.
    #[must_use]
    pub const fn changed(&self) -> Option<Time> {
        self.changed
    }

    /// Whether an id belongs here.
    #[must_use]
    pub fn owns(&self, id: &Key) -> bool {
        common_prefix(&self.start, id) >= self.bits
    }

    /// A random id that belongs here. (The reference's ignores the bucket, so that its refreshes miss it.)
    pub fn random_id(&self, rng: &mut StdRng) -> Key {
        let random: Key = rng.random();
        (self.bits..160).filter(|place| bit(&random, *place)).fold(self.start, with_bit)
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&DhtNode> {
        self.nodes.iter().find(|node| node.id() == *id)
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut DhtNode> {
        self.nodes.iter_mut().find(|node| node.id() == *id)
    }

    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut DhtNode> {
        self.nodes.iter_mut()
    }

    pub(super) fn take_nodes(&mut self) -> Vec<DhtNode> {
        std::mem::take(&mut self.nodes)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.nodes.len() >= BUCKET_SIZE
    }

    /// Adds a node that belongs here, or notes its new address. In a full bucket the first bad node goes, and so does the
    /// first whose answers take at least twice as long as the newcomer's. Gives the node back if there is no room.
    pub(super) fn add(&mut self, node: DhtNode, now: Time) -> Option<DhtNode> {
        if let Some(known) = self.get_mut(&node.id()) {
            known.moved(node.address());
            self.changed = Some(now);
            return None;
        }
        if self.is_full() {
            if let Some(bad) = self.nodes.iter().position(|node| node.status(now) == NodeStatus::Bad) {
                self.nodes.remove(bad);
            }
            let twice = node.rtt.filter(|rtt| !rtt.is_zero()).map(|rtt| rtt.saturating_mul(2));
            let is_slow = |known: &DhtNode| twice.is_some_and(|twice| known.rtt.is_some_and(|rtt| rtt >= twice));
            if let Some(slow) = self.nodes.iter().position(is_slow) {
                self.nodes.remove(slow);
            }
        }
        if self.is_full() {
            return Some(node);
        }
        self.nodes.push(node);
        self.changed = Some(now);
        None
    }

    /// The two halves, which hold the nodes.
    pub(super) fn split(mut self, now: Time) -> (Self, Self) {
        let bits = self.bits.saturating_add(1);
        let mut low = Self::new(self.start, bits);
        let mut high = Self::new(with_bit(self.start, self.bits), bits);
        for node in self.take_nodes() {
            let half = if bit(&node.id().0, self.bits) { &mut high } else { &mut low };
            // Eight nodes always fit into two buckets of eight.
            let _ = half.add(node, now);
        }
        (low, high)
    }

    pub(super) fn remove(&mut self, id: &NodeId) -> Option<DhtNode> {
        let place = self.nodes.iter().position(|node| node.id() == *id)?;
        Some(self.nodes.remove(place))
    }

    /// Removes the bad nodes.
    pub(super) fn remove_bad(&mut self, now: Time) -> impl Iterator<Item = DhtNode> {
        self.nodes.extract_if(.., move |node| node.status(now) == NodeStatus::Bad)
    }
}
