//! What a user writes: a community, and how it is loaded into a node.

use std::any::Any;

use ipv8_crypto::{PrivateKey, PublicKey};
use ipv8_wire::CommunityId;

use crate::{
    bootstrap::Bootstrapper,
    catalog::StrategyCatalog,
    context::Context,
    messages::{Introduced, Introduction},
    peer::Peer,
    routes::Routes,
    strategy::{Strategy, Target},
};

/// Names an overlay that is loaded in a node. Never used twice in one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OverlayId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A network overlay: typed messages with their handlers, tasks, and the peers that take part.
///
/// A community is a plain struct; its handlers are plain methods that get `&mut self` and a [`Context`]. One community
/// runs one handler at a time, so it needs no locks. It never blocks, reads no clock and draws no randomness of its own:
/// everything comes from the context, so that the same code runs on sockets and in the simulator.
///
/// ```
/// use std::time::Duration;
/// use ipv8_core::{Community, Context, Peer, Routes, wire::{CommunityId, Message, community_id}};
///
/// #[derive(Message, Clone, Debug)]
/// #[message(id = 1)]
/// struct Clock {
///     clock: u32,
/// }
///
/// #[derive(Default)]
/// struct Lamport {
///     clock: u32,
/// }
///
/// impl Community for Lamport {
///     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
///
///     fn routes(r: &mut Routes<Self>) {
///         r.on(Self::on_clock);
///         r.every(Duration::from_secs(5), Self::greet);
///     }
/// }
///
/// impl Lamport {
///     fn greet(&mut self, cx: &mut Context<'_>) {
///         for peer in cx.peers() {
///             cx.send(&peer, Clock { clock: self.clock });
///         }
///     }
///
///     fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
///         self.clock = self.clock.max(message.clock).saturating_add(1);
///         cx.send(from, Clock { clock: self.clock });
///     }
/// }
/// ```
pub trait Community: Sized + Send + 'static {
    /// Which overlay this is: peers meet if they share it. See [`community_id!`](ipv8_wire::community_id) for hex, and
    /// [`OverlayConfig::id`] and [`OverlayConfig::master_peer`] for an id that is known at run time only.
    const ID: CommunityId;

    /// The name in logs and statistics: the type's, unless overridden.
    #[must_use]
    fn name() -> &'static str {
        short_type_name::<Self>()
    }

    /// Registers the handlers and what runs at intervals.
    fn routes(r: &mut Routes<Self>);

    /// The strategies that a configuration can name for this community, beside those that every community has (the
    /// reference's `get_available_strategies`). One of the same name takes the place of a built-in one.
    #[must_use]
    fn available_strategies() -> StrategyCatalog {
        StrategyCatalog::new()
    }

    /// The strategies that this community should have beside one that finds peers. Whoever loads it and is not told which
    /// strategies it gets adds them (as the reference's default configuration does for its own communities).
    #[must_use]
    fn default_strategies() -> Vec<(Box<dyn Strategy>, Target)> {
        Vec::new()
    }

    /// The community was loaded.
    fn started(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The community is about to be unloaded: last words may be sent, tasks are still there.
    fn stopping(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// A verified peer is now known to take part in this community. Those that were known before the community was loaded
    /// are told of after [`Community::started`].
    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        let _ = (cx, peer);
    }

    /// A peer of this community is no longer known.
    fn peer_removed(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        let _ = (cx, peer);
    }

    /// Asks a peer for a sign of life, for strategies that drop silent peers ([`Context::send_ping`]; the reference's
    /// `send_ping`). The answer should add to [`PeerRecord::pings`](crate::PeerRecord::pings). False, as here, if the
    /// community has no such message.
    fn send_ping(&mut self, cx: &mut Context<'_>, peer: &Peer) -> bool {
        let _ = (cx, peer);
        false
    }

    /// An introduction request was answered (the reference's `introduction_request_callback`).
    fn introduction_requested(&mut self, cx: &mut Context<'_>, from: &Peer, request: &Introduction) {
        let _ = (cx, from, request);
    }

    /// A peer that is [expected](Context::expect_puncture) sent a puncture, from the address that `from` has here: its NAT is open
    /// for us there. Anybody can repeat a puncture from elsewhere: ask the peer at the address before believing it.
    fn punctured(&mut self, cx: &mut Context<'_>, from: &Peer) {
        let _ = (cx, from);
    }

    /// An introduction response was taken in (the reference's `introduction_response_callback`).
    fn introduced(&mut self, cx: &mut Context<'_>, from: &Peer, response: &Introduced) {
        let _ = (cx, from, response);
    }
}

/// The last part of a type's path.
pub(crate) fn short_type_name<T>() -> &'static str {
    let full = std::any::type_name::<T>();
    let base = full.split('<').next().unwrap_or(full);
    base.rsplit("::").next().unwrap_or(base)
}

/// A community whose type is forgotten: what the node stores.
pub(crate) trait Erased: Send {
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn started(&mut self, cx: &mut Context<'_>);
    fn stopping(&mut self, cx: &mut Context<'_>);
    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer);
    fn peer_removed(&mut self, cx: &mut Context<'_>, peer: &Peer);
    fn send_ping(&mut self, cx: &mut Context<'_>, peer: &Peer) -> bool;
}

impl<C: Community> Erased for C {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        Community::started(self, cx);
    }

    fn stopping(&mut self, cx: &mut Context<'_>) {
        Community::stopping(self, cx);
    }

    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        Community::peer_added(self, cx, peer);
    }

    fn peer_removed(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        Community::peer_removed(self, cx, peer);
    }

    fn send_ping(&mut self, cx: &mut Context<'_>, peer: &Peer) -> bool {
        Community::send_ping(self, cx, peer)
    }
}

/// How many peers a community takes before it stops answering introduction requests (the reference's `max_peers`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaxPeers {
    /// At most about this many: beyond it requests are dropped, at it the answer says that the limit is reached.
    Limit(usize),
    /// No limit (the reference's -1).
    Unlimited,
}

impl Default for MaxPeers {
    /// 30, as in the reference.
    fn default() -> Self {
        Self::Limit(30)
    }
}

/// A community and how it is loaded: its key, its strategies, its bootstrappers and its limits.
pub struct OverlayConfig<C> {
    pub(crate) community: C,
    pub(crate) id: CommunityId,
    pub(crate) key: Option<PrivateKey>,
    pub(crate) max_peers: MaxPeers,
    pub(crate) own_network: bool,
    pub(crate) any_prefix: bool,
    pub(crate) strategies: Vec<(Box<dyn Strategy>, Target)>,
    pub(crate) bootstrappers: Vec<Box<dyn Bootstrapper>>,
    pub(crate) default_strategies: bool,
    pub(crate) default_bootstrappers: bool,
}

impl<C: Community> OverlayConfig<C> {
    /// The community under its own [`Community::ID`], with the node's key, at most 30 peers, and nothing that looks for
    /// peers.
    #[must_use]
    pub fn new(community: C) -> Self {
        Self {
            community,
            id: C::ID,
            key: None,
            max_peers: MaxPeers::default(),
            own_network: false,
            any_prefix: false,
            strategies: Vec::new(),
            bootstrappers: Vec::new(),
            default_strategies: true,
            default_bootstrappers: true,
        }
    }

    /// Uses this community id instead of [`Community::ID`].
    #[must_use]
    pub fn id(mut self, id: CommunityId) -> Self {
        self.id = id;
        self
    }

    /// Uses the SHA-1 of a public key as the community id (the tutorials' `master_peer`).
    #[must_use]
    pub fn master_peer(self, key: &PublicKey) -> Self {
        self.id(CommunityId(key.mid().0))
    }

    /// Signs this community's messages with a key of its own instead of the node's.
    #[must_use]
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Takes this many peers.
    #[must_use]
    pub fn max_peers(mut self, max_peers: MaxPeers) -> Self {
        self.max_peers = max_peers;
        self
    }

    /// Keeps this community's peers apart from those of the node's other communities (as the DHT does).
    #[must_use]
    pub fn own_network(mut self) -> Self {
        self.own_network = true;
        self
    }

    /// Takes the packets of every community id that no other overlay of the node has, and answers no introductions but
    /// those that its own handlers answer: what a tracker does. The last one that is loaded so gets them.
    #[must_use]
    pub fn any_prefix(mut self) -> Self {
        self.any_prefix = true;
        self
    }

    /// Adds a strategy that looks for peers until there are as many as `target`.
    #[must_use]
    pub fn strategy(self, strategy: impl Strategy + 'static, target: Target) -> Self {
        self.boxed_strategy(Box::new(strategy), target)
    }

    /// The same for one whose type is not known, as a [catalogue](crate::catalog) makes it.
    #[must_use]
    pub fn boxed_strategy(mut self, strategy: Box<dyn Strategy>, target: Target) -> Self {
        self.strategies.push((strategy, target));
        self
    }

    /// Goes without the strategies that whoever loads the community would add: for communities that never look for peers.
    #[must_use]
    pub fn no_strategies(mut self) -> Self {
        self.default_strategies = false;
        self
    }

    /// Goes without the bootstrappers that whoever loads the community would add.
    #[must_use]
    pub fn no_bootstrappers(mut self) -> Self {
        self.default_bootstrappers = false;
        self
    }

    /// Whether whoever loads the community may add strategies of its choice: none was added, and
    /// [`OverlayConfig::no_strategies`] was not called.
    #[must_use]
    pub fn takes_default_strategies(&self) -> bool {
        self.default_strategies && self.strategies.is_empty()
    }

    /// Whether whoever loads the community may add bootstrappers of its choice: none was added, and
    /// [`OverlayConfig::no_bootstrappers`] was not called.
    #[must_use]
    pub fn takes_default_bootstrappers(&self) -> bool {
        self.default_bootstrappers && self.bootstrappers.is_empty()
    }

    /// Adds a source of first peers.
    #[must_use]
    pub fn bootstrapper(self, bootstrapper: impl Bootstrapper + 'static) -> Self {
        self.boxed_bootstrapper(Box::new(bootstrapper))
    }

    /// The same for one whose type is not known, as a [catalogue](crate::catalog) makes it.
    #[must_use]
    pub fn boxed_bootstrapper(mut self, bootstrapper: Box<dyn Bootstrapper>) -> Self {
        self.bootstrappers.push(bootstrapper);
        self
    }
}

impl<C: Community> From<C> for OverlayConfig<C> {
    fn from(community: C) -> Self {
        Self::new(community)
    }
}
