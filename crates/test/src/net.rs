//! The net: its nodes, and looking into them.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Handle, Node, OverlayConfig, OverlayId, Peer, PeerRecord, StatsReport, TaskInfo, Time,
    network::Addresses,
};
use ipv8_crypto::{Mid, PublicKey};
use ipv8_discovery::Tracker;
use ipv8_sim::{Delivery, Fabric, Link, Links, NodeId, World};
use ipv8_wire::CommunityId;

use crate::{
    log::SharedLog,
    seeds,
    spec::{NetBuilder, NodeSpec, TRACKER},
    tap::Tap,
};

/// A node of the net.
pub(crate) struct Place {
    pub(crate) id: NodeId,
    pub(crate) name: String,
    /// Serves every community, and is introduced to none.
    tracker: bool,
    /// How often it panicked, as far as the test was told.
    pub(crate) panics: u64,
}

/// Nodes with communities under virtual time, and all packets between them. [The crate](crate) shows how it is used.
///
/// Nodes are named by their numbers, from 0, in the order in which they were added. Methods panic, and so fail the test, if
/// there is no such node, it has no such community, or a handler panicked; a net that is dropped by a failing test prints its
/// trace.
pub struct Net<F: Fabric = Links> {
    pub(crate) world: World<Tap<F>>,
    pub(crate) log: SharedLog,
    pub(crate) seed: u64,
    pub(crate) nodes: Vec<Place>,
    pub(crate) packet_limit: usize,
    pub(crate) run_limit: Duration,
    pub(crate) panics: bool,
    /// Packets that no node sent and that have not arrived.
    pub(crate) injected: VecDeque<(Delivery, Vec<u8>)>,
    /// Messages that assertions pass over: id and name.
    pub(crate) ignored: Vec<(u8, &'static str)>,
}

impl Default for Net {
    fn default() -> Self {
        Self::new()
    }
}

/// Making it.
impl Net {
    /// A net without nodes, whose links lose nothing and take a microsecond.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// So many nodes of one community, which know each other: verified peers on both sides, without a packet. `make` is
    /// given each node's number, and makes a community or an [`OverlayConfig`].
    ///
    /// # Panics
    /// If the community cannot be loaded.
    #[must_use]
    pub fn of<C: Community, O: Into<OverlayConfig<C>>>(
        nodes: usize,
        make: impl Fn(usize) -> O + Send + Sync + Clone + 'static,
    ) -> Self {
        Self::builder().of(nodes, make)
    }

    /// So many nodes of one community that find each other by themselves: they walk at random, and meet through a tracker,
    /// which is the last node. Give them [time](Net::advance).
    ///
    /// # Panics
    /// If the community cannot be loaded.
    #[must_use]
    pub fn walking<C: Community, O: Into<OverlayConfig<C>>>(
        nodes: usize,
        make: impl Fn(usize) -> O + Send + Sync + Clone + 'static,
    ) -> Self {
        let mut net = Self::new();
        for number in 0..nodes {
            let make = make.clone();
            net.add(NodeSpec::new(move || make(number)).walking());
        }
        net.add_tracker();
        net
    }

    /// Makes a net that differs.
    #[must_use]
    pub fn builder() -> NetBuilder {
        NetBuilder::new(seeds::from_environment().unwrap_or(seeds::DEFAULT))
    }
}

/// Nodes.
impl<F: Fabric> Net<F> {
    /// Adds a node, which knows nobody, and returns its number.
    ///
    /// # Panics
    /// If one of its communities cannot be loaded, or another node has its address.
    pub fn add(&mut self, spec: NodeSpec) -> usize {
        self.add_place(spec, false)
    }

    fn add_place(&mut self, mut spec: NodeSpec, tracker: bool) -> usize {
        let number = self.nodes.len();
        let name = spec.name.take().unwrap_or_else(|| format!("node {number}"));
        let options = spec.into_options(number, self.seed, self.log.clone());
        let id = self.world.add_node(options);
        self.nodes.push(Place { id, name, tracker, panics: 0 });
        number
    }

    /// Adds so many nodes of one community, which know nobody.
    ///
    /// # Panics
    /// As [`Net::add`].
    pub fn add_all<C: Community, O: Into<OverlayConfig<C>>>(
        &mut self,
        nodes: usize,
        make: impl Fn(usize) -> O + Send + Sync + Clone + 'static,
    ) -> Vec<usize> {
        let first = self.nodes.len();
        let add = |number| {
            let make = make.clone();
            self.add(NodeSpec::new(move || make(number)))
        };
        (first..first + nodes).map(add).collect()
    }

    /// Adds a tracker at `tracker.test:6421`, which [walking](NodeSpec::walking) nodes ask for their first peers.
    ///
    /// # Panics
    /// If there is one already.
    pub fn add_tracker(&mut self) -> usize {
        let address = SocketAddr::from(([10, 255, 0, 1], TRACKER.1));
        let make = || OverlayConfig::new(Tracker::default()).any_prefix();
        let options = ipv8_sim::NodeOptions::default().address(address);
        let number = self.add_place(NodeSpec::new(make).named("tracker").options(options), true);
        self.world.host(TRACKER.0, address);
        number
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Makes all nodes known to each other, in every community that they share.
    pub fn introduce_all(&mut self) {
        for one in 0..self.nodes.len() {
            for other in one + 1..self.nodes.len() {
                self.introduce(one, other);
            }
        }
    }

    /// Makes two nodes verified peers of each other, in every community that they share, without a packet: what walking
    /// would end in, without the calls to [`Community::introduced`] and its like. A tracker is introduced to nobody.
    ///
    /// # Panics
    /// If one of them is no node.
    #[track_caller]
    pub fn introduce(&mut self, one: usize, other: usize) {
        if self.place(one).tracker || self.place(other).tracker {
            return;
        }
        let (ours, theirs) = (self.overlays(one), self.overlays(other));
        for (overlay, community, key) in &ours {
            if let Some((their_overlay, _, their_key)) = theirs.iter().find(|there| there.1 == *community) {
                self.know(one, *overlay, *community, their_key, other);
                self.know(other, *their_overlay, *community, key, one);
            }
        }
        self.after_use();
    }

    fn know(&self, knower: usize, overlay: OverlayId, community: CommunityId, key: &PublicKey, known: usize) {
        let mut addresses = Addresses::default();
        addresses.set(self.address(known));
        let _ = self.node(knower).in_overlay(overlay, |cx| {
            let mut record = PeerRecord::new(key.clone(), addresses, cx.now());
            record.set_new_style(true);
            cx.network_mut().add_verified(&record);
            cx.network_mut().discover_services(&key.mid(), &[community]);
        });
    }

    /// The overlays of a node: each one's community and key.
    fn overlays(&self, node: usize) -> Vec<(OverlayId, CommunityId, PublicKey)> {
        let node = self.node(node);
        let look = |id| node.in_overlay(id, |cx| (id, cx.community_id(), cx.my_key().clone())).ok();
        node.overlays().into_iter().filter_map(look).collect()
    }

    /// Lets every node ask every other one for an introduction, in every community that they share, and delivers that: what
    /// [`Net::introduce_all`] skips happens here.
    ///
    /// # Panics
    /// As [`Net::deliver`].
    #[track_caller]
    pub fn walk_all(&mut self) -> usize {
        let places: Vec<_> =
            (0..self.nodes.len()).map(|node| (node, self.address(node), self.overlays(node))).collect();
        for (node, _, ours) in &places {
            for (other, address, theirs) in &places {
                for (overlay, community, _) in ours {
                    if node != other && theirs.iter().any(|there| there.1 == *community) {
                        let _ = self.node(*node).in_overlay(*overlay, |cx| cx.walk_to(*address));
                    }
                }
            }
        }
        self.deliver()
    }

    #[track_caller]
    pub(crate) fn place(&self, node: usize) -> &Place {
        match self.nodes.get(node) {
            Some(place) => place,
            None => panic!("there is no node {node}: the net has {}", self.nodes.len()),
        }
    }

    /// The name of a node.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn name(&self, node: usize) -> &str {
        &self.place(node).name
    }

    /// The node itself.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn node(&self, node: usize) -> &Node {
        self.world.node(self.place(node).id)
    }

    /// The address of a node.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn address(&self, node: usize) -> SocketAddr {
        self.world.address(self.place(node).id)
    }

    /// A node as others see it: its key and its address.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn peer(&self, node: usize) -> Peer {
        Peer::new(self.node(node).key().clone(), self.address(node))
    }

    /// Ends a node without last words, see [`World::crash`].
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn crash(&mut self, node: usize) {
        let id = self.place(node).id;
        self.learn_names();
        self.world.crash(id);
        self.settle();
        self.log.lock().note(Some(node), "crashes".to_owned());
    }

    /// Starts a node that crashed, with new communities and the same key, see [`World::restart`].
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn restart(&mut self, node: usize) {
        let id = self.place(node).id;
        self.world.restart(id);
        self.log.lock().note(Some(node), "starts again".to_owned());
    }
}

/// Looking in.
impl<F: Fabric> Net<F> {
    /// Runs a closure in a community of a node, as one of its handlers would run.
    ///
    /// # Panics
    /// If the node has no such community.
    #[track_caller]
    pub fn at<C: Community, R>(&self, node: usize, run: impl FnOnce(&mut C, &mut Context<'_>) -> R) -> R {
        match self.handle::<C>(node).with(run) {
            Ok(result) => result,
            Err(error) => panic!("{} of {}: {error}", C::name(), self.name(node)),
        }
    }

    /// A handle to a community of a node, for futures.
    ///
    /// # Panics
    /// If the node has no such community.
    #[must_use]
    #[track_caller]
    pub fn handle<C: Community>(&self, node: usize) -> Handle<C> {
        match self.node(node).find() {
            Some(handle) => handle,
            None => {
                let loaded: Vec<_> = self.report(node).overlays.iter().map(|overlay| overlay.name).collect();
                panic!("{} has no {} loaded, but {loaded:?}", self.name(node), C::name())
            }
        }
    }

    /// The nodes that a node's community knows as verified peers, in the order of their numbers.
    ///
    /// # Panics
    /// If the node has no such community.
    #[must_use]
    #[track_caller]
    pub fn peers<C: Community>(&self, node: usize) -> Vec<usize> {
        let (community, peers) = self.at(node, |_: &mut C, cx| (cx.community_id(), cx.peers()));
        let known: Vec<Mid> = peers.iter().map(Peer::mid).collect();
        let is_known = |other: &usize| {
            self.overlays(*other).iter().any(|(_, id, key)| *id == community && known.contains(&key.mid()))
        };
        (0..self.nodes.len()).filter(is_known).collect()
    }

    /// All numbers of a node: what it sent, received and dropped, for each message.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn report(&self, node: usize) -> StatsReport {
        self.node(node).report()
    }

    /// The tasks of a node's communities that have not ended: intervals and other scheduled methods, and futures.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn tasks(&self, node: usize) -> Vec<TaskInfo> {
        let node = self.node(node);
        node.overlays().into_iter().filter_map(|id| node.in_overlay(id, |cx| cx.tasks()).ok()).flatten().collect()
    }

    /// How many tasks of a node have not ended, and how many requests wait for an answer.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn pending(&self, node: usize) -> (usize, usize) {
        self.node(node).pending()
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.world.now()
    }

    /// What everything was drawn from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What the world counted. A packet that the test intercepted counts as lost on its link.
    #[must_use]
    pub const fn metrics(&self) -> &ipv8_sim::Metrics {
        self.world.metrics()
    }

    /// A hash of the run so far, see [`World::trace_hash`]: the same for every run with this seed.
    #[must_use]
    pub const fn trace_hash(&self) -> u64 {
        self.world.trace_hash()
    }

    /// The network between the nodes, to change it.
    pub const fn fabric_mut(&mut self) -> &mut F {
        &mut self.world.fabric_mut().inner
    }
}

/// Links.
impl Net<Links> {
    /// Changes the link of all pairs that have none of their own, from now on.
    pub fn set_link(&mut self, link: Link) {
        self.fabric_mut().set_all(link);
    }

    /// Gives two nodes a link of their own in both directions, from now on.
    ///
    /// # Panics
    /// If one of them is none.
    #[track_caller]
    pub fn set_pair(&mut self, one: usize, other: usize, link: Link) {
        let (one, other) = (self.place(one).id, self.place(other).id);
        self.fabric_mut().set_pair(one, other, link);
    }

    /// Lets packets pass within these groups only, from now on. A node that is in none reaches nobody.
    ///
    /// # Panics
    /// If one of them is no node.
    #[track_caller]
    pub fn partition(&mut self, groups: &[&[usize]]) {
        let ids = |group: &&[usize]| group.iter().map(|node| self.place(*node).id).collect::<Vec<_>>();
        let groups: Vec<_> = groups.iter().map(ids).collect();
        self.fabric_mut()
            .partition(move |from, to| groups.iter().any(|group| group.contains(&from) && group.contains(&to)));
    }

    /// Ends the partition.
    pub fn heal(&mut self) {
        self.fabric_mut().heal();
    }
}
