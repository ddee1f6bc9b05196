//! `keys.json`: what the reference makes of keys, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod common;

use common::{bytes, list, text, vectors};
use ipv8_crypto::{Mid, PrivateKey, PublicKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

/// Whether this build reads the entry's curve.
fn readable(curve_name: &str) -> bool {
    cfg!(feature = "legacy") || curve_name == "curve25519"
}

fn keys(vectors: &Value) -> impl Iterator<Item = &Value> {
    list(vectors, "keys").iter().filter(|entry| readable(text(entry, "curve_name")))
}

#[test]
fn private_keys_have_the_reference_s_bytes_public_key_and_mid() {
    for entry in keys(&vectors("keys.json")) {
        let name = text(entry, "name");
        let key = PrivateKey::from_bytes(&bytes(entry, "private_bin")).expect(name);
        assert_eq!(key.to_bytes().as_slice(), bytes(entry, "private_bin"), "{name}");
        assert_eq!(key.public().as_bytes(), bytes(entry, "public_bin"), "{name}");
        assert_eq!(key.to_pem().as_str(), text(entry, "private_pem"), "{name}");
        assert_eq!(key.mid().to_string(), text(entry, "mid"), "{name}");
        let agreed = key.public().exchange_key().map(hex::encode);
        assert_eq!(agreed.as_deref(), entry["crypt_public_key"].as_str(), "{name}");
    }
}

#[test]
fn public_keys_have_the_reference_s_bytes_curve_and_mid() {
    for entry in keys(&vectors("keys.json")) {
        let name = text(entry, "name");
        let key = PublicKey::from_bytes(&bytes(entry, "public_bin")).expect(name);
        assert_eq!(key.as_bytes(), bytes(entry, "public_bin"), "{name}");
        assert_eq!(key.to_pem(), text(entry, "public_pem"), "{name}");
        assert_eq!(key.mid(), text(entry, "mid").parse::<Mid>().unwrap(), "{name}");
        assert_eq!(key.curve(), Some(text(entry, "curve").parse().unwrap()), "{name}");
        assert_eq!(key.curve_name(), text(entry, "curve_name"), "{name}");
        assert_eq!(Some(key.signature_len() as u64), entry["signature_length"].as_u64(), "{name}");
    }
}

#[test]
fn pem_keeps_the_half_that_signs() {
    let mut rng = StdRng::seed_from_u64(0);
    for entry in keys(&vectors("keys.json")) {
        let name = text(entry, "name");
        let key = PrivateKey::from_pem(text(entry, "private_pem"), &mut rng).expect(name);
        let public = PublicKey::from_pem(text(entry, "public_pem")).expect(name);
        let signature = key.sign(b"message").unwrap();
        assert!(public.verify(b"message", &signature), "{name}");
        if text(entry, "curve") == "curve25519" {
            // The other half is drawn: another mid at each load.
            let again = PrivateKey::from_pem(text(entry, "private_pem"), &mut rng).unwrap();
            assert_ne!(key.mid(), again.mid(), "{name}");
            assert_eq!(key.to_pem(), again.to_pem(), "{name}");
        } else {
            assert_eq!(public.mid().to_string(), text(entry, "mid"), "{name}");
            assert_eq!(key.mid(), public.mid(), "{name}");
        }
    }
}

#[test]
fn signatures_hold_or_not_as_for_the_reference() {
    for entry in keys(&vectors("keys.json")) {
        let name = text(entry, "name");
        let private = PrivateKey::from_bytes(&bytes(entry, "private_bin")).expect(name);
        for case in list(entry, "signatures") {
            let message = bytes(case, "message");
            let signature = bytes(case, "signature");
            assert!(private.public().verify(&message, &signature), "{name}: {}", case["name"]);
            let own = private.sign(&message).unwrap();
            assert_eq!(own.len(), private.public().signature_len(), "{name}");
            assert!(private.public().verify(&message, &own), "{name}");
            if case["deterministic"] == true {
                assert_eq!(own.as_bytes(), signature, "{name}: {}", case["name"]);
            }
        }
        for case in list(entry, "invalid") {
            let key = PublicKey::from_bytes(&bytes(case, "public_bin")).expect(name);
            let verdict = key.verify(&bytes(case, "message"), &bytes(case, "signature"));
            assert_eq!(Some(verdict), case["valid"].as_bool(), "{name}: {}", case["name"]);
        }
    }
}

#[test]
fn odd_key_bytes_load_or_not_as_for_the_reference() {
    for case in list(&vectors("keys.json"), "decode") {
        let name = text(case, "name");
        let input = bytes(case, "hex");
        let read = match text(case, "kind") {
            "public" => PublicKey::from_bytes(&input).map(|key| (key.as_bytes().to_vec(), key)),
            _ => PrivateKey::from_bytes(&input).map(|key| (key.to_bytes().to_vec(), key.public().clone())),
        };
        if text(case, "outcome") == "error" || !readable(text(case, "curve_name")) {
            assert!(read.is_err(), "{name}");
            continue;
        }
        let (written, key) = read.expect(name);
        assert_eq!(written, bytes(case, "key_to_bin"), "{name}");
        assert_eq!(key.curve_name(), text(case, "curve_name"), "{name}");
        assert_eq!(key.mid().to_string(), text(case, "mid"), "{name}");
        assert_eq!(Some(key.signature_len() as u64), case["signature_length"].as_u64(), "{name}");
    }
}

#[test]
fn corner_cases_of_ed25519_have_the_reference_s_verdict() {
    for case in list(&vectors("keys.json"), "ed25519_edge") {
        let key = PublicKey::from_bytes(&bytes(case, "public_bin")).unwrap();
        let verdict = key.verify(&bytes(case, "message"), &bytes(case, "signature"));
        assert_eq!(Some(verdict), case["valid"].as_bool(), "{}", case["name"]);
    }
}

#[test]
fn keys_agree_on_the_reference_s_secrets() {
    for case in list(&vectors("keys.json"), "agreement") {
        let key = PrivateKey::from_bytes(&bytes(case, "private_bin")).unwrap();
        let secret = key.agree(&bytes(case, "peer_public_key")).ok().map(hex::encode);
        assert_eq!(secret.as_deref(), case["shared_secret"].as_str(), "{}", case["name"]);
        assert_eq!(secret.is_some(), case["outcome"] == "ok", "{}", case["name"]);
    }
}

#[test]
fn peers_have_the_reference_s_mid_hash_and_printed_form() {
    let vectors = vectors("keys.json");
    let peers = list(&vectors, "peers").iter();
    let curve25519 = hex::encode("LibNaCLPK:");
    for case in peers.filter(|case| readable("") || text(case, "public_bin").starts_with(&curve25519)) {
        let mid = PublicKey::from_bytes(&bytes(case, "public_bin")).unwrap().mid();
        assert_eq!(mid.to_string(), text(case, "mid"));
        assert_eq!(Some(mid.leading_u64()), case["hash"].as_u64());
        let printed = format!(", {}>", mid.to_base64());
        assert!(text(case, "string").ends_with(&printed), "{printed}");
    }
}
