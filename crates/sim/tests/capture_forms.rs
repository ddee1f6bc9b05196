//! Captures of other programs: byte orders, link types, clocks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_sim::capture::{Entry, Reader, Recorded};

/// An IPv4 packet with a UDP datagram from 10.0.0.1:1000 to 10.0.0.2:2000 that says "hello"; without checksums, as where
/// the network card makes them.
const IPV4: [u8; 33] = [
    0x45, 0, 0, 33, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 0xe8, 7, 0xd0, 0, 13, 0, 0, b'h', b'e',
    b'l', b'l', b'o',
];

fn with(start: &[u8], packet: &[u8]) -> Vec<u8> {
    [start, packet].concat()
}

/// A pcap file of one packet.
fn pcap(big: bool, magic: u32, link: u32, packet: &[u8]) -> Vec<u8> {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let length = u32::try_from(packet.len()).unwrap();
    let parts = [
        magic.into(),
        None,
        Some(0),
        Some(0),
        Some(262_144),
        Some(link),
        Some(1_000),
        Some(5),
        Some(length),
        Some(length),
    ];
    let mut bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.map_or(version, number)).collect();
    bytes.extend_from_slice(packet);
    bytes
}

fn only(bytes: &[u8]) -> Entry {
    let mut reader = Reader::new(bytes).unwrap();
    let entry = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    assert!(reader.origin().is_none());
    entry
}

fn datagram(bytes: &[u8]) -> Recorded {
    match only(bytes) {
        Entry::Udp(found) => {
            assert_eq!(
                (found.from.to_string().as_str(), found.to.to_string().as_str()),
                ("10.0.0.1:1000", "10.0.0.2:2000")
            );
            assert_eq!(found.bytes, b"hello");
            assert_eq!(found.fate(), None);
            found
        }
        other => panic!("{other:?}"),
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;

#[test]
fn both_byte_orders_and_both_clocks_of_pcap() {
    for big in [false, true] {
        for (magic, nanos) in [(MICROSECONDS, 5_000), (0xa1b2_3c4d, 5)] {
            let found = datagram(&pcap(big, magic, 101, &IPV4));
            assert_eq!(found.at, Some(Duration::new(1_000, nanos)));
        }
    }
}

#[test]
fn link_types_that_tcpdump_writes() {
    let ethernet = [&[0_u8; 12][..], &[8, 0]].concat();
    let vlan = [&[0_u8; 12][..], &[0x81, 0, 0, 5, 8, 0]].concat();
    let cooked = [&[0, 0, 3, 4, 0, 6][..], &[0; 8], &[8, 0]].concat();
    let cooked2 = [&[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6][..], &[0; 8]].concat();
    for (link, start) in [
        (1, ethernet),
        (1, vlan),
        (101, vec![]),
        (228, vec![]),
        (113, cooked),
        (276, cooked2),
        (0, vec![2, 0, 0, 0]),
        (108, vec![0, 0, 0, 2]),
    ] {
        datagram(&pcap(false, MICROSECONDS, link, &with(&start, &IPV4)));
    }
    assert_eq!(only(&pcap(false, MICROSECONDS, 105, &IPV4)), Entry::Other("of a link type that is not read"));
}

#[test]
fn other_packets_are_named() {
    let mut tcp = IPV4;
    tcp[9] = 6;
    let mut fragment = IPV4;
    fragment[6] = 0x20;
    let arp = [&[0_u8; 12][..], &[8, 6], &[0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    for (link, packet, reason) in [
        (101, fragment.to_vec(), "a fragment of a packet"),
        (1, arp, "not IP"),
        (101, IPV4[..20].to_vec(), "no whole IP packet"),
        (101, vec![], "no whole IP packet"),
        (276, vec![8], "cut short"),
    ] {
        assert_eq!(only(&pcap(false, MICROSECONDS, link, &packet)), Entry::Other(reason));
    }
    assert!(matches!(only(&pcap(false, MICROSECONDS, 101, &tcp)), Entry::Other(_)));
}

/// A pcapng file of one packet in big endian, on an interface with these options.
fn pcapng(options: &[u8], ticks: u64) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = (u32::try_from(body.len()).unwrap() + 12).to_be_bytes();
        [&kind.to_be_bytes()[..], &length, body, &length].concat()
    };
    let section = block(0x0a0d_0d0a, &[&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]].concat());
    let interface = block(1, &[&[0, 101, 0, 0, 0, 0, 0, 0][..], options].concat());
    let head = [&[0; 4][..], &ticks.to_be_bytes(), &[0, 0, 0, 33, 0, 0, 0, 33]].concat();
    let comment = [0, 1, 0, 2, b'h', b'i', 0, 0];
    let packet = block(6, &[&head, &IPV4[..], &[0; 3], &comment, &[0; 4]].concat());
    let unknown = block(0x0bad_0bad, &[1, 2, 3, 4]);
    [section, unknown.clone(), interface, unknown, packet].concat()
}

#[test]
fn clocks_of_pcapng() {
    let seven = Duration::from_secs(7);
    let power_of_two = [0, 9, 0, 1, 0x8a, 0, 0, 0];
    let later = [0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3];
    for (options, ticks) in [(&[][..], 7_000_000), (&power_of_two[..], 7 * 1024), (&later[..], 4_000_000)] {
        let found = datagram(&pcapng(options, ticks));
        assert_eq!((found.at, found.comment.as_deref()), (Some(seven), Some("hi")));
    }
    // A clock that is finer than anything has no time rather than a wrong one.
    let absurd = [0, 9, 0, 1, 0x7f, 0, 0, 0];
    assert_eq!(datagram(&pcapng(&absurd, 1)).at, Some(Duration::ZERO));
}
