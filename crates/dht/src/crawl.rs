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
    family::{is_near, is_one_place, is_public},
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

/// Nodes of one public IPv4 address, or of one IPv6 network of 48 bits, that a search asks: whoever has a thousand keys there is
/// two nodes to it. Only those count that answered, or still may: keys that somebody invents keep nobody out.
const MOST_AT_ONE_PLACE: usize = 2;

/// Addresses of one key that wait to be asked at once, if those are believed who named them.
const MOST_ADDRESSES: usize = 3;

/// Nodes that are kept in case that nearer ones turn out not to be there.
const MOST_SPARE: usize = 64;

/// So many silent nodes of those that a node named, and more than answered, and it is not believed.
const MOST_SILENT: u32 = 2;

/// A new node must be at least as close as the one in this place of the queue.
const GOOD_PLACE: usize = 3;

/// A node as a search sees it. A key at another address is another one, since anybody can name a key at any address.
#[derive(Clone, Debug)]
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

impl PartialEq for Contact {
    fn eq(&self, other: &Self) -> bool {
        // Peers are equal if their keys are.
        self.address() == other.address() && self.peer == other.peer
    }
}

impl Eq for Contact {}

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

/// A node that was asked.
#[derive(Clone, Debug)]
struct Tried {
    node: Contact,
    hops: u32,
    named_by: BTreeSet<Mid>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It may answer any moment.
    Fresh,
    /// It should have answered.
    Late,
    Answered,
}

/// One search in the nodes of one address family.
///
/// It holds at most the eight nodes that it begins with and the eight that each of at most 48 others names.
#[derive(Clone, Debug)]
pub struct Crawl {
    target: Key,
    /// Closest first.
    todo: Vec<Todo>,
    /// Those that were not close enough when they were named, closest first.
    spare: Vec<Todo>,
    tried: Vec<Tried>,
    /// Of each key one.
    answers: Vec<(Contact, Answer)>,
    silent: usize,
    /// Whether anybody was late, so that others are wanted in place of those who are not there.
    troubled: bool,
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
            spare: Vec::new(),
            tried: Vec::new(),
            answers: Vec::new(),
            silent: 0,
            troubled: false,
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

    /// Takes the first node that may be asked, of those whose places are not crowded; it counts as asked from now on.
    pub fn take(&mut self, mut may: impl FnMut(&Todo) -> bool) -> Option<Todo> {
        if self.is_done() {
            return None;
        }
        let place = self.todo.iter().position(|todo| may(todo) && !self.is_crowded(todo))?;
        let todo = self.todo.remove(place);
        let Todo { node, hops, named_by, .. } = todo.clone();
        self.tried.push(Tried { node, hops, named_by, state: State::Fresh });
        self.refill();
        Some(todo)
    }

    /// A node answered. Of the nodes that it names those are taken that are no farther than the fourth in the queue.
    pub fn answered(&mut self, sender: Contact, answer: Answer) {
        self.give_credit(&sender, |credit| credit.0 = credit.0.saturating_add(1));
        let hops = self.tried_mut(&sender).map_or(1, |tried| {
            tried.state = State::Answered;
            tried.hops.saturating_add(1)
        });
        // It is not asked at other addresses too, nor are more at its own.
        self.todo.retain(|todo| todo.node.peer != sender.peer);
        self.spare.retain(|todo| todo.node.peer != sender.peer);
        let answered = |tried: &&Tried| tried.state == State::Answered && at_one_place(&tried.node, &sender);
        if self.tried.iter().filter(answered).count() >= MOST_AT_ONE_PLACE {
            self.todo.retain(|todo| !at_one_place(&todo.node, &sender));
            self.spare.retain(|todo| !at_one_place(&todo.node, &sender));
        }
        let is_new = !self.has_answered(&sender);
        let by = sender.clone();
        let named = match &answer {
            Answer::Nodes(nodes) => nodes.clone(),
            Answer::Values(_) => Vec::new(),
        };
        if is_new {
            self.answers.push((sender, answer));
        }
        for (place, node) in named.into_iter().enumerate() {
            let Some(node) = node else { continue };
            // The sender has the first one open its NAT for whoever asks.
            let puncture = (place > 0).then(|| by.clone());
            self.heard_of(node, puncture, hops, by.peer.mid());
        }
        self.refill();
    }

    /// A node does not answer as soon as most do. Those who named it lose credit.
    pub fn is_late(&mut self, node: &Contact) {
        self.give_credit(node, |credit| credit.1 = credit.1.saturating_add(1));
        if let Some(tried) = self.tried_mut(node) {
            tried.state = State::Late;
        }
        self.troubled = true;
        self.refill();
    }

    /// It answered after all.
    pub fn was_late(&mut self, node: &Contact) {
        self.give_credit(node, |credit| credit.1 = credit.1.saturating_sub(1));
    }

    /// It did not.
    pub const fn was_silent(&mut self) {
        self.silent = self.silent.saturating_add(1);
    }

    fn tried_mut(&mut self, node: &Contact) -> Option<&mut Tried> {
        self.tried.iter_mut().find(|tried| tried.node == *node)
    }

    fn has_answered(&self, node: &Contact) -> bool {
        self.answers.iter().any(|(sender, _)| sender.peer == node.peer)
    }

    fn give_credit(&mut self, node: &Contact, change: impl Fn(&mut (u32, u32))) {
        let named_by = self.tried.iter().find(|tried| tried.node == *node).map(|tried| &tried.named_by);
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

    /// Whether so many nodes at the same public address or network answered, or may any moment, that no other is asked now. Late
    /// ones count for those only whom nobody else named. In private networks and on one machine there may be any number.
    #[must_use]
    pub fn is_crowded(&self, todo: &Todo) -> bool {
        let same_namers = |tried: &Tried| !todo.named_by.is_empty() && todo.named_by.is_subset(&tried.named_by);
        let counts = |tried: &&Tried| {
            at_one_place(&tried.node, &todo.node) && (tried.state != State::Late || same_namers(tried))
        };
        self.tried.iter().filter(counts).count() >= MOST_AT_ONE_PLACE
    }

    /// Whether a node is close enough to be asked: there are not yet four nodes that are closer and to be believed, nor too many
    /// addresses of its key.
    fn fits(&self, node: &Contact) -> bool {
        let good = self.todo.iter().filter(|todo| self.is_believed(todo) && !self.is_crowded(todo)).nth(GOOD_PLACE);
        let (mine, key) = (self.distance(node), &node.peer);
        let addresses = || self.todo.iter().filter(|todo| todo.node.peer == *key && self.is_believed(todo)).count();
        good.is_none_or(|good| mine <= self.distance(&good.node)) && addresses() < MOST_ADDRESSES
    }

    fn heard_of(&mut self, node: Contact, puncture: Option<Contact>, hops: u32, by: Mid) {
        if self.has_answered(&node) || self.tried.iter().any(|tried| tried.node == node) {
            return;
        }
        let fits = self.fits(&node);
        if let Some(known) = self.todo.iter_mut().find(|todo| todo.node == node) {
            if fits {
                known.puncture = puncture;
            }
            if !known.named_by.is_empty() {
                known.named_by.insert(by);
            }
            return;
        }
        if let Some(place) = self.spare.iter().position(|todo| todo.node == node) {
            let mut known = self.spare.remove(place);
            known.named_by.insert(by);
            if fits {
                known.puncture = puncture;
                known.hops = hops;
                self.insert(known);
            } else {
                self.spare.insert(place, known);
            }
            return;
        }
        // Nobody may name a key at many addresses.
        let named = self.todo.iter().chain(&self.spare).map(|todo| (&todo.node, &todo.named_by));
        let mut named = named.chain(self.tried.iter().map(|tried| (&tried.node, &tried.named_by)));
        if named.any(|(other, named_by)| other.peer == node.peer && named_by.contains(&by)) {
            return;
        }
        let todo = Todo { node, puncture, hops, named_by: BTreeSet::from([by]) };
        if fits {
            self.insert(todo);
        } else {
            self.put_by(todo);
        }
    }

    fn insert(&mut self, todo: Todo) {
        let distance = self.distance(&todo.node);
        let place = self.todo.partition_point(|other| self.distance(&other.node) <= distance);
        self.todo.insert(place, todo);
    }

    /// Keeps a node for later; if there are too many, the farthest goes, first of those that are not believed.
    fn put_by(&mut self, todo: Todo) {
        let distance = self.distance(&todo.node);
        let place = self.spare.partition_point(|other| self.distance(&other.node) <= distance);
        self.spare.insert(place, todo);
        if self.spare.len() > MOST_SPARE {
            let doubtful = self.spare.iter().rposition(|todo| !self.is_believed(todo));
            self.spare.remove(doubtful.unwrap_or(MOST_SPARE));
        }
    }

    /// Takes nodes that were not close enough, if now they are, since those who named nearer ones are not believed any more or
    /// nearer ones were late. As long as all answer nothing is taken, as in the reference.
    fn refill(&mut self) {
        if !self.troubled {
            return;
        }
        let mut place = 0;
        while let Some(todo) = self.spare.get(place) {
            if self.is_believed(todo) && self.fits(&todo.node) {
                let todo = self.spare.remove(place);
                self.insert(todo);
            } else {
                place += 1;
            }
        }
    }

    /// Whether nobody is left to ask, or enough were asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let counted = self.tried.len().saturating_sub(self.silent.min(MOST_ASKED));
        counted >= MOST_ASKED || self.todo.is_empty()
    }

    /// In how many networks the nodes are that have values, if all of them tell the same ones, in whatever order; `None` if they
    /// differ, or there is no such node. All nodes of 256 IPv4 addresses, or of 48 bits of IPv6, are in one network, for
    /// whoever has one has them all; in private networks and on one machine each node counts.
    #[must_use]
    pub fn agreement(&self) -> Option<usize> {
        let mut agreed: Option<BTreeSet<&[u8]>> = None;
        let mut networks: Vec<&Contact> = Vec::new();
        for (sender, answer) in &self.answers {
            let Answer::Values(values) = answer else { continue };
            let values: BTreeSet<&[u8]> = values.iter().map(Vec::as_slice).collect();
            if agreed.get_or_insert_with(|| values.clone()) != &values {
                return None;
            }
            let ip = sender.address().ip();
            if !is_public(ip) || !networks.iter().any(|other| is_near(other.address().ip(), ip)) {
                networks.push(sender);
            }
        }
        agreed.map(|_| networks.len())
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
        let mut tried: Vec<_> = self.tried.iter().map(|tried| &tried.node).collect();
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

/// Whether two nodes are at one public IPv4 address, or in one IPv6 network.
fn at_one_place(one: &Contact, other: &Contact) -> bool {
    is_public(one.address().ip()) && is_one_place(one.address().ip(), other.address().ip())
}
