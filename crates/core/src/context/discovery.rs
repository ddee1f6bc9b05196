//! Strategies and bootstrappers, and what they need.

use std::{
    any::Any,
    net::Ipv4Addr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

use super::Context;
use crate::{
    bootstrap::{Bootstrapper, Resolve},
    community::{Community, Erased},
    peer::Peer,
    routes::Scheduled,
    schedule::{Body, Schedule},
    strategy::{Strategy, StrategyInfo, Target},
    tasks::{TaskName, panic_text},
};

/// Strategies and bootstrappers.
impl Context<'_> {
    /// Adds a strategy to this community while it runs.
    pub fn add_strategy(&mut self, strategy: impl Strategy + 'static, target: Target) {
        self.add_strategy_boxed(Box::new(strategy), target);
    }

    /// The same for one whose type is not known, as a [catalogue](crate::catalog) makes it.
    pub fn add_strategy_boxed(&mut self, strategy: Box<dyn Strategy>, target: Target) {
        self.state.add_strategy(self.overlay.id, strategy, target);
        self.state.arm_walk();
    }

    /// Removes the strategies of this name from this community; returns how many there were. A strategy may remove itself.
    pub fn remove_strategy(&mut self, name: &str) -> usize {
        self.state.wake_walkers();
        self.state.walkers.remove(self.overlay.id, name)
    }

    /// The strategies of this community, in the order in which they were added.
    #[must_use]
    pub fn strategies(&self) -> Vec<StrategyInfo> {
        self.state.walkers.of(self.overlay.id).collect()
    }

    /// Adds a source of first peers to this community while it runs.
    pub fn add_bootstrapper(&mut self, bootstrapper: impl Bootstrapper + 'static) {
        self.add_bootstrapper_boxed(Box::new(bootstrapper));
    }

    /// The same for one whose type is not known, as a [catalogue](crate::catalog) makes it.
    pub fn add_bootstrapper_boxed(&mut self, mut bootstrapper: Box<dyn Bootstrapper>) {
        bootstrapper.started(self);
        self.overlay.bootstrappers.push(bootstrapper);
    }

    /// The names of this community's sources of first peers, in the order in which they were added. Inside of one of them
    /// there are none.
    #[must_use]
    pub fn bootstrappers(&self) -> Vec<&'static str> {
        self.overlay.bootstrappers.iter().map(|bootstrapper| bootstrapper.name()).collect()
    }

    /// Has [`Bootstrapper::woken`] called after a delay, for bootstrappers that pace what they send.
    pub fn wake_bootstrappers(&mut self, delay: Duration) {
        let wake = |_: &mut dyn Any, cx: &mut Context<'_>| {
            cx.with_bootstrappers(|bootstrapper, cx| bootstrapper.woken(cx));
        };
        // Without a name there is nothing that could be taken.
        let (schedule, name) = (Schedule::once().after(delay), TaskName::Kind("bootstrap"));
        let _ = self.schedule_erased(Scheduled { schedule, name, body: Body::Function(Box::new(wake)) });
    }

    /// The addresses at which all machines of our LANs are reached at once, as the driver told; none where there is no such
    /// thing, over IPv6 for example.
    #[must_use]
    pub fn broadcast_addresses(&self) -> &[Ipv4Addr] {
        &self.state.broadcasts
    }

    /// Asks the driver to resolve a host name; the answer comes to [`Bootstrapper::resolved`].
    pub fn resolve(&mut self, host: impl Into<String>, port: u16) {
        self.state.ask_to_resolve(Resolve { overlay: self.overlay.id, host: host.into(), port });
    }

    /// Runs a closure with the community, from a strategy or a bootstrapper that knows its type (the reference's
    /// `DiscoveryStrategy.overlay`). `None` if it is of another type, or runs already: inside its own handlers it is `self`.
    pub fn with_community<C: Community, R>(&mut self, run: impl FnOnce(&mut C, &mut Context<'_>) -> R) -> Option<R> {
        if self.overlay.type_id != std::any::TypeId::of::<C>() {
            return None;
        }
        self.with_erased(|community, cx| community.as_any_mut().downcast_mut().map(|community| run(community, cx)))?
    }

    /// Asks a peer for a sign of life, in the way of this community ([`Community::send_ping`]). False if it has none, or if
    /// one of its handlers runs: those call the community's own method.
    pub fn send_ping(&mut self, peer: &Peer) -> bool {
        self.with_erased(|community, cx| community.send_ping(cx, peer)).unwrap_or(false)
    }

    fn with_erased<R>(&mut self, run: impl FnOnce(&mut dyn Erased, &mut Context<'_>) -> R) -> Option<R> {
        let mut community = self.overlay.community.take()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| run(community.as_mut(), self)));
        self.overlay.community = Some(community);
        match outcome {
            Ok(result) => Some(result),
            // It is whoever called us who panicked.
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Calls all bootstrappers of this community, one after the other.
    pub(crate) fn with_bootstrappers(&mut self, mut call: impl FnMut(&mut dyn Bootstrapper, &mut Context<'_>)) {
        let mut all = std::mem::take(&mut self.overlay.bootstrappers);
        for bootstrapper in &mut all {
            // One that panics must not take the others along.
            let outcome = catch_unwind(AssertUnwindSafe(|| call(bootstrapper.as_mut(), self)));
            if let Err(panic) = outcome {
                self.state.stats.panics += 1;
                self.overlay.traffic.panicked(None);
                let (name, panic) = (bootstrapper.name(), panic_text(&*panic));
                tracing::error!(bootstrapper = name, panic, "a bootstrapper panicked; the node goes on");
            }
        }
        // One of them may have added another.
        all.append(&mut self.overlay.bootstrappers);
        self.overlay.bootstrappers = all;
    }
}
