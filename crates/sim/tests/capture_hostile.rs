//! Whatever the bytes, reading a capture ends, in packets or in an error.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{io, ops::ControlFlow, time::Duration};

use ipv8_core::Time;
use ipv8_sim::{
    Loss,
    capture::{Captured, Entry, Fate, Origin, PcapNg, ReadError, Reader, Sink, is_capture},
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Some packets of each kind, as a world would write them.
fn trace() -> Vec<u8> {
    let mut bytes = Vec::new();
    let origin = Origin::new("test", 1).set("nodes", 2).scenario("x = 1");
    let mut sink = PcapNg::new(&mut bytes, &origin).unwrap();
    sink.begin(Duration::from_secs(1_767_225_600)).unwrap();
    sink.name("10.0.0.1".parse().unwrap(), "node-0").unwrap();
    for (number, fate) in [Fate::Sent, Fate::Delivered, Fate::Lost(Loss::Nat)].into_iter().cycle().take(9).enumerate() {
        let at = Time::from_nanos(number as u64 * 1_000);
        let (from, to) = ("10.0.0.1:8090".parse().unwrap(), "10.0.0.2:8090".parse().unwrap());
        let packet = Captured { at, from, to, fate, bytes: &[7; 30][..20 + number] };
        assert_eq!(sink.packet(&packet).unwrap(), ControlFlow::Continue(()));
    }
    sink.finish(Time::from_nanos(10_000)).unwrap();
    drop(sink);
    bytes
}

/// How many packets there are before the end or the error.
fn read(bytes: &[u8]) -> (usize, Result<(), ReadError>) {
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (0, Err(error)),
    };
    for packets in 0.. {
        match reader.next().transpose() {
            Ok(Some(_)) => assert!(packets <= bytes.len() / 12, "more packets than blocks"),
            Ok(None) => return (packets, Ok(())),
            Err(error) => return (packets, Err(error)),
        }
    }
    unreachable!()
}

#[test]
fn random_bytes_are_no_capture() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for length in (0..200).cycle().take(20_000) {
        let bytes: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        assert!(matches!(read(&bytes), (0, Err(ReadError::NotACapture))), "{bytes:02x?}");
    }
}

#[test]
fn every_cut_is_told_or_lies_between_blocks() {
    let whole = trace();
    assert!(matches!(read(&whole), (9, Ok(()))));
    let mut ends = 0;
    for length in 0..whole.len() {
        match read(&whole[..length]) {
            (packets, Ok(())) => ends += usize::from(packets <= 9),
            (packets, Err(ReadError::CutShort { packets: told })) => assert_eq!(packets as u64, told),
            (0, Err(ReadError::NotACapture)) => {}
            other => panic!("{length}: {other:?}"),
        }
    }
    // After the section, 3 interfaces, the names, 9 packets and 2 of the 3 statistics.
    assert_eq!(ends, 1 + 3 + 1 + 9 + 2);
}

#[test]
fn changed_bytes_end_in_packets_or_errors() {
    let whole = trace();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let (mut fine, mut failed) = (0, 0);
    for _ in 0..30_000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..bytes.len());
            bytes[place] = if rng.random() { rng.random() } else { [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)] };
        }
        match read(&bytes).1 {
            Ok(()) => fine += 1,
            Err(_) => failed += 1,
        }
    }
    assert!(fine > 1_000 && failed > 1_000, "{fine} {failed}");
}

#[test]
fn promised_lengths_take_no_memory() {
    // A packet of 4 GiB, and a block of another kind that never ends.
    let mut bytes = trace();
    bytes.extend_from_slice(&[6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff]);
    assert!(matches!(read(&bytes), (9, Err(ReadError::Broken { packets: 9, .. }))));
    let end = bytes.len() - 8;
    bytes[end..end + 4].copy_from_slice(&99_u32.to_le_bytes());
    assert!(matches!(read(&bytes), (9, Err(ReadError::CutShort { packets: 9 }))));
}

#[test]
fn an_input_that_fails_is_told_as_it_is() {
    struct Fails(io::Cursor<Vec<u8>>);
    impl io::Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match io::Read::read(&mut self.0, buffer)? {
                0 => Err(io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    let mut bytes = trace();
    bytes.truncate(bytes.len() - 200);
    let mut reader = Reader::new(Fails(io::Cursor::new(bytes))).unwrap();
    let error = loop {
        if let Err(error) = reader.next().unwrap() {
            break error;
        }
    };
    assert!(matches!(&error, ReadError::Io(_)), "{error}");
    assert!(error.to_string().contains("the disk is gone"), "{error}");
}

#[test]
fn what_starts_like_a_capture_is_known_by_twelve_bytes() {
    assert!(is_capture(&trace()[..12]));
    for text in ["0002", "\n\r\r\n0002aabb", "", "\n", "a1b2c3d4"] {
        assert!(!is_capture(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn payloads_that_udp_cannot_carry_are_cut_and_marked() {
    let mut bytes = Vec::new();
    let mut sink = PcapNg::new(&mut bytes, &Origin::new("test", 1)).unwrap();
    sink.begin(Duration::ZERO).unwrap();
    for to in ["10.0.0.2:1", "[2001:db8::1]:1"] {
        let (from, to) = ("10.0.0.1:1".parse().unwrap(), to.parse().unwrap());
        let packet = Captured { at: Time::ZERO, from, to, fate: Fate::Sent, bytes: &vec![1; 70_000] };
        assert_eq!(sink.packet(&packet).unwrap(), ControlFlow::Continue(()));
    }
    sink.finish(Time::ZERO).unwrap();
    drop(sink);
    let mut reader = Reader::new(bytes.as_slice()).unwrap();
    while let Some(entry) = reader.next().transpose().unwrap() {
        let Entry::Udp(packet) = entry else { panic!("{entry:?}") };
        assert_eq!(packet.bytes.len(), 65_507);
        assert_eq!(packet.comment.as_deref(), Some("4493 bytes are too much for UDP and left out"));
    }
}
