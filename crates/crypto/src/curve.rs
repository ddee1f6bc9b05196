//! The five kinds of key that the protocol names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A kind of key, by the names that the reference's configuration uses (protocol.md, section 2).
///
/// [`Curve::Curve25519`] is what peers use today. The others are binary curves with ECDSA over SHA-1, kept because
/// old peers, and trackers in particular, still sign with them; they need the feature `legacy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Curve {
    /// Ed25519 for signatures and X25519 for key agreement; 64 byte signatures.
    #[default]
    Curve25519,
    /// sect163k1; 42 byte signatures.
    VeryLow,
    /// sect233k1; 60 byte signatures.
    Low,
    /// sect409k1; 104 byte signatures.
    Medium,
    /// sect571k1; 144 byte signatures. The reference's versions before 3.2 meant sect571r1, which still loads.
    High,
}

impl Curve {
    /// All of them, the one in use today first.
    pub const ALL: [Self; 5] = [Self::Curve25519, Self::VeryLow, Self::Low, Self::Medium, Self::High];

    /// The name in the reference's configuration: `curve25519`, `very-low`, `low`, `medium` or `high`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curve25519 => "curve25519",
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The name of the curve itself: `curve25519`, or one such as `sect163k1`.
    #[must_use]
    pub const fn curve_name(self) -> &'static str {
        match self {
            Self::Curve25519 => "curve25519",
            Self::VeryLow => "sect163k1",
            Self::Low => "sect233k1",
            Self::Medium => "sect409k1",
            Self::High => "sect571k1",
        }
    }

    /// Length of a signature in bytes: 64, 42, 60, 104 or 144.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Curve25519 => 64,
            Self::VeryLow => 42,
            Self::Low => 60,
            Self::Medium => 104,
            Self::High => 144,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names none of the five curves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown curve {0:?}: use curve25519, very-low, low, medium or high")]
pub struct UnknownCurve(pub String);

impl FromStr for Curve {
    type Err = UnknownCurve;

    /// Reads [`Curve::name`]; the reference, too, accepts exactly these.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|curve| curve.name() == text).ok_or_else(|| UnknownCurve(text.to_owned()))
    }
}
