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
    /// The key of a value in the DHT, and who stores it, looks for it, and looks for nodes meanwhile; with its number.
    Value = 5,
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
        // The square of an exponential time; half of those are below ln 2.
        Length::Weibull(median) => {
            let nanos = exponential(Duration::from_secs(1), rng).as_nanos();
            let square = nanos.saturating_mul(nanos) / 480_453_014;
            let length = median.as_nanos().saturating_mul(square) / 1_000_000_000;
            Duration::from_nanos(u64::try_from(length).unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn half_of_weibull_lengths_are_below_their_median_and_few_are_long() {
        let mut rng = generator(1, For::Session, 0);
        let median = Duration::from_secs(600);
        let drawn: Vec<_> = (0..20_000).map(|_| draw(Length::Weibull(median), &mut rng)).collect();
        let part = |longest: f64| drawn.iter().filter(|length| length.as_secs_f64() < 600.0 * longest).count();
        assert!((9_700..10_300).contains(&part(1.0)), "{}", part(1.0));
        // 1 - 2 ^ -sqrt(1/4), and 1 - 2 ^ -sqrt(16).
        assert!((5_560..6_160).contains(&part(0.25)), "{}", part(0.25));
        assert!((18_600..18_900).contains(&part(16.0)), "{}", part(16.0));
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
