//! Verifying the signatures of known keys together.

use ed25519_dalek::Signature;
use smallvec::SmallVec;

use super::equation::{Claim, MOST_TOGETHER, holds};
use crate::verify::{Job, Verifier};

/// With fewer, one by one is as fast.
const LEAST_TOGETHER: usize = 3;

/// Smaller batches save too little to make up for one that failed.
const LARGE: usize = 16;

/// The most signatures that are verified one by one after a batch that did not hold.
const LONGEST_PAUSE: u32 = 2_048;

/// The fewest: as many as the batch may have had.
const SHORTEST_PAUSE: u32 = 64;

/// Verifies the signatures of known curve25519 keys together, at two thirds of the time of one by one or less, and all others
/// one by one.
///
/// Verdicts are those of [`PublicKey::verify`](crate::PublicKey::verify) for whatever honest keys signed, and nobody can forge
/// anything that would not hold one by one. What may differ is a signature whose R has a component of small order, which only
/// the key's own owner can make, and could as well have signed properly: it may be taken here and is refused there. So this
/// is for packets that are looked at and forgotten, never for what is stored or forwarded, about which all have to agree.
///
/// The rules:
///
/// - A key takes part when four of its signatures held one by one, if it is encoded in the usual way and has no component of
///   small order. The result is kept with the key.
/// - A signature whose R is encoded in an unusual way, or is of small order, is verified alone.
/// - Of a batch that does not hold, each is verified alone; and so are the next ones, twice as many with each such batch, from
///   64, the most in a batch, up to 2,048. Only as many that hold, in batches of sixteen or more, make the pauses shorter again, by half,
///   and they save as much as the failed ones cost: whoever forges signatures can take the gain away, and add little.
///
/// The random factors of the equation that is checked are hashes of the whole batch: the same batches, of keys that were met as
/// often, have the same verdicts.
#[derive(Debug, Clone, Default)]
pub struct Batched {
    /// Signatures to be verified one by one before the next batch.
    pause: u32,
    /// The length of the last pause, halved with each 64 signatures that held since.
    last_pause: u32,
    /// Signatures that held in large batches and did not yet halve the pause.
    held: usize,
    in_vain: u64,
}

/// Jobs that can be verified together, and their places.
type Waiting<'a> = (SmallVec<[Claim<'a>; MOST_TOGETHER]>, SmallVec<[usize; MOST_TOGETHER]>);

impl Verifier for Batched {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.resize(jobs.len(), false);
        let mut waiting = Waiting::default();
        for (index, job) in jobs.iter().enumerate() {
            if let Some(claim) = self.may_batch(job) {
                waiting.0.push(claim);
                waiting.1.push(index);
                if waiting.1.len() == MOST_TOGETHER {
                    self.together(&mut waiting, jobs, verdicts);
                }
            } else if let Some(verdict) = verdicts.get_mut(index) {
                *verdict = job.key.verify(job.message, job.signature);
            }
        }
        self.together(&mut waiting, jobs, verdicts);
    }
}

impl Batched {
    /// How many batches did not hold, so that each of their signatures was verified alone.
    #[must_use]
    pub const fn in_vain(&self) -> u64 {
        self.in_vain
    }

    fn may_batch<'a>(&mut self, job: &Job<'a>) -> Option<Claim<'a>> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let signature = Signature::from_slice(job.signature).ok()?;
        (!is_unusual(signature.r_bytes())).then_some(())?;
        Some(Claim { key: job.key.for_batch()?, message: job.message, signature })
    }

    /// Verifies a few jobs together, and each alone if that does not hold. None waits any more.
    fn together(&mut self, (claims, places): &mut Waiting<'_>, jobs: &[Job<'_>], verdicts: &mut [bool]) {
        let hold = claims.len() >= LEAST_TOGETHER && {
            let hold = holds(claims);
            self.learn(hold, claims.len());
            hold
        };
        claims.clear();
        for index in places.drain(..) {
            if let (Some(job), Some(verdict)) = (jobs.get(index), verdicts.get_mut(index)) {
                *verdict = hold || job.key.verify(job.message, job.signature);
            }
        }
    }

    fn learn(&mut self, hold: bool, size: usize) {
        if hold {
            if size >= LARGE {
                self.held += size;
            }
            while self.held >= MOST_TOGETHER {
                self.held -= MOST_TOGETHER;
                self.last_pause /= 2;
            }
        } else {
            self.in_vain += 1;
            self.held = 0;
            self.last_pause = (self.last_pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            self.pause = self.last_pause;
        }
    }
}

/// Whether these bytes are a point of small order, or one that is also encoded in another way.
fn is_unusual(r: &[u8; 32]) -> bool {
    /// The y coordinates, without the sign of x, of the eight points of small order (RFC 7748's curve; libsodium refuses the
    /// same).
    const SMALL_ORDER: [[u8; 32]; 5] = [
        [0; 32],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        [
            0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
        ],
    ];
    let [first, middle @ .., last] = *r;
    let last = last & 0x7f;
    // y ≥ p = 2^255 - 19.
    let too_large = last == 0x7f && middle == [0xff; 30] && first >= 0xed;
    let mut y = *r;
    y[31] = last;
    too_large || SMALL_ORDER.contains(&y)
}
