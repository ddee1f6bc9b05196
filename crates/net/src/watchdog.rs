//! Looks from outside whether nodes get on with their turns.
//!
//! A task, a handler or a strategy that blocks holds up its node, and the thread of the runtime that drives it; on a
//! runtime with one thread, all timers and signals too. Neither can tell, so that one thread of the process looks after
//! all nodes, twice a second, and every two seconds while all are idle, and logs what a node has been busy with for a second or
//! longer. It also rings when a node that is to stop should have done so, by no runtime's clock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ipv8_core::{Busy, Node};
use tokio::sync::oneshot;

/// How often is looked while a node is in a turn.
const LOOK: Duration = Duration::from_millis(500);

/// How often at least: each look wakes a processor that has nothing else to do.
const LOOK_AT_LEAST: Duration = Duration::from_secs(2);

/// What takes longer is logged: first after this time, then whenever it has doubled.
const LONG: Duration = Duration::from_secs(1);

struct Watched {
    node: Node,
    /// What was logged of what runs now.
    warned: Duration,
}

#[derive(Default)]
struct State {
    watched: BTreeMap<u64, Watched>,
    alarms: Vec<(Instant, oneshot::Sender<()>)>,
    next: u64,
    /// The thread runs.
    looking: bool,
}

/// All nodes of a process that run.
#[derive(Default)]
pub(crate) struct Watchdog {
    state: Mutex<State>,
    changed: Condvar,
}

impl Watchdog {
    /// The one of this process.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Watchdog>> = LazyLock::new(Arc::default);
        SHARED.clone()
    }

    /// Looks after a node until the result is dropped.
    pub(crate) fn watch(self: &Arc<Self>, node: Node) -> Guarded {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.watched.insert(number, Watched { node, warned: Duration::ZERO });
        self.wake_up(&mut state);
        Guarded { watchdog: self.clone(), number }
    }

    /// Is ready at this time, whatever the runtime is kept from doing. Never if no thread could be started.
    pub(crate) async fn ring(self: Arc<Self>, at: Instant) {
        let (ring, rings) = oneshot::channel();
        {
            let mut state = self.lock();
            state.alarms.push((at, ring));
            self.wake_up(&mut state);
        }
        if rings.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the thread that there is something new, and starts it if there is none.
    fn wake_up(self: &Arc<Self>, state: &mut State) {
        self.changed.notify_all();
        if !state.looking {
            let watchdog = self.clone();
            match std::thread::Builder::new().name("ipv8-watch".to_owned()).spawn(move || watchdog.look()) {
                Ok(_) => state.looking = true,
                Err(error) => tracing::warn!(%error, "no thread: nodes that are stuck will go unnoticed"),
            }
        }
    }

    /// The thread. Ends when there is nothing to look at.
    fn look(&self) {
        let mut state = self.lock();
        let mut pause = LOOK;
        let mut next_look = Instant::now() + pause;
        loop {
            state.alarms.retain(|(_, ring)| !ring.is_closed());
            if state.watched.is_empty() && state.alarms.is_empty() {
                state.looking = false;
                return;
            }
            let now = Instant::now();
            for (_, ring) in state.alarms.extract_if(.., |(at, _)| *at <= now) {
                let _ = ring.send(());
            }
            if now >= next_look {
                pause = (pause * 2).min(LOOK_AT_LEAST);
                for watched in state.watched.values_mut() {
                    let Some(busy) = watched.node.busy() else { continue };
                    pause = LOOK;
                    if is_news(&mut watched.warned, &busy) {
                        tracing::warn!(
                            node = %watched.node.key().mid(),
                            %busy,
                            "a node is stuck: what blocks holds up everything else, use Handle::blocking for it"
                        );
                    }
                }
                next_look = now + pause;
            }
            let until = state.alarms.iter().map(|(at, _)| *at).min().map_or(next_look, |at| at.min(next_look));
            let wait = until.saturating_duration_since(Instant::now());
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Whether this is to be logged, after what was logged before.
fn is_news(warned: &mut Duration, busy: &Busy) -> bool {
    if busy.lasting < *warned {
        // Another thing runs now.
        *warned = Duration::ZERO;
    }
    let news = busy.lasting >= LONG && busy.lasting >= *warned * 2;
    if news {
        *warned = busy.lasting;
    }
    news
}

/// Ends the watch over a node when it is dropped.
pub(crate) struct Guarded {
    watchdog: Arc<Watchdog>,
    number: u64,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let mut state = self.watchdog.lock();
        let gone = state.watched.remove(&self.number);
        // What the node holds may take a lock when it goes: not under this one.
        drop(state);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stuck_is_logged_each_time_that_its_time_doubled() {
        let mut warned = Duration::ZERO;
        let mut logged = Vec::new();
        for half_seconds in [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 1, 2, 3, 4] {
            let lasting = Duration::from_millis(half_seconds * 500);
            if is_news(&mut warned, &Busy { community: None, what: String::new(), lasting }) {
                logged.push(half_seconds);
            }
        }
        assert_eq!(logged, [2, 4, 8, 16, 2, 4]);
    }

    #[tokio::test]
    async fn an_alarm_rings_once_its_time_has_come() {
        let begin = Instant::now();
        Arc::new(Watchdog::default()).ring(begin + Duration::from_millis(30)).await;
        assert!(begin.elapsed() >= Duration::from_millis(30));
    }
}
