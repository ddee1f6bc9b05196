//! Where the randomness of a test comes from, and how to try many.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use ipv8_crypto::{Curve, PrivateKey};
use ipv8_sim::Links;
use rand::{SeedableRng, rngs::StdRng};

use crate::spec::NetBuilder;

/// The variable that takes the place of every seed.
pub(crate) const VARIABLE: &str = "IPV8_TEST_SEED";

/// The seed of nets that are given none.
pub(crate) const DEFAULT: u64 = 1;

pub(crate) fn from_environment() -> Option<u64> {
    let value = std::env::var(VARIABLE).ok()?;
    match value.parse() {
        Ok(seed) => Some(seed),
        Err(_) => panic!("{VARIABLE} is {value:?}: it has to be a number from 0 to {}", u64::MAX),
    }
}

/// Randomness for what a net makes beside what its world does.
pub(crate) fn generator(seed: u64, number: usize) -> StdRng {
    let mut bytes = *b"ipv8-test: keys of nodes, ......";
    for (slot, byte) in bytes.iter_mut().rev().zip(seed.to_le_bytes().into_iter().chain(number.to_le_bytes())) {
        *slot ^= byte;
    }
    StdRng::from_seed(bytes)
}

/// A key of curve25519, the same for the same number on every machine: for strangers, and for golden bytes of packets. It is
/// no secret.
#[must_use]
pub fn key(number: u64) -> PrivateKey {
    match PrivateKey::generate(Curve::Curve25519, &mut generator(number, usize::MAX)) {
        Ok(key) => key,
        Err(error) => panic!("ipv8-test: a key of curve25519 was not drawn: {error}"),
    }
}

/// Runs a test with many seeds, and says which is the first that fails. The test is given a builder with the seed.
///
/// With `IPV8_TEST_SEED=n` in the environment it runs once, with that one.
///
/// ```
/// # use ipv8_core::{Community, Routes, wire::{CommunityId, community_id}};
/// # struct Chat;
/// # impl Community for Chat {
/// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
/// #     fn routes(_: &mut Routes<Self>) {}
/// # }
/// use ipv8_test::{Link, for_seeds};
///
/// for_seeds(0..20, |net| {
///     let mut net = net.link(Link::default().loss(0.2)).of(3, |_| Chat);
///     net.advance(std::time::Duration::from_secs(10));
/// });
/// ```
///
/// # Panics
/// With the panic of the test, once it printed the seed.
#[allow(clippy::print_stderr, reason = "a test that failed is about to tell why; this says how to see it again")]
pub fn for_seeds(seeds: Range<u64>, test: impl Fn(NetBuilder<Links>)) {
    let chosen = from_environment();
    let all = chosen.map_or(seeds.clone(), |seed| seed..seed.saturating_add(1));
    for seed in all {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(NetBuilder::new(seed)))) {
            if chosen.is_none() {
                let passed = seed - seeds.start;
                eprintln!(
                    "ipv8-test: seed {seed} fails, the first of {seeds:?} ({passed} passed); {VARIABLE}={seed} runs it alone"
                );
            }
            resume_unwind(panic);
        }
    }
}
