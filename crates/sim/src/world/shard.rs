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

use ipv8_core::{Node, Resolve, Time, Transmit};
use ipv8_crypto::PrivateKey;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{Addresses, BETWEEN_TURNS, NodeId, OF_PACKETS, Woken, log::Log, skew::Skew};
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
    Deliver { delivery: Delivery, bytes: Vec<u8> },
    /// A node's deadline passes.
    Wake(NodeId),
    /// A node starts, unless it did already.
    Start { node: NodeId, life: u32 },
    /// A node learns what a name stands for, unless it crashed since it asked.
    Resolved { node: NodeId, life: u32, resolve: Resolve },
}

/// A node and where it stands.
pub(super) struct Place {
    pub(super) node: Node,
    pub(super) key: PrivateKey,
    pub(super) addresses: Addresses,
    pub(super) options: NodeOptions,
    pub(super) skew: Skew,
    pub(super) waker: Waker,
    pub(super) up: bool,
    /// How often it crashed.
    pub(super) life: u32,
    /// When the wake-ups in the queue come, the next one at the end. A node whose deadline moves away keeps its wake-up,
    /// which then finds nothing to do and sets the next one.
    pub(super) wakes: Vec<Time>,
    /// Events that it caused, in all its lives.
    pub(super) caused: u64,
    /// Datagrams that it sent, in all its lives.
    pub(super) sent: u64,
}

impl Place {
    /// When the node's next deadline is, in the world's time.
    fn next_deadline(&self) -> Option<Time> {
        self.node.next_deadline().map(|at| self.skew.world_time(at))
    }
}

/// What all shards look at while time goes on.
pub(super) struct Net<'a, F> {
    pub(super) seed: u64,
    pub(super) fabric: Mutex<&'a mut F>,
    pub(super) hosts: &'a Hosts,
    /// Which shard each node is in.
    pub(super) homes: &'a [usize],
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

/// A part of a world.
pub(super) struct Shard {
    number: usize,
    pub(super) now: Time,
    /// The same, for the nodes.
    pub(super) clock: Arc<AtomicU64>,
    /// The nodes by their numbers, those of other shards left out.
    places: Vec<Option<Box<Place>>>,
    pub(super) queue: Queue<Event>,
    pub(super) woken: Woken,
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
            queue: Queue::default(),
            woken: Woken::default(),
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
        let index = id.0 as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.places.get_mut(index) {
            *slot = Some(Box::new(place));
        }
    }

    #[allow(clippy::panic, reason = "a NodeId of another world is a fault of the caller, as documented")]
    pub(super) fn place(&self, id: NodeId) -> &Place {
        match self.places.get(id.0 as usize) {
            Some(Some(place)) => place,
            _ => panic!("{id} is not one of this world, or the network takes it to where it is not"),
        }
    }

    #[allow(clippy::panic, reason = "a NodeId of another world is a fault of the caller, as documented")]
    pub(super) fn place_mut(&mut self, id: NodeId) -> &mut Place {
        match self.places.get_mut(id.0 as usize) {
            Some(Some(place)) => place,
            _ => panic!("{id} is not one of this world, or the network takes it to where it is not"),
        }
    }

    /// Lets nodes whose handles were used from outside have their turn.
    pub(super) fn collect_woken(&mut self) {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for id in woken {
            // Most woke themselves in a turn that is over.
            let place = self.place(id);
            if place.up && place.node.needs_turn() {
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
            Event::Deliver { delivery, bytes } => self.deliver(net, &delivery, &bytes),
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

    fn due(&mut self, id: NodeId, at: Time) -> Due {
        let place = self.place_mut(id);
        place.caused += 1;
        Due { at, source: id.0, sequence: place.caused }
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
        let setup: Option<Setup> = place.options.setup.take();
        if let Some(setup) = setup {
            setup(&place.node);
            place.options.setup = Some(setup);
        }
        self.turn = None;
        self.arm(id, Some(self.now));
    }

    fn wake<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId) {
        let now = self.now;
        self.turn = Some(id);
        let place = self.place_mut(id);
        place.wakes.pop();
        if !place.up {
            return;
        }
        match place.next_deadline() {
            _ if place.node.needs_turn() => {}
            Some(deadline) if deadline <= now => {}
            later => return self.arm(id, later),
        }
        place.node.poll(place.skew.node_time(now));
        self.after_turn(net, id);
    }

    fn deliver<F: Fabric>(&mut self, net: &Net<'_, F>, delivery: &Delivery, bytes: &[u8]) {
        let now = self.now;
        let arrived = net.fabric().arrive(delivery, bytes, net.hosts);
        let to = match arrived {
            Ok(to) if self.place(to).up => to,
            Ok(_) => return self.lose(Loss::Down, delivery.source, delivery.to, bytes),
            Err(loss) => return self.lose(loss, delivery.source, delivery.to, bytes),
        };
        self.turn = Some(to);
        let place = self.place(to);
        place.node.handle(place.skew.node_time(now), [(delivery.source, bytes)]);
        self.metrics.delivered += 1;
        self.metrics.delivered_bytes += length(bytes);
        self.log.packet(now, delivery.source, delivery.to, Fate::Delivered, bytes);
        self.after_turn(net, to);
    }

    fn lose(&mut self, loss: Loss, source: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        tracing::trace!(%source, %to, size = bytes.len(), reason = loss.as_str(), "lost");
        self.metrics.lose(loss);
        self.log.packet(self.now, source, to, Fate::Lost(loss), bytes);
    }

    /// Takes out of a node what its turn made.
    fn after_turn<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId) {
        self.metrics.turns += 1;
        let mut transmits = std::mem::take(&mut self.transmits);
        let place = self.place(id);
        let (life, addresses) = (place.life, place.addresses);
        place.node.drain_transmits(&mut transmits);
        while let Some(resolve) = self.place(id).node.poll_resolve() {
            self.cause(id, self.now + net.resolve_delay, Event::Resolved { node: id, life, resolve });
        }
        for transmit in transmits.drain(..) {
            self.send(net, id, addresses, transmit);
        }
        self.transmits = transmits;
        // What it asked for in its own turn waits a little, see `BETWEEN_TURNS`.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != id);
        let next = self.now + BETWEEN_TURNS;
        let place = self.place(id);
        let deadline = if place.node.needs_turn() { Some(next) } else { place.next_deadline().map(|at| at.max(next)) };
        self.arm(id, deadline);
    }

    fn send<F: Fabric>(&mut self, net: &Net<'_, F>, from: NodeId, addresses: Addresses, transmit: Transmit) {
        let Transmit { to, bytes } = transmit;
        self.metrics.sent += 1;
        self.metrics.sent_bytes += length(&bytes);
        let source = addresses.source(to);
        self.log.packet(self.now, source.unwrap_or(addresses.first), to, Fate::Sent, &bytes);
        let Some(source) = source else {
            return self.lose(Loss::NoRoute, addresses.first, to, &bytes);
        };
        let packet = Packet { now: self.now, from, source, to, bytes: &bytes };
        let mut rng = self.packet_rng(net.seed, from);
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
            Err(loss) => return self.lose(loss, source, to, &bytes),
        };
        let Some(last) = deliveries.pop() else { return };
        self.metrics.duplicated += u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
        for copy in deliveries {
            self.schedule(net, from, home, copy, bytes.clone());
        }
        self.schedule(net, from, home, last, bytes);
    }

    /// The randomness of a node's next packet: its own, whatever other packets there are.
    fn packet_rng(&mut self, seed: u64, from: NodeId) -> Xoshiro256PlusPlus {
        let place = self.place_mut(from);
        place.sent += 1;
        let name = [OF_PACKETS, u64::from(from.0), place.sent];
        Xoshiro256PlusPlus::seed_from_u64(name.into_iter().fold(mix(0, seed), mix))
    }

    #[allow(clippy::panic, reason = "a network that breaks its word would make runs that do not repeat")]
    fn schedule<F: Fabric>(
        &mut self,
        net: &Net<'_, F>,
        from: NodeId,
        home: usize,
        mut delivery: Delivery,
        bytes: Vec<u8>,
    ) {
        delivery.at = delivery.at.max(self.now);
        let due = self.due(from, delivery.at);
        let event = Event::Deliver { delivery, bytes };
        if home == self.number {
            self.queue.push(due, event);
            return;
        }
        if delivery.at < self.now + net.lookahead {
            panic!(
                "Fabric::lookahead says that packets take {:?} at least, but one to {} took {:?}",
                net.lookahead,
                delivery.to,
                delivery.at.since(self.now)
            );
        }
        self.outgoing.push((home, due, event));
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
