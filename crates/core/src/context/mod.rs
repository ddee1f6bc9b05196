//! What a handler can do: the node as seen from inside one community.

mod discovery;
mod send;
mod tasks;

use std::{cell::Cell, net::SocketAddr, time::Duration};

use ipv8_crypto::{Mid, PrivateKey, PublicKey};
use ipv8_wire::CommunityId;
use rand::rngs::StdRng;

use crate::{
    community::OverlayId,
    defence::hardening::Hardening,
    inbound::Accepted,
    keys::SenderKey,
    network::{Network, PeerRecord},
    peer::Peer,
    state::{OverlayState, State},
    time::Time,
};

/// A message on its way to a handler.
pub struct Received<'a> {
    pub(crate) packet: &'a Accepted<'a>,
    /// The handler dropped it after all.
    pub(crate) dropped: Cell<bool>,
}

impl Received<'_> {
    /// Where the datagram came from. Unlike a peer's key, an address proves nothing.
    #[must_use]
    pub const fn source(&self) -> SocketAddr {
        self.packet.source
    }

    pub(crate) const fn source_ref(&self) -> &SocketAddr {
        &self.packet.source
    }

    /// The whole datagram.
    #[must_use]
    pub const fn datagram(&self) -> &[u8] {
        self.packet.datagram
    }

    /// The message without header, key, global time and signature.
    #[must_use]
    pub const fn payload(&self) -> &[u8] {
        self.packet.payload
    }

    /// The community that the packet names: the handler's own, unless it was loaded for any
    /// ([`OverlayConfig::any_prefix`](crate::OverlayConfig::any_prefix)).
    #[must_use]
    pub fn community_id(&self) -> Option<CommunityId> {
        self.packet.datagram.get(2..22)?.try_into().ok().map(CommunityId)
    }

    /// The message id.
    #[must_use]
    pub const fn message_id(&self) -> u8 {
        self.packet.id
    }

    /// The sender's global time, if the message carries one.
    #[must_use]
    pub const fn global_time(&self) -> Option<u64> {
        self.packet.global_time
    }

    /// The key that signed the message, if it is signed.
    #[must_use]
    pub fn key(&self) -> Option<&PublicKey> {
        self.sender_key().map(|sender| &sender.key)
    }

    pub(crate) const fn sender_key(&self) -> Option<&SenderKey> {
        self.packet.sender.as_ref()
    }
}

/// The node as one community sees it while one of its handlers runs.
///
/// Sending queues: datagrams leave when the turn ends. Nothing here blocks.
pub struct Context<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) overlay: &'a mut OverlayState,
    pub(crate) received: Option<&'a Received<'a>>,
}

/// Time, randomness, identity.
impl Context<'_> {
    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Time {
        self.state.now
    }

    /// Seconds and nanoseconds since 1970, as far as the driver knows them: for values that others read. Use
    /// [`Context::now`] to measure.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        self.state.unix_origin + self.state.now.since_origin()
    }

    /// The node's randomness, repeatable from the seed that the driver gave; with a secret seed it is fit for secrets.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.state.rng
    }

    /// The key that signs this community's messages.
    #[must_use]
    pub fn my_key(&self) -> &PublicKey {
        self.overlay.key.public()
    }

    /// Our own member id in this community.
    #[must_use]
    pub fn my_mid(&self) -> Mid {
        self.overlay.key.mid()
    }

    /// This community's id.
    #[must_use]
    pub fn community_id(&self) -> CommunityId {
        self.overlay.community_id
    }

    /// This community's name, as in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.overlay.name
    }

    /// This overlay's id in the node.
    #[must_use]
    pub fn overlay_id(&self) -> OverlayId {
        self.overlay.id
    }

    /// Our address in the LAN, estimated; 0.0.0.0:0 while the driver has not told it.
    #[must_use]
    pub fn lan(&self) -> SocketAddr {
        self.state.own.lan()
    }

    /// Our address on the Internet: what peers say, or else the LAN address.
    #[must_use]
    pub fn wan(&self) -> SocketAddr {
        self.state.own.wan
    }

    /// The address that we name in new-style introductions: IPv6 before IPv4, as peers see it or else as it was bound;
    /// 0.0.0.0:0 if none is known.
    #[must_use]
    pub fn preferred(&self) -> SocketAddr {
        self.state.own.preferred()
    }

    /// Whether this machine has this address, as far as the driver told.
    #[must_use]
    pub fn is_own_address(&self, ip: std::net::IpAddr) -> bool {
        self.state.own.is_ours(ip)
    }

    /// Whether the node has a socket for addresses of this family, as far as the driver told.
    #[must_use]
    pub fn can_reach(&self, address: SocketAddr) -> bool {
        let interfaces = &self.state.own.interfaces;
        (interfaces.v4.is_none() && interfaces.v6.is_none()) || self.state.own.has_class(address)
    }

    /// The message that is being handled; `None` in tasks, strategies and hooks.
    #[must_use]
    pub fn received(&self) -> Option<&Received<'_>> {
        self.received
    }

    /// The Lamport time of the key that this community uses. Received times are never merged into it, as in the
    /// reference. Unless the node counts as the reference does, it goes on by a random number before each introduction
    /// request ([`Hardening::random_identifiers`]).
    #[must_use]
    pub fn global_time(&self) -> u64 {
        self.state.clocks.get(&self.my_mid()).copied().unwrap_or(0)
    }

    /// Sets the Lamport time, for a node that goes on where it was.
    pub fn set_global_time(&mut self, time: u64) {
        self.state.clocks.insert(self.overlay.key.mid(), time);
    }

    /// How much this node trusts what it is told.
    #[must_use]
    pub fn hardening(&self) -> &Hardening {
        &self.state.hardening
    }

    /// The private key of this community.
    #[must_use]
    pub fn private_key(&self) -> &PrivateKey {
        &self.overlay.key
    }

    /// Sets what is taken for our address on the Internet, until a peer tells otherwise.
    pub fn set_wan(&mut self, wan: SocketAddr) {
        self.state.own.wan = wan;
    }

    /// Advances the Lamport time by one and returns it.
    pub fn claim_global_time(&mut self) -> u64 {
        let mid = self.overlay.key.mid();
        match self.state.clocks.get_mut(&mid) {
            Some(time) => {
                *time = time.saturating_add(1);
                *time
            }
            None => {
                self.state.clocks.insert(mid, 1);
                1
            }
        }
    }

    /// The communities that are loaded in this node, with the key that each uses.
    pub fn communities(&self) -> impl Iterator<Item = (CommunityId, &PrivateKey)> {
        self.state.directory.values().map(|entry| (entry.0, &entry.1))
    }
}

/// Peers.
impl Context<'_> {
    /// The verified peers of this community.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.network().serving(self.overlay.community_id).filter_map(PeerRecord::peer).collect()
    }

    /// How many verified peers this community has.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.network().count_serving(self.overlay.community_id)
    }

    /// A random verified peer of this community.
    pub fn random_peer(&mut self) -> Option<Peer> {
        let service = self.overlay.community_id;
        let (network, rng) = self.network_and_rng();
        network.random_serving(service, rng)?.peer()
    }

    /// The verified peer of this id, whatever community it was met in.
    #[must_use]
    pub fn peer(&self, mid: &Mid) -> Option<Peer> {
        self.network().get(mid)?.peer()
    }

    /// The addresses that this community could walk to.
    #[must_use]
    pub fn walkable(&self) -> Vec<SocketAddr> {
        self.network().walkable(self.overlay.community_id).collect()
    }

    /// The peer that signed a message: a known one, which is from now on at the address where the message came from, or
    /// is asked there whether it is; or one made for the occasion.
    pub(crate) fn identify(&mut self, received: &Received<'_>) -> Option<Peer> {
        let sender = received.sender_key()?;
        let source = received.source();
        let mid = sender.key.mid();
        let known = if sender.canonical { self.network_mut().seen_at(&mid, source) } else { None };
        let Some(record) = known else {
            return Some(Peer::new(sender.key.clone(), source));
        };
        let (peer, new_style, there) = (record.peer(), record.new_style(), record.addresses().was_at(source));
        if !there && self.state.hardening.challenge_moves {
            self.challenge(mid, source, new_style);
        }
        peer
    }

    /// The graph of peers and addresses.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.overlay.own_network.as_ref().unwrap_or(&self.state.network)
    }

    /// The graph, to change it.
    pub fn network_mut(&mut self) -> &mut Network {
        self.overlay.own_network.as_mut().unwrap_or(&mut self.state.network)
    }

    pub(crate) fn network_and_rng(&mut self) -> (&mut Network, &mut StdRng) {
        (self.overlay.own_network.as_mut().unwrap_or(&mut self.state.network), &mut self.state.rng)
    }
}
