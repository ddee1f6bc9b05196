//! How packets fare between two nodes.

use std::time::Duration;

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::{
    Packet,
    latency::Latency,
    sender::{Sender, Uplink, Weather},
};
use crate::metrics::Loss;

/// How packets fare between two nodes, in one direction.
///
/// What happens to a packet, in this order: it waits in the sender's queue ([`Link::bandwidth`]), is lost in a burst
/// ([`Link::bursts`]) or alone ([`Link::loss`]), is copied ([`Link::duplication`]), and each copy takes its time
/// ([`Link::latency`], [`Link::jitter`], [`Link::reordering`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    latency: Latency,
    jitter: Duration,
    loss: f64,
    duplication: f64,
    late: f64,
    late_by: Duration,
    uplink: Option<Uplink>,
    weather: Option<Weather>,
}

impl Default for Link {
    /// 20 to 80 milliseconds, evenly; nothing is lost.
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(Duration::from_millis(20), Duration::from_millis(80)),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            late: 0.0,
            late_by: Duration::ZERO,
            uplink: None,
            weather: None,
        }
    }
}

impl Link {
    /// Takes this long.
    #[must_use]
    pub const fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Takes up to this much longer, evenly.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses this part of all packets: 0 is none, 1 is all; what lies outside is taken for the nearer of the two.
    #[must_use]
    pub fn loss(mut self, loss: f64) -> Self {
        self.loss = probability(loss);
        self
    }

    /// Brings this part of all packets twice: 0 is none, 1 is all. The copy has a latency of its own.
    #[must_use]
    pub fn duplication(mut self, duplication: f64) -> Self {
        self.duplication = probability(duplication);
        self
    }

    /// Holds up this part of all packets by so much, so that later ones overtake them: 0 is none, 1 is all.
    #[must_use]
    pub fn reordering(mut self, part: f64, by: Duration) -> Self {
        self.late = probability(part);
        self.late_by = by;
        self
    }

    /// Leaves through an uplink of so many bytes a second (one at least), before which up to `queue` bytes wait. What finds
    /// the queue full is dropped as [`Loss::Queue`]. Packets count with the headers of IP and UDP: 28 bytes for IPv4, 48 for
    /// IPv6.
    ///
    /// The queue is the sender's, as a home router's is: what it sends to anybody over links with a bandwidth waits in one
    /// line, and takes there the time that the link of that packet says. Nodes have no downlink; one that is sent too much
    /// is a matter of its [CPU](crate::NodeOptions::cpu).
    #[must_use]
    pub const fn bandwidth(mut self, bytes_per_second: u64, queue: u64) -> Self {
        self.uplink = Some(Uplink::new(bytes_per_second, queue));
        self
    }

    /// Loses packets in bursts: a good time lasts `every` on average, a bad one `lasts`, in which this part of all packets is
    /// lost. Both lengths are distributed exponentially, which makes this the model of Gilbert (1960) and Elliott (1963) in
    /// continuous time: the part of bad time is `lasts / (every + lasts)`. [`Link::loss`] comes on top, at all times.
    ///
    /// The weather is the sender's: its packets over all links with bursts are lost together.
    #[must_use]
    pub fn bursts(mut self, every: Duration, lasts: Duration, loss: f64) -> Self {
        self.weather = Some(Weather { every, lasts, loss: probability(loss) });
        self
    }

    /// The least time that a packet takes.
    #[must_use]
    pub fn least(&self) -> Duration {
        self.latency.least()
    }

    /// Whether something of the sender's has to be remembered from packet to packet.
    pub(super) const fn has_memory(&self) -> bool {
        self.uplink.is_some() || self.weather.is_some()
    }

    /// How long a packet takes, once for each copy. The sender is there if [`Link::has_memory`].
    pub(super) fn carry(
        &self,
        packet: &Packet<'_>,
        sender: Option<&mut Sender>,
        rng: &mut impl Rng,
    ) -> Result<SmallVec<[Duration; 1]>, Loss> {
        let mut wait = Duration::ZERO;
        if let Some(sender) = sender {
            if let Some(uplink) = self.uplink {
                wait = sender.queue(packet.now, size_on_wire(packet), uplink).ok_or(Loss::Queue)?;
            }
            if let Some(weather) = self.weather
                && sender.is_in_burst(packet.now, &weather, rng)
                && rng.random_bool(weather.loss)
            {
                return Err(Loss::Link);
            }
        }
        if self.loss > 0.0 && rng.random_bool(self.loss) {
            return Err(Loss::Link);
        }
        let copies = if self.duplication > 0.0 && rng.random_bool(self.duplication) { 2 } else { 1 };
        Ok((0..copies).map(|_| wait.saturating_add(self.transit(rng))).collect())
    }

    fn transit(&self, rng: &mut impl Rng) -> Duration {
        let latency = self.latency.draw(rng);
        let latency = latency.saturating_add(Latency::Uniform(Duration::ZERO, self.jitter).draw(rng));
        let late = self.late > 0.0 && rng.random_bool(self.late);
        if late { latency.saturating_add(self.late_by) } else { latency }
    }
}

/// A packet's bytes with the headers of IP and UDP.
fn size_on_wire(packet: &Packet<'_>) -> u64 {
    let headers = if packet.to.is_ipv4() { 28 } else { 48 };
    u64::try_from(packet.bytes.len()).unwrap_or(u64::MAX).saturating_add(headers)
}

/// What is no number counts as 0.
fn probability(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_one() {
        assert_eq!([f64::NAN, -1.0, 0.3, 7.0].map(probability), [0.0, 0.0, 0.3, 1.0]);
    }
}
