//! The loop that moves a node's bytes and time.

use std::{
    future::Future,
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use ipv8_core::{Node, Resolve, Time, Transmit, UnloadReport};
use tokio::{
    net::UdpSocket,
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    background::Background,
    backlog::{Backlog, Datagram},
    datagrams::{self, BATCH, Sent},
    machine::Watching,
    watchdog::Guarded,
};

/// Batches that are read at once where datagrams come faster than the node takes them: what a receive buffer holds.
const MOST_READS: usize = 16;

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

/// A socket and its address family, which the system need not be asked for each datagram.
struct Socket {
    udp: UdpSocket,
    is_ipv4: bool,
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
    /// The last read found a whole batch.
    was_full: bool,
    /// A socket took no more, so that the rest of `outgoing` is counted as waiting.
    blocked: bool,
}

impl Driver {
    pub(crate) fn new(node: Node, sockets: Vec<UdpSocket>, start: Instant) -> Self {
        let wakeup = Arc::new(Wakeup(Notify::new()));
        node.set_waker(&Waker::from(wakeup.clone()));
        let sockets = sockets
            .into_iter()
            .map(|udp| Socket { is_ipv4: udp.local_addr().is_ok_and(|local| local.is_ipv4()), udp })
            .collect();
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
            was_full: false,
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
                () = self.wakeup.0.notified() => self.node.poll(self.now()),
                Some(found) = lookups.join_next(), if !lookups.is_empty() => match found {
                    Ok((resolve, addresses)) => {
                        self.node.resolved(&resolve, &addresses);
                        self.node.poll(self.now());
                    }
                    Err(error) => tracing::error!(%error, "looking up a name failed"),
                },
                () = timer.as_mut(), if deadline.is_some() => {
                    armed = None;
                    self.node.poll(self.now());
                }
                // Lets other tasks run in between.
                () = tokio::task::yield_now(), if !self.backlog.is_empty() => self.work_off(),
                event = event => match event {
                    Event::Readable(index) => {
                        self.first = (index + 1) % self.sockets.len();
                        self.receive(index);
                    }
                    // The next round sends.
                    Event::Writable => {}
                },
            }
        }
    }

    /// Reads a batch and lets the node take a turn with it; or, where datagrams come faster than that, all there is, and the
    /// turn is with what the backlog gives first.
    fn receive(&mut self, index: usize) {
        let now = self.now();
        let Some(socket) = self.sockets.get(index) else { return };
        let (node, backlog, was_full) = (&self.node, &mut self.backlog, self.was_full);
        let mut dropped = 0;
        let count = datagrams::receive(&socket.udp, |count, datagrams| {
            if backlog.is_empty() && !(count == BATCH && was_full) {
                node.handle(now, datagrams);
            } else {
                dropped += keep(backlog, datagrams);
            }
        });
        self.was_full = count == BATCH;
        if self.backlog.is_empty() {
            return self.backlog.shrink();
        }
        let mut is_more = self.was_full;
        for _ in 0..MOST_READS {
            if !is_more {
                break;
            }
            let backlog = &mut self.backlog;
            is_more = BATCH == datagrams::receive(&socket.udp, |_, datagrams| dropped += keep(backlog, datagrams));
        }
        self.node.driver_counters().count_crowded_out(u64::try_from(dropped).unwrap_or(u64::MAX));
        self.work_off();
    }

    /// A turn with what the backlog gives.
    fn work_off(&mut self) {
        self.backlog.take(BATCH, &mut self.taken);
        let datagrams = self.taken.iter().map(|(source, bytes)| (*source, bytes.as_slice()));
        self.node.handle(self.now(), datagrams);
        self.backlog.take_back(&mut self.taken);
    }

    /// Sends what waits until the socket takes no more.
    fn flush(&mut self) {
        loop {
            let counters = self.node.driver_counters();
            while let Some((socket, transmits)) = next_of_one_family(&self.sockets, self.outgoing.get(self.sent..)) {
                let sent = match socket.map(|socket| datagrams::send(socket, transmits)) {
                    Some(Sent::Some(count)) => count,
                    Some(Sent::Blocked) => {
                        counters.set_waiting(u64::try_from(self.outgoing.len() - self.sent).unwrap_or(u64::MAX));
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
            }
            self.sent = 0;
            self.node.exchange_transmits(&mut self.outgoing);
            if self.outgoing.is_empty() {
                return;
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
            }
        });
        if sent.await.is_err() {
            tracing::warn!("some last datagrams were not sent");
        }
    }
}

/// Keeps datagrams; says how many were dropped for that.
fn keep(backlog: &mut Backlog, datagrams: &mut dyn Iterator<Item = (SocketAddr, &[u8])>) -> usize {
    datagrams.map(|(source, bytes)| backlog.push(source, bytes)).sum()
}

/// The first datagrams that go through one socket, up to a batch, and the socket if there is one.
fn next_of_one_family<'a>(
    sockets: &'a [Socket],
    outgoing: Option<&'a [Transmit]>,
) -> Option<(Option<&'a UdpSocket>, &'a [Transmit])> {
    let outgoing = outgoing?;
    let first = outgoing.first()?.to;
    let same = outgoing.iter().take(BATCH).take_while(|transmit| transmit.to.is_ipv4() == first.is_ipv4()).count();
    Some((socket_for(sockets, first), outgoing.get(..same)?))
}

fn socket_for(sockets: &[Socket], to: SocketAddr) -> Option<&UdpSocket> {
    sockets.iter().find(|socket| socket.is_ipv4 == to.is_ipv4()).map(|socket| &socket.udp)
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
                if is_ready(socket.udp.poll_recv_ready(cx)) {
                    return Poll::Ready(Self::Readable(index));
                }
            }
            match waiting.and_then(|transmit| socket_for(sockets, transmit.to)) {
                Some(socket) if is_ready(socket.poll_send_ready(cx)) => Poll::Ready(Self::Writable),
                _ => Poll::Pending,
            }
        })
    }

    fn writable(sockets: &[Socket], waiting: &Transmit) -> impl Future<Output = ()> {
        let socket = socket_for(sockets, waiting.to);
        std::future::poll_fn(move |cx: &mut Context<'_>| match socket {
            Some(socket) if !is_ready(socket.poll_send_ready(cx)) => Poll::Pending,
            _ => Poll::Ready(()),
        })
    }
}

/// Ready with an error counts: the operation itself will tell.
fn is_ready(poll: Poll<io::Result<()>>) -> bool {
    poll.is_ready()
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
