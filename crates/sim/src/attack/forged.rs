//! Messages whose signatures do not hold.

use ipv8_core::messages::{Flags, IntroductionRequest, NO_ADDRESS};
use ipv8_crypto::{Curve, KeyError, PrivateKey, PublicKey};
use ipv8_wire::{CommunityId, Outgoing};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Attacker, Scene, craft::head, keys::old_key};

/// Sends introduction requests that are well formed, by real keys, and whose signatures do not hold: whoever gets one finds
/// that out by checking it. The numbers of the signature are within their range, so that the check takes as long as any.
///
/// The same few packets are sent again and again: nodes remember no verdict, while the simulator does by default
/// ([`Memoised`](ipv8_crypto::Memoised)), which makes dear signatures cheap for it.
#[derive(Clone, Debug)]
pub struct Forged {
    packets: Vec<Vec<u8>>,
    next: usize,
}

impl Forged {
    /// Forged by so many fresh keys of curve25519, one packet each, which are drawn from the number; or so many packets by
    /// one key of an older curve.
    ///
    /// # Errors
    /// If a key cannot be made.
    pub fn new(community: CommunityId, curve: Curve, packets: u32, seed: u64) -> Result<Self, KeyError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let forge_next = |_| match old_key(curve) {
            Some(key) => Ok(forge(community, &key, curve.signature_len(), Some(curve), &mut rng)),
            None => {
                let key = PrivateKey::generate(curve, &mut rng)?;
                Ok(forge(community, key.public().as_bytes(), curve.signature_len(), Some(curve), &mut rng))
            }
        };
        let packets: Result<_, KeyError> = (0..packets.max(1)).map(forge_next).collect();
        Ok(Self { packets: packets?, next: 0 })
    }

    /// Forged in the names of others, who may be peers of the victims: so many packets for each.
    #[must_use]
    pub fn in_the_name_of(community: CommunityId, keys: &[PublicKey], packets: u32, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let packets = (0..packets.max(1)).flat_map(|_| keys);
        let packets =
            packets.map(|key| forge(community, key.as_bytes(), key.signature_len(), key.curve(), &mut rng)).collect();
        Self { packets, next: 0 }
    }
}

/// An introduction request with a made-up signature.
fn forge(community: CommunityId, key: &[u8], signature_len: usize, curve: Option<Curve>, rng: &mut StdRng) -> Vec<u8> {
    let mut packet = head(community, <IntroductionRequest as Outgoing>::ID, key, Some(rng.next_u64() >> 32));
    // It has no list, so that it is always written.
    let _ = Outgoing::write_fields(&request(0), &mut packet);
    let mut packet = packet.into_vec();
    let mut signature = vec![0; signature_len];
    rng.fill_bytes(&mut signature);
    // Two numbers: of curve25519 the second is little-endian and has 253 bits, of the others both are big-endian and a few
    // bits shorter than their bytes.
    let half = signature.len() / 2;
    let clear: [(usize, u8); 4] = match curve {
        Some(Curve::Curve25519) => [(63, 0x0f), (63, 0x0f), (63, 0x0f), (63, 0x0f)],
        _ => [(0, 0), (1, 0), (half, 0), (half + 1, 0)],
    };
    for (at, mask) in clear {
        if let Some(byte) = signature.get_mut(at) {
            *byte &= mask;
        }
    }
    packet.extend_from_slice(&signature);
    packet
}

/// An introduction request of somebody who knows no address.
pub(super) fn request(identifier: u16) -> IntroductionRequest {
    IntroductionRequest {
        destination_address: NO_ADDRESS,
        source_lan_address: NO_ADDRESS,
        source_wan_address: NO_ADDRESS,
        flags: Flags(Flags::ADVICE),
        identifier,
        extra_bytes: Vec::new(),
    }
}

impl Attacker for Forged {
    fn act(&mut self, scene: &mut Scene<'_>) {
        for target in scene.targets() {
            let Some(packet) = self.packets.get(self.next) else { return };
            let source = scene.source();
            scene.send(source, target, packet.clone());
            self.next = (self.next + 1) % self.packets.len();
        }
    }
}
