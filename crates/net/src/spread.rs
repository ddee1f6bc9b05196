//! Signatures on more than one core.

use std::sync::Arc;

use ipv8_crypto::{Batched, Job, PrivateKey, Sequential, SignError, SignJob, Signature, Signer, Signing, Verifier};
use rayon::ThreadPool;

/// With fewer signatures than twice this, waking another thread costs more than it saves.
const LEAST_EACH: usize = 4;

/// How the signatures of packets are verified and made.
///
/// Whatever is chosen, packets are handled in the order in which they came, one at a time: only the arithmetic is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cryptography {
    /// Verifies the signatures of known peers together ([`Batched`]), which is faster by a third where many come at once; else
    /// one by one, exact even about what the owner of a key makes on purpose ([`Sequential`]).
    pub batched: bool,
    /// Threads that verify and sign what came or goes in one turn, the node's own included: 1 by default, and at least. More
    /// pay for a node whose own thread is busy most of the time. Turns on a thread of a rayon pool of the program use that
    /// thread only.
    pub threads: usize,
}

impl Default for Cryptography {
    fn default() -> Self {
        Self { batched: true, threads: 1 }
    }
}

/// More threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("no threads for signatures: {0}; ask for fewer")]
pub struct ThreadsError(String);

/// What does it, for a [`NodeConfig`](ipv8_core::NodeConfig).
pub struct Backends {
    /// What verifies.
    pub verifier: Box<dyn Verifier>,
    /// What signs.
    pub signer: Box<dyn Signer>,
}

impl Cryptography {
    /// Starts the threads, if more than one.
    ///
    /// # Errors
    /// If the system starts no threads.
    pub fn build(self) -> Result<Backends, ThreadsError> {
        let verifier =
            || -> Box<dyn Verifier> { if self.batched { Box::new(Batched::default()) } else { Box::new(Sequential) } };
        let others = self.threads.saturating_sub(1);
        if others == 0 {
            return Ok(Backends { verifier: verifier(), signer: Box::new(Signing) });
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(others).thread_name(|n| format!("ipv8-crypto-{n}"));
        let pool = Arc::new(pool.build().map_err(|error| ThreadsError(error.to_string()))?);
        let parts = (0..self.threads).map(|_| Part { verifier: verifier(), verdicts: Vec::new() }).collect();
        let threads = self.threads;
        let verifier = Box::new(SpreadVerifier { pool: pool.clone(), parts });
        Ok(Backends { verifier, signer: Box::new(SpreadSigner { pool, threads }) })
    }
}

/// One thread's share of a batch.
struct Part {
    verifier: Box<dyn Verifier>,
    verdicts: Vec<bool>,
}

struct SpreadVerifier {
    pool: Arc<ThreadPool>,
    parts: Vec<Part>,
}

impl Verifier for SpreadVerifier {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        let size = if is_elsewhere() { jobs.len().max(1) } else { share(jobs.len(), self.parts.len()) };
        let mut shares = self.parts.iter_mut().zip(jobs.chunks(size));
        let Some((own, own_jobs)) = shares.next() else { return };
        self.pool.in_place_scope(|scope| {
            for (part, jobs) in shares {
                scope.spawn(move |_| part.verifier.verify(jobs, &mut part.verdicts));
            }
            own.verifier.verify(own_jobs, &mut own.verdicts);
        });
        for (part, _) in self.parts.iter().zip(jobs.chunks(size)) {
            verdicts.extend(&part.verdicts);
        }
    }
}

struct SpreadSigner {
    pool: Arc<ThreadPool>,
    threads: usize,
}

impl Signer for SpreadSigner {
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, SignError> {
        key.sign(message)
    }

    fn takes_many(&self) -> bool {
        true
    }

    fn sign_all(&self, jobs: &mut [SignJob<'_>]) {
        if is_elsewhere() {
            return Signing.sign_all(jobs);
        }
        let mut shares = jobs.chunks_mut(share(jobs.len(), self.threads));
        let Some(own) = shares.next() else { return };
        self.pool.in_place_scope(|scope| {
            for jobs in shares {
                scope.spawn(move |_| Signing.sign_all(jobs));
            }
            Signing.sign_all(own);
        });
    }
}

/// Whether this is a thread of some rayon pool, as where a program makes or drives nodes in parallel. While such a thread waits
/// for others, it does other jobs of its own pool, which must not happen here: the node is locked, and one of those jobs may
/// want it. Then there is nothing to wait for.
fn is_elsewhere() -> bool {
    rayon::current_thread_index().is_some()
}

/// How many of so many jobs each thread gets.
fn share(jobs: usize, threads: usize) -> usize {
    jobs.div_ceil(threads.max(1)).max(LEAST_EACH)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use ipv8_crypto::Curve;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn all_numbers_of_threads_and_packets_have_the_same_verdicts_and_signatures() {
        let keys: Vec<_> = (0..5)
            .map(|seed| PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(seed)).unwrap())
            .collect();
        for (threads, batched) in [(1, false), (2, true), (3, false), (4, true)] {
            let Backends { mut verifier, signer } = Cryptography { batched, threads }.build().unwrap();
            for count in [0, 1, 3, 4, 5, 8, 9, 64, 65] {
                let packets: Vec<_> =
                    (0..count).map(|number| (&keys[number % 5], number.to_be_bytes(), number % 7 == 3)).collect();
                let mut jobs: Vec<_> = packets.iter().map(|(key, message, _)| SignJob::new(key, message)).collect();
                signer.sign_all(&mut jobs);
                let signatures: Vec<_> = jobs.into_iter().map(|job| job.into_signature().unwrap().unwrap()).collect();
                for ((key, message, _), signature) in packets.iter().zip(&signatures) {
                    assert_eq!(signature.as_ref(), key.sign(message).unwrap().as_ref());
                }
                // Some have another one's signature.
                let wrong = keys[0].sign(b"something else").unwrap();
                let jobs: Vec<_> = packets
                    .iter()
                    .zip(&signatures)
                    .map(|((key, message, damaged), signature)| Job {
                        key: key.public(),
                        message,
                        signature: if *damaged { wrong.as_ref() } else { signature.as_ref() },
                    })
                    .collect();
                let mut verdicts = vec![true];
                // Often enough for keys to be known.
                for _ in 0..6 {
                    verifier.verify(&jobs, &mut verdicts);
                    let expected: Vec<_> = packets.iter().map(|packet| !packet.2).collect();
                    assert_eq!(verdicts, expected, "{threads} threads, {count} packets");
                }
            }
        }
    }

    #[test]
    fn a_thread_of_another_pool_does_no_other_jobs_meanwhile() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let others = AtomicUsize::new(0);
        pool.in_place_scope(|scope| {
            scope.spawn(|scope| {
                let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(1)).unwrap();
                let Backends { mut verifier, signer } = Cryptography { batched: false, threads: 3 }.build().unwrap();
                for _ in 0..20 {
                    scope.spawn(|_| {
                        others.fetch_add(1, SeqCst);
                    });
                    let mut jobs: Vec<_> = (0..64).map(|_| SignJob::new(&key, b"message")).collect();
                    signer.sign_all(&mut jobs);
                    let signatures: Vec<_> =
                        jobs.into_iter().map(|job| job.into_signature().unwrap().unwrap()).collect();
                    let jobs: Vec<_> = signatures
                        .iter()
                        .map(|signature| Job { key: key.public(), message: b"message", signature: signature.as_ref() })
                        .collect();
                    let mut verdicts = Vec::new();
                    verifier.verify(&jobs, &mut verdicts);
                    assert_eq!(verdicts, [true; 64]);
                }
                assert_eq!(others.load(SeqCst), 0);
            });
        });
    }
}
