//! How packets' signatures are verified: one at a time, or out of memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::public::PublicKey;

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

/// A way to verify the signatures of a batch of packets. All ways give the verdicts of [`PublicKey::verify`].
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
/// nodes of one process. Clones share what is remembered.
///
/// Verdicts are functions of the three, so they are those of [`Sequential`] whatever is remembered or forgotten.
#[derive(Debug, Clone)]
pub struct Memoised(Arc<Mutex<Memory>>);

impl Memoised {
    /// Remembers the last `capacity` verdicts, or as few as half of them, at some 50 bytes each. Two at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Memory {
            half: (capacity / 2).max(1),
            recent: HashMap::new(),
            older: HashMap::new(),
        })))
    }

    /// How many verdicts it remembers now; never more than its capacity.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.recent.len() + memory.older.len()
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
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.extend(jobs.iter().map(|job| memory.verdict(job)));
    }
}

/// Two generations: the older is dropped whole when the newer is full, which costs nothing per verdict.
#[derive(Debug)]
struct Memory {
    half: usize,
    recent: HashMap<[u8; 32], bool>,
    older: HashMap<[u8; 32], bool>,
}

impl Memory {
    fn verdict(&mut self, job: &Job<'_>) -> bool {
        let digest = digest(job);
        if let Some(verdict) = self.recent.get(&digest) {
            return *verdict;
        }
        let remembered = self.older.get(&digest).copied();
        let verdict = remembered.unwrap_or_else(|| job.key.verify(job.message, job.signature));
        if self.recent.len() >= self.half {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(digest, verdict);
        verdict
    }
}

/// Lengths keep apart what would otherwise be the same bytes, parted elsewhere.
fn digest(job: &Job<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [job.key.as_bytes(), job.message, job.signature] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
