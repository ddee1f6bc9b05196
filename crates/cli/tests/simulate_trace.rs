//! `ipv8 simulate --trace` and `--replay`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]

mod common;

use common::{Directory, Run, ipv8};

fn traced(file: &str) -> Run {
    let run =
        ipv8(["simulate", "discovery", "--nodes", "8", "--seed", "5", "--until", "12", "--json", "--trace", file], b"");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run
}

#[test]
fn a_trace_is_all_that_it_takes_to_run_again() {
    let directory = Directory::new();
    let file = directory.file("trace.pcapng");
    let run = traced(&file);
    let plain = ipv8(["simulate", "discovery", "--nodes", "8", "--seed", "5", "--until", "12", "--json"], b"");
    assert_eq!(run.stdout, plain.stdout, "looking on changed the run");
    let replayed = ipv8(["simulate", "--replay", &file, "--json"], b"");
    assert_eq!(replayed.status, Some(0), "{}", replayed.stderr);
    let totals = &run.json()[0]["totals"];
    let lost: u64 = totals["lost"].as_array().unwrap().iter().map(|lost| lost[1].as_u64().unwrap()).sum();
    let seen = totals["sent"].as_u64().unwrap() + totals["delivered"].as_u64().unwrap() + lost;
    assert!(seen > 100 && lost > 0, "{totals}");
    assert_eq!(
        replayed.json()[0],
        serde_json::json!({"same": true, "packets": seen, "complete": true, "first_byte": null, "recorded": null, "run": null})
    );
    let decoded = ipv8(["decode", "--json", &file], b"");
    assert_eq!(decoded.stdout.lines().count() as u64, seen);
    assert!(decoded.json().iter().any(|packet| packet["fate"] == "lost (link)"));
}

#[test]
fn a_recording_that_was_changed_differs_where_it_was_changed() {
    let directory = Directory::new();
    let file = directory.file("trace.pcapng");
    traced(&file);
    let mut bytes = std::fs::read(&file).unwrap();
    // The prefix of the community in some packet of the middle: its last byte.
    let prefix = hex::decode("00027e313685c1912a141279f8248fc8db5899c5df5a").unwrap();
    let middle = bytes.len() / 2;
    let place = bytes[middle..].windows(prefix.len()).position(|window| window == prefix).unwrap();
    bytes[middle + place + prefix.len() - 1] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    let run = ipv8(["simulate", "--replay", &file], b"");
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""), "{}", run.stdout);
    assert!(run.stdout.contains("first different byte: 21, in the prefix of the community"), "{}", run.stdout);
    assert!(run.stdout.contains("\n    recorded, from 13:") && run.stdout.contains("\n  the 10 packets before:"));
    assert!(run.stdout.contains("\n  the message, this run: "), "{}", run.stdout);
    let run = ipv8(["simulate", "--replay", &file, "--json"], b"");
    assert_eq!(
        (run.status, &run.json()[0]["same"], &run.json()[0]["first_byte"]),
        (Some(1), &false.into(), &21.into())
    );
}

#[test]
fn what_holds_no_scenario_is_refused() {
    let directory = Directory::new();
    let file = directory.file("other");
    ipv8(["simulate", "--replay", &file], b"").failed(1, "cannot read the trace");
    std::fs::write(&file, "0002").unwrap();
    ipv8(["simulate", "--replay", &file], b"").failed(1, "neither pcapng nor pcap");
    // A pcap file without packets.
    std::fs::write(&file, hex::decode("d4c3b2a1020004000000000000000000000004006500000000").unwrap()).unwrap();
    ipv8(["simulate", "--replay", &file], b"").failed(1, "holds no scenario");
    ipv8(["simulate", "discovery", "--replay", &file], b"").failed(2, "cannot be used with");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_run_and_is_told() {
    ipv8(["simulate", "discovery", "--nodes", "20", "--trace", "/dev/full"], b"")
        .failed(1, "cannot write the trace /dev/full");
    ipv8(["simulate", "discovery", "--trace", "/proc/none"], b"").failed(1, "cannot write the trace /proc/none");
}
