//! Walking where it pays: the random walk's packets, sent where they are likelier to find somebody.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use indexmap::IndexMap;
use ipv8_core::{Context, PeerRecord, Strategy, Time};
use ipv8_crypto::Mid;
use rand::{RngExt, seq::IndexedRandom};

use crate::pace::Pace;

/// Peers of which is remembered when they last introduced somebody. One that is forgotten counts as never asked.
const MOST_ASKED: usize = 1_000;

/// For how long a node without peers waits for the first answer of a bootstrapper before it asks again: some round trips,
/// as RFC 6298 (section 2) has it where nothing is known of them.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long that pause may become. The reference's rounds to all 20 public trackers every 30 seconds are five times as many
/// packets.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The least part of all questions that go to the bootstrappers (the reference's), so that parts of a network that lost
/// each other meet again.
const KEEP_ALIVE: f64 = 0.05;

/// How often an address of another LAN is tried when there is no better one: it may be that of a neighbour after all.
const FAR_LAN: f64 = 0.1;

/// Walks by better rules than the [`RandomWalk`](crate::RandomWalk) does, with the same messages, and at no step more than
/// one of them. It is an option: the default are the reference's rules. `docs/discovery.md` has the figures.
///
/// What it does otherwise:
/// - *Without peers* it does not wait for the bootstrappers' next round, 30 seconds later, when an answer was lost, but has
///   them ask again after a second, then after two, four, and every eight. Of several trackers a random one is asked.
/// - *With few peers*, n, one question in n² + 1 goes to the bootstrappers: peers that have just met introduce each other
///   to whom they know already. From five peers on it is one in twenty, as by the reference's rules.
/// - *Peers are asked in turn*, those first that introduced nobody to us yet.
/// - *Addresses in LANs that are not ours* wait until there are no others: introductions name the LAN address of every
///   peer, but behind another NAT nobody reaches it.
/// - *Every other walk goes to the newest address*, since a NAT was punctured for it just now; the others go to a random
///   one, so that nobody who names many addresses can keep it from all others.
/// - *The window counts what is unanswered* and nothing else.
#[derive(Clone, Debug)]
pub struct SteeredWalk {
    pub(crate) pace: Pace,
    /// When peers were asked last, the last one at the end.
    asked: IndexMap<Mid, Time>,
    /// While there are no peers: when the bootstrappers are to ask again, and how long they wait after that.
    again: Option<(Time, Duration)>,
}

impl Default for SteeredWalk {
    /// The random walk's 3 seconds and 5 unanswered steps; a peer is asked instead of walking one time in ten.
    fn default() -> Self {
        Self { pace: Pace::new(25), asked: IndexMap::new(), again: None }
    }
}

impl SteeredWalk {
    /// After how long an address that does not answer is given up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.pace.timeout = timeout;
        self
    }

    /// How many walks may be unanswered at once, at most 1,000.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.pace.set_window(window);
        self
    }

    /// How often, in 256 steps, a peer is asked for an introduction although there are addresses to walk to; so that a walk
    /// among addresses that are all dead ends.
    #[must_use]
    pub fn reset_chance(mut self, chance: u8) -> Self {
        self.pace.reset_chance = chance;
        self
    }

    /// The shortest time between steps, where the node's tick is too fast.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pace.pause = pause;
        self
    }

    /// Takes note of walks that were answered, and gives up those that were not in time.
    fn settle_walks(&mut self, cx: &mut Context<'_>) {
        let (now, timeout) = (cx.now(), self.pace.timeout);
        let mut walks = std::mem::take(&mut self.pace.walks);
        walks.retain(|(address, at)| match cx.network().by_address(*address).map(PeerRecord::mid) {
            // The answer introduced somebody too.
            Some(mid) => {
                self.note_asked(mid, *at);
                false
            }
            None if *at + timeout >= now => true,
            None => {
                cx.network_mut().remove_address(*address);
                false
            }
        });
        self.pace.walks = walks;
    }

    fn note_asked(&mut self, mid: Mid, at: Time) {
        self.asked.shift_remove(&mid);
        self.asked.insert(mid, at);
        if self.asked.len() > MOST_ASKED {
            self.asked.shift_remove_index(0);
        }
    }

    /// A step of a node that has no peers and nowhere to walk to.
    fn bootstrap(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        match self.again {
            Some((at, pause)) if at <= now => {
                // The longer the silence, the longer the pause; less so if somebody was introduced, but is silent.
                let longer = if self.pace.walks.is_empty() { pause * 2 } else { pause * 3 / 2 };
                let pause = longer.min(LONGEST_PAUSE);
                self.again = Some((now + pause, pause));
                cx.keep_alive();
            }
            Some(_) => cx.bootstrap(),
            None => {
                self.again = Some((now + FIRST_PAUSE, FIRST_PAUSE));
                cx.bootstrap();
            }
        }
    }

    /// Asks a peer that was not asked for longest for an introduction, or now and then the bootstrappers.
    fn ask(&mut self, cx: &mut Context<'_>) {
        let few = u32::try_from(cx.peer_count()).map_or(KEEP_ALIVE, |peers| 1.0 / (1.0 + f64::from(peers).powi(2)));
        if cx.rng().random_bool(few.max(KEEP_ALIVE)) && cx.keep_alive() {
            return;
        }
        let mut longest: Vec<Mid> = Vec::new();
        let mut since = None;
        for mid in cx.network().serving(cx.community_id()).map(PeerRecord::mid) {
            // One that was never asked comes before all others.
            let at = self.asked.get(&mid).copied();
            if longest.is_empty() || at < since {
                longest.clear();
                since = at;
            }
            if at == since {
                longest.push(mid);
            }
        }
        let Some(peer) = longest.choose(cx.rng()).copied().and_then(|mid| cx.peer(&mid)) else {
            return;
        };
        self.note_asked(peer.mid(), cx.now());
        cx.request_introduction(&peer);
    }

    /// Where to walk, if this step is to walk.
    fn choose(&self, cx: &mut Context<'_>, available: &[SocketAddr]) -> Option<SocketAddr> {
        let (lan, wan) = (cx.lan().ip(), cx.wan().ip());
        let near: Vec<_> = available.iter().filter(|address| !is_far_lan(address.ip(), lan, wan)).copied().collect();
        let better = if near.is_empty() { available } else { &near };
        // Without a peer, there is nobody to ask instead.
        if cx.peer_count() > 0 {
            let likely = !near.is_empty() || cx.rng().random_bool(FAR_LAN);
            if !likely || cx.rng().random::<u8>() < self.pace.reset_chance {
                return None;
            }
        }
        if cx.rng().random() { better.last().copied() } else { better.choose(cx.rng()).copied() }
    }
}

impl Strategy for SteeredWalk {
    fn name(&self) -> &'static str {
        "SteeredWalk"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.settle_walks(cx);
        let now = cx.now();
        if !self.pace.begin_step(now) {
            return;
        }
        let alone = cx.peer_count() == 0;
        if !alone {
            self.again = None;
        }
        let available = self.pace.available(cx);
        if alone && available.is_empty() {
            return self.bootstrap(cx);
        }
        match self.choose(cx, &available) {
            Some(address) => {
                self.pace.walk_to(cx, address);
                if let Some((at, pause)) = &mut self.again {
                    *at = now + *pause;
                }
            }
            None => self.ask(cx),
        }
    }
}

/// Whether an address is in a LAN that is none of ours: private (RFC 1918), while we are on the Internet, and not in the
/// subnet of 256 addresses that our own LAN address is in.
fn is_far_lan(address: IpAddr, lan: IpAddr, wan: IpAddr) -> bool {
    let (IpAddr::V4(address), IpAddr::V4(wan)) = (address, wan) else {
        return false;
    };
    let subnet = |ip: Ipv4Addr| ip.to_bits() >> 8;
    let near = matches!(lan, IpAddr::V4(lan) if subnet(lan) == subnet(address));
    address.is_private() && !wan.is_private() && !near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn far(address: &str, lan: &str, wan: &str) -> bool {
        is_far_lan(address.parse().unwrap(), lan.parse().unwrap(), wan.parse().unwrap())
    }

    #[test]
    fn lan_addresses_are_far_unless_they_may_be_in_our_own_lan() {
        assert!(far("192.168.7.1", "192.168.0.5", "198.51.100.1"));
        assert!(far("10.0.0.1", "198.51.100.1", "198.51.100.1"));
        assert!(!far("192.168.0.1", "192.168.0.5", "198.51.100.1"), "our own subnet");
        assert!(!far("10.0.7.1", "10.0.0.5", "10.0.0.5"), "where all addresses are private, none is far");
        assert!(!far("198.51.100.7", "192.168.0.5", "198.51.100.1"), "not in a LAN");
        assert!(!far("2001:db8::1", "192.168.0.5", "198.51.100.1"));
    }
}
