//! Signatures by value.

use std::fmt;
use std::ops::Deref;

/// Length in bytes of the longest signature that a key of this crate makes: two halves of 571 bits.
pub const MAX_SIGNATURE_LEN: usize = 144;

/// A signature: up to [`MAX_SIGNATURE_LEN`] bytes held inline, 145 in memory whatever the curve.
#[derive(Clone, Copy)]
pub struct Signature {
    bytes: [u8; MAX_SIGNATURE_LEN],
    /// At most [`MAX_SIGNATURE_LEN`].
    len: u8,
}

impl Signature {
    /// `None` if the bytes exceed [`MAX_SIGNATURE_LEN`].
    #[must_use]
    pub fn from_slice(signature: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_SIGNATURE_LEN];
        bytes.get_mut(..signature.len())?.copy_from_slice(signature);
        Some(Self { bytes, len: u8::try_from(signature.len()).ok()? })
    }

    /// The bytes as they go on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl From<[u8; 64]> for Signature {
    fn from(signature: [u8; 64]) -> Self {
        let mut bytes = [0; MAX_SIGNATURE_LEN];
        if let Some(start) = bytes.first_chunk_mut() {
            *start = signature;
        }
        Self { bytes, len: 64 }
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Deref for Signature {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Signature {}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.bytes;
        write!(f, "Signature({} bytes, {a:02x}{b:02x}{c:02x}{d:02x}…)", self.len)
    }
}
