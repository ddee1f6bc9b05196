//! Introduction requests that wait for their response, and what a response is worth.

use std::{net::SocketAddr, time::Duration};

use hashlink::{LinkedHashMap, LruCache};
use ipv8_crypto::Mid;

use crate::time::Time;

/// Requests of one overlay that are remembered; the oldest makes room. A walk asks twice a second at most.
const MOST_ASKED: usize = 1_024;

/// How long a response counts as asked for. The walk waits 3 seconds; ten times as much lets late ones in.
pub(crate) const WINDOW: Duration = Duration::from_secs(30);

/// Peers whose move is being checked, for each overlay.
const MOST_MOVES: usize = 256;

/// How often the move of one peer is checked: else whoever has a copy of a message could have us ask without end.
const BETWEEN_CHALLENGES: Duration = Duration::from_secs(1);

/// What a response is an answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// To a request that was sent to where it comes from: its sender can be reached there.
    Here,
    /// To a request that was sent to this peer at another address: what it says is the peer's, but where it comes from
    /// proves nothing.
    OfPeer,
    /// It has the identifier of a request, but comes from elsewhere and from somebody who was not asked.
    Elsewhere,
    /// To none.
    None,
}

impl Answer {
    /// Whether it was asked for.
    pub(crate) const fn is_solicited(self) -> bool {
        matches!(self, Self::Here | Self::OfPeer)
    }
}

#[derive(Clone, Copy, Debug)]
struct Question {
    to: SocketAddr,
    /// The peer that was asked, where one was.
    of: Option<Mid>,
    at: Time,
}

/// The introduction requests that one overlay sent.
#[derive(Debug)]
pub(crate) struct Asked {
    /// By identifier, the oldest first. Identifiers are drawn from a clock of 16 bits, so that two requests share one only
    /// if 65,536 messages lie between them; the newer one then counts.
    open: LinkedHashMap<u16, Question>,
    /// When the move of a peer was last checked.
    moves: LruCache<Mid, Time>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { open: LinkedHashMap::new(), moves: LruCache::new(MOST_MOVES) }
    }
}

impl Asked {
    /// A request is being sent.
    pub(crate) fn ask(&mut self, identifier: u16, to: SocketAddr, of: Option<Mid>, now: Time) {
        self.open.remove(&identifier);
        self.open.insert(identifier, Question { to, of, at: now });
        while self.open.len() > MOST_ASKED || self.open.front().is_some_and(|(_, oldest)| oldest.at + WINDOW < now) {
            self.open.pop_front();
        }
    }

    /// A response came. One that was asked for counts once.
    pub(crate) fn answer(&mut self, identifier: u16, source: SocketAddr, by: Mid, now: Time) -> Answer {
        let Some(question) = self.open.get(&identifier).filter(|question| question.at + WINDOW >= now) else {
            return Answer::None;
        };
        let answer = if is_same_place(question.to, source) {
            Answer::Here
        } else if question.of == Some(by) {
            Answer::OfPeer
        } else {
            return Answer::Elsewhere;
        };
        self.open.remove(&identifier);
        answer
    }

    /// Requests to an address that were not answered so far, within the time that a response counts.
    pub(crate) fn unanswered(&self, address: SocketAddr, now: Time) -> usize {
        self.open.values().filter(|question| question.to == address && question.at + WINDOW >= now).count()
    }

    /// Whether a request to this place waits for its answer.
    pub(crate) fn is_open(&self, source: SocketAddr, now: Time) -> bool {
        self.open.values().any(|question| is_same_place(question.to, source) && question.at + WINDOW >= now)
    }

    /// Whether the move of a peer may be checked now, which is then noted.
    pub(crate) fn may_challenge(&mut self, mid: Mid, now: Time) -> bool {
        if self.moves.get(&mid).is_some_and(|last| *last + BETWEEN_CHALLENGES > now) {
            return false;
        }
        self.moves.insert(mid, now);
        true
    }

    /// Requests without answer, and peers whose move was checked.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.open.len(), self.moves.len())
    }
}

/// Whether two addresses are the same one; the system adds a scope to those of links in IPv6, which no message carries.
fn is_same_place(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip() == b.ip() && a.port() == b.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Time {
        Time::from_duration(Duration::from_secs(seconds))
    }

    fn address(number: u8) -> SocketAddr {
        SocketAddr::from(([98, 0, 0, number], 8_090))
    }

    const PEER: Mid = Mid([1; 20]);
    const OTHER: Mid = Mid([2; 20]);

    #[test]
    fn an_answer_counts_once_from_where_it_was_asked_for() {
        let mut asked = Asked::default();
        asked.ask(7, address(1), None, seconds(0));
        assert_eq!(asked.answer(8, address(1), PEER, seconds(1)), Answer::None);
        assert_eq!(asked.answer(7, address(2), PEER, seconds(1)), Answer::Elsewhere);
        assert_eq!(asked.answer(7, address(1), PEER, seconds(1)), Answer::Here);
        assert_eq!(asked.answer(7, address(1), PEER, seconds(1)), Answer::None);
    }

    #[test]
    fn the_scope_of_an_address_makes_no_difference() {
        let mut asked = Asked::default();
        asked.ask(7, "[fe80::1]:8090".parse().unwrap(), None, seconds(0));
        assert!(asked.is_open("[fe80::1%2]:8090".parse().unwrap(), seconds(1)));
        assert_eq!(asked.answer(7, "[fe80::1%2]:8090".parse().unwrap(), PEER, seconds(1)), Answer::Here);
    }

    #[test]
    fn a_peer_may_answer_from_another_of_its_addresses() {
        let mut asked = Asked::default();
        asked.ask(7, address(1), Some(PEER), seconds(0));
        assert_eq!(asked.answer(7, address(2), OTHER, seconds(1)), Answer::Elsewhere);
        assert_eq!(asked.answer(7, address(2), PEER, seconds(1)), Answer::OfPeer);
    }

    #[test]
    fn an_answer_may_take_thirty_seconds() {
        let mut asked = Asked::default();
        asked.ask(7, address(1), None, seconds(0));
        asked.ask(8, address(1), None, seconds(0));
        assert_eq!([1, 2].map(|number| asked.is_open(address(number), seconds(30))), [true, false]);
        assert!(!asked.is_open(address(1), seconds(31)));
        assert_eq!(asked.answer(7, address(1), PEER, seconds(30)), Answer::Here);
        assert_eq!(asked.answer(8, address(1), PEER, seconds(31)), Answer::None);
        assert_eq!(asked.unanswered(address(1), seconds(31)), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut asked = Asked::default();
        for identifier in 0..=u16::MAX {
            asked.ask(identifier, address(1), None, seconds(0));
            let mid = Mid(*[identifier.to_be_bytes(); 10].as_flattened().first_chunk().unwrap());
            assert!(asked.may_challenge(mid, seconds(0)));
        }
        assert_eq!(asked.len(), (MOST_ASKED, MOST_MOVES));
        asked.ask(1, address(1), None, seconds(60));
        assert_eq!(asked.len().0, 1, "those that are too old go");
    }

    #[test]
    fn a_move_is_checked_once_a_second() {
        let mut asked = Asked::default();
        let half = |halves: u64| Time::from_duration(Duration::from_millis(500 * halves));
        assert_eq!([0, 1, 2, 3].map(|at| asked.may_challenge(PEER, half(at))), [true, false, true, false]);
        assert!(asked.may_challenge(OTHER, half(3)));
    }
}
