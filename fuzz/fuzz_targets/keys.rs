//! Reads any bytes as keys of every kind. Nothing may panic; what a key is written as reads back as the same key; and
//! a private curve25519 key makes signatures that its public key takes.
#![no_main]

use ipv8_crypto::{Curve, PrivateKey, PublicKey};
use libfuzzer_sys::fuzz_target;

const MESSAGE: &[u8] = b"message";

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::from_bytes(bytes) {
        same_again(&key);
        // Never by chance, and never with a panic, whatever the length.
        assert!(!key.verify(MESSAGE, &[]));
        let length = key.signature_len().min(bytes.len());
        let _ = key.verify(MESSAGE, &bytes[bytes.len() - length..]);
    }
    if let Ok(key) = PrivateKey::from_bytes(bytes) {
        same_again(key.public());
        let again = PrivateKey::from_bytes(&key.to_bytes());
        assert_eq!(again.ok().map(|again| again.mid()), Some(key.mid()));
        if let Ok(signature) = key.sign(MESSAGE) {
            assert_eq!(signature.len(), key.public().signature_len());
            // A file of another curve may hold a public key that is not that of its private key: OpenSSL, and so the
            // reference, loads it all the same.
            if key.public().curve() == Some(Curve::Curve25519) {
                assert!(key.public().verify(MESSAGE, &signature));
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = PublicKey::from_pem(text)
    {
        same_again(&key);
    }
});

/// The written form of a public key, in bytes and in PEM, reads back.
fn same_again(key: &PublicKey) {
    let again = PublicKey::from_bytes(key.as_bytes());
    assert_eq!(again.ok().map(|again| again.mid()), Some(key.mid()));
    assert!(PublicKey::from_pem(&key.to_pem()).is_ok());
}
