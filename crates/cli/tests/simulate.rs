//! `ipv8 simulate`: the same output each time, plots, traces that run again, and what is said of bad input.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{Directory, ipv8};

const SMALL: [&str; 6] = ["discovery", "--nodes", "8", "--until", "12", "--json"];

#[test]
fn the_same_command_prints_the_same_bytes() {
    let [first, second] =
        ["1", "2"].map(|threads| ipv8(["simulate"].into_iter().chain(SMALL).chain(["--threads", threads]), b""));
    assert_eq!((first.status, &*first.stderr), (Some(0), ""));
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(first.json()[0]["scenario"], "discovery");
}

#[test]
fn a_trace_runs_again_and_a_changed_one_is_told_from_it() {
    let directory = Directory::new();
    let trace = directory.file("a.pcapng");
    let run = ipv8(["simulate"].into_iter().chain(SMALL).chain(["--trace", &trace]), b"");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let same = ipv8(["simulate", "--replay", &trace], b"");
    assert_eq!(same.status, Some(0), "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.starts_with("the run is the same: "), "{}", same.stdout);

    // The seed stands in the file as text.
    let mut bytes = std::fs::read(&trace).unwrap();
    let at = bytes.windows(7).position(|window| window == b"seed 1\n").unwrap();
    bytes[at + 5] = b'2';
    std::fs::write(&trace, bytes).unwrap();
    let other = ipv8(["simulate", "--replay", &trace], b"");
    assert_eq!(other.status, Some(1), "{}{}", other.stdout, other.stderr);
    assert!(other.stdout.contains("differs"), "{}", other.stdout);
}

#[test]
fn plots_are_written() {
    let directory = Directory::new();
    let plots = directory.file("plots");
    let run = ipv8(["simulate", "discovery", "--nodes", "8", "--until", "12", "--plots", &plots], b"");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let page = std::fs::read_to_string(format!("{plots}/index.html")).unwrap();
    assert!(page.contains("ipv8 simulate discovery --nodes 8 --seed 1 --until 12"), "{page}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_line_by_line() {
    let directory = Directory::new();
    let file = directory.file("bad.toml");
    std::fs::write(&file, "name = \"bad\"\nnods = 3\n\n[link]\nloss = 2\n").unwrap();
    let run = ipv8(["simulate", &file], b"");
    assert_eq!(run.status, Some(2));
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stderr);
    assert!(lines[0].ends_with("bad.toml:2:1: nods: is not known here, did you mean `nodes`?"), "{}", run.stderr);
    assert!(lines[1].ends_with("bad.toml:5:1: link.loss: must be from 0 to 1, not 2"), "{}", run.stderr);
}

#[test]
fn a_scenario_that_is_too_large_says_so_before_it_starts() {
    let run = ipv8(["simulate", "discovery", "--nodes", "4000000"], b"");
    run.failed(1, "take fewer nodes, or run it anyway, with --force");
}

#[test]
fn a_name_that_is_none_gets_the_names_that_there_are() {
    ipv8(["simulate", "discovry"], b"").failed(2, "give a file, or one of discovery, flash-crowd");
}

#[test]
fn every_listed_scenario_can_be_shown() {
    let list = ipv8(["simulate", "--list"], b"");
    for line in list.stdout.lines() {
        let name = line.split_whitespace().next().unwrap();
        let shown = ipv8(["simulate", name, "--show"], b"");
        assert!(shown.stdout.contains(&format!("name = \"{name}\"")), "{}", shown.stdout);
    }
    assert_eq!(list.stdout.lines().count(), 8);
}
