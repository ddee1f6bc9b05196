//! What a tracker says of itself, and of what it is asked.
// Keys on the binary curves are among them.
#![cfg(any(feature = "vendored", feature = "system"))]

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Directory, ipv8, vectors};
use ipv8_cli::decode::decode_packet;

#[test]
fn wrong_usage_is_said_in_one_line() {
    ipv8(["tracker", "--listen", "here"], b"").failed(2, "IP:PORT");
    ipv8(["tracker", "--api", "8085"], b"").failed(2, "IP:PORT");
    ipv8(["tracker", "--max-peers", "0"], b"").failed(2, "--max-peers");
    ipv8(["tracker", "--max-peers", "many"], b"").failed(2, "--max-peers");
    let twice = ["tracker", "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"];
    ipv8(twice, b"").failed(2, "127.0.0.1:0 and 127.0.0.2:0 are of one family");
}

#[test]
fn a_port_that_was_asked_for_and_is_busy_is_an_error() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    ipv8(["tracker", "--listen", &address], b"").failed(1, &address);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let api = format!("--api: {address} is in use");
    ipv8(["tracker", "--listen", "127.0.0.1:0", "--api", &address], b"").failed(1, &api);
    ipv8(["tracker", "--listen", "127.0.0.1:0", "--api", "192.0.2.1:1"], b"").failed(1, "192.0.2.1:1");
}

#[test]
fn requests_of_any_community_are_answered_with_the_key_of_the_file() {
    let directory = Directory::new();
    let file = directory.file("key");
    assert_eq!(ipv8(["key", "generate", "--curve", "very-low", "--out", &file], b"").status, Some(0));
    let mid = ipv8(["key", "show", &file, "--json"], b"").json()[0]["mid"].clone();

    let mut child = Command::new(env!("CARGO_BIN_EXE_ipv8"))
        .args(["tracker", "--listen", "127.0.0.1:0", "--key", &file, "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(started["mid"], mid);

    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    let request = packets.iter().find(|packet| packet["msg_id"] == 246).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
        .send_to(&hex::decode(request["hex"].as_str().unwrap()).unwrap(), started["listen"].as_str().unwrap())
        .unwrap();
    let mut buffer = [0; 2_000];
    let received = socket.recv(&mut buffer);
    child.kill().unwrap();
    child.wait().unwrap();
    let answer = decode_packet(&buffer[..received.unwrap()]).unwrap();
    assert_eq!((answer.message, answer.signature_valid), (Some("IntroductionResponse"), Some(true)));
    assert_eq!(answer.community_id, request["community_id"].as_str().unwrap());
    assert_eq!(answer.mid.unwrap(), mid.as_str().unwrap());
}
