//! How packets are signed: for real, or for a simulation that looks at something else.

use sha2::{Digest as _, Sha256};

use crate::error::SignError;
use crate::private::PrivateKey;
use crate::public::PublicKey;
use crate::signature::{MAX_SIGNATURE_LEN, Signature};
use crate::verify::{Job, Verifier};

/// A way to sign packets. What it makes has the [length](PublicKey::signature_len) of the key's signatures.
pub trait Signer: Send {
    /// Signs a message with a key.
    ///
    /// # Errors
    ///
    /// As [`PrivateKey::sign`].
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, SignError>;

    /// Whether [`Signer::sign_all`] is better than one after the other.
    fn takes_many(&self) -> bool {
        false
    }

    /// Signs several messages.
    fn sign_all(&self, jobs: &mut [SignJob<'_>]) {
        for job in jobs {
            job.finish(self.sign(job.key, job.message));
        }
    }
}

/// One message to be signed.
#[derive(Debug)]
pub struct SignJob<'a> {
    key: &'a PrivateKey,
    message: &'a [u8],
    signature: Option<Result<Signature, SignError>>,
}

impl<'a> SignJob<'a> {
    /// To be signed with this key.
    #[must_use]
    pub const fn new(key: &'a PrivateKey, message: &'a [u8]) -> Self {
        Self { key, message, signature: None }
    }

    /// Whose signature it is to be.
    #[must_use]
    pub const fn key(&self) -> &'a PrivateKey {
        self.key
    }

    /// What is to be signed.
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// Done: the signature, or why there is none.
    pub fn finish(&mut self, signature: Result<Signature, SignError>) {
        self.signature = Some(signature);
    }

    /// What came of it; `None` if nobody [finished](Self::finish) it.
    #[must_use]
    pub fn into_signature(self) -> Option<Result<Signature, SignError>> {
        self.signature
    }
}

/// Signs with the key: [`PrivateKey::sign`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Signing;

impl Signer for Signing {
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, SignError> {
        key.sign(message)
    }
}

/// For simulations only: stamps instead of signatures, a hundredth of their cost.
///
/// A stamp is a SHA-256 over a secret that all nodes of the simulation share, the public key and the message, repeated
/// until it has the length of a signature. Whoever does not know the secret can no more forge one than a signature; whoever
/// does can forge all, which no code on top of a node does. A signature that is no stamp is verified for real, so that
/// what was signed without this holds as well.
///
/// Packets thus have the sizes and the verdicts that they would have, and other bytes in place of their signatures.
#[derive(Clone)]
pub struct Stamps([u8; 32]);

impl Stamps {
    /// Stamps of those who share a secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    fn stamp(&self, key: &PublicKey, message: &[u8]) -> [u8; 32] {
        let bytes = key.as_bytes();
        let mut hash = Sha256::new();
        hash.update(self.0);
        // Its length keeps the key apart from the message.
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
        hash.update(message);
        hash.finalize().into()
    }

    fn holds(&self, job: &Job<'_>) -> bool {
        job.signature.len() == job.key.signature_len() && {
            let stamp = self.stamp(job.key, job.message);
            job.signature.chunks(stamp.len()).all(|part| stamp.starts_with(part))
        }
    }
}

impl Signer for Stamps {
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, SignError> {
        let stamp = self.stamp(key.public(), message);
        let mut bytes = [0; MAX_SIGNATURE_LEN];
        for part in bytes.chunks_mut(stamp.len()) {
            if let Some(stamp) = stamp.get(..part.len()) {
                part.copy_from_slice(stamp);
            }
        }
        match bytes.get(..key.public().signature_len()).and_then(Signature::from_slice) {
            Some(signature) => Ok(signature),
            // No key that signs has signatures of that length.
            None => key.sign(message),
        }
    }
}

impl Verifier for Stamps {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.extend(jobs.iter().map(|job| self.holds(job) || job.key.verify(job.message, job.signature)));
    }
}

impl std::fmt::Debug for Stamps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stamps")
    }
}
