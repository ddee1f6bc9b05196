//! Keeping the routing table alive.

use std::{collections::BTreeSet, time::Duration};

use ipv8_core::{Context, PeerRecord, Strategy, Time, network::Addresses};
use ipv8_crypto::Mid;
use rand::RngExt;

use crate::{community::DhtCommunity, family::Family, id::NodeId, routing::DhtNode};

/// Keeps the routing tables and the peers of the community in step, drops nodes that do not answer, and pings the others
/// (the reference's `PingChurn`, `protocol.md` section 6).
///
/// A node is pinged every 25 seconds, a tenth earlier or later, so that nodes that came together are not pinged together (the
/// reference has no such jitter). One step costs time in proportion to the number of nodes, where the reference's is squared.
#[derive(Clone, Debug)]
pub struct PingChurn {
    interval: Duration,
}

impl Default for PingChurn {
    /// The reference's 25 seconds.
    fn default() -> Self {
        Self { interval: Duration::from_secs(25) }
    }
}

impl PingChurn {
    /// The time between two pings to a node.
    #[must_use]
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    fn keep_up(&self, dht: &mut DhtCommunity, cx: &mut Context<'_>) {
        let now = cx.now();
        if Family::ALL.iter().all(|family| dht.table(*family).is_none()) {
            return;
        }
        for family in Family::ALL {
            let bad = dht.table_mut(family).map(|table| table.remove_bad(now)).unwrap_or_default();
            for node in bad {
                tracing::debug!(node = %node.peer(), "dropped: it does not answer");
                cx.network_mut().remove(&node.peer().mid());
            }
        }
        // Peers that have no place in the table are not kept.
        let peers = cx.peers();
        let mut known: BTreeSet<Mid> = BTreeSet::new();
        for peer in peers {
            if cx.network().is_blacklisted(peer.address()) {
                continue;
            }
            let (mid, family, id) =
                (peer.mid(), Family::of(peer.address()), NodeId::new(peer.address().ip(), &peer.mid()));
            let in_table = dht.table(family).is_some_and(|table| table.get(&id).is_some());
            if in_table || dht.add_node(cx, DhtNode::new(peer)).is_some() {
                known.insert(mid);
            } else {
                cx.network_mut().remove(&mid);
            }
        }
        // Nodes are peers.
        let service = cx.community_id();
        let mut due: Vec<(Family, NodeId)> = Vec::new();
        for family in Family::ALL {
            let nodes: Vec<(NodeId, ipv8_core::Peer, Option<Time>)> = dht
                .table(family)
                .into_iter()
                .flat_map(|table| table.nodes())
                .map(|node| (node.id(), node.peer().clone(), node.last_ping))
                .collect();
            for (id, peer, last_ping) in nodes {
                if !known.contains(&peer.mid()) {
                    let mut addresses = Addresses::default();
                    addresses.set(peer.address());
                    cx.network_mut().add_verified(&PeerRecord::new(peer.key().clone(), addresses, now));
                    cx.network_mut().discover_services(&peer.mid(), &[service]);
                }
                let wait = self.interval.mul_f64(cx.rng().random_range(0.9..1.1));
                if last_ping.is_none_or(|last| now >= last + wait) {
                    due.push((family, id));
                }
            }
        }
        for (family, id) in due {
            dht.ping(cx, family, &id);
        }
    }
}

impl Strategy for PingChurn {
    fn name(&self) -> &'static str {
        "PingChurn"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        // In a community of another type there is nothing to do.
        let _ = cx.with_community(|dht: &mut DhtCommunity, cx| self.keep_up(dht, cx));
    }
}
