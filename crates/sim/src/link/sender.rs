//! What is remembered of a sender from one packet to the next: its queue and its weather. All of it belongs to the sender
//! alone, so that nodes may be run apart.

use std::time::Duration;

use ipv8_core::Time;
use rand::{Rng, RngExt};

use super::latency::exponential;

/// What a sender's packets leave through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uplink {
    bytes_per_second: u64,
    /// Bytes that wait at most.
    queue: u64,
}

/// When packets are lost together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weather {
    pub(super) every: Duration,
    pub(super) lasts: Duration,
    pub(super) loss: f64,
}

/// A sender between two packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sender {
    /// When the last packet has left.
    idle_at: Time,
    bad: bool,
    /// Until when it is so; not drawn yet if none.
    changes_at: Option<Time>,
}

const NANOS: u128 = 1_000_000_000;

/// Good and bad times that are drawn one by one for a sender that was silent; for a longer silence the weather is drawn anew.
const MOST_CHANGES: u32 = 32;

impl Uplink {
    pub(super) const fn new(bytes_per_second: u64, queue: u64) -> Self {
        let bytes_per_second = if bytes_per_second == 0 { 1 } else { bytes_per_second };
        Self { bytes_per_second, queue }
    }

    fn time_for(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * NANOS).div_ceil(u128::from(self.bytes_per_second));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn bytes_in(self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos().saturating_mul(u128::from(self.bytes_per_second)) / NANOS).unwrap_or(u64::MAX)
    }
}

impl Sender {
    /// How long a packet of so many bytes takes to leave; none if the queue is full. One that finds the uplink idle leaves
    /// whatever its size.
    pub(super) fn queue(&mut self, now: Time, bytes: u64, uplink: Uplink) -> Option<Duration> {
        let backlog = self.idle_at.since(now);
        if !backlog.is_zero() && uplink.bytes_in(backlog).saturating_add(bytes) > uplink.queue {
            return None;
        }
        self.idle_at = now + backlog + uplink.time_for(bytes);
        Some(self.idle_at.since(now))
    }

    /// Whether packets are lost now.
    pub(super) fn is_in_burst(&mut self, now: Time, weather: &Weather, rng: &mut impl Rng) -> bool {
        for _ in 0..MOST_CHANGES {
            match self.changes_at {
                Some(at) if now < at => return self.bad,
                Some(at) => {
                    self.bad = !self.bad;
                    let mean = if self.bad { weather.lasts } else { weather.every };
                    self.changes_at = Some(at + exponential(mean, rng));
                }
                None => break,
            }
        }
        let [every, lasts] =
            [weather.every, weather.lasts].map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) / 2);
        self.bad = lasts > 0 && rng.random_range(0..every + lasts) < lasts;
        // Exponential times have no memory: what is left of one is distributed as all of it.
        self.changes_at = Some(now + exponential(if self.bad { weather.lasts } else { weather.every }, rng));
        self.bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_takes_what_fits_and_empties_with_time() {
        let uplink = Uplink::new(1_000, 250);
        let mut sender = Sender::default();
        let at = |millis| Time::from_duration(Duration::from_millis(millis));
        let ms = |millis| Some(Duration::from_millis(millis));
        assert_eq!(sender.queue(at(0), 100, uplink), ms(100));
        assert_eq!(sender.queue(at(0), 100, uplink), ms(200));
        assert_eq!(sender.queue(at(0), 100, uplink), None, "200 bytes wait, and 250 may");
        assert_eq!(sender.queue(at(0), 50, uplink), ms(250));
        assert_eq!(sender.queue(at(100), 100, uplink), ms(250));
        assert_eq!(sender.queue(at(9_000), 5_000, uplink), ms(5_000), "nothing is too large for an idle uplink");
    }
}
