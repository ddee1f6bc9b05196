//! What a node's work costs: a model of its processor, and of the buffer in which datagrams wait for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ipv8_crypto::{Curve, Job, PublicKey, Verifier};

/// What a node's work costs in virtual time, and how much of what arrives meanwhile waits.
///
/// Without a model, work takes no time. With one, a node does one thing after the other: it takes up to 32 datagrams that
/// wait, as the driver on sockets does, spends the time that they cost, sends the answers, and takes the next. What finds
/// the buffer of its socket full is lost as [`Loss::Socket`](crate::Loss::Socket). Timers that come due wait as well.
///
/// The default is the machine on which this project was measured (`docs/PERFORMANCE.md`): one core of a server, where a
/// signature of curve25519 is checked in 29 µs and made in 17, one of medium in 1.5 ms and 0.74; and the receive buffer that
/// Linux grants where nobody raised `net.core.rmem_max`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuModel {
    times: u32,
    datagram: Duration,
    buffer: usize,
}

/// Datagrams of one turn at most: what `ipv8-net` reads at once.
pub(crate) const BATCH: usize = 32;

/// What Linux counts for a datagram besides its bytes, so that a small one takes 768 bytes of a receive buffer.
const KEPT_WITH_DATAGRAM: usize = 576;

/// 212,992 bytes, which Linux doubles for what it keeps with each datagram.
const LINUX_BUFFER: usize = 425_984;

/// What a turn costs besides its datagrams and signatures.
const TURN: Duration = Duration::from_micros(1);

/// Reading one datagram from a socket and finding out what it is, or writing one.
const DATAGRAM: Duration = Duration::from_micros(2);

/// Finding out that something is no key.
const READ_KEY: Duration = Duration::from_micros(100);

impl Default for CpuModel {
    fn default() -> Self {
        Self { times: 1, datagram: DATAGRAM, buffer: LINUX_BUFFER }
    }
}

impl CpuModel {
    /// Takes so many times as long for everything (once at least): 10 is a small board computer.
    #[must_use]
    pub const fn slower(mut self, times: u32) -> Self {
        self.times = if times == 0 { 1 } else { times };
        self
    }

    /// Takes this long to read or to write one datagram, by default 2 µs: the system call, mostly.
    #[must_use]
    pub const fn datagram(mut self, takes: Duration) -> Self {
        self.datagram = takes;
        self
    }

    /// The bytes of the socket's receive buffer, by default 425,984. A datagram takes its own length and 576 bytes.
    #[must_use]
    pub const fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    pub(crate) const fn has_room(&self, waiting: usize, datagram: usize) -> bool {
        waiting.saturating_add(room_for(datagram)) <= self.buffer
    }

    /// What one piece of work takes.
    pub(crate) fn cost(&self, work: &Work) -> Duration {
        let datagrams = u32::try_from(work.received.saturating_add(work.sent)).unwrap_or(u32::MAX);
        let signed = u32::try_from(work.signed).unwrap_or(u32::MAX);
        let bad_keys = u32::try_from(work.bad_keys).unwrap_or(u32::MAX);
        TURN.saturating_add(self.datagram.saturating_mul(datagrams))
            .saturating_add(work.verified)
            .saturating_add(signing(work.signer).saturating_mul(signed))
            .saturating_add(READ_KEY.saturating_mul(bad_keys))
            .saturating_mul(self.times)
    }
}

/// What a datagram takes of a socket's buffer.
pub(crate) const fn room_for(datagram: usize) -> usize {
    datagram.saturating_add(KEPT_WITH_DATAGRAM)
}

/// What a node did in one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) received: usize,
    pub(crate) sent: usize,
    /// What the checks of signatures take.
    pub(crate) verified: Duration,
    pub(crate) signed: u64,
    pub(crate) signer: Option<Curve>,
    pub(crate) bad_keys: u64,
}

/// What it takes to check a signature: measured for curve25519, very-low and medium, and by its share for the others.
fn checking(key: &PublicKey) -> Duration {
    Duration::from_micros(match key.curve() {
        Some(Curve::Curve25519) => 29,
        Some(Curve::VeryLow) => 326,
        Some(Curve::Low) => 500,
        Some(Curve::Medium) => 1_510,
        Some(Curve::High) => 3_900,
        // The slowest curve that OpenSSL has a name for.
        None => 8_000,
    })
}

/// What it takes to sign.
fn signing(curve: Option<Curve>) -> Duration {
    Duration::from_micros(match curve {
        Some(Curve::Curve25519) => 17,
        Some(Curve::VeryLow) => 184,
        Some(Curve::Low) => 260,
        Some(Curve::Medium) => 735,
        Some(Curve::High) => 1_900,
        None => 4_000,
    })
}

/// Nanoseconds that checks took and nobody asked for yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(crate) fn take(&self) -> Duration {
        Duration::from_nanos(self.0.swap(0, Ordering::Relaxed))
    }

    /// Meters what a verifier is asked to check, whatever it remembers.
    pub(crate) fn watch(&self, verifier: Box<dyn Verifier>) -> Box<dyn Verifier> {
        Box::new(Metered { verifier, meter: self.clone() })
    }
}

struct Metered {
    verifier: Box<dyn Verifier>,
    meter: Meter,
}

impl Verifier for Metered {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        let took: Duration = jobs.iter().map(|job| checking(job.key)).sum();
        self.meter.0.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.verifier.verify(jobs, verdicts);
    }
}
