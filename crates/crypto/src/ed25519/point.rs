//! The Ed25519 half of a public key, ready to verify.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// Signatures of a key that hold before it is worth finding out whether it fits into batches, which costs half of what one takes
/// that is verified alone, and is saved by the next one or two. Whoever makes new keys and lets each fall silent then costs one part in
/// seven more than without batches, at most.
const HELD_BEFORE_BATCHES: u8 = 4;

/// Decompressed at its first use, `None` inside if the bytes are no point. Boxed, for most keys that a node hears of never
/// verify anything; apart from the bytes, so that a key packs into 128 bytes.
#[derive(Default)]
pub(crate) struct Point(OnceLock<Option<Box<Decompressed>>>);

struct Decompressed {
    key: VerifyingKey,
    /// How many signatures held, up to [`HELD_BEFORE_BATCHES`].
    held: AtomicU8,
    /// See [`Point::for_batch`].
    fits: OnceLock<bool>,
}

impl Point {
    /// Cofactorless verification that rejects S ≥ L and takes keys of small order (protocol.md, section 2): dalek's
    /// `verify`, and neither its strict nor its batch form.
    pub(crate) fn verify(&self, bytes: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        let Some(point) = self.get(bytes) else { return false };
        let holds = point.key.verify(message, &signature).is_ok();
        if holds && point.held.load(Ordering::Relaxed) < HELD_BEFORE_BATCHES {
            point.held.fetch_add(1, Ordering::Relaxed);
        }
        holds
    }

    /// The point, if signatures of it may be verified in batches: the key was met before, and is one that an honest owner
    /// has, in the usual encoding and without a component of small order.
    pub(crate) fn for_batch(&self) -> Option<&VerifyingKey> {
        let point = self.0.get()?.as_deref()?;
        let fits = || {
            let edwards = point.key.to_edwards();
            let canonical = edwards.compress().as_bytes() == point.key.as_bytes();
            canonical && edwards.is_torsion_free() && !point.key.is_weak()
        };
        let fits = point.held.load(Ordering::Relaxed) >= HELD_BEFORE_BATCHES && *point.fits.get_or_init(fits);
        fits.then_some(&point.key)
    }

    fn get(&self, bytes: &[u8; 32]) -> Option<&Decompressed> {
        let decompress = || {
            let key = VerifyingKey::from_bytes(bytes).ok()?;
            Some(Box::new(Decompressed { key, held: AtomicU8::new(0), fits: OnceLock::new() }))
        };
        self.0.get_or_init(decompress).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`PublicKey`](crate::PublicKey) promises.
    #[test]
    fn a_decompressed_key_takes_208_bytes() {
        assert_eq!(size_of::<Decompressed>(), 208);
    }
}
