//! What nodes count together: of sums and of histograms it does not matter in which order they are added to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Counts of requests, shared by all nodes of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Questions that were asked.
    pub(crate) asked: u64,
    /// Those that nobody could be asked: no peer was known.
    pub(crate) nobody: u64,
    /// How long answers took, since the last look and in all.
    pub(crate) recent: Latencies,
    pub(crate) all: Latencies,
    /// Questions that ended without an answer, since the last look and in all.
    pub(crate) recent_failed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn answered(&mut self, after: Duration) {
        self.recent.add(after);
        self.all.add(after);
    }

    pub(crate) fn fail(&mut self) {
        self.recent_failed += 1;
        self.failed += 1;
    }

    /// Takes what happened since the last look.
    pub(crate) fn take_recent(&mut self) -> (Latencies, u64) {
        (std::mem::take(&mut self.recent), std::mem::take(&mut self.recent_failed))
    }
}

/// Bits of a time that are kept below its highest one: an error of less than one in 128.
const DETAIL: u32 = 7;

/// Times in microseconds, in buckets that grow with them: a few thousand counts, however many times there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    counts: Vec<u32>,
    count: u64,
    sum: u64,
}

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(micros);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The mean in seconds; 0 of none.
    #[allow(clippy::cast_precision_loss, reason = "for people to read, and the same on every machine")]
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 / 1e6 }
    }

    /// The time in seconds below which are so many thousandths of all; 0 of none.
    #[allow(clippy::cast_precision_loss, reason = "for people to read, and the same on every machine")]
    pub(crate) fn quantile(&self, thousandths: u64) -> f64 {
        // The first has rank 0, the last count - 1.
        let rank = self.count.saturating_sub(1).saturating_mul(thousandths) / 1_000;
        let mut before = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            before += u64::from(*count);
            if before > rank {
                return lower_edge(bucket) as f64 / 1e6;
            }
        }
        0.0
    }
}

fn bucket(micros: u64) -> usize {
    let bits = u64::BITS - micros.leading_zeros();
    let shift = bits.saturating_sub(DETAIL + 1);
    let bucket = (u64::from(shift) << DETAIL) + (micros >> shift);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

fn lower_edge(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let shift = (bucket >> DETAIL).saturating_sub(1);
    (bucket - (shift << DETAIL)).checked_shl(u32::try_from(shift).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_in_its_bucket_again() {
        for micros in (0..2_000).chain((0..50).map(|n| 1_u64 << n)).chain([999_999, 10_000_001, 3_600_000_000]) {
            let edge = lower_edge(bucket(micros));
            assert!(edge <= micros && micros - edge <= micros >> DETAIL, "{micros} {edge}");
        }
    }

    #[test]
    fn buckets_rise_with_their_times() {
        let buckets: Vec<_> = (0..100_000).map(bucket).collect();
        assert!(buckets.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] - pair[0] <= 1));
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let mut latencies = Latencies::default();
        for ms in 1..=1_000 {
            latencies.add(Duration::from_millis(ms));
        }
        for (thousandths, expected) in [(0, 0.001), (500, 0.5), (900, 0.9), (990, 0.99), (1_000, 1.0)] {
            let found = latencies.quantile(thousandths);
            assert!((found - expected).abs() <= expected / 100.0, "{thousandths}: {found}");
        }
        assert!((latencies.mean() - 0.5005).abs() < 1e-9);
        assert!(Latencies::default().quantile(500).abs() < 1e-9);
    }
}
