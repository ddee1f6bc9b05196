//! Verifying the signatures of known keys together.

use ed25519_dalek::{Signature, VerifyingKey, verify_batch};
use smallvec::SmallVec;

use crate::verify::{Job, Verifier};

/// Signatures that are verified together: with more of them, the tables of their points leave the first cache.
const MOST_TOGETHER: usize = 16;

/// With fewer, one by one is as fast.
const LEAST_TOGETHER: usize = 3;

/// The most signatures that are verified one by one after a batch that did not hold.
const LONGEST_PAUSE: u32 = 2_048;

/// Verifies the signatures of known curve25519 keys together, at two thirds of the time of one by one, and all others one
/// by one.
///
/// Verdicts are those of [`PublicKey::verify`](crate::PublicKey::verify) for whatever honest keys signed, and nobody can forge
/// anything that would not hold one by one. What may differ is a signature whose R has a component of small order, which only
/// the key's own owner can make, and could as well have signed properly: it may be taken here and is refused there. So this
/// is for packets that are looked at and forgotten, never for what is stored or forwarded, about which all have to agree.
///
/// The rules:
///
/// - A key takes part when sixteen of its signatures held one by one, if it is encoded in the usual way and has no component of
///   small order. The result is kept with the key.
/// - A signature whose R is encoded in an unusual way, or is of small order, is verified alone.
/// - Of a batch that does not hold, each is verified alone; and so are the next ones, twice as many with each such batch, up
///   to 2,048. Only whole batches of sixteen that hold make the pauses shorter again, by half, and they save as much as the
///   failed ones cost: whoever forges signatures can take the gain away, and add little.
///
/// The equation that is checked is ed25519-dalek's, whose random factors are hashes of the whole batch: the same batches, of keys
/// that were met as often, have the same verdicts.
#[derive(Debug, Clone, Default)]
pub struct Batched {
    /// Signatures to be verified one by one before the next batch.
    pause: u32,
    /// The length of the last pause, halved with each batch that held since.
    last_pause: u32,
    in_vain: u64,
}

/// A job that can be verified with others.
struct Candidate<'a> {
    index: usize,
    message: &'a [u8],
    signature: Signature,
    key: &'a VerifyingKey,
}

impl Verifier for Batched {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.resize(jobs.len(), false);
        let mut waiting: SmallVec<[Candidate<'_>; MOST_TOGETHER]> = SmallVec::new();
        for (index, job) in jobs.iter().enumerate() {
            if let Some((signature, key)) = self.may_batch(job) {
                waiting.push(Candidate { index, message: job.message, signature, key });
                if waiting.len() == MOST_TOGETHER {
                    self.together(&waiting, jobs, verdicts);
                    waiting.clear();
                }
            } else if let Some(verdict) = verdicts.get_mut(index) {
                *verdict = job.key.verify(job.message, job.signature);
            }
        }
        self.together(&waiting, jobs, verdicts);
    }
}

impl Batched {
    /// How many batches did not hold, so that each of their signatures was verified alone.
    #[must_use]
    pub const fn in_vain(&self) -> u64 {
        self.in_vain
    }

    fn may_batch<'a>(&mut self, job: &Job<'a>) -> Option<(Signature, &'a VerifyingKey)> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let signature = Signature::from_slice(job.signature).ok()?;
        (!is_unusual(signature.r_bytes())).then_some(())?;
        Some((signature, job.key.for_batch()?))
    }

    /// Verifies a few jobs together, and each alone if that does not hold.
    fn together(&mut self, waiting: &[Candidate<'_>], jobs: &[Job<'_>], verdicts: &mut [bool]) {
        let hold = waiting.len() >= LEAST_TOGETHER && {
            let messages: SmallVec<[_; MOST_TOGETHER]> = waiting.iter().map(|job| job.message).collect();
            let signatures: SmallVec<[_; MOST_TOGETHER]> = waiting.iter().map(|job| job.signature).collect();
            let keys: SmallVec<[_; MOST_TOGETHER]> = waiting.iter().map(|job| *job.key).collect();
            let hold = verify_batch(&messages, &signatures, &keys).is_ok();
            self.learn(hold, waiting.len());
            hold
        };
        for Candidate { index, .. } in waiting {
            if let (Some(job), Some(verdict)) = (jobs.get(*index), verdicts.get_mut(*index)) {
                *verdict = hold || job.key.verify(job.message, job.signature);
            }
        }
    }

    fn learn(&mut self, hold: bool, size: usize) {
        if hold {
            // Small ones save too little to make up for one that failed.
            if size == MOST_TOGETHER {
                self.last_pause /= 2;
            }
        } else {
            self.in_vain += 1;
            self.last_pause = (self.last_pause * 2).clamp(16, LONGEST_PAUSE);
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
