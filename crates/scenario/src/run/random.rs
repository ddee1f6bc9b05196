//! Randomness of a run that is not a node's: all of it comes from the seed, by name, so that what is drawn for one thing
//! does not change another.

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

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
}

/// The generator for something. Xoshiro's numbers are the same on every machine and in every version.
pub(crate) fn generator(seed: u64, what: For, number: u64) -> Xoshiro256PlusPlus {
    let words = [what as u64, number];
    let hash = words.iter().fold(mix(0x7363_656e_6172_696f, seed), |hash, word| mix(hash, *word));
    Xoshiro256PlusPlus::seed_from_u64(hash)
}

/// The finalizer of splitmix64.
const fn mix(hash: u64, word: u64) -> u64 {
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

/// Draws from the exponential distribution with this mean, by von Neumann's comparisons (J. von Neumann, "Various
/// techniques used in connection with random digits", 1951): with whole numbers only, so that every machine draws the same,
/// which a logarithm would not promise.
pub(crate) fn exponential(mean: Duration, rng: &mut impl Rng) -> Duration {
    let mean = mean.as_nanos();
    let mut whole: u128 = 0;
    loop {
        let first: u32 = rng.random();
        let (mut last, mut run) = (first, 1_u32);
        loop {
            let next: u32 = rng.random();
            if next >= last {
                break;
            }
            (last, run) = (next, run + 1);
        }
        // An odd descending run: the first number is the fraction.
        if run % 2 == 1 {
            let nanos = mean.saturating_mul(whole << 32 | u128::from(first)) >> 32;
            return Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4));
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_times_have_their_mean_and_their_tail() {
        let mut rng = generator(1, For::Join, 0);
        let mean = Duration::from_secs(10);
        let drawn: Vec<_> = (0..100_000).map(|_| exponential(mean, &mut rng)).collect();
        let average = drawn.iter().sum::<Duration>() / 100_000;
        assert!((Duration::from_millis(9_900)..Duration::from_millis(10_100)).contains(&average), "{average:?}");
        // e^-2 is 0.1353.
        let tail = drawn.iter().filter(|time| **time > mean * 2).count();
        assert!((13_200..13_900).contains(&tail), "{tail}");
    }

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
