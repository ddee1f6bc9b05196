//! The state of one search: whom to ask next, who was asked, what they said (`protocol.md` section 6, "Crawl").
//!
//! Nothing here sends or waits; that is done in [`lookup`](crate::lookup).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use ipv8_core::Peer;
use ipv8_crypto::Mid;

use crate::{
    family::is_public,
    id::{Distance, Key, NodeId},
    routing::DhtNode,
};

/// Nodes that a search begins with.
pub const FIRST_NODES: usize = 8;

/// Nodes that one search asks at most; up to as many again that do not answer are not counted, or who names nodes that do not
/// exist could end a search.
pub const MOST_ASKED: usize = 24;

/// Nodes that it asks at once.
pub const IN_FLIGHT: usize = 4;

/// Nodes of one public address that a search takes: whoever has a thousand keys at one address is two nodes to it.
const MOST_AT_ONE_ADDRESS: usize = 2;

/// So many silent nodes of those that a node named, and more than answered, and it is not believed.
const MOST_SILENT: u32 = 2;

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
    /// Who named it; nobody, if it is of our own table.
    pub named_by: BTreeSet<Mid>,
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
    /// With their hops, and who named them.
    tried_mids: BTreeMap<Mid, (u32, BTreeSet<Mid>)>,
    answers: Vec<(Contact, Answer)>,
    silent: usize,
    /// Of the nodes that each node named: how many answered, and how many did not.
    credit: BTreeMap<Mid, (u32, u32)>,
}

impl Crawl {
    /// Looks for a key, beginning with the closest nodes that are known, closest first.
    #[must_use]
    pub fn new(target: Key, closest: impl IntoIterator<Item = Contact>) -> Self {
        let todo = closest.into_iter().take(FIRST_NODES).map(|node| Todo {
            node,
            puncture: None,
            hops: 1,
            named_by: BTreeSet::new(),
        });
        Self {
            target,
            todo: todo.collect(),
            tried: Vec::new(),
            tried_mids: BTreeMap::new(),
            answers: Vec::new(),
            silent: 0,
            credit: BTreeMap::new(),
        }
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
        let by = (todo.hops, todo.named_by.clone());
        if self.tried_mids.insert(todo.node.peer.mid(), by).is_none() {
            self.tried.push(todo.node.clone());
        }
        Some(todo)
    }

    /// A node answered. Of the nodes that it names those are taken that are no farther than the fourth in the queue.
    pub fn answered(&mut self, sender: Contact, answer: Answer) {
        self.give_credit(&sender, |credit| credit.0 = credit.0.saturating_add(1));
        if let Answer::Nodes(nodes) = &answer {
            let hops = self.tried_mids.get(&sender.peer.mid()).map_or(1, |(hops, _)| hops.saturating_add(1));
            for (place, node) in nodes.iter().enumerate() {
                let Some(node) = node else { continue };
                // The sender has the first one open its NAT for whoever asks.
                let puncture = (place > 0).then(|| sender.clone());
                self.heard_of(node, puncture, hops, sender.peer.mid());
            }
        }
        self.answers.push((sender, answer));
    }

    /// A node does not answer as soon as most do. Those who named it lose credit.
    pub fn is_late(&mut self, node: &Contact) {
        self.give_credit(node, |credit| credit.1 = credit.1.saturating_add(1));
    }

    /// It answered after all.
    pub fn was_late(&mut self, node: &Contact) {
        self.give_credit(node, |credit| credit.1 = credit.1.saturating_sub(1));
    }

    /// It did not.
    pub const fn was_silent(&mut self) {
        self.silent = self.silent.saturating_add(1);
    }

    fn give_credit(&mut self, node: &Contact, change: impl Fn(&mut (u32, u32))) {
        let named_by = self.tried_mids.get(&node.peer.mid()).map(|(_, by)| by);
        for by in named_by.into_iter().flatten() {
            change(self.credit.entry(*by).or_default());
        }
    }

    /// Whether a node is of our own table, or somebody named it who is to be believed: not most of the nodes that he named were
    /// silent. (The reference believes everybody.)
    #[must_use]
    pub fn is_believed(&self, todo: &Todo) -> bool {
        let believed =
            |by: &Mid| self.credit.get(by).is_none_or(|(answered, silent)| *silent < MOST_SILENT || silent <= answered);
        todo.named_by.is_empty() || todo.named_by.iter().any(believed)
    }

    /// Whether so many nodes at this public address are in the search that it takes no more. In private networks and on one
    /// machine there may be any number.
    fn is_crowded(&self, ip: IpAddr) -> bool {
        let there = self.todo.iter().map(|todo| &todo.node).chain(&self.tried).filter(|node| node.address().ip() == ip);
        is_public(ip) && there.count() >= MOST_AT_ONE_ADDRESS
    }

    fn heard_of(&mut self, node: &Contact, puncture: Option<Contact>, hops: u32, by: Mid) {
        if self.tried_mids.contains_key(&node.peer.mid()) {
            return;
        }
        let distance = self.distance(node);
        if self.todo.get(GOOD_PLACE).is_some_and(|good| distance > self.distance(&good.node)) {
            return;
        }
        if let Some(known) = self.todo.iter_mut().find(|todo| todo.node.peer == node.peer) {
            known.puncture = puncture;
            if !known.named_by.is_empty() {
                known.named_by.insert(by);
            }
            return;
        }
        if self.is_crowded(node.address().ip()) {
            return;
        }
        let place = self.todo.partition_point(|todo| self.distance(&todo.node) <= distance);
        self.todo.insert(place, Todo { node: node.clone(), puncture, hops, named_by: BTreeSet::from([by]) });
    }

    /// Whether nobody is left to ask, or enough were asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let counted = self.tried.len().saturating_sub(self.silent.min(MOST_ASKED));
        counted >= MOST_ASKED || self.todo.is_empty()
    }

    /// How far away the nodes are that have values, if all of them tell the same ones, in whatever order; `None` if they
    /// differ, or there is no such node.
    #[must_use]
    pub fn agreement(&self) -> Option<Vec<Distance>> {
        let mut agreed: Option<BTreeSet<&[u8]>> = None;
        let mut distances = Vec::new();
        for (sender, answer) in &self.answers {
            let Answer::Values(values) = answer else { continue };
            let values: BTreeSet<&[u8]> = values.iter().map(Vec::as_slice).collect();
            if agreed.get_or_insert_with(|| values.clone()) != &values {
                return None;
            }
            distances.push(self.distance(sender));
        }
        agreed.map(|_| distances)
    }

    /// How far away each node is that answered.
    pub fn answered_at(&self) -> impl Iterator<Item = Distance> {
        self.answers.iter().map(|(sender, _)| self.distance(sender))
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
