//! Messages that are right, and serve nobody.

use std::fmt;

use ipv8_core::messages::{IntroductionResponse, NO_ADDRESS};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_wire::CommunityId;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, rngs::Xoshiro256PlusPlus};

use super::{
    Attacker, Scene,
    craft::{signed, signed_bytes},
    forged::request,
    made_up,
};
use ipv8_core::messages::{Flags, old_style};

/// Sends messages that are validly signed, by many keys of its own in turn: a Sybil. It answers nothing.
#[derive(Debug)]
pub struct Useless {
    community: CommunityId,
    kind: Kind,
    keys: Vec<PrivateKey>,
    most_keys: usize,
    seed: StdRng,
    sent: u64,
}

/// What makes the payload of a message.
type MakePayload = Box<dyn FnMut(&mut Xoshiro256PlusPlus) -> Vec<u8> + Send>;

enum Kind {
    Introduction,
    Response,
    Similarity,
    Other { id: u8, global_time: bool, payload: MakePayload },
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Introduction => "Introduction",
            Self::Response => "Response",
            Self::Similarity => "Similarity",
            Self::Other { .. } => "Other",
        })
    }
}

/// Communities that a similarity request claims to be in.
const CLAIMED: usize = 20;

/// A similarity request of the discovery community (protocol section 4).
const SIMILARITY_REQUEST: u8 = 1;

impl Useless {
    /// Introduction requests, each of which makes its key a peer, and has the victim answer and ask another peer to puncture.
    #[must_use]
    pub fn introduction_requests(community: CommunityId) -> Self {
        Self::of(community, Kind::Introduction)
    }

    /// Introduction responses that nobody asked for, each with an address that leads nowhere.
    #[must_use]
    pub fn responses(community: CommunityId) -> Self {
        Self::of(community, Kind::Response)
    }

    /// Similarity requests with twenty made-up communities, which the discovery community answers.
    #[must_use]
    pub fn similarity_requests(community: CommunityId) -> Self {
        Self::of(community, Kind::Similarity)
    }

    /// Messages of a user's own: the id, whether a global time comes before the payload, and what makes the payload.
    #[must_use]
    pub fn messages(
        community: CommunityId,
        id: u8,
        global_time: bool,
        payload: impl FnMut(&mut Xoshiro256PlusPlus) -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self::of(community, Kind::Other { id, global_time, payload: Box::new(payload) })
    }

    fn of(community: CommunityId, kind: Kind) -> Self {
        Self { community, kind, keys: Vec::new(), most_keys: 1_000, seed: StdRng::seed_from_u64(0), sent: 0 }
    }

    /// Signs with so many keys in turn, by default 1,000, drawn from the number.
    #[must_use]
    pub fn keys(mut self, keys: usize, seed: u64) -> Self {
        self.most_keys = keys.max(1);
        self.seed = StdRng::seed_from_u64(seed);
        self
    }

    /// The next key; the first round draws them.
    fn key(&mut self) -> Option<PrivateKey> {
        if self.keys.len() < self.most_keys {
            self.keys.push(PrivateKey::generate(Curve::Curve25519, &mut self.seed).ok()?);
            return self.keys.last().cloned();
        }
        let keys = u64::try_from(self.keys.len()).ok()?;
        self.keys.get(usize::try_from(self.sent % keys).ok()?).cloned()
    }

    fn packet(&mut self, rng: &mut Xoshiro256PlusPlus) -> Option<Vec<u8>> {
        let key = self.key()?;
        self.sent += 1;
        let (community, time, identifier) = (self.community, self.sent, rng.random());
        match &mut self.kind {
            Kind::Introduction => signed(community, &key, time, &request(identifier)),
            Kind::Response => {
                let response = IntroductionResponse {
                    destination_address: NO_ADDRESS,
                    source_lan_address: NO_ADDRESS,
                    source_wan_address: NO_ADDRESS,
                    lan_introduction_address: NO_ADDRESS,
                    wan_introduction_address: old_style(made_up(rng)),
                    flags: Flags::default(),
                    identifier,
                    extra_bytes: Vec::new(),
                };
                signed(community, &key, time, &response)
            }
            Kind::Similarity => {
                // Identifier, two addresses, flags, and ids of communities.
                let mut payload = vec![0; 2 + 6 + 6 + 1 + 20 * CLAIMED];
                if let Some(ids) = payload.get_mut(15..) {
                    rng.fill_bytes(ids);
                }
                if let Some(place) = payload.first_chunk_mut::<2>() {
                    *place = identifier.to_be_bytes();
                }
                signed_bytes(community, &key, SIMILARITY_REQUEST, Some(time), &payload)
            }
            Kind::Other { id, global_time, payload } => {
                signed_bytes(community, &key, *id, global_time.then_some(time), &payload(rng))
            }
        }
    }
}

impl Attacker for Useless {
    fn act(&mut self, scene: &mut Scene<'_>) {
        for target in scene.targets() {
            let Some(packet) = self.packet(scene.rng()) else { return };
            let source = scene.source();
            scene.send(source, target, packet);
        }
    }
}
