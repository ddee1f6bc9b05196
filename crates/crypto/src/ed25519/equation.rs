//! The equation that holds, but for a chance of 2^-128, only if every signature of a batch does.

use std::sync::LazyLock;

use curve25519_dalek::{
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, EdwardsPoint, VartimeEdwardsPrecomputation},
    scalar::Scalar,
    traits::{IsIdentity as _, VartimePrecomputedMultiscalarMul as _},
};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha512};
use smallvec::SmallVec;

/// Signatures that are verified together: as many as a driver reads at once.
pub(super) const MOST_TOGETHER: usize = 64;

/// A signature that is verified with others.
pub(super) struct Claim<'a> {
    /// Who is said to have signed: not a point with a component of small order.
    pub(super) key: &'a VerifyingKey,
    pub(super) message: &'a [u8],
    pub(super) signature: Signature,
}

/// The table of the base point, made once.
static BASE: LazyLock<VartimeEdwardsPrecomputation> =
    LazyLock::new(|| VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT]));

/// One item for each claim, without the heap.
type Each<T> = SmallVec<[T; MOST_TOGETHER]>;

/// Whether all of these claims hold, by one sum over them: with k = H(R, A, message) as in RFC 8032, 5.1.7, and factors z of 128 bits
///
/// (-Σ z·S) B + Σ z R + Σ (z·k) A = 0,
///
/// where those of one key are one product. Every claim that holds adds nothing to the sum; so it is zero if all hold. If one
/// does not, and is wrong by more than a point of small order, there is one value of its z at most, beside all others, with which the sum is zero.
///
/// The factors are hashes of a hash of all claims, so that nobody knows them before all of the batch is fixed, and whoever looks for a
/// batch of forgeries has to try some 2^128. Each k is in it, which stands for R, the key and the message, for they are what SHA-512 made k of;
/// and each S, without which whoever knows the factors could change S of two claims so that the changes cancel out. All parts have fixed
/// lengths, so no two batches are hashed from the same bytes. Nothing random is needed: the same batch has the same factors, always.
///
/// As in ed25519-dalek's `verify_batch`, S must be reduced and R must be a point; the sum is not multiplied by the cofactor. R with a
/// component of small order, which only the key's owner can make, may or may not be taken.
pub(super) fn holds(claims: &[Claim<'_>]) -> bool {
    let hashes: Each<[u8; 64]> = claims.iter().map(challenge).collect();
    let factors = factors(claims, &hashes);
    let mut of_base = Scalar::ZERO;
    let mut of_keys: Each<(&VerifyingKey, Scalar)> = SmallVec::new();
    for ((claim, hash), factor) in claims.iter().zip(&hashes).zip(&factors) {
        let s: Option<Scalar> = Scalar::from_canonical_bytes(*claim.signature.s_bytes()).into();
        let Some(s) = s else { return false };
        of_base -= factor * s;
        let of_key = factor * Scalar::from_bytes_mod_order_wide(hash);
        // Peers share one key each, so that it need not be compared byte by byte.
        match of_keys.iter_mut().find(|(key, _)| std::ptr::eq(*key, claim.key)) {
            Some((_, sum)) => *sum += of_key,
            None => of_keys.push((claim.key, of_key)),
        }
    }
    let points = claims.iter().map(|claim| CompressedEdwardsY(*claim.signature.r_bytes()).decompress());
    let points = points.chain(of_keys.iter().map(|(key, _)| Some(key.to_edwards())));
    let scalars = factors.iter().chain(of_keys.iter().map(|(_, sum)| sum));
    let sum: Option<EdwardsPoint> = BASE.optional_mixed_multiscalar_mul([of_base], scalars, points);
    sum.is_some_and(|sum| sum.is_identity())
}

/// H(R, A, message).
fn challenge(claim: &Claim<'_>) -> [u8; 64] {
    let hash = Sha512::new().chain_update(claim.signature.r_bytes()).chain_update(claim.key.as_bytes());
    hash.chain_update(claim.message).finalize().into()
}

/// A factor of 128 bits for each claim.
fn factors(claims: &[Claim<'_>], hashes: &[[u8; 64]]) -> Each<Scalar> {
    let mut all = Sha512::new_with_prefix(b"IPv8: a batch of Ed25519 signatures");
    for (claim, hash) in claims.iter().zip(hashes) {
        all.update(hash);
        all.update(claim.signature.s_bytes());
    }
    let seed = all.finalize();
    let mut factors = SmallVec::new();
    // Each hash makes four.
    for (number, some) in (0_u64..).zip(claims.chunks(4)) {
        let hash = Sha512::new_with_prefix(b"IPv8: factors of a batch").chain_update(seed);
        let hash: [u8; 64] = hash.chain_update(number.to_le_bytes()).finalize().into();
        let (of_16, _) = hash.as_chunks::<16>();
        factors.extend(of_16.iter().take(some.len()).map(|bytes| Scalar::from(u128::from_le_bytes(*bytes))));
    }
    factors
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey, verify_batch};
    use proptest::prelude::*;

    use super::*;

    fn keys(count: u8) -> Vec<SigningKey> {
        (1..=count).map(|number| SigningKey::from_bytes(&[number; 32])).collect()
    }

    /// By our equation and by ed25519-dalek's.
    fn both(claims: &[Claim<'_>]) -> (bool, bool) {
        let messages: Vec<_> = claims.iter().map(|claim| claim.message).collect();
        let signatures: Vec<_> = claims.iter().map(|claim| claim.signature).collect();
        let keys: Vec<_> = claims.iter().map(|claim| *claim.key).collect();
        (holds(claims), verify_batch(&messages, &signatures, &keys).is_ok())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_verdict_is_ed25519_dalek_s(
            signers in prop::collection::vec(0usize..5, 1..=MOST_TOGETHER),
            damage in prop::option::of((any::<prop::sample::Index>(), 0usize..3, any::<prop::sample::Index>(), 1u8..)),
        ) {
            let keys = keys(5);
            let public: Vec<_> = keys.iter().map(SigningKey::verifying_key).collect();
            let mut packets: Vec<_> = signers.iter().enumerate().map(|(number, signer)| {
                let message = vec![u8::try_from(number).unwrap(); 20 + number];
                let signature = keys[*signer].sign(&message).to_bytes();
                (*signer, message, signature)
            }).collect();
            if let Some((which, what, place, change)) = damage {
                let count = packets.len();
                let (signer, message, signature) = &mut packets[which.index(count)];
                match what {
                    0 => message[place.index(20)] ^= change,
                    1 => signature[place.index(64)] ^= change,
                    _ => *signer = (*signer + 1) % 5,
                }
            }
            let claims: Vec<_> = packets.iter().map(|(signer, message, signature)| {
                Claim { key: &public[*signer], message, signature: Signature::from_bytes(signature) }
            }).collect();
            prop_assert_eq!(both(&claims), (damage.is_none(), damage.is_none()));
        }
    }

    /// The reference's corner cases, each alone and beside an honest one, but for those whose verdict depends on the factors.
    #[test]
    fn corner_cases_have_the_verdict_of_ed25519_dalek() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interop/vectors/ed25519_edges.json");
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let honest = &keys(1)[0];
        let (honest_key, honest_signature) = (honest.verifying_key(), honest.sign(b"beside it"));
        let (mut taken, mut refused, mut left_out) = (0, 0, 0);
        for row in file["rows"].as_array().unwrap() {
            let hex = |column: usize| hex::decode(row[column].as_str().unwrap()).unwrap();
            let message = hex(1);
            let Ok(key) = VerifyingKey::try_from(hex(2).as_slice()) else { continue };
            let Ok(signature) = Signature::from_slice(&hex(3)) else { continue };
            let has_torsion = |point: Option<EdwardsPoint>| point.is_some_and(|point| !point.is_torsion_free());
            if has_torsion(Some(key.to_edwards())) || has_torsion(CompressedEdwardsY(*signature.r_bytes()).decompress())
            {
                left_out += 1;
                continue;
            }
            let claim = || Claim { key: &key, message: &message, signature };
            let beside = Claim { key: &honest_key, message: b"beside it", signature: honest_signature };
            let (alone, dalek) = both(&[claim()]);
            assert_eq!(alone, dalek, "{row}");
            assert_eq!(both(&[beside, claim(), claim()]), (alone, alone), "{row}");
            if alone { taken += 1 } else { refused += 1 }
        }
        assert!(taken > 0 && refused > 0 && left_out > 0, "{taken} {refused} {left_out}");
    }

    /// What would be a forgery if S had no part in the factors: changes that cancel out.
    #[test]
    fn changes_that_cancel_out_without_factors_are_found() {
        let key = &keys(1)[0];
        let public = key.verifying_key();
        let messages = [b"one".as_slice(), b"two"];
        let signatures = messages.map(|message| key.sign(message));
        let claims = |signatures: [Signature; 2]| {
            let [one, two] = signatures;
            [(messages[0], one), (messages[1], two)].map(|(message, signature)| Claim {
                key: &public,
                message,
                signature,
            })
        };
        assert!(holds(&claims(signatures)));
        let s = signatures.map(|signature| Scalar::from_canonical_bytes(*signature.s_bytes()).unwrap());
        let moved = |signature: &Signature, s: Scalar| Signature::from_components(*signature.r_bytes(), s.to_bytes());
        // S of the honest claims decides their factors z: with these, one more z2 here and one less z1 there cancel out.
        let honest = claims(signatures);
        let hashes: Vec<_> = honest.iter().map(challenge).collect();
        let z = factors(&honest, &hashes);
        for (up, down) in [(Scalar::ONE, Scalar::ONE), (z[1], z[0])] {
            let changed = [moved(&signatures[0], s[0] + up), moved(&signatures[1], s[1] - down)];
            assert!(!holds(&claims(changed)));
        }
        assert!(!holds(&claims([signatures[1], signatures[0]])));
    }
}
