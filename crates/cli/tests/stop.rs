//! Programs that run end within two seconds when they are asked to.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "helpers may fail a test, and look at the clock")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the program and waits for its first line.
fn start(arguments: &[&str]) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipv8"));
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (child, stdout, line)
}

fn stop(child: &mut Child, signal: &str) -> Option<i32> {
    let asked = Instant::now();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    status.code()
}

#[test]
fn a_tracker_stops() {
    for signal in ["-INT", "-TERM"] {
        let (mut child, mut stdout, line) = start(&["tracker", "--listen", "127.0.0.1:0", "--json"]);
        let started: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(started["event"], "started");
        assert!(started["listen"].as_str().unwrap().starts_with("127.0.0.1:"));
        assert_eq!(started["mid"].as_str().unwrap().len(), 40);
        assert_eq!(stop(&mut child, signal), Some(0));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let last: serde_json::Value = serde_json::from_str(&rest).unwrap();
        assert_eq!((&last["event"], &last["peers"]), (&"statistics".into(), &0.into()));
    }
}

#[test]
fn a_tracker_tells_what_it_counted_and_goes_on() {
    let (mut child, mut stdout, _) = start(&["tracker", "--listen", "127.0.0.1:0", "--json"]);
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap().success());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let statistics: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&statistics["event"], &statistics["peers"]), (&"statistics".into(), &0.into()));
    }
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
}

#[test]
fn a_demo_stops_with_a_summary() {
    let (mut child, mut stdout, line) = start(&["demo", "--seconds", "60", "--json"]);
    assert!(line.contains("\"tracker\""), "{line}");
    // Until there is a clock, so that the signal comes in the middle.
    loop {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0);
        if line.contains("\"clock\"") {
            break;
        }
    }
    // The exit status depends on how far it came.
    stop(&mut child, "-TERM").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.lines().last().unwrap().contains("\"summary\""), "{rest}");
}
