//! What signatures cost that are verified together, ours and by ed25519-dalek's `verify_batch`:
//! `cargo bench -p ipv8-crypto --bench batches`. Divide by their number; messages are of 107 bytes, as an echo's.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops when its set-up fails")]

use divan::{Bencher, black_box};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey, verify_batch};
use ipv8_crypto::{Batched, Job, PublicKey, Verifier};

/// Keys, and signatures that they made in turn.
const SHAPES: [(u8, usize); 10] =
    [(4, 4), (4, 8), (4, 16), (4, 32), (4, 64), (64, 4), (64, 8), (64, 16), (64, 32), (64, 64)];

fn main() {
    divan::main();
}

/// Who signed, what, and the signature.
fn packets((keys, count): (u8, usize)) -> Vec<(VerifyingKey, Vec<u8>, Signature)> {
    let keys: Vec<_> = (1..=keys).map(|number| SigningKey::from_bytes(&[number; 32])).collect();
    let numbered = keys.iter().cycle().zip(0_u8..).take(count);
    let packet = |(key, number): (&SigningKey, u8)| {
        let message = vec![number; 107];
        let signature = key.sign(&message);
        (key.verifying_key(), message, signature)
    };
    numbered.map(packet).collect()
}

#[divan::bench(args = SHAPES)]
fn ours(bencher: Bencher<'_, '_>, shape: (u8, usize)) {
    let packets = packets(shape);
    let mut known: Vec<PublicKey> = Vec::new();
    for (key, message, signature) in packets.iter().take(shape.0.into()) {
        let bytes = [b"LibNaCLPK:".as_slice(), &[0; 32], key.as_bytes()].concat();
        let key = PublicKey::from_bytes(&bytes).expect("any 64 bytes load");
        // Often enough to take part in batches.
        for _ in 0..16 {
            assert!(key.verify(message, &signature.to_bytes()));
        }
        known.push(key);
    }
    let signatures: Vec<[u8; 64]> = packets.iter().map(|(_, _, signature)| signature.to_bytes()).collect();
    let jobs: Vec<Job<'_>> = packets
        .iter()
        .zip(&signatures)
        .enumerate()
        .map(|(number, ((_, message, _), signature))| Job { key: &known[number % known.len()], message, signature })
        .collect();
    let (mut batched, mut verdicts) = (Batched::default(), Vec::new());
    bencher.bench_local(|| batched.verify(black_box(&jobs), &mut verdicts));
    assert!(batched.in_vain() == 0 && verdicts.iter().all(|holds| *holds));
}

#[divan::bench(args = SHAPES)]
fn dalek(bencher: Bencher<'_, '_>, shape: (u8, usize)) {
    let packets = packets(shape);
    let messages: Vec<&[u8]> = packets.iter().map(|(_, message, _)| message.as_slice()).collect();
    let signatures: Vec<_> = packets.iter().map(|(_, _, signature)| *signature).collect();
    let keys: Vec<_> = packets.iter().map(|(key, _, _)| *key).collect();
    bencher.bench_local(|| verify_batch(black_box(&messages), &signatures, &keys).expect("all hold"));
}
