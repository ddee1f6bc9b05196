//! Round trip times.

use std::time::Duration;

/// Width of a bucket, and how many of them make a microsecond.
const RESOLUTION: Duration = Duration::from_nanos(100);
const PER_MICROSECOND: f64 = 10.0;
/// Buckets: times of 100 ms and more share the last one.
const BUCKETS: usize = 1_000_001;

/// A histogram of round trip times: exact to 0.1 µs up to 100 ms, in a fixed 8 MB.
#[derive(Clone, Debug)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }
}

impl Latencies {
    /// Counts one round trip.
    pub fn add(&mut self, time: Duration) {
        let bucket = time.as_nanos() / RESOLUTION.as_nanos();
        let bucket = usize::try_from(bucket).unwrap_or(usize::MAX).min(BUCKETS - 1);
        if let Some(times) = self.buckets.get_mut(bucket) {
            *times += 1;
            self.count += 1;
        }
    }

    /// The time that `percent` of all round trips did not exceed, in microseconds; `None` without any.
    pub fn percentile_us(&self, percent: u64) -> Option<f64> {
        // The rank of the wanted round trip, counted from 1.
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|times| {
            seen += times;
            seen >= rank
        })?;
        Some(bucket as f64 / PER_MICROSECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile_us(50), None);
        for microseconds in 1..=100 {
            latencies.add(Duration::from_micros(microseconds));
        }
        assert_eq!(latencies.percentile_us(50), Some(50.0));
        assert_eq!(latencies.percentile_us(99), Some(99.0));
        latencies.add(Duration::from_secs(5));
        assert_eq!(latencies.percentile_us(100), Some(100_000.0));
    }
}
