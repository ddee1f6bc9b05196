//! Values: plain bytes, or bytes that somebody signed (`protocol.md` section 6, "Values").

use ipv8_crypto::{Mid, PrivateKey, PublicKey, SignError};
use sha1::{Digest, Sha1};

/// The most bytes that a value has, with everything around its data; nodes take no more.
pub const MAX_VALUE_LEN: usize = 170;

const UNSIGNED: u8 = 0;
const SIGNED: u8 = 1;

/// Whether a value is signed with the key of the community that stores it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Anybody can store another value beside it, and nobody can tell who did; up to 169 bytes.
    No,
    /// Whoever finds it knows whose it is, and only its signer can replace it; up to 23 bytes with a key of curve25519. The
    /// signature does not cover the key under which the value is stored: say in the value what it is about.
    Yes,
}

/// A value that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// The bytes that were stored.
    pub data: Vec<u8>,
    /// Who signed them; the signature holds.
    pub signer: Option<PublicKey>,
    /// When they were signed, in seconds since 1970 by the signer's clock; 0 if they were not. Of two values of one signer
    /// the one with the higher version is newer.
    pub version: u32,
    /// The signer's key as it was written. Bytes that a key does not need may follow it.
    key: Option<Vec<u8>>,
}

/// Why bytes are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// They end too early, or hold a key that cannot be read. The reference then ignores the whole request.
    #[error("the value is cut short, or its key cannot be read")]
    Malformed,
    /// The first byte says neither signed nor unsigned.
    #[error("the value has the unknown type {0}: only 0 (unsigned) and 1 (signed) are known")]
    UnknownType(u8),
    /// The signature does not hold.
    #[error("the signature of the value does not hold")]
    BadSignature,
}

impl Value {
    /// Reads a value and checks its signature.
    ///
    /// # Errors
    /// If it is no value, or was not signed by the key that it names.
    pub fn decode(bytes: &[u8]) -> Result<Self, ValueError> {
        let (kind, rest) = bytes.split_first().ok_or(ValueError::Malformed)?;
        match *kind {
            UNSIGNED => Ok(Self { data: rest.to_vec(), signer: None, version: 0, key: None }),
            SIGNED => Self::decode_signed(bytes, rest),
            other => Err(ValueError::UnknownType(other)),
        }
    }

    fn decode_signed(bytes: &[u8], rest: &[u8]) -> Result<Self, ValueError> {
        let (data, version, key) = read_signed(rest).ok_or(ValueError::Malformed)?;
        let signer = PublicKey::from_bytes(key).map_err(|_| ValueError::Malformed)?;
        let end = bytes.len().saturating_sub(signer.signature_len());
        let (message, signature) = bytes.split_at_checked(end).ok_or(ValueError::BadSignature)?;
        if !signer.verify(message, signature) {
            return Err(ValueError::BadSignature);
        }
        Ok(Self { data: data.to_vec(), signer: Some(signer), version, key: Some(key.to_vec()) })
    }

    /// What makes two values of a key the same, so that the newer takes the place of the older: the SHA-1 of the signer's key,
    /// or of the whole value if it is not signed.
    #[must_use]
    pub fn storage_id(&self, bytes: &[u8]) -> [u8; 20] {
        self.key.as_deref().map_or_else(|| Sha1::digest(bytes).into(), signer_id)
    }

    /// The member id of the signer.
    #[must_use]
    pub fn signer_mid(&self) -> Option<Mid> {
        self.signer.as_ref().map(PublicKey::mid)
    }

    /// The signer's key as it was written.
    #[must_use]
    pub fn signer_bytes(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }
}

/// The storage id of what is signed with a key.
pub(crate) fn signer_id(key: &[u8]) -> [u8; 20] {
    Sha1::digest(key).into()
}

/// Storage id and version of a value of our own, whose signature is not checked. What is no value stands for itself.
pub(crate) fn identity(bytes: &[u8]) -> ([u8; 20], u32) {
    match bytes.split_first().and_then(|(kind, rest)| (*kind == SIGNED).then(|| read_signed(rest)).flatten()) {
        Some((_, version, key)) => (signer_id(key), version),
        None => (Sha1::digest(bytes).into(), 0),
    }
}

/// Data, version and key.
fn read_signed(rest: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (data, rest) = read_prefixed(rest)?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (key, _) = read_prefixed(rest)?;
    Some((data, u32::from_be_bytes(*version), key))
}

/// Bytes behind their length, and what follows.
fn read_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// The bytes of a value that nobody signs.
#[must_use]
pub fn encode_unsigned(data: &[u8]) -> Vec<u8> {
    [&[UNSIGNED], data].concat()
}

/// The bytes of a value that a key signs. Data beyond 65,535 bytes is cut off; no node takes that much anyway
/// ([`max_data_len`]).
///
/// # Errors
/// If the key cannot sign.
pub fn encode_signed(data: &[u8], version: u32, key: &PrivateKey) -> Result<Vec<u8>, SignError> {
    let mut bytes = vec![SIGNED];
    write_prefixed(&mut bytes, data);
    bytes.extend_from_slice(&version.to_be_bytes());
    write_prefixed(&mut bytes, key.public().as_bytes());
    let signature = key.sign(&bytes)?;
    bytes.extend_from_slice(signature.as_ref());
    Ok(bytes)
}

/// Bytes behind their length.
fn write_prefixed(bytes: &mut Vec<u8>, part: &[u8]) {
    let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend(part.iter().take(usize::from(len)));
}

/// How many bytes of data a value may have.
#[must_use]
pub fn max_data_len(sign: Sign, key: &PublicKey) -> usize {
    let around = match sign {
        Sign::No => 1,
        Sign::Yes => 1 + 2 + 4 + 2 + key.as_bytes().len() + key.signature_len(),
    };
    MAX_VALUE_LEN.saturating_sub(around)
}

/// What a lookup gives of the values that it met: of each signer the newest, in the order in which the signers were met,
/// then all that are unsigned. What is no value is left out.
#[must_use]
pub fn select<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<Value> {
    let mut signed: indexmap::IndexMap<Vec<u8>, Value> = indexmap::IndexMap::new();
    let mut unsigned = Vec::new();
    for value in values.into_iter().filter_map(|bytes| Value::decode(bytes).ok()) {
        let Some(key) = value.key.clone() else {
            unsigned.push(value);
            continue;
        };
        match signed.get_mut(&key) {
            Some(known) if known.version >= value.version => {}
            Some(known) => *known = value,
            None => drop(signed.insert(key, value)),
        }
    }
    signed.into_values().chain(unsigned).collect()
}
