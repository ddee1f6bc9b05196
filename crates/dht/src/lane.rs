//! A search in one address family: who is asked next, and when it is over.
//!
//! The reference asks every node that it has heard of, up to 24, and waits for all. Each question costs four signatures, so
//! here nobody is asked whose answer would change nothing.

use std::time::Duration;

use ipv8_core::Time;

use crate::{
    community::{DhtCommunity, TARGET_NODES},
    crawl::{Contact, Crawl, IN_FLIGHT, Todo},
    family::Family,
    id::Distance,
};

/// So many nodes with values suffice if all tell the same, and nobody is known who is closer than they are.
const AGREEING: usize = 4;

/// The closest nodes, which are asked in any case who is closer still.
const ALWAYS_ASKED: usize = 4;

/// A token that was told so lately is good: nodes change the secret behind it every five minutes, and take those of the last
/// secret.
const GOOD_TOKEN: Duration = Duration::from_secs(240);

/// So many questions are left for storing: a node that can be asked no more than that is rather not asked for nodes.
const RESERVE: usize = 4;

/// The search in one family.
pub(crate) struct Lane {
    pub(crate) family: Family,
    pub(crate) crawl: Crawl,
    pub(crate) waiting: Vec<Contact>,
    /// Whether some nodes need not be asked.
    pub(crate) may_spare: bool,
    /// Those that are not asked now, since it is known what they would say.
    spared: Vec<Contact>,
    /// Whether values are looked for.
    for_values: bool,
}

impl Lane {
    /// Looks in a family, with the closest nodes that are known; `None` if there are none.
    pub(crate) fn new(family: Family, crawl: Crawl, for_values: bool) -> Option<Self> {
        let lane = Self { family, crawl, waiting: Vec::new(), may_spare: false, spared: Vec::new(), for_values };
        (!lane.crawl.is_done()).then_some(lane)
    }

    fn distance(&self, node: &Contact) -> Distance {
        node.id.distance(self.crawl.target())
    }

    /// Takes the next node to ask, or tells when one can be asked.
    pub(crate) fn next(&mut self, dht: &DhtCommunity, now: Time) -> Result<Option<Todo>, Time> {
        self.spared = if self.may_spare { self.to_spare(dht, now) } else { Vec::new() };
        if self.waiting.len() >= IN_FLIGHT || self.crawl.is_done() {
            return Ok(None);
        }
        // Those that are waited for will most likely answer: nobody is asked in case they do not.
        let horizon = self.horizon(true);
        let (target, spared) = (*self.crawl.target(), &self.spared);
        let wanted = |todo: &Todo| {
            horizon.is_none_or(|horizon| todo.node.id.distance(&target) < horizon) && !spared.contains(&todo.node)
        };
        let free_at = |todo: &Todo| dht.pace.free_at(&todo.node.peer.mid());
        let may_spare = self.may_spare;
        let is_busy = |todo: &Todo| may_spare && dht.pace.room(&todo.node.peer.mid(), now) <= RESERVE;
        let taken = self.crawl.take(|todo| wanted(todo) && free_at(todo) <= now && !is_busy(todo));
        if let Some(todo) = taken.or_else(|| self.crawl.take(|todo| wanted(todo) && free_at(todo) <= now)) {
            self.waiting.push(todo.node.clone());
            return Ok(Some(todo));
        }
        // Those that are left were asked too much lately. Where others agree they are not waited for.
        let agreed = self.for_values && self.crawl.agreement().is_some_and(|agreed| agreed.len() >= AGREEING);
        match self.crawl.todo().iter().filter(|todo| !agreed && wanted(todo)).map(free_at).min() {
            Some(free) => Err(free),
            None => Ok(None),
        }
    }

    /// The nodes that need not be asked: they answered lately, told us a token that is still good, and either four that are
    /// closer are asked, or they were asked much lately and four others are.
    fn to_spare(&self, dht: &DhtCommunity, now: Time) -> Vec<Contact> {
        let asked: Vec<_> =
            self.crawl.answered_at().chain(self.waiting.iter().map(|node| self.distance(node))).collect();
        let is_spared = |todo: &&Todo| {
            let distance = self.distance(&todo.node);
            let closer = asked.iter().filter(|asked| **asked < distance).count();
            let is_busy = || dht.pace.room(&todo.node.peer.mid(), now) <= RESERVE;
            (closer >= ALWAYS_ASKED || (asked.len() >= ALWAYS_ASKED && is_busy()))
                && vouched(dht, self.family, &todo.node, now)
        };
        self.crawl.todo().iter().filter(is_spared).map(|todo| todo.node.clone()).collect()
    }

    /// How far away the last node is that needs to be asked or waited for: eight that are closer answered or are spared; or,
    /// where values are looked for, four that are closer agree. (The reference asks all that it has, and waits for all.) On
    /// request the nodes that are waited for count as well.
    fn horizon(&self, with_waiting: bool) -> Option<Distance> {
        let waiting = || self.waiting.iter().filter(|_| with_waiting).map(|node| self.distance(node));
        let nth = |mut distances: Vec<Distance>, count: usize| {
            distances.sort_unstable();
            distances.get(count - 1).copied()
        };
        let spared = self.spared.iter().map(|node| self.distance(node));
        let all = nth(self.crawl.answered_at().chain(waiting()).chain(spared).collect(), TARGET_NODES);
        let agreed = self.crawl.agreement().filter(|_| self.for_values);
        let agreed = agreed.and_then(|agreed| nth(agreed.into_iter().chain(waiting()).collect(), AGREEING));
        agreed.map_or(all, |agreed| Some(all.map_or(agreed, |all| all.min(agreed))))
    }

    /// Whether an answer that is waited for could still change anything.
    pub(crate) fn must_wait(&self) -> bool {
        let horizon = self.horizon(false);
        self.waiting.iter().any(|node| horizon.is_none_or(|horizon| self.distance(node) < horizon))
    }

    /// The nodes that answered or were spared, closest first.
    pub(crate) fn answering(&self) -> Vec<Contact> {
        let mut all: Vec<_> = self.crawl.answering().into_iter().chain(&self.spared).cloned().collect();
        all.sort_by_key(|node| self.distance(node));
        all
    }
}

/// Whether a node answered lately, told us a token that is still good, and has not failed since.
fn vouched(dht: &DhtCommunity, family: Family, node: &Contact, now: Time) -> bool {
    let known = dht.table(family).and_then(|table| table.get(&node.id));
    known.is_none_or(|known| known.address() == node.address() && known.failed == 0)
        && dht.token_age(&node.id, now).is_some_and(|age| age < GOOD_TOKEN)
}
