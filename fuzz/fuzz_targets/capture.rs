//! Reads any bytes as captures. Nothing may panic or give more packets than there are bytes for; what was found is
//! written and read again as the same packets.
#![no_main]

use std::{net::SocketAddr, ops::ControlFlow, time::Duration};

use ipv8_core::Time;
use ipv8_sim::capture::{Captured, Entry, Fate, Origin, PcapNg, Reader, Recorded, Sink};
use libfuzzer_sys::fuzz_target;

/// What is beyond this is cut when it is written.
const MAX_PAYLOAD: usize = 65_507;

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = Reader::new(bytes) else {
        return;
    };
    let mut found = Vec::new();
    let mut entries = 0;
    for entry in reader {
        entries += 1;
        match entry {
            Ok(Entry::Udp(packet)) => found.push(packet),
            Ok(Entry::Other(_)) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(entries <= 1 + bytes.len() / 12, "{entries} packets in {} bytes", bytes.len());
    let again = read_again(&found);
    let parts = |packet: &Recorded| {
        (packet.from, packet.to, packet.bytes.iter().take(MAX_PAYLOAD).copied().collect::<Vec<_>>())
    };
    assert!(again.iter().map(parts).eq(found.iter().map(parts)));
});

fn read_again(packets: &[Recorded]) -> Vec<Recorded> {
    let mut bytes = Vec::new();
    let mut sink = PcapNg::new(&mut bytes, &Origin::new("fuzz", 1)).unwrap();
    sink.begin(Duration::ZERO).unwrap();
    for packet in packets {
        let (from, to): (SocketAddr, SocketAddr) = (packet.from, packet.to);
        let packet = Captured { at: Time::ZERO, from, to, fate: Fate::Sent, bytes: &packet.bytes };
        assert_eq!(sink.packet(&packet).unwrap(), ControlFlow::Continue(()));
    }
    sink.finish(Time::ZERO).unwrap();
    drop(sink);
    let entries: Vec<_> = Reader::new(bytes.as_slice()).unwrap().map(Result::unwrap).collect();
    entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Udp(packet) => packet,
            Entry::Other(reason) => panic!("written, but {reason}"),
        })
        .collect()
}
