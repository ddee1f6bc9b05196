//! The Ed25519 half of a public key, ready to verify.

use std::sync::atomic::{AtomicU8, Ordering};

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use once_cell::race::OnceBox;

/// Signatures of a key that hold before it is worth finding out whether it fits into batches, which costs half of what one takes
/// that is verified alone, and is saved by the next one or two. Whoever makes new keys and lets each fall silent then costs one part in
/// seven more than without batches, at most.
const HELD_BEFORE_BATCHES: u8 = 4;

/// Values of [`Standing`] beyond the number of signatures that held.
const FITS: u8 = HELD_BEFORE_BATCHES + 1;
const FITS_NOT: u8 = HELD_BEFORE_BATCHES + 2;
const IS_NO_POINT: u8 = HELD_BEFORE_BATCHES + 3;

/// Decompressed at its first use. Boxed, for most keys that a node hears of never verify anything.
#[derive(Default)]
pub(crate) struct Decompressed(OnceBox<VerifyingKey>);

/// How many signatures held, up to [`HELD_BEFORE_BATCHES`]; then what is known of the key.
#[derive(Default)]
pub(crate) struct Standing(AtomicU8);

impl Standing {
    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// Another thread may have gone on meanwhile: what it says holds.
    fn goes_on(&self, from: u8, to: u8) {
        let _ = self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Both, apart from the bytes and from each other, so that a key packs into 120 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(crate) decompressed: &'a Decompressed,
    pub(crate) standing: &'a Standing,
}

impl<'a> Point<'a> {
    /// Cofactorless verification that rejects S ≥ L and takes keys of small order (protocol.md, section 2): dalek's
    /// `verify`, and neither its strict nor its batch form.
    pub(crate) fn verify(self, bytes: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        let Some(key) = self.get(bytes) else { return false };
        let holds = key.verify(message, &signature).is_ok();
        let held = self.standing.get();
        if holds && held < HELD_BEFORE_BATCHES {
            self.standing.goes_on(held, held + 1);
        }
        holds
    }

    /// The point, if signatures of it may be verified in batches: the key was met before, and is one that an honest owner
    /// has, in the usual encoding and without a component of small order.
    pub(crate) fn for_batch(self) -> Option<&'a VerifyingKey> {
        let key = self.decompressed.0.get()?;
        let fits = match self.standing.get() {
            FITS => true,
            HELD_BEFORE_BATCHES => {
                let edwards = key.to_edwards();
                let canonical = edwards.compress().as_bytes() == key.as_bytes();
                let fits = canonical && edwards.is_torsion_free() && !key.is_weak();
                self.standing.goes_on(HELD_BEFORE_BATCHES, if fits { FITS } else { FITS_NOT });
                fits
            }
            _ => false,
        };
        fits.then_some(key)
    }

    fn get(self, bytes: &[u8; 32]) -> Option<&'a VerifyingKey> {
        if let Some(key) = self.decompressed.0.get() {
            return Some(key);
        }
        if self.standing.get() == IS_NO_POINT {
            return None;
        }
        let key = VerifyingKey::from_bytes(bytes);
        if key.is_err() {
            self.standing.goes_on(0, IS_NO_POINT);
        }
        key.ok().map(|key| self.decompressed.0.get_or_init(|| Box::new(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`PublicKey`](crate::PublicKey) promises.
    #[test]
    fn a_decompressed_key_takes_192_bytes() {
        assert_eq!(size_of::<VerifyingKey>(), 192);
    }
}
