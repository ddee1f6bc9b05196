//! What can go wrong with keys.

use thiserror::Error;

/// Why a key was not read, drawn or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither `LibNaCLPK:`, `LibNaCLSK:`, DER nor PEM.
    #[error("not a key: expected LibNaCLPK:, LibNaCLSK:, DER or PEM")]
    Unrecognised,
    /// A curve25519 key that ends early.
    #[error("a curve25519 key has 74 bytes, these are only {found}: the key was cut off")]
    TooShort {
        /// How many bytes there were.
        found: usize,
    },
    /// More bytes than any key in DER or PEM needs.
    #[error("no key has {found} bytes: give one of at most {limit}")]
    TooLong {
        /// How many bytes there were.
        found: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// A public key where a private one is needed.
    #[error("this is a public key: give the private key that belongs to it")]
    PublicGiven,
    /// A private key where a public one is needed.
    #[error("this is a private key: give the public key only, and keep this one secret")]
    PrivateGiven,
    /// A DER key, or a binary curve, in a build without the feature `legacy`.
    #[error("keys other than curve25519 need OpenSSL: build ipv8-crypto with the feature `legacy`")]
    LegacyDisabled,
    /// OpenSSL refused the bytes: not the DER of a key, or a point off its curve.
    #[error("OpenSSL does not read this key ({0}): check that it is complete and on a curve of this OpenSSL")]
    Malformed(String),
    /// A private key with which nothing can be signed here, such as RSA.
    #[error("a private key of type {0} does not sign IPv8 packets: use a curve25519 key")]
    Unsupported(String),
    /// PEM whose frame or base64 is broken, or that holds no key.
    #[error("PEM without a readable key ({0})")]
    BadPem(&'static str),
    /// A private key under a passphrase. The reference does not read them either.
    #[error("the private key is encrypted: remove its passphrase first (openssl pkey -in FILE)")]
    Encrypted,
    /// PEM and PKCS#8 hold only the Ed25519 half of a key; the other half is drawn anew at each load.
    #[error("this holds only the signing half of a key: read it with from_pem, which draws the other half")]
    NeedsRandomness,
    /// OpenSSL could not draw or write a key.
    #[error("OpenSSL failed ({0}): if it lacks binary curves, build with the feature `vendored`")]
    Backend(String),
}

/// Why nothing was signed. Never happens with curve25519 keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// OpenSSL failed, for instance for want of random numbers.
    #[error("OpenSSL did not sign ({0})")]
    Backend(String),
}

/// Why two keys agreed on no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgreeError {
    /// The own key has no X25519 half.
    #[error("only curve25519 keys agree on secrets: generate one")]
    NoExchangeKey,
    /// The peer's key has not 32 bytes.
    #[error("an exchange key has 32 bytes, this has {found}")]
    KeyLength {
        /// How many bytes there were.
        found: usize,
    },
    /// The peer's key is of small order, which makes the secret public: X25519 yields zero (RFC 7748, section 6.1).
    #[error("the peer's exchange key is of small order: refuse the peer")]
    SmallOrder,
}
