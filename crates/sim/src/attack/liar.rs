//! Answers that are not true.

use std::{collections::BTreeMap, net::SocketAddr};

use ipv8_core::messages::{
    Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS, NewIntroductionRequest, NewIntroductionResponse,
    old_style,
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_wire::{CommunityId, Message};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Attacker, Heard, Scene,
    craft::{read, signed},
    forged::request,
    made_up,
};

/// Whom a [`Liar`] introduces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// Addresses where nobody is, another one each time.
    Nowhere,
    /// Always this address.
    Victim(SocketAddr),
    /// Its own addresses, where it is somebody else each time: each has a key of its own.
    Sybils,
}

/// Becomes a peer by asking for introductions, and answers those who ask it with addresses of its choice.
///
/// It acts at its [rate](super::AttackerOptions::new): one request to a target each time. Whoever walks to one of its
/// addresses gets an answer from there, signed with the key of that address.
#[derive(Debug)]
pub struct Liar {
    community: CommunityId,
    lie: Lie,
    wan: Option<SocketAddr>,
    keys: BTreeMap<SocketAddr, PrivateKey>,
    seed: StdRng,
    time: u64,
}

impl Liar {
    /// A liar whose keys are drawn from the number.
    #[must_use]
    pub fn new(community: CommunityId, lie: Lie, seed: u64) -> Self {
        let seed = StdRng::seed_from_u64(seed);
        Self { community, lie, wan: None, keys: BTreeMap::new(), seed, time: 0 }
    }

    /// Tells everybody that this is their address on the Internet; by default it tells the truth.
    #[must_use]
    pub const fn wan(mut self, address: SocketAddr) -> Self {
        self.wan = Some(address);
        self
    }

    /// The key of one of its addresses.
    fn key(&mut self, own: SocketAddr) -> Option<PrivateKey> {
        if let Some(key) = self.keys.get(&own) {
            return Some(key.clone());
        }
        let key = PrivateKey::generate(Curve::Curve25519, &mut self.seed).ok()?;
        self.keys.insert(own, key.clone());
        Some(key)
    }

    fn introduced(&self, scene: &mut Scene<'_>, own: SocketAddr) -> SocketAddr {
        match self.lie {
            Lie::Nowhere => made_up(scene.rng()),
            Lie::Victim(victim) => victim,
            Lie::Sybils => {
                let others: Vec<_> = scene.addresses().iter().copied().filter(|other| *other != own).collect();
                let index = scene.rng().random_range(0..others.len().max(1));
                others.get(index).copied().unwrap_or(own)
            }
        }
    }

    /// The answer to a request of either style.
    fn answer(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) -> Option<Vec<u8>> {
        let introduced = self.introduced(scene, heard.to);
        let seen_at = self.wan.unwrap_or(heard.source);
        let key = self.key(heard.to)?;
        self.time += 1;
        if let Some(asked) = read::<IntroductionRequest>(heard.bytes, <IntroductionRequest as Message>::ID) {
            let response = IntroductionResponse {
                destination_address: old_style(seen_at),
                source_lan_address: NO_ADDRESS,
                source_wan_address: old_style(heard.to),
                lan_introduction_address: NO_ADDRESS,
                wan_introduction_address: old_style(introduced),
                flags: Flags::default(),
                identifier: asked.identifier,
                extra_bytes: Vec::new(),
            };
            return signed(self.community, &key, self.time, &response);
        }
        let asked = read::<NewIntroductionRequest>(heard.bytes, <NewIntroductionRequest as Message>::ID)?;
        let response = NewIntroductionResponse {
            destination_address: seen_at,
            source_lan_address: SocketAddr::V4(NO_ADDRESS),
            source_wan_address: heard.to,
            lan_introduction_address: SocketAddr::V4(NO_ADDRESS),
            wan_introduction_address: introduced,
            identifier: asked.identifier,
            flags: Flags::default(),
            extra_bytes: Vec::new(),
        };
        signed(self.community, &key, self.time, &response)
    }
}

impl Attacker for Liar {
    fn act(&mut self, scene: &mut Scene<'_>) {
        for target in scene.targets() {
            let source = scene.source();
            let identifier = scene.rng().random();
            let Some(key) = self.key(source) else { return };
            self.time += 1;
            if let Some(packet) = signed(self.community, &key, self.time, &request(identifier)) {
                scene.send(source, target, packet);
            }
        }
    }

    fn hears(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) {
        if let Some(answer) = self.answer(scene, heard) {
            scene.send(heard.to, heard.source, answer);
        }
    }
}
