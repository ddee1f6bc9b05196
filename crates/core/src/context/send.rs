//! Sending: messages to peers and addresses, and packets that are made without being sent.

use std::net::SocketAddr;

use ipv8_crypto::{Mid, PrivateKey};
use ipv8_wire::{CommunityId, Outgoing, PREFIX_LEN, Prefix};

use super::{Context, Received};
use crate::{
    observe::Observation,
    outbox::{self, SendError},
    peer::Peer,
    stats::DropReason,
};

/// Sending.
impl Context<'_> {
    /// Sends a message to a peer: signed unless the message says otherwise. A message that cannot be sent is dropped,
    /// counted and logged; use [`Context::try_send`] to learn of it.
    pub fn send<M: Outgoing>(&mut self, to: &Peer, message: M) {
        if let Err(error) = self.try_send(to, message) {
            self.refuse_message(Some(M::ID), &error);
        }
    }

    /// Sends a message to a peer, at the address where it is now.
    ///
    /// # Errors
    /// If the message cannot be written, is too large, or the queue to the driver is full.
    pub fn try_send<M: Outgoing>(&mut self, to: &Peer, message: M) -> Result<(), SendError> {
        self.try_send_to(self.address_of(to), message)
    }

    /// Where a peer is now.
    pub(crate) fn address_of(&self, peer: &Peer) -> SocketAddr {
        self.address_of_mid(&peer.mid()).unwrap_or_else(|| peer.address())
    }

    /// Where a known peer is now.
    pub(crate) fn address_of_mid(&self, peer: &Mid) -> Option<SocketAddr> {
        self.network().get(peer)?.addresses().preferred()
    }

    /// Sends a message to an address. As [`Context::send`] otherwise.
    pub fn send_to<M: Outgoing>(&mut self, to: SocketAddr, message: M) {
        if let Err(error) = self.try_send_to(to, message) {
            self.refuse_message(Some(M::ID), &error);
        }
    }

    /// Sends a message to an address.
    ///
    /// # Errors
    /// As [`Context::try_send`].
    pub fn try_send_to<M: Outgoing>(&mut self, to: SocketAddr, message: M) -> Result<(), SendError> {
        let global_time = M::GLOBAL_TIME.then(|| self.claim_global_time());
        self.post(to, global_time, &message)
    }

    /// Makes a complete packet without sending it.
    ///
    /// # Errors
    /// If the message cannot be written or signed, or is too large.
    pub fn pack<M: Outgoing>(&mut self, message: M) -> Result<Vec<u8>, SendError> {
        let global_time = M::GLOBAL_TIME.then(|| self.claim_global_time());
        self.pack_at(global_time, &message)
    }

    /// Makes a complete packet in the name of another community, with another key or another global time, without
    /// sending it; for those who know why.
    ///
    /// # Errors
    /// As [`Context::pack`].
    pub fn pack_as<M: Outgoing>(
        &self,
        community: CommunityId,
        key: &PrivateKey,
        global_time: Option<u64>,
        message: &M,
    ) -> Result<Vec<u8>, SendError> {
        let mut bytes = outbox::write_packet(Vec::new(), Prefix::new(community).as_bytes(), key, global_time, message)?;
        if M::SIGNED {
            outbox::sign(&*self.state.signer, key, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Sends bytes as they are.
    pub fn send_packet(&mut self, to: SocketAddr, packet: Vec<u8>) {
        self.post_packet(to, packet, None);
    }

    /// What this community adds to its introduction requests and responses.
    pub fn set_introduction_extra(&mut self, request: Vec<u8>, response: Vec<u8>) {
        self.overlay.request_extra = request;
        self.overlay.response_extra = response;
    }

    /// Writes a packet in the name of a community, up to its signature.
    pub(crate) fn write_as<M: Outgoing>(
        &self,
        community: CommunityId,
        global_time: Option<u64>,
        message: &M,
    ) -> Result<Vec<u8>, SendError> {
        outbox::write_packet(Vec::new(), Prefix::new(community).as_bytes(), &self.overlay.key, global_time, message)
    }

    /// Queues a packet that lacks its signature; it is signed when the turn ends.
    pub(crate) fn send_unsigned(&mut self, to: SocketAddr, packet: Vec<u8>) {
        let key = self.overlay.key.clone();
        self.post_packet(to, packet, Some(key));
    }

    fn post_packet(&mut self, to: SocketAddr, packet: Vec<u8>, signer: Option<PrivateKey>) {
        let id = packet.get(PREFIX_LEN).copied();
        let size = packet.len() + signer.as_ref().map_or(0, |key| key.public().signature_len());
        match self.state.outbox.push(to, packet, signer) {
            Ok(()) => self.overlay.traffic.sent(id, None, size, self.state.now),
            Err(error) => self.refuse_message(id, &error),
        }
    }

    pub(crate) fn pack_at<M: Outgoing>(&self, global_time: Option<u64>, message: &M) -> Result<Vec<u8>, SendError> {
        self.pack_as(self.overlay.community_id, &self.overlay.key, global_time, message)
    }

    /// Queues a message; it is signed when the turn ends.
    pub(crate) fn post<M: Outgoing>(
        &mut self,
        to: SocketAddr,
        global_time: Option<u64>,
        message: &M,
    ) -> Result<(), SendError> {
        let bytes = self.write_own(global_time, message)?;
        self.post_written::<M>(to, bytes)
    }

    /// Writes a message up to its signature.
    pub(crate) fn write<M: Outgoing>(&mut self, message: &M) -> Result<Vec<u8>, SendError> {
        let global_time = M::GLOBAL_TIME.then(|| self.claim_global_time());
        self.write_own(global_time, message)
    }

    fn write_own<M: Outgoing>(&mut self, global_time: Option<u64>, message: &M) -> Result<Vec<u8>, SendError> {
        let buffer = self.state.outbox.buffer();
        outbox::write_packet(buffer, self.overlay.prefix.as_bytes(), &self.overlay.key, global_time, message)
    }

    /// Queues a message that was written up to its signature.
    pub(crate) fn post_written<M: Outgoing>(&mut self, to: SocketAddr, bytes: Vec<u8>) -> Result<(), SendError> {
        let signer = M::SIGNED.then(|| self.overlay.key.clone());
        let size = bytes.len() + signer.as_ref().map_or(0, |key| key.public().signature_len());
        self.state.outbox.push(to, bytes, signer)?;
        self.overlay.traffic.sent(Some(M::ID), Some(M::NAME), size, self.state.now);
        Ok(())
    }

    /// Counts and logs that a packet of the node's own could not be made.
    pub(crate) fn refuse(&mut self, error: &SendError) {
        self.refuse_message(None, error);
    }

    fn refuse_message(&mut self, id: Option<u8>, error: &SendError) {
        self.state.stats.drop(error.reason());
        self.overlay.traffic.dropped(id, error.reason());
        tracing::debug!(community = self.overlay.name, message = id, %error, "message not sent");
        self.state.observe(&Observation::NotSent { community: self.overlay.name, message: id, error });
    }

    /// Counts and logs that the message being handled was dropped, for handlers that drop by rules of their own; it does
    /// not count as delivered then.
    pub fn count_drop(&mut self, reason: DropReason) {
        self.state.stats.drop(reason);
        self.overlay.traffic.dropped(self.received.map(Received::message_id), reason);
        if let Some(received) = self.received {
            received.dropped.set(true);
            tracing::debug!(
                community = self.overlay.name,
                source = %received.source(),
                message = received.message_id(),
                reason = reason.as_str(),
                "dropped"
            );
            let (source, datagram) = (received.source(), received.datagram());
            self.state.observe(&Observation::Dropped { source, datagram, reason });
        }
    }
}
