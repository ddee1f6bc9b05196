//! The loop that moves a node's bytes and time.

use std::{
    future::Future,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use ipv8_core::{Node, Resolve, Time, Transmit, UnloadReport};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    background::Background,
    backlog::{Backlog, Datagram},
    datagrams::{self, BATCH, Segments, Sent, Udp},
    machine::Watching,
    watchdog::Guarded,
};

/// Batches that are read at once from a socket where datagrams come faster than the node takes them: what a receive buffer holds.
const MOST_READS: usize = 16;

/// For so long after datagrams began to come faster than the node takes them, those of a single sender that find no place wait
/// in the kernel's buffer: a burst is over by then. What lasts longer is a flood, which would keep everybody else out of it.
const BURST: Duration = Duration::from_millis(200);

/// Names that are being resolved at once, waiting ones included; the node keeps the others.
const MOST_LOOKUPS: usize = 64;

/// How long the last datagrams of a node that stops may take to leave.
pub(crate) const GOODBYE: Duration = Duration::from_millis(250);

/// Wakes the driver when a handle was used from outside.
struct Wakeup(Notify);

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

struct Socket {
    udp: Udp,
    segments: Segments,
    /// The last read found a whole batch.
    was_full: bool,
}

pub(crate) struct Driver {
    node: Node,
    sockets: Vec<Socket>,
    /// The socket that is looked at first, another one each time.
    first: usize,
    start: Instant,
    wakeup: Arc<Wakeup>,
    outgoing: Vec<Transmit>,
    /// How many of `outgoing` have been sent.
    sent: usize,
    /// What came faster than the node took it, and the part of it that the node takes now.
    backlog: Backlog,
    taken: Vec<Datagram>,
    /// Since when there has been a backlog, if there is one.
    overloaded_since: Time,
    /// Datagrams that were handled since other tasks of this thread could run.
    handled: usize,
    /// A socket took no more, so that the rest of `outgoing` is counted as waiting.
    blocked: bool,
}

impl Driver {
    pub(crate) fn new(node: Node, sockets: Vec<Udp>, start: Instant) -> Self {
        let wakeup = Arc::new(Wakeup(Notify::new()));
        node.set_waker(&Waker::from(wakeup.clone()));
        let sockets =
            sockets.into_iter().map(|udp| Socket { segments: Segments::of(&udp), udp, was_full: false }).collect();
        Self {
            node,
            sockets,
            first: 0,
            start,
            wakeup,
            outgoing: Vec::new(),
            sent: 0,
            backlog: Backlog::default(),
            taken: Vec::new(),
            overloaded_since: Time::ZERO,
            handled: 0,
            blocked: false,
        }
    }

    fn now(&self) -> Time {
        Time::from_duration(self.start.elapsed())
    }

    /// Runs until told to stop, and in which time, then until all communities are unloaded and their last words sent. The
    /// machine and the node are watched as long.
    pub(crate) async fn run(
        mut self,
        mut stop: watch::Receiver<Option<Duration>>,
        watching: (Watching, Guarded),
    ) -> UnloadReport {
        let _watching = watching;
        // An error means that whoever could stop us is gone.
        let _ = self.drive(stop.changed()).await;
        let limit = stop.borrow().unwrap_or_default();
        let unloading = self.node.unload_all_within(limit);
        let report = self.drive(unloading).await;
        self.say_goodbye().await;
        report
    }

    /// Moves the node's bytes and time until something is done.
    async fn drive<T>(&mut self, until: impl Future<Output = T>) -> T {
        let mut until = std::pin::pin!(until);
        let mut lookups = JoinSet::new();
        let timer = tokio::time::sleep(Duration::ZERO);
        let mut timer = std::pin::pin!(timer);
        let mut armed = None;
        self.node.poll(self.now());
        loop {
            self.flush();
            while lookups.len() < MOST_LOOKUPS
                && let Some(resolve) = self.node.poll_resolve()
            {
                lookups.spawn(look_up(resolve));
            }
            let deadline = self.node.next_deadline();
            if armed != deadline {
                armed = deadline;
                if let Some(at) = deadline {
                    timer.as_mut().reset((self.start + at.since_origin()).into());
                }
            }
            let event = Event::next(&self.sockets, self.first, self.outgoing.get(self.sent));
            // What comes first is drawn at random, so that none of these keeps another one waiting for ever.
            tokio::select! {
                done = until.as_mut() => return done,
                () = self.wakeup.0.notified() => self.turn(),
                Some(found) = lookups.join_next(), if !lookups.is_empty() => match found {
                    Ok((resolve, addresses)) => {
                        self.node.resolved(&resolve, &addresses);
                        self.turn();
                    }
                    Err(error) => tracing::error!(%error, "looking up a name failed"),
                },
                () = timer.as_mut(), if deadline.is_some() => {
                    armed = None;
                    self.turn();
                }
                () = std::future::ready(()), if !self.backlog.is_empty() => self.work_off(),
                event = event => match event {
                    Event::Readable(index) => {
                        self.first = (index + 1) % self.sockets.len();
                        self.receive(index);
                    }
                    // The next round sends. Others run first, should there be no room after all.
                    Event::Writable => self.handled = BATCH,
                },
            }
            // While something is always ready, nothing above would let other tasks and the runtime's timers run.
            if self.handled >= BATCH || !self.backlog.is_empty() {
                self.handled = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads a batch and lets the node take a turn with it; or, where datagrams come faster than that, lets it work them off.
    fn receive(&mut self, index: usize) {
        let now = self.now();
        if self.backlog.is_empty() {
            let Some(socket) = self.sockets.get_mut(index) else { return };
            let (node, backlog, was_full) = (&self.node, &mut self.backlog, socket.was_full);
            let mut dropped = 0;
            let count = datagrams::receive(&socket.udp, |count, datagrams| {
                if count == BATCH && was_full {
                    dropped += keep(backlog, datagrams);
                } else if count > 0 {
                    node.handle(now, datagrams);
                }
            });
            socket.was_full = count == BATCH;
            self.handled += count;
            if self.backlog.is_empty() {
                return self.backlog.shrink();
            }
            node.driver_counters().count_crowded_out(to_u64(dropped));
            self.overloaded_since = now;
        }
        self.work_off();
    }

    /// Reads all there is, and lets the node take turns with what the backlog gives first, for as long as the reading took, so
    /// that it never takes most of the time. A node that takes long is read before each turn, so that the kernel drops little.
    fn work_off(&mut self) {
        let begin = self.now();
        let is_burst = begin.since(self.overloaded_since) < BURST;
        let mut dropped = 0;
        for socket in &mut self.sockets {
            for _ in 0..MOST_READS {
                let backlog = &mut self.backlog;
                if is_burst && backlog.is_full_of_one() {
                    break;
                }
                let count = datagrams::receive(&socket.udp, |_, datagrams| dropped += keep(backlog, datagrams));
                socket.was_full = count == BATCH;
                if count < BATCH {
                    break;
                }
            }
        }
        self.node.driver_counters().count_crowded_out(to_u64(dropped));
        let read = self.now();
        // No more than can be read, whatever kept this thread from reading faster.
        for _ in 0..MOST_READS * self.sockets.len() {
            self.backlog.take(BATCH, &mut self.taken);
            let datagrams = self.taken.iter().map(|(source, bytes)| (*source, bytes.as_slice()));
            self.node.handle(self.now(), datagrams);
            self.backlog.take_back(&mut self.taken);
            if self.backlog.is_empty() || self.now().since(read) >= read.since(begin) {
                break;
            }
            self.flush();
        }
    }

    /// A turn, with what waits for one.
    fn turn(&mut self) {
        if self.backlog.is_empty() {
            self.node.poll(self.now());
        } else {
            self.work_off();
        }
    }

    /// Sends what waits until the socket takes no more.
    fn flush(&mut self) {
        loop {
            let counters = self.node.driver_counters();
            while let Some((socket, transmits)) = next_of_one_family(&self.sockets, self.outgoing.get(self.sent..)) {
                let sent = match socket.map(|socket| datagrams::send(&socket.udp, &socket.segments, transmits)) {
                    Some(Sent::Some(count)) => count,
                    Some(Sent::Blocked) => {
                        let is_ipv4 = transmits.first().is_some_and(|first| first.to.is_ipv4());
                        for socket in self.sockets.iter_mut().filter(|socket| socket.udp.is_ipv4() == is_ipv4) {
                            socket.udp.wait_to_write(true);
                        }
                        counters.set_waiting(to_u64(self.outgoing.len() - self.sent));
                        self.blocked = true;
                        return;
                    }
                    Some(Sent::Failed(error)) => {
                        counters.count_not_sent();
                        tracing::debug!(to = ?transmits.first().map(|first| first.to), %error, "sending failed");
                        1
                    }
                    None => {
                        counters.count_not_sent();
                        tracing::debug!(to = ?transmits.first().map(|first| first.to), "no socket of this address family");
                        1
                    }
                };
                self.sent += sent;
            }
            if std::mem::take(&mut self.blocked) {
                self.node.driver_counters().set_waiting(0);
                for socket in &mut self.sockets {
                    socket.udp.wait_to_write(false);
                }
            }
            self.sent = 0;
            self.node.exchange_transmits(&mut self.outgoing);
            if self.outgoing.is_empty() {
                return;
            }
            if self.sockets.iter().any(|socket| socket.segments.are_taken()) {
                datagrams::gather(&mut self.outgoing);
            }
        }
    }

    async fn say_goodbye(&mut self) {
        self.node.poll(self.now());
        let sent = tokio::time::timeout(GOODBYE, async {
            loop {
                self.flush();
                let Some(waiting) = self.outgoing.get(self.sent) else { return };
                Event::writable(&self.sockets, waiting).await;
                tokio::task::yield_now().await;
            }
        });
        if sent.await.is_err() {
            tracing::warn!("some last datagrams were not sent");
        }
    }
}

impl Drop for Driver {
    /// What still waited is not lost without a trace.
    fn drop(&mut self) {
        self.node.driver_counters().count_crowded_out(to_u64(self.backlog.len()));
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Keeps datagrams; says how many were dropped for that.
fn keep(backlog: &mut Backlog, datagrams: &mut dyn Iterator<Item = (SocketAddr, &[u8])>) -> usize {
    datagrams.map(|(source, bytes)| backlog.push(source, bytes)).sum()
}

/// The first datagrams that go through one socket, up to a batch, and the socket if there is one.
fn next_of_one_family<'a>(
    sockets: &'a [Socket],
    outgoing: Option<&'a [Transmit]>,
) -> Option<(Option<&'a Socket>, &'a [Transmit])> {
    let outgoing = outgoing?;
    let first = outgoing.first()?.to;
    let same = outgoing.iter().take(BATCH).take_while(|transmit| transmit.to.is_ipv4() == first.is_ipv4()).count();
    Some((socket_for(sockets, first), outgoing.get(..same)?))
}

fn socket_for(sockets: &[Socket], to: SocketAddr) -> Option<&Socket> {
    sockets.iter().find(|socket| socket.udp.is_ipv4() == to.is_ipv4())
}

/// What a socket is ready for.
enum Event {
    Readable(usize),
    Writable,
}

impl Event {
    /// Waits until a socket can be read, the `first` or else the ones after it in turn, or until the one that `waiting`
    /// goes through can be written.
    fn next(sockets: &[Socket], first: usize, waiting: Option<&Transmit>) -> impl Future<Output = Self> {
        std::future::poll_fn(move |cx| {
            for (index, socket) in sockets.iter().enumerate().cycle().skip(first).take(sockets.len()) {
                if socket.udp.poll_readable(cx).is_ready() {
                    return Poll::Ready(Self::Readable(index));
                }
            }
            match waiting.and_then(|transmit| socket_for(sockets, transmit.to)) {
                Some(socket) if socket.udp.poll_writable(cx).is_ready() => Poll::Ready(Self::Writable),
                _ => Poll::Pending,
            }
        })
    }

    fn writable(sockets: &[Socket], waiting: &Transmit) -> impl Future<Output = ()> {
        let socket = socket_for(sockets, waiting.to);
        std::future::poll_fn(move |cx: &mut Context<'_>| match socket {
            Some(socket) if socket.udp.poll_writable(cx).is_pending() => Poll::Pending,
            _ => Poll::Ready(()),
        })
    }
}

/// Resolves a name: no addresses if it cannot be.
async fn look_up(resolve: Resolve) -> (Resolve, Vec<SocketAddr>) {
    let name = (resolve.host().to_owned(), resolve.port());
    let ask = move || name.to_socket_addrs().map(Iterator::collect);
    let addresses = match Background::shared().call("ipv8-resolve", ask).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            tracing::warn!(host = resolve.host(), %error, "cannot be resolved");
            Vec::new()
        }
        Err(error) => {
            tracing::warn!(host = resolve.host(), %error, "looking up this name failed");
            Vec::new()
        }
    };
    (resolve, addresses)
}

#[cfg(test)]
mod tests;
