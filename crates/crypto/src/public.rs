//! Public keys.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::curve::Curve;
use crate::ed25519::{Decompressed, Point, Standing};
use crate::error::KeyError;
use crate::mid::Mid;
use crate::{legacy, nacl, pem};

/// Longest key in DER or PEM that is read, in bytes; more than fits in a datagram.
pub(crate) const MAX_ENCODED_LEN: usize = 65_535;

/// A public key. Clones share one allocation; equality, order and hash are those of [`PublicKey::as_bytes`].
///
/// Reading one is cheap and validates little: 64 bytes that are no points make a key that verifies nothing, as in
/// the reference.
///
/// In memory a curve25519 key takes 120 bytes, and 192 more once it has verified something, for its decompressed
/// point is kept. A key on another curve takes 1.4 kB (very-low) to 2.3 kB (high), nearly all of it OpenSSL's.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

/// Fields stand in the variants, not in structs of their own, so that the tag fits where a struct has padding.
enum Inner {
    Curve25519 { key: nacl::Public, decompressed: Decompressed, standing: Standing, mid: Mid },
    Legacy { key: Box<legacy::Public>, mid: Mid },
}

impl PublicKey {
    /// Reads a key in any form that the reference loads (protocol.md, section 2): `LibNaCLPK:` with its 64 bytes,
    /// the DER of a SubjectPublicKeyInfo, or PEM. What follows the key is dropped.
    ///
    /// A SubjectPublicKeyInfo of Ed25519 becomes a curve25519 key whose two halves are the same. Keys that cannot
    /// verify, such as RSA, load and verify nothing.
    ///
    /// # Errors
    ///
    /// If the bytes are none of these, or not on their curve; [`KeyError::LegacyDisabled`] for DER of other curves
    /// in a build without the feature `legacy`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.starts_with(nacl::PUBLIC_PREFIX) {
            return nacl::Public::from_bytes(bytes).map(Self::from);
        }
        if bytes.starts_with(nacl::PRIVATE_PREFIX) {
            return Err(KeyError::PrivateGiven);
        }
        if bytes.len() > MAX_ENCODED_LEN {
            return Err(KeyError::TooLong { found: bytes.len(), limit: MAX_ENCODED_LEN });
        }
        match bytes.first() {
            Some(0x30) => Self::from_der(bytes),
            Some(b'-') => Self::from_pem(pem::as_text(bytes)?),
            _ => Err(KeyError::Unrecognised),
        }
    }

    /// Reads the first `PUBLIC KEY` of a PEM text. For an Ed25519 key the signing half stands in for the X25519
    /// half, as in the reference: the mid is another than that of the key it was made from.
    ///
    /// # Errors
    ///
    /// As [`PublicKey::from_bytes`], and if the text holds no such block.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (_, der) = pem::decode(text, &["PUBLIC KEY"])?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let signing = match nacl::from_spki(der) {
            Some(signing) => signing,
            None => match legacy::Public::from_der(der)? {
                legacy::Read::Other(key) => return Ok(Self::from(key)),
                legacy::Read::Ed25519(signing) => signing,
            },
        };
        Ok(Self::from(nacl::Public::new(&signing, &signing)))
    }

    /// The canonical bytes, which the protocol sends and hashes: the reference's `key_to_bin`. They may differ from
    /// the bytes that were read.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &*self.0 {
            Inner::Curve25519 { key, .. } => key.as_bytes(),
            Inner::Legacy { key, .. } => key.as_bytes(),
        }
    }

    /// PEM of the key. That of curve25519 keys lacks the X25519 half.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let text = match &*self.0 {
            Inner::Curve25519 { key, .. } => pem::encode("PUBLIC KEY", &key.to_spki()),
            Inner::Legacy { key, .. } => pem::encode("PUBLIC KEY", key.as_bytes()),
        };
        text.as_str().to_owned()
    }

    /// SHA-1 of [`PublicKey::as_bytes`].
    #[must_use]
    pub fn mid(&self) -> Mid {
        match &*self.0 {
            Inner::Curve25519 { mid, .. } | Inner::Legacy { mid, .. } => *mid,
        }
    }

    /// Which of the named curves this is; `None` for another that OpenSSL knows.
    #[must_use]
    pub fn curve(&self) -> Option<Curve> {
        match &*self.0 {
            Inner::Curve25519 { .. } => Some(Curve::Curve25519),
            Inner::Legacy { key, .. } => key.curve(),
        }
    }

    /// Name of the curve: `curve25519`, one of OpenSSL's such as `sect163k1`, or `unknown`.
    #[must_use]
    pub fn curve_name(&self) -> &str {
        match &*self.0 {
            Inner::Curve25519 { .. } => Curve::Curve25519.curve_name(),
            Inner::Legacy { key, .. } => key.curve_name(),
        }
    }

    /// Length in bytes of signatures by this key: 64 for curve25519, else twice the bytes of a field element.
    /// For keys that do not verify it is what the reference takes it for.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        match &*self.0 {
            Inner::Curve25519 { .. } => Curve::Curve25519.signature_len(),
            Inner::Legacy { key, .. } => key.signature_len(),
        }
    }

    /// Whether the key's owner signed the message. The verdicts are the reference's, corner cases included: stored
    /// and forwarded signatures must hold for all peers or for none.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &*self.0 {
            Inner::Curve25519 { key, decompressed, standing, .. } => {
                key.verify(Point { decompressed, standing }, message, signature)
            }
            Inner::Legacy { key, .. } => key.verify(message, signature),
        }
    }

    /// The key in a form for batches; `None` unless it is a known and honest one of curve25519.
    pub(crate) fn for_batch(&self) -> Option<&ed25519_dalek::VerifyingKey> {
        match &*self.0 {
            Inner::Curve25519 { decompressed, standing, .. } => Point { decompressed, standing }.for_batch(),
            Inner::Legacy { .. } => None,
        }
    }

    /// The X25519 half, for [`PrivateKey::agree`](crate::PrivateKey::agree); only curve25519 keys have one.
    #[must_use]
    pub fn exchange_key(&self) -> Option<[u8; 32]> {
        match &*self.0 {
            Inner::Curve25519 { key, .. } => Some(key.exchange_key()),
            Inner::Legacy { .. } => None,
        }
    }
}

impl From<nacl::Public> for PublicKey {
    fn from(key: nacl::Public) -> Self {
        let mid = Mid::of(key.as_bytes());
        let (decompressed, standing) = (Decompressed::default(), Standing::default());
        Self(Arc::new(Inner::Curve25519 { key, decompressed, standing, mid }))
    }
}

impl From<legacy::Public> for PublicKey {
    fn from(key: legacy::Public) -> Self {
        let mid = Mid::of(key.as_bytes());
        let key = Box::new(key);
        Self(Arc::new(Inner::Legacy { key, mid }))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {:?})", self.curve_name(), self.mid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documentation promises: the counts of the `Arc` and the contents.
    #[test]
    fn a_curve25519_key_takes_120_bytes() {
        assert_eq!(size_of::<Inner>() + 2 * size_of::<usize>(), 120);
    }
}
