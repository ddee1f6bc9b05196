//! What arrived faster than the node takes it: kept for a moment, and shared out among those who sent it.
//!
//! The kernel keeps what came first and drops the rest, so that whoever sends most has most of the node. Here everybody who
//! sends has a queue, the queues are served in turn, and when there is too much, the longest one of the network with the most
//! gives way (fair queueing after Nagle, RFC 970, and Demers, Keshav and Shenker, "Analysis and Simulation of a Fair Queueing
//! Algorithm", 1989; datagrams count where they are too many, and bytes where those are). Among equals it is drawn by lot, so
//! that with more networks than places everybody has the same chance. A node that keeps up never has a backlog.
//!
//! None of this helps against sources that are made up: who can write any address into a datagram looks like as many networks
//! as it likes, and what is left to the others is their share of the lots. What such a flood reaches behind the backlog is
//! bounded by the `hardened` preset's admission of peers.

mod ranking;

use std::{
    collections::{BTreeMap, HashMap, VecDeque, hash_map::Entry},
    hash::BuildHasher as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ranking::{Load, Measure, Ranking};

use crate::datagrams::BATCH;

/// Datagrams that are kept: twice what the receive buffer that this crate asks for holds of small ones, so that a burst that
/// the kernel takes is not lost here. A node answers so many signed ones in some 120 ms, so that somebody waits for most of
/// the answers still.
const MOST: usize = 4_096;

/// Bytes of them.
const MOST_BYTES: usize = 4 << 20;

/// Buffers that are kept to be used again.
const MOST_SPARE: usize = 1_024;

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
            IpAddr::V6(v6) => Self::Host(IpAddr::V6(first_segments::<4>(v6))),
        }
    }

    /// What one owner has most easily many addresses of: a /24, or a /48 of IPv6. A socket in a private network is one of
    /// its own.
    fn network(self) -> Self {
        match self {
            Self::Host(IpAddr::V4(v4)) => {
                let [a, b, c, _] = v4.octets();
                Self::Host(IpAddr::V4(Ipv4Addr::new(a, b, c, 0)))
            }
            Self::Host(IpAddr::V6(v6)) => Self::Host(IpAddr::V6(first_segments::<3>(v6))),
            Self::Socket(_) => self,
        }
    }
}

/// An address with all but its first segments of 16 bits set to zero.
fn first_segments<const KEPT: usize>(v6: Ipv6Addr) -> Ipv6Addr {
    let mut segments = v6.segments();
    segments.iter_mut().skip(KEPT).for_each(|segment| *segment = 0);
    segments.into()
}

/// Where a datagram came from, and its bytes.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

/// What a sender has waiting.
#[derive(Debug)]
struct Queue {
    datagrams: VecDeque<Datagram>,
    load: Load,
    lot: u64,
    turn: u64,
}

/// What a network has waiting.
#[derive(Debug, Default)]
struct Network {
    load: Load,
    lot: u64,
    senders: Ranking<Sender>,
}

/// Queues of datagrams, one for each sender.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queues: HashMap<Sender, Queue>,
    networks: HashMap<Sender, Network>,
    ranking: Ranking<Sender>,
    /// Those who have a queue, in the order in which they are served.
    turns: BTreeMap<u64, Sender>,
    next_turn: u64,
    lots: u64,
    load: Load,
    spare: Vec<Vec<u8>>,
}

/// Who gives way.
enum Victim {
    Newcomer,
    /// The last datagrams of this network.
    Network(Sender),
    /// The last datagrams of this sender.
    Sender(Sender),
}

impl Backlog {
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Datagrams that are kept.
    pub(crate) const fn len(&self) -> usize {
        self.load.datagrams
    }

    /// One sender has all of it, and would lose some of another batch.
    pub(crate) fn is_full_of_one(&self) -> bool {
        self.queues.len() == 1 && (self.load.datagrams + BATCH > MOST || self.load.bytes > MOST_BYTES / 2)
    }

    /// Keeps a datagram. Says how many were dropped for it: the last ones of whoever has most, or this one if that is its
    /// sender.
    pub(crate) fn push(&mut self, source: SocketAddr, bytes: &[u8]) -> usize {
        let sender = Sender::of(source);
        let lots = [self.draw(), self.draw()];
        let mut dropped = 0;
        // By bytes, what the heaviest network or sender has is more than the newcomer needs: all of it is taken from there,
        // and nobody else loses anything.
        let measure = if self.load.bytes + bytes.len() > MOST_BYTES { Measure::Bytes } else { Measure::Datagrams };
        if self.lacks_room_for(bytes) {
            let victim = self.victim(measure, sender, bytes.len(), lots);
            while self.lacks_room_for(bytes) {
                let loser = match victim {
                    Victim::Newcomer => None,
                    Victim::Sender(sender) => Some(sender),
                    Victim::Network(network) => {
                        self.networks.get(&network).and_then(|found| found.senders.most(measure))
                    }
                };
                dropped += 1;
                let Some(loser) = loser else { return dropped };
                self.drop_last_of(loser);
            }
        }
        self.keep(source, bytes, lots);
        dropped
    }

    const fn lacks_room_for(&self, bytes: &[u8]) -> bool {
        self.load.datagrams >= MOST || self.load.bytes + bytes.len() > MOST_BYTES
    }

    /// A number that nobody can foresee.
    fn draw(&mut self) -> u64 {
        self.lots += 1;
        self.queues.hasher().hash_one(self.lots)
    }

    /// Who has most, the newcomer with its datagram included.
    fn victim(&self, measure: Measure, sender: Sender, len: usize, [network_lot, sender_lot]: [u64; 2]) -> Victim {
        let more = Load { datagrams: 1, bytes: len };
        let network = sender.network();
        let own = self.networks.get(&network);
        let (load, lot) = own.map_or((Load::default(), network_lot), |own| (own.load, own.lot));
        match self.ranking.more_than(measure, load + more, lot, network) {
            Some(other) => Victim::Network(other),
            None => {
                let queue = self.queues.get(&sender);
                let (load, lot) = queue.map_or((Load::default(), sender_lot), |queue| (queue.load, queue.lot));
                let other = own.and_then(|own| own.senders.more_than(measure, load + more, lot, sender));
                other.map_or(Victim::Newcomer, Victim::Sender)
            }
        }
    }

    fn keep(&mut self, source: SocketAddr, bytes: &[u8], [network_lot, sender_lot]: [u64; 2]) {
        let sender = Sender::of(source);
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        let queue = match self.queues.entry(sender) {
            Entry::Occupied(queue) => queue.into_mut(),
            Entry::Vacant(place) => {
                let turn = self.next_turn;
                self.next_turn += 1;
                self.turns.insert(turn, sender);
                place.insert(Queue { datagrams: VecDeque::new(), load: Load::default(), lot: sender_lot, turn })
            }
        };
        queue.datagrams.push_back((source, buffer));
        let before = queue.load;
        queue.load = before + Load { datagrams: 1, bytes: bytes.len() };
        let (after, lot) = (queue.load, queue.lot);
        let new = || Network { lot: network_lot, ..Network::default() };
        self.networks.entry(sender.network()).or_insert_with(new);
        self.account(sender, lot, before, after);
    }

    /// Takes the next datagrams, one of each sender in turn.
    pub(crate) fn take(&mut self, most: usize, into: &mut Vec<Datagram>) {
        while into.len() < most
            && let Some((_, sender)) = self.turns.pop_first()
        {
            if let Some(datagram) = self.remove(sender, VecDeque::pop_front) {
                into.push(datagram);
            }
            if let Some(queue) = self.queues.get_mut(&sender) {
                queue.turn = self.next_turn;
                self.turns.insert(self.next_turn, sender);
                self.next_turn += 1;
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
        if let Some((_, buffer)) = self.remove(sender, VecDeque::pop_back) {
            self.reuse(buffer);
        }
    }

    /// Takes a datagram out of a sender's queue, and the queue away with the last one.
    fn remove(
        &mut self,
        sender: Sender,
        take: impl FnOnce(&mut VecDeque<Datagram>) -> Option<Datagram>,
    ) -> Option<Datagram> {
        let queue = self.queues.get_mut(&sender)?;
        let datagram = take(&mut queue.datagrams)?;
        let before = queue.load;
        queue.load = before - Load { datagrams: 1, bytes: datagram.1.len() };
        let (after, lot, turn) = (queue.load, queue.lot, queue.turn);
        if after.datagrams == 0 {
            self.queues.remove(&sender);
            self.turns.remove(&turn);
        }
        self.account(sender, lot, before, after);
        Some(datagram)
    }

    /// Notes what the load of a sender came to.
    fn account(&mut self, sender: Sender, lot: u64, before: Load, after: Load) {
        self.load = self.load + after - before;
        let Entry::Occupied(mut entry) = self.networks.entry(sender.network()) else { return };
        let network = entry.get_mut();
        network.senders.change(sender, lot, before, after);
        let of_network = network.load;
        network.load = of_network + after - before;
        self.ranking.change(sender.network(), network.lot, of_network, network.load);
        if network.load.datagrams == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests;
