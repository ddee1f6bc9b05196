//! `ecdsa.json`: keys on binary curves and signatures by them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![cfg(feature = "legacy")]

mod common;

use std::collections::BTreeMap;

use common::{bytes, list, text, vectors};
use ipv8_crypto::{Curve, PrivateKey, PublicKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

#[test]
fn keys_and_their_signatures_are_the_reference_s() {
    let vectors = vectors("ecdsa.json");
    let mut keys = BTreeMap::new();
    for entry in list(&vectors, "keys") {
        let name = text(entry, "name");
        let private = PrivateKey::from_bytes(&bytes(entry, "private_bin")).expect(name);
        let public = PublicKey::from_bytes(&bytes(entry, "public_bin")).expect(name);
        assert_eq!(private.to_bytes().as_slice(), bytes(entry, "private_bin"), "{name}");
        assert_eq!(private.public(), &public, "{name}");
        assert_eq!(public.as_bytes(), bytes(entry, "public_bin"), "{name}");
        assert_eq!(public.curve_name(), text(entry, "curve_name"), "{name}");
        assert_eq!(public.curve(), text(entry, "curve").parse().ok(), "{name}");
        keys.insert(name, public);
    }
    let signatures = list(&vectors, "signatures");
    assert_eq!(signatures.len(), 61);
    for entry in signatures {
        let name = text(entry, "key");
        let (message, signature) = (bytes(entry, "message"), bytes(entry, "signature"));
        assert!(keys[name].verify(&message, &signature), "{name}");
        let other = keys.values().find(|key| **key != keys[name]).unwrap();
        assert!(!other.verify(&message, &signature), "{name}");
    }
}

/// The halves are parted in the middle: what is put before both alike changes nothing, a byte at one end does.
#[test]
fn halves_are_parted_in_the_middle() {
    let vectors = vectors("ecdsa.json");
    let entry = &list(&vectors, "keys")[0];
    let key = PrivateKey::from_bytes(&bytes(entry, "private_bin")).unwrap();
    let signature = key.sign(b"message").unwrap();
    let (r, s) = signature.split_at(signature.len() / 2);
    for zeros in [1, 5, 20_000] {
        let zeros = vec![0; zeros];
        let padded = [&zeros, r, &zeros, s].concat();
        assert!(key.public().verify(b"message", &padded), "{} zeros", zeros.len());
    }
    assert!(!key.public().verify(b"message", &[&[0], r, s].concat()));
    assert!(!key.public().verify(b"message", &[r, s, &[0]].concat()));
    assert!(!key.public().verify(b"message", &[r, s, &[0, 0]].concat()));
}

/// s and n - s are both good signatures, as OpenSSL has it.
#[test]
fn high_s_is_accepted() {
    use openssl::bn::BigNum;
    use openssl::ec::EcGroup;
    use openssl::nid::Nid;

    let mut rng = StdRng::seed_from_u64(0);
    let key = PrivateKey::generate(Curve::VeryLow, &mut rng).unwrap();
    let signature = key.sign(b"message").unwrap();
    let (r, s) = signature.split_at(21);
    let group = EcGroup::from_curve_name(Nid::SECT163K1).unwrap();
    let mut order = BigNum::new().unwrap();
    group.order(&mut order, &mut openssl::bn::BigNumContext::new().unwrap()).unwrap();
    let other = &order - &BigNum::from_slice(s).unwrap();
    let flipped = [r, &other.to_vec_padded(21).unwrap()].concat();
    assert!(key.public().verify(b"message", &flipped));
}

#[test]
fn generated_keys_sign_and_survive_their_bytes_and_pem() {
    let mut rng = StdRng::seed_from_u64(0);
    for curve in Curve::ALL {
        let key = PrivateKey::generate(curve, &mut rng).unwrap();
        assert_eq!(key.public().curve(), Some(curve));
        assert_eq!(key.public().curve_name(), curve.curve_name());
        assert_eq!(key.public().signature_len(), curve.signature_len());
        let again = PrivateKey::from_bytes(&key.to_bytes()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(&PublicKey::from_bytes(key.public().as_bytes()).unwrap(), key.public());
        // Zeros in front of r or s must stay: some of 64 signatures begin with them.
        for message in 0..64u8 {
            let signature = again.sign(&[message]).unwrap();
            assert_eq!(signature.len(), curve.signature_len());
            assert!(key.public().verify(&[message], &signature), "{curve}");
        }
        if curve != Curve::Curve25519 {
            let from_pem = PrivateKey::from_pem(&key.to_pem(), &mut rng).unwrap();
            assert_eq!(from_pem.to_bytes(), key.to_bytes(), "{curve}");
            assert!(key.agree(&[9; 32]).is_err());
            assert!(key.public().exchange_key().is_none());
        }
    }
}
