//! A node outside of the simulator, at 10.0.0.1, to which packets are handed.

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{
    Handle, Interfaces, Node, NodeConfig, Peer, Time,
    crypto::{Curve, PrivateKey},
    wire::Outgoing,
};
use ipv8_dht::{DHT_COMMUNITY, DhtCommunity, DhtConfig, messages::FindRequest, token::TokenSecrets};
use rand::{SeedableRng, rngs::StdRng};

/// See above.
pub(crate) struct Lone {
    pub(crate) node: Node,
    pub(crate) handle: Handle<DhtCommunity>,
    now: Time,
}

impl Default for Lone {
    fn default() -> Self {
        Self::new(DhtConfig::default())
    }
}

impl Lone {
    pub(crate) fn new(config: DhtConfig) -> Self {
        let node = Node::new(NodeConfig::new(key(99), [3; 32]));
        node.set_interfaces(Interfaces {
            lan: Some("10.0.0.1:1".parse().unwrap()),
            v4: Some("10.0.0.1:1".parse().unwrap()),
            v6: Some("[2001:db8::1]:1".parse().unwrap()),
            machine: Vec::new(),
        });
        let handle = node.load(DhtCommunity::new(config).overlay().no_strategies()).unwrap();
        handle
            .with(|dht, cx| {
                cx.set_wan("10.0.0.1:1".parse().unwrap());
                dht.set_token_secrets(TokenSecrets::known(None, [1; 16]));
            })
            .unwrap();
        Self { node, handle, now: Time::ZERO }
    }

    /// Has somebody send a message; what is sent then, and where to.
    pub(crate) fn send_to(&self, from: &PrivateKey, at: &str, message: &impl Outgoing) -> Vec<(SocketAddr, Vec<u8>)> {
        let packet = self.handle.with(|_, cx| cx.pack_as(DHT_COMMUNITY, from, None, message).unwrap()).unwrap();
        self.node.handle(self.now, [(at.parse().unwrap(), packet.as_slice())]);
        self.node.poll(self.now);
        let mut sent = Vec::new();
        self.node.drain_transmits(&mut sent);
        sent.into_iter().map(|packet| (packet.to, packet.bytes.to_vec())).collect()
    }

    pub(crate) fn send(&self, from: &PrivateKey, at: &str, message: &impl Outgoing) -> Vec<Vec<u8>> {
        self.send_to(from, at, message).into_iter().map(|(_, packet)| packet).collect()
    }

    /// What the node would tell somebody who asks.
    pub(crate) fn token(&self, peer: &PrivateKey, at: &str) -> [u8; 20] {
        TokenSecrets::known(None, [1; 16]).token(&Peer::new(peer.public().clone(), at.parse().unwrap()))
    }

    pub(crate) fn pass(&mut self, secs: u64) {
        for _ in 0..secs {
            self.pass_millis(1_000);
        }
    }

    pub(crate) fn pass_millis(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.node.poll(self.now);
        self.node.drain_transmits(&mut Vec::new());
    }

    /// A packet without header and signature.
    pub(crate) fn payload(packet: &[u8]) -> &[u8] {
        &packet[22 + 1 + 2 + 74..packet.len() - 64]
    }

    /// One of many keys.
    pub(crate) fn numbered(number: usize) -> PrivateKey {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(number as u64 + 1_000).to_be_bytes());
        PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed(seed)).unwrap()
    }
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap()
}

pub(crate) fn find(target: [u8; 20], offset: u32) -> FindRequest {
    FindRequest { identifier: 1, lan_address: "10.0.0.2:2".parse().unwrap(), target, offset, force_nodes: false }
}

/// The token in an answer to a find request.
pub(crate) fn token(answer: &[u8]) -> [u8; 20] {
    const BEFORE: usize = 22 + 1 + 2 + 74 + 4;
    answer[BEFORE..BEFORE + 20].try_into().unwrap()
}
