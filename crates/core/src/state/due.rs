//! What is due: timers, and the steps of strategies.

use std::panic::AssertUnwindSafe;

use super::State;
use crate::{
    community::OverlayId,
    context::Context,
    network::Network,
    observe::Observation,
    strategy::{Step, Strategy, Target},
    tasks::panic_text,
    time::Time,
    timers::Timer,
};

/// Timers that one turn serves.
const TIMERS_PER_TURN: usize = 10_000;

impl State {
    /// Serves what is due, in the order of time.
    pub(crate) fn run_timers(&mut self) {
        for _ in 0..TIMERS_PER_TURN {
            match self.timers.pop_due(self.now) {
                None => return,
                Some(Timer::Wake(waker)) => waker.wake(),
                Some(Timer::Callback(overlay, id)) => self.run_callback(overlay, id),
                Some(Timer::Walk) => self.walk(),
                Some(Timer::UnloadLimit(overlay)) => self.finish_unload(overlay),
                Some(Timer::RequestTimeout(key)) => self.request_timed_out(key),
                Some(Timer::CacheTimeout(overlay, key)) => self.cache_timed_out(overlay, key),
            }
            self.run_hooks();
        }
    }

    /// Adds a strategy to those of an overlay.
    pub(crate) fn add_strategy(&mut self, overlay: OverlayId, strategy: Box<dyn Strategy>, target: Target) {
        self.wake_walkers();
        let label = self.activity.strategy(strategy.name());
        self.walkers.add(overlay, strategy, target, label);
    }

    /// Sets the walk timer for the first beat from `first` on at which a strategy has something to do.
    fn set_walk(&mut self, first: Time) {
        let Self { walkers, places, network, .. } = self;
        let wants = |overlay: OverlayId, target: Target| {
            let place = usize::try_from(overlay.index).ok().and_then(|index| places.get(index));
            // One that is busy, with itself for example, is asked when its time comes.
            place.and_then(|place| place.overlay.as_ref()).is_none_or(|overlay| {
                let network = overlay.own_network.as_ref().unwrap_or(network);
                target.wants_more_than(network.count_serving(overlay.community_id))
            })
        };
        let beat = walkers.next_beat(first, wants);
        let timer = (!beat.never).then(|| self.timers.set(beat.at, Timer::Walk));
        let lost = self.peers_lost();
        self.walkers.rest(first, &beat, timer, lost);
    }

    /// Sets the walk timer for the next beat, whether something is to be done then or not.
    pub(crate) fn wake_walkers(&mut self) {
        if let Some((next, timer)) = self.walkers.wake(self.now) {
            if let Some(timer) = timer {
                self.timers.cancel(timer);
            }
            self.timers.set(next, Timer::Walk);
        }
    }

    /// Looks after strategies that rest because their overlays have peers enough: one may have lost some.
    pub(crate) fn look_after_walkers(&mut self) {
        if self.walkers.is_resting() {
            let lost = self.peers_lost();
            if self.walkers.may_wake(lost) {
                self.wake_walkers();
            }
        }
    }

    /// How many peers the node lost so far, in all graphs.
    fn peers_lost(&self) -> u64 {
        let own = self.places.iter().filter_map(|place| place.overlay.as_ref()?.own_network.as_ref());
        own.map(Network::lost).fold(self.network.lost(), u64::wrapping_add)
    }

    /// Sets the walk timer if there are strategies and it is not set.
    pub(crate) fn arm_walk(&mut self) {
        if self.walkers.arm() {
            self.timers.set(self.now, Timer::Walk);
        }
    }

    /// Lets the strategy whose turn it is take its step.
    fn walk(&mut self) {
        self.walkers.disarm();
        self.walkers.woken();
        if let Some(mut step) = self.walkers.begin() {
            self.take_step(&mut step);
            self.walkers.end(step);
        }
        if self.walkers.arm() {
            let next = self.walkers.after(self.now, &mut self.rng);
            self.set_walk(next);
        }
    }

    /// Unlike a handler, a strategy is not part of its community, and finds it in its overlay.
    fn take_step(&mut self, step: &mut Step) {
        let Some(mut overlay) = self.place(step.overlay).and_then(|place| place.overlay.take()) else {
            return;
        };
        let mut cx = Context { state: self, overlay: &mut overlay, received: None };
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            if step.is_due(cx.peer_count()) {
                cx.state.activity.step_begins(step.overlay, step.label);
                step.strategy.step(&mut cx);
                step.rests_until = step.strategy.rests_until();
                cx.state.activity.step_ends();
            }
        }));
        if outcome.is_err() {
            self.activity.step_ends();
            overlay.traffic.panicked(None);
        }
        let community = overlay.name;
        if let Some(place) = self.place(step.overlay) {
            place.overlay = Some(overlay);
        }
        if let Err(panic) = outcome {
            self.stats.panics += 1;
            let (strategy, panic) = (step.name(), panic_text(&*panic));
            tracing::error!(community, strategy, panic, "a strategy panicked; it goes on with its next step");
            self.observe(&Observation::Panicked { community, message: None, text: panic });
        }
    }
}
