//! Who is in which community, as far as a tracker remembers.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher as _, RandomState},
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use hashbrown::{HashTable, hash_table::Entry};
use ipv8_core::Time;
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::{Rng, RngExt};

use super::{
    TrackerLimits,
    hosts::Hosts,
    lists::{Chain, Link, List, Slab, index},
};

/// A peer that was not heard of for so long is asked whether it is still there, and again at this interval.
const PING_AFTER: Duration = Duration::from_secs(27);

/// A peer that was not heard of for so long is forgotten, if it was asked.
const DROP_AFTER: Duration = Duration::from_secs(58);

/// How long the last question is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// How often a member that wrote from another address is asked there at most: else whoever has a copy of a request could
/// have a tracker ask without end.
const BETWEEN_CHALLENGES: Duration = Duration::from_secs(1);

/// How long that question is waited for.
const MOVE_WITHIN: Duration = Duration::from_secs(30);

/// Room in a list that is not worth giving back.
const SMALLEST_LIST: usize = 8;

/// A peer of one community, at its address of one family: a peer with two addresses is a member twice.
#[derive(Clone, Debug)]
pub(super) struct Member {
    mid: Mid,
    community: u32,
    /// Where it is among the members of its family.
    place: u32,
    pub(super) address: SocketAddr,
    /// Where it says that it is in its LAN.
    pub(super) lan: SocketAddrV4,
    pub(super) new_style: bool,
    /// Its last question is on its way: it is on the list of those.
    is_last_asked: bool,
    heard: Time,
    ping: Option<Ping>,
    /// The few that seem to move.
    challenge: Option<Box<Challenge>>,
    order: Link,
    due: Link,
}

/// A question whether a member is at another address now, where a request of it came from.
#[derive(Clone, Copy, Debug)]
struct Challenge {
    seen: Seen,
    identifier: u16,
}

/// A question whether a peer is there, until it is answered.
#[derive(Clone, Copy, Debug)]
struct Ping {
    sent: Time,
    identifier: u16,
}

impl Member {
    pub(super) const fn link(&self, chain: Chain) -> &Link {
        match chain {
            Chain::Order => &self.order,
            Chain::Due => &self.due,
        }
    }

    pub(super) const fn link_mut(&mut self, chain: Chain) -> &mut Link {
        match chain {
            Chain::Order => &mut self.order,
            Chain::Due => &mut self.due,
        }
    }

    fn last_sign(&self) -> Time {
        self.ping.map_or(self.heard, |ping| ping.sent)
    }
}

/// What a request says of its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) address: SocketAddr,
    pub(super) lan: SocketAddrV4,
    pub(super) new_style: bool,
    pub(super) at: Time,
}

/// A member to ask whether it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) community: CommunityId,
    pub(super) address: SocketAddr,
    /// The member's slot, for [`Members::asked`].
    pub(super) number: u32,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Its sender is a member, at the address where the request came from.
    Member,
    /// Its host has as many places as it may have.
    HostIsFull,
    /// It is a member at another address, and stays there until it answers at this one, or falls silent. Now is the time
    /// to ask it, if there is a question.
    Elsewhere(Option<Question>),
}

/// A member as a list for others names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is a member of.
    pub community: CommunityId,
    /// Who it is.
    pub mid: Mid,
    /// Where it wrote from.
    pub address: SocketAddr,
}

#[derive(Debug)]
struct Community {
    id: CommunityId,
    /// Members with IPv4 addresses, and those with IPv6 addresses: whom to draw from.
    families: [Vec<u32>; 2],
    /// The one whose request is the newest at the end.
    order: List,
    /// Which request was the last one here, in the order of all requests.
    heard: u64,
}

impl Community {
    fn len(&self) -> usize {
        self.families.iter().map(Vec::len).sum()
    }

    fn family_mut(&mut self, address: SocketAddr) -> &mut Vec<u32> {
        let [v4, v6] = &mut self.families;
        if address.is_ipv4() { v4 } else { v6 }
    }

    fn rank(&self, number: u32) -> Rank {
        (self.len(), self.heard, number)
    }
}

/// What decides who makes room: how many members a community has, when it was heard of, and its slot.
type Rank = (usize, u64, u32);

/// The members of all communities, within limits. Every change takes constant time, but for what is logarithmic in the
/// number of communities, and linear in the communities of one host.
#[derive(Debug)]
pub(super) struct Members {
    /// None is zero, so that the newest one always stays.
    limits: TrackerLimits,
    members: Slab<Member>,
    communities: Slab<Community>,
    by_id: HashMap<CommunityId, u32>,
    /// The slots of members by community, mid and family.
    table: HashTable<u32>,
    hasher: RandomState,
    ranks: BTreeSet<Rank>,
    hosts: Hosts,
    /// Members by when they are to be asked: all were heard of, or asked, before those behind them.
    quiet: List,
    /// Members that were asked for the last time, in that order.
    last_asked: List,
    /// Requests so far.
    requests: u64,
}

impl Default for Members {
    fn default() -> Self {
        Self::new(TrackerLimits::default())
    }
}

impl Members {
    pub(super) fn new(limits: TrackerLimits) -> Self {
        let TrackerLimits { peers, communities, peers_in_all, .. } = limits;
        Self {
            limits: TrackerLimits {
                peers: peers.max(1),
                communities: communities.max(1),
                peers_in_all: peers_in_all.max(1),
                ..limits
            },
            members: Slab::default(),
            communities: Slab::default(),
            by_id: HashMap::new(),
            table: HashTable::new(),
            hasher: RandomState::new(),
            ranks: BTreeSet::new(),
            hosts: Hosts::default(),
            quiet: List::default(),
            last_asked: List::default(),
            requests: 0,
        }
    }

    // --- reading -----------------------------------------------------------------------------------------------

    /// Members of all communities together.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Communities with how many members they have, the one heard of last at the end.
    pub(super) fn communities(&self) -> impl Iterator<Item = (CommunityId, usize)> {
        let mut all: Vec<_> = self.ranks.iter().map(|(members, heard, number)| (*heard, *number, *members)).collect();
        all.sort_unstable();
        all.into_iter().filter_map(|(_, number, members)| Some((self.communities.get(number)?.id, members)))
    }

    /// The members of a community, the one whose request is the newest at the end.
    pub(super) fn of(&self, community: CommunityId) -> impl Iterator<Item = (Mid, SocketAddr)> {
        let order = self.community(community).map(|(_, found)| found.order).unwrap_or_default();
        order.iter(&self.members, Chain::Order).map(|member| (member.mid, member.address))
    }

    /// Members in so many slots, beginning with one; and the slot to go on with, if there are more.
    pub(super) fn page(&self, from: usize, most: usize) -> (Vec<Listed>, Option<usize>) {
        let listed = self.members.range(from, most).filter_map(|member| {
            let community = self.communities.get(member.community)?.id;
            Some(Listed { community, mid: member.mid, address: member.address })
        });
        let next = from.saturating_add(most);
        (listed.collect(), (next < self.members.slots()).then_some(next))
    }

    /// Where a peer is a member of a community by the other family than that of an address.
    pub(super) fn at_other_family(&self, community: CommunityId, mid: &Mid, address: SocketAddr) -> Option<SocketAddr> {
        let (number, _) = self.community(community)?;
        Some(self.members.get(self.find(number, mid, !address.is_ipv6())?)?.address)
    }

    /// A random member of a community other than the asker, at an address of one of these families: IPv4, IPv6.
    pub(super) fn choose(
        &self,
        rng: &mut impl Rng,
        community: CommunityId,
        asker: &Mid,
        families: [bool; 2],
    ) -> Option<&Member> {
        let (number, community) = self.community(community)?;
        let mut lists = [(&[][..], None), (&[][..], None)];
        let mut others = 0;
        for (((list, wanted), is_v6), entry) in
            community.families.iter().zip(families).zip([false, true]).zip(&mut lists)
        {
            if wanted {
                let own =
                    self.find(number, asker, is_v6).and_then(|own| self.members.get(own)).map(|own| index(own.place));
                others += list.len() - usize::from(own.is_some());
                *entry = (list, own);
            }
        }
        if others == 0 {
            return None;
        }
        let mut drawn = rng.random_range(0..others);
        for (list, own) in lists {
            let available = list.len() - usize::from(own.is_some());
            if drawn < available {
                // Those after the asker move up by one.
                let place = drawn + usize::from(own.is_some_and(|own| drawn >= own));
                return self.members.get(*list.get(place)?);
            }
            drawn -= available;
        }
        None
    }

    fn community(&self, id: CommunityId) -> Option<(u32, &Community)> {
        let number = *self.by_id.get(&id)?;
        Some((number, self.communities.get(number)?))
    }

    fn hash(&self, community: u32, mid: &Mid, is_v6: bool) -> u64 {
        self.hasher.hash_one((community, mid.as_ref(), is_v6))
    }

    fn find(&self, community: u32, mid: &Mid, is_v6: bool) -> Option<u32> {
        let same = |number: &u32| self.members.get(*number).is_some_and(|other| is(other, community, mid, is_v6));
        self.table.find(self.hash(community, mid, is_v6), same).copied()
    }

    /// Whether nothing of members that went is left.
    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        let lists = [self.quiet.front(), self.last_asked.front()];
        self.table.is_empty()
            && self.by_id.is_empty()
            && self.ranks.is_empty()
            && self.hosts.is_empty()
            && lists == [None; 2]
    }

    // --- changing ----------------------------------------------------------------------------------------------

    /// Takes in a member that made a request, as the newest of its community. Whoever has to make room for it does so as
    /// [`TrackerLimits`] says. A request may be the copy of an old one, sent by somebody else: one from another address
    /// changes nothing of a member before it answered from there.
    pub(super) fn remember(&mut self, community: CommunityId, mid: Mid, seen: Seen) -> Outcome {
        let is_v6 = seen.address.is_ipv6();
        let there = self.by_id.get(&community).copied();
        let known = there.and_then(|there| Some((there, self.find(there, &mid, is_v6)?)));
        let Some((there, number)) = known else {
            if !self.may_join(seen.address, there) {
                return Outcome::HostIsFull;
            }
            self.requests += 1;
            self.add(community, mid, seen);
            return Outcome::Member;
        };
        let Some(member) = self.members.get_mut(number).filter(|member| member.address != seen.address) else {
            self.requests += 1;
            self.refresh(there, number, seen);
            return Outcome::Member;
        };
        if member.challenge.as_ref().is_some_and(|last| last.seen.at + BETWEEN_CHALLENGES > seen.at) {
            return Outcome::Elsewhere(None);
        }
        // The identifier follows when the question is written.
        member.challenge = Some(Box::new(Challenge { seen, identifier: 0 }));
        Outcome::Elsewhere(Some(Question { community, address: seen.address, number }))
    }

    fn may_join(&self, address: SocketAddr, community: Option<u32>) -> bool {
        let TrackerLimits { peers_of_host, peers_of_host_in_one, .. } = self.limits;
        self.hosts.may_join(address.ip(), community, peers_of_host_in_one, peers_of_host)
    }

    fn refresh(&mut self, community: u32, number: u32, seen: Seen) {
        self.unlink_due(number);
        if let Some(member) = self.members.get_mut(number) {
            self.hosts.left(member.address.ip(), community);
            self.hosts.joined(seen.address.ip(), community);
            member.address = seen.address;
            member.lan = seen.lan;
            member.new_style = seen.new_style;
            member.heard = seen.at;
            member.ping = None;
        }
        self.quiet.push_back(&mut self.members, Chain::Due, number);
        let Some(found) = self.communities.get_mut(community) else { return };
        self.ranks.remove(&found.rank(community));
        found.heard = self.requests;
        found.order.unlink(&mut self.members, Chain::Order, number);
        found.order.push_back(&mut self.members, Chain::Order, number);
        self.ranks.insert(found.rank(community));
    }

    fn add(&mut self, id: CommunityId, mid: Mid, seen: Seen) {
        let community = match self.by_id.get(&id) {
            Some(there) => *there,
            None => {
                let new = Community { id, families: [Vec::new(), Vec::new()], order: List::default(), heard: 0 };
                let Some(number) = self.communities.insert(new) else { return };
                self.by_id.insert(id, number);
                number
            }
        };
        let member = Member {
            mid,
            community,
            place: 0,
            address: seen.address,
            lan: seen.lan,
            new_style: seen.new_style,
            is_last_asked: false,
            heard: seen.at,
            ping: None,
            challenge: None,
            order: Link::default(),
            due: Link::default(),
        };
        let Some(number) = self.members.insert(member) else { return };
        self.enter(community, &mid, number, seen.address);
        self.hosts.joined(seen.address.ip(), community);
        self.quiet.push_back(&mut self.members, Chain::Due, number);
        if let Some(found) = self.communities.get_mut(community) {
            self.ranks.remove(&found.rank(community));
            found.heard = self.requests;
            let family = found.family_mut(seen.address);
            if let Some(member) = self.members.get_mut(number) {
                // There are no more members than slots.
                member.place = u32::try_from(family.len()).unwrap_or(u32::MAX);
            }
            family.push(number);
            found.order.push_back(&mut self.members, Chain::Order, number);
            self.ranks.insert(found.rank(community));
        }
        self.make_room(community);
    }

    /// Makes the member in a slot one that is found.
    fn enter(&mut self, community: u32, mid: &Mid, number: u32, address: SocketAddr) {
        let is_v6 = address.is_ipv6();
        let hash = self.hash(community, mid, is_v6);
        let Self { table, members, communities: _, hasher, .. } = self;
        let same = |other: &u32| members.get(*other).is_some_and(|other| is(other, community, mid, is_v6));
        let rehash = |other: &u32| {
            let key = members.get(*other).map(|other| (other.community, other.mid, other.address.is_ipv6()));
            key.map_or(0, |(community, mid, is_v6)| hasher.hash_one((community, mid.as_ref(), is_v6)))
        };
        if let Entry::Vacant(vacant) = table.entry(hash, same, rehash) {
            vacant.insert(number);
        }
    }

    /// Lets others go where there is a member more than the limits allow, in the community that got it.
    fn make_room(&mut self, community: u32) {
        let TrackerLimits { peers, communities, peers_in_all, .. } = self.limits;
        if self.communities.get(community).is_some_and(|found| found.len() > peers) {
            self.remove_oldest(community);
        }
        if self.communities.len() > communities
            && let Some(smallest) = self.ranks.iter().map(|(_, _, number)| *number).find(|other| *other != community)
        {
            while self.communities.get(smallest).is_some() {
                self.remove_oldest(smallest);
            }
        }
        if self.members.len() > peers_in_all
            && let Some(fullest) = self.fullest()
        {
            self.remove_oldest(fullest);
        }
    }

    /// The community with the most members, the one heard of longest ago among equals.
    fn fullest(&self) -> Option<u32> {
        let (members, ..) = self.ranks.last()?;
        self.ranks.range((*members, 0, 0)..).next().map(|(_, _, number)| *number)
    }

    fn remove_oldest(&mut self, community: u32) {
        match self.communities.get(community).and_then(|found| found.order.front()) {
            Some(oldest) => self.remove(oldest),
            // Communities without members are not kept.
            None => self.remove_community(community),
        }
    }

    fn unlink_due(&mut self, number: u32) {
        let Some(member) = self.members.get_mut(number) else { return };
        let list = if std::mem::take(&mut member.is_last_asked) { &mut self.last_asked } else { &mut self.quiet };
        list.unlink(&mut self.members, Chain::Due, number);
    }

    fn remove(&mut self, number: u32) {
        let Some((community, mid, address, place)) =
            self.members.get(number).map(|member| (member.community, member.mid, member.address, member.place))
        else {
            return;
        };
        self.unlink_due(number);
        let hash = self.hash(community, &mid, address.is_ipv6());
        if let Ok(found) = self.table.find_entry(hash, |other| *other == number) {
            found.remove();
        }
        self.hosts.left(address.ip(), community);
        let mut is_empty = false;
        if let Some(found) = self.communities.get_mut(community) {
            self.ranks.remove(&found.rank(community));
            found.order.unlink(&mut self.members, Chain::Order, number);
            let family = found.family_mut(address);
            if index(place) < family.len() {
                family.swap_remove(index(place));
            }
            if let Some(moved) = family.get(index(place)).and_then(|moved| self.members.get_mut(*moved)) {
                moved.place = place;
            }
            // Else every community could hold on to what it had at its fullest.
            if family.capacity() > family.len() * 2 + SMALLEST_LIST {
                family.shrink_to_fit();
            }
            is_empty = found.len() == 0;
            self.ranks.insert(found.rank(community));
        }
        self.members.remove(number);
        if is_empty {
            self.remove_community(community);
        }
    }

    fn remove_community(&mut self, number: u32) {
        if let Some(gone) = self.communities.remove(number) {
            self.ranks.remove(&gone.rank(number));
            self.by_id.remove(&gone.id);
        }
    }

    // --- churn -------------------------------------------------------------------------------------------------

    /// Forgets who is gone, and returns members that have been quiet, so many at most, to be asked.
    pub(super) fn churn(&mut self, now: Time, most: usize) -> Vec<Question> {
        while let Some(front) = self.last_asked.front()
            && self.members.get(front).is_none_or(|member| member.last_sign() + ANSWER_WITHIN <= now)
        {
            self.remove(front);
        }
        let mut questions = Vec::new();
        while questions.len() < most
            && let Some(front) = self.quiet.front()
            && let Some(member) = self.members.get_mut(front).filter(|member| member.last_sign() + PING_AFTER <= now)
        {
            // The identifier follows when the question is written.
            member.ping = Some(Ping { sent: now, identifier: 0 });
            member.is_last_asked = member.heard + DROP_AFTER <= now + ANSWER_WITHIN;
            let (is_last, address, community) = (member.is_last_asked, member.address, member.community);
            self.quiet.unlink(&mut self.members, Chain::Due, front);
            let list = if is_last { &mut self.last_asked } else { &mut self.quiet };
            list.push_back(&mut self.members, Chain::Due, front);
            if let Some(found) = self.communities.get(community) {
                questions.push(Question { community: found.id, address, number: front });
            }
        }
        questions
    }

    /// Notes under which identifier a member was asked.
    pub(super) fn asked(&mut self, question: &Question, identifier: u16) {
        if let Some(ping) = self.members.get_mut(question.number).and_then(|member| member.ping.as_mut()) {
            ping.identifier = identifier;
        }
    }

    /// Notes under which identifier a member was asked at another address.
    pub(super) fn challenged(&mut self, question: &Question, identifier: u16) {
        if let Some(challenge) = self.members.get_mut(question.number).and_then(|member| member.challenge.as_mut()) {
            challenge.identifier = identifier;
        }
    }

    /// Takes in an answer: false if the peer was not asked this, or not there. One that takes no more peers is forgotten.
    pub(super) fn answered(
        &mut self,
        community: CommunityId,
        mid: &Mid,
        (source, identifier): (SocketAddr, u16),
        is_full: bool,
        now: Time,
    ) -> bool {
        let Some(community) = self.by_id.get(&community).copied() else { return false };
        let Some(number) = self.find(community, mid, source.is_ipv6()) else { return false };
        let Some(member) = self.members.get_mut(number) else { return false };
        let is_answer = |challenge: &&mut Box<Challenge>| {
            challenge.seen.address == source
                && challenge.identifier == identifier
                && challenge.seen.at + MOVE_WITHIN >= now
        };
        if let Some(challenge) = member.challenge.as_mut().filter(is_answer) {
            let seen = Seen { at: now, ..challenge.seen };
            member.challenge = None;
            self.moved(community, number, seen, is_full);
            return true;
        }
        if member.address != source || member.ping.is_none_or(|ping| ping.identifier != identifier) {
            return false;
        }
        member.heard = now;
        member.ping = None;
        if is_full {
            self.remove(number);
        } else {
            self.unlink_due(number);
            self.quiet.push_back(&mut self.members, Chain::Due, number);
        }
        true
    }

    /// A member is at another address now. Where no place is left there, or it takes no more peers, it is forgotten.
    fn moved(&mut self, community: u32, number: u32, seen: Seen, is_full: bool) {
        let Some(before) = self.members.get(number).map(|member| member.address.ip()) else { return };
        let has_place = Hosts::same(before, seen.address.ip()) || self.may_join(seen.address, Some(community));
        if is_full || !has_place {
            self.remove(number);
        } else {
            self.requests += 1;
            self.refresh(community, number, seen);
        }
    }
}

fn is(member: &Member, community: u32, mid: &Mid, is_v6: bool) -> bool {
    member.community == community && member.mid == *mid && member.address.is_ipv6() == is_v6
}
