//! Private keys do not show in what is printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ipv8_crypto::keyfile::KeyMaterial;
use ipv8_crypto::{Curve, PrivateKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The printed forms a secret might leak in.
fn forms(secret: &[u8]) -> [String; 3] {
    let decimals: Vec<_> = secret.iter().map(u8::to_string).collect();
    [hex::encode(secret), hex::encode_upper(secret), decimals.join(", ")]
}

#[test]
fn debug_shows_the_mid_and_no_secret() {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(1)).unwrap();
    let bytes = key.to_bytes();
    let mid = key.mid().to_string();
    let wrapped = KeyMaterial::Private(key.clone());
    for printed in [format!("{key:?}"), format!("{key:#?}"), format!("{wrapped:?}")] {
        assert!(printed.contains(&mid[..8]), "{printed}");
        for secret in bytes[10..].windows(4) {
            for form in forms(secret) {
                assert!(!printed.contains(&form), "{printed}");
            }
        }
    }
}

#[test]
fn errors_about_a_key_do_not_quote_it() {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(1)).unwrap();
    let bytes = key.to_bytes();
    let broken_pem = key.to_pem().replacen('\n', "\n*", 1);
    let errors = [
        PrivateKey::from_bytes(&bytes[..73]).unwrap_err(),
        PrivateKey::from_bytes(&bytes[1..]).unwrap_err(),
        PrivateKey::from_bytes(broken_pem.as_bytes()).unwrap_err(),
    ];
    let pem_line = key.to_pem().lines().nth(1).unwrap()[..8].to_owned();
    for error in errors {
        for printed in [format!("{error:?}"), error.to_string()] {
            assert!(!printed.contains(&pem_line), "{printed}");
            for form in bytes[10..].windows(4).flat_map(forms) {
                assert!(!printed.contains(&form), "{printed}");
            }
        }
    }
}
