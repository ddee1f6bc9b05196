//! curve25519 keys: an X25519 half and an Ed25519 half behind a prefix of text.

use salsa20::cipher::consts::U10;
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::ed25519::{Point, SigningHalf};
use crate::error::{AgreeError, KeyError};

/// Prefix of a public key's bytes.
pub(crate) const PUBLIC_PREFIX: &[u8; 10] = b"LibNaCLPK:";
/// Prefix of a private key's bytes.
pub(crate) const PRIVATE_PREFIX: &[u8; 10] = b"LibNaCLSK:";
/// Bytes of either.
pub(crate) const KEY_LEN: usize = 74;

/// SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// PKCS#8 of Ed25519 up to the seed (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// `prefix`, then two times 32 bytes.
fn join(prefix: &[u8; 10], exchange: &[u8; 32], signing: &[u8; 32]) -> [u8; KEY_LEN] {
    let mut bytes = [0; KEY_LEN];
    let parts = prefix.iter().chain(exchange).chain(signing);
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    bytes
}

/// The key in a SubjectPublicKeyInfo of Ed25519; what follows it is dropped.
pub(crate) fn from_spki(der: &[u8]) -> Option<[u8; 32]> {
    der.strip_prefix(&SPKI_PREFIX)?.first_chunk().copied()
}

/// The seed in a PKCS#8 of Ed25519; what follows it is dropped.
pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    der.strip_prefix(&PKCS8_PREFIX)?.first_chunk().copied().map(Zeroizing::new)
}

/// Public halves, as bytes: any 64 bytes load, and what is no point verifies nothing.
pub(crate) struct Public([u8; KEY_LEN]);

impl Public {
    pub(crate) fn new(exchange: &[u8; 32], signing: &[u8; 32]) -> Self {
        Self(join(PUBLIC_PREFIX, exchange, signing))
    }

    /// Bytes that begin with [`PUBLIC_PREFIX`]; what follows the key is dropped.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let found = bytes.len();
        let key = bytes.first_chunk().ok_or(KeyError::TooShort { found })?;
        Ok(Self(*key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn exchange_key(&self) -> [u8; 32] {
        let [_, _, _, _, _, _, _, _, _, _, halves @ ..] = &self.0;
        halves.first_chunk().copied().unwrap_or_default()
    }

    pub(crate) fn signing_key(&self) -> [u8; 32] {
        self.0.last_chunk().copied().unwrap_or_default()
    }

    pub(crate) fn to_spki(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.signing_key()].concat()
    }

    pub(crate) fn verify(&self, point: Point<'_>, message: &[u8], signature: &[u8]) -> bool {
        point.verify(&self.signing_key(), message, signature)
    }
}

/// Private halves, wiped when dropped.
pub(crate) struct Private {
    exchange: StaticSecret,
    signing: SigningHalf,
}

impl Private {
    /// Bytes that begin with [`PRIVATE_PREFIX`]; what follows the key is dropped.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let halves = bytes.get(PRIVATE_PREFIX.len()..).unwrap_or_default();
        let (exchange, rest) = halves.split_at_checked(32).unwrap_or_default();
        match (exchange.first_chunk(), rest.first_chunk()) {
            (Some(exchange), Some(seed)) => Ok(Self::new(exchange, seed)),
            _ => Err(KeyError::TooShort { found: bytes.len() }),
        }
    }

    pub(crate) fn new(exchange: &[u8; 32], seed: &[u8; 32]) -> Self {
        Self { exchange: StaticSecret::from(*exchange), signing: SigningHalf::new(seed) }
    }

    pub(crate) fn public(&self) -> Public {
        let exchange = x25519_dalek::PublicKey::from(&self.exchange);
        Public::new(exchange.as_bytes(), self.signing.public())
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = join(PRIVATE_PREFIX, self.exchange.as_bytes(), self.signing.seed());
        let copy = Zeroizing::new(bytes.to_vec());
        bytes.zeroize();
        copy
    }

    pub(crate) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([PKCS8_PREFIX.as_slice(), self.signing.seed()].concat())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message)
    }

    /// X25519, then HSalsa20 over a block of zeros: NaCl's `crypto_box_beforenm`.
    pub(crate) fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, AgreeError> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| AgreeError::KeyLength { found: peer.len() })?;
        let shared = self.exchange.diffie_hellman(&peer.into());
        if !shared.was_contributory() {
            return Err(AgreeError::SmallOrder);
        }
        let block = [0; 16];
        let mut derived = salsa20::hsalsa::<U10>(shared.as_bytes().into(), &block.into());
        let secret = Zeroizing::new(derived.into());
        derived.as_mut_slice().zeroize();
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    /// Each part that is secret wipes itself; this does not compile if one of them ceases to.
    #[test]
    fn secrets_are_wiped_when_dropped() {
        fn wipes<T: ZeroizeOnDrop>(_: &T) {}
        let Private { exchange, signing } = &Private::new(&[1; 32], &[2; 32]);
        wipes(exchange);
        wipes(signing);
    }
}
