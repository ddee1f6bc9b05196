//! Randomness of a run that is not a node's: all of it comes from the seed, by name, so that what is drawn for one thing
//! does not change another.

use std::time::Duration;

use ipv8_sim::link::exponential;
use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::scenario::Length;

/// What randomness is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    /// When nodes join.
    Join = 1,
    /// How long a node stays and goes, and whether it does; with its number.
    Session = 2,
    /// Whom an event strikes; with the event's number.
    Event = 3,
    /// How wrong a node's clock is; with its number.
    Clock = 4,
}

/// The generator for something. Xoshiro's numbers are the same on every machine and in every version.
pub(crate) fn generator(seed: u64, what: For, number: u64) -> Xoshiro256PlusPlus {
    let words = [what as u64, number];
    let hash = words.iter().fold(mix(0x7363_656e_6172_696f, seed), |hash, word| mix(hash, *word));
    Xoshiro256PlusPlus::seed_from_u64(hash)
}

/// The finalizer of splitmix64.
pub(crate) const fn mix(hash: u64, word: u64) -> u64 {
    let mut z = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws a length.
pub(crate) fn draw(length: Length, rng: &mut impl Rng) -> Duration {
    match length {
        Length::Fixed(length) => length,
        Length::Exponential(mean) => exponential(mean, rng),
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn another_name_gives_other_numbers() {
        let first = |seed, what, number| generator(seed, what, number).random::<u64>();
        let all = [
            first(1, For::Join, 0),
            first(2, For::Join, 0),
            first(1, For::Session, 0),
            first(1, For::Session, 1),
            first(1, For::Event, 1),
        ];
        assert!(all.iter().enumerate().all(|(index, a)| all.iter().skip(index + 1).all(|b| a != b)), "{all:?}");
    }
}
