//! Signatures that are remembered or stamped are taken for what they are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ipv8_crypto::{Curve, Job, Memoised, PrivateKey, Sequential, Signer, Signing, Stamps, Verifier};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn keys() -> Vec<PrivateKey> {
    let mut rng = StdRng::seed_from_u64(1);
    (0..3).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap()).collect()
}

/// A packet: who signs what; who is said to have signed what; and what is done to the signature.
#[derive(Clone, Debug)]
struct Draft {
    signer: usize,
    message: Vec<u8>,
    named: usize,
    claimed: Option<Vec<u8>>,
    flip: Option<(usize, u8)>,
    cut: usize,
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    // Short messages of few letters, so that the same ones come again.
    let message = || vec(0..3u8, 0..3);
    let flip = proptest::option::weighted(0.3, (0..64usize, 0..8u8));
    let claimed = proptest::option::weighted(0.3, message());
    let cut = prop_oneof![8 => Just(0usize), 1 => 1..64usize];
    vec(
        (0..3usize, message(), 0..3usize, claimed, flip, cut).prop_map(
            |(signer, message, named, claimed, flip, cut)| Draft { signer, message, named, claimed, flip, cut },
        ),
        0..24,
    )
}

/// What the signer made, and what became of it: key, message, signature, and whether nothing did.
fn packets(keys: &[PrivateKey], drafts: &[Draft], signer: &dyn Signer) -> Vec<(usize, Vec<u8>, Vec<u8>, bool)> {
    drafts
        .iter()
        .map(|draft| {
            let mut signature = signer.sign(&keys[draft.signer], &draft.message).unwrap().as_bytes().to_vec();
            assert_eq!(signature.len(), keys[draft.signer].public().signature_len());
            if let Some((byte, bit)) = draft.flip {
                signature[byte] ^= 1 << bit;
            }
            signature.truncate(signature.len() - draft.cut);
            let message = draft.claimed.clone().unwrap_or_else(|| draft.message.clone());
            let honest =
                draft.named == draft.signer && message == draft.message && draft.flip.is_none() && draft.cut == 0;
            (draft.named, message, signature, honest)
        })
        .collect()
}

fn verdicts(
    keys: &[PrivateKey],
    packets: &[(usize, Vec<u8>, Vec<u8>, bool)],
    verifier: &mut dyn Verifier,
) -> Vec<bool> {
    let job = |(key, message, signature, _): &'_ (usize, Vec<u8>, Vec<u8>, bool)| {
        (keys[*key].public().clone(), message.clone(), signature.clone())
    };
    let owned: Vec<_> = packets.iter().map(job).collect();
    let jobs: Vec<_> = owned.iter().map(|(key, message, signature)| Job { key, message, signature }).collect();
    let mut verdicts = vec![true; 3];
    verifier.verify(&jobs, &mut verdicts);
    verdicts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The memory never takes one key, message and signature for another: whatever was signed before, and whatever was
    /// asked before, the verdict is the one that is computed.
    #[test]
    fn what_was_signed_is_remembered_and_nothing_else(capacity in 0..10_000usize, drafts in drafts()) {
        let keys = keys();
        let mut memoised = Memoised::new(capacity);
        let packets = packets(&keys, &drafts, &memoised);
        let expected = verdicts(&keys, &packets, &mut Sequential);
        prop_assert_eq!(&expected, &packets.iter().map(|packet| packet.3).collect::<Vec<_>>());
        for _ in 0..2 {
            prop_assert_eq!(&verdicts(&keys, &packets, &mut memoised.clone()), &expected);
        }
        prop_assert_eq!(verdicts(&keys, &packets, &mut memoised), expected);
    }

    /// The same for stamps; and a signature is as good as one.
    #[test]
    fn stamps_hold_where_signatures_would(drafts in drafts()) {
        let keys = keys();
        let mut stamps = Stamps::new([7; 32]);
        for signer in [&stamps.clone() as &dyn Signer, &Signing] {
            let packets = packets(&keys, &drafts, signer);
            let honest: Vec<_> = packets.iter().map(|packet| packet.3).collect();
            prop_assert_eq!(verdicts(&keys, &packets, &mut stamps), honest);
        }
    }
}

#[test]
fn stamps_of_another_secret_do_not_hold() {
    let key = &keys()[0];
    let stamp = Stamps::new([1; 32]).sign(key, b"message").unwrap();
    let job = Job { key: key.public(), message: b"message", signature: &stamp };
    let mut verdicts = Vec::new();
    Stamps::new([2; 32]).verify(&[job], &mut verdicts);
    assert_eq!(verdicts, [false]);
    Stamps::new([1; 32]).verify(&[job], &mut verdicts);
    assert_eq!(verdicts, [true]);
}

#[cfg(feature = "legacy")]
#[test]
fn keys_of_all_curves_are_stamped_and_remembered() {
    for curve in [Curve::VeryLow, Curve::Low, Curve::Medium, Curve::High] {
        let key = PrivateKey::generate(curve, &mut StdRng::seed_from_u64(1)).unwrap();
        let (mut stamps, mut memoised) = (Stamps::new([1; 32]), Memoised::default());
        let mut verdicts = Vec::new();
        let stamp = stamps.sign(&key, b"message").unwrap();
        assert_eq!(stamp.len(), key.public().signature_len());
        stamps.verify(&[Job { key: key.public(), message: b"message", signature: &stamp }], &mut verdicts);
        assert_eq!(verdicts, [true], "{curve:?}");
        let signature = memoised.sign(&key, b"message").unwrap();
        assert!(key.public().verify(b"message", &signature), "{curve:?}");
        memoised.verify(&[Job { key: key.public(), message: b"message", signature: &signature }], &mut verdicts);
        assert_eq!(verdicts, [true], "{curve:?}");
    }
}
