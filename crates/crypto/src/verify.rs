//! How packets' signatures are verified: one at a time, or out of memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::error::SignError;
use crate::private::PrivateKey;
use crate::public::PublicKey;
use crate::sign::Signer;
use crate::signature::Signature;

/// One signature to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Who is said to have signed.
    pub key: &'a PublicKey,
    /// What was signed.
    pub message: &'a [u8],
    /// The signature, of any length.
    pub signature: &'a [u8],
}

/// A way to verify the signatures of a batch of packets. All ways give the verdicts of [`PublicKey::verify`] for whatever
/// honest keys signed, and all but [`Batched`](crate::Batched) for everything else.
pub trait Verifier: Send {
    /// Clears `verdicts` and puts there one verdict a job, in their order.
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>);
}

/// Verifies one signature after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential;

impl Verifier for Sequential {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.extend(jobs.iter().map(|job| job.key.verify(job.message, job.signature)));
    }
}

/// Remembers verdicts by the SHA-256 of key, message and signature: in a simulation the same packet reaches many
/// nodes of one process. Clones share what is remembered, and may be used by several threads.
///
/// Verdicts are functions of the three, so they are those of [`Sequential`] whatever is remembered or forgotten.
///
/// As a [`Signer`] it signs for real, and remembers what it made: that the signature of a key holds for its public key needs
/// no proof by computation. In a simulation, whose nodes sign all that they receive, nearly nothing is left to verify.
#[derive(Debug, Clone)]
pub struct Memoised(Arc<[Mutex<Memory>]>);

/// Parts with a lock of their own, so that threads seldom wait for each other.
const PARTS: usize = 16;

/// A smaller memory is not divided.
const LEAST_DIVIDED: usize = 4_096;

type Fingerprint = [u8; 32];

impl Memoised {
    /// Remembers the last `capacity` verdicts, or as few as half of them, at some 50 bytes each. Two at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let parts = if capacity < LEAST_DIVIDED { 1 } else { PARTS };
        let half = (capacity / parts / 2).max(1);
        let memory = || Mutex::new(Memory { half, recent: HashMap::new(), older: HashMap::new() });
        Self((0..parts).map(|_| memory()).collect())
    }

    /// How many verdicts it remembers now; never more than its capacity.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.0.iter().map(|part| lock(part).len()).sum()
    }

    fn verdict(&self, job: &Job<'_>) -> bool {
        let fingerprint = fingerprint(job.key, job.message, job.signature);
        let Some(part) = self.part(&fingerprint) else { return job.key.verify(job.message, job.signature) };
        if let Some(verdict) = lock(part).recall(&fingerprint) {
            return verdict;
        }
        // Without the lock: others need not wait for what takes longest.
        let verdict = job.key.verify(job.message, job.signature);
        lock(part).remember(fingerprint, verdict);
        verdict
    }

    /// Where a verdict is: any byte of a hash is as good as another.
    fn part(&self, fingerprint: &Fingerprint) -> Option<&Mutex<Memory>> {
        let [first, ..] = fingerprint;
        self.0.get(usize::from(*first) % self.0.len().max(1))
    }
}

impl Default for Memoised {
    /// Remembers 65,536 verdicts.
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl Verifier for Memoised {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.extend(jobs.iter().map(|job| self.verdict(job)));
    }
}

impl Signer for Memoised {
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, SignError> {
        let signature = key.sign(message)?;
        let fingerprint = fingerprint(key.public(), message, &signature);
        if let Some(part) = self.part(&fingerprint) {
            lock(part).remember(fingerprint, true);
        }
        Ok(signature)
    }
}

fn lock(part: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two generations: the older is dropped whole when the newer is full, which costs nothing per verdict.
#[derive(Debug)]
struct Memory {
    half: usize,
    recent: HashMap<Fingerprint, bool>,
    older: HashMap<Fingerprint, bool>,
}

impl Memory {
    /// A verdict that is asked for again is kept for longer.
    fn recall(&mut self, fingerprint: &Fingerprint) -> Option<bool> {
        if let Some(verdict) = self.recent.get(fingerprint) {
            return Some(*verdict);
        }
        let verdict = self.older.get(fingerprint).copied()?;
        self.remember(*fingerprint, verdict);
        Some(verdict)
    }

    fn remember(&mut self, fingerprint: Fingerprint, verdict: bool) {
        if self.recent.len() >= self.half && !self.recent.contains_key(&fingerprint) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(fingerprint, verdict);
    }

    fn len(&self) -> usize {
        self.recent.len() + self.older.len()
    }
}

/// Lengths keep apart what would otherwise be the same bytes, parted elsewhere.
fn fingerprint(key: &PublicKey, message: &[u8], signature: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in [key.as_bytes(), message, signature] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
