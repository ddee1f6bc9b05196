//! Everything that was captured, in order.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipv8_core::{Observation, Time};
use ipv8_sim::{Delivery, Loss};
use ipv8_wire::{CommunityId, Message, Packet};

use crate::packet::{self, Captured, End, Party};

/// Shared by the net, the tap on its network and the observers in its nodes.
#[derive(Clone, Default)]
pub(crate) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line of the trace.
#[derive(Debug)]
pub(crate) enum Entry {
    Packet(Captured),
    /// Something that happened to a node: a message that it could not send, a panic, a crash.
    Note(Time, Option<usize>, String),
}

impl Entry {
    pub(crate) const fn packet(&self) -> Option<&Captured> {
        match self {
            Self::Packet(packet) => Some(packet),
            Self::Note(..) => None,
        }
    }
}

/// Names an entry, also after older ones were forgotten.
type Number = u64;

/// Writes the fields of a packet's message; `None` if it cannot be read.
type Describe = fn(&[u8]) -> Option<String>;

/// What was captured.
#[derive(Default)]
pub(crate) struct Log {
    /// The time of the world, as of the last event.
    pub(crate) now: Time,
    entries: VecDeque<Entry>,
    /// How many were forgotten.
    pub(crate) forgotten: u64,
    /// How many are kept.
    pub(crate) keep: usize,
    /// What an arrival belongs to. Only looked up.
    under_way: HashMap<(SocketAddr, SocketAddr, Time), VecDeque<Number>>,
    /// Packets that have not arrived.
    pub(crate) in_flight: usize,
    /// Arrivals at nodes that have not said yet what became of them.
    waiting: Vec<(Number, usize)>,
    pub(crate) arrivals: u64,
    /// A handler's panic that the test has not been told of.
    pub(crate) panic: Option<String>,
    names: BTreeMap<(CommunityId, u8), &'static str>,
    describers: BTreeMap<(u8, &'static str), Describe>,
}

impl Log {
    fn push(&mut self, entry: Entry) -> Number {
        if self.entries.len() >= self.keep {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
        self.forgotten + u64::try_from(self.entries.len()).unwrap_or(u64::MAX) - 1
    }

    fn packet(&self, number: Number) -> Option<&Captured> {
        self.entries.get(usize::try_from(number.checked_sub(self.forgotten)?).ok()?)?.packet()
    }

    fn packet_mut(&mut self, number: Number) -> Option<&mut Captured> {
        let index = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        match self.entries.get_mut(index)? {
            Entry::Packet(packet) => Some(packet),
            Entry::Note(..) => None,
        }
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    pub(crate) fn packets(&self) -> impl DoubleEndedIterator<Item = &Captured> {
        self.entries.iter().filter_map(Entry::packet)
    }

    /// Forgets all entries; packets that are on their way still count as such.
    pub(crate) fn clear(&mut self) {
        self.forgotten += u64::try_from(self.entries.len()).unwrap_or_default();
        self.entries.clear();
    }

    pub(crate) fn note(&mut self, node: Option<usize>, text: String) {
        let now = self.now;
        self.push(Entry::Note(now, node, text));
    }

    // --- what happens to packets -----------------------------------------------------------------------------------

    /// A packet that will not arrive.
    pub(crate) fn ended(&mut self, from: Party, to: Party, bytes: &[u8], end: End) {
        let packet = Captured { end, ..captured(self.now, from, to, bytes) };
        self.push(Entry::Packet(packet));
    }

    /// A packet that will arrive as this delivery says.
    pub(crate) fn sent(&mut self, packet: Captured, delivery: &Delivery) {
        let number = self.push(Entry::Packet(packet));
        self.under_way.entry((delivery.source, delivery.to, delivery.at)).or_default().push_back(number);
        self.in_flight += 1;
    }

    /// It arrived: at a node, or it was lost at the last moment.
    pub(crate) fn arrived(&mut self, delivery: &Delivery, bytes: &[u8], result: Result<usize, Loss>) {
        self.now = self.now.max(delivery.at);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.arrivals += 1;
        let place = (delivery.source, delivery.to, delivery.at);
        let Some(numbers) = self.under_way.get_mut(&place) else { return };
        let waiting: Vec<_> = numbers.iter().copied().collect();
        // Several may arrive at one moment, in an order of the world's own.
        let found = waiting.iter().position(|number| self.packet(*number).is_some_and(|packet| packet.bytes == bytes));
        let Some(numbers) = self.under_way.get_mut(&place) else { return };
        let number = numbers.remove(found.unwrap_or_default());
        if numbers.is_empty() {
            self.under_way.remove(&place);
        }
        let (now, arrival) = (self.now, self.arrivals);
        let Some(number) = number else { return };
        let Some(packet) = self.packet_mut(number) else { return };
        match result {
            Ok(node) => {
                packet.arrived = Some(now);
                packet.arrival = Some(arrival);
                packet.to.node = Some(node);
                self.waiting.push((number, node));
            }
            Err(loss) => packet.end = End::Lost(loss),
        }
    }

    /// Arrivals that wait for their node.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What arrived at nodes that are down is lost.
    pub(crate) fn settle(&mut self, is_up: impl Fn(usize) -> bool) {
        for (number, node) in std::mem::take(&mut self.waiting) {
            if is_up(node) && number >= self.forgotten {
                self.waiting.push((number, node));
            } else if let Some(packet) = self.packet_mut(number) {
                packet.arrived = None;
                packet.arrival = None;
                packet.end = End::Lost(Loss::Down);
            }
        }
    }

    /// What a node says.
    pub(crate) fn observe(&mut self, node: usize, observation: &Observation<'_>) {
        match observation {
            Observation::Delivered { datagram, message, .. } => {
                self.learn(datagram, message);
                self.took(node, datagram, End::Delivered);
            }
            Observation::Dropped { datagram, reason, .. } => self.took(node, datagram, End::Dropped(*reason)),
            Observation::NotSent { community, message, error } => {
                let message = message.map_or_else(|| "a message".to_owned(), |id| format!("message {id}"));
                self.note(Some(node), format!("{community} could not send {message}: {error}"));
            }
            Observation::Panicked { community, message, text } => {
                let place = message.map_or_else(String::new, |id| format!(", handling message {id}"));
                let said = format!("{community} panicked{place}: {text}");
                self.panic.get_or_insert_with(|| said.clone());
                self.note(Some(node), said);
            }
            _ => {}
        }
    }

    fn took(&mut self, node: usize, datagram: &[u8], end: End) {
        let is_it = |(number, at): &(Number, usize)| {
            *at == node && self.packet(*number).is_some_and(|packet| packet.bytes == datagram)
        };
        let Some(index) = self.waiting.iter().position(is_it) else { return };
        let (number, _) = self.waiting.remove(index);
        if let Some(packet) = self.packet_mut(number) {
            packet.end = end;
        }
    }

    // --- what packets are called -----------------------------------------------------------------------------------

    fn learn(&mut self, datagram: &[u8], name: &'static str) {
        if let Ok(packet) = Packet::parse(datagram) {
            self.name(packet.community_id(), packet.message_id(), name);
        }
    }

    pub(crate) fn name(&mut self, community: CommunityId, message: u8, name: &'static str) {
        self.names.entry((community, message)).or_insert(name);
    }

    /// The name of a packet's message, if any node knows it.
    pub(crate) fn name_of(&self, packet: &Captured) -> Option<&'static str> {
        self.names.get(&(packet.community_id()?, packet.message_id()?)).copied()
    }

    /// Whether a packet holds a message of this type, as far as can be told: another community may use its id.
    pub(crate) fn is<M: Message>(&self, packet: &Captured) -> bool {
        packet.message_id() == Some(M::ID) && self.name_of(packet).is_none_or(|name| name == M::NAME)
    }

    pub(crate) fn describe<M>(&mut self)
    where
        M: Message,
        for<'a> M::Of<'a>: std::fmt::Debug,
    {
        self.describers.insert((M::ID, M::NAME), |datagram| Some(format!("{:?}", packet::read::<M>(datagram)?)));
    }

    /// A packet's message in words: its fields if its type was named, otherwise its name, id and size.
    pub(crate) fn words(&self, packet: &Captured) -> String {
        let Some(id) = packet.message_id() else {
            return format!("{} bytes that are no packet", packet.bytes.len());
        };
        let name = self.name_of(packet);
        let known = match name {
            Some(name) => self.describers.get(&(id, name)),
            None => self.describers.range((id, "")..).map_while(|(key, found)| (key.0 == id).then_some(found)).next(),
        };
        known.and_then(|describe| describe(&packet.bytes)).unwrap_or_else(|| {
            let size = packet.bytes.len();
            name.map_or_else(
                || format!("message {id} of {size} bytes"),
                |name| format!("{name} (message {id}, {size} bytes)"),
            )
        })
    }
}

/// A packet that was sent just now.
pub(crate) fn captured(now: Time, from: Party, to: Party, bytes: &[u8]) -> Captured {
    Captured {
        sent: now,
        arrived: None,
        from,
        to,
        bytes: bytes.to_vec(),
        end: End::UnderWay,
        injected: false,
        copy: false,
        arrival: None,
    }
}
