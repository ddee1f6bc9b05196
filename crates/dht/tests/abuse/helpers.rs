//! One node, spoken to by hand.

use ipv8_core::{
    Node as CoreNode, Time,
    crypto::{Curve, PrivateKey},
};
use ipv8_dht::{DHT_COMMUNITY, DhtCommunity, DhtConfig};
use rand::{SeedableRng, rngs::StdRng};

use crate::common::lone::Lone;
pub(crate) use crate::common::lone::{find, key, token};

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
    let Lone { node, handle, .. } = Lone::new(config);
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
