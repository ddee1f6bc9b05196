//! Batches have the verdicts of single verification, but for what only a key's own owner can make.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod common;

use common::{list, vectors};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION},
    scalar::Scalar,
};
use ed25519_dalek::hazmat::ExpandedSecretKey;
use ipv8_crypto::{Batched, Curve, Job, PrivateKey, PublicKey, Sequential, Verifier};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha512};

fn key(seed: u64) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(seed)).unwrap()
}

/// Lets a key take part in batches: some of its signatures held.
fn met(key: &PrivateKey) -> PublicKey {
    let public = PublicKey::from_bytes(key.public().as_bytes()).unwrap();
    for _ in 0..16 {
        assert!(public.verify(b"hello", &key.sign(b"hello").unwrap()));
    }
    public
}

fn verdicts(verifier: &mut dyn Verifier, jobs: &[Job<'_>]) -> Vec<bool> {
    let mut verdicts = Vec::new();
    verifier.verify(jobs, &mut verdicts);
    verdicts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_ones_are_found_among_others(
        damage in prop::collection::vec(prop::option::weighted(0.2, (0usize..3, any::<prop::sample::Index>(), 1u8..)), 1..40),
    ) {
        let keys: Vec<_> = (0..3).map(key).collect();
        let public: Vec<_> = keys.iter().map(met).collect();
        let packets: Vec<_> = damage.iter().enumerate().map(|(index, damage)| {
            let mut message = format!("message {index}").into_bytes();
            let mut signature = keys[index % 3].sign(&message).unwrap().as_ref().to_vec();
            let mut signer = public[index % 3].clone();
            if let Some((what, place, change)) = damage {
                match what {
                    0 => message[place.index(9)] ^= change,
                    1 => signature[place.index(64)] ^= change,
                    _ => signer = public[(index + 1) % 3].clone(),
                }
            }
            (signer, message, signature)
        }).collect();
        let jobs: Vec<_> = packets.iter().map(|(key, message, signature)| Job { key, message, signature }).collect();
        let expected = verdicts(&mut Sequential, &jobs);
        for (holds, damage) in expected.iter().zip(&damage) {
            prop_assert_eq!(*holds, damage.is_none());
        }
        let mut batched = Batched::default();
        for _ in 0..3 {
            prop_assert_eq!(&verdicts(&mut batched, &jobs), &expected);
        }
    }
}

/// Every row of the reference's corner cases beside honest ones, so that it comes into a batch if its key lets it.
#[test]
fn corner_cases_have_the_reference_s_verdicts() {
    let honest = key(1);
    let known = met(&honest);
    let honest_signature = honest.sign(b"beside it").unwrap();
    let beside = Job { key: &known, message: b"beside it", signature: &honest_signature };
    let file = vectors("ed25519_edges.json");
    let mut keys = std::collections::HashMap::new();
    // Twice, so that keys whose signatures hold are met by the second time.
    for round in 0..2 {
        for row in list(&file, "rows") {
            let hex = |column: usize| hex::decode(row[column].as_str().unwrap()).unwrap();
            let (message, bytes, signature) = (hex(1), hex(2), hex(3));
            let load = || PublicKey::from_bytes(&[b"LibNaCLPK:".as_slice(), &[0; 32], &bytes].concat()).unwrap();
            let key = keys.entry(bytes.clone()).or_insert_with(load).clone();
            let jobs = [beside, Job { key: &key, message: &message, signature: &signature }, beside, beside];
            let found = verdicts(&mut Batched::default(), &jobs);
            let valid = row[4].as_bool().unwrap();
            assert_eq!(found, [true, valid, true, true], "round {round}: {row}");
        }
    }
}

/// A signature of an owner who knows how to make R with a component of small order.
fn with_torsion(secret: &ExpandedSecretKey, public: &PublicKey, message: &[u8], torsion: usize) -> Vec<u8> {
    let r = Scalar::from_bytes_mod_order([7; 32]);
    let point = (&r * ED25519_BASEPOINT_TABLE + EIGHT_TORSION[torsion]).compress();
    let hash =
        Sha512::new().chain_update(point.as_bytes()).chain_update(&public.as_bytes()[42..]).chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    [point.to_bytes(), (r + k * secret.scalar).to_bytes()].concat()
}

/// The one difference, as [`Batched`] documents it.
#[test]
fn an_owner_can_make_signatures_that_hold_in_some_batches_only() {
    let owner = key(1);
    let seed: [u8; 32] = owner.to_bytes()[42..].try_into().unwrap();
    let (secret, public) = (ExpandedSecretKey::from(&seed), met(&owner));
    let message = |number: u8| vec![number; 8];
    // Without a component of small order it is an honest signature.
    assert!(public.verify(&message(0), &with_torsion(&secret, &public, &message(0), 0)));
    let (mut taken, mut refused) = (0, 0);
    for number in 0..64 {
        let (message, honest) = (message(number), owner.sign(b"beside it").unwrap());
        let signature = with_torsion(&secret, &public, &message, 4);
        assert!(!public.verify(&message, &signature));
        let beside = Job { key: &public, message: b"beside it", signature: &honest };
        let jobs = [Job { key: &public, message: &message, signature: &signature }, beside, beside];
        match verdicts(&mut Batched::default(), &jobs)[..] {
            [true, true, true] => taken += 1,
            [false, true, true] => refused += 1,
            ref other => panic!("{other:?}"),
        }
    }
    assert!(taken > 0 && refused > 0, "taken {taken}, refused {refused}");
}

/// A signature of the key's owner over R as it is written here, which holds for whoever does not look at R's encoding or order.
fn with_r(secret: &ExpandedSecretKey, public: &PublicKey, message: &[u8], r: [u8; 32]) -> Vec<u8> {
    let hash = Sha512::new().chain_update(r).chain_update(&public.as_bytes()[42..]).chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    [r, (k * secret.scalar).to_bytes()].concat()
}

/// R of small order, and what is no usual encoding of a point: single verification takes some and refuses others, and a batch has
/// to say the same.
#[test]
fn unusual_points_have_the_verdict_of_single_verification() {
    let owner = key(1);
    let seed: [u8; 32] = owner.to_bytes()[42..].try_into().unwrap();
    let (secret, public) = (ExpandedSecretKey::from(&seed), met(&owner));
    let mut points: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    // y + p where that fits, and the sign of x = 0.
    for low in 0..19_u8 {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + low, 0x7f);
        points.push(bytes);
    }
    points.push([0; 32]);
    let signs = points.clone().into_iter().map(|mut point| {
        point[31] ^= 0x80;
        point
    });
    points.extend(signs);
    let (mut held, mut refused) = (0, 0);
    for point in points {
        for number in 0..16_u8 {
            let (message, honest) = ([number; 8], owner.sign(b"beside it").unwrap());
            let signature = with_r(&secret, &public, &message, point);
            let beside = Job { key: &public, message: b"beside it", signature: &honest };
            let jobs = [Job { key: &public, message: &message, signature: &signature }, beside, beside, beside];
            let alone = public.verify(&message, &signature);
            assert_eq!(verdicts(&mut Batched::default(), &jobs), [alone, true, true, true], "{}", hex::encode(point));
            if alone { held += 1 } else { refused += 1 }
        }
    }
    assert!(held > 0 && refused > 0, "{held} {refused}");
}

/// Forged signatures under keys that everybody knows cost little more than one by one.
#[test]
fn batches_pause_while_forgeries_come() {
    let owner = key(1);
    let public = met(&owner);
    let good = owner.sign(b"packet").unwrap();
    let forged = [1; 64];
    let mut batched = Batched::default();
    for round in 0..200 {
        let jobs: Vec<_> = (0..16)
            .map(|index| {
                let signature = if index == round % 16 { forged.as_slice() } else { good.as_ref() };
                Job { key: &public, message: b"packet", signature }
            })
            .collect();
        let expected: Vec<_> = (0..16).map(|index| index != round % 16).collect();
        assert_eq!(verdicts(&mut batched, &jobs), expected);
    }
    assert!(batched.in_vain() <= 9, "{batched:?}");
}
