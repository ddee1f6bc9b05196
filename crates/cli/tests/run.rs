//! `ipv8 run`: a node until it is stopped.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers may fail a test")]
#![allow(clippy::disallowed_methods, reason = "a test of a program looks at the clock")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Directory, ipv8};
use serde_json::Value;

/// The program while it runs; killed when a test fails.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str], change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipv8"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = change(&mut command).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// A node that talks to nobody but those who are named.
    fn node(arguments: &[&str]) -> Self {
        let private = ["run", "--listen", "127.0.0.1:0", "--no-default-bootstrap", "--json"];
        Self::start(&[&private, arguments].concat(), |command| command)
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next event of this kind.
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event();
            if event["event"] == kind {
                return event;
            }
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Stops it: the rest of standard output, and standard error.
    fn stop(mut self, signal: &str) -> (String, String) {
        let asked = Instant::now();
        self.signal(signal);
        let status = self.child.wait().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        assert_eq!(status.code(), Some(0));
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_first_that_it_started_and_last_what_it_counted() {
    for signal in ["-INT", "-TERM"] {
        let mut node = Running::node(&[]);
        let started = node.event();
        assert_eq!(started["event"], "started");
        assert!(started["listen"][0].as_str().unwrap().starts_with("127.0.0.1:"));
        assert_eq!(started["mid"].as_str().unwrap().len(), 40);
        assert_eq!(started["public_key"].as_str().unwrap().len(), 148);
        let (rest, _) = node.stop(signal);
        let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["event"], &last["overlays"][0]["name"]),
            (&"statistics".into(), &"DiscoveryCommunity".into())
        );
    }
}

#[test]
fn nodes_meet_through_a_tracker_and_keep_their_peers() {
    let directory = Directory::new();
    let (key, peers) = (directory.file("a.key"), directory.file("peers.dat"));
    let mut tracker = Running::start(&["tracker", "--listen", "127.0.0.1:0", "--json"], |command| command);
    let started = tracker.event();
    let tracker_address = started["listen"].as_str().or_else(|| started["listen"][0].as_str()).unwrap().to_owned();
    let config = directory.file("ipv8.toml");
    std::fs::write(&config, "walker_interval = 0.05\n").unwrap();
    let mut other = Running::node(&["--config", &config, "--bootstrap", &tracker_address]);
    let other_mid = other.event()["mid"].clone();
    let arguments = ["--config", &config, "--key", &key, "--peer-file", &peers];
    let mut node = Running::node(&[&arguments[..], &["--bootstrap", &tracker_address]].concat());
    let mid = node.event()["mid"].clone();
    assert_eq!(node.until("peer")["mid"], other_mid);
    assert_eq!(other.until("peer")["mid"], mid);
    node.signal("-USR1");
    assert!(node.until("statistics")["sent"].as_u64().unwrap() > 0);
    node.stop("-TERM");
    tracker.stop("-TERM");

    // Without the tracker, out of the file.
    let mut again = Running::node(&arguments);
    assert_eq!(again.event()["mid"], mid);
    assert_eq!(again.until("peer")["mid"], other_mid);
    again.stop("-TERM");
    other.stop("-TERM");
}

#[test]
fn a_busy_port_is_an_error_only_if_it_was_named() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let busy = socket.local_addr().unwrap().to_string();
    ipv8(["run", "--no-default-bootstrap", "--listen", &busy], b"").failed(1, &busy);
    // Two with the default: one of them gets another port and says so.
    let start = || Running::start(&["run", "--no-default-bootstrap", "--json"], |command| command);
    let (mut first, mut second) = (start(), start());
    let (one, two) = (first.event()["listen"][0].clone(), second.event()["listen"][0].clone());
    assert_ne!(one, two);
    let logs = first.stop("-TERM").1 + &second.stop("-TERM").1;
    assert!(logs.contains("the port is in use"), "{logs}");
}

#[test]
fn logs_can_be_json() {
    let directory = Directory::new();
    let damaged = directory.file("peers.dat");
    std::fs::write(&damaged, "garbage").unwrap();
    let mut node = Running::node(&["--log-format", "json", "--log", "warn", "--peer-file", &damaged]);
    node.event();
    let (_, logs) = node.stop("-TERM");
    let log: Value = serde_json::from_str(logs.lines().next().unwrap()).unwrap();
    assert_eq!(log["level"], "WARN");
    assert!(log["message"].as_str().unwrap().contains("damaged"), "{log}");
}

#[test]
fn it_runs_without_any_environment() {
    let arguments = ["run", "--listen", "127.0.0.1:0", "--no-default-bootstrap", "--json"];
    let mut node = Running::start(&arguments, Command::env_clear);
    assert_eq!(node.event()["event"], "started");
    node.stop("-TERM");
}

#[test]
fn the_environment_names_the_file_and_flags_go_before_it() {
    let directory = Directory::new();
    let config = directory.file("ipv8.toml");
    std::fs::write(&config, "listen = ['127.0.0.1:1']\ndefault_bootstrap = false\n").unwrap();
    let mut node =
        Running::start(&["run", "--listen", "127.0.0.1:0", "--json"], |command| command.env("IPV8_CONFIG", &config));
    assert!(node.event()["listen"][0].as_str().unwrap() != "127.0.0.1:1");
    node.stop("-TERM");
}
