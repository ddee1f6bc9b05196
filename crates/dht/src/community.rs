//! The overlay: what a node answers, and whom it knows.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use ipv8_core::{
    Community, Context, DropReason, OverlayConfig, Peer, RequestError, RequestOptions, Routes, Strategy,
    StrategyCatalog, Target, Time,
    catalog::Key as SettingKey,
    messages::{Introduced, Introduction},
};
use ipv8_wire::CommunityId;

use crate::{
    DHT_COMMUNITY,
    churn::PingChurn,
    config::DhtConfig,
    discovery::Discovery,
    family::{Families, Family},
    id::{Key, NodeId},
    keep::{Candidates, Disk, Journal, Saved, SavedPublication},
    limiter::Limiter,
    lookup::where_it_is,
    messages::{
        ConnectPeerResponse, FindRequest, FindResponse, Node, PingRequest, PingResponse, StorePeerResponse,
        StoreRequest, StoreResponse,
    },
    own::OwnAddresses,
    pace::Pace,
    publish::Publications,
    routing::{DhtNode, RoutingTable},
    stats::DhtStats,
    store::{Entry, MemoryStore, Put, Source, Store},
    token::{Token, TokenSecrets},
    value::{MAX_VALUE_LEN, Value, ValueError},
};

/// Values in a store request, values in an answer, and nodes in an answer.
pub(crate) const MOST_IN_MESSAGE: usize = 8;

/// Nodes that a value is stored on.
pub(crate) const TARGET_NODES: usize = 8;

/// How long values are kept by the nodes that are closest to their key.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Nodes that are looked at to tell how many are closer to a key than we are.
const NEIGHBOURS: usize = 20;

/// How long a node's token is used.
pub(crate) const TOKEN_AGE: Duration = Duration::from_secs(600);

/// Tokens of others that are remembered.
const MOST_TOKENS: usize = 4_096;

/// How long the answer to a ping is waited for.
pub(crate) const PING_PATIENCE: Duration = Duration::from_secs(5);

/// The distributed hash table (the reference's `DHTCommunity` and, unless [`DhtConfig::peers`] says otherwise, its
/// `DHTDiscoveryCommunity`; `protocol.md` section 6).
///
/// Load it with [`DhtCommunity::overlay`], then use it through [`Dht`](crate::Dht).
pub struct DhtCommunity {
    pub(crate) config: DhtConfig,
    pub(crate) tables: Families<Option<RoutingTable>>,
    pub(crate) stores: Families<Box<dyn Store>>,
    /// Those who ask without a place in a table.
    strangers: Limiter,
    /// Those who ask to be remembered, and for peers.
    for_peers: Limiter,
    /// Where we are.
    pub(crate) own: OwnAddresses,
    secrets: Option<TokenSecrets>,
    /// What nodes gave us, so that we can store there.
    tokens: IndexMap<NodeId, (Time, Token)>,
    pub(crate) pace: Pace,
    /// Nodes that are stored on by tasks that nobody waits for.
    pub(crate) storing_later: usize,
    pub(crate) publications: Publications,
    pub(crate) discovery: Discovery,
    /// When our own neighbourhood was searched last.
    pub(crate) joined: Families<Option<Time>>,
    pub(crate) stats: DhtStats,
    /// What is to be written to a disk, if there is one.
    pub(crate) journal: Option<Journal>,
    /// Nodes of an earlier run.
    pub(crate) candidates: Candidates,
    /// Publications of an earlier run, until we start.
    pub(crate) saved: BTreeMap<u64, SavedPublication>,
}

impl Default for DhtCommunity {
    fn default() -> Self {
        Self::new(DhtConfig::default())
    }
}

impl DhtCommunity {
    /// A node that keeps values in memory.
    #[must_use]
    pub fn new(config: DhtConfig) -> Self {
        let limits = config.store;
        Self::with_stores(config, Box::new(MemoryStore::new(limits)), Box::new(MemoryStore::new(limits)))
    }

    /// A node that keeps values of its IPv4 and its IPv6 neighbours where you say. [`DhtConfig::store`] plays no role.
    #[must_use]
    pub fn with_stores(config: DhtConfig, v4: Box<dyn Store>, v6: Box<dyn Store>) -> Self {
        Self {
            pace: Pace::new(config.limit_queries),
            config,
            tables: Families::default(),
            stores: Families::new(v4, v6),
            strangers: Limiter::default(),
            for_peers: Limiter::default(),
            own: OwnAddresses::default(),
            secrets: None,
            tokens: IndexMap::new(),
            storing_later: 0,
            publications: Publications::default(),
            discovery: Discovery::default(),
            joined: Families::default(),
            stats: DhtStats::default(),
            journal: None,
            candidates: Candidates::default(),
            saved: BTreeMap::new(),
        }
    }

    /// A node that goes on where another ended, whose state a disk has, and keeps its own there; see [`keep`](crate::keep).
    /// Values are kept in memory too, within [`DhtConfig::store`]; what is too old by now, a time since 1970, is left out.
    ///
    /// Nodes are pinged before they are believed to be there. Values of ours are stored again when they are due; what was due
    /// while no node ran, not all at once.
    #[must_use]
    pub fn kept(config: DhtConfig, disk: Box<dyn Disk>, saved: Saved, now: Duration) -> Self {
        let restore = |values| Box::new(MemoryStore::restore(config.store, values, now));
        let (v4, v6) = (restore(saved.v4), restore(saved.v6));
        Self {
            journal: Some(Journal::new(disk)),
            candidates: Candidates::new(saved.nodes),
            saved: saved.publications,
            ..Self::with_stores(config, v4, v6)
        }
    }

    /// How the community is loaded: with its peers kept apart from those of other communities.
    #[must_use]
    pub fn overlay(self) -> OverlayConfig<Self> {
        OverlayConfig::new(self).own_network()
    }

    /// What was set.
    #[must_use]
    pub const fn config(&self) -> &DhtConfig {
        &self.config
    }

    /// How many nodes told us a token lately, so that we can store there.
    #[must_use]
    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }

    /// How many nodes values are being stored on that nobody waits for any more; at most [`MOST_LATER`](crate::MOST_LATER).
    #[must_use]
    pub const fn storing_later(&self) -> usize {
        self.storing_later
    }

    /// The nodes that are known of an address family; `None` before the first.
    #[must_use]
    pub const fn table(&self, family: Family) -> Option<&RoutingTable> {
        self.tables.get(family).as_ref()
    }

    pub(crate) const fn table_mut(&mut self, family: Family) -> Option<&mut RoutingTable> {
        self.tables.get_mut(family).as_mut()
    }

    /// The values that are kept for the nodes of an address family.
    #[must_use]
    pub fn store(&self, family: Family) -> &dyn Store {
        self.stores.get(family).as_ref()
    }

    /// Those values, to change them.
    pub fn store_mut(&mut self, family: Family) -> &mut dyn Store {
        self.stores.get_mut(family).as_mut()
    }

    /// What it refused, and why.
    #[must_use]
    pub const fn stats(&self) -> &DhtStats {
        &self.stats
    }

    /// Sets the secrets of our tokens, which are random otherwise: for tests.
    pub fn set_token_secrets(&mut self, secrets: TokenSecrets) {
        self.secrets = Some(secrets);
    }

    /// Adds a node, as if it had been met; `None` if there is no room for it, or our own address is not known yet.
    pub fn add_node(&mut self, cx: &Context<'_>, node: DhtNode) -> Option<&mut DhtNode> {
        let family = Family::of(node.address());
        let (own, now) = (self.note_own(cx, family)?, cx.now());
        if node.peer().key() == cx.my_key() {
            return None;
        }
        let table = self.tables.get_mut(family).get_or_insert_with(|| RoutingTable::new(own));
        if table.is_crowded(&node, now) {
            self.stats.nodes_crowded += 1;
            return None;
        }
        table.add(node, now)
    }

    /// Takes a node out of the table, one that turned out to be a tracker for example; it may come back if it is met again.
    pub fn remove_node(&mut self, family: Family, id: &NodeId) -> Option<DhtNode> {
        self.table_mut(family)?.remove(id)
    }

    /// Who asks, at the address that it asks from; `None` if it asks too much. It is now known, if there is room for it.
    pub(crate) fn requesting(&mut self, cx: &mut Context<'_>, from: &Peer) -> Option<DhtNode> {
        let (address, now) = (source(cx, from), cx.now());
        let mut node = DhtNode::new(Peer::new(from.key().clone(), address));
        if self
            .table(Family::of(address))
            .and_then(|table| table.get(&node.id()))
            .is_some_and(|node| self.config.limit_queries && node.is_blocked(now))
        {
            self.limited(cx);
            return None;
        }
        if let Some(known) = self.add_node(cx, node.clone()) {
            known.queried(now);
            node = known.clone();
        } else if self.config.limit_queries && !self.strangers.admits(node.id(), now) {
            self.limited(cx);
            return None;
        }
        Some(node)
    }

    fn limited(&mut self, cx: &mut Context<'_>) {
        self.stats.queries_limited += 1;
        cx.count_drop(DropReason::RateLimited);
    }

    /// Whether somebody at an address may ask to be remembered or for a peer now, which it may as often as nodes may ask.
    pub(crate) fn may_ask_for_peers(&mut self, cx: &mut Context<'_>, from: &Peer) -> bool {
        let asker = NodeId::new(source(cx, from).ip(), &from.mid());
        let may = !self.config.limit_queries || self.for_peers.admits(asker, cx.now());
        if !may {
            self.limited(cx);
        }
        may
    }

    /// Somebody was met.
    fn discovered(&mut self, cx: &mut Context<'_>, from: &Peer) {
        let address = source(cx, from);
        if cx.network().is_blacklisted(address) {
            return;
        }
        let (family, node) = (Family::of(address), DhtNode::new(Peer::new(from.key().clone(), address)));
        let id = node.id();
        let known = self.table(family).is_some_and(|table| table.get(&id).is_some());
        if self.add_node(cx, node).is_some() && !known {
            // The answer tells how far away it is.
            self.ping(cx, family, &id);
        }
    }

    /// Asks a node of the table whether it is there.
    pub(crate) fn ping(&mut self, cx: &mut Context<'_>, family: Family, id: &NodeId) {
        let asked = cx.now();
        let Some(node) = self.table_mut(family).and_then(|table| table.get_mut(id)) else { return };
        node.last_ping = Some(asked);
        let (peer, id) = (where_it_is(cx, family, node.peer()), *id);
        let then = move |dht: &mut Self, cx: &mut Context<'_>, answer: Result<PingResponse, RequestError>| {
            dht.heard(cx.now(), family, &id, asked, answer.as_ref().err());
        };
        self.ping_at(cx, &peer, then);
    }

    /// Asks somebody who may be at an address whether it is there, and says what comes of it.
    pub(crate) fn ping_at(
        &mut self,
        cx: &mut Context<'_>,
        peer: &Peer,
        then: impl FnOnce(&mut Self, &mut Context<'_>, Result<PingResponse, RequestError>) + Send + 'static,
    ) {
        self.pace.note(peer.mid(), cx.now());
        let options = RequestOptions::within(PING_PATIENCE).at(peer.address());
        if let Err(error) = cx.request_within(options, peer, PingRequest { identifier: 0 }, then) {
            tracing::debug!(%peer, %error, "not pinged");
        }
    }

    /// A question to a node is over.
    pub(crate) fn heard(&mut self, now: Time, family: Family, id: &NodeId, asked: Time, error: Option<&RequestError>) {
        let Some(node) = self.table_mut(family).and_then(|table| table.get_mut(id)) else { return };
        match error {
            None => node.answered(now, now.since(asked)),
            Some(RequestError::TimedOut(_)) => node.timed_out(),
            // Nobody's fault, or ours.
            Some(_) => {}
        }
    }

    /// A node told us its token.
    pub(crate) fn remember_token(&mut self, id: NodeId, token: Token, now: Time) {
        if self.tokens.len() >= MOST_TOKENS && !self.tokens.contains_key(&id) {
            self.tokens.shift_remove_index(0);
        }
        self.tokens.insert(id, (now, token));
    }

    /// The token of a node, if it told us one lately.
    pub(crate) fn token_of(&self, id: &NodeId, now: Time) -> Option<Token> {
        self.tokens.get(id).filter(|(told, _)| now.since(*told) < TOKEN_AGE).map(|(_, token)| *token)
    }

    /// How long ago a node told us its token.
    pub(crate) fn token_age(&self, id: &NodeId, now: Time) -> Option<Duration> {
        self.tokens.get(id).map(|(told, _)| now.since(*told))
    }

    /// A node did not answer, or not take what we stored there: it may be gone, or have forgotten its token.
    pub(crate) fn forget_token(&mut self, id: &NodeId) {
        self.tokens.swap_remove(id);
    }

    /// Keeps a value, if it is one.
    pub(crate) fn keep(
        &mut self,
        cx: &Context<'_>,
        family: Family,
        (key, value): (Key, &[u8]),
        source: Source,
        max_age: Duration,
    ) -> Result<Put, ValueError> {
        let read = Value::decode(value).inspect_err(|_| self.stats.values_invalid += 1)?;
        let entry =
            Entry { key, id: read.storage_id(value), value: value.to_vec(), version: read.version, max_age, source };
        let put = self.store_mut(family).put(entry, cx.unix_time());
        match put {
            Put::Kept => self.stats.values_kept += 1,
            Put::Older => self.stats.values_older += 1,
            Put::NoRoom => {
                self.stats.values_no_room += 1;
                tracing::debug!(?source, "a value was not kept: there are too many");
            }
        }
        Ok(put)
    }

    fn on_ping_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: PingRequest) {
        self.pinged_by(cx, from);
        if let Some(node) = self.requesting(cx, from) {
            cx.send_to(node.address(), PingResponse { identifier: request.identifier });
        }
    }

    fn on_find_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let Some(node) = self.requesting(cx, from) else { return };
        let (family, now, target) = (Family::of(node.address()), cx.now(), &request.target);
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let values =
            if request.force_nodes { Vec::new() } else { self.store(family).get(target, offset, MOST_IN_MESSAGE) };
        let mut nodes = Vec::new();
        if values.is_empty() {
            let closest = self.table(family).map(|table| table.closest(target, MOST_IN_MESSAGE, Some(&node.id()), now));
            let closest = closest.unwrap_or_default();
            nodes = closest
                .into_iter()
                .map(|node| Node { address: node.address(), key: node.peer().key().clone() })
                .collect();
        }
        if let Some(first) = nodes.first() {
            let [.., high, low] = request.identifier.to_be_bytes();
            let identifier = u16::from_be_bytes([high, low]);
            match cx.puncture_request(request.lan_address, node.address(), identifier, false) {
                Ok(packet) => cx.send_packet(first.address, packet),
                Err(error) => tracing::debug!(%error, "no puncture was asked for"),
            }
        }
        let token = self.secrets(cx).token(node.peer());
        cx.send_to(node.address(), FindResponse { identifier: request.identifier, token, values, nodes });
    }

    fn on_store_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: StoreRequest) {
        let Some(node) = self.requesting(cx, from) else { return };
        let fits = request.values.len() <= MOST_IN_MESSAGE && request.values.iter().all(|v| v.len() <= MAX_VALUE_LEN);
        if !fits || !self.secrets(cx).is_valid(node.peer(), &request.token) {
            self.stats.stores_too_large += u64::from(!fits);
            self.stats.tokens_refused += u64::from(fits);
            cx.count_drop(DropReason::Refused);
            return;
        }
        let (family, max_age) = (Family::of(node.address()), self.max_age(cx, &node, &request.target));
        for value in &request.values {
            let kept = self.keep(cx, family, (request.target, value), Source::of(node.address().ip()), max_age);
            if kept == Err(ValueError::Malformed) {
                // The reference stops here too, and says nothing.
                self.write_soon(cx);
                return;
            }
        }
        self.acknowledge(cx, node.address(), request.identifier);
    }

    /// How long a value is kept here: the shorter, the more nodes are closer to its key.
    fn max_age(&self, cx: &Context<'_>, from: &DhtNode, key: &Key) -> Duration {
        let family = Family::of(from.address());
        let (Some(table), Some(own)) = (self.table(family), self.own_id(cx, family)) else { return MAX_AGE };
        let own = own.distance(key);
        let closest = table.closest(key, NEIGHBOURS, None, cx.now());
        age_with(closest.iter().filter(|node| node.id().distance(key) < own).count())
    }

    pub(crate) fn secrets(&mut self, cx: &mut Context<'_>) -> &TokenSecrets {
        self.secrets.get_or_insert_with(|| TokenSecrets::new(cx.rng()))
    }

    /// Makes a new secret, and forgets tokens of others that are too old.
    pub(crate) fn rotate_tokens(&mut self, cx: &mut Context<'_>) {
        self.secrets(cx);
        if let Some(secrets) = &mut self.secrets {
            secrets.rotate(cx.rng());
        }
        let now = cx.now();
        self.tokens.retain(|_, (told, _)| now.since(*told) < TOKEN_AGE);
    }
}

/// How long values are kept by a node of which so many are closer to the key: an hour, and with the eighth half as long, and
/// so on.
#[must_use]
pub fn age_with(closer: usize) -> Duration {
    let halvings = u32::try_from(closer.saturating_sub(TARGET_NODES - 1)).unwrap_or(u32::MAX);
    Duration::from_secs(MAX_AGE.as_secs().checked_shr(halvings).unwrap_or(0))
}

/// Where a message came from.
pub(crate) fn source(cx: &Context<'_>, from: &Peer) -> SocketAddr {
    cx.received().map_or_else(|| from.address(), |received| received.source())
}

const PING_CHURN: &[SettingKey] =
    &[SettingKey::new("ping_interval", "25.0", "Seconds between two pings to a node of the routing table.")];

impl Community for DhtCommunity {
    const ID: CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_ping_request).on(Self::on_find_request).on(Self::on_store_request);
        r.on(Self::on_store_peer_request).on(Self::on_connect_peer_request);
        r.reply::<StorePeerResponse>().reply::<ConnectPeerResponse>();
        r.reply::<PingResponse>().reply::<FindResponse>().reply::<StoreResponse>();
    }

    fn available_strategies() -> StrategyCatalog {
        StrategyCatalog::new().with(
            "PingChurn",
            "Pings the nodes of the routing table and drops those that do not answer; for DhtCommunity.",
            PING_CHURN,
            |settings| {
                let churn = PingChurn::default();
                Ok(Box::new(match settings.take_duration("ping_interval") {
                    Some(interval) => churn.ping_interval(interval),
                    None => churn,
                }))
            },
        )
    }

    fn default_strategies() -> Vec<(Box<dyn Strategy>, Target)> {
        vec![(Box::new(PingChurn::default()), Target::Always)]
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        self.secrets(cx);
        self.start_maintenance(cx);
    }

    fn introduction_requested(&mut self, cx: &mut Context<'_>, from: &Peer, _: &Introduction) {
        self.discovered(cx, from);
    }

    fn introduced(&mut self, cx: &mut Context<'_>, from: &Peer, _: &Introduced) {
        self.discovered(cx, from);
    }

    fn punctured(&mut self, _: &mut Context<'_>, from: &Peer) {
        self.discovery.awaited.punctured(from);
    }
}
