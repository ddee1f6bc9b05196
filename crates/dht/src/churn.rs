//! Keeping the routing table alive.

use std::{collections::BTreeSet, time::Duration};

use ipv8_core::{Context, PeerRecord, Strategy, Time, network::Addresses};
use ipv8_crypto::Mid;

use crate::{community::DhtCommunity, family::Family, id::NodeId, maintenance::jittered, routing::DhtNode};

/// How often peers and nodes are compared.
const SYNCHRONISE: Duration = Duration::from_secs(5);

/// Keeps the routing tables and the peers of the community in step, drops nodes that do not answer, and pings the others
/// (the reference's `PingChurn`, `protocol.md` section 6).
///
/// A node that answered nothing for 25 seconds is pinged, a tenth earlier or later, so that nodes that came together are not pinged together (the
/// reference has no such jitter). Peers and nodes are compared every five seconds, in time proportional to their number; the
/// reference does it in every step, in time proportional to its square.
#[derive(Clone, Debug)]
pub struct PingChurn {
    interval: Duration,
    synchronised: Option<Time>,
}

impl Default for PingChurn {
    /// The reference's 25 seconds.
    fn default() -> Self {
        Self { interval: Duration::from_secs(25), synchronised: None }
    }
}

impl PingChurn {
    /// The time between two pings to a node.
    #[must_use]
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Pings the nodes that are due.
    fn ping(&self, dht: &mut DhtCommunity, cx: &mut Context<'_>) {
        let (now, soonest) = (cx.now(), self.interval.mul_f64(0.9));
        let mut due: Vec<(Family, NodeId)> = Vec::new();
        for family in Family::ALL {
            let Some(table) = dht.table(family) else { continue };
            for node in table.nodes() {
                // An answer to whatever we asked says as much as a ping.
                let last = node.last_ping.max(node.last_response);
                let wait = |last: Time| now >= last + soonest && now >= last + jittered(self.interval, cx);
                if last.is_none_or(wait) {
                    due.push((family, node.id()));
                }
            }
        }
        for (family, id) in due {
            dht.ping(cx, family, &id);
        }
    }
}

/// Drops the bad nodes.
fn drop_bad(dht: &mut DhtCommunity, cx: &mut Context<'_>) {
    let now = cx.now();
    for family in Family::ALL {
        let bad = dht.table_mut(family).map(|table| table.remove_bad(now)).unwrap_or_default();
        for node in bad {
            tracing::debug!(node = %node.peer(), "dropped: it does not answer");
            dht.discovery.keepers.get_mut(family).remove(&node.id());
            cx.network_mut().remove(&node.peer().mid());
        }
    }
}

/// Makes peers nodes, if there is room for them, and nodes peers.
fn synchronise(dht: &mut DhtCommunity, cx: &mut Context<'_>) {
    let (now, service) = (cx.now(), cx.community_id());
    let mut known: BTreeSet<Mid> = BTreeSet::new();
    for peer in cx.peers() {
        if cx.network().is_blacklisted(peer.address()) {
            continue;
        }
        let (mid, family, id) = (peer.mid(), Family::of(peer.address()), NodeId::new(peer.address().ip(), &peer.mid()));
        let in_table = dht.table(family).is_some_and(|table| table.get(&id).is_some());
        if in_table || dht.add_node(cx, DhtNode::new(peer)).is_some() || dht.discovery.connected.has(&mid) {
            known.insert(mid);
        } else {
            cx.network_mut().remove(&mid);
        }
    }
    for family in Family::ALL {
        let Some(table) = dht.table(family) else { continue };
        for node in table.nodes() {
            let mid = node.peer().mid();
            if known.insert(mid) {
                let mut addresses = Addresses::default();
                addresses.set(node.address());
                cx.network_mut().add_verified(&PeerRecord::new(node.peer().key().clone(), addresses, now));
                cx.network_mut().discover_services(&mid, &[service]);
            }
        }
    }
}

impl Strategy for PingChurn {
    fn name(&self) -> &'static str {
        "PingChurn"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        // In a community of another type there is nothing to do.
        let _ = cx.with_community(|dht: &mut DhtCommunity, cx| {
            if Family::ALL.iter().all(|family| dht.table(*family).is_none()) {
                return;
            }
            drop_bad(dht, cx);
            if self.synchronised.is_none_or(|last| cx.now() >= last + SYNCHRONISE) {
                self.synchronised = Some(cx.now());
                synchronise(dht, cx);
            }
            self.ping(dht, cx);
        });
    }
}
