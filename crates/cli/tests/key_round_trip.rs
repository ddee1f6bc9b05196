//! A key of each curve is written, shown, and signs what it then verifies.
// Keys on the binary curves are among them.
#![cfg(any(feature = "vendored", feature = "system"))]

mod common;

use common::{Directory, ipv8};

const CURVES: [(&str, u64); 5] = [("curve25519", 64), ("very-low", 42), ("low", 60), ("medium", 104), ("high", 144)];

#[test]
fn keys_of_all_curves_sign_and_verify() {
    let directory = Directory::new();
    for (curve, signature_length) in CURVES {
        let file = directory.file(curve);
        assert_eq!(ipv8(["key", "generate", "--curve", curve, "--out", &file], b"").status, Some(0));
        let shown = ipv8(["key", "show", &file, "--json"], b"");
        assert_eq!(shown.status, Some(0), "{}", shown.stderr);
        let shown = &shown.json()[0];
        assert_eq!(shown["curve"], curve);
        assert_eq!(shown["signature_length"], signature_length);
        assert_eq!(shown["mid"].as_str().unwrap().len(), 40);

        let signed = ipv8(["key", "sign", "--key", &file], b"message\n");
        assert_eq!(signed.status, Some(0));
        let signature = signed.stdout.trim();
        assert_eq!(signature.len() as u64, 2 * signature_length);
        let public = shown["public_key"].as_str().unwrap();
        let verify = ["key", "verify", "--public", public, "--signature", signature];
        assert_eq!(ipv8(verify, b"message\n").status, Some(0));
        ipv8(verify, b"message").failed(1, "not valid");
    }
}

#[test]
fn the_default_is_curve25519() {
    let directory = Directory::new();
    let file = directory.file("key");
    assert_eq!(ipv8(["key", "generate", "--out", &file], b"").status, Some(0));
    assert_eq!(ipv8(["key", "show", &file, "--json"], b"").json()[0]["curve"], "curve25519");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = Directory::new();
    let file = directory.file("key");
    ipv8(["key", "generate", "--out", &file], b"");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}
