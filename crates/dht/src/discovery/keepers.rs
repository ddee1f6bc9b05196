//! The nodes that remember us, so that others find us by our key hash.

use std::{net::IpAddr, time::Duration};

use ipv8_core::{Context, Handle, HandleError, Peer, RequestError, Time};
use rand::RngExt;

use crate::{
    community::{DhtCommunity, TARGET_NODES},
    crawl::Contact,
    crowd::Crowd,
    family::Family,
    id::{Key, NodeId},
    lookup::{Lookup, Question},
    maintenance::jittered,
    messages::{PingResponse, StorePeerRequest},
    routing::{DhtNode, NodeStatus, RoutingTable},
    storing::patience,
};

/// How often it is looked whether there is anything to do.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// Time between two pings to a node that remembers us (the reference's), a tenth earlier or later.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// The same for one that is in the routing table, and so is pinged in any case unless nobody looks after the table.
const LATE: Duration = Duration::from_secs(32);

/// With fewer nodes than these that remember us, more are asked (the reference's number).
const ENOUGH: usize = TARGET_NODES / 2;

/// How long is waited before that (the reference's time).
const AGAIN: Duration = Duration::from_secs(30);

/// The first time, and when too many of those that remember us went, at most so long is waited: nodes that were started together
/// are not stored together.
const FIRST: Duration = Duration::from_secs(10);

/// Nodes come that are closer to us, and others will look there: we are stored again, after times that double, up to this.
/// (The reference does not: while four nodes remember it, it does not look for closer ones.)
const LONGEST: Duration = Duration::from_secs(600);

/// The nodes of one address family that remember us, at most eight.
#[derive(Debug, Default)]
pub(crate) struct Keepers {
    nodes: Vec<DhtNode>,
    /// Where we were then.
    own: Option<IpAddr>,
}

impl Keepers {
    /// These said so.
    fn stored(&mut self, nodes: Vec<DhtNode>, own: IpAddr, target: &Key) {
        if self.own.replace(own) != Some(own) {
            self.nodes.clear();
        }
        self.nodes.retain(|known| nodes.iter().all(|node| node.id() != known.id()));
        self.nodes.extend(nodes);
        self.nodes.sort_by_key(|node| node.id().distance(target));
        self.nodes.truncate(TARGET_NODES);
    }

    /// A node is dead.
    pub(crate) fn remove(&mut self, id: &NodeId) {
        self.nodes.retain(|node| node.id() != *id);
    }

    fn get_mut(&mut self, id: &NodeId) -> Option<&mut DhtNode> {
        self.nodes.iter_mut().find(|node| node.id() == *id)
    }
}

impl DhtCommunity {
    /// The nodes that said that they remember us and have answered since, at most eight of each family, closest first.
    #[must_use]
    pub fn keepers(&self) -> Vec<Peer> {
        let of = |family| self.discovery.keepers.get(family).nodes.iter().map(|node| node.peer().clone());
        Family::ALL.into_iter().flat_map(of).collect()
    }

    /// Does what is due: forgets who is silent, pings who remembers us, has more nodes remember us.
    pub(crate) fn look_after_peers(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        self.discovery.stored.expire(now);
        self.discovery.awaited.forget_ended(cx);
        self.look_after_connected(cx);
        for family in Family::ALL {
            self.note_own(cx, family);
            let own = self.own_ip(cx, family);
            let keepers = self.discovery.keepers.get_mut(family);
            if keepers.own.is_some_and(|then| own.is_some_and(|own| own != then)) {
                // They know an address at which we are no more.
                keepers.nodes.clear();
            }
            keepers.nodes.retain(|node| node.status(now) != NodeStatus::Bad);
            self.ping_keepers(cx, family);
        }
        let soon = now + FIRST.mul_f64(cx.rng().random());
        let round_at = *self.discovery.next_round.get_or_insert(soon);
        if self.discovery.rounds > 0 && !self.is_remembered_enough() {
            self.discovery.rounds = 0;
            self.discovery.next_round = Some(round_at.min(soon));
        }
        if now >= round_at && !self.discovery.busy && self.knows_anybody() {
            self.begin_round(cx);
        }
    }

    fn is_remembered_enough(&self) -> bool {
        Family::ALL.into_iter().all(|family| {
            let known = self.table(family).map_or(0, RoutingTable::len);
            self.discovery.keepers.get(family).nodes.len() >= ENOUGH.min(known)
        })
    }

    fn knows_anybody(&self) -> bool {
        Family::ALL.into_iter().any(|family| self.table(family).is_some_and(|table| !table.is_empty()))
    }

    /// Pings those that are due. What the routing table pings anyway is not pinged twice.
    fn ping_keepers(&mut self, cx: &mut Context<'_>, family: Family) {
        let now = cx.now();
        let mut due = Vec::new();
        let table = self.tables.get(family).as_ref();
        for node in &mut self.discovery.keepers.get_mut(family).nodes {
            let known = table.and_then(|table| table.get(&node.id()));
            if let Some(known) = known.filter(|known| known.last_ping > node.last_ping) {
                node.last_ping = known.last_ping;
                node.last_response = node.last_response.max(known.last_response);
                node.failed = known.failed;
            }
            let interval = if known.is_some() { LATE } else { PING_INTERVAL };
            let last = node.last_ping.max(node.last_response.filter(|_| node.last_ping.is_none()));
            let wait = |last: Time| now >= last + interval.mul_f64(0.9) && now >= last + jittered(interval, cx);
            if last.is_none_or(wait) {
                due.push((node.id(), node.peer().clone()));
            }
        }
        for (id, peer) in due {
            if let Some(node) = self.discovery.keepers.get_mut(family).get_mut(&id) {
                node.last_ping = Some(now);
            }
            let then = move |dht: &mut Self, cx: &mut Context<'_>, answer: Result<PingResponse, RequestError>| {
                let answered = cx.now();
                dht.heard(answered, family, &id, now, answer.as_ref().err());
                let Some(node) = dht.discovery.keepers.get_mut(family).get_mut(&id) else { return };
                match answer {
                    Ok(_) => node.answered(answered, answered.since(now)),
                    Err(RequestError::TimedOut(_)) => node.timed_out(),
                    Err(_) => {}
                }
            };
            self.ping_at(cx, &peer, then);
        }
    }

    /// Asks the nodes that are closest to us to remember us.
    fn begin_round(&mut self, cx: &mut Context<'_>) {
        let Some(handle) = cx.handle::<Self>() else { return };
        self.discovery.busy = true;
        cx.spawn(async move {
            if let Err(error) = round(&handle).await {
                tracing::debug!(%error, "we are not remembered");
            }
            // Without its community there is nothing left to do.
            let _ = handle.with(|dht, cx| dht.end_round(cx));
        });
    }

    fn end_round(&mut self, cx: &mut Context<'_>) {
        let enough = self.is_remembered_enough();
        let discovery = &mut self.discovery;
        discovery.busy = false;
        discovery.rounds = if enough { discovery.rounds.saturating_add(1) } else { 0 };
        let doubled = AGAIN.saturating_mul(1_u32.checked_shl(discovery.rounds).unwrap_or(u32::MAX));
        discovery.next_round = Some(cx.now() + jittered(doubled.min(LONGEST), cx));
    }
}

/// Finds the nodes that are closest to our own member id and has them remember us, in each family.
async fn round(handle: &Handle<DhtCommunity>) -> Result<(), HandleError> {
    let target = handle.with(|_, cx| cx.my_mid().0)?;
    let question = Question { target, force_nodes: true, offset: 0 };
    let Some(mut lookup) = Lookup::new(handle, question)? else { return Ok(()) };
    lookup.run().await?;
    for (family, nodes) in lookup.answering() {
        let mut asking = Crowd::default();
        for node in nodes.into_iter().take(TARGET_NODES) {
            let handle = handle.clone();
            asking.push(async move { store_at(&handle, target, node).await });
        }
        let mut stored = Vec::new();
        while let Some(node) = asking.next().await {
            stored.extend(node);
        }
        handle.with(|dht, cx| {
            if let Some(own) = dht.own_ip(cx, family) {
                dht.discovery.keepers.get_mut(family).stored(stored, own, &target);
            }
        })?;
    }
    Ok(())
}

/// Has one node remember us.
async fn store_at(handle: &Handle<DhtCommunity>, target: Key, node: Contact) -> Option<DhtNode> {
    let (asked, token) = handle.with(|dht, cx| (cx.now(), dht.token_of(&node.id, cx.now()))).ok()?;
    let request = StorePeerRequest { identifier: 0, token: token?, target };
    handle.request_within(patience(node.address()), &node.peer, request).await.ok()?;
    let now = handle.with(|_, cx| cx.now()).ok()?;
    let mut keeper = DhtNode::new(node.peer);
    keeper.answered(now, now.since(asked));
    Some(keeper)
}
