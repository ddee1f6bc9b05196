//! Runs against a recording: the same is the same, and the first difference is found where it is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use common::{Lamport, add_tracker, add_walkers, secs};
use ipv8_sim::{
    Link, World, WorldBuilder,
    capture::{Comparison, Difference, Origin, PcapNg, ReadError, Reader, compare},
};

#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(builder: WorldBuilder, seconds: u64) -> Result<(), ReadError> {
    let mut world = builder.build();
    add_tracker(&mut world);
    add_walkers(&mut world, 5, 4, Lamport::default);
    world.run_while(|world| !world.capture_over(), secs(seconds));
    Ok(world.finish_capture()?)
}

fn builder(seed: u64, loss: f64) -> WorldBuilder {
    World::builder(seed).link(Link::default().loss(loss))
}

fn recording() -> Vec<u8> {
    let file = File::default();
    run(builder(1, 0.1).capture(PcapNg::new(file.clone(), &Origin::new("test", 1)).unwrap()), 10).unwrap();
    file.0.lock().unwrap().clone()
}

fn compared(recorded: &[u8], builder: WorldBuilder, seconds: u64) -> Comparison {
    let reader = Reader::new(io::Cursor::new(recorded.to_vec())).unwrap();
    compare(reader, |sink| run(builder.capture(sink), seconds)).unwrap()
}

#[track_caller]
fn difference(comparison: Comparison) -> Difference {
    match comparison {
        Comparison::Differs(difference) => *difference,
        same => panic!("{same:?}"),
    }
}

#[test]
fn the_same_run_is_the_same() {
    let recorded = recording();
    let Comparison::Same { packets, complete } = compared(&recorded, builder(1, 0.1), 10) else {
        panic!("differs");
    };
    assert!(complete && packets > 100, "{packets}");
}

#[test]
fn a_changed_byte_is_found_where_it_is() {
    let recorded = recording();
    // The payload of the first long packet after the 40th: after its headers in the block.
    let reader = Reader::new(recorded.as_slice()).unwrap();
    let packets: Vec<_> = reader.map(Result::unwrap).collect();
    let long = |entry: &ipv8_sim::capture::Entry| matches!(entry, ipv8_sim::capture::Entry::Udp(packet) if packet.bytes.len() > 60);
    let index = (40..).find(|index| long(&packets[*index])).unwrap();
    let ipv8_sim::capture::Entry::Udp(victim) = &packets[index] else { panic!() };
    let same_before = packets[..index]
        .iter()
        .filter(|entry| matches!(entry, ipv8_sim::capture::Entry::Udp(packet) if packet.bytes == victim.bytes));
    // The bytes of the victim occur once for each time that the datagram was seen before.
    let skip = same_before.count();
    let place = recorded
        .windows(victim.bytes.len())
        .enumerate()
        .filter(|(_, window)| *window == victim.bytes)
        .map(|(place, _)| place)
        .nth(skip)
        .unwrap();
    let mut changed = recorded.clone();
    changed[place + 60] ^= 1;
    let difference = difference(compared(&changed, builder(1, 0.1), 10));
    let number = u64::try_from(index + 1).unwrap();
    assert_eq!((difference.number, difference.first_byte()), (number, Some(60)));
    assert_eq!(difference.run.as_ref().unwrap().bytes, victim.bytes);
    assert_eq!(difference.before.len(), 10);
    let text = difference.to_string();
    assert!(text.starts_with(&format!("packet {number} differs\n  recorded: ")), "{text}");
    assert!(text.contains("first different byte: 60") && text.contains("the 10 packets before"), "{text}");
}

#[test]
fn another_seed_differs_from_the_first_packet_on() {
    let difference = difference(compared(&recording(), builder(2, 0.1), 10));
    assert_eq!(difference.number, 1);
    assert!(difference.before.is_empty());
}

#[test]
fn another_loss_differs_at_the_first_packet_that_fares_otherwise() {
    let recorded = recording();
    let mut reader = Reader::new(recorded.as_slice()).unwrap();
    let mut number = 0;
    let lost = loop {
        number += 1;
        if let Some(ipv8_sim::capture::Entry::Udp(packet)) = reader.next().transpose().unwrap()
            && packet.fate().as_deref() == Some("lost (link)")
        {
            break number;
        }
    };
    let difference = difference(compared(&recorded, builder(1, 0.0), 10));
    assert_eq!(difference.number, lost);
    assert_eq!(difference.recorded.as_ref().unwrap().fate().as_deref(), Some("lost (link)"));
    assert_ne!(difference.run.as_ref().unwrap().fate().as_deref(), Some("lost (link)"));
}

#[test]
fn a_run_that_ends_sooner_or_later_differs_at_the_end() {
    let recorded = recording();
    let Comparison::Same { packets, .. } = compared(&recorded, builder(1, 0.1), 10) else { panic!("differs") };
    let longer = difference(compared(&recorded, builder(1, 0.1), 20));
    assert_eq!((longer.number, longer.recorded.is_none()), (packets + 1, true));
    let shorter = difference(compared(&recorded, builder(1, 0.1), 9));
    assert!(shorter.run.is_none() && shorter.number <= packets);
    assert!(shorter.to_string().contains("this run: ends before it"));
}

#[test]
fn a_recording_that_was_cut_is_the_same_as_far_as_it_goes() {
    let recorded = recording();
    let Comparison::Same { packets: all, .. } = compared(&recorded, builder(1, 0.1), 10) else { panic!("differs") };
    match compared(&recorded[..recorded.len() / 2], builder(1, 0.1), 10) {
        Comparison::Same { packets, complete: false } => {
            assert!((all / 4..all).contains(&packets), "{packets} of {all}")
        }
        other => panic!("{other:?}"),
    }
}
