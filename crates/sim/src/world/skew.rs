//! Clocks that run fast or slow: from the world's time to a node's own, and back.

use ipv8_core::Time;

/// One million: a skew is so many millionths.
const MILLION: i128 = 1_000_000;

/// The furthest that a clock may be off: it runs at half speed, or half as fast again.
const MOST_PPM: i32 = 500_000;

/// How fast a node's clock runs. The node's time is zero when the world's is, and integers give the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Skew {
    ppm: i32,
}

impl Skew {
    /// So many millionths too fast, or too slow if negative; what is beyond half a million is taken for that.
    pub(crate) const fn new(ppm: i32) -> Self {
        let ppm = if ppm > MOST_PPM {
            MOST_PPM
        } else if ppm < -MOST_PPM {
            -MOST_PPM
        } else {
            ppm
        };
        Self { ppm }
    }

    /// What the node's clock shows at a time of the world.
    pub(crate) fn node_time(self, world: Time) -> Time {
        if self.ppm == 0 {
            return world;
        }
        let nanos = i128::from(world.as_nanos());
        time((nanos * (MILLION + i128::from(self.ppm))).div_euclid(MILLION))
    }

    /// The first time of the world at which the node's clock shows a time.
    pub(crate) fn world_time(self, node: Time) -> Time {
        if self.ppm == 0 || node == Time::MAX {
            return node;
        }
        let (nanos, rate) = (i128::from(node.as_nanos()) * MILLION, MILLION + i128::from(self.ppm));
        time((nanos + rate - 1).div_euclid(rate))
    }
}

fn time(nanos: i128) -> Time {
    Time::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_when_the_clock_shows_it_and_not_before() {
        for ppm in [-500_000, -777, -1, 0, 1, 50, 333_333, 500_000] {
            let skew = Skew::new(ppm);
            for node in [0, 1, 2, 999_999, 1_000_000, 86_400_000_000_000, 1_000_000_000_000_000_007] {
                let world = skew.world_time(Time::from_nanos(node));
                assert!(skew.node_time(world).as_nanos() >= node, "{ppm} {node}");
                if world > Time::ZERO {
                    let before = Time::from_nanos(world.as_nanos() - 1);
                    assert!(skew.node_time(before).as_nanos() < node, "{ppm} {node}");
                }
            }
        }
    }

    #[test]
    fn a_clock_that_is_half_as_fast_again_is_as_fast_as_one_gets() {
        let second = Time::from_nanos(1_000_000_000);
        assert_eq!(Skew::new(i32::MAX).node_time(second).as_nanos(), 1_500_000_000);
        assert_eq!(Skew::new(i32::MIN).node_time(second).as_nanos(), 500_000_000);
        assert_eq!(Skew::new(100).node_time(second).as_nanos(), 1_000_100_000);
        assert_eq!(Skew::new(100).world_time(Time::MAX), Time::MAX);
    }
}
