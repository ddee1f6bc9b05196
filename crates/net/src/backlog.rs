//! What arrived faster than the node takes it: kept for a moment, and shared out among those who sent it.
//!
//! The kernel keeps what came first and drops the rest, so that whoever sends most has most of the node. Here everybody who
//! sends has a queue, the queues are served in turn, and the longest one gives way when there is too much (fair queueing after
//! Nagle, RFC 970, and Demers, Keshav and Shenker, "Analysis and Simulation of a Fair Queueing Algorithm", 1989; datagrams count,
//! not bytes, for what a datagram costs is its signature). A node that keeps up never has a backlog.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Datagrams that are kept: what a node answers in some 30 ms, so that none is answered when nobody waits for it any more.
const MOST: usize = 1_024;

/// Bytes of them.
const MOST_BYTES: usize = 2 << 20;

/// Buffers that are kept to be used again.
const MOST_SPARE: usize = MOST;

/// The largest of those.
const LARGEST_SPARE: usize = 2_048;

/// Who sends: a host of the Internet, or a /64 of it, whatever ports it uses; a socket in private networks, where many nodes
/// may be one machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Sender {
    Host(IpAddr),
    Socket(SocketAddr),
}

impl Sender {
    fn of(source: SocketAddr) -> Self {
        match source.ip() {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_private() || v4.is_link_local() => Self::Socket(source),
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() => {
                Self::Socket(source)
            }
            IpAddr::V4(_) => Self::Host(source.ip()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::Host(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

/// Where a datagram came from, and its bytes.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

/// Queues of datagrams, one for each sender.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queues: HashMap<Sender, VecDeque<Datagram>>,
    /// Those who have a queue, in the order in which they are served.
    turns: VecDeque<Sender>,
    /// The same with the length of each queue, shortest first.
    lengths: BTreeSet<(usize, Sender)>,
    datagrams: usize,
    bytes: usize,
    spare: Vec<Vec<u8>>,
}

impl Backlog {
    pub(crate) const fn is_empty(&self) -> bool {
        self.datagrams == 0
    }

    /// Keeps a datagram. Says how many were dropped for it: the last of the longest queue, or this one if that is its sender's.
    pub(crate) fn push(&mut self, source: SocketAddr, bytes: &[u8]) -> usize {
        let sender = Sender::of(source);
        let own = self.queues.get(&sender).map_or(0, VecDeque::len);
        let mut dropped = 0;
        while self.datagrams >= MOST || self.bytes + bytes.len() > MOST_BYTES {
            let Some(&(longest, heaviest)) = self.lengths.last() else { break };
            dropped += 1;
            if own + 1 >= longest {
                return dropped;
            }
            self.drop_last_of(heaviest);
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        self.datagrams += 1;
        self.bytes += bytes.len();
        self.lengths.remove(&(own, sender));
        self.lengths.insert((own + 1, sender));
        let queue = self.queues.entry(sender).or_default();
        if queue.is_empty() {
            self.turns.push_back(sender);
        }
        queue.push_back((source, buffer));
        dropped
    }

    /// Takes the next datagrams, one of each sender in turn.
    pub(crate) fn take(&mut self, most: usize, into: &mut Vec<Datagram>) {
        while into.len() < most
            && let Some(sender) = self.turns.pop_front()
        {
            let Some(queue) = self.queues.get_mut(&sender) else { continue };
            let Some((source, bytes)) = queue.pop_front() else { continue };
            self.datagrams -= 1;
            self.bytes -= bytes.len();
            into.push((source, bytes));
            let left = queue.len();
            self.shortened(sender, left);
            if left > 0 {
                self.turns.push_back(sender);
            }
        }
    }

    /// Takes back the buffers of datagrams that were handled.
    pub(crate) fn take_back(&mut self, handled: &mut Vec<Datagram>) {
        for (_, buffer) in handled.drain(..) {
            self.reuse(buffer);
        }
    }

    fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MOST_SPARE && buffer.capacity() <= LARGEST_SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Gives the memory back, once nothing is left.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && !self.spare.is_empty() {
            *self = Self::default();
        }
    }

    fn drop_last_of(&mut self, sender: Sender) {
        let Some(queue) = self.queues.get_mut(&sender) else { return };
        let Some((_, bytes)) = queue.pop_back() else { return };
        self.datagrams -= 1;
        self.bytes -= bytes.len();
        let left = queue.len();
        self.shortened(sender, left);
        if left == 0 {
            self.turns.retain(|other| *other != sender);
        }
        self.reuse(bytes);
    }

    /// A queue lost one.
    fn shortened(&mut self, sender: Sender, left: usize) {
        self.lengths.remove(&(left + 1, sender));
        if left == 0 {
            self.queues.remove(&sender);
        } else {
            self.lengths.insert((left, sender));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(number: u8) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, number], 4_000))
    }

    fn take(backlog: &mut Backlog, most: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut taken = Vec::new();
        backlog.take(most, &mut taken);
        taken
    }

    #[test]
    fn everybody_is_served_in_turn_and_in_order() {
        let mut backlog = Backlog::default();
        for (who, what) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (2, 21)] {
            assert_eq!(backlog.push(host(who), &[what]), 0);
        }
        let order: Vec<_> = take(&mut backlog, 5).into_iter().map(|(_, bytes)| bytes[0]).collect();
        assert_eq!(order, [10, 20, 30, 11, 21]);
        assert_eq!(take(&mut backlog, 5).len(), 1);
        assert!(backlog.is_empty());
    }

    #[test]
    fn a_flood_takes_room_from_itself_only() {
        let mut backlog = Backlog::default();
        let mut dropped = 0;
        for number in 0..10_000_u32 {
            dropped += backlog.push(host(1), &number.to_be_bytes());
            if number % 1_000 == 0 {
                assert_eq!(backlog.push(host(2), b"honest"), usize::from(number >= 2_000));
            }
        }
        assert_eq!(backlog.datagrams, MOST);
        assert_eq!(dropped + backlog.datagrams + 8, 10_000 + 10);
        let honest = take(&mut backlog, 20).iter().filter(|(source, _)| *source == host(2)).count();
        assert_eq!(honest, 10, "every second one, until there are no more");
    }

    #[test]
    fn ports_of_a_host_share_a_queue_and_sockets_of_one_machine_do_not() {
        let of = |text: &str| Sender::of(text.parse().unwrap());
        assert_eq!(of("198.51.100.1:1"), of("198.51.100.1:2"));
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::2]:2"));
        assert_ne!(of("[2001:db8:0:1::1]:1"), of("[2001:db8:0:2::1]:1"));
        assert_ne!(of("127.0.0.1:1"), of("127.0.0.1:2"));
        assert_ne!(of("192.168.1.1:1"), of("192.168.1.1:2"));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made_up(steps in prop::collection::vec((0..6_u8, 0..3_000_usize, any::<bool>()), 0..3_000)) {
            let (mut backlog, mut pushed, mut gone) = (Backlog::default(), 0, 0);
            let mut taken = Vec::new();
            for (who, size, is_take) in steps {
                if is_take {
                    backlog.take(3, &mut taken);
                    gone += taken.len();
                    backlog.take_back(&mut taken);
                } else {
                    pushed += 1;
                    gone += backlog.push(host(who), &vec![0; size]);
                }
                prop_assert_eq!(backlog.datagrams, pushed - gone);
                prop_assert!(backlog.datagrams <= MOST && backlog.bytes <= MOST_BYTES);
                prop_assert_eq!(backlog.queues.values().map(VecDeque::len).sum::<usize>(), backlog.datagrams);
                prop_assert_eq!(backlog.queues.len(), backlog.turns.len());
                prop_assert_eq!(backlog.queues.len(), backlog.lengths.len());
            }
        }
    }
}
