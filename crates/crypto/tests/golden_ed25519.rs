//! `ed25519_edges.json`: small and mixed order, S + kL, keys off the curve, odd lengths.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod common;

use common::{list, vectors};
use ipv8_crypto::{Job, Memoised, PublicKey, Sequential, Verifier};

/// A row's key, message, signature and verdict.
type Row = (PublicKey, Vec<u8>, Vec<u8>, bool);

fn rows() -> Vec<Row> {
    let vectors = vectors("ed25519_edges.json");
    let read = |row: &serde_json::Value| {
        let hex = |column: usize| hex::decode(row[column].as_str().unwrap()).unwrap();
        let bytes = [b"LibNaCLPK:".as_slice(), &[0; 32], &hex(2)].concat();
        let key = PublicKey::from_bytes(&bytes).expect("any 64 bytes load");
        (key, hex(1), hex(3), row[4].as_bool().unwrap())
    };
    list(&vectors, "rows").iter().map(read).collect()
}

#[test]
fn single_verification_has_the_reference_s_verdicts() {
    let rows = rows();
    assert_eq!(rows.len(), 4_314);
    for (key, message, signature, valid) in &rows {
        assert_eq!(key.verify(message, signature), *valid, "{key:?} {}", hex::encode(signature));
        // Once more with the point decompressed.
        assert_eq!(key.verify(message, signature), *valid, "{key:?}, again");
    }
}

#[test]
fn every_verifier_has_the_reference_s_verdicts() {
    let rows = rows();
    let jobs: Vec<_> = rows.iter().map(|(key, message, signature, _)| Job { key, message, signature }).collect();
    let expected: Vec<_> = rows.iter().map(|row| row.3).collect();
    let mut verdicts = Vec::new();
    Sequential.verify(&jobs, &mut verdicts);
    assert_eq!(verdicts, expected);
    let mut memoised = Memoised::default();
    for _ in 0..2 {
        memoised.verify(&jobs, &mut verdicts);
        assert_eq!(verdicts, expected);
    }
}
