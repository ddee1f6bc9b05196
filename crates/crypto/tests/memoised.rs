//! Remembering verdicts changes none of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ipv8_crypto::{Curve, Job, Memoised, PrivateKey, Sequential, Verifier};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn keys() -> Vec<PrivateKey> {
    let mut rng = StdRng::seed_from_u64(1);
    (0..3).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap()).collect()
}

/// Who is said to have signed, who did, what is said to be signed, what was, and which byte of the signature to flip.
type Draft = (usize, usize, u8, u8, Option<u8>);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    vec((0..3usize, 0..3usize, 0..2u8, 0..2u8, proptest::option::weighted(0.2, 0..64u8)), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn verdicts_are_those_of_single_verification(capacity in 0..10usize, batches in vec(drafts(), 1..6)) {
        let keys = keys();
        let mut memoised = Memoised::new(capacity);
        let mut shared = memoised.clone();
        let (mut verdicts, mut expected) = (vec![true; 3], Vec::new());
        for batch in batches {
            let signed: Vec<_> = batch
                .iter()
                .map(|(named, signer, message, signed, flip)| {
                    let mut signature = keys[*signer].sign(&[*signed]).unwrap().as_bytes().to_vec();
                    if let Some(byte) = flip {
                        signature[usize::from(*byte)] ^= 1;
                    }
                    (keys[*named].public(), [*message], signature)
                })
                .collect();
            let jobs: Vec<_> =
                signed.iter().map(|(key, message, signature)| Job { key, message, signature }).collect();
            Sequential.verify(&jobs, &mut expected);
            memoised.verify(&jobs, &mut verdicts);
            prop_assert_eq!(&verdicts, &expected);
            shared.verify(&jobs, &mut verdicts);
            prop_assert_eq!(&verdicts, &expected);
            prop_assert!(memoised.remembered() <= capacity.max(2));
        }
    }
}

/// The same bytes in a row, parted elsewhere, are another question.
#[test]
fn message_and_signature_are_kept_apart() {
    let key = &keys()[0];
    let signature = key.sign(b"message").unwrap();
    let mut moved = b"message".to_vec();
    moved.push(signature[0]);
    let jobs = [
        Job { key: key.public(), message: b"message", signature: &signature },
        Job { key: key.public(), message: &moved, signature: &signature[1..] },
    ];
    let mut verdicts = Vec::new();
    Memoised::default().verify(&jobs, &mut verdicts);
    assert_eq!(verdicts, [true, false]);
}

#[test]
fn a_verdict_is_remembered_once_however_often_it_is_asked_for() {
    let key = &keys()[0];
    let signature = key.sign(b"message").unwrap();
    let job = Job { key: key.public(), message: b"message", signature: &signature };
    let mut memoised = Memoised::default();
    let mut clone = memoised.clone();
    memoised.verify(&[job, job], &mut Vec::new());
    clone.verify(&[job], &mut Vec::new());
    assert_eq!(memoised.remembered(), 1);
}
