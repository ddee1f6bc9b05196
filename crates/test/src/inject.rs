//! Packets that no node sent, and packets that do not go their way.

use std::{net::SocketAddr, time::Duration};

use ipv8_core::Community;
use ipv8_crypto::PrivateKey;
use ipv8_sim::Fabric;
use ipv8_wire::{CommunityId, Outgoing};

use crate::{
    net::Net,
    packet::Captured,
    tap::{Fate, Rule},
};

/// From where an injected packet seems to come: the number of a node, or any address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The address of a node of the net.
    Node(usize),
    /// An address.
    Address(SocketAddr),
}

impl From<usize> for Origin {
    fn from(node: usize) -> Self {
        Self::Node(node)
    }
}

impl From<SocketAddr> for Origin {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// Injecting.
impl<F: Fabric> Net<F> {
    /// Lets bytes arrive at a node with the next [`Net::deliver`], as if they came from another node's address, or from any
    /// other: whatever there is in between, and unknown to the [counters](Net::metrics) and the [hash](Net::trace_hash) of the
    /// world. A captured packet is replayed by injecting its bytes, or [those with an error](Captured::corrupted).
    ///
    /// # Panics
    /// If one of them is no node.
    #[track_caller]
    pub fn inject(&mut self, to: usize, from: impl Into<Origin>, bytes: impl Into<Vec<u8>>) {
        let to = self.address(to);
        let from = match from.into() {
            Origin::Node(node) => self.address(node),
            Origin::Address(address) => address,
        };
        self.put(from, to, bytes.into());
    }

    /// The packet of a community with a message that this key signed (unless the message is an unsigned one), to be injected
    /// as anybody's. A message with a global time carries 1.
    ///
    /// # Panics
    /// If the message cannot be written, or the net has no node.
    #[must_use]
    #[track_caller]
    pub fn signed_by<C: Community, M: Outgoing>(&self, key: &PrivateKey, message: &M) -> Vec<u8> {
        self.packet_of(C::ID, key, message)
    }

    /// The same for a community whose id is known at run time only.
    ///
    /// # Panics
    /// If the message cannot be written, or no node has an overlay.
    #[must_use]
    #[track_caller]
    pub fn packet_of<M: Outgoing>(&self, community: CommunityId, key: &PrivateKey, message: &M) -> Vec<u8> {
        let pack = |place: &crate::net::Place| {
            let node = self.world.node(place.id);
            let overlay = *node.overlays().first()?;
            node.in_overlay(overlay, |cx| cx.pack_as(community, key, M::GLOBAL_TIME.then_some(1), message)).ok()
        };
        match self.nodes.iter().find_map(pack) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => panic!("{}: {error}", M::NAME),
            None => panic!("packets are made by a node with an overlay, and the net has none: add one first"),
        }
    }
}

/// Intercepting.
impl<F: Fabric> Net<F> {
    /// Decides about every packet that a node sends from now on. Several rules are asked in the order in which they were
    /// set, until one says anything but [`Fate::Deliver`]. Packets that the test injects are not asked about.
    ///
    /// ```
    /// # use ipv8_core::{Community, Routes, wire::{CommunityId, community_id}};
    /// # struct Chat;
    /// # impl Community for Chat {
    /// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
    /// #     fn routes(_: &mut Routes<Self>) {}
    /// # }
    /// use ipv8_test::{Fate, Net};
    ///
    /// let mut net = Net::of(2, |_| Chat);
    /// // Nothing from the first node arrives whole.
    /// net.intercept(|packet| if packet.from == 0 { Fate::Replace(packet.corrupted(-1)) } else { Fate::Deliver });
    /// ```
    pub fn intercept(&mut self, mut decide: impl FnMut(&Captured) -> Fate + Send + 'static) {
        self.rule(Box::new(move |packet| Some(decide(packet)).filter(|fate| *fate != Fate::Deliver)));
    }

    /// Holds back the next packet for which a condition holds.
    pub fn drop_next(&mut self, matches: impl FnMut(&Captured) -> bool + Send + 'static) {
        self.once(Fate::Drop, matches);
    }

    /// Delays the next packet for which a condition holds.
    pub fn delay_next(&mut self, delay: Duration, matches: impl FnMut(&Captured) -> bool + Send + 'static) {
        self.once(Fate::Delay(delay), matches);
    }

    /// Lets the next packet arrive twice for which a condition holds.
    pub fn duplicate_next(&mut self, matches: impl FnMut(&Captured) -> bool + Send + 'static) {
        self.once(Fate::Duplicate, matches);
    }

    fn once(&mut self, fate: Fate, mut matches: impl FnMut(&Captured) -> bool + Send + 'static) {
        let mut fate = Some(fate);
        self.rule(Box::new(move |packet| if fate.is_some() && matches(packet) { fate.take() } else { None }));
    }

    /// Lets every packet go its way again.
    pub fn stop_intercepting(&mut self) {
        self.world.fabric_mut().rules.clear();
    }

    fn rule(&mut self, rule: Rule) {
        self.world.fabric_mut().rules.push(rule);
    }
}
