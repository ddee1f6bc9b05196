//! Each line of input has its line of output, whatever it holds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use common::{Directory, ipv8, vectors};
use serde_json::Value;

/// An unsigned packet.
fn ping() -> String {
    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    packets.iter().find(|packet| packet["msg_id"] == 250).unwrap()["hex"].as_str().unwrap().to_owned()
}

#[test]
fn a_bad_line_does_not_stop_the_others() {
    let ping = ping();
    let run = ipv8(["decode", "--json"], format!("{ping}\nzz\n\n  {}\r\n{ping}", ping.to_uppercase()).as_bytes());
    assert_eq!(run.status, Some(1));
    assert_eq!(run.stderr, "");
    let decoded = run.json();
    assert_eq!(decoded.len(), 5);
    assert!(decoded[1]["error"].as_str().unwrap().contains("character 1 is 'z'"));
    assert_eq!(decoded[1]["size"], 0);
    assert!(decoded[2]["error"].is_string());
    assert_eq!((&decoded[0], &decoded[0]), (&decoded[3], &decoded[4]));
}

#[test]
fn unknown_messages_are_shown_raw() {
    let run = ipv8(["decode", "--json", "-"], format!("0002{}07abcdef\n", "11".repeat(20)).as_bytes());
    assert_eq!(run.status, Some(0));
    let decoded = &run.json()[0];
    assert_eq!(decoded["payload"], serde_json::json!({"raw": "abcdef"}));
    assert_eq!(decoded["msg_id"], 7);
    for name in ["community", "message", "signed", "signature_valid", "public_key", "mid", "global_time"] {
        assert_eq!(decoded.get(name), Some(&Value::Null), "{name}");
    }
}

#[test]
fn very_long_lines_are_refused() {
    let run = ipv8(["decode", "--json"], format!("{}\n{}\n", "00".repeat(1 << 20), ping()).as_bytes());
    assert_eq!(run.status, Some(1));
    assert!(run.json()[0]["error"].as_str().unwrap().contains("2097152 characters"));
    assert_eq!(run.json()[1]["msg_id"], 250);
}

#[test]
fn a_file_is_read_and_people_get_text() {
    let directory = Directory::new();
    let file = directory.file("packets");
    std::fs::write(&file, format!("{}\nzz\n", ping())).unwrap();
    let run = ipv8(["decode", &file], b"");
    run.failed(1, "1 of 2 packets");
    assert!(run.stdout.starts_with("#1 PunctureRequest (250)"), "{}", run.stdout);
    assert!(run.stdout.contains("\n  lan_walker_address: "), "{}", run.stdout);
    assert!(run.stdout.contains("\n#2 unreadable"), "{}", run.stdout);
    ipv8(["decode", &directory.file("missing")], b"").failed(1, "missing");
    ipv8(["decode", &directory.file("")], b"").failed(1, "directory");
}

#[test]
fn each_line_is_answered_at_once() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ipv8"))
        .args(["decode", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        writeln!(stdin, "{}", ping()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains("PunctureRequest"), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ipv8"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let line = ping() + "\n";
    // More than any pipe holds; fails once the program has gone.
    for _ in 0..10_000 {
        if stdin.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(1));
}
