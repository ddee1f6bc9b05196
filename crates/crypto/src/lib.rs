//! Keys and signatures of the IPv8 protocol.
//!
//! ```
//! use ipv8_crypto::{Curve, PrivateKey, PublicKey};
//! use rand::SeedableRng as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A seeded generator always draws the same key: fine for a simulation, never for a node.
//! let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! let key = PrivateKey::generate(Curve::Curve25519, &mut rng)?;
//!
//! let signature = key.sign(b"hello")?;
//! let received = PublicKey::from_bytes(key.public().as_bytes())?;
//! assert!(received.verify(b"hello", &signature));
//! assert!(!received.verify(b"goodbye", &signature));
//! # Ok(())
//! # }
//! ```
//!
//! Everything but [`keyfile`] is pure: no I/O, no clock, and randomness comes from the caller. OpenSSL alone draws
//! its own, for keys and signatures on the binary curves.
//!
//! # Costs
//!
//! In microseconds, on one core of the machine that `cargo bench -p ipv8-crypto` was last run on, for messages of
//! 200 bytes. A flood of packets by keys on the binary curves costs far more than one of curve25519.
//!
//! | | curve25519 | very-low | medium |
//! |---|---|---|---|
//! | read a public key | 0.11 | 7.0 | 7.6 |
//! | verify, first time, AVX2 | 33 | 320 | 1,350 |
//! | verify, again by the same [`PublicKey`], AVX2 / AVX-512 | 29 / 17 | 320 | 1,360 |
//! | verify, by [`Memoised`] when remembered | 0.32 | 0.32 | 0.41 |
//! | sign, with AWS-LC / without | 9 / 17 | 165 | 680 |
//! | agree on a secret | 51 | – | – |
//!
//! # Features
//!
//! - `aws-lc` (default): signs with AWS-LC, which is built from C. Signatures are the same without it.
//! - `legacy` (default): the binary curves and all other keys that OpenSSL reads. Without it only curve25519 keys
//!   are understood, and trackers that sign with the `very-low` curve go unheard.
//! - `vendored`: builds OpenSSL from source, for machines without it or with one that lacks binary curves.

mod curve;
#[cfg(feature = "legacy")]
mod der;
mod ed25519;
mod error;
pub mod keyfile;
#[cfg_attr(not(feature = "legacy"), path = "legacy_disabled.rs")]
mod legacy;
mod mid;
mod nacl;
mod pem;
mod private;
mod public;
mod sign;
mod signature;
mod verify;

pub use curve::{Curve, UnknownCurve};
pub use ed25519::Batched;
pub use error::{AgreeError, KeyError, SignError};
pub use mid::{Mid, ParseMidError};
pub use private::PrivateKey;
pub use public::PublicKey;
pub use sign::{SignJob, Signer, Signing, Stamps};
pub use signature::{MAX_SIGNATURE_LEN, Signature};
pub use verify::{Job, Memoised, Sequential, Verifier};
