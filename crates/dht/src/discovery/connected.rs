//! The peers that were found: they stay peers for a while, whether or not there is room for them in the routing table.

use std::time::Duration;

use indexmap::IndexMap;
use ipv8_core::{Context, Peer, PeerRecord, RequestError, Time, network::Addresses};
use ipv8_crypto::Mid;

use crate::{
    community::DhtCommunity,
    family::Family,
    maintenance::jittered,
    messages::PingResponse,
    routing::{DhtNode, NodeStatus},
};

/// How long a peer that was found stays one, at least, if it answers.
pub const CONNECTED_FOR: Duration = Duration::from_secs(600);

/// Peers that stay for that; one more takes the place of the one that was found first.
pub const MOST_CONNECTED: usize = 256;

/// Time between two pings to one that is not in the routing table, so that its NAT and ours stay open.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// Peers that were found, with when that was.
#[derive(Debug, Default)]
pub(crate) struct ConnectedPeers(IndexMap<Mid, (DhtNode, Time)>);

impl ConnectedPeers {
    pub(crate) fn has(&self, mid: &Mid) -> bool {
        self.0.contains_key(mid)
    }

    fn put(&mut self, node: DhtNode, now: Time) {
        let mid = node.peer().mid();
        self.0.shift_remove(&mid);
        if self.0.len() >= MOST_CONNECTED {
            self.0.shift_remove_index(0);
        }
        self.0.insert(mid, (node, now));
    }
}

impl DhtCommunity {
    /// A peer answered at an address: it is a peer of this community now, and there.
    pub(crate) fn connected(&mut self, cx: &mut Context<'_>, peer: &Peer, asked: Time) {
        let (now, mid, service) = (cx.now(), peer.mid(), cx.community_id());
        let network = cx.network_mut();
        if network.moved_to(&mid, peer.address()).is_none() {
            let mut addresses = Addresses::default();
            addresses.set(peer.address());
            network.add_verified(&PeerRecord::new(peer.key().clone(), addresses, now));
        }
        network.discover_services(&mid, &[service]);
        let mut node = DhtNode::new(peer.clone());
        node.answered(now, now.since(asked));
        self.discovery.connected.put(node.clone(), now);
        self.add_node(cx, node.clone());
        self.heard(now, Family::of(peer.address()), &node.id(), asked, None);
    }

    /// Pings those that nothing else pings, and lets go those that are silent, or were found long ago.
    pub(super) fn look_after_connected(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let stays =
            |node: &DhtNode, since: Time| node.status(now) != NodeStatus::Bad && now.since(since) < CONNECTED_FOR;
        self.discovery.connected.0.retain(|_, (node, since)| stays(node, *since));
        let mut due = Vec::new();
        for (mid, (node, _)) in &self.discovery.connected.0 {
            let in_table = self.table(Family::of(node.address())).is_some_and(|table| table.get(&node.id()).is_some());
            let last = node.last_ping.max(node.last_response);
            if !in_table && last.is_none_or(|last| now >= last + jittered(PING_INTERVAL, cx)) {
                due.push((*mid, node.peer().clone()));
            }
        }
        for (mid, peer) in due {
            if let Some((node, _)) = self.discovery.connected.0.get_mut(&mid) {
                node.last_ping = Some(now);
            }
            let then = move |dht: &mut Self, cx: &mut Context<'_>, answer: Result<PingResponse, RequestError>| {
                let answered = cx.now();
                let Some((node, _)) = dht.discovery.connected.0.get_mut(&mid) else { return };
                match answer {
                    Ok(_) => node.answered(answered, answered.since(now)),
                    Err(RequestError::TimedOut(_)) => node.timed_out(),
                    Err(_) => {}
                }
            };
            self.ping_at(cx, &peer, then);
        }
    }
}
