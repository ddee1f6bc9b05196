//! Keys that OpenSSL reads: the binary curves, with ECDSA over SHA-1, and whatever else the reference loads.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private as Secret, Public as Open};
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::curve::Curve;
use crate::der::NamedPoint;
use crate::error::{KeyError, SignError};
use crate::signature::Signature;

/// What a DER turned out to hold.
pub(crate) enum Read<T> {
    /// A key for OpenSSL.
    Other(T),
    /// The 32 bytes of an Ed25519 key in an unusual encoding.
    Ed25519([u8; 32]),
}

/// A public key, its DER beside it.
pub(crate) struct Public {
    der: Vec<u8>,
    curve: Option<Curve>,
    curve_name: &'static str,
    signature_len: usize,
    /// `None` for keys that are on no elliptic curve, which verify nothing.
    key: Option<EcKey<Open>>,
}

impl Public {
    pub(crate) fn from_der(der: &[u8]) -> Result<Read<Self>, KeyError> {
        if let Some(key) = Self::from_named_point(der)? {
            return Ok(Read::Other(key));
        }
        let key = PKey::public_key_from_der(der).map_err(malformed)?;
        if key.id() == Id::ED25519 {
            return ed25519_half(key.raw_public_key()).map(Read::Ed25519);
        }
        Self::new(&key).map(Read::Other)
    }

    /// What arrives in packets: an uncompressed point on a well-known curve. OpenSSL's own decoder comes to the same,
    /// but takes 220 µs to do so, which a flood of such packets would turn against us.
    fn from_named_point(der: &[u8]) -> Result<Option<Self>, KeyError> {
        let Some(read) = NamedPoint::read(der) else {
            return Ok(None);
        };
        let Some(nid) = well_known(read.curve) else {
            return Ok(None);
        };
        let key = || {
            let group = EcGroup::from_curve_name(nid)?;
            // Fails if the point is not on the curve, or not of its size.
            let point = EcPoint::from_bytes(&group, read.point, &mut *BigNumContext::new()?)?;
            EcKey::from_public_key(&group, &point)
        };
        Self::from_ec(read.der.to_vec(), key().map_err(malformed)?).map(Some)
    }

    fn new(key: &PKey<Open>) -> Result<Self, KeyError> {
        let der = key.public_key_to_der().map_err(malformed)?;
        if key.id() != Id::EC {
            return Ok(Self { der, curve: None, curve_name: "unknown", signature_len: key.size(), key: None });
        }
        Self::from_ec(der, key.ec_key().map_err(malformed)?)
    }

    fn from_ec(der: Vec<u8>, key: EcKey<Open>) -> Result<Self, KeyError> {
        let nid = key.group().curve_name();
        let curve_name = nid.and_then(|nid| nid.short_name().ok()).unwrap_or("unknown");
        Ok(Self {
            der,
            curve: nid.and_then(curve_of),
            curve_name,
            signature_len: 2 * half_len(key.group().degree()),
            key: Some(key),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn curve(&self) -> Option<Curve> {
        self.curve
    }

    pub(crate) fn curve_name(&self) -> &str {
        self.curve_name
    }

    pub(crate) fn signature_len(&self) -> usize {
        self.signature_len
    }

    /// The reference parts a signature in the middle whatever its length, so that padding of both halves is of no
    /// consequence, and it takes high values of s.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = &self.key else {
            return false;
        };
        let (r, s) = signature.split_at(signature.len() / 2);
        let verdict = BigNum::from_slice(r)
            .and_then(|r| EcdsaSig::from_private_components(r, BigNum::from_slice(s)?))
            .and_then(|signature| signature.verify(&Sha1::digest(message), key));
        verdict.unwrap_or(false)
    }
}

/// A private key on an elliptic curve. OpenSSL wipes it when it is dropped.
pub(crate) struct Private {
    key: PKey<Secret>,
    ec: EcKey<Secret>,
    /// Its SEC 1 DER, made once while a failure can still be told.
    der: Zeroizing<Vec<u8>>,
}

impl Private {
    pub(crate) fn generate(curve: Curve) -> Result<Self, KeyError> {
        let key = nid_of(curve).map(|nid| {
            let group = EcGroup::from_curve_name(nid)?;
            EcKey::generate(&group).and_then(PKey::from_ec_key)
        });
        match key {
            Some(key) => Self::new(key.map_err(backend)?),
            None => Err(KeyError::Unsupported(curve.name().to_owned())),
        }
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<Read<Self>, KeyError> {
        let key = match PKey::private_key_from_der(der) {
            Ok(key) => key,
            Err(_) if PKey::public_key_from_der(der).is_ok() => return Err(KeyError::PublicGiven),
            Err(error) => return Err(malformed(error)),
        };
        match key.id() {
            Id::ED25519 => ed25519_half(key.raw_private_key()).map(Read::Ed25519),
            Id::EC => Self::new(key).map(Read::Other),
            Id::RSA => Err(KeyError::Unsupported("RSA".to_owned())),
            other => Err(KeyError::Unsupported(format!("{other:?}"))),
        }
    }

    fn new(key: PKey<Secret>) -> Result<Self, KeyError> {
        let ec = key.ec_key().map_err(backend)?;
        let der = Zeroizing::new(ec.private_key_to_der().map_err(backend)?);
        Ok(Self { key, ec, der })
    }

    pub(crate) fn public(&self) -> Result<Public, KeyError> {
        let der = self.key.public_key_to_der().map_err(backend)?;
        Public::new(&PKey::public_key_from_der(&der).map_err(backend)?)
    }

    pub(crate) fn to_der(&self) -> Zeroizing<Vec<u8>> {
        self.der.clone()
    }

    /// r and s, each padded with zeros in front to the bytes of a field element.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let half = half_len(self.ec.group().degree());
        let padded = i32::try_from(half).map_err(|error| SignError::Backend(error.to_string()))?;
        let both = EcdsaSig::sign(&Sha1::digest(message), &self.ec)
            .and_then(|drawn| Ok([drawn.r().to_vec_padded(padded)?, drawn.s().to_vec_padded(padded)?].concat()))
            .map_err(|error| SignError::Backend(error.to_string()))?;
        Signature::from_slice(&both).ok_or_else(|| SignError::Backend(format!("{} bytes of signature", both.len())))
    }
}

/// Bytes of a field element of that many bits.
fn half_len(bits: u32) -> usize {
    usize::try_from(bits.div_ceil(8)).unwrap_or_default()
}

fn nid_of(curve: Curve) -> Option<Nid> {
    Some(match curve {
        Curve::Curve25519 => return None,
        Curve::VeryLow => Nid::SECT163K1,
        Curve::Low => Nid::SECT233K1,
        Curve::Medium => Nid::SECT409K1,
        Curve::High => Nid::SECT571K1,
    })
}

/// The curve with that OBJECT IDENTIFIER (SEC 2, section A.2), if it is one that peers are known to use.
fn well_known(identifier: &[u8]) -> Option<Nid> {
    Some(match identifier.strip_prefix(&[0x2b, 0x81, 0x04, 0x00])? {
        [0x01] => Nid::SECT163K1,
        [0x1a] => Nid::SECT233K1,
        [0x24] => Nid::SECT409K1,
        [0x26] => Nid::SECT571K1,
        [0x27] => Nid::SECT571R1,
        _ => return None,
    })
}

fn curve_of(nid: Nid) -> Option<Curve> {
    Curve::ALL.into_iter().find(|curve| nid_of(*curve) == Some(nid))
}

fn ed25519_half(raw: Result<Vec<u8>, ErrorStack>) -> Result<[u8; 32], KeyError> {
    let raw = Zeroizing::new(raw.map_err(malformed)?);
    raw.as_slice().try_into().map_err(|_| KeyError::TooShort { found: raw.len() })
}

/// The first of OpenSSL's reasons: those below it repeat it with more context.
fn reason(stack: &ErrorStack) -> String {
    let first = stack.errors().first().and_then(|error| error.reason());
    first.unwrap_or("no reason given").to_owned()
}

fn malformed(stack: ErrorStack) -> KeyError {
    KeyError::Malformed(reason(&stack))
}

fn backend(stack: ErrorStack) -> KeyError {
    KeyError::Backend(reason(&stack))
}
