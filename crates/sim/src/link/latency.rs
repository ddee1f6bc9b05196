//! How long packets take.

use std::time::Duration;

use rand::{Rng, RngExt};

/// How long a packet takes, drawn anew for each: packets overtake each other unless it is constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Nearly a normal distribution: never further than 3.46 deviations from the mean, and never below zero.
    Normal {
        /// The mean.
        mean: Duration,
        /// The standard deviation.
        deviation: Duration,
    },
}

impl Latency {
    pub(crate) fn draw(self, rng: &mut impl Rng) -> Duration {
        match self {
            Self::Constant(latency) => latency,
            Self::Uniform(least, most) if least < most => rng.random_range(least..=most),
            Self::Uniform(least, _) => least,
            Self::Normal { mean, deviation } => {
                // Four even numbers make a sum that is nearly normal; integers, so that every machine agrees.
                let sum: i128 = rng.random::<[u16; 4]>().into_iter().map(i128::from).sum();
                normal(mean, deviation, sum)
            }
        }
    }

    /// The least that is ever drawn.
    #[must_use]
    pub fn least(self) -> Duration {
        match self {
            Self::Constant(latency) | Self::Uniform(latency, _) => latency,
            Self::Normal { mean, deviation } => normal(mean, deviation, 0),
        }
    }
}

fn normal(mean: Duration, deviation: Duration, sum: i128) -> Duration {
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::from(u64::MAX));
    let offset = nanos(deviation).saturating_mul(sum - SUM_MEAN) / SUM_DEVIATION;
    let latency = nanos(mean).saturating_add(offset).max(0);
    Duration::from_nanos(u64::try_from(latency).unwrap_or(u64::MAX))
}

/// Mean of the sum of four numbers of 16 bits.
const SUM_MEAN: i128 = 131_070;

/// Its standard deviation: 65,536 divided by the square root of three.
const SUM_DEVIATION: i128 = 37_837;

/// A time from the exponential distribution with this mean: how long it takes until something happens that may happen at
/// any moment alike. Exact to 32 bits and made of integers and comparisons, so that every machine draws the same (John von
/// Neumann, "Various techniques used in connection with random digits", 1951).
#[must_use]
pub fn exponential(mean: Duration, rng: &mut impl Rng) -> Duration {
    let nanos = u64::try_from(mean.as_nanos()).unwrap_or(u64::MAX);
    let mut whole = 0_u64;
    loop {
        // Falling numbers: how many there are in a row is odd with the probability that the first one is wanted.
        let first: u32 = rng.random();
        let (mut last, mut row) = (first, 1_u32);
        loop {
            let next: u32 = rng.random();
            if next >= last {
                break;
            }
            last = next;
            row += 1;
        }
        if row % 2 == 1 {
            let part = (u128::from(nanos) * u128::from(first)) >> 32;
            let part = u64::try_from(part).unwrap_or(u64::MAX);
            return Duration::from_nanos(nanos.saturating_mul(whole).saturating_add(part));
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    #[test]
    fn latencies_are_distributed_as_they_say() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let ms = Duration::from_millis;
        let mut mean = |latency: Latency, within: std::ops::RangeInclusive<Duration>| {
            let drawn: Vec<_> = (0..10_000).map(|_| latency.draw(&mut rng)).collect();
            assert!(drawn.iter().all(|latency| within.contains(latency)), "{latency:?}");
            assert!(drawn.iter().all(|drawn| *drawn >= latency.least()), "{latency:?}");
            drawn.iter().sum::<Duration>() / 10_000
        };
        assert_eq!(mean(Latency::Constant(ms(5)), ms(5)..=ms(5)), ms(5));
        let uniform = mean(Latency::Uniform(ms(20), ms(80)), ms(20)..=ms(80));
        assert!((ms(49)..ms(51)).contains(&uniform), "{uniform:?}");
        let normal = mean(Latency::Normal { mean: ms(50), deviation: ms(10) }, ms(15)..=ms(85));
        assert!((ms(49)..ms(51)).contains(&normal), "{normal:?}");
        assert_eq!(mean(Latency::Normal { mean: ms(0), deviation: ms(0) }, ms(0)..=ms(0)), ms(0));
    }

    #[test]
    fn exponential_times_have_their_mean_and_half_of_them_are_below_their_median() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mean = Duration::from_secs(1);
        let drawn: Vec<_> = (0..20_000).map(|_| exponential(mean, &mut rng).as_secs_f64()).collect();
        let average = drawn.iter().sum::<f64>() / 20_000.0;
        assert!((0.97..1.03).contains(&average), "{average}");
        // The parts below ln 2 and above 2: one half, and e to the power of -2.
        let below = drawn.iter().filter(|time| **time < std::f64::consts::LN_2).count();
        let above = drawn.iter().filter(|time| **time > 2.0).count();
        assert!((9_700..10_300).contains(&below), "{below}");
        assert!((2_500..2_910).contains(&above), "{above}");
        assert_eq!(exponential(Duration::ZERO, &mut rng), Duration::ZERO);
    }
}
