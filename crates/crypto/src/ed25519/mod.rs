//! Ed25519 by the fastest well-kept implementation of each operation: verification by ed25519-dalek, or in batches by an
//! equation of our own on curve25519-dalek, signing by AWS-LC, or by ed25519-dalek as well without the feature `aws-lc`. They
//! make the same signatures, for those of Ed25519 are deterministic (RFC 8032, section 5.1.6).

mod batch;
mod equation;
mod point;
#[cfg_attr(not(feature = "aws-lc"), path = "sign_dalek.rs")]
mod sign;

pub use batch::Batched;
pub(crate) use point::{Decompressed, Point, Standing};
pub(crate) use sign::SigningHalf;
