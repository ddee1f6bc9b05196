//! Bytes that mean nothing.

use ipv8_wire::{CommunityId, Prefix};
use rand::{Rng, RngExt, rngs::Xoshiro256PlusPlus};

use super::{Attacker, Scene};

/// Sends bytes that are no message, of as many bytes as messages have: in turn random ones, random ones after the prefix of
/// a community and a message id that every community has, and the beginning of an introduction request.
#[derive(Clone, Debug)]
pub struct Garbage {
    prefix: Prefix,
    turn: u8,
}

/// A key, a global time, a payload and a signature.
const USUAL_SIZE: usize = 190;

/// An introduction request up to its key.
const REQUEST: [u8; 13] = [246, 0, 74, b'L', b'i', b'b', b'N', b'a', b'C', b'L', b'P', b'K', b':'];

impl Garbage {
    /// Garbage for the members of a community.
    #[must_use]
    pub fn new(community: CommunityId) -> Self {
        Self { prefix: Prefix::new(community), turn: 0 }
    }

    fn next(&mut self, rng: &mut Xoshiro256PlusPlus) -> Vec<u8> {
        let mut bytes = vec![0; USUAL_SIZE];
        rng.fill_bytes(&mut bytes);
        let begin: &[u8] = match self.turn {
            0 => &[],
            1 => &[246],
            _ => &REQUEST,
        };
        if self.turn > 0 {
            let prefix: &[u8] = self.prefix.as_bytes();
            for (byte, known) in bytes.iter_mut().zip(prefix.iter().chain(begin)) {
                *byte = *known;
            }
        }
        if self.turn > 1 {
            // Somewhere within the key, whose end is 97 bytes from the start.
            bytes.truncate(rng.random_range(36..97));
        }
        self.turn = (self.turn + 1) % 3;
        bytes
    }
}

impl Attacker for Garbage {
    fn act(&mut self, scene: &mut Scene<'_>) {
        for target in scene.targets() {
            let bytes = self.next(scene.rng());
            let source = scene.source();
            scene.send(source, target, bytes);
        }
    }
}
