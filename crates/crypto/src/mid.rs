//! Member ids: the short names of keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use thiserror::Error;

/// Member id: SHA-1 of a public key's bytes, prefix included (protocol.md, section 2).
///
/// Peers choose their keys, and so their mids: maps keyed by it need a keyed hasher, as the standard library's is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(pub [u8; 20]);

impl Mid {
    /// The mid of a key with these canonical bytes.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        Self(Sha1::digest(public_key).into())
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Base64 with padding, 28 characters: the form in which the reference prints peers.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The first eight bytes as a big-endian number, which is the reference's hash of a peer.
    #[must_use]
    pub const fn leading_u64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Mid({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

impl From<[u8; 20]> for Mid {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Mid {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The text is not a mid in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a mid: write its 20 bytes as 40 hex digits")]
pub struct ParseMidError;

impl FromStr for Mid {
    type Err = ParseMidError;

    /// Reads 40 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut mid = [0; 20];
        let mut digits = text.chars().map(|digit| digit.to_digit(16));
        for byte in &mut mid {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(ParseMidError);
            };
            *byte = u8::try_from(high << 4 | low).map_err(|_| ParseMidError)?;
        }
        if digits.next().is_some() {
            return Err(ParseMidError);
        }
        Ok(Self(mid))
    }
}
