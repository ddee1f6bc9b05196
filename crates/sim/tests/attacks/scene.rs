//! What attacks need: a network in which sources can be made up and packets are watched, honest nodes, and liars.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, Hardening, MaxPeers, OverlayConfig, Peer, Routes, Target,
    crypto::{Curve, PrivateKey},
    messages::{Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS},
    wire::{CommunityId, Message, community_id},
};
use ipv8_discovery::RandomWalk;
use ipv8_sim::{Delivery, Fabric, Hosts, Links, Loss, NodeId, NodeOptions, Packet, World};
use rand::{SeedableRng, rngs::StdRng, rngs::Xoshiro256PlusPlus};
use smallvec::SmallVec;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A network that writes the sources on datagrams that their senders tell it to.
#[derive(Default)]
pub(crate) struct Wires {
    links: Links,
    /// Sources that nodes make up.
    claims: BTreeMap<NodeId, SocketAddr>,
    /// Addresses that reach a node besides its own.
    aliases: BTreeMap<SocketAddr, SocketAddr>,
    /// Datagrams to each address, whether anybody is there or not.
    sent_to: BTreeMap<SocketAddr, usize>,
    /// Copies of the datagrams of the nodes that are listened to.
    tapped: BTreeSet<NodeId>,
    tape: Vec<(SocketAddr, Vec<u8>)>,
}

impl Fabric for Wires {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        *self.sent_to.entry(packet.to).or_default() += 1;
        if self.tapped.contains(&packet.from) {
            self.tape.push((packet.to, packet.bytes.to_vec()));
        }
        let source = self.claims.get(&packet.from).copied().unwrap_or(packet.source);
        let to = self.aliases.get(&packet.to).copied().unwrap_or(packet.to);
        self.links.route(&Packet { source, to, ..*packet }, hosts, rng)
    }
}

impl Wires {
    /// What a node sends seems to come from this address, from now on.
    pub(crate) fn claim(&mut self, node: NodeId, source: SocketAddr) {
        self.claims.insert(node, source);
    }

    /// What is sent to this address reaches another one.
    pub(crate) fn alias(&mut self, address: SocketAddr, of: SocketAddr) {
        self.aliases.insert(address, of);
    }

    /// How many datagrams were sent to an address.
    pub(crate) fn sent_to(&self, address: SocketAddr) -> usize {
        self.sent_to.get(&address).copied().unwrap_or(0)
    }

    /// Keeps copies of what a node sends, from now on.
    pub(crate) fn tap(&mut self, node: NodeId) {
        self.tapped.insert(node);
    }

    /// What was sent to an address by those who are listened to: message id and datagram.
    pub(crate) fn heard(&self, to: SocketAddr) -> Vec<(u8, &[u8])> {
        let packets = self.tape.iter().filter(|(address, _)| *address == to);
        packets.map(|(_, bytes)| (bytes[22], bytes.as_slice())).collect()
    }
}

pub(crate) type Scene = World<Wires>;

pub(crate) fn scene(seed: u64) -> Scene {
    World::builder(seed).fabric(Wires::default()).record(20).build()
}

/// An address on the Internet, in a /16 of its own.
pub(crate) fn public(number: u8) -> SocketAddr {
    SocketAddr::from(([98, number, 1, 1], 8_090))
}

pub(crate) fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6} is no IPv4 address"),
    }
}

pub(crate) fn key(number: u32) -> PrivateKey {
    let mut seed = [0xA7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed(seed)).unwrap()
}

/// All presets, from the most to the least trusting.
pub(crate) fn presets() -> [(&'static str, Hardening); 3] {
    Hardening::NAMES.map(|name| (name, Hardening::named(name).unwrap()))
}

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
pub(crate) struct Secret {
    pub(crate) number: u32,
}

/// The community that everybody is in: whoever gets an even number answers with the next one.
#[derive(Default)]
pub(crate) struct Plain {
    pub(crate) numbers: Vec<u32>,
}

pub(crate) const OURS: CommunityId = community_id!("a77ac00000000000000000000000000000000001");

impl Community for Plain {
    const ID: CommunityId = OURS;

    fn routes(r: &mut Routes<Self>) {
        r.on(|plain: &mut Self, cx: &mut Context<'_>, from: &Peer, secret: Secret| {
            plain.numbers.push(secret.number);
            if secret.number.is_multiple_of(2) {
                cx.send(from, Secret { number: secret.number + 1 });
            }
        });
    }
}

/// An honest node that does nothing by itself.
pub(crate) fn quiet(scene: &mut Scene, address: SocketAddr, hardening: Hardening) -> NodeId {
    scene.add_node(NodeOptions::default().address(address).hardening(hardening).setup(|node| {
        node.load(Plain::default()).unwrap();
    }))
}

/// An honest node that walks until it knows so many peers, beginning with these addresses.
pub(crate) fn walker(
    scene: &mut Scene,
    address: SocketAddr,
    hardening: Hardening,
    target: usize,
    first: &[SocketAddr],
) -> NodeId {
    let first = first.to_vec();
    scene.add_node(NodeOptions::default().address(address).hardening(hardening).setup(move |node| {
        let overlay = OverlayConfig::new(Plain::default())
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(target));
        let handle = node.load(overlay).unwrap();
        handle.with(|_, cx| first.iter().for_each(|address| cx.walk_to(*address))).unwrap();
    }))
}

pub(crate) fn plain(scene: &Scene, node: NodeId) -> Handle<Plain> {
    scene.find(node).unwrap()
}

pub(crate) fn peer_count(scene: &Scene, node: NodeId) -> usize {
    plain(scene, node).with(|_, cx| cx.peer_count()).unwrap()
}

pub(crate) fn wan(scene: &Scene, node: NodeId) -> SocketAddr {
    plain(scene, node).with(|_, cx| cx.wan()).unwrap()
}

/// How many of these nodes a node has as peers.
pub(crate) fn knows(scene: &Scene, node: NodeId, others: &[NodeId]) -> usize {
    let mids: BTreeSet<_> = others.iter().map(|other| scene.node(*other).key().mid()).collect();
    let count = |cx: &mut Context<'_>| cx.peers().iter().filter(|peer| mids.contains(&peer.mid())).count();
    plain(scene, node).with(|_, cx| count(cx)).unwrap()
}

/// Sends a datagram from a node.
pub(crate) fn send(scene: &Scene, from: NodeId, to: SocketAddr, packet: Vec<u8>) {
    scene.find::<Liar>(from).unwrap().with(|_, cx| cx.send_packet(to, packet)).unwrap();
}

/// What a liar answers.
#[derive(Clone, Copy)]
pub(crate) struct Lie {
    /// Where it says that it sees the asker; the truth if it is none.
    pub(crate) destination: Option<SocketAddr>,
    pub(crate) introduces: SocketAddr,
}

/// A node that answers introduction requests as it likes, and else sends what it is told.
pub(crate) struct Liar {
    lie: Box<dyn FnMut(SocketAddr) -> Lie + Send>,
    pub(crate) asked: usize,
}

impl Community for Liar {
    const ID: CommunityId = OURS;

    fn routes(r: &mut Routes<Self>) {
        r.replace(Self::on_request);
    }
}

impl Liar {
    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: IntroductionRequest) {
        self.asked += 1;
        let lie = (self.lie)(from.address());
        let response = introduction(lie.destination.unwrap_or(from.address()), lie.introduces, request.identifier);
        let community = cx.received().and_then(ipv8_core::Received::community_id).unwrap();
        let packet = cx.pack_as(community, cx.private_key(), Some(1), &response).unwrap();
        cx.send_packet(from.address(), packet);
    }
}

/// An attacker that answers with lies.
pub(crate) fn liar(
    scene: &mut Scene,
    address: SocketAddr,
    lie: impl Fn(SocketAddr) -> Lie + Clone + Send + 'static,
) -> NodeId {
    scene.add_node(NodeOptions::default().address(address).setup(move |node| {
        node.load(Liar { lie: Box::new(lie.clone()), asked: 0 }).unwrap();
    }))
}

/// An attacker that just sends what it is told.
pub(crate) fn attacker(scene: &mut Scene, address: SocketAddr) -> NodeId {
    liar(scene, address, |_| Lie { destination: None, introduces: SocketAddr::V4(NO_ADDRESS) })
}

/// An introduction response.
pub(crate) fn introduction(destination: SocketAddr, introduces: SocketAddr, identifier: u16) -> IntroductionResponse {
    IntroductionResponse {
        destination_address: v4(destination),
        source_lan_address: NO_ADDRESS,
        source_wan_address: NO_ADDRESS,
        lan_introduction_address: NO_ADDRESS,
        wan_introduction_address: v4(introduces),
        flags: Flags::default(),
        identifier,
        extra_bytes: Vec::new(),
    }
}

/// An introduction request.
pub(crate) fn request(identifier: u16) -> IntroductionRequest {
    IntroductionRequest {
        destination_address: NO_ADDRESS,
        source_lan_address: NO_ADDRESS,
        source_wan_address: NO_ADDRESS,
        flags: Flags::default(),
        identifier,
        extra_bytes: Vec::new(),
    }
}

/// Signs a message with a key, as a packet of the community.
pub(crate) fn pack<M: ipv8_core::wire::Outgoing>(scene: &Scene, by: NodeId, key: &PrivateKey, message: &M) -> Vec<u8> {
    scene.find::<Liar>(by).unwrap().with(|_, cx| cx.pack_as(OURS, key, Some(1), message)).unwrap().unwrap()
}
