//! Private keys.

use std::fmt;
use std::sync::Arc;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::curve::Curve;
use crate::error::{AgreeError, KeyError, SignError};
use crate::mid::Mid;
use crate::public::{MAX_ENCODED_LEN, PublicKey};
use crate::signature::Signature;
use crate::{legacy, nacl, pem};

/// A private key with its public key. Clones share one allocation, which is wiped when the last is dropped.
///
/// Its `Debug` form shows the public key only, and there is no other printed form.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    kind: Kind,
    public: PublicKey,
}

enum Kind {
    Curve25519(Box<nacl::Private>),
    Legacy(legacy::Private),
}

/// Draws the half of a key that PEM lacks.
pub(crate) type DrawHalf<'a> = &'a mut dyn FnMut() -> Result<Zeroizing<[u8; 32]>, KeyError>;

impl PrivateKey {
    /// Draws a key. For [`Curve::Curve25519`] it depends on `rng` alone, so that a seeded generator yields the same
    /// key again; all others are drawn by OpenSSL from the operating system, and leave `rng` as it was.
    ///
    /// # Errors
    ///
    /// Never for [`Curve::Curve25519`]. For the others [`KeyError::LegacyDisabled`] without the feature `legacy`,
    /// [`KeyError::Backend`] if OpenSSL fails or was built without that curve.
    pub fn generate(curve: Curve, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, KeyError> {
        if curve != Curve::Curve25519 {
            return Self::from_legacy(legacy::Private::generate(curve)?);
        }
        let mut exchange = Zeroizing::new([0; 32]);
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(exchange.as_mut_slice());
        rng.fill_bytes(seed.as_mut_slice());
        Ok(Self::from_nacl(nacl::Private::new(&exchange, &seed)))
    }

    /// Reads a key in the forms that the reference loads: `LibNaCLSK:` with its 64 bytes, DER (SEC 1 or PKCS#8) or
    /// PEM. What follows the key is dropped.
    ///
    /// # Errors
    ///
    /// If the bytes are none of these; [`KeyError::LegacyDisabled`] for other curves without the feature `legacy`;
    /// [`KeyError::NeedsRandomness`] for PEM and PKCS#8 of Ed25519, see [`PrivateKey::from_pem`];
    /// [`KeyError::Unsupported`] for keys that do not sign, such as RSA, which the reference loads in vain.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::read(bytes, &mut || Err(KeyError::NeedsRandomness))
    }

    /// Reads the first private key of a PEM text. PEM of a curve25519 key holds the Ed25519 half only: the X25519
    /// half is drawn from `rng`, so that **public key and mid are others at each load**, as in the reference. Keep
    /// keys as [`PrivateKey::to_bytes`].
    ///
    /// # Errors
    ///
    /// As [`PrivateKey::from_bytes`], and [`KeyError::Encrypted`] for a key under a passphrase.
    pub fn from_pem(text: &str, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, KeyError> {
        Self::read_pem(text, &mut draw_from(rng))
    }

    /// The bytes that the reference keeps in files: `LibNaCLSK:` and 64 bytes, or SEC 1 DER. They are wiped when
    /// dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.0.kind {
            Kind::Curve25519(key) => key.to_bytes(),
            Kind::Legacy(key) => key.to_der(),
        }
    }

    /// PEM of the key, that of curve25519 keys without the X25519 half: see [`PrivateKey::from_pem`].
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        match &self.0.kind {
            Kind::Curve25519(key) => pem::encode("PRIVATE KEY", &key.to_pkcs8()),
            Kind::Legacy(key) => pem::encode("EC PRIVATE KEY", &key.to_der()),
        }
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The mid of its public key.
    #[must_use]
    pub fn mid(&self) -> Mid {
        self.0.public.mid()
    }

    /// Signs the message. Signatures of curve25519 are deterministic (RFC 8032); those of other curves hold a random
    /// number drawn by OpenSSL.
    ///
    /// # Errors
    ///
    /// If OpenSSL fails; never for curve25519.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        match &self.0.kind {
            Kind::Curve25519(key) => Ok(Signature::from(key.sign(message))),
            Kind::Legacy(key) => key.sign(message),
        }
    }

    /// The secret shared with the owner of an X25519 key: X25519, then HSalsa20 over a block of zeros, which is
    /// NaCl's `crypto_box_beforenm`.
    ///
    /// # Errors
    ///
    /// If this key has no X25519 half, the peer's has not 32 bytes, or is of small order.
    pub fn agree(&self, peer_exchange_key: &[u8]) -> Result<Zeroizing<[u8; 32]>, AgreeError> {
        match &self.0.kind {
            Kind::Curve25519(key) => key.agree(peer_exchange_key),
            Kind::Legacy(_) => Err(AgreeError::NoExchangeKey),
        }
    }

    pub(crate) fn read(bytes: &[u8], half: DrawHalf<'_>) -> Result<Self, KeyError> {
        if bytes.starts_with(nacl::PRIVATE_PREFIX) {
            return nacl::Private::from_bytes(bytes).map(Self::from_nacl);
        }
        if bytes.starts_with(nacl::PUBLIC_PREFIX) {
            return Err(KeyError::PublicGiven);
        }
        if bytes.len() > MAX_ENCODED_LEN {
            return Err(KeyError::TooLong { found: bytes.len(), limit: MAX_ENCODED_LEN });
        }
        match bytes.first() {
            Some(0x30) => Self::read_der(bytes, half),
            Some(b'-') => Self::read_pem(pem::as_text(bytes)?, half),
            _ => Err(KeyError::Unrecognised),
        }
    }

    fn read_pem(text: &str, half: DrawHalf<'_>) -> Result<Self, KeyError> {
        let (_, der) = pem::decode(text, &["PRIVATE KEY", "EC PRIVATE KEY"])?;
        Self::read_der(&der, half)
    }

    fn read_der(der: &[u8], half: DrawHalf<'_>) -> Result<Self, KeyError> {
        let seed = match nacl::from_pkcs8(der) {
            Some(seed) => seed,
            None => match legacy::Private::from_der(der)? {
                legacy::Read::Other(key) => return Self::from_legacy(key),
                legacy::Read::Ed25519(seed) => Zeroizing::new(seed),
            },
        };
        let exchange = half()?;
        Ok(Self::from_nacl(nacl::Private::new(&exchange, &seed)))
    }

    fn from_nacl(key: nacl::Private) -> Self {
        let public = PublicKey::from(key.public());
        let kind = Kind::Curve25519(Box::new(key));
        Self(Arc::new(Inner { kind, public }))
    }

    fn from_legacy(key: legacy::Private) -> Result<Self, KeyError> {
        let public = PublicKey::from(key.public()?);
        let kind = Kind::Legacy(key);
        Ok(Self(Arc::new(Inner { kind, public })))
    }
}

/// Draws from a generator.
pub(crate) fn draw_from<R: CryptoRng + ?Sized>(
    rng: &mut R,
) -> impl FnMut() -> Result<Zeroizing<[u8; 32]>, KeyError> + '_ {
    || {
        let mut half = Zeroizing::new([0; 32]);
        rng.fill_bytes(half.as_mut_slice());
        Ok(half)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {:?})", self.0.public.curve_name(), self.mid())
    }
}
