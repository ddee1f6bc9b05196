//! When, how often, from where and against whom an attacker acts.

use std::{net::SocketAddr, time::Duration};

use crate::world::NodeId;

/// How an attacker is placed. By default it has an address in 45.0.0.0/8, begins at once and never stops.
#[derive(Clone, Debug)]
pub struct AttackerOptions {
    pub(crate) rate: u32,
    pub(crate) evenly: bool,
    pub(crate) start: Duration,
    pub(crate) stop: Option<Duration>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) sources: Sources,
    pub(crate) claimed: Vec<SocketAddr>,
    pub(crate) victims: Vec<SocketAddr>,
    pub(crate) targets: Targets,
    pub(crate) taps: Vec<NodeId>,
}

/// From where datagrams come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sources {
    Own,
    MadeUp,
    OfOthers,
}

/// Who gets them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Targets {
    All,
    InTurn,
    Random,
}

impl AttackerOptions {
    /// Acts so many times a second on average, at random moments (a Poisson process); 0 never acts, and only answers.
    #[must_use]
    pub const fn new(rate: u32) -> Self {
        Self {
            rate,
            evenly: false,
            start: Duration::ZERO,
            stop: None,
            addresses: Vec::new(),
            sources: Sources::Own,
            claimed: Vec::new(),
            victims: Vec::new(),
            targets: Targets::Random,
            taps: Vec::new(),
        }
    }

    /// Acts evenly, the same time after the last time.
    #[must_use]
    pub const fn evenly(mut self) -> Self {
        self.evenly = true;
        self
    }

    /// Acts from one time of the world on, and no more from the other one on. It answers always.
    #[must_use]
    pub const fn between(mut self, start: Duration, stop: Duration) -> Self {
        self.start = start;
        self.stop = Some(stop);
        self
    }

    /// Acts from this time of the world on.
    #[must_use]
    pub const fn from(mut self, start: Duration) -> Self {
        self.start = start;
        self
    }

    /// Has these addresses, where it is reached, and from which it sends in turn.
    #[must_use]
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.addresses.extend(addresses);
        self
    }

    /// Writes sources on its datagrams that it makes up, another one each time: what is answered to them is lost.
    #[must_use]
    pub const fn made_up_sources(mut self) -> Self {
        self.sources = Sources::MadeUp;
        self
    }

    /// Writes these addresses of others on its datagrams as their sources, in turn: what is answered to them reaches those.
    #[must_use]
    pub fn sources_of_others(mut self, others: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.sources = Sources::OfOthers;
        self.claimed.extend(others);
        self
    }

    /// Attacks this address too; by default one of all is drawn each time.
    #[must_use]
    pub fn target(mut self, victim: SocketAddr) -> Self {
        self.victims.push(victim);
        self
    }

    /// Attacks these addresses too.
    #[must_use]
    pub fn targets(mut self, victims: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.victims.extend(victims);
        self
    }

    /// Attacks one after the other.
    #[must_use]
    pub const fn in_turn(mut self) -> Self {
        self.targets = Targets::InTurn;
        self
    }

    /// Attacks all of them each time: the rate is that for each.
    #[must_use]
    pub const fn all_at_once(mut self) -> Self {
        self.targets = Targets::All;
        self
    }

    /// Listens to what these nodes send, as somebody on their way to the Internet does; a copy takes 50 ms to the attacker.
    #[must_use]
    pub fn listen_to(mut self, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        self.taps.extend(nodes);
        self
    }
}
