//! Attackers: whoever sends nodes what they should not have to bear.
//!
//! An attacker is no node. It has addresses, keys if it likes, and a rate; it sends bytes, from its own addresses or from
//! ones that it makes up, to whom it wants, from one time to another. What reaches its addresses it hears, and it may listen
//! to what some nodes send. What attackers send is counted apart from the traffic of nodes, in
//! [`Metrics::hostile`](crate::Metrics::hostile).
//!
//! | attacker | sends |
//! |---|---|
//! | [`Garbage`] | bytes without meaning, the beginnings of messages, messages cut short |
//! | [`Forged`] | messages whose signatures do not hold, by fresh keys or in the name of others, of any curve |
//! | [`Useless`] | messages that are right and serve nobody: introduction requests, similarity requests, unsolicited responses, a user's own; by many fresh keys |
//! | [`Replay`] | what it heard of others, again |
//! | [`Liar`] | introduction requests that make it a peer, and answers with addresses that lead nowhere, to a victim, or to itself |
//!
//! ```
//! use std::time::Duration;
//! use ipv8_core::wire::{CommunityId, community_id};
//! use ipv8_sim::{AttackerOptions, NodeOptions, World, attack::Garbage};
//!
//! const OURS: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
//! let mut world = World::new(1);
//! let victim = world.add_node(NodeOptions::default());
//! let options = AttackerOptions::new(100).target(world.address(victim)).between(Duration::from_secs(1), Duration::from_secs(2));
//! world.add_attacker(Garbage::new(OURS), options.evenly());
//! world.run_for(Duration::from_secs(10));
//! assert_eq!(world.metrics().hostile.sent, 100);
//! assert_eq!(world.metrics().sent, 0);
//! ```
//!
//! Another attacker is an [`Attacker`] of one's own.

mod craft;
mod forged;
mod garbage;
mod keys;
mod liar;
mod options;
mod replay;
mod useless;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipv8_core::Time;
use rand::{Rng, RngExt, rngs::Xoshiro256PlusPlus};

use self::options::{Sources, Targets};
pub use self::{
    craft::signed,
    forged::Forged,
    garbage::Garbage,
    liar::{Liar, Lie},
    options::AttackerOptions,
    replay::Replay,
    useless::Useless,
};

/// What somebody does to nodes. All methods draw from the randomness of the [`Scene`], so that a run repeats.
pub trait Attacker: Send {
    /// It is time to act: once for each of the [rate](AttackerOptions::new).
    fn act(&mut self, scene: &mut Scene<'_>);

    /// A datagram came to one of its addresses. Does nothing by default.
    fn hears(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) {
        let _ = (scene, heard);
    }

    /// A node that it [listens to](AttackerOptions::listen_to) sent a datagram. Does nothing by default.
    fn overhears(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) {
        let _ = (scene, heard);
    }
}

/// A datagram that an attacker sees.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// From where it seems to come; of one that was listened to, the sender's own address.
    pub source: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// What an attacker has to do with.
pub struct Scene<'a> {
    now: Time,
    rng: &'a mut Xoshiro256PlusPlus,
    options: &'a AttackerOptions,
    turns: &'a mut Turns,
    shots: Vec<Shot>,
}

/// Counts the choices that go round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns {
    sources: u64,
    targets: u64,
}

/// A datagram of an attacker.
pub(crate) struct Shot {
    pub(crate) source: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Scene<'a> {
    pub(crate) const fn new(
        now: Time,
        rng: &'a mut Xoshiro256PlusPlus,
        options: &'a AttackerOptions,
        turns: &'a mut Turns,
    ) -> Self {
        Self { now, rng, options, turns, shots: Vec::new() }
    }

    pub(crate) fn into_shots(self) -> Vec<Shot> {
        self.shots
    }

    /// The time of the world.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The attacker's own randomness.
    pub const fn rng(&mut self) -> &mut Xoshiro256PlusPlus {
        self.rng
    }

    /// Its own addresses.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.options.addresses
    }

    /// From where the next datagram is to come: one of its own addresses or of others', in turn, or one that is made up.
    pub fn source(&mut self) -> SocketAddr {
        match self.options.sources {
            Sources::Own => pick(&self.options.addresses, next(&mut self.turns.sources)).unwrap_or(NOWHERE),
            Sources::MadeUp => made_up(self.rng),
            Sources::OfOthers => pick(&self.options.claimed, next(&mut self.turns.sources)).unwrap_or(NOWHERE),
        }
    }

    /// Whom to attack now; none if there is nobody.
    pub fn targets(&mut self) -> Vec<SocketAddr> {
        let (at, all) = (self.options.targets, &self.options.victims);
        let index = match at {
            Targets::All => return all.clone(),
            Targets::InTurn => next(&mut self.turns.targets),
            Targets::Random => self.rng.next_u64(),
        };
        pick(all, index).into_iter().collect()
    }

    /// Sends a datagram, from whatever source.
    pub fn send(&mut self, source: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.shots.push(Shot { source, to, bytes });
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The number of this time.
const fn next(count: &mut u64) -> u64 {
    let number = *count;
    *count = number.wrapping_add(1);
    number
}

fn pick(among: &[SocketAddr], index: u64) -> Option<SocketAddr> {
    let count = u64::try_from(among.len()).ok().filter(|count| *count > 0)?;
    among.get(usize::try_from(index % count).ok()?).copied()
}

/// An address on the Internet, where nobody is as a rule: 24.0.0.0/5 without the ends of its networks, which is no LAN's.
pub(crate) fn made_up(rng: &mut impl Rng) -> SocketAddr {
    let ip = Ipv4Addr::new(24 + rng.random_range(0..8), rng.random(), rng.random(), rng.random_range(1..=254));
    SocketAddr::new(IpAddr::V4(ip), rng.random_range(1_024..=u16::MAX))
}
