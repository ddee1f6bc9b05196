//! Time: what happens next, in one thread or in many.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Barrier, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ipv8_core::{Community, Handle, Time};

use super::{
    CompleteError, World,
    log::{Entry, tell_in_order},
    shard::{Event, Net, Shard},
};
use crate::{capture::Tap, link::Fabric, queue::Due, trace::Trace};

/// Time.
impl<F: Fabric> World<F> {
    /// The virtual time, from zero.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Runs all that happens up to a time, that time included. Afterwards it is that time.
    ///
    /// With [several threads](crate::WorldBuilder::threads), this is what uses them.
    pub fn run_until(&mut self, end: Time) {
        // Attackers write whatever address they like on what they send, which no site can then be told from.
        let apart = self.attackers().next().is_none() && !self.fabric.lookahead().is_zero();
        if self.shards.len() > 1 && apart {
            self.run_windows(end);
        } else if self.shards.len() == 1 {
            self.run_alone(end, u64::MAX);
        } else {
            while self.happen(end) {}
        }
        self.set_now(end);
    }

    /// Runs for a time.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs while a condition holds, but no longer than a time. True if the condition ended it; time then stands where
    /// it ended to hold. The condition is looked at after every event, for which there can be one thread only: see
    /// [`World::run_while_every`].
    pub fn run_while(&mut self, mut condition: impl FnMut(&Self) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            if !condition(self) {
                return true;
            }
            if !self.happen(end) {
                self.set_now(end);
                return false;
            }
        }
    }

    /// Runs while a condition holds, but no longer than a time, and looks at the condition when `every` has passed, again and
    /// again. True if the condition ended it. A step of zero is taken for a nanosecond.
    pub fn run_while_every(
        &mut self,
        every: Duration,
        mut condition: impl FnMut(&Self) -> bool,
        limit: Duration,
    ) -> bool {
        let end = self.now + limit;
        loop {
            if !condition(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.run_until((self.now + every.max(Duration::from_nanos(1))).min(end));
        }
    }

    /// Runs a future as a task of a community, in its node's turns, until it is done, but no longer than a time.
    ///
    /// # Errors
    /// If the time was over first, in which case the task goes on; if it ended without a result; or if the community is
    /// not loaded.
    pub fn complete<C: Community, T: Send + 'static>(
        &mut self,
        handle: &Handle<C>,
        limit: Duration,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CompleteError> {
        let result = Arc::new(Mutex::new(None));
        let slot = result.clone();
        handle.with(|_, cx| {
            cx.spawn(async move {
                let value = task.await;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            })
        })?;
        // The task holds the other reference, and drops it with its future.
        let ended = self.run_while(|_| Arc::strong_count(&result) > 1, limit);
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or(if ended { CompleteError::Ended } else { CompleteError::TimedOut(limit) })
    }

    /// Lets the next event happen; false if nothing will ever happen.
    pub fn step(&mut self) -> bool {
        self.happen(Time::MAX)
    }

    pub(super) fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
        for shard in &mut self.shards {
            shard.set_now(self.now);
        }
    }

    /// Lets the next event happen that is due at `end` or before; false if there is none.
    fn happen(&mut self, end: Time) -> bool {
        if self.shards.len() == 1 {
            return self.run_alone(end, 1) == 1;
        }
        for shard in &mut self.shards {
            shard.collect_woken();
        }
        let first = |(index, shard): (usize, &Shard)| Some((shard.queue.next()?, index));
        let first = self.shards.iter().enumerate().filter_map(first).min();
        let Some((due, index)) = first.filter(|(due, _)| due.at <= end) else {
            return false;
        };
        self.set_now(due.at);
        let net = Net {
            seed: self.seed,
            fabric: Mutex::new(&mut self.fabric),
            hosts: &self.hosts,
            homes: &self.homes,
            taps: &self.taps,
            shards: self.shards.len(),
            resolve_delay: self.resolve_delay,
            // Whatever they take: the next event is looked for in all shards.
            lookahead: Duration::ZERO,
        };
        let Some(shard) = self.shards.get_mut(index) else { return false };
        shard.log.captures = self.tap.listens();
        shard.happen(&net);
        shard.log.tell(&mut self.trace, &mut self.tap);
        self.metrics.absorb(&mut shard.metrics);
        for (to, due, event) in std::mem::take(&mut shard.outgoing) {
            if let Some(shard) = self.shards.get_mut(to) {
                shard.queue.push(due, event);
            }
        }
        true
    }

    /// Lets events of the only shard happen, up to a time and so many; how many did.
    fn run_alone(&mut self, end: Time, most: u64) -> u64 {
        let net = Net {
            seed: self.seed,
            fabric: Mutex::new(&mut self.fabric),
            hosts: &self.hosts,
            homes: &self.homes,
            taps: &self.taps,
            shards: 1,
            resolve_delay: self.resolve_delay,
            lookahead: Duration::ZERO,
        };
        let Some(shard) = self.shards.first_mut() else { return 0 };
        shard.log.captures = self.tap.listens();
        let mut happened = 0;
        while happened < most {
            shard.collect_woken();
            if shard.queue.next().is_none_or(|due| due.at > end) {
                break;
            }
            shard.happen(&net);
            // After each event, so that a panic in the next one finds all that came before.
            shard.log.tell(&mut self.trace, &mut self.tap);
            happened += 1;
        }
        self.metrics.absorb(&mut shard.metrics);
        self.now = self.now.max(shard.now);
        happened
    }

    /// Runs up to a time in windows that are no longer than a packet takes at least, each shard in a thread of its own. What
    /// a node sends within a window arrives after it, so that in the meantime shards have nothing to tell each other.
    fn run_windows(&mut self, end: Time) {
        let lookahead = self.fabric.lookahead();
        let threads = self.shards.len();
        let net = Net {
            seed: self.seed,
            fabric: Mutex::new(&mut self.fabric),
            hosts: &self.hosts,
            homes: &self.homes,
            taps: &self.taps,
            shards: threads,
            resolve_delay: self.resolve_delay,
            lookahead,
        };
        let common = Common {
            net,
            end,
            captures: self.tap.listens(),
            barrier: Barrier::new(threads),
            desks: (0..threads).map(|_| Desk::default()).collect(),
            log: Mutex::default(),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
        };
        let mut teller = Some((&mut self.trace, &mut self.tap));
        std::thread::scope(|scope| {
            let mut own = None;
            for (number, shard) in self.shards.iter_mut().enumerate() {
                match teller.take() {
                    Some(teller) => own = Some((shard, teller)),
                    None => {
                        let common = &common;
                        scope.spawn(move || common.work(number, shard, None));
                    }
                }
            }
            if let Some((shard, teller)) = own {
                common.work(0, shard, Some(teller));
            }
        });
        for shard in &mut self.shards {
            self.metrics.absorb(&mut shard.metrics);
            self.now = self.now.max(shard.now);
        }
        if let Some(panic) = lock(&common.panic).take() {
            resume_unwind(panic);
        }
    }
}

/// What the threads of a run share.
struct Common<'a, F> {
    net: Net<'a, F>,
    end: Time,
    captures: bool,
    /// All threads wait here twice in each window: when they know what comes next, and when their part of it is done.
    barrier: Barrier,
    /// One for each shard.
    desks: Vec<Desk>,
    /// What became of packets in the last window, in all shards.
    log: Mutex<Vec<Entry>>,
    panicked: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Where threads leave things for each other.
#[derive(Default)]
struct Desk {
    /// What other shards sent to this one.
    inbox: Mutex<Vec<(Due, Event)>>,
    /// When its next event is due; [`Time::MAX`] if there is none.
    next: AtomicU64,
}

impl<F: Fabric> Common<'_, F> {
    /// Runs one shard up to the end. One of the threads tells, after each window, what all of them saw.
    fn work(&self, number: usize, shard: &mut Shard, mut teller: Option<(&mut Trace, &mut Tap)>) {
        let Some(desk) = self.desks.get(number) else { return };
        shard.log.captures = self.captures;
        loop {
            for (due, event) in lock(&desk.inbox).drain(..) {
                shard.queue.push(due, event);
            }
            shard.collect_woken();
            desk.next.store(next(shard).as_nanos(), Ordering::Release);
            if let Some((trace, tap)) = &mut teller {
                tell_in_order(&mut lock(&self.log), trace, tap);
            }
            self.barrier.wait();
            let first = self.desks.iter().map(|desk| desk.next.load(Ordering::Acquire)).min().unwrap_or(u64::MAX);
            let first = Time::from_nanos(first);
            if first > self.end || first == Time::MAX || self.panicked.load(Ordering::Acquire) {
                return;
            }
            // Up to this time, which belongs to the next window; what is due at the end belongs to this run.
            let until = (first + self.net.lookahead).min(self.end + Duration::from_nanos(1));
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                while next(shard) < until {
                    shard.happen(&self.net);
                    shard.collect_woken();
                }
            }));
            if let Err(panic) = outcome {
                lock(&self.panic).get_or_insert(panic);
                self.panicked.store(true, Ordering::Release);
            }
            for (to, due, event) in shard.outgoing.drain(..) {
                if let Some(desk) = self.desks.get(to) {
                    lock(&desk.inbox).push((due, event));
                }
            }
            shard.log.move_to(&mut lock(&self.log));
            self.barrier.wait();
        }
    }
}

fn next(shard: &Shard) -> Time {
    shard.queue.next().map_or(Time::MAX, |due| due.at)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
