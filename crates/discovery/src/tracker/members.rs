//! Who is in which community, as far as a tracker remembers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddrV4,
    ops::Bound,
    time::Duration,
};

use indexmap::IndexMap;
use ipv8_core::Time;
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::{Rng, RngExt};

use super::TrackerLimits;

/// A peer that was not heard of for so long is asked whether it is still there, and again at this interval.
const PING_AFTER: Duration = Duration::from_secs(27);

/// A peer that was not heard of for so long is forgotten, if it was asked.
const DROP_AFTER: Duration = Duration::from_secs(58);

/// How long an answer may take: between the second question and the end, where no question was late.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Room in a list that is not worth giving back.
const SMALLEST_LIST: usize = 8;

/// A peer of one community.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddrV4,
    pub(super) lan: SocketAddrV4,
    pub(super) heard: Time,
    pub(super) ping: Option<Ping>,
}

/// A question whether a peer is there, until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping {
    pub(super) sent: Time,
    pub(super) identifier: u16,
}

impl Member {
    fn is_quiet(&self, now: Time) -> bool {
        self.ping.map_or(self.heard, |ping| ping.sent) + PING_AFTER <= now
    }

    /// Where there are more quiet members than questions, nobody is forgotten before it could answer.
    fn is_gone(&self, now: Time) -> bool {
        self.heard + DROP_AFTER <= now && self.ping.is_some_and(|ping| ping.sent + ANSWER_WITHIN <= now)
    }
}

/// The members of one community, the one whose request is the newest at the end.
#[derive(Debug, Default)]
struct List {
    members: IndexMap<Mid, Member>,
    /// Which request was the last one here, in the order of all requests.
    heard: u64,
}

/// What decides who makes room: how many members a community has, when it was heard of, and its id.
type Rank = (usize, u64, CommunityId);

impl List {
    fn rank(&self, id: CommunityId) -> Rank {
        (self.members.len(), self.heard, id)
    }

    fn drop_oldest(&mut self) {
        self.members.shift_remove_index(0);
    }

    /// Gives back memory of members that went; else every community could hold on to what it had at its fullest.
    fn trim(&mut self) {
        if self.members.capacity() > self.members.len() * 2 + SMALLEST_LIST {
            self.members.shrink_to_fit();
        }
    }
}

/// The members of all communities, within limits. All work but [`Members::churn`] is logarithmic in the number of
/// communities, and linear in the members of one of them.
#[derive(Debug)]
pub(super) struct Members {
    /// None is zero, so that the newest one always stays.
    limits: TrackerLimits,
    communities: BTreeMap<CommunityId, List>,
    ranks: BTreeSet<Rank>,
    /// Members of all communities together.
    count: usize,
    /// Requests so far.
    requests: u64,
    /// The community that is the first to be asked next time.
    next: CommunityId,
}

impl Default for Members {
    fn default() -> Self {
        Self::new(TrackerLimits::default())
    }
}

impl Members {
    pub(super) fn new(TrackerLimits { peers, communities, peers_in_all }: TrackerLimits) -> Self {
        Self {
            limits: TrackerLimits {
                peers: peers.max(1),
                communities: communities.max(1),
                peers_in_all: peers_in_all.max(1),
            },
            communities: BTreeMap::new(),
            ranks: BTreeSet::new(),
            count: 0,
            requests: 0,
            next: CommunityId([0; 20]),
        }
    }

    /// Communities with how many members they have, the one heard of last at the end.
    pub(super) fn communities(&self) -> impl Iterator<Item = (CommunityId, usize)> {
        let mut all: Vec<_> = self.ranks.iter().map(|(members, heard, id)| (*heard, *id, *members)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id, members)| (id, members))
    }

    pub(super) fn of(&self, community: CommunityId) -> impl Iterator<Item = (&Mid, &Member)> {
        self.communities.get(&community).into_iter().flat_map(|list| &list.members)
    }

    pub(super) fn get_mut(&mut self, community: CommunityId, mid: &Mid) -> Option<&mut Member> {
        self.communities.get_mut(&community)?.members.get_mut(mid)
    }

    /// A random member of a community other than the asker.
    pub(super) fn choose(&self, rng: &mut impl Rng, community: CommunityId, asker: &Mid) -> Option<Member> {
        let members = &self.communities.get(&community)?.members;
        let own = members.get_index_of(asker);
        let others = members.len() - usize::from(own.is_some());
        if others == 0 {
            return None;
        }
        let drawn = rng.random_range(0..others);
        // Those after the asker move up by one.
        let index = drawn + usize::from(own.is_some_and(|own| drawn >= own));
        members.get_index(index).map(|(_, member)| *member)
    }

    /// Takes in a member that made a request, as the newest of its community. Whoever has to make room for it does so as
    /// [`TrackerLimits`] says.
    pub(super) fn remember(&mut self, community: CommunityId, mid: Mid, member: Member) {
        let TrackerLimits { peers, communities, peers_in_all } = self.limits;
        self.requests += 1;
        let heard = self.requests;
        self.communities.entry(community).or_default();
        self.change(community, |list| {
            list.heard = heard;
            list.members.shift_remove(&mid);
            list.members.insert(mid, member);
            if list.members.len() > peers {
                list.drop_oldest();
            }
        });
        if self.communities.len() > communities
            && let Some(smallest) = self.ranks.iter().map(|(_, _, id)| *id).find(|id| *id != community)
        {
            self.change(smallest, |list| list.members.clear());
        }
        if self.count > peers_in_all
            && let Some(fullest) = self.fullest()
        {
            self.change(fullest, List::drop_oldest);
        }
    }

    pub(super) fn forget(&mut self, community: CommunityId, mid: &Mid) {
        self.change(community, |list| {
            list.members.shift_remove(mid);
        });
    }

    /// Forgets who is gone, and returns quiet members to ask, `most` at a time; the next ones next time.
    pub(super) fn churn(&mut self, now: Time, most: usize) -> Vec<(CommunityId, Mid, SocketAddrV4)> {
        let Self { communities, ranks, count, next, .. } = self;
        let mut ask = Vec::new();
        let mut empty = Vec::new();
        let mut stopped = None;
        for range in [(Bound::Included(*next), Bound::Unbounded), (Bound::Unbounded, Bound::Excluded(*next))] {
            for (id, list) in communities.range_mut(range) {
                let rank = list.rank(*id);
                list.members.retain(|_, member| !member.is_gone(now));
                let gone = rank.0 - list.members.len();
                if gone > 0 {
                    list.trim();
                    *count -= gone;
                    ranks.remove(&rank);
                    if list.members.is_empty() {
                        empty.push(*id);
                    } else {
                        ranks.insert(list.rank(*id));
                    }
                }
                if stopped.is_some() {
                    continue;
                }
                let mut quiet = list.members.iter().filter(|(_, member)| member.is_quiet(now));
                ask.extend(quiet.by_ref().take(most - ask.len()).map(|(mid, member)| (*id, *mid, member.address)));
                if quiet.next().is_some() {
                    stopped = Some(*id);
                }
            }
        }
        *next = stopped.unwrap_or(*next);
        for id in empty {
            communities.remove(&id);
        }
        ask
    }

    /// The community with the most members, the one heard of longest ago among equals.
    fn fullest(&self) -> Option<CommunityId> {
        let (members, ..) = self.ranks.last()?;
        self.ranks.range((*members, 0, CommunityId([0; 20]))..).next().map(|(_, _, id)| *id)
    }

    /// Changes a list and what depends on it; a list without members goes.
    fn change(&mut self, community: CommunityId, change: impl FnOnce(&mut List)) {
        let Some(list) = self.communities.get_mut(&community) else { return };
        self.ranks.remove(&list.rank(community));
        let before = list.members.len();
        change(list);
        list.trim();
        self.count = self.count - before + list.members.len();
        if list.members.is_empty() {
            self.communities.remove(&community);
        } else {
            self.ranks.insert(list.rank(community));
        }
    }
}
