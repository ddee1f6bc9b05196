//! A part of a world: some of its nodes, and what is to happen to them. A world of one thread has one shard.
//!
//! What happens to a node depends on its own state and on the order of its own events, which is the order of [`Due`]
//! wherever it is run. Shards share nothing that one of them could change for another, but the network between nodes:
//! see [`Fabric`].

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use ipv8_core::{Node, Outlook, Resolve, Time, Transmit};
use ipv8_crypto::PrivateKey;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use smallvec::SmallVec;

use super::{
    Addresses, BETWEEN_TURNS, NodeId, OF_PACKETS, Woken,
    attackers::{AttackerId, AttackerPlace, Taps},
    log::Log,
    skew::Skew,
    work::Cpu,
};
use crate::{
    capture::Fate,
    link::{Delivery, Fabric, Hosts, Packet},
    metrics::{Loss, Metrics},
    options::{NodeOptions, Setup},
    queue::{Due, Queue},
    seed::mix,
};

/// What happens at a point in time.
#[derive(Debug)]
pub(super) enum Event {
    /// A datagram arrives.
    Deliver(Arrival),
    /// An attacker listens to a datagram.
    Overhear { attacker: AttackerId, arrival: Arrival },
    /// An attacker's time has come.
    Attack(AttackerId),
    /// A node's deadline passes.
    Wake(NodeId),
    /// A node ends a piece of work, unless it crashed since it began.
    Done { node: NodeId, life: u32 },
    /// A node starts, unless it did already.
    Start { node: NodeId, life: u32 },
    /// A node learns what a name stands for, unless it crashed since it asked.
    Resolved { node: NodeId, life: u32, resolve: Resolve },
}

/// A datagram that comes to its end.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) delivery: Delivery,
    pub(super) bytes: Vec<u8>,
    /// Whether an attacker sent it.
    pub(super) hostile: bool,
}

/// A node and where it stands: what every event needs, and in one place, since there are many and memory is far.
pub(super) struct Place {
    pub(super) node: Node,
    pub(super) addresses: Addresses,
    pub(super) skew: Skew,
    /// None if its work takes no time.
    pub(super) cpu: Option<Box<Cpu>>,
    pub(super) about: Box<About>,
    pub(super) up: bool,
    /// Whether it wants a turn now.
    pub(super) again: bool,
    /// Its next deadline, in the world's time. Both change in its turns, and when somebody used a handle, which is heard of in
    /// [`Shard::collect_woken`].
    pub(super) deadline: Option<Time>,
    /// How often it crashed.
    pub(super) life: u32,
    /// When the wake-ups in the queue come, the next one at the end. A node whose deadline moves away keeps its wake-up,
    /// which then finds nothing to do and sets the next one.
    pub(super) wakes: SmallVec<[Time; 2]>,
    /// Events that it caused, in all its lives.
    pub(super) caused: u64,
    /// Datagrams that it sent, in all its lives.
    pub(super) sent: u64,
}

/// What is looked at when a node starts or crashes.
pub(super) struct About {
    pub(super) key: PrivateKey,
    pub(super) options: NodeOptions,
    pub(super) waker: Waker,
}

impl Place {
    /// Asks the node what it waits for.
    fn ask(&mut self) {
        self.again = self.node.needs_turn();
        self.deadline = self.node.next_deadline().map(|at| self.skew.world_time(at));
    }

    /// Notes what a turn said.
    fn note(&mut self, outlook: Outlook) {
        self.again = outlook.again;
        self.deadline = outlook.deadline.map(|at| self.skew.world_time(at));
    }
}

/// What all shards look at while time goes on.
pub(super) struct Net<'a, F> {
    pub(super) seed: u64,
    pub(super) fabric: Mutex<&'a mut F>,
    pub(super) hosts: &'a Hosts,
    /// Which shard each node is in.
    pub(super) homes: &'a [usize],
    pub(super) taps: &'a Taps,
    pub(super) shards: usize,
    pub(super) resolve_delay: Duration,
    pub(super) lookahead: Duration,
}

impl<'a, F: Fabric> Net<'a, F> {
    fn fabric(&self) -> MutexGuard<'_, &'a mut F> {
        self.fabric.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard in which a datagram to this address arrives.
    fn home(&self, to: SocketAddr, fabric: &F) -> usize {
        if self.shards == 1 {
            return 0;
        }
        let node = self.hosts.at(to).and_then(|node| self.homes.get(usize::try_from(node.index()).ok()?).copied());
        node.or_else(|| Some(usize::try_from(fabric.site(to)?).ok()? % self.shards)).unwrap_or(0)
    }
}

/// Of a node that is in another shard. There are fewer nodes than this in a world.
const ELSEWHERE: u32 = u32::MAX;

/// A part of a world.
pub(super) struct Shard {
    number: usize,
    pub(super) now: Time,
    /// The same, for the nodes.
    pub(super) clock: Arc<AtomicU64>,
    places: Vec<Place>,
    /// Where each node is among them, by its number; [`ELSEWHERE`] for those of other shards.
    indexes: Vec<u32>,
    /// All of them are in the first shard.
    pub(super) attackers: Vec<AttackerPlace>,
    pub(super) queue: Queue<Event>,
    pub(super) woken: Arc<Woken>,
    pub(super) metrics: Metrics,
    pub(super) log: Log,
    /// What is to happen in other shards.
    pub(super) outgoing: Vec<(usize, Due, Event)>,
    /// Whose turn it is: the culprit if there is a panic.
    pub(super) turn: Option<NodeId>,
    transmits: Vec<Transmit>,
}

impl Shard {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            now: Time::ZERO,
            clock: Arc::default(),
            places: Vec::new(),
            indexes: Vec::new(),
            attackers: Vec::new(),
            queue: Queue::default(),
            woken: Arc::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            outgoing: Vec::new(),
            turn: None,
            transmits: Vec::new(),
        }
    }

    pub(super) fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.clock.store(self.now.as_nanos(), Ordering::Relaxed);
    }

    pub(super) fn settle(&mut self, id: NodeId, place: Place) {
        let number = id.0 as usize;
        if self.indexes.len() <= number {
            self.indexes.resize(number + 1, ELSEWHERE);
        }
        if let (Some(slot), Ok(index)) = (self.indexes.get_mut(number), u32::try_from(self.places.len())) {
            *slot = index;
            self.places.push(place);
        }
    }

    fn index(&self, id: NodeId) -> usize {
        self.indexes.get(id.0 as usize).copied().unwrap_or(ELSEWHERE) as usize
    }

    #[allow(clippy::panic, reason = "a NodeId of another world is a fault of the caller, as documented")]
    pub(super) fn place(&self, id: NodeId) -> &Place {
        match self.places.get(self.index(id)) {
            Some(place) => place,
            None => panic!("{id} is not one of this world, or the network takes it to where it is not"),
        }
    }

    #[allow(clippy::panic, reason = "a NodeId of another world is a fault of the caller, as documented")]
    pub(super) fn place_mut(&mut self, id: NodeId) -> &mut Place {
        let index = self.index(id);
        match self.places.get_mut(index) {
            Some(place) => place,
            None => panic!("{id} is not one of this world, or the network takes it to where it is not"),
        }
    }

    /// Lets nodes whose handles were used from outside have their turn.
    pub(super) fn collect_woken(&mut self) {
        for id in self.woken.take() {
            // Most woke themselves in a turn that is over.
            let place = self.place_mut(id);
            if place.up && place.node.needs_turn() {
                place.ask();
                self.arm(id, Some(self.now));
            }
        }
    }

    /// Lets the first event happen, which has to be one of this shard.
    pub(super) fn happen<F: Fabric>(&mut self, net: &Net<'_, F>) {
        let Some((due, event)) = self.queue.pop() else { return };
        self.set_now(due.at);
        self.log.begin(due);
        self.metrics.events += 1;
        match event {
            Event::Deliver(arrival) => self.deliver(net, arrival),
            Event::Overhear { attacker, arrival } => self.overhear(net, attacker, &arrival),
            Event::Attack(id) => self.attack(net, id),
            Event::Done { node, life } => self.done(net, node, life),
            Event::Wake(id) => self.wake(net, id),
            Event::Start { node, life } => {
                let place = self.place(node);
                if place.life == life && !place.up {
                    self.start(node);
                }
            }
            Event::Resolved { node, life, resolve } => {
                let place = self.place(node);
                if place.life == life {
                    let addresses = net.hosts.resolve(resolve.host(), resolve.port());
                    place.node.resolved(&resolve, &addresses);
                }
            }
        }
        self.turn = None;
    }

    /// Adds an event of this shard that a node causes.
    pub(super) fn cause(&mut self, id: NodeId, at: Time, event: Event) {
        let due = self.due(id, at);
        self.queue.push(due, event);
    }

    /// The place in the order of all events of one that a node or an attacker causes now.
    pub(super) fn due(&mut self, id: NodeId, at: Time) -> Due {
        let caused = match AttackerId::of(id) {
            Some(attacker) => self.attackers.get_mut(attacker.index() as usize).map(|place| &mut place.caused),
            None => Some(&mut self.place_mut(id).caused),
        };
        let sequence = caused.map_or(0, |caused| {
            *caused += 1;
            *caused
        });
        Due { at, source: id.0, sequence }
    }

    /// Puts an event into the shard where it is to happen.
    pub(super) fn post(&mut self, home: usize, due: Due, event: Event) {
        if home == self.number {
            self.queue.push(due, event);
        } else {
            self.outgoing.push((home, due, event));
        }
    }

    /// Makes sure that a node is woken at a time.
    fn arm(&mut self, id: NodeId, at: Option<Time>) {
        let Some(at) = at else { return };
        let place = self.place_mut(id);
        if place.wakes.last().is_none_or(|next| *next > at) {
            place.wakes.push(at);
            self.cause(id, at, Event::Wake(id));
        }
    }

    pub(super) fn start(&mut self, id: NodeId) {
        tracing::debug!(node = id.0, "starts");
        self.turn = Some(id);
        let place = self.place_mut(id);
        place.up = true;
        let setup: Option<Setup> = place.about.options.setup.take();
        if let Some(setup) = setup {
            setup(&place.node);
            place.about.options.setup = Some(setup);
        }
        place.ask();
        self.turn = None;
        self.arm(id, Some(self.now));
    }

    fn wake<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId) {
        let now = self.now;
        self.turn = Some(id);
        let place = self.place_mut(id);
        place.wakes.pop();
        // One that is busy looks at its deadlines when it is done.
        if !place.up || place.cpu.as_ref().is_some_and(|cpu| cpu.is_busy()) {
            return;
        }
        match place.deadline {
            _ if place.again => {}
            Some(deadline) if deadline <= now => {}
            later => return self.arm(id, later),
        }
        self.turn(net, id, &[]);
    }

    fn deliver<F: Fabric>(&mut self, net: &Net<'_, F>, arrival: Arrival) {
        let Arrival { delivery, bytes, .. } = &arrival;
        let arrived = net.fabric().arrive(delivery, bytes, net.hosts);
        let to = match arrived {
            Ok(to) => to,
            Err(loss) => return self.lose(loss, &arrival),
        };
        if let Some(attacker) = AttackerId::of(to) {
            return self.reach_attacker(net, attacker, &arrival);
        }
        self.turn = Some(to);
        let place = self.place(to);
        if !place.up {
            return self.lose(Loss::Down, &arrival);
        }
        if place.cpu.is_some() {
            return self.queue_up(net, to, arrival);
        }
        self.count_delivery(&arrival);
        self.turn(net, to, &[(delivery.source, bytes.as_slice())]);
    }

    pub(super) fn lose(&mut self, loss: Loss, arrival: &Arrival) {
        let Arrival { delivery: Delivery { source, to, .. }, bytes, hostile } = arrival;
        tracing::trace!(%source, %to, size = bytes.len(), reason = loss.as_str(), "lost");
        self.metrics.lose(loss, *hostile);
        self.log.packet(self.now, *source, *to, Fate::Lost(loss), bytes);
    }

    /// Lets a node take a turn with these datagrams, and takes out of it what the turn made.
    pub(super) fn turn<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId, datagrams: &[(SocketAddr, &[u8])]) {
        self.metrics.turns += 1;
        let now = self.now;
        let mut transmits = std::mem::take(&mut self.transmits);
        let place = self.place_mut(id);
        let (life, addresses, works) = (place.life, place.addresses, place.cpu.is_some());
        let outlook = place.node.advance(place.skew.node_time(now), datagrams, &mut transmits);
        place.note(outlook);
        if outlook.resolves {
            while let Some(resolve) = self.place(id).node.poll_resolve() {
                self.cause(id, now + net.resolve_delay, Event::Resolved { node: id, life, resolve });
            }
        }
        // What it asked for in its own turn waits a little, see `BETWEEN_TURNS`.
        self.woken.forget(id);
        // A thread outside of the world may have asked for a turn after the one that is over.
        let place = self.place_mut(id);
        if !place.again && place.node.needs_turn() {
            place.ask();
        }
        if works {
            self.keep_busy(id, datagrams.len(), &mut transmits);
        } else {
            for transmit in transmits.drain(..) {
                self.send(net, id, addresses, transmit);
            }
            self.arm_next(id);
        }
        self.transmits = transmits;
    }

    /// Makes sure that a node that took its turn gets the next one.
    pub(super) fn arm_next(&mut self, id: NodeId) {
        let next = self.now + BETWEEN_TURNS;
        let place = self.place(id);
        let deadline = if place.again { Some(next) } else { place.deadline.map(|at| at.max(next)) };
        self.arm(id, deadline);
    }

    pub(super) fn send<F: Fabric>(&mut self, net: &Net<'_, F>, from: NodeId, addresses: Addresses, transmit: Transmit) {
        let Transmit { to, bytes } = transmit;
        self.metrics.sent += 1;
        self.metrics.sent_bytes += length(&bytes);
        let Some(source) = addresses.source(to) else {
            let delivery = Delivery { at: self.now, to, source: addresses.first };
            self.log.packet(self.now, delivery.source, to, Fate::Sent, &bytes);
            return self.lose(Loss::NoRoute, &Arrival { delivery, bytes, hostile: false });
        };
        self.listen_in(net, from, source, to, &bytes);
        let rng = self.packet_rng(net.seed, from);
        self.dispatch(net, from, source, to, bytes, rng);
    }

    /// Puts a datagram of a node or an attacker on its way.
    pub(super) fn dispatch<F: Fabric>(
        &mut self,
        net: &Net<'_, F>,
        from: NodeId,
        source: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        mut rng: Xoshiro256PlusPlus,
    ) {
        let hostile = AttackerId::of(from).is_some();
        self.log.packet(self.now, source, to, Fate::Sent, &bytes);
        let packet = Packet { now: self.now, from, source, to, bytes: &bytes };
        let routed = {
            let mut fabric = net.fabric();
            let routed = fabric.route(&packet, net.hosts, &mut rng);
            routed.map(|deliveries| {
                let home = deliveries.first().map_or(0, |delivery| net.home(delivery.to, &fabric));
                (deliveries, home)
            })
        };
        let (mut deliveries, home) = match routed {
            Ok(routed) => routed,
            Err(loss) => {
                let delivery = Delivery { at: self.now, to, source };
                return self.lose(loss, &Arrival { delivery, bytes, hostile });
            }
        };
        let Some(last) = deliveries.pop() else { return };
        if !hostile {
            self.metrics.duplicated += u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
        }
        for copy in deliveries {
            self.schedule(net, from, home, Arrival { delivery: copy, bytes: bytes.clone(), hostile });
        }
        self.schedule(net, from, home, Arrival { delivery: last, bytes, hostile });
    }

    /// The randomness of a node's next packet: its own, whatever other packets there are.
    fn packet_rng(&mut self, seed: u64, from: NodeId) -> Xoshiro256PlusPlus {
        let place = self.place_mut(from);
        place.sent += 1;
        let name = [OF_PACKETS, u64::from(from.0), place.sent];
        Xoshiro256PlusPlus::seed_from_u64(name.into_iter().fold(mix(0, seed), mix))
    }

    #[allow(clippy::panic, reason = "a network that breaks its word would make runs that do not repeat")]
    fn schedule<F: Fabric>(&mut self, net: &Net<'_, F>, from: NodeId, home: usize, mut arrival: Arrival) {
        let Delivery { at, to, .. } = &mut arrival.delivery;
        *at = (*at).max(self.now);
        if home != self.number && *at < self.now + net.lookahead {
            let (promised, took) = (net.lookahead, at.since(self.now));
            panic!("Fabric::lookahead says that packets take {promised:?} at least, but one to {to} took {took:?}");
        }
        let due = self.due(from, *at);
        self.post(home, due, Event::Deliver(arrival));
    }
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
