//! What peers say of our own addresses, by votes.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hashlink::LinkedHashMap;
use indexmap::IndexMap;

use crate::{
    defence::limits::{is_site, region},
    time::Time,
};

/// Votes of one scope that are remembered; the oldest makes room.
const MOST_VOTES: usize = 64;

/// How long a vote counts.
const VOTE_AGE: Duration = Duration::from_secs(300);

/// The kinds of addresses that a node may have at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    PublicV4,
    PublicV6,
    SiteV4,
    SiteV6,
}

impl Scope {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match (is_site(ip), ip.to_canonical()) {
            (false, IpAddr::V4(_)) => Self::PublicV4,
            (false, IpAddr::V6(_)) => Self::PublicV6,
            (true, IpAddr::V4(_)) => Self::SiteV4,
            (true, IpAddr::V6(_)) => Self::SiteV6,
        }
    }

    const fn is_site(self) -> bool {
        matches!(self, Self::SiteV4 | Self::SiteV6)
    }
}

/// Who says where it sees us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voter {
    pub(crate) address: SocketAddr,
    /// It is a tracker, whose address everybody knows, and can write on a datagram.
    pub(crate) is_public: bool,
}

#[derive(Clone, Copy, Debug)]
struct Vote {
    says: SocketAddr,
    is_public: bool,
    at: Time,
}

/// The votes on one of our addresses.
#[derive(Debug, Default, Clone)]
struct Poll {
    /// By voter, the oldest vote first.
    votes: LinkedHashMap<SocketAddr, Vote>,
    elected: Option<IpAddr>,
}

/// The votes on our addresses: see [`WanEstimate::Quorum`](crate::defence::hardening::WanEstimate::Quorum).
#[derive(Debug, Default, Clone)]
pub(crate) struct Votes {
    /// Made when the first vote is cast: only hardened nodes count them.
    polls: Option<Box<[Poll; 4]>>,
}

impl Votes {
    /// Somebody whom we asked says where it sees us. The address that is now the one to believe, if there is one.
    pub(crate) fn cast(&mut self, quorum: usize, voter: Voter, says: SocketAddr, now: Time) -> Option<SocketAddr> {
        let Voter { address: voter, is_public } = voter;
        let scope = Scope::of(says.ip());
        // From the Internet one sees another address than from the LAN.
        if Scope::of(voter.ip()) != scope {
            return None;
        }
        let voter = if scope.is_site() { voter } else { SocketAddr::new(region(voter.ip()), 0) };
        let poll = self.polls.get_or_insert_default().get_mut(scope as usize)?;
        poll.votes.remove(&voter);
        poll.votes.insert(voter, Vote { says, is_public, at: now });
        while poll.votes.len() > MOST_VOTES || poll.votes.front().is_some_and(|(_, oldest)| oldest.at + VOTE_AGE < now)
        {
            poll.votes.pop_front();
        }
        poll.result(quorum)
    }

    /// Votes on all addresses that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.polls.iter().flat_map(|polls| polls.iter()).map(|poll| poll.votes.len()).sum()
    }
}

impl Poll {
    fn result(&mut self, quorum: usize) -> Option<SocketAddr> {
        let mut count: IndexMap<IpAddr, usize> = IndexMap::new();
        for vote in self.votes.values() {
            *count.entry(vote.says.ip()).or_default() += 1;
        }
        let of_elected = self.elected.and_then(|ip| count.get(&ip)).copied().unwrap_or(0);
        let (winner, votes) = count.into_iter().max_by_key(|(_, votes)| *votes)?;
        let needed = quorum.min(self.votes.len().max(2));
        if votes < needed || (self.elected.is_some_and(|elected| elected != winner) && votes <= of_elected) {
            return None;
        }
        if self.votes.values().filter(|vote| vote.says.ip() == winner).all(|vote| vote.is_public) {
            return None;
        }
        self.elected = Some(winner);
        // A NAT may show another port to everybody; the address is what they agree on, and the port most of them see.
        let mut ports: IndexMap<u16, usize> = IndexMap::new();
        for vote in self.votes.values().filter(|vote| vote.says.ip() == winner) {
            *ports.entry(vote.says.port()).or_default() += 1;
        }
        let (port, _) = ports.into_iter().max_by_key(|(_, votes)| *votes)?;
        Some(SocketAddr::new(winner, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn seconds(seconds: u64) -> Time {
        Time::from_duration(Duration::from_secs(seconds))
    }

    fn peer(address: impl Into<SocketAddr>) -> Voter {
        Voter { address: address.into(), is_public: false }
    }

    /// A voter in a network of its own.
    fn voter(number: u8) -> Voter {
        peer(([98, number, 1, 1], 8_090))
    }

    fn tracker(number: u8) -> Voter {
        Voter { is_public: true, ..voter(number) }
    }

    #[test]
    fn three_networks_that_agree_elect() {
        let mut votes = Votes::default();
        let ours = at("203.0.113.7:1");
        assert_eq!(votes.cast(3, voter(1), at("198.51.100.1:1"), seconds(0)), None);
        assert_eq!(votes.cast(3, voter(2), ours, seconds(0)), None);
        assert_eq!(votes.cast(3, voter(3), ours, seconds(0)), None);
        assert_eq!(votes.cast(3, voter(4), ours, seconds(0)), Some(ours));
    }

    #[test]
    fn two_suffice_where_no_more_answered_but_one_never_does() {
        let mut votes = Votes::default();
        let ours = at("203.0.113.7:1");
        for port in 1..100 {
            assert_eq!(votes.cast(3, peer(([98, 1, 1, 1], port)), ours, seconds(0)), None);
            assert_eq!(votes.cast(3, peer(([98, 1, 2, 2], port)), ours, seconds(0)), None, "one network");
        }
        assert_eq!(votes.cast(3, voter(2), ours, seconds(0)), Some(ours));
    }

    #[test]
    fn trackers_elect_nobody_without_a_peer() {
        let mut votes = Votes::default();
        let ours = at("203.0.113.7:1");
        for number in 1..10 {
            assert_eq!(votes.cast(3, tracker(number), ours, seconds(0)), None);
        }
        assert_eq!(
            votes.cast(3, voter(10), at("203.0.113.8:1"), seconds(0)),
            None,
            "another address is none for this one"
        );
        assert_eq!(votes.cast(3, voter(11), ours, seconds(0)), Some(ours));
    }

    #[test]
    fn the_elected_address_is_replaced_by_more_votes_than_it_has() {
        let mut votes = Votes::default();
        let (old, new) = (at("203.0.113.7:1"), at("203.0.113.8:1"));
        for number in 0..4 {
            votes.cast(3, voter(number), old, seconds(0));
        }
        for number in 10..14 {
            assert_ne!(votes.cast(3, voter(number), new, seconds(1)), Some(new));
        }
        assert_eq!(votes.cast(3, voter(14), new, seconds(1)), Some(new));
        // Votes grow old.
        for number in 20..22 {
            assert_ne!(votes.cast(3, voter(number), old, seconds(400)), Some(new));
        }
        assert_eq!(votes.len(), 2);
    }

    #[test]
    fn the_port_is_what_most_see() {
        let mut votes = Votes::default();
        votes.cast(3, voter(1), at("203.0.113.7:1"), seconds(0));
        votes.cast(3, voter(2), at("203.0.113.7:5"), seconds(0));
        assert_eq!(votes.cast(3, voter(3), at("203.0.113.7:5"), seconds(0)), Some(at("203.0.113.7:5")));
    }

    #[test]
    fn who_is_in_the_lan_votes_on_the_address_there_only() {
        let mut votes = Votes::default();
        for port in 1..10 {
            let neighbour = peer(([192, 168, 1, 2], port));
            assert_eq!(votes.cast(3, neighbour, at("203.0.113.7:1"), seconds(0)), None);
        }
        let here = at("127.0.0.1:9");
        assert_eq!(votes.cast(3, peer(at("127.0.0.1:1")), here, seconds(0)), None);
        assert_eq!(votes.cast(3, peer(at("127.0.0.1:2")), here, seconds(0)), Some(here));
    }

    #[test]
    fn votes_are_bounded() {
        let mut votes = Votes::default();
        for number in 0..=u8::MAX {
            votes.cast(3, peer(([98, number, 1, 1], 1)), at("203.0.113.7:1"), seconds(0));
            let site = peer(([10, 0, 0, number], 1));
            votes.cast(3, site, at("10.0.1.1:1"), seconds(0));
        }
        assert_eq!(votes.len(), 2 * MOST_VOTES);
    }
}
