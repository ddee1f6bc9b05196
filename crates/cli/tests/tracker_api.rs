//! A tracker lists its peers over HTTP as the reference does, of both families.
// Keys on the binary curves are among those of the golden packets.
#![cfg(any(feature = "vendored", feature = "system"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers may fail a test, and wait"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::vectors;
use ipv8_cli::decode::decode_packet;

const SOON: Option<Duration> = Some(Duration::from_secs(10));

struct Tracker {
    child: Child,
    started: serde_json::Value,
}

impl Tracker {
    /// A tracker on both families; `None` where this machine has no IPv6.
    fn start() -> Option<Self> {
        if UdpSocket::bind("[::1]:0").is_err() {
            let _ = writeln!(std::io::stderr(), "skipped: tracker_api: this machine has no IPv6 loopback address");
            return None;
        }
        let listen = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--api", "127.0.0.1:0"];
        let mut child = Command::new(env!("CARGO_BIN_EXE_ipv8"))
            .args(["tracker", "--json"])
            .args(listen)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, started: serde_json::from_str(&line).unwrap() })
    }

    fn address(&self, pointer: &str) -> SocketAddr {
        self.started.pointer(pointer).unwrap().as_str().unwrap().parse().unwrap()
    }

    /// The status line and the body of an answer.
    fn get(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address("/api")).unwrap();
        stream.set_read_timeout(SOON).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A golden request with this message id: its community, the asker's mid and its bytes.
fn request(id: u8) -> (String, String, Vec<u8>) {
    let golden = vectors("packets.json");
    let packet = golden["packets"].as_array().unwrap().iter().find(|packet| packet["msg_id"] == id).unwrap();
    let bytes = hex::decode(packet["hex"].as_str().unwrap()).unwrap();
    let mid = decode_packet(&bytes).unwrap().mid.unwrap();
    (packet["community_id"].as_str().unwrap().to_owned(), mid, bytes)
}

/// Sends a request and returns who asked and the message that came back.
fn ask(tracker: SocketAddr, request: &[u8]) -> (SocketAddr, &'static str) {
    let socket = UdpSocket::bind((tracker.ip(), 0)).unwrap();
    socket.set_read_timeout(SOON).unwrap();
    socket.send_to(request, tracker).unwrap();
    let mut buffer = [0; 2_000];
    let size = socket.recv(&mut buffer).unwrap();
    (socket.local_addr().unwrap(), decode_packet(&buffer[..size]).unwrap().message.unwrap())
}

#[test]
fn peers_of_both_families_are_listed() {
    let Some(tracker) = Tracker::start() else { return };
    assert_eq!(tracker.started["listen"], tracker.started["addresses"][0]);
    assert_eq!(tracker.get("GET", "/services"), ("HTTP/1.1 200 OK".to_owned(), "{}".to_owned()));
    assert_eq!(tracker.get("GET", "/healthz").1, "{\"peers\":0}");

    let (community, old_mid, old) = request(246);
    let (same, new_mid, new) = request(234);
    assert_eq!(community, same);
    let (v4, answer) = ask(tracker.address("/addresses/0"), &old);
    assert_eq!(answer, "IntroductionResponse");
    let (v6, answer) = ask(tracker.address("/addresses/1"), &new);
    assert_eq!(answer, "NewIntroductionResponse");

    // A list is a second old at most.
    let services = (0..50)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let (status, body) = tracker.get("GET", "/services");
            assert_eq!(status, "HTTP/1.1 200 OK");
            serde_json::from_str::<serde_json::Value>(&body).unwrap()
        })
        .find(|services| services.as_object().is_some_and(|services| !services.is_empty()))
        .unwrap();
    let peer =
        |address: SocketAddr, mid: &str| format!("Peer<{address}, {}>", STANDARD.encode(hex::decode(mid).unwrap()));
    let mut listed: Vec<_> =
        services[&community].as_array().unwrap().iter().map(|peer| peer.as_str().unwrap().to_owned()).collect();
    listed.sort();
    let mut expected = [peer(v4, &old_mid), peer(v6, &new_mid)];
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(services.as_object().unwrap().len(), 1);
    assert_eq!(tracker.get("GET", "/healthz").1, "{\"peers\":2}");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let Some(tracker) = Tracker::start() else { return };
    assert_eq!(tracker.get("GET", "/").0, "HTTP/1.1 404 Not Found");
    assert_eq!(tracker.get("POST", "/services").0, "HTTP/1.1 405 Method Not Allowed");
    // What is no HTTP at all ends the connection, and others are served.
    let mut stream = TcpStream::connect(tracker.address("/api")).unwrap();
    stream.set_read_timeout(SOON).unwrap();
    stream.write_all(&[0xFF; 10_000]).unwrap();
    let mut answer = Vec::new();
    // It may be closed, or reset for what was not read.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    assert_eq!(tracker.get("GET", "/services").0, "HTTP/1.1 200 OK");
}

#[test]
fn connections_that_say_nothing_do_not_shut_others_out() {
    let Some(tracker) = Tracker::start() else { return };
    // More than are served at once: they are given up after five seconds.
    let silent: Vec<_> = (0..70).map(|_| TcpStream::connect(tracker.address("/api")).unwrap()).collect();
    assert_eq!(tracker.get("GET", "/services").0, "HTTP/1.1 200 OK");
    drop(silent);
}
