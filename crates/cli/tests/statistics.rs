//! What `run` and `tracker` tell of themselves on SIGUSR1 and at the end: all that a node counts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The program, killed when a test fails.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipv8"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }
}

#[test]
fn everything_that_a_node_counts_is_told() {
    for arguments in [
        &["run", "--listen", "127.0.0.1:0", "--no-default-bootstrap", "--json"][..],
        &["tracker", "--listen", "127.0.0.1:0", "--json"],
    ] {
        let mut program = Program::start(arguments);
        let started = program.event();
        let listen = started["listen"].as_str().or_else(|| started["listen"][0].as_str()).unwrap();
        let listen: SocketAddr = listen.parse().unwrap();
        // A request for an introduction that is none, for the DiscoveryCommunity.
        let packet = [&hex::decode("00027e313685c1912a141279f8248fc8db5899c5df5af6").unwrap()[..], &[0; 100]].concat();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&packet, listen).unwrap();
        let statistics = loop {
            program.signal("-USR1");
            let statistics = program.event();
            if statistics["received"] == 1 {
                break statistics;
            }
        };
        assert_eq!(statistics["event"], "statistics");
        for number in
            ["seconds", "time", "received_bytes", "unknown_bytes", "delivered", "discarded", "sent", "sent_bytes"]
                .into_iter()
                .chain(["verified", "verify_seconds", "signed", "panics", "timeouts", "retries", "turns", "not_sent"])
        {
            assert!(statistics[number].is_number(), "{number}: {statistics}");
        }
        for queue in
            ["outbox", "outbox_peak", "sockets", "sockets_peak", "resolves", "tasks", "requests", "caches", "timers"]
        {
            assert!(statistics["queues"][queue].is_number(), "{queue}: {statistics}");
        }
        if cfg!(target_os = "linux") {
            assert_eq!(statistics["kernel_drops"], 0);
            assert!(statistics["receive_buffer"].as_u64().unwrap() > 0);
        }
        assert_eq!(statistics["discarded"], 1);
        let messages = statistics["overlays"][0]["messages"].as_array().unwrap();
        let message = messages.iter().find(|message| message["num_down"] == 1).unwrap();
        assert_eq!(message["bytes_down"], packet.len());
        assert!(message["verify_seconds"].is_number() && message["panics"] == 0, "{message}");
        assert!(message["first_down"].as_f64().unwrap() > 1.7e9 && message["first_up"].is_null(), "{message}");
        assert!(statistics["unloaded"]["num_up"].is_number());
        assert_eq!(statistics["peers"].is_number(), arguments[0] == "tracker");
        program.signal("-TERM");
        let mut rest = String::new();
        program.stdout.read_to_string(&mut rest).unwrap();
        let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["received"]), (&"statistics".into(), &1.into()));
        assert_eq!(program.child.wait().unwrap().code(), Some(0));
    }
}
