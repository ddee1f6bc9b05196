//! A search in one address family: who is asked next, and when it is over.
//!
//! The reference asks every node that it has heard of, up to 24, and waits for all. Each question costs four signatures, so
//! here nobody is asked whose answer would change nothing.

use std::{collections::BTreeSet, time::Duration};

use ipv8_core::Time;

use crate::{
    community::{DhtCommunity, TARGET_NODES},
    crawl::{Contact, Crawl, IN_FLIGHT, Todo},
    family::Family,
    id::Distance,
};

/// After how long a node that has not answered holds up nobody: another is asked in its place. (With the reference, four silent
/// nodes hold up a search for two seconds.)
const STALLED: Duration = Duration::from_millis(700);

/// After how long nobody waits for it if enough others have answered: long enough for an answer to the second question, if the
/// first was lost.
pub(crate) const GIVEN_UP: Duration = Duration::from_millis(1_200);

/// If nodes with values in so many networks tell the same, nodes that were asked too much lately are not waited for.
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
    pub(crate) waiting: Vec<Waiting>,
    /// Whether some nodes need not be asked.
    pub(crate) may_spare: bool,
    /// Those that are not asked now, since it is known what they would say.
    spared: Vec<Contact>,
    /// Whether values are looked for.
    for_values: bool,
}

/// A node that was asked.
pub(crate) struct Waiting {
    pub(crate) node: Contact,
    pub(crate) hops: u32,
    pub(crate) since: Time,
    /// It holds up nobody any more.
    pub(crate) late: bool,
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
        for waiting in self.waiting.iter_mut().filter(|waiting| now.since(waiting.since) >= STALLED && !waiting.late) {
            waiting.late = true;
            self.crawl.is_late(&waiting.node);
        }
        self.spared = if self.may_spare { self.to_spare(dht, now) } else { Vec::new() };
        let fresh = self.waiting.iter().filter(|waiting| !waiting.late).count();
        if fresh >= IN_FLIGHT || self.crawl.is_done() {
            return Ok(None);
        }
        // Those that are waited for will most likely answer: nobody is asked in case they do not.
        let horizon = self.horizon(true);
        let (target, spared) = (*self.crawl.target(), &self.spared);
        let wanted = |todo: &Todo| {
            horizon.is_none_or(|horizon| todo.node.id.distance(&target) < horizon) && !spared.contains(&todo.node)
        };
        let free_at = |todo: &Todo| dht.pace.free_at(&todo.node.peer.mid());
        // Who is not to be believed is asked for want of others only.
        let place = |todo: &Todo| (todo.node.peer.mid(), todo.node.address());
        let crowded: BTreeSet<_> =
            self.crawl.todo().iter().filter(|todo| self.crawl.is_crowded(todo)).map(place).collect();
        let wanted = |todo: &Todo| wanted(todo) && !crowded.contains(&place(todo));
        let believed: BTreeSet<_> =
            self.crawl.todo().iter().filter(|todo| self.crawl.is_believed(todo)).map(place).collect();
        let is_believed = |todo: &Todo| believed.contains(&place(todo));
        let any = horizon.is_none() && fresh == 0 && !self.crawl.todo().iter().any(|t| wanted(t) && is_believed(t));
        let wanted = |todo: &Todo| wanted(todo) && (any || is_believed(todo));
        let may_spare = self.may_spare;
        let is_busy = |todo: &Todo| may_spare && dht.pace.room(&todo.node.peer.mid(), now) <= RESERVE;
        let taken = self.crawl.take(|todo| wanted(todo) && free_at(todo) <= now && !is_busy(todo));
        if let Some(todo) = taken.or_else(|| self.crawl.take(|todo| wanted(todo) && free_at(todo) <= now)) {
            self.waiting.push(Waiting { node: todo.node.clone(), hops: todo.hops, since: now, late: false });
            return Ok(Some(todo));
        }
        // Those that are left were asked too much lately. Where others agree they are not waited for.
        let agreed = self.for_values && self.crawl.agreement().is_some_and(|networks| networks >= AGREEING);
        match self.crawl.todo().iter().filter(|todo| !agreed && wanted(todo)).map(free_at).min() {
            Some(free) => Err(free),
            None => Ok(None),
        }
    }

    /// The nodes that need not be asked: they answered lately, told us a token that is still good, and either four that are
    /// closer are asked, or they were asked much lately and four others are.
    fn to_spare(&self, dht: &DhtCommunity, now: Time) -> Vec<Contact> {
        let asked: Vec<_> = self.crawl.answered_at().chain(self.fresh()).collect();
        let is_spared = |todo: &&Todo| {
            let distance = self.distance(&todo.node);
            let closer = asked.iter().filter(|asked| **asked < distance).count();
            let is_busy = || dht.pace.room(&todo.node.peer.mid(), now) <= RESERVE;
            (closer >= ALWAYS_ASKED || (asked.len() >= ALWAYS_ASKED && is_busy()))
                && vouched(dht, self.family, &todo.node, now)
        };
        self.crawl.todo().iter().filter(is_spared).map(|todo| todo.node.clone()).collect()
    }

    /// How far away those are that were asked and will most likely answer.
    fn fresh(&self) -> impl Iterator<Item = Distance> {
        self.waiting.iter().filter(|waiting| !waiting.late).map(|waiting| self.distance(&waiting.node))
    }

    /// How far away the last node is that needs to be asked or waited for: eight that are closer answered or are spared. (The
    /// reference asks all that it has, and waits for all.) On request the nodes that are waited for count as well.
    fn horizon(&self, with_waiting: bool) -> Option<Distance> {
        let waiting = || self.fresh().filter(|_| with_waiting);
        let nth = |mut distances: Vec<Distance>, count: usize| {
            distances.sort_unstable();
            distances.get(count - 1).copied()
        };
        let spared = self.spared.iter().map(|node| self.distance(node));
        nth(self.crawl.answered_at().chain(waiting()).chain(spared).collect(), TARGET_NODES)
    }

    /// Whether an answer that is waited for could still change anything.
    pub(crate) fn must_wait(&self, now: Time) -> bool {
        let horizon = self.horizon(false);
        // Whoever waits for a crowd to prove that it is there is asked when it does not.
        let is_held = |todo: &Todo| {
            horizon.is_some_and(|horizon| self.distance(&todo.node) < horizon)
                && self.crawl.is_crowded(todo)
                && self.crawl.is_believed(todo)
                && !self.spared.contains(&todo.node)
        };
        if self.fresh().next().is_some() && self.crawl.todo().iter().any(is_held) {
            return true;
        }
        let could = |waiting: &Waiting, horizon: Distance| {
            self.distance(&waiting.node) < horizon && now.since(waiting.since) < GIVEN_UP
        };
        self.waiting.iter().any(|waiting| horizon.is_none_or(|horizon| could(waiting, horizon)))
    }

    /// When waiting on makes a difference the next time although nobody answers.
    pub(crate) fn changes_at(&self, now: Time) -> Option<Time> {
        let times = self.waiting.iter().flat_map(|waiting| [waiting.since + STALLED, waiting.since + GIVEN_UP]);
        times.filter(|time| *time > now).min()
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
