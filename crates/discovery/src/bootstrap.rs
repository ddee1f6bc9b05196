//! Finding first peers through trackers.

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{Bootstrapper, Context, Time};
use ipv8_wire::Address;
use rand::seq::IndexedRandom;

/// The public trackers, as the reference lists them by default.
pub const DEFAULT_TRACKERS: [&str; 20] = [
    "130.161.119.206:6421",
    "130.161.119.206:6422",
    "131.180.27.155:6423",
    "131.180.27.156:6424",
    "131.180.27.161:6427",
    "131.180.27.161:6521",
    "131.180.27.161:6522",
    "131.180.27.162:6523",
    "131.180.27.162:6524",
    "130.161.119.215:6525",
    "130.161.119.215:6526",
    "130.161.119.201:6527",
    "130.161.119.201:6528",
    "dispersy1.tribler.org:6421",
    "dispersy1.st.tudelft.nl:6421",
    "dispersy2.tribler.org:6422",
    "dispersy2.st.tudelft.nl:6422",
    "dispersy3.tribler.org:6423",
    "dispersy3.st.tudelft.nl:6423",
    "dispersy4.tribler.org:6424",
];

/// The most addresses that are kept; names may stand for any number.
const MOST_ADDRESSES: usize = 256;

/// How long a name that could not be resolved is left alone.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// How long the answer for a name holds.
const RENEW: Duration = Duration::from_secs(600);

/// The most addresses that one name may stand for.
const MOST_OF_A_NAME: usize = 32;

/// Finds first peers by walking to trackers (the reference's `DispersyBootstrapper`, `protocol.md` section 5).
///
/// While the community has no peers, all trackers are walked to, at most once in 30 seconds. They never become peers
/// themselves. Those of an address family for which the node has no socket are left out.
///
/// Names are resolved when the community is loaded, and a name may stand for several trackers. One that cannot be resolved
/// is asked for again after a minute. While the community has no peers, the others are asked for again every ten minutes,
/// and what they stood for before gives way to the answer: the reference asks once, and never finds a tracker that moved.
#[derive(Clone, Debug)]
pub struct TrackerBootstrapper {
    addresses: Vec<SocketAddr>,
    names: Vec<Name>,
    timeout: Duration,
    last: Option<Time>,
    initialized: bool,
}

/// A tracker whose address has to be looked up.
#[derive(Clone, Debug)]
struct Name {
    host: String,
    port: u16,
    asked: Option<Time>,
    /// What it stood for when it was last resolved.
    addresses: Vec<SocketAddr>,
}

impl TrackerBootstrapper {
    /// Trackers by address or by name.
    #[must_use]
    pub fn new(trackers: impl IntoIterator<Item = Address>) -> Self {
        let mut addresses = Vec::new();
        let mut names = Vec::new();
        for tracker in trackers.into_iter().take(MOST_ADDRESSES) {
            match tracker {
                Address::V4(address) => addresses.push(address.into()),
                Address::V6(address) => addresses.push(address.into()),
                Address::Domain(host, port) => names.push(Name { host, port, asked: None, addresses: Vec::new() }),
            }
        }
        Self { addresses, names, timeout: Duration::from_secs(30), last: None, initialized: false }
    }

    /// The shortest time between two rounds to all trackers, 30 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The trackers whose addresses are known: those that were given, then those of names, each once.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut all = Vec::new();
        for address in self.addresses.iter().chain(self.names.iter().flat_map(|name| &name.addresses)) {
            if all.len() < MOST_ADDRESSES && !all.contains(address) {
                all.push(*address);
            }
        }
        all
    }

    /// Those of them that the node has a socket for.
    fn reachable(&self, cx: &Context<'_>) -> Vec<SocketAddr> {
        let mut all = self.addresses();
        all.retain(|address| cx.can_reach(*address));
        all
    }

    fn ask_names(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        for Name { host, port, asked, addresses } in &mut self.names {
            let pause = if addresses.is_empty() { ASK_AGAIN } else { RENEW };
            if asked.is_none_or(|at| now >= at + pause) {
                *asked = Some(now);
                cx.resolve(host.clone(), *port);
            }
        }
    }
}

impl Bootstrapper for TrackerBootstrapper {
    fn name(&self) -> &'static str {
        "TrackerBootstrapper"
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        for address in &self.addresses {
            cx.network_mut().blacklist(*address);
        }
        self.initialized = true;
        self.ask_names(cx);
    }

    fn bootstrap(&mut self, cx: &mut Context<'_>) {
        self.ask_names(cx);
        let now = cx.now();
        if self.last.is_some_and(|last| now < last + self.timeout) {
            return;
        }
        let trackers = self.reachable(cx);
        // With nobody to contact there was no round.
        if !trackers.is_empty() {
            self.last = Some(now);
            tracing::debug!(community = cx.name(), trackers = trackers.len(), "contacting the trackers");
        }
        for address in trackers {
            walk_to_tracker(cx, address);
        }
    }

    fn is_initialized(&self) -> bool {
        self.initialized
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        if let Some(address) = self.reachable(cx).choose(cx.rng()) {
            walk_to_tracker(cx, *address);
        }
    }

    fn resolved(&mut self, cx: &mut Context<'_>, host: &str, port: u16, addresses: &[SocketAddr]) {
        let Some(name) = self.names.iter().position(|name| name.host == host && name.port == port) else {
            return;
        };
        if addresses.is_empty() {
            tracing::warn!(host, port, "this tracker's name cannot be resolved; trying again later");
            return;
        }
        let before = self.addresses();
        if let Some(name) = self.names.get_mut(name) {
            name.addresses = addresses.iter().copied().take(MOST_OF_A_NAME).collect();
        }
        let new = self.reachable(cx).into_iter().filter(|address| !before.contains(address));
        for address in new {
            cx.network_mut().blacklist(address);
            // A community without peers need not wait for the next round.
            if cx.peer_count() == 0 {
                walk_to_tracker(cx, address);
            }
        }
    }
}

/// A tracker must not become a peer, whatever happened to the graph since it was blacklisted (a network of one's own may have
/// been made later).
fn walk_to_tracker(cx: &mut Context<'_>, address: SocketAddr) {
    cx.network_mut().blacklist(address);
    cx.walk_to(address);
}
