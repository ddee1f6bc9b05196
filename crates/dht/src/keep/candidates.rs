//! Nodes of an earlier run: they may be there still.

use std::{collections::VecDeque, time::Duration};

use ipv8_core::{Context, Peer, RequestError, Time};

use super::{MOST_NODES, SavedNode};
use crate::{
    community::{DhtCommunity, PING_PATIENCE},
    family::Family,
    messages::{PingRequest, PingResponse},
    routing::DhtNode,
};

/// How often some are pinged.
pub(crate) const PING_CANDIDATES: Duration = Duration::from_secs(1);

/// How many are pinged at a time.
const AT_A_TIME: usize = 8;

/// How long after the first and the second try that was in vain the next follows: the network may not be there yet when a
/// node starts.
const PAUSES: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(120)];

/// Nodes to ping. They enter the routing table if they answer.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    waiting: VecDeque<Candidate>,
    asked: usize,
}

#[derive(Clone, Debug)]
struct Candidate {
    peer: Peer,
    tried: usize,
    /// When it can be tried again.
    from: Time,
}

impl Candidates {
    pub(crate) fn new(nodes: Vec<SavedNode>) -> Self {
        let usable = |node: &SavedNode| {
            node.address.port() != 0 && !node.address.ip().is_unspecified() && !node.address.ip().is_multicast()
        };
        let candidate =
            |node: SavedNode| Candidate { peer: Peer::new(node.key, node.address), tried: 0, from: Time::ZERO };
        let peers = nodes.into_iter().filter(usable).take(MOST_NODES).map(candidate);
        Self { waiting: peers.collect(), asked: 0 }
    }

    /// How many may turn out to be there within minutes: not those of a family that this host does not have, or not now.
    pub(crate) fn reachable(&self, has: impl Fn(Family) -> bool) -> usize {
        let waiting = self.waiting.iter().filter(|candidate| has(candidate.family()));
        waiting.count().saturating_add(self.asked)
    }

    /// Those that are to be pinged, now or some time.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Peer> {
        self.waiting.iter().map(|candidate| &candidate.peer)
    }
}

impl Candidate {
    fn family(&self) -> Family {
        Family::of(self.peer.address())
    }
}

impl DhtCommunity {
    /// Pings some nodes of an earlier run.
    pub(crate) fn ping_candidates(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        for _ in 0..AT_A_TIME {
            // Where nodes are in the table depends on our own address.
            let ready = |candidate: &Candidate| candidate.from <= now && self.own_id(cx, candidate.family()).is_some();
            let Some(place) = self.candidates.waiting.iter().position(ready) else { return };
            let Some(candidate) = self.candidates.waiting.remove(place) else { return };
            let peer = candidate.peer.clone();
            if cx.network().is_blacklisted(peer.address()) || peer.key() == cx.my_key() {
                continue;
            }
            self.pace.note(peer.mid(), now);
            let then = move |dht: &mut Self, cx: &mut Context<'_>, answer: Result<PingResponse, RequestError>| {
                dht.candidate_answered(cx, candidate, now, answer.is_ok());
            };
            match cx.request_within(PING_PATIENCE, &peer, PingRequest { identifier: 0 }, then) {
                Ok(_) => self.candidates.asked += 1,
                Err(error) => tracing::debug!(%peer, %error, "not pinged"),
            }
        }
    }

    fn candidate_answered(&mut self, cx: &Context<'_>, mut candidate: Candidate, asked: Time, is_there: bool) {
        let now = cx.now();
        self.candidates.asked = self.candidates.asked.saturating_sub(1);
        if is_there {
            if let Some(node) = self.add_node(cx, DhtNode::new(candidate.peer)) {
                node.answered(now, now.since(asked));
            }
        } else if let Some(pause) = PAUSES.get(candidate.tried) {
            candidate.tried += 1;
            candidate.from = now + *pause;
            self.candidates.waiting.push_back(candidate);
        }
    }
}
