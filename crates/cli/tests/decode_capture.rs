//! `ipv8 decode` of captures: what was recorded, where, and what became of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Directory, ipv8, vectors};
use ipv8_core::Time;
use ipv8_sim::Loss;
use ipv8_sim::capture::{Captured, Fate, Origin, PcapNg, Sink};
use serde_json::json;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Packets with what became of them, each a second after the other, as a world records them.
fn capture(packets: &[(&[u8], Fate)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sink = PcapNg::new(&mut bytes, &Origin::new("test 1", 7).set("nodes", 2)).unwrap();
    sink.begin(Duration::from_secs(1_767_225_600)).unwrap();
    for (second, (packet, fate)) in (0..).zip(packets) {
        let (from, to) = (address("10.0.0.1:8090"), address("10.0.0.2:1234"));
        let at = Time::from_nanos(second * 1_000_000_000);
        let _ = sink.packet(&Captured { at, from, to, fate: *fate, bytes: packet }).unwrap();
    }
    sink.finish(Time::from_nanos(0)).unwrap();
    drop(sink);
    bytes
}

/// An unsigned packet.
fn puncture_request() -> Vec<u8> {
    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    let packet = packets.iter().find(|packet| packet["msg_id"] == 250).unwrap();
    hex::decode(packet["hex"].as_str().unwrap()).unwrap()
}

#[test]
fn people_see_where_a_packet_was_and_what_became_of_it() {
    let packet = puncture_request();
    let run = ipv8(["decode"], &capture(&[(&packet, Fate::Sent), (&packet, Fate::Lost(Loss::Nat))]));
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines[0], "recorded by test 1, seed 7, nodes 2");
    assert!(lines[1].starts_with("#1 PunctureRequest (250), "), "{}", run.stdout);
    assert_eq!(lines[2], "  2026-01-01T00:00:00.000000000Z 10.0.0.1:8090 -> 10.0.0.2:1234, sent");
    assert!(run.stdout.contains("\n  2026-01-01T00:00:01.000000000Z 10.0.0.1:8090 -> 10.0.0.2:1234, lost (nat)\n"));
    assert!(lines[3].starts_with("  community: "), "{}", run.stdout);
}

#[test]
fn programs_get_the_same_and_the_packet_as_from_a_line() {
    let packet = puncture_request();
    let directory = Directory::new();
    let file = directory.file("trace.pcapng");
    std::fs::write(&file, capture(&[(&packet, Fate::Delivered)])).unwrap();
    let run = ipv8(["decode", "--json", &file], b"");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let mut seen = run.json().remove(0);
    let object = seen.as_object_mut().unwrap();
    let place = ["packet", "time", "from", "to", "fate"].map(|name| object.remove(name).unwrap());
    let time = "2026-01-01T00:00:00.000000000Z";
    assert_eq!(place, [json!(1), json!(time), json!("10.0.0.1:8090"), json!("10.0.0.2:1234"), json!("delivered")]);
    let line = ipv8(["decode", "--json"], hex::encode(&packet).as_bytes());
    assert_eq!(seen, line.json()[0]);
}

#[test]
fn a_file_of_tcpdump_is_read_and_other_packets_are_counted() {
    // pcap with Ethernet: a packet of an overlay, a name that is looked up, and something that is not IP.
    let mut bytes = [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat();
    for payload in [Some(puncture_request()), Some(b"\x12\x34query".to_vec()), None] {
        let mut frame = [&[0; 12][..], &[8, 0]].concat();
        match payload {
            None => frame[12] = 9,
            Some(payload) => {
                let udp = u16::try_from(payload.len() + 8).unwrap();
                let ip = [[0x45, 0], (udp + 20).to_be_bytes(), [0; 2], [0; 2], [64, 17], [0; 2]].concat();
                frame.extend([ip, vec![192, 0, 2, 1, 192, 0, 2, 2]].concat());
                frame.extend([[0x1f, 0x90], [0, 53], udp.to_be_bytes(), [0; 2]].concat());
                frame.extend(payload);
            }
        }
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        bytes.extend([[1, 0, 0, 0], [2, 0, 0, 0], length, length].concat());
        bytes.extend(frame);
    }
    let run = ipv8(["decode"], &bytes);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    assert!(run.stdout.starts_with("#1 PunctureRequest"), "{}", run.stdout);
    assert!(
        run.stdout.contains("\n  1970-01-01T00:00:01.000002000Z 192.0.2.1:8080 -> 192.0.2.2:53\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.ends_with("\n2 of 3 packets are none of an overlay\n"), "{}", run.stdout);
    assert_eq!(ipv8(["decode", "--json"], &bytes).json().len(), 1);
}

#[test]
fn packets_that_cannot_be_read_are_told_and_the_rest_goes_on() {
    let packet = puncture_request();
    let bytes = capture(&[(&packet[..30], Fate::Sent), (&packet, Fate::Sent)]);
    let run = ipv8(["decode"], &bytes);
    run.failed(1, "1 of 2 packets could not be read");
    assert!(run.stdout.contains("#1 unreadable (30 bytes)") && run.stdout.contains("#2 PunctureRequest"));
    let run = ipv8(["decode", "--json"], &bytes);
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""));
    assert!(run.json()[0]["error"].is_string() && run.json()[0]["from"] == "10.0.0.1:8090");
}

#[test]
fn a_capture_that_was_cut_is_shown_as_far_as_it_goes() {
    let packet = puncture_request();
    let bytes = capture(&[(&packet, Fate::Sent), (&packet, Fate::Delivered)]);
    let end = bytes.len() - 200;
    let run = ipv8(["decode"], &bytes[..end]);
    run.failed(1, "standard input: the capture ends in the middle of a block, its writer was stopped or still writes (packets before: 1)");
    assert!(run.stdout.contains("#1 PunctureRequest") && !run.stdout.contains("#2"), "{}", run.stdout);
}
