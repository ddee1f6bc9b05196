//! A small DHT on loopback: nodes of `ipv8 run`, each with its API, and a tracker.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "helpers may fail a test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Directory;

/// Generous, for a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A program that runs until it is dropped.
pub(crate) struct Program {
    child: Child,
    /// What it said first.
    pub(crate) started: Value,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipv8"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // Read on, so that it is never waited for.
        std::thread::spawn(move || drop(std::io::copy(&mut stdout, &mut std::io::sink())));
        let started = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, started }
    }

    /// A word of what it said first.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.started.pointer(pointer).unwrap_or(&Value::Null).as_str().unwrap()
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of an answer of an API.
pub(crate) fn ask(api: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    ask_as(api, api, method, path, body)
}

/// The same of a request that names another host. More lines of the head may follow it.
pub(crate) fn ask_as(api: &str, host: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // A body that is too long may be refused before all of it is sent.
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {method} {path}: {answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The object of an answer that is none of a failure.
pub(crate) fn object(api: &str, method: &str, path: &str, body: &str) -> Value {
    let (status, body) = ask(api, method, path, body);
    assert_eq!(status, 200, "{method} {path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Some nodes that know each other.
pub(crate) struct Overlay {
    directory: Directory,
    pub(crate) tracker: Program,
    pub(crate) nodes: Vec<Program>,
}

impl Overlay {
    pub(crate) fn new(nodes: usize) -> Self {
        let directory = Directory::new();
        std::fs::write(directory.file("ipv8.toml"), "walker_interval = 0.05\n").unwrap();
        let tracker = Program::start(&["tracker", "--listen", "127.0.0.1:0", "--json"]);
        let mut overlay = Self { directory, tracker, nodes: Vec::new() };
        for _ in 0..nodes {
            let node = overlay.node(&[]);
            overlay.nodes.push(node);
        }
        overlay.wait_until_met();
        overlay
    }

    /// One more node.
    pub(crate) fn node(&self, more: &[&str]) -> Program {
        let config = self.directory.file("ipv8.toml");
        let arguments = ["run", "--json", "--config", &config, "--listen", "127.0.0.1:0", "--no-default-bootstrap"];
        let mine = ["--bootstrap", self.bootstrap(), "--api", "127.0.0.1:0"];
        Program::start(&[&arguments[..], &mine, more].concat())
    }

    fn wait_until_met(&self) {
        for node in &self.nodes {
            wait_for_nodes(node, self.nodes.len() - 1);
        }
    }

    /// The tracker's address.
    pub(crate) fn bootstrap(&self) -> &str {
        self.tracker.text("/listen")
    }

    /// The API of a node.
    pub(crate) fn api(&self, node: usize) -> &str {
        self.nodes[node].text("/api")
    }

    /// The mid of a node.
    pub(crate) fn mid(&self, node: usize) -> &str {
        self.nodes[node].text("/mid")
    }
}

/// Waits until a node has so many others in its routing table.
pub(crate) fn wait_for_nodes(node: &Program, least: usize) {
    let end = Instant::now() + SOON;
    loop {
        let statistics = object(node.text("/api"), "GET", "/dht/statistics", "");
        let size = statistics.pointer("/statistics/endpoints/0/routing_table_size").and_then(Value::as_u64);
        if size.unwrap_or(0) >= least as u64 {
            return;
        }
        assert!(Instant::now() < end, "{statistics}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
