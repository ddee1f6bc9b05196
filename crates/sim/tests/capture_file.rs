//! What a trace file holds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Lamport, add_tracker, add_walkers, secs, walker};
use ipv8_sim::{
    Link, Loss, NodeOptions, World,
    capture::{Entry, Origin, PcapNg, Reader, Recorded},
    nat::{Nat, Nats},
};

/// A file in memory.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl File {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(bytes: &[u8]) -> (Reader<&[u8]>, Vec<Recorded>) {
    let mut reader = Reader::new(bytes).unwrap();
    let mut packets = Vec::new();
    while let Some(entry) = reader.next().transpose().unwrap() {
        match entry {
            Entry::Udp(packet) => packets.push(packet),
            Entry::Other(reason) => panic!("{reason}"),
        }
    }
    (reader, packets)
}

fn count(packets: &[Recorded], fate: &str) -> u64 {
    packets.iter().filter(|packet| packet.fate().as_deref() == Some(fate)).count() as u64
}

/// Five nodes and a tracker, behind links that lose and copy; what was counted, and the file.
fn lossy(seed: u64, file: &File) -> World {
    let origin = Origin::new("test 1.0", seed).set("nodes", 5).scenario("[network]\nloss = 0.2\n");
    let mut world = World::builder(seed)
        .link(Link::default().loss(0.2).duplication(0.1))
        .capture(PcapNg::new(file.clone(), &origin).unwrap())
        .build();
    add_tracker(&mut world);
    add_walkers(&mut world, 5, 4, Lamport::default);
    world.run_for(secs(10));
    world.finish_capture().unwrap();
    world
}

#[test]
fn every_packet_is_in_the_file_with_what_became_of_it() {
    let file = File::default();
    let world = lossy(1, &file);
    let bytes = file.bytes();
    let (reader, packets) = read(&bytes);
    assert!(reader.is_complete());
    let metrics = world.metrics();
    assert!(metrics.lost(Loss::Link) > 0 && metrics.duplicated > 0);
    assert_eq!(count(&packets, "sent"), metrics.sent);
    assert_eq!(count(&packets, "delivered"), metrics.delivered);
    assert_eq!(count(&packets, "lost (link)"), metrics.lost(Loss::Link));
    let bytes: usize = packets.iter().filter(|p| p.fate().as_deref() == Some("sent")).map(|p| p.bytes.len()).sum();
    assert_eq!(bytes as u64, metrics.sent_bytes);
    // 2026-01-01, and in order.
    let origin = Duration::from_secs(1_767_225_600);
    let times: Vec<_> = packets.iter().map(|packet| packet.at.unwrap()).collect();
    assert!(times.is_sorted() && times[0] >= origin && *times.last().unwrap() <= origin + secs(10), "{times:?}");
}

#[test]
fn a_file_says_how_to_run_it_again() {
    let file = File::default();
    lossy(3, &file);
    let bytes = file.bytes();
    let reader = Reader::new(bytes.as_slice()).unwrap();
    let origin = reader.origin().unwrap();
    assert_eq!((origin.program.as_str(), origin.seed, origin.setting("nodes")), ("test 1.0", 3, Some("5")));
    assert_eq!(origin.scenario, "[network]\nloss = 0.2\n");
}

#[test]
fn long_scenarios_are_kept_whole_and_too_long_ones_are_refused() {
    // Of two bytes each, so that a part may not end anywhere.
    let long = "é".repeat(200_000);
    let file = File::default();
    let mut world = World::builder(1)
        .capture(PcapNg::new(file.clone(), &Origin::new("test", 1).scenario(long.clone())).unwrap())
        .build();
    world.finish_capture().unwrap();
    assert!(Reader::new(file.bytes().as_slice()).unwrap().origin().unwrap().scenario == long);
    let error = PcapNg::new(io::sink(), &Origin::new("test", 1).scenario(long.repeat(2))).unwrap_err();
    assert!(error.to_string().contains("524288 bytes"), "{error}");
}

#[test]
fn looking_on_changes_nothing_and_files_repeat() {
    let files = [File::default(), File::default()];
    let hashes = files.each_ref().map(|file| lossy(1, file).trace_hash());
    let mut plain = World::builder(1).link(Link::default().loss(0.2).duplication(0.1)).build();
    add_tracker(&mut plain);
    add_walkers(&mut plain, 5, 4, Lamport::default);
    plain.run_for(secs(10));
    assert_eq!(hashes, [plain.trace_hash(); 2]);
    assert!(files[0].bytes() == files[1].bytes());
}

#[test]
fn files_are_the_same_with_any_number_of_threads() {
    let files = [1, 2, 3].map(|threads| {
        let file = File::default();
        let trace = PcapNg::new(file.clone(), &Origin::new("test", 1)).unwrap();
        let link = Link::default().loss(0.1).duplication(0.1);
        let mut world = World::builder(1).threads(threads).link(link).capture(trace).build();
        add_tracker(&mut world);
        add_walkers(&mut world, 30, 10, Lamport::default);
        world.run_for(secs(10));
        world.finish_capture().unwrap();
        file.bytes()
    });
    assert!(files[0].len() > 100_000, "{}", files[0].len());
    assert!(files[0] == files[1] && files[0] == files[2]);
}

#[test]
fn addresses_are_those_on_the_wire() {
    let file = File::default();
    let mut world = World::builder(1)
        .fabric(Nats::default())
        .capture(PcapNg::new(file.clone(), &Origin::new("test", 1)).unwrap())
        .build();
    add_tracker(&mut world);
    let home = world.fabric_mut().add(Nat::port_restricted());
    let node = world.add_node_behind(home, walker(1));
    world.run_for(secs(5));
    world.finish_capture().unwrap();
    let (inside, outside) = (world.address(node), world.fabric().outside(home).unwrap());
    let (_, packets) = read(&file.bytes());
    let first = packets.iter().find(|packet| packet.from == inside).unwrap();
    assert_eq!(first.fate().as_deref(), Some("sent"));
    let arrived = packets.iter().find(|packet| packet.bytes == first.bytes && packet.from.ip() == outside).unwrap();
    assert_eq!(arrived.fate().as_deref(), Some("delivered"));
    assert_eq!(arrived.to, first.to);
}

#[test]
fn what_has_no_route_and_what_is_ipv6_is_there_too() {
    let file = File::default();
    let mut world = World::builder(1).capture(PcapNg::new(file.clone(), &Origin::new("test", 1)).unwrap()).build();
    let options = || NodeOptions::default().address("[2001:db8::1]:8090".parse().unwrap());
    let (six, four) = (world.add_node(options()), world.add_node(NodeOptions::default()));
    let far = world.add_node(NodeOptions::default().address("[2001:db8::2]:8090".parse().unwrap()));
    let (to_four, to_far) = (world.address(four), world.address(far));
    let overlay = world.node(six).load(Lamport::default()).unwrap();
    overlay
        .with(|_, cx| {
            cx.walk_to(to_four);
            cx.walk_to(to_far);
        })
        .unwrap();
    world.run_for(secs(1));
    world.finish_capture().unwrap();
    let (_, packets) = read(&file.bytes());
    assert_eq!(packets[0].to.to_string(), "[::ffff:10.0.0.2]:8090");
    assert_eq!(count(&packets, "lost (no route)"), 1);
    assert!(packets.iter().any(|packet| packet.fate().as_deref() == Some("delivered") && packet.to == to_far));
}

#[test]
fn a_disk_that_is_full_ends_the_capture_with_its_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let trace = PcapNg::new(Full(100_000), &Origin::new("test", 1)).unwrap();
    let mut world = World::builder(1).capture(trace).build();
    add_tracker(&mut world);
    add_walkers(&mut world, 20, 10, Lamport::default);
    assert!(world.run_while(|world| !world.capture_over(), secs(600)));
    assert!(world.now().as_nanos() < 600_000_000_000);
    assert_eq!(world.finish_capture().unwrap_err().kind(), io::ErrorKind::StorageFull);
}
