//! Dropping peers that are gone.

use std::{collections::BTreeMap, time::Duration};

use ipv8_core::{Context, PeerRecord, Strategy, Time};
use ipv8_crypto::Mid;
use rand::seq::index;
use smallvec::SmallVec;

/// The most peers that one step looks at, whatever the setting.
const MOST_SAMPLES: usize = 1_000;

/// How long a peer has to answer before it is dropped, however long it was silent (the reference waits as long for pongs).
const ANSWER: Duration = Duration::from_secs(5);

/// After how much silence a peer is pinged, and dropped, unless told otherwise (the reference's).
pub(crate) const INACTIVE_TIME: Duration = Duration::from_millis(27_500);
pub(crate) const DROP_TIME: Duration = Duration::from_millis(57_500);

/// Pings that count no more may stay until there are so many more.
const SPARE: usize = 32;

/// Round trips that are measured of every peer, silent or not.
const PINGS: usize = 5;

/// Asks silent peers for a sign of life and drops those that give none (the reference's `RandomChurn`, `protocol.md`
/// section 5).
///
/// A step looks at eight random peers, of all communities that share the network. One that was silent for 57.5 seconds
/// although it was pinged is dropped, from all of these communities. One that was silent for 27.5 seconds, or whose round
/// trip was measured less than five times, is pinged, at most every ten seconds. Any datagram from its address counts as a
/// sign of life. With the default tick of half a second and `n` peers, each is looked at every `n / 16` seconds on average.
///
/// A peer of which nothing was heard since it was verified counts as silent from that moment on, unless the node trusts as
/// the reference does ([`Hardening::drop_never_heard`](ipv8_core::Hardening)) or [`RandomChurn::drop_never_heard`] says
/// otherwise: the reference keeps such a peer for ever.
///
/// Pings are the community's own ([`Community::send_ping`](ipv8_core::Community::send_ping)). In one that has none, silent
/// peers are asked for an introduction instead, and round trips are not measured.
///
/// Two things differ from the reference, and no peer can tell: the table of pings is bounded, and only pings since the last
/// sign of life count, the first of which has five seconds to be answered; so that peers are not dropped unasked after the
/// machine slept, or in a network so large that they are looked at too seldom.
#[derive(Clone, Debug)]
pub struct RandomChurn {
    samples: usize,
    ping_interval: Duration,
    inactive: Duration,
    drop: Duration,
    /// As the node's hardening says, if nothing else is said.
    drop_never_heard: Option<bool>,
    /// Pings to peers: no more of them than the network has, and those of long ago only where they were not answered.
    pinged: BTreeMap<Mid, Pinged>,
    /// How many of them were left when those that count no more were last forgotten.
    left: usize,
}

/// Pings to one peer.
#[derive(Clone, Copy, Debug)]
struct Pinged {
    /// The first since the last sign of life.
    first: Time,
    last: Time,
}

impl Default for RandomChurn {
    /// The reference's defaults: 8 peers a step; pings at most every 10 s, after 27.5 s of silence; dropped after 57.5 s.
    fn default() -> Self {
        Self {
            samples: 8,
            ping_interval: Duration::from_secs(10),
            inactive: INACTIVE_TIME,
            drop: DROP_TIME,
            drop_never_heard: None,
            pinged: BTreeMap::new(),
            left: 0,
        }
    }
}

impl RandomChurn {
    /// How many peers one step looks at, at most 1,000.
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples.min(MOST_SAMPLES);
        self
    }

    /// The shortest time between two pings to a peer.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// After how much silence a peer is pinged.
    #[must_use]
    pub fn inactive_after(mut self, time: Duration) -> Self {
        self.inactive = time;
        self
    }

    /// After how much silence a peer that was pinged is dropped.
    #[must_use]
    pub fn drop_after(mut self, time: Duration) -> Self {
        self.drop = time;
        self
    }

    /// Whether a peer of which nothing was heard since it was verified counts as silent from that moment on, whatever the
    /// node's [`Hardening`](ipv8_core::Hardening) says. One packet is enough to be verified.
    #[must_use]
    pub fn drop_never_heard(mut self, drop: bool) -> Self {
        self.drop_never_heard = Some(drop);
        self
    }

    /// Forgets pings that nothing depends on: there was a sign of life since, and the peer may be pinged again.
    fn forget_answered(&mut self, cx: &Context<'_>) {
        let now = cx.now();
        self.pinged.retain(|mid, pinged| {
            let answered = |record: &PeerRecord| record.last_response().is_some_and(|heard| heard > pinged.last);
            now <= pinged.last + self.ping_interval || !cx.network().get(mid).is_none_or(answered)
        });
        self.left = self.pinged.len();
    }

    fn look_at(&mut self, cx: &mut Context<'_>, peer: &Sampled) {
        let now = cx.now();
        let Sampled { mid, heard, pings } = *peer;
        let silent_for = |time: Duration| heard.is_some_and(|heard| now > heard + time);
        let pinged = self.pinged.get(&mid).copied();
        let since_heard = pinged.filter(|pinged| heard.is_none_or(|heard| pinged.last >= heard));
        if silent_for(self.drop) && since_heard.is_some_and(|pinged| now >= pinged.first + ANSWER) {
            tracing::debug!(community = cx.name(), peer = %mid, "dropped: silent for too long");
            cx.network_mut().remove(&mid);
            self.pinged.remove(&mid);
            return;
        }
        let inactive = silent_for(self.inactive);
        if (!inactive && pings >= PINGS) || pinged.is_some_and(|pinged| now <= pinged.last + self.ping_interval) {
            return;
        }
        let Some(peer) = cx.peer(&mid) else { return };
        if !cx.send_ping(&peer) {
            if !inactive {
                return;
            }
            cx.request_introduction(&peer);
        }
        let first = since_heard.map_or(now, |pinged| pinged.first);
        self.pinged.insert(mid, Pinged { first, last: now });
    }
}

/// What is looked at of a peer.
#[derive(Clone, Copy)]
struct Sampled {
    mid: Mid,
    heard: Option<Time>,
    pings: usize,
}

impl Strategy for RandomChurn {
    fn name(&self) -> &'static str {
        "RandomChurn"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        let peers = cx.network().len();
        if self.pinged.len() > peers {
            self.pinged.retain(|mid, _| cx.network().get(mid).is_some());
        }
        if self.pinged.len() > 2 * self.left + SPARE {
            self.forget_answered(cx);
        }
        let chosen = index::sample(cx.rng(), peers, self.samples.min(peers));
        let never_heard = self.drop_never_heard.unwrap_or(cx.hardening().drop_never_heard);
        let heard = |record: &PeerRecord| record.last_response().or(Some(record.created()).filter(|_| never_heard));
        let sampled =
            |record: &PeerRecord| Sampled { mid: record.mid(), heard: heard(record), pings: record.pings().len() };
        let now = cx.now();
        // Most answer, and were measured: their keys need not be looked at.
        let wanted = |record: &&PeerRecord| {
            record.pings().len() < PINGS
                || heard(record).is_some_and(|heard| now > heard + self.inactive.min(self.drop))
        };
        let records = chosen.iter().filter_map(|index| cx.network().nth(index));
        let chosen: SmallVec<[_; 8]> = records.filter(wanted).map(sampled).collect();
        for peer in &chosen {
            self.look_at(cx, peer);
        }
    }
}
