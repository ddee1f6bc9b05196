//! Signing by ed25519-dalek, for builds without AWS-LC: 17 µs.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use sha2::Sha512;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The Ed25519 half of a private key, wiped when dropped.
pub(crate) struct SigningHalf {
    seed: Zeroizing<[u8; 32]>,
    /// The hash of the seed, kept so that signing need not take it each time.
    expanded: ExpandedSecretKey,
    verifying: VerifyingKey,
}

impl ZeroizeOnDrop for SigningHalf {}

impl SigningHalf {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let expanded = ExpandedSecretKey::from(seed);
        Self { seed: Zeroizing::new(*seed), verifying: VerifyingKey::from(&expanded), expanded }
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        self.verifying.as_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&self.expanded, message, &self.verifying).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part that is secret wipes itself; this does not compile if one of them ceases to.
    #[test]
    fn secrets_are_wiped_when_dropped() {
        fn wipes<T: ZeroizeOnDrop>(_: &T) {}
        let SigningHalf { seed, expanded, verifying: _ } = &SigningHalf::new(&[2; 32]);
        wipes(seed);
        wipes(expanded);
    }
}
