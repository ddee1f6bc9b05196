//! Letting time pass: until nothing is on its way, for a time, until a future is done.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
    time::Duration,
};

use ipv8_core::Time;
use ipv8_sim::{Delivery, Fabric, Loss};

use crate::{
    log::captured,
    net::{Net, Place},
    packet::{Captured, Party},
};

/// Turns that nodes may take for each packet that they may send.
const TURNS_PER_PACKET: usize = 20;

/// The longest that a packet may be delayed for [`Net::deliver`] to wait for it.
const LONGEST_WAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The packets of which a failure shows how many were of which kind.
const LAST_PACKETS: usize = 1_000;

/// The tasks that a failure shows.
const MOST_TASKS: usize = 20;

/// Whether a future wants to be polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Counts what a net does, to notice one that never ends.
struct Budget {
    /// Packets that may still arrive.
    packets: usize,
    /// Events that may still happen.
    events: usize,
}

/// Time. No method sleeps: what takes an hour of virtual time takes as long as the nodes have to do in it.
impl<F: Fabric> Net<F> {
    /// Delivers every packet, and those that are sent in answer, until nothing is on its way and no node has anything to
    /// do now. Returns how many arrived. Over the usual links hardly any time passes; intervals and sleeping tasks wait for
    /// [`Net::advance`].
    ///
    /// # Panics
    /// If more packets arrive than [`NetBuilder::packet_limit`](crate::NetBuilder::packet_limit) says: nodes that answer each
    /// answer never fall silent. If a handler panicked.
    #[track_caller]
    pub fn deliver(&mut self) -> usize {
        let before = self.arrivals();
        let mut budget = self.budget();
        while self.is_busy() && self.next(LONGEST_WAY) {
            self.check_panics();
            if !self.spend(&mut budget, before) {
                self.fail_endless("the net did not fall silent in one deliver()");
            }
        }
        self.after_use();
        self.arrivals() - before
    }

    /// Delivers so many packets, the next ones, or fewer if there are no more; for nodes that never fall silent. Returns how
    /// many arrived.
    ///
    /// # Panics
    /// If a handler panicked.
    #[track_caller]
    pub fn deliver_packets(&mut self, packets: usize) -> usize {
        let before = self.arrivals();
        let mut budget = Budget { packets, events: packets.saturating_add(1).saturating_mul(TURNS_PER_PACKET) };
        while self.arrivals() - before < packets && self.is_busy() && self.next(LONGEST_WAY) {
            self.check_panics();
            if !self.spend(&mut budget, before) {
                break;
            }
        }
        self.after_use();
        self.arrivals() - before
    }

    /// Lets virtual time pass: intervals run, tasks wake up, packets arrive.
    ///
    /// # Panics
    /// If more packets arrive within one virtual second than
    /// [`NetBuilder::packet_limit`](crate::NetBuilder::packet_limit) says: over the usual links, nodes that answer each
    /// answer send a million packets in a second. If a handler panicked.
    #[track_caller]
    pub fn advance(&mut self, time: Duration) {
        let end = self.now() + time;
        self.drive_until(end, |_, _| false);
        self.world.run_until(end);
        self.after_use();
    }

    /// Lets virtual time pass until a condition holds, which is looked at after every packet that arrives and at the end of
    /// every moment at which something happens. False if the time was over first.
    ///
    /// # Panics
    /// As [`Net::advance`].
    #[track_caller]
    pub fn advance_until(&mut self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now() + limit;
        // Looking into a community makes its node take a turn, which is nothing new to look at.
        let mut last: Option<(Time, usize, bool)> = None;
        let held = self.drive_until(end, |net, over| {
            let state = (net.now(), net.arrivals(), over);
            let news = last.is_none_or(|last| last.1 != state.1 || (over && last != state));
            if news {
                last = Some(state);
            }
            news && condition(net)
        });
        self.after_use();
        held
    }

    /// Runs a future to its end while virtual time passes, at most a minute
    /// ([`NetBuilder::run_limit`](crate::NetBuilder::run_limit)). It reaches communities through
    /// [handles](Net::handle); it may borrow from the test and need not be `Send`. Packets that are on their way when it ends
    /// stay so.
    ///
    /// # Panics
    /// If it did not end in time, or as [`Net::advance`].
    #[track_caller]
    pub fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut result = None;
        let end = self.now() + self.run_limit;
        self.drive_until(end, |_, _| {
            if flag.0.swap(false, Ordering::AcqRel)
                && let Poll::Ready(value) = future.as_mut().poll(&mut TaskContext::from_waker(&waker))
            {
                result = Some(value);
            }
            result.is_some()
        });
        self.after_use();
        match result {
            Some(value) => value,
            None => panic!(
                "the future did not end within {:?} of virtual time; {}\n{}",
                self.run_limit,
                self.seed_hint(),
                self.what_runs()
            ),
        }
    }

    /// Lets every request that waits for an answer, and every cache, time out now in all nodes, and delivers what comes of it;
    /// no time passes for anything else. A request that is to be asked again is asked again. Returns how many there were.
    ///
    /// # Panics
    /// As [`Net::deliver`].
    #[track_caller]
    pub fn expire_requests(&mut self) -> usize {
        let expired = (0..self.nodes.len()).map(|node| self.node(node).expire_requests()).sum();
        self.deliver();
        expired
    }

    /// Packets that have not arrived yet.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.log.lock().in_flight
    }

    // --- steps -----------------------------------------------------------------------------------------------------

    /// Runs events up to a time, that time included, until a condition holds; says whether it does. The condition is asked
    /// after every event, and told whether there are no more at this moment.
    #[track_caller]
    fn drive_until(&mut self, end: Time, mut condition: impl FnMut(&Self, bool) -> bool) -> bool {
        let (mut budget, mut before) = (self.budget(), self.arrivals());
        let mut second = self.now() + Duration::from_secs(1);
        loop {
            if condition(self, false) {
                return true;
            }
            if !self.next(Duration::ZERO) {
                if condition(self, true) {
                    return true;
                }
                if !self.next(end - self.now()) {
                    return false;
                }
            }
            self.check_panics();
            if self.now() >= second {
                (budget, before) = (self.budget(), self.arrivals());
                second = self.now() + Duration::from_secs(1);
            }
            if !self.spend(&mut budget, before) {
                self.fail_endless("too much happens within one virtual second");
            }
        }
    }

    /// Lets the next event happen, if there is one within this time; otherwise the time passes.
    fn step_within(&mut self, limit: Duration) -> bool {
        let mut stepped = false;
        let stepped = self.world.run_while(|_| !std::mem::replace(&mut stepped, true), limit);
        self.settle();
        stepped
    }

    fn arrivals(&self) -> usize {
        usize::try_from(self.log.lock().arrivals).unwrap_or(usize::MAX)
    }

    fn budget(&self) -> Budget {
        Budget { packets: self.packet_limit, events: self.packet_limit.saturating_mul(TURNS_PER_PACKET) }
    }

    /// Takes one event off the budget; false if it is used up.
    fn spend(&self, budget: &mut Budget, before: usize) -> bool {
        budget.events = budget.events.saturating_sub(1);
        budget.events > 0 && self.arrivals() - before <= budget.packets
    }

    /// Whether a packet is on its way, or a node has something to do now.
    fn is_busy(&self) -> bool {
        let now = self.now();
        let wants = |id| {
            let node = self.world.node(id);
            self.world.is_up(id) && (node.needs_turn() || node.next_deadline().is_some_and(|at| at <= now))
        };
        let log = self.log.lock();
        let moving = log.in_flight > 0 || log.is_waited_for() || !self.world.fabric().replaced.is_empty();
        drop(log);
        moving || self.nodes.iter().any(|place| wants(place.id))
    }

    /// Lets the next injected packet arrive, or else the next event happen if there is one within this time; otherwise the time
    /// passes.
    fn next(&mut self, limit: Duration) -> bool {
        for (from, to, bytes) in std::mem::take(&mut self.world.fabric_mut().replaced) {
            self.put(from, to, bytes);
        }
        match self.injected.pop_front() {
            Some((delivery, bytes)) => {
                self.arrive(&delivery, &bytes);
                true
            }
            None => self.step_within(limit),
        }
    }

    /// Puts a datagram on its way that no node sent. The world does not know of it.
    pub(crate) fn put(&mut self, source: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let at = self.now();
        let party = |address| Party { node: self.node_at(address), address };
        let packet = Captured { injected: true, ..captured(at, party(source), party(to), &bytes) };
        let delivery = Delivery { at, to, source };
        self.log.lock().sent(packet, &delivery);
        self.injected.push_back((delivery, bytes));
    }

    fn node_at(&self, address: SocketAddr) -> Option<usize> {
        self.nodes.iter().position(|place| self.world.address(place.id) == address)
    }

    /// Hands a datagram to the node that it is for.
    fn arrive(&mut self, delivery: &Delivery, bytes: &[u8]) {
        let to = self.node_at(delivery.to);
        let mut log = self.log.lock();
        log.now = log.now.max(self.now());
        log.arrived(delivery, bytes, to.ok_or(Loss::NoHost));
        drop(log);
        let up = |place: &&Place| self.world.is_up(place.id);
        if let Some(place) = to.and_then(|to| self.nodes.get(to)).filter(up) {
            let node = self.world.node(place.id);
            let overlay = node.overlays().first().copied();
            let time = overlay.and_then(|overlay| node.in_overlay(overlay, |cx| cx.now()).ok());
            node.handle(time.unwrap_or(self.now()), [(delivery.source, bytes)]);
            // The world sends what the node has to say at its next turn, which this asks for.
            let _ = overlay.map(|overlay| node.in_overlay(overlay, |_| ()));
        }
        self.settle();
    }

    /// Notices what nodes did on their own account.
    #[track_caller]
    pub(crate) fn after_use(&mut self) {
        self.learn_names();
        let now = self.now();
        self.log.lock().now = now;
        self.check_panics();
        self.check_task_panics();
    }

    #[track_caller]
    fn check_panics(&mut self) {
        let panic = self.log.lock().panic.take();
        if let Some(said) = panic {
            self.count_panics();
            self.fail_panic(&said);
        }
    }

    /// Notices panics of tasks, of which nodes only say how many there were.
    #[track_caller]
    fn check_task_panics(&mut self) {
        if let Some(node) = self.count_panics() {
            let said = format!("a task of {} panicked: what it said was printed when it did", self.name(node));
            self.fail_panic(&said);
        }
    }

    /// Takes note of how often nodes panicked, and returns one that did since the last time.
    fn count_panics(&mut self) -> Option<usize> {
        let mut found = None;
        for (number, place) in self.nodes.iter_mut().enumerate() {
            let panics = self.world.node(place.id).stats().panics;
            if panics > place.panics {
                found = found.or(Some(number));
            }
            place.panics = panics;
        }
        found
    }

    #[track_caller]
    fn fail_panic(&self, said: &str) {
        if !self.panics {
            let hint = self.seed_hint();
            panic!("{said}\n(outside of tests the node would go on; NetBuilder::allow_panics lets it); {hint}");
        }
    }

    pub(crate) fn seed_hint(&self) -> String {
        format!("seed {}", self.seed)
    }

    #[track_caller]
    fn fail_endless(&self, what: &str) -> ! {
        self.learn_names();
        panic!(
            "{what}: more than {} packets or {} turns; {}\n{}\nUse deliver_packets(n) or a link with latency and advance() \
             for nodes that never fall silent, or NetBuilder::packet_limit for those that say so much.",
            self.packet_limit,
            self.packet_limit.saturating_mul(TURNS_PER_PACKET),
            self.seed_hint(),
            self.what_runs()
        )
    }

    /// What keeps the net busy.
    fn what_runs(&self) -> String {
        let mut kinds: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        let log = self.log.lock();
        for packet in log.packets().rev().take(LAST_PACKETS) {
            let name = match (log.name_of(packet), packet.message_id()) {
                (Some(name), _) => name.to_owned(),
                (None, Some(id)) => format!("message {id}"),
                (None, None) => "no packet".to_owned(),
            };
            *kinds.entry((self.party_name(packet.from), self.party_name(packet.to), name)).or_default() += 1;
        }
        let in_flight = log.in_flight;
        drop(log);
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut lines = vec![format!("{in_flight} packets are on their way; of the last {LAST_PACKETS} there were")];
        lines.extend(
            kinds.iter().take(8).map(|((from, to, name), count)| format!("  {count:6} {name}  {from} -> {to}")),
        );
        let mut tasks = Vec::new();
        for (node, place) in self.nodes.iter().enumerate() {
            for task in self.tasks(node) {
                let how = match task.period {
                    Some(period) => format!("runs every {period:?}"),
                    None if task.due.is_some() => "is scheduled".to_owned(),
                    None => "has not ended".to_owned(),
                };
                tasks.push(format!("  {}: the task `{}` {how}", place.name, task.name));
            }
            let requests = self.world.node(place.id).pending().1;
            if requests > 0 {
                tasks.push(format!("  {}: {requests} requests wait for an answer", place.name));
            }
        }
        let more = tasks.len().saturating_sub(MOST_TASKS);
        tasks.truncate(MOST_TASKS);
        if more > 0 {
            tasks.push(format!("  and {more} more"));
        }
        lines.append(&mut tasks);
        lines.join("\n")
    }
}
