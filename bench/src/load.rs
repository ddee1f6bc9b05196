//! A bounded number of requests in flight on one socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cpu::{CpuError, cpu_seconds};
use crate::latency::Latencies;
use crate::packets::Packets;

/// A request without a reply for this long is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);
/// How long a blocking receive waits before the clock is looked at.
const BLOCK_FOR: Duration = Duration::from_millis(10);
/// Receives between two looks for lost requests.
const RECEIVES_PER_LOOK: u32 = 64;
/// One in so many replies has its signature verified.
const VERIFY_ONE_IN: u64 = 50;
/// Longer than any reply, so that a cut one is not taken for a good one.
const MAX_REPLY: usize = 2048;

/// How the generator waits for replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// It never sleeps: the server's sends need not wake it, so all of the server's time is its own work.
    Spin,
    /// It sleeps in `recv`, and leaves its processor to others.
    Block,
}

/// What to do to a server.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Where it listens.
    pub target: SocketAddr,
    /// Requests in flight.
    pub window: usize,
    /// How long to measure.
    pub duration: Duration,
    /// How long to load before measuring.
    pub warm_up: Duration,
    /// How to wait.
    pub poll: Poll,
    /// The server's process, to read its processor time.
    pub pid: Option<u32>,
}

/// Why a load could not be put on a server.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The window cannot be filled: every request in flight needs an identifier of its own.
    #[error("a window of {window} requests in flight is not possible: use 1 to {packets}")]
    Window {
        /// What was asked for.
        window: usize,
        /// How many requests there are.
        packets: usize,
    },
    /// The socket failed.
    #[error("cannot exchange packets with {target}: {source}")]
    Socket {
        /// The server.
        target: SocketAddr,
        /// What the system said; "connection refused" means that nobody listens.
        source: io::Error,
    },
    /// The processor time of the server is unknown.
    #[error(transparent)]
    Cpu(#[from] CpuError),
}

/// What a server did.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Good replies within the measured time.
    pub replies: u64,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// The server's processor time meanwhile, in seconds, if its process was known.
    pub server_cpu_seconds: Option<f64>,
    /// Median round trip, in microseconds.
    pub rtt_median_us: f64,
    /// 99th percentile of round trips, in microseconds.
    pub rtt_p99_us: f64,
    /// Requests without a reply within a second.
    pub lost: u64,
    /// Replies with a wrong value or signature, to a request that is not in flight (any more), or not replies at all.
    pub bad: u64,
    /// Replies whose signature was verified.
    pub verified: u64,
}

impl Measured {
    /// Good replies a second.
    pub fn replies_per_second(&self) -> f64 {
        self.replies as f64 / self.seconds
    }

    /// Good replies per second of the server's processor time; `None` if that is unknown or too short to measure.
    pub fn replies_per_cpu_second(&self) -> Option<f64> {
        self.server_cpu_seconds.filter(|&seconds| seconds > 0.0).map(|seconds| self.replies as f64 / seconds)
    }

    /// All of it, as one JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "replies": self.replies,
            "seconds": self.seconds,
            "replies_per_second": self.replies_per_second(),
            "server_cpu_seconds": self.server_cpu_seconds,
            "replies_per_cpu_second": self.replies_per_cpu_second(),
            "rtt_median_us": self.rtt_median_us,
            "rtt_p99_us": self.rtt_p99_us,
            "lost": self.lost,
            "bad": self.bad,
            "verified": self.verified,
        })
    }
}

impl Load {
    /// Puts the load on the server and measures.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn run(&self, packets: &mut Packets) -> Result<Measured, LoadError> {
        if self.window == 0 || self.window > packets.count() {
            return Err(LoadError::Window { window: self.window, packets: packets.count() });
        }
        let socket = self.socket().map_err(|source| self.failed(source))?;
        let mut flight = Flight::new(packets.count());
        self.keep_up(&socket, packets, &mut flight, self.warm_up)?;

        flight.reset();
        let cpu = self.cpu()?;
        let since = Instant::now();
        self.keep_up(&socket, packets, &mut flight, self.duration)?;
        let seconds = since.elapsed().as_secs_f64();
        let server_cpu_seconds = match (cpu, self.cpu()?) {
            (Some(before), Some(after)) => Some(after - before),
            _ => None,
        };
        let replies = flight.replies;
        // What is still in flight is neither a reply in time nor lost yet.
        let patience = Instant::now() + LOST_AFTER;
        while flight.in_flight > 0 && Instant::now() < patience {
            self.receive(&socket, packets, &mut flight)?;
        }
        flight.expire(Duration::ZERO);
        Ok(Measured {
            replies,
            seconds,
            server_cpu_seconds,
            rtt_median_us: flight.latencies.percentile_us(50).unwrap_or_default(),
            rtt_p99_us: flight.latencies.percentile_us(99).unwrap_or_default(),
            lost: flight.lost,
            bad: flight.bad,
            verified: flight.verified,
        })
    }

    fn socket(&self) -> io::Result<UdpSocket> {
        let any: SocketAddr =
            if self.target.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.target)?;
        match self.poll {
            Poll::Spin => socket.set_nonblocking(true)?,
            Poll::Block => socket.set_read_timeout(Some(BLOCK_FOR))?,
        }
        Ok(socket)
    }

    fn cpu(&self) -> Result<Option<f64>, CpuError> {
        self.pid.map(cpu_seconds).transpose()
    }

    /// Keeps the window full for a while.
    fn keep_up(
        &self,
        socket: &UdpSocket,
        packets: &mut Packets,
        flight: &mut Flight,
        duration: Duration,
    ) -> Result<(), LoadError> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            while flight.in_flight < self.window {
                let number = flight.free_number();
                let sent = Instant::now();
                match socket.send(packets.request(number)) {
                    Ok(_) => flight.sent(number, sent),
                    Err(error) if is_pause(&error) => break,
                    Err(error) => return Err(self.failed(error)),
                }
            }
            for _ in 0..RECEIVES_PER_LOOK {
                if !self.receive(socket, packets, flight)? || self.poll == Poll::Block {
                    break;
                }
            }
            flight.expire(LOST_AFTER);
        }
        Ok(())
    }

    /// Takes one reply, if there is one.
    fn receive(&self, socket: &UdpSocket, packets: &mut Packets, flight: &mut Flight) -> Result<bool, LoadError> {
        let mut buffer = [0; MAX_REPLY];
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_pause(&error) => return Ok(false),
            Err(error) => return Err(self.failed(error)),
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        let expected = packets.check(datagram).is_ok_and(|reply| flight.answered(reply.identifier as usize));
        if !expected {
            flight.bad += 1;
        } else if flight.replies.is_multiple_of(VERIFY_ONE_IN) {
            flight.verified += 1;
            if packets.verify(datagram).is_err() {
                flight.bad += 1;
            }
        }
        Ok(true)
    }

    fn failed(&self, source: io::Error) -> LoadError {
        LoadError::Socket { target: self.target, source }
    }
}

/// Whether an error only says "not now".
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Which requests are on their way, and what became of the others.
struct Flight {
    /// For each request, when it was sent, while it is in flight.
    sent: Vec<Option<Instant>>,
    /// How many are.
    in_flight: usize,
    /// What was sent, oldest first; those answered meanwhile leave when they come to the front.
    order: VecDeque<(usize, Instant)>,
    next: usize,
    latencies: Latencies,
    replies: u64,
    lost: u64,
    bad: u64,
    verified: u64,
}

impl Flight {
    fn new(requests: usize) -> Self {
        Self {
            sent: vec![None; requests],
            in_flight: 0,
            order: VecDeque::new(),
            next: 0,
            latencies: Latencies::default(),
            replies: 0,
            lost: 0,
            bad: 0,
            verified: 0,
        }
    }

    /// Forgets the counts, not what is on its way.
    fn reset(&mut self) {
        *self = Self {
            sent: std::mem::take(&mut self.sent),
            in_flight: self.in_flight,
            order: std::mem::take(&mut self.order),
            next: self.next,
            ..Self::new(0)
        };
    }

    /// The next request that is not in flight. There is one while fewer are in flight than there are requests.
    fn free_number(&mut self) -> usize {
        for _ in 0..self.sent.len() {
            let number = self.next;
            self.next = (number + 1) % self.sent.len();
            if self.sent.get(number).is_some_and(Option::is_none) {
                return number;
            }
        }
        self.next
    }

    fn sent(&mut self, number: usize, at: Instant) {
        if let Some(sent) = self.sent.get_mut(number) {
            *sent = Some(at);
            self.in_flight += 1;
            self.order.push_back((number, at));
        }
    }

    /// Counts the reply to a request; false if it was not in flight.
    fn answered(&mut self, number: usize) -> bool {
        let Some(at) = self.sent.get_mut(number).and_then(Option::take) else {
            return false;
        };
        self.in_flight -= 1;
        self.replies += 1;
        self.latencies.add(at.elapsed());
        true
    }

    /// Gives up on what was sent `after` ago or earlier.
    fn expire(&mut self, after: Duration) {
        while let Some(&(number, at)) = self.order.front() {
            let waiting = self.sent.get_mut(number).filter(|sent| **sent == Some(at));
            if let Some(sent) = waiting {
                if at.elapsed() < after {
                    break;
                }
                *sent = None;
                self.in_flight -= 1;
                self.lost += 1;
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::packets::Mode;

    fn load(target: SocketAddr) -> Load {
        Load {
            target,
            window: 4,
            duration: Duration::from_millis(200),
            warm_up: Duration::ZERO,
            poll: Poll::Block,
            pid: Some(std::process::id()),
        }
    }

    /// A server that answers what `answer` makes of each request, until it hears nothing more.
    fn server(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; MAX_REPLY];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(reply) = answer(&buffer[..length]) {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        });
        address
    }

    fn honest(request: &[u8]) -> Vec<u8> {
        let mut reply = request.to_vec();
        reply[22] += 1;
        let value = u32::from_be_bytes(reply[23..27].try_into().unwrap());
        reply[23..27].copy_from_slice(&value.wrapping_add(1).to_be_bytes());
        reply
    }

    #[test]
    fn honest_replies_are_counted() {
        let mut packets = Packets::new(Mode::Unsigned, [7; 20], 100, 1);
        let target = server(|request| Some(honest(request)));
        let measured = load(target).run(&mut packets).unwrap();
        assert!(measured.replies > 100, "{measured:?}");
        assert_eq!((measured.lost, measured.bad), (0, 0));
        assert!(measured.rtt_median_us > 0.0 && measured.rtt_p99_us >= measured.rtt_median_us);
    }

    #[test]
    fn silence_is_loss() {
        let mut packets = Packets::new(Mode::Unsigned, [7; 20], 100, 1);
        let measured = load(server(|_| None)).run(&mut packets).unwrap();
        assert_eq!((measured.replies, measured.lost, measured.bad), (0, 4, 0));
    }

    #[test]
    fn replies_with_the_wrong_value_are_bad() {
        let mut packets = Packets::new(Mode::Unsigned, [7; 20], 100, 1);
        let target = server(|request| {
            let mut reply = honest(request);
            reply[23] ^= 1;
            Some(reply)
        });
        let measured = load(target).run(&mut packets).unwrap();
        assert_eq!((measured.replies, measured.bad), (0, 4));
    }

    #[test]
    fn a_window_needs_an_identifier_for_each_request() {
        let mut packets = Packets::new(Mode::Unsigned, [7; 20], 3, 1);
        let target = server(|_| None);
        assert!(matches!(load(target).run(&mut packets), Err(LoadError::Window { .. })));
    }

    #[test]
    fn nobody_listening_is_an_error() {
        let port = ipv8_interop::free_port().unwrap();
        let mut packets = Packets::new(Mode::Unsigned, [7; 20], 100, 1);
        let error = load((Ipv4Addr::LOCALHOST, port).into()).run(&mut packets).unwrap_err();
        assert!(matches!(error, LoadError::Socket { .. }), "{error}");
    }
}
