//! Whatever the bytes, decoding ends in a packet or in an error.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]
// Keys on the binary curves are among them.
#![cfg(any(feature = "vendored", feature = "system"))]

mod common;

use std::sync::LazyLock;

use common::{ipv8, vectors};
use ipv8_cli::decode::{decode_line, decode_packet};
use proptest::prelude::*;

/// All golden packets.
static PACKETS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    packets.iter().map(|packet| hex::decode(packet["hex"].as_str().unwrap()).unwrap()).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_lines(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(decode_line(&line).is_ok(), hex::decode(line.trim_ascii()).is_ok_and(|bytes| decode_packet(&bytes).is_ok()));
    }

    #[test]
    fn random_bodies(id: u8, overlay in 0..3_usize, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let community = ["7e313685c1912a141279f8248fc8db5899c5df5a", "8d0be1845d74d175f178197cad001591d04d73cc", "0000000000000000000000000000000000000000"][overlay];
        let line = format!("0002{community}{id:02x}{}", hex::encode(&body));
        let size = match decode_line(line.as_bytes()) {
            Ok(packet) => packet.size,
            Err(unreadable) => unreadable.size,
        };
        prop_assert_eq!(size, 23 + body.len());
    }

    #[test]
    fn golden_packets_with_changes(
        which: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
        whole: bool,
    ) {
        let original = which.get(&PACKETS);
        let mut packet = original.clone();
        for (place, byte) in changes {
            let place = place.index(packet.len());
            packet[place] = byte;
        }
        if !whole {
            packet.truncate(cut.index(packet.len()));
        }
        let decoded = decode_packet(&packet);
        if packet == *original {
            prop_assert!(decoded.is_ok_and(|decoded| decoded.signature_valid != Some(false)));
        } else if let Ok(decoded) = decoded {
            prop_assert_ne!(decoded.signature_valid, Some(true));
        }
    }
}

#[test]
fn the_program_outlives_garbage() {
    // A fixed sequence of bytes (xorshift), with line ends now and then.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let input: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(50_000)
    .flatten()
    .collect();
    let run = ipv8(["decode", "--json"], &input);
    assert_eq!(run.status, Some(1));
    assert_eq!(run.stderr, "");
    assert_eq!(run.json().len(), input.split_inclusive(|byte| *byte == b'\n').count());
}
