//! Stands in for `legacy.rs` in builds without OpenSSL: keys that cannot exist.

use std::convert::Infallible;

use zeroize::Zeroizing;

use crate::curve::Curve;
use crate::error::{KeyError, SignError};
use crate::signature::Signature;

/// Never made.
pub(crate) struct Public(Infallible);

/// Never made.
pub(crate) struct Private(Infallible);

/// As with OpenSSL.
#[allow(dead_code, reason = "made only by OpenSSL")]
pub(crate) enum Read<T> {
    Other(T),
    Ed25519([u8; 32]),
}

impl Public {
    pub(crate) fn from_der(_: &[u8]) -> Result<Read<Self>, KeyError> {
        Err(KeyError::LegacyDisabled)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self.0 {}
    }

    pub(crate) fn curve(&self) -> Option<Curve> {
        match self.0 {}
    }

    pub(crate) fn curve_name(&self) -> &str {
        match self.0 {}
    }

    pub(crate) fn signature_len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match self.0 {}
    }
}

impl Private {
    pub(crate) fn generate(_: Curve) -> Result<Self, KeyError> {
        Err(KeyError::LegacyDisabled)
    }

    pub(crate) fn from_der(_: &[u8]) -> Result<Read<Self>, KeyError> {
        Err(KeyError::LegacyDisabled)
    }

    pub(crate) fn public(&self) -> Result<Public, KeyError> {
        match self.0 {}
    }

    pub(crate) fn to_der(&self) -> Zeroizing<Vec<u8>> {
        match self.0 {}
    }

    pub(crate) fn sign(&self, _: &[u8]) -> Result<Signature, SignError> {
        match self.0 {}
    }
}
