//! What is due: timers, and the steps of strategies.

use std::panic::AssertUnwindSafe;

use super::State;
use crate::{context::Context, observe::Observation, strategy::Step, tasks::panic_text, timers::Timer, watch::What};

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

    /// Sets the walk timer if there are strategies and it is not set.
    pub(crate) fn arm_walk(&mut self) {
        if self.walkers.arm() {
            self.timers.set(self.now, Timer::Walk);
        }
    }

    /// Lets the strategy whose turn it is take its step.
    fn walk(&mut self) {
        self.walkers.disarm();
        if let Some(mut step) = self.walkers.begin() {
            self.take_step(&mut step);
            self.walkers.end(step);
        }
        if self.walkers.arm() {
            let next = self.walkers.after(self.now, &mut self.rng);
            self.timers.set(next, Timer::Walk);
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
                let began = cx.state.activity.begins(cx.overlay.name, What::Strategy(step.name()));
                step.strategy.step(&mut cx);
                cx.state.activity.ends(began);
            }
        }));
        if outcome.is_err() {
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
