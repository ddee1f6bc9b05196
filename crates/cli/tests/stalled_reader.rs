//! A reader of standard output or standard error that stalls holds nothing up: the contract is that programs end within
//! two seconds of SIGTERM.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]
#![allow(clippy::disallowed_methods, reason = "a test of a program looks at the clock")]

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const RUN: [&str; 5] = ["run", "--listen", "127.0.0.1:0", "--no-default-bootstrap", "--json"];
const TRACKER: [&str; 4] = ["tracker", "--listen", "127.0.0.1:0", "--json"];

/// One stream of the program: the end that it writes to, and the one that nobody reads.
struct Stream {
    written: UnixStream,
    read: UnixStream,
}

impl Stream {
    fn new() -> Self {
        let (written, read) = UnixStream::pair().unwrap();
        Self { written, read }
    }

    fn end(&self) -> Stdio {
        Stdio::from(OwnedFd::from(self.written.try_clone().unwrap()))
    }

    /// Fills it, so that the next write waits.
    fn fill(&mut self) {
        // Both ends of a write share the flag, so it is taken back before the program may write again.
        self.written.set_nonblocking(true).unwrap();
        for size in [4_096, 1] {
            while self.written.write(&vec![b'\n'; size]).is_ok() {}
        }
        assert_eq!(self.written.write(b"\n").unwrap_err().kind(), ErrorKind::WouldBlock);
        self.written.set_nonblocking(false).unwrap();
    }
}

/// The program, killed when a test fails.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Self {
        Self(Command::new(env!("CARGO_BIN_EXE_ipv8")).args(arguments).stdout(stdout).stderr(stderr).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Stops it, which takes less than two seconds.
    fn stop(mut self) -> ExitStatus {
        let asked = Instant::now();
        self.signal("-TERM");
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < Duration::from_secs(2), "still there after {:?}", asked.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Where the program says that it listens.
fn address(line: &str) -> SocketAddr {
    let started: serde_json::Value = serde_json::from_str(line).unwrap();
    let listen = started["listen"].as_str().or_else(|| started["listen"][0].as_str()).unwrap();
    listen.parse().unwrap()
}

#[test]
fn nobody_reads_standard_output() {
    for arguments in [&RUN[..], &TRACKER] {
        let mut stream = Stream::new();
        let program = Program::start(arguments, stream.end(), Stdio::null());
        let mut line = String::new();
        BufReader::new(stream.read.try_clone().unwrap()).read_line(&mut line).unwrap();
        let listens = address(&line);
        stream.fill();
        for _ in 0..3 {
            program.signal("-USR1");
        }
        // It still works: SIGTERM finds a program that waits for nothing but datagrams.
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0; 100], listens).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(program.stop().code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn nobody_reads_the_log() {
    for arguments in [&[&RUN[..], &["--log", "trace"]].concat()[..], &[&TRACKER[..], &["-vvv"]].concat()] {
        let mut stream = Stream::new();
        let mut program = Program::start(arguments, Stdio::piped(), stream.end());
        let mut stdout = BufReader::new(program.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        stream.fill();
        // Each of these is dropped with a line of the log.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10 {
            socket.send_to(&[0; 100], address(&line)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(program.stop().code(), Some(0), "{arguments:?}");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["received"]), (&"statistics".into(), &10.into()));
    }
}
