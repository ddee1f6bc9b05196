//! One node, spoken to by hand.

use ipv8_core::{
    Interfaces, Node as CoreNode, NodeConfig, Time,
    crypto::{Curve, PrivateKey},
};
use ipv8_dht::{DHT_COMMUNITY, DhtCommunity, DhtConfig, messages::FindRequest};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap()
}

/// Another key for each number.
pub(crate) fn many(number: u32) -> PrivateKey {
    let mut seed = [0xee; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed(seed)).unwrap()
}

/// A node outside of the simulator, at 10.0.0.1.
pub(crate) fn node() -> (CoreNode, ipv8_core::Handle<DhtCommunity>) {
    node_with(DhtConfig::default())
}

/// The same with another configuration.
pub(crate) fn node_with(config: DhtConfig) -> (CoreNode, ipv8_core::Handle<DhtCommunity>) {
    let node = CoreNode::new(NodeConfig::new(key(99), [3; 32]));
    node.set_interfaces(Interfaces {
        lan: Some("10.0.0.1:1".parse().unwrap()),
        v4: Some("10.0.0.1:1".parse().unwrap()),
        v6: Some("[2001:db8::1]:1".parse().unwrap()),
        machine: Vec::new(),
    });
    let handle = node.load(DhtCommunity::new(config).overlay().no_strategies()).unwrap();
    handle.with(|_, cx| cx.set_wan("10.0.0.1:1".parse().unwrap())).unwrap();
    (node, handle)
}

/// Has somebody send a message and returns how many packets come back.
pub(crate) fn send(
    (node, handle): &(CoreNode, ipv8_core::Handle<DhtCommunity>),
    from: (&PrivateKey, &str),
    message: &impl ipv8_core::wire::Outgoing,
) -> Vec<Vec<u8>> {
    let packet = handle.with(|_, cx| cx.pack_as(DHT_COMMUNITY, from.0, None, message).unwrap()).unwrap();
    node.handle(Time::ZERO, [(from.1.parse().unwrap(), packet.as_slice())]);
    node.poll(Time::ZERO);
    let mut sent = Vec::new();
    node.drain_transmits(&mut sent);
    sent.into_iter().map(|packet| packet.bytes.to_vec()).collect()
}

pub(crate) fn find(target: [u8; 20], offset: u32) -> FindRequest {
    FindRequest { identifier: 1, lan_address: "10.0.0.2:2".parse().unwrap(), target, offset, force_nodes: false }
}

/// The token in an answer to a find request.
pub(crate) fn token(answer: &[u8]) -> [u8; 20] {
    const BEFORE: usize = 22 + 1 + 2 + 74 + 4;
    answer[BEFORE..BEFORE + 20].try_into().unwrap()
}
