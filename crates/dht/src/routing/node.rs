//! A node of the routing table, and how well it behaves.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use ipv8_core::{Peer, Time};

use crate::id::NodeId;

/// Queries that one node may make within [`QUERY_INTERVAL`]; more are dropped without a word.
pub const QUERY_LIMIT: usize = 10;

/// See [`QUERY_LIMIT`].
pub const QUERY_INTERVAL: Duration = Duration::from_secs(5);

/// For how long an answer or a query speaks for a node (as in BEP 5).
const FRESH: Duration = Duration::from_secs(15 * 60);

/// Questions in a row that may go unanswered.
const MOST_FAILURES: u32 = 2;

/// What is to be expected of a node. Ordered from worst to best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeStatus {
    /// It left two questions in a row unanswered.
    Bad,
    /// Nothing was heard for too long, or it never answered.
    Unknown,
    /// It answered within 15 minutes, or answered once and asked us something within 15 minutes.
    Good,
}

/// A node of the DHT: a peer at one address, whose id follows from both.
#[derive(Clone, Debug)]
pub struct DhtNode {
    peer: Peer,
    id: NodeId,
    /// The last queries that it made, at most [`QUERY_LIMIT`].
    queries: VecDeque<Time>,
    /// When it last answered.
    pub last_response: Option<Time>,
    /// When we last pinged it.
    pub last_ping: Option<Time>,
    /// Questions that it left unanswered since its last answer.
    pub failed: u32,
    /// How long its last answer took.
    pub rtt: Option<Duration>,
}

impl DhtNode {
    /// A node of which nothing is known yet.
    #[must_use]
    pub fn new(peer: Peer) -> Self {
        let id = NodeId::new(peer.address().ip(), &peer.mid());
        Self { peer, id, queries: VecDeque::new(), last_response: None, last_ping: None, failed: 0, rtt: None }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Its key, and where it is.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.peer.address()
    }

    /// Takes the place of the same node at another port.
    pub(super) fn moved(&mut self, address: SocketAddr) {
        self.peer = Peer::new(self.peer.key().clone(), address);
    }

    /// It asked us something.
    pub fn queried(&mut self, now: Time) {
        if self.queries.len() >= QUERY_LIMIT {
            self.queries.pop_front();
        }
        self.queries.push_back(now);
    }

    /// It answered after this time.
    pub fn answered(&mut self, now: Time, rtt: Duration) {
        self.last_response = Some(now);
        self.failed = 0;
        self.rtt = Some(rtt);
    }

    /// It did not answer in time.
    pub fn timed_out(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }

    /// When it last asked us something.
    #[must_use]
    pub fn last_query(&self) -> Option<Time> {
        self.queries.back().copied()
    }

    /// When it was last heard: an answer or a query.
    #[must_use]
    pub fn last_contact(&self) -> Option<Time> {
        self.last_response.max(self.last_query())
    }

    /// Whether it asks too much: [`QUERY_LIMIT`] queries within [`QUERY_INTERVAL`].
    #[must_use]
    pub fn is_blocked(&self, now: Time) -> bool {
        self.queries.len() >= QUERY_LIMIT
            && self.queries.front().is_some_and(|first| now.since(*first) < QUERY_INTERVAL)
    }

    /// What is to be expected of it.
    #[must_use]
    pub fn status(&self, now: Time) -> NodeStatus {
        if self.failed >= MOST_FAILURES {
            return NodeStatus::Bad;
        }
        let Some(response) = self.last_response else { return NodeStatus::Unknown };
        let is_fresh = |time: Time| now.since(time) < FRESH;
        if is_fresh(response) || self.last_query().is_some_and(is_fresh) {
            NodeStatus::Good
        } else {
            NodeStatus::Unknown
        }
    }
}
