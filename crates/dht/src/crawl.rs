//! The state of one search: whom to ask next, who was asked, what they said (`protocol.md` section 6, "Crawl").
//!
//! Nothing here sends or waits; that is done in [`lookup`](crate::lookup).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use ipv8_core::Peer;
use ipv8_crypto::Mid;

use crate::{
    id::{Distance, Key, NodeId},
    routing::DhtNode,
};

/// Nodes that a search begins with.
pub const FIRST_NODES: usize = 8;

/// Nodes that one search asks at most.
pub const MOST_ASKED: usize = 24;

/// Nodes that it asks at once.
pub const IN_FLIGHT: usize = 4;

/// A new node must be at least as close as the one in this place of the queue.
const GOOD_PLACE: usize = 3;

/// A node as a search sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// Its id.
    pub id: NodeId,
    /// Its key, and where it is.
    pub peer: Peer,
}

impl Contact {
    /// The node with a key at an address.
    #[must_use]
    pub fn new(peer: Peer) -> Self {
        Self { id: NodeId::new(peer.address().ip(), &peer.mid()), peer }
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.peer.address()
    }
}

impl From<&DhtNode> for Contact {
    fn from(node: &DhtNode) -> Self {
        Self { id: node.id(), peer: node.peer().clone() }
    }
}

/// A node to ask.
#[derive(Clone, Debug)]
pub struct Todo {
    /// The node.
    pub node: Contact,
    /// Who can have it open its NAT for us: the node that named it, unless that one does so unasked.
    pub puncture: Option<Contact>,
    /// How far it is along the way by which it was heard of first: 1 for a node of our own table, one more than the node that
    /// named it for all others.
    pub hops: u32,
}

/// What a node said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It has values.
    Values(Vec<Vec<u8>>),
    /// It has none, and names nodes. `None` stands for one that cannot be asked.
    Nodes(Vec<Option<Contact>>),
}

/// One search in the nodes of one address family.
#[derive(Clone, Debug)]
pub struct Crawl {
    target: Key,
    /// Closest first.
    todo: Vec<Todo>,
    tried: Vec<Contact>,
    /// With their hops.
    tried_mids: BTreeMap<Mid, u32>,
    answers: Vec<(Contact, Answer)>,
}

impl Crawl {
    /// Looks for a key, beginning with the closest nodes that are known, closest first.
    #[must_use]
    pub fn new(target: Key, closest: impl IntoIterator<Item = Contact>) -> Self {
        let todo = closest.into_iter().take(FIRST_NODES).map(|node| Todo { node, puncture: None, hops: 1 }).collect();
        Self { target, todo, tried: Vec::new(), tried_mids: BTreeMap::new(), answers: Vec::new() }
    }

    /// What is looked for.
    #[must_use]
    pub const fn target(&self) -> &Key {
        &self.target
    }

    fn distance(&self, node: &Contact) -> Distance {
        node.id.distance(&self.target)
    }

    /// The nodes that are still to be asked, closest first.
    #[must_use]
    pub fn todo(&self) -> &[Todo] {
        &self.todo
    }

    /// Takes the first node that may be asked; it counts as asked from now on.
    pub fn take(&mut self, may: impl FnMut(&Todo) -> bool) -> Option<Todo> {
        if self.is_done() {
            return None;
        }
        let place = self.todo.iter().position(may)?;
        let todo = self.todo.remove(place);
        if self.tried_mids.insert(todo.node.peer.mid(), todo.hops).is_none() {
            self.tried.push(todo.node.clone());
        }
        Some(todo)
    }

    /// A node answered. Of the nodes that it names those are taken that are no farther than the fourth in the queue.
    pub fn answered(&mut self, sender: Contact, answer: Answer) {
        if let Answer::Nodes(nodes) = &answer {
            let hops = self.tried_mids.get(&sender.peer.mid()).map_or(1, |hops| hops.saturating_add(1));
            for (place, node) in nodes.iter().enumerate() {
                let Some(node) = node else { continue };
                // The sender has the first one open its NAT for whoever asks.
                let puncture = (place > 0).then(|| sender.clone());
                self.heard_of(node, puncture, hops);
            }
        }
        self.answers.push((sender, answer));
    }

    fn heard_of(&mut self, node: &Contact, puncture: Option<Contact>, hops: u32) {
        if self.tried_mids.contains_key(&node.peer.mid()) {
            return;
        }
        let distance = self.distance(node);
        if self.todo.get(GOOD_PLACE).is_some_and(|good| distance > self.distance(&good.node)) {
            return;
        }
        if let Some(known) = self.todo.iter_mut().find(|todo| todo.node.peer == node.peer) {
            known.puncture = puncture;
            return;
        }
        let place = self.todo.partition_point(|todo| self.distance(&todo.node) <= distance);
        self.todo.insert(place, Todo { node: node.clone(), puncture, hops });
    }

    /// Whether nobody is left to ask, or enough were asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.tried.len() >= MOST_ASKED || self.todo.is_empty()
    }

    /// Whether so many nodes answered that nobody who is farther than all of them needs to be asked or waited for; then how
    /// far the last of them is. (The reference asks all that it has, and waits for all.)
    #[must_use]
    pub fn horizon(&self, nodes: usize) -> Option<Distance> {
        let mut distances: Vec<_> = self.answers.iter().map(|(sender, _)| self.distance(sender)).collect();
        distances.sort_unstable();
        distances.get(nodes.saturating_sub(1)).copied()
    }

    /// The values, without duplicates: the first of each answer, then the second of each, and so on.
    #[must_use]
    pub fn values(&self) -> Vec<&[u8]> {
        let lists: Vec<&Vec<Vec<u8>>> = self
            .answers
            .iter()
            .filter_map(|(_, answer)| match answer {
                Answer::Values(values) => Some(values),
                Answer::Nodes(_) => None,
            })
            .collect();
        let longest = lists.iter().map(|values| values.len()).max().unwrap_or(0);
        let mut seen = BTreeSet::new();
        (0..longest)
            .flat_map(|place| lists.iter().filter_map(move |values| values.get(place)))
            .map(Vec::as_slice)
            .filter(|value| seen.insert(*value))
            .collect()
    }

    /// The closest node that answered and had no values.
    #[must_use]
    pub fn cache_candidate(&self) -> Option<&Contact> {
        let without = self.answers.iter().filter(|(_, answer)| matches!(answer, Answer::Nodes(_)));
        without.map(|(sender, _)| sender).min_by_key(|sender| self.distance(sender))
    }

    /// The nodes that were asked, closest first.
    #[must_use]
    pub fn tried(&self) -> Vec<&Contact> {
        let mut tried: Vec<_> = self.tried.iter().collect();
        tried.sort_by_key(|node| self.distance(node));
        tried
    }

    /// The nodes that answered, closest first.
    #[must_use]
    pub fn answering(&self) -> Vec<&Contact> {
        let mut all: Vec<_> = self.answers.iter().map(|(sender, _)| sender).collect();
        all.sort_by_key(|node| self.distance(node));
        all
    }
}
