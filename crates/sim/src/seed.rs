//! From one number to all randomness of a world: independent generators, each named by a few numbers.

use rand::{SeedableRng, rngs::StdRng};

/// An odd constant without structure: the golden ratio's fraction, as in splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes one number into a hash: splitmix64's finalizer, which changes half of the bits for every bit of input. Not
/// cryptographic.
#[inline]
pub(crate) const fn mix(hash: u64, word: u64) -> u64 {
    let mut z = (hash ^ word).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator of this name in the world of this seed. Another name gives an independent one, so that a node added
/// to a world leaves the keys of all others as they were.
pub(crate) fn generator(seed: u64, name: &[u64]) -> StdRng {
    StdRng::seed_from_u64(name.iter().fold(mix(0, seed), |hash, word| mix(hash, *word)))
}
