//! Key bytes come from strangers: whatever they are, reading them ends, and ends as OpenSSL's own reading does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ipv8_crypto::{Mid, PrivateKey, PublicKey};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_an_error(start in 0..5usize, bytes in vec(any::<u8>(), 0..200)) {
        let starts = [b"".as_slice(), b"LibNaCLPK:", b"LibNaCLSK:", b"0", b"-----BEGIN PUBLIC KEY-----"];
        let bytes = [starts[start], &bytes].concat();
        if let Ok(key) = PublicKey::from_bytes(&bytes) {
            // What was read is read again from what is written.
            prop_assert_eq!(&PublicKey::from_bytes(key.as_bytes()).unwrap(), &key);
            prop_assert!(!key.verify(b"message", &[1; 64]));
        }
        if let Ok(key) = PrivateKey::from_bytes(&bytes) {
            prop_assert!(key.public().verify(b"message", &key.sign(b"message").unwrap()));
        }
    }

    #[test]
    fn any_text_is_pem_and_a_mid_or_an_error(text in ".{0,100}") {
        let framed = format!("-----BEGIN PUBLIC KEY-----{text}-----END PUBLIC KEY-----");
        let _ = PublicKey::from_pem(&text);
        let _ = PublicKey::from_pem(&framed);
        if let Ok(mid) = text.parse::<Mid>() {
            prop_assert_eq!(mid.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn mids_survive_their_printed_form(bytes in any::<[u8; 20]>()) {
        prop_assert_eq!(Mid(bytes).to_string().parse(), Ok(Mid(bytes)));
        prop_assert_eq!(format!("{:?}", Mid(bytes)).len(), "Mid(9b3e07ac…)".len());
    }
}

#[test]
fn mids_of_another_length_or_alphabet_are_refused() {
    let good = "9b3e07ac87ec55bbd97412f90345931836b09f08";
    assert!(good.parse::<Mid>().is_ok());
    assert!(good.to_uppercase().parse::<Mid>().is_ok());
    let long = format!("{good}0");
    for bad in ["", &good[1..], &long, &good.replace('9', "+"), &good.replace('9', "g"), &good.replace('9', "é")] {
        assert!(bad.parse::<Mid>().is_err(), "{bad}");
    }
}

#[cfg(feature = "legacy")]
mod der {
    use super::*;
    use ipv8_crypto::Curve;
    use openssl::pkey::PKey;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    /// What OpenSSL writes again after reading it.
    fn openssl_reads(der: &[u8]) -> Option<Vec<u8>> {
        PKey::public_key_from_der(der).ok()?.public_key_to_der().ok()
    }

    /// Well-known curves are read past OpenSSL's decoder: every change of one byte, and every cut, has the same
    /// outcome either way.
    #[test]
    fn a_short_cut_leads_where_openssl_does() {
        for curve in [Curve::VeryLow, Curve::High] {
            let key = PrivateKey::generate(curve, &mut StdRng::seed_from_u64(1)).unwrap();
            let der = key.public().as_bytes();
            assert_eq!(openssl_reads(der).as_deref(), Some(der));
            for place in 0..der.len() {
                let cut = PublicKey::from_bytes(&der[..place]).ok();
                assert_eq!(cut.is_some(), openssl_reads(&der[..place]).is_some(), "{curve} cut at {place}");
                for flip in [0x01, 0x02, 0x80] {
                    let mut der = der.to_vec();
                    der[place] ^= flip;
                    let read = PublicKey::from_bytes(&der).ok();
                    let expected = openssl_reads(&der);
                    assert_eq!(read.as_ref().map(PublicKey::as_bytes), expected.as_deref(), "{curve} {place} {flip}");
                }
            }
        }
    }

    /// As the reference: RSA loads, has a mid, and verifies nothing.
    #[test]
    fn keys_that_are_on_no_curve_load_and_verify_nothing() {
        use openssl::rsa::Rsa;

        let rsa = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        let der = rsa.public_key_to_der().unwrap();
        let key = PublicKey::from_bytes(&der).unwrap();
        assert_eq!(key.as_bytes(), der);
        assert_eq!((key.curve(), key.signature_len()), (None, 128));
        assert!(!key.verify(b"message", &[1; 128]));
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap(), key);
        let private = PrivateKey::from_bytes(&rsa.private_key_to_der().unwrap()).unwrap_err();
        assert!(private.to_string().contains("RSA"), "{private}");
    }

    /// OpenSSL takes lengths in more bytes than they need. Then the key is read the long way, to the same end.
    #[test]
    fn an_ed25519_key_in_an_unusual_encoding_is_a_curve25519_key() {
        let ed25519 = PKey::generate_ed25519().unwrap();
        let der = ed25519.public_key_to_der().unwrap();
        let unusual = [&[0x30, 0x81], &der[1..]].concat();
        let key = PublicKey::from_bytes(&unusual).unwrap();
        assert_eq!(key, PublicKey::from_bytes(&der).unwrap());
        assert_eq!(key.curve(), Some(Curve::Curve25519));
        assert_eq!(key.exchange_key().as_ref().map(|half| &half[..]), ed25519.raw_public_key().ok().as_deref());
    }

    #[test]
    fn encrypted_private_keys_are_refused_without_asking_for_a_passphrase() {
        use ipv8_crypto::KeyError;
        use openssl::ec::{EcGroup, EcKey};
        use openssl::nid::Nid;
        use openssl::symm::Cipher;

        let group = EcGroup::from_curve_name(Nid::SECT163K1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let sec1 = key.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"secret").unwrap();
        let pkcs8 = PKey::from_ec_key(key).unwrap();
        let pkcs8 = pkcs8.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret").unwrap();
        for pem in [sec1, pkcs8] {
            assert_eq!(PrivateKey::from_bytes(&pem).unwrap_err(), KeyError::Encrypted);
        }
    }

    /// PKCS#8 is read and SEC 1 written, as the reference does.
    #[test]
    fn a_private_key_in_pkcs8_is_the_same_key() {
        let key = PrivateKey::generate(Curve::Medium, &mut StdRng::seed_from_u64(1)).unwrap();
        let pkcs8 = PKey::private_key_from_der(&key.to_bytes()).unwrap().private_key_to_pkcs8().unwrap();
        assert_ne!(pkcs8, key.to_bytes().as_slice());
        assert_eq!(PrivateKey::from_bytes(&pkcs8).unwrap().to_bytes(), key.to_bytes());
    }

    /// What `openssl ecparam -genkey` writes: the curve's parameters come first.
    #[test]
    fn a_private_key_behind_its_parameters_is_found() {
        let key = PrivateKey::generate(Curve::Low, &mut StdRng::seed_from_u64(1)).unwrap();
        let parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAGg==\n-----END EC PARAMETERS-----\n";
        let text = format!("{parameters}{}", key.to_pem().as_str());
        assert_eq!(PrivateKey::from_bytes(text.as_bytes()).unwrap().mid(), key.mid());
    }
}
