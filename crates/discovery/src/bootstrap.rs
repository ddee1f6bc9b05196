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

/// Finds first peers by walking to trackers (the reference's `DispersyBootstrapper`, `protocol.md` section 5).
///
/// While the community has no peers, all trackers are walked to, at most once in 30 seconds. They never become peers
/// themselves. Names are resolved when the community is loaded; one that cannot be is asked for again, at most once a
/// minute.
#[derive(Clone, Debug)]
pub struct TrackerBootstrapper {
    addresses: Vec<SocketAddr>,
    /// Names that stand for no address yet, with when they were asked for.
    names: Vec<(String, u16, Option<Time>)>,
    timeout: Duration,
    last: Option<Time>,
    initialized: bool,
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
                Address::Domain(host, port) => names.push((host, port, None)),
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

    /// The trackers whose addresses are known.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn ask_names(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        for (host, port, asked) in &mut self.names {
            if asked.is_none_or(|at| now >= at + ASK_AGAIN) {
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
        // With nobody to contact there was no round.
        if !self.addresses.is_empty() {
            self.last = Some(now);
            tracing::debug!(community = cx.name(), trackers = self.addresses.len(), "contacting the trackers");
        }
        for address in &self.addresses {
            cx.walk_to(*address);
        }
    }

    fn is_initialized(&self) -> bool {
        self.initialized
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        if let Some(address) = self.addresses.choose(cx.rng()) {
            cx.walk_to(*address);
        }
    }

    fn resolved(&mut self, cx: &mut Context<'_>, host: &str, port: u16, addresses: &[SocketAddr]) {
        if addresses.is_empty() {
            tracing::warn!(host, port, "this tracker's name cannot be resolved; trying again later");
            return;
        }
        let Some(asked) = self.names.iter().position(|(name, number, _)| name == host && *number == port) else {
            return;
        };
        self.names.swap_remove(asked);
        for address in addresses {
            if self.addresses.len() < MOST_ADDRESSES && !self.addresses.contains(address) {
                self.addresses.push(*address);
                cx.network_mut().blacklist(*address);
                // A community without peers need not wait for the next round.
                if cx.peer_count() == 0 {
                    cx.walk_to(*address);
                }
            }
        }
    }
}
