//! What keys cost: `cargo bench -p ipv8-crypto`. Messages are of 200 bytes, a usual packet.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops when its set-up fails")]

use divan::{Bencher, black_box};
use ipv8_crypto::{Batched, Curve, Job, Memoised, Mid, PrivateKey, PublicKey, Verifier};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const CURVES: &[Curve] =
    if cfg!(feature = "legacy") { &[Curve::Curve25519, Curve::VeryLow, Curve::Medium] } else { &[Curve::Curve25519] };
const MESSAGE: [u8; 200] = [7; 200];

fn main() {
    divan::main();
}

fn key(curve: Curve) -> PrivateKey {
    PrivateKey::generate(curve, &mut StdRng::seed_from_u64(1)).expect("curves that this OpenSSL has")
}

#[divan::bench(args = CURVES)]
fn sign(bencher: Bencher<'_, '_>, curve: Curve) {
    let key = key(curve);
    bencher.bench_local(|| key.sign(black_box(&MESSAGE)));
}

#[divan::bench(args = CURVES)]
fn verify_known_key(bencher: Bencher<'_, '_>, curve: Curve) {
    let key = key(curve);
    let signature = key.sign(&MESSAGE).expect("signs");
    let public = key.public();
    bencher.bench_local(|| public.verify(black_box(&MESSAGE), &signature));
}

#[divan::bench(args = CURVES)]
fn verify_new_key(bencher: Bencher<'_, '_>, curve: Curve) {
    let key = key(curve);
    let signature = key.sign(&MESSAGE).expect("signs");
    let read = || PublicKey::from_bytes(key.public().as_bytes()).expect("its own bytes");
    bencher.with_inputs(read).bench_local_values(|key| key.verify(black_box(&MESSAGE), &signature));
}

#[divan::bench(args = CURVES)]
fn verify_remembered(bencher: Bencher<'_, '_>, curve: Curve) {
    let key = key(curve);
    let signature = key.sign(&MESSAGE).expect("signs");
    let job = Job { key: key.public(), message: &MESSAGE, signature: &signature };
    let (mut memoised, mut verdicts) = (Memoised::default(), Vec::new());
    bencher.bench_local(|| memoised.verify(black_box(&[job]), &mut verdicts));
}

/// All signatures of a turn, each by another peer that was met before.
#[divan::bench(args = [4, 16, 64])]
fn verify_together(bencher: Bencher<'_, '_>, count: u64) {
    let key =
        |seed| PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(seed)).expect("is always there");
    let keys: Vec<PrivateKey> = (1..=count).map(key).collect();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(&MESSAGE).expect("signs")).collect();
    let job = |(key, signature)| Job { key: PrivateKey::public(key), message: &MESSAGE, signature };
    let jobs: Vec<Job<'_>> = keys.iter().zip(signatures.iter().map(|signature| &**signature)).map(job).collect();
    let (mut batched, mut verdicts) = (Batched::default(), Vec::new());
    // A key takes part once enough of its signatures held one by one.
    for _ in 0..20 {
        batched.verify(&jobs, &mut verdicts);
    }
    bencher.bench_local(|| batched.verify(black_box(&jobs), &mut verdicts));
    assert!(verdicts.iter().all(|holds| *holds) && batched.in_vain() == 0);
}

#[divan::bench(args = CURVES)]
fn read_public_key(bencher: Bencher<'_, '_>, curve: Curve) {
    let key = key(curve);
    let bytes = key.public().as_bytes();
    bencher.bench_local(|| PublicKey::from_bytes(black_box(bytes)));
}

#[divan::bench(args = CURVES)]
fn read_private_key(bencher: Bencher<'_, '_>, curve: Curve) {
    let bytes = key(curve).to_bytes();
    bencher.bench_local(|| PrivateKey::from_bytes(black_box(&bytes)));
}

#[divan::bench]
fn read_garbage_der(bencher: Bencher<'_, '_>) {
    let mut bytes = [0x41; 64];
    bytes[0] = 0x30;
    bencher.bench_local(|| PublicKey::from_bytes(black_box(&bytes)));
}

#[divan::bench]
fn agree(bencher: Bencher<'_, '_>) {
    let key = key(Curve::Curve25519);
    bencher.bench_local(|| key.agree(black_box(&[9; 32])));
}

#[divan::bench]
fn mid(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Mid::of(black_box(&[7; 74])));
}
