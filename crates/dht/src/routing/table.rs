//! The table: buckets that cover all ids, the finer the nearer they are to our own.

use std::{cmp::Reverse, collections::BTreeMap};

use ipv8_core::Time;

use super::{
    bucket::{BUCKET_SIZE, Bucket},
    node::{DhtNode, NodeStatus},
};
use crate::{
    family::{is_near, is_public},
    id::{Key, NodeId, common_prefix},
    store::Source,
};

/// Nodes of one public address in a table.
const MOST_AT_ONE_ADDRESS: usize = 2;

/// The nodes that are known of one address family.
///
/// Only a bucket that our own id belongs to is split, so there are at most 161 buckets of eight nodes.
#[derive(Clone, Debug)]
pub struct RoutingTable {
    own: NodeId,
    /// By the lowest id that belongs there. Together they cover all ids.
    buckets: BTreeMap<Key, Bucket>,
}

impl RoutingTable {
    /// An empty table of the node with this id.
    #[must_use]
    pub fn new(own: NodeId) -> Self {
        Self { own, buckets: BTreeMap::from([([0; 20], Bucket::new([0; 20], 0))]) }
    }

    /// Our own id.
    #[must_use]
    pub const fn own(&self) -> NodeId {
        self.own
    }

    /// The same nodes around another id, since ours changes with our address. (The reference keeps the first one, even if it
    /// was made before its address was known.)
    pub fn set_own(&mut self, own: NodeId, now: Time) {
        if self.own == own {
            return;
        }
        let old = std::mem::replace(self, Self::new(own));
        for mut bucket in old.buckets.into_values() {
            for node in bucket.take_nodes() {
                self.add(node, now);
            }
        }
    }

    /// The bucket that an id belongs to.
    #[must_use]
    pub fn bucket(&self, id: &NodeId) -> Option<&Bucket> {
        self.buckets.range(..=id.0).next_back().map(|(_, bucket)| bucket)
    }

    fn bucket_mut(&mut self, id: &NodeId) -> Option<&mut Bucket> {
        self.buckets.range_mut(..=id.0).next_back().map(|(_, bucket)| bucket)
    }

    /// The buckets, in the order of their ids.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.buckets.values()
    }

    /// Notes that nodes were looked for in the bucket that begins here.
    pub fn refreshed(&mut self, start: &Key, now: Time) {
        if let Some(bucket) = self.buckets.get_mut(start) {
            bucket.changed = Some(now);
        }
    }

    /// The nodes, bucket by bucket.
    pub fn nodes(&self) -> impl Iterator<Item = &DhtNode> {
        self.buckets.values().flat_map(|bucket| bucket.nodes())
    }

    /// The nodes, to change them.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut DhtNode> {
        self.buckets.values_mut().flat_map(Bucket::nodes_mut)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.nodes().len()).sum()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.values().all(|bucket| bucket.nodes().is_empty())
    }

    /// The node with this id.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<&DhtNode> {
        self.bucket(id)?.get(id)
    }

    /// The node with this id, to change it.
    pub fn get_mut(&mut self, id: &NodeId) -> Option<&mut DhtNode> {
        self.bucket_mut(id)?.get_mut(id)
    }

    /// Whether so many nodes are known of a newcomer's address, or so many of its network in its bucket, that it gets no place:
    /// two at one address of the Internet (of IPv6, in one network of 64 bits), and half a bucket in one network. Ids follow from
    /// addresses, so that whoever has many keys at few addresses could fill one part of the table, and with it what we believe
    /// to be all the nodes there. In private networks and on one machine there may be any number. (The reference has no such
    /// rule.)
    ///
    /// For one that answered, only those count that did: anybody can send something that seems to come from its address.
    #[must_use]
    pub fn is_crowded(&self, newcomer: &DhtNode, now: Time) -> bool {
        let answered = newcomer.last_response.is_some();
        let (here, near) = self.crowd(newcomer, now, |node| !answered || node.last_response.is_some());
        here >= MOST_AT_ONE_ADDRESS || near >= BUCKET_SIZE / 2
    }

    /// Removes nodes that never answered where they keep out a newcomer that did.
    pub(crate) fn make_room(&mut self, newcomer: &DhtNode, now: Time) {
        if newcomer.last_response.is_none() {
            return;
        }
        loop {
            let (here, near) = self.crowd(newcomer, now, |_| true);
            let ip = newcomer.address().ip();
            let (is_here, is_near_by) = (here >= MOST_AT_ONE_ADDRESS, near >= BUCKET_SIZE / 2);
            let idle = |node: &&DhtNode| node.last_response.is_none() && node.status(now) != NodeStatus::Bad;
            let of_place =
                self.nodes().filter(idle).find(|node| is_here && Source::of(node.address().ip()) == Source::of(ip));
            let of_bucket = || {
                self.bucket(&newcomer.id()).and_then(|bucket| {
                    bucket.nodes().iter().filter(idle).find(|node| is_near_by && is_near(node.address().ip(), ip))
                })
            };
            let Some(id) = of_place.or_else(of_bucket).map(DhtNode::id) else { return };
            self.remove(&id);
        }
    }

    /// How many of some nodes are at a newcomer's address, and how many of its bucket in its network.
    fn crowd(&self, newcomer: &DhtNode, now: Time, counts: impl Fn(&DhtNode) -> bool) -> (usize, usize) {
        let (id, ip) = (newcomer.id(), newcomer.address().ip());
        let Some(bucket) = self.bucket(&id).filter(|bucket| is_public(ip) && bucket.get(&id).is_none()) else {
            return (0, 0);
        };
        let counts = |node: &&DhtNode| node.status(now) != NodeStatus::Bad && counts(node);
        // Nodes at one address share 24 bits of their ids, and with few exceptions a bucket.
        let here = self.nodes().filter(counts).filter(|node| Source::of(node.address().ip()) == Source::of(ip)).count();
        let near = bucket.nodes().iter().filter(counts).filter(|node| is_near(node.address().ip(), ip)).count();
        (here, near)
    }

    /// Adds a node, or notes its new address; `None` if there is no room for it. What is returned is the table's own.
    pub fn add(&mut self, node: DhtNode, now: Time) -> Option<&mut DhtNode> {
        let id = node.id();
        let mut node = Some(node);
        while let Some(newcomer) = node.take() {
            let own = self.own;
            let bucket = self.bucket_mut(&id)?;
            let Some(back) = bucket.add(newcomer, now) else { break };
            // After an eviction there is room, so a bucket that refuses is full.
            if bucket.bits() >= 160 || !bucket.owns(&own.0) {
                return None;
            }
            let start = *bucket.start();
            let (low, high) = self.buckets.remove(&start)?.split(now);
            self.buckets.insert(*low.start(), low);
            self.buckets.insert(*high.start(), high);
            node = Some(back);
        }
        self.get_mut(&id)
    }

    /// Removes the node with this id and returns it.
    pub fn remove(&mut self, id: &NodeId) -> Option<DhtNode> {
        self.bucket_mut(id)?.remove(id)
    }

    /// Removes the bad nodes and returns them.
    pub fn remove_bad(&mut self, now: Time) -> Vec<DhtNode> {
        self.buckets.values_mut().flat_map(|bucket| bucket.remove_bad(now).collect::<Vec<_>>()).collect()
    }

    /// At most so many nodes that are not bad, closest to a key first, without one of them; each key once. A key that is known
    /// at two addresses counts where the reference meets it first: in the bucket nearer to what is looked for, then in the
    /// order in which the nodes came.
    #[must_use]
    pub fn closest(&self, key: &Key, most: usize, without: Option<&NodeId>, now: Time) -> Vec<&DhtNode> {
        let shared = |bucket: &Bucket| common_prefix(bucket.start(), key).min(bucket.bits());
        let mut buckets: Vec<_> = self.buckets.values().map(|bucket| (Reverse(shared(bucket)), bucket)).collect();
        buckets.sort_by_key(|(shared, _)| *shared);
        let mut met: Vec<&DhtNode> = Vec::new();
        for group in buckets.chunk_by(|(one, _), (other, _)| one == other) {
            let nodes = group.iter().flat_map(|(_, bucket)| bucket.nodes());
            met.extend(nodes.filter(|node| without != Some(&node.id()) && node.status(now) != NodeStatus::Bad));
            // All nodes of a bucket that has fewer bits in common with the key are farther away.
            if met.len() >= most {
                let closest = closest_of(&met, key, most);
                if closest.len() >= most {
                    return closest;
                }
            }
        }
        closest_of(&met, key, most)
    }
}

/// At most so many of some nodes, closest to a key first; of those with one key only the one that was met first.
fn closest_of<'a>(met: &[&'a DhtNode], key: &Key, most: usize) -> Vec<&'a DhtNode> {
    // No two nodes of a table have the same id, and so none are equally far.
    let mut order: Vec<_> =
        met.iter().enumerate().map(|(place, node)| (node.id().distance(key), place, *node)).collect();
    order.sort_unstable_by_key(|(distance, ..)| *distance);
    let is_first =
        |place: usize, node: &DhtNode| !met.iter().take(place).any(|other| other.peer().mid() == node.peer().mid());
    let first = order.into_iter().filter(|(_, place, node)| is_first(*place, node));
    first.map(|(_, _, node)| node).take(most).collect()
}
